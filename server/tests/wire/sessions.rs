//! 650, 651, several sessions, taking over, restarts.

use std::time::Duration;

use cooee_server::{OpenError, Server, StartError};
use serde_json::json;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::client::{Client, PASSWORD, config, group, start, start_with};

#[tokio::test]
async fn resuming_answers_like_a_login() {
    let running = start().await;
    let (alice, mut bob) = running.pair("alice", "bob").await;
    let token = alice.token.clone();
    alice.vanish();
    assert_eq!(bob.presence().await, ("alice".into(), "offline".into()));
    let mut again = running.connect().await;
    let seq = again.send(650, json!({"token": token})).await;
    for code in [202, 208, 207] {
        assert_eq!(again.expect(code).await["re"], seq);
    }
    assert_eq!(bob.presence().await, ("alice".into(), "online".into()));
}

#[tokio::test]
async fn a_token_that_comes_with_the_connection_resumes() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let (mut again, resuming) = running
        .connect_with(&format!("Bearer {}", alice.token))
        .await;
    assert_eq!(resuming.as_deref(), Some("0"));
    for code in [202, 208, 207] {
        assert_eq!(again.expect(code).await["re"], 0);
    }
    assert_eq!(alice.closed_with().await, 4001);
    again.must(603, json!({"group_name": "team"}), 201).await;
    bob.quiet().await;

    // One that is none draws what 650 does, and the connection goes on.
    let (mut stranger, resuming) = running.connect_with("Bearer none").await;
    assert_eq!(resuming.as_deref(), Some("0"));
    assert_eq!(stranger.expect(402).await["re"], 0);
    let login = json!({"pseudo": "bob", "password": PASSWORD});
    stranger.must(608, login, 202).await;

    // What is no token at all is left alone.
    for nothing in ["Basic YWxpY2U6", "Bearer", "Bearer two words"] {
        let (mut client, resuming) = running.connect_with(nothing).await;
        assert_eq!(resuming, None, "{nothing}");
        client.must(650, json!({"token": "none"}), 402).await;
    }
}

#[tokio::test]
async fn another_session_begins_beside_the_first() {
    let running = start().await;
    let mut first = running.register("alice").await;
    let mut second = running.connect().await;
    let another = json!({"token": first.token, "another": true});
    let told = second.must(650, another, 202).await;
    second.expect(208).await;
    second.expect(207).await;
    second.keep("alice", &told);
    assert_ne!(first.token, second.token);
    second.must(603, json!({"group_name": "team"}), 201).await;
    first.expect(201).await;
    // Its end is not the first one's.
    second.must(651, json!({}), 651).await;
    first.quiet().await;
    let mut again = running.connect().await;
    again.must(650, json!({"token": first.token}), 202).await;
    let mut ended = running.connect().await;
    ended.must(650, json!({"token": second.token}), 402).await;
}

#[tokio::test]
async fn tokens_that_are_none() {
    let running = start().await;
    let mut client = running.connect().await;
    client
        .must(650, json!({"token": "A".repeat(43)}), 402)
        .await;
    client.must(650, json!({"token": ""}), 450).await;
    client.must(650, json!({}), 450).await;
}

#[tokio::test]
async fn the_newer_connection_takes_over() {
    let running = start().await;
    let mut old = running.register("alice").await;
    let mut new = running.connect().await;
    new.must(650, json!({"token": old.token}), 202).await;
    assert_eq!(old.closed_with().await, 4001);
    new.expect(208).await;
    new.expect(207).await;
    new.must(603, json!({"group_name": "x"}), 201).await;
}

