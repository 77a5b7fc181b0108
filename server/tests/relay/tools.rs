//! coturn's client tools against the built-in relay.

use std::time::Duration;

use serde_json::json;

use crate::client::start;
use crate::{Call, Echo, number, said, stop, tool, uclient};

fn allow_loopback(config: &mut cooee_server::Config) {
    config.relay.allow = vec!["127.0.0.0/8".parse().unwrap()];
}

#[tokio::test]
async fn each_participant_is_handed_out_access_of_its_own() {
    let call = Call::start(|_| {}).await;
    let port = call.stun().port();
    for access in [&call.for_alice, &call.for_bob] {
        assert_eq!(access["urls"], json!([format!("turn::{port}")]));
        assert!(access["ttl"].as_u64().unwrap() > 0);
        let username = access["username"].as_str().unwrap();
        let (expiry, id) = username.split_once(':').unwrap();
        assert!(expiry.parse::<u64>().is_ok() && !id.contains("alice"));
    }
    assert_ne!(call.for_alice["username"], call.for_bob["username"]);
    assert_ne!(call.for_alice["credential"], call.for_bob["credential"]);
}

#[tokio::test]
async fn nothing_is_handed_out_when_the_relay_is_off() {
    let call = Call::start(|config| config.relay.on = false).await;
    assert!(call.for_alice.is_null() && call.for_bob.is_null());
}

#[tokio::test]
async fn stunclient_learns_its_address() {
    let Some(mut command) = tool("turnutils_stunclient") else {
        return;
    };
    let running = start().await;
    let stun = running.server.stun_addr().unwrap();
    command.args(["-p", &stun.port().to_string(), "127.0.0.1"]);
    let (content, text) = said(command).await;
    assert!(content, "{text}");
    assert!(text.contains("reflexive addr: 127.0.0.1:"), "{text}");
}

async fn relays(options: &[&str]) {
    let call = Call::start(allow_loopback).await;
    let echo = Echo::start().await;
    let Some(command) = uclient(call.stun(), &call.for_alice, echo.address, options) else {
        return;
    };
    let (content, text) = said(command).await;
    assert!(content, "{text}");
    assert_eq!(number(&text, "tot_send_msgs"), Some(20), "{text}");
    assert_eq!(number(&text, "tot_recv_msgs"), Some(20), "{text}");
    assert!(echo.heard() >= 20);
}

#[tokio::test]
async fn uclient_relays_by_channels() {
    relays(&["-n", "20", "-l", "160"]).await;
}

#[tokio::test]
async fn uclient_relays_by_indications() {
    relays(&["-n", "20", "-l", "160", "-s"]).await;
}

#[tokio::test]
async fn uclient_relays_over_ipv6() {
    let call = Call::start(|config| {
        config.stun = Some("[::1]:0".parse().unwrap());
        config.relay.allow = vec!["::1".parse().unwrap()];
    })
    .await;
    let echo = Echo::on("[::1]:0").await;
    let options = ["-n", "20", "-x"];
    let Some(command) = uclient(call.stun(), &call.for_alice, echo.address, &options) else {
        return;
    };
    let (content, text) = said(command).await;
    assert!(content, "{text}");
    assert_eq!(number(&text, "tot_recv_msgs"), Some(20), "{text}");
}

#[tokio::test]
async fn a_listener_for_both_families_serves_ipv4() {
    let call = Call::start(|config| {
        allow_loopback(config);
        config.stun = Some("[::]:0".parse().unwrap());
    })
    .await;
    let echo = Echo::start().await;
    let reached = ([127, 0, 0, 1], call.stun().port()).into();
    let options = ["-n", "20"];
    let Some(command) = uclient(reached, &call.for_alice, echo.address, &options) else {
        return;
    };
    let (content, text) = said(command).await;
    assert!(content, "{text}");
    assert_eq!(number(&text, "tot_recv_msgs"), Some(20), "{text}");
}

#[tokio::test]
async fn uclient_relays_between_two_of_its_own_allocations() {
    // Nothing is allowed: what stays inside the relay does not need it.
    let call = Call::start(|_| {}).await;
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let options = ["-y", "-m", "2", "-n", "20", "-l", "160"];
    let Some(command) = uclient(call.stun(), &call.for_bob, nowhere, &options) else {
        return;
    };
    let (content, text) = said(command).await;
    assert!(content, "{text}");
    let received = number(&text, "tot_recv_msgs");
    assert_eq!(number(&text, "tot_send_msgs"), received, "{text}");
    assert!(received.is_some_and(|received| received >= 40), "{text}");
}

#[tokio::test]
async fn uclient_is_refused_peers_that_are_not_allowed() {
    let call = Call::start(|_| {}).await;
    let echo = Echo::start().await;
    let options = ["-n", "5"];
    let Some(mut command) = uclient(call.stun(), &call.for_alice, echo.address, &options) else {
        return;
    };
    // It tries again for ever.
    let child = command.spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop(child).await;
    assert_eq!(echo.heard(), 0);
}

#[tokio::test]
async fn uclient_is_refused_with_wrong_credentials() {
    let call = Call::start(allow_loopback).await;
    let echo = Echo::start().await;
    let mut wrong = call.for_alice.clone();
    wrong["credential"] = call.for_bob["credential"].clone();
    let Some(command) = uclient(call.stun(), &wrong, echo.address, &["-n", "5"]) else {
        return;
    };
    let (content, text) = said(command).await;
    assert!(!content, "{text}");
    assert_eq!(echo.heard(), 0);
}

#[tokio::test]
async fn what_was_allocated_is_closed_when_the_participant_leaves() {
    let mut call = Call::start(allow_loopback).await;
    let echo = Echo::start().await;
    let options = ["-n", "100000", "-l", "160"];
    let Some(mut command) = uclient(call.stun(), &call.for_alice, echo.address, &options) else {
        return;
    };
    let child = command.spawn().unwrap();
    let begun = async {
        while echo.heard() < 10 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), begun)
        .await
        .unwrap();
    let quit = json!({"pseudo": "alice", "id_group": call.id});
    call.alice.must(503, quit, 503).await;
    // What was under way when the 503 was answered.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let heard = echo.heard();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(echo.heard(), heard);
    stop(child).await;
    // The credentials are worth nothing any more.
    let again = uclient(call.stun(), &call.for_alice, echo.address, &["-n", "5"]);
    let (content, text) = said(again.unwrap()).await;
    assert!(!content, "{text}");
    assert_eq!(echo.heard(), heard);
    call.bob.expect(503).await;
}