#[tokio::test]
async fn logging_in_again_on_the_same_connection() {
    let running = start().await;
    running.register("bob").await;
    let mut alice = running.register("alice").await;
    // The same profile: the session stays.
    let args = json!({"pseudo": "alice", "password": PASSWORD});
    let told = alice.must(608, args, 202).await;
    assert_eq!(told["args"]["token"], alice.token.as_str());
    alice.expect(208).await;
    alice.expect(207).await;
    // A failed login changes nothing.
    let args = json!({"pseudo": "bob", "password": "wrong horse"});
    alice.must(608, args, 402).await;
    alice.must(603, json!({"group_name": "x"}), 201).await;
    // Another profile: the first session is over.
    let args = json!({"pseudo": "bob", "password": PASSWORD});
    let told = alice.must(608, args, 202).await;
    assert_eq!(told["args"]["pseudo"], "bob");
    let mut again = running.connect().await;
    again.must(650, json!({"token": alice.token}), 402).await;
}

#[tokio::test]
async fn logging_out() {
    let running = start().await;
    let mut alice = running.register("alice").await;
    let told = alice.must(651, json!({}), 651).await;
    assert_eq!(told["args"], json!({}));
    alice.must(603, json!({"group_name": "x"}), 402).await;
    alice.must(650, json!({"token": alice.token}), 402).await;
    let args = json!({"pseudo": "alice", "password": PASSWORD});
    alice.must(608, args, 202).await;
}

#[tokio::test]
async fn the_longest_unused_of_too_many_tokens_goes() {
    let running = start_with(|config| config.max_tokens = 2).await;
    let first = running.register("alice").await;
    let second = running.login("alice").await;
    let third = running.login("alice").await;
    let mut client = running.connect().await;
    let mut valid = 0;
    for token in [&first.token, &second.token] {
        let told = client.ask(650, json!({"token": token})).await;
        if told["type"] == 202 {
            valid += 1;
            client.expect(208).await;
            client.expect(207).await;
        }
    }
    assert_eq!(valid, 1);
    let mut client = running.connect().await;
    client.must(650, json!({"token": third.token}), 202).await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_restart() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let id = group(&mut [&mut alice, &mut bob]).await;
    let token = alice.token.clone();
    running.server.shutdown().await;
    assert_eq!(alice.closed_with().await, 1001);
    let server = Server::start(config(&running.data)).await.unwrap();
    let mut again = Client::connect(&server.url()).await;
    again.must(650, json!({"token": token}), 202).await;
    let contacts = again.expect(208).await;
    assert_eq!(contacts["args"]["list_contact"][0]["pseudo"], "bob");
    assert_eq!(contacts["args"]["list_contact"][0]["status"], "offline");
    let groups = again.expect(207).await;
    assert_eq!(groups["args"]["list_group"][0]["id_group"], id.as_str());
}

#[tokio::test]
async fn two_servers_never_share_a_folder() {
    let running = start().await;
    let second = Server::start(config(&running.data)).await;
    assert!(matches!(second, Err(StartError::Data(OpenError::InUse(_)))));
}

#[tokio::test]
async fn a_connection_without_a_login_is_closed() {
    let running = start_with(|config| config.login_timeout = Duration::from_millis(50)).await;
    let mut idle = running.connect().await;
    assert_eq!(idle.closed_with().await, 1008);
}

#[tokio::test]
async fn a_dead_connection_is_dropped_and_a_live_one_kept() {
    let (period, limit) = (Duration::from_secs(10), Duration::from_secs(90));
    let running = start_with(|config| {
        config.ping_interval = period;
        config.idle_timeout = limit;
    })
    .await;
    let (mut alice, bob) = running.pair("alice", "bob").await;
    tokio::time::pause();
    // Bob does not read, and so answers no ping; alice does, and says nothing else.
    let mut passed = Duration::ZERO;
    while passed <= limit {
        let step = period + Duration::from_millis(1);
        tokio::time::advance(step).await;
        passed += step;
        alice.pinged().await;
    }
    assert_eq!(alice.presence().await, ("bob".into(), "offline".into()));
    alice.quiet().await;
    drop(bob);
}

#[tokio::test]
async fn the_subprotocol_is_echoed_when_it_is_offered() {
    let running = start().await;
    let mut request = running.server.url().into_client_request().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "cooee.v1".parse().unwrap());
    let (_, response) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "cooee.v1");
}
