//! 501 to 507.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, befriend, group, start, start_with};

const UNTOLD: &str = "0.0.0.0";

fn place(list: &[&str]) -> Value {
    json!({"list_pseudo": list, "address": UNTOLD, "port": 0})
}

fn place_in(id: &str, list: &[&str]) -> Value {
    json!({"id_group": id, "list_pseudo": list, "address": UNTOLD, "port": 0})
}

pub(crate) fn info(id: &str, port: u16) -> Value {
    json!({"id_group": id, "address": "192.0.2.1", "port": port, "key": "k"})
}

async fn ring(caller: &mut Client, callee: &mut Client) -> String {
    let echo = caller.must(501, place(&[&callee.name]), 501).await;
    let id = echo["args"]["id_group"].as_str().unwrap().to_owned();
    let rung = callee.expect(501).await;
    assert_eq!(rung["args"]["id_group"], id.as_str());
    id
}

pub(crate) async fn connect(caller: &mut Client, callee: &mut Client) -> String {
    let id = ring(caller, callee).await;
    callee
        .must(502, json!({"pseudo": callee.name, "id_group": id}), 502)
        .await;
    caller.expect(502).await;
    caller.expect(505).await;
    callee.expect(505).await;
    caller.must(506, info(&id, 1), 506).await;
    callee.must(506, info(&id, 2), 506).await;
    caller.expect(507).await;
    callee.expect(507).await;
    id
}

#[tokio::test]
async fn every_arrow_of_a_call() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut bob2 = running.login("bob").await;
    let echo = alice
        .must(
            501,
            json!({"id_group": null, "list_pseudo": ["Bob"], "address": "198.51.100.1", "port": 7,
                   "info": {"address": "192.0.2.9", "port": 9, "key": "secret"}}),
            501,
        )
        .await;
    let id = echo["args"]["id_group"].as_str().unwrap();
    assert_eq!(echo["args"]["list_pseudo"], json!(["bob"]));
    for session in [&mut bob, &mut bob2] {
        let rung = session.expect(501).await;
        assert_eq!(
            rung["args"],
            json!({"id_group": id, "list_pseudo": ["bob"], "address": "198.51.100.1", "port": 7,
                   "pseudo": "alice"})
        );
    }
    let echo = bob
        .must(502, json!({"pseudo": "bob", "id_group": id}), 502)
        .await;
    assert_eq!(echo["args"], json!({"pseudo": "bob", "id_group": id}));
    let elsewhere = bob2.expect(503).await;
    assert_eq!(
        elsewhere["args"],
        json!({"pseudo": "bob", "id_group": id, "reason": "answered_elsewhere"})
    );
    assert_eq!(alice.expect(502).await["args"]["pseudo"], "bob");
    assert_eq!(alice.expect(505).await["args"]["id_group"], id);
    bob.expect(505).await;
    let echo = bob.must(506, info(id, 2), 506).await;
    assert_eq!(echo["args"], info(id, 2));
    let told = alice.expect(507).await;
    assert_eq!(
        told["args"],
        json!({"id_group": id, "list_info":
               [{"pseudo": "bob", "address": "192.0.2.1", "port": 2, "key": "k"}]})
    );
    let told = bob.expect(507).await;
    assert_eq!(told["args"]["list_info"][0]["key"], "secret");
    let echo = alice
        .must(
            504,
            json!({"pseudo": "bob", "id_group": id, "data": "aGk="}),
            504,
        )
        .await;
    assert_eq!(echo["args"]["pseudo"], "bob");
    assert_eq!(
        bob.expect(504).await["args"],
        json!({"pseudo": "alice", "id_group": id, "data": "aGk="})
    );
    alice
        .must(503, json!({"pseudo": "alice", "id_group": id}), 503)
        .await;
    let quit = bob.expect(503).await;
    assert_eq!(quit["args"]["pseudo"], "alice");
    assert_eq!(quit["args"]["reason"], "quit");
    assert_eq!(bob.expect(503).await["args"]["reason"], "ended");
    bob2.quiet().await;
    // The pair's id lasts, also through the end of the contact.
    bob.must(607, json!({"pseudo": "alice"}), 206).await;
    alice.expect(206).await;
    bob2.expect(206).await;
    befriend(&mut alice, &mut bob).await;
    let echo = alice.must(501, place(&["bob"]), 501).await;
    assert_eq!(echo["args"]["id_group"], id);
}

#[tokio::test]
async fn contacts_see_who_is_in_a_call() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    befriend(&mut bob, &mut carol).await;
    let id = connect(&mut alice, &mut bob).await;
    assert_eq!(carol.presence().await, ("bob".into(), "in_call".into()));
    carol.must(501, place(&["bob"]), 404).await;
    bob.must(503, json!({"pseudo": "bob", "id_group": id}), 503)
        .await;
    assert_eq!(carol.presence().await, ("bob".into(), "online".into()));
}

#[tokio::test]
async fn who_cannot_be_called() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    let unknown = alice.must(501, place(&["nobody"]), 404).await;
    let stranger = alice.must(501, place(&["carol"]), 404).await;
    assert_eq!(unknown["reason"], "not_allowed");
    assert_eq!(stranger["reason"], "not_allowed");
    alice.must(501, place(&[]), 450).await;
    alice.must(501, place(&["bob", "carol"]), 450).await;
    alice.must(501, place_in("nothing", &[]), 451).await;
    let id = connect(&mut alice, &mut bob).await;
    befriend(&mut alice, &mut carol).await;
    let busy = carol.must(501, place(&["alice"]), 404).await;
    assert_eq!(busy["reason"], "busy");
    assert!(busy["id_group"].is_string());
    alice.must(501, place(&["carol"]), 451).await;
    carol
        .must(502, json!({"pseudo": "carol", "id_group": id}), 451)
        .await;
    carol.must(506, info(&id, 1), 404).await;
    carol
        .must(
            504,
            json!({"pseudo": "bob", "id_group": id, "data": ""}),
            403,
        )
        .await;
    carol
        .must(503, json!({"pseudo": "carol", "id_group": id}), 404)
        .await;
    bob.must(503, json!({"pseudo": "alice", "id_group": id}), 451)
        .await;
}

#[tokio::test]
async fn an_offline_contact() {
    let running = start().await;
    let (mut alice, bob) = running.pair("alice", "bob").await;
    bob.vanish();
    assert_eq!(alice.presence().await, ("bob".into(), "offline".into()));
    let told = alice.must(501, place(&["bob"]), 404).await;
    assert_eq!(told["reason"], "offline");
}

#[tokio::test]
async fn a_decline() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut bob2 = running.login("bob").await;
    let id = ring(&mut alice, &mut bob).await;
    bob2.expect(501).await;
    bob.must(
        503,
        json!({"pseudo": "bob", "id_group": id, "reason": "busy"}),
        503,
    )
    .await;
    assert_eq!(
        bob2.expect(503).await["args"]["reason"],
        "declined_elsewhere"
    );
    assert_eq!(alice.expect(503).await["args"]["reason"], "busy");
    assert_eq!(alice.expect(503).await["args"]["reason"], "ended");
}

#[tokio::test]
async fn nobody_answers() {
    let running = start_with(|config| config.ring_timeout = Duration::from_millis(200)).await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let id = ring(&mut alice, &mut bob).await;
    let told = bob.expect(503).await;
    assert_eq!(told["args"]["reason"], "timeout");
    let told = alice.expect(404).await;
    assert_eq!(told["id_group"], id.as_str());
    assert_eq!(told["reason"], "timeout");
    assert!(told.get("re").is_none());
    bob.must(502, json!({"pseudo": "bob", "id_group": id}), 404)
        .await;
}

#[tokio::test]
async fn both_call_at_once() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let one = alice.send(501, place(&["bob"])).await;
    let other = bob.send(501, place(&["alice"])).await;
    // Whoever was first rings; the other's call is the acceptance.
    for (client, seq) in [(&mut alice, one), (&mut bob, other)] {
        let mut codes = Vec::new();
        while !codes.contains(&505) {
            let message = client.next().await;
            if message["type"] == 501 && message.get("re").is_some() {
                assert_eq!(message["re"], seq);
            }
            codes.push(message["type"].as_u64().unwrap());
        }
        assert!(codes.contains(&501), "{codes:?}");
        assert!(!codes.contains(&404) && !codes.contains(&503), "{codes:?}");
    }
}

#[tokio::test]
async fn a_group_call_with_a_late_member() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    befriend(&mut alice, &mut carol).await;
    let id = group(&mut [&mut alice, &mut bob, &mut carol]).await;
    let echo = alice.must(501, place_in(&id, &["bob"]), 501).await;
    assert_eq!(echo["args"]["list_pseudo"], json!(["bob"]));
    bob.expect(501).await;
    let join = |name: &str, port: u16| {
        json!({"pseudo": name, "id_group": id,
               "info": {"address": "192.0.2.1", "port": port}})
    };
    bob.must(502, join("bob", 2), 502).await;
    bob.expect(505).await;
    alice.expect(502).await;
    alice.expect(505).await;
    alice.must(506, info(&id, 1), 506).await;
    alice.expect(507).await;
    bob.expect(507).await;
    carol.quiet().await;
    carol.must(502, join("carol", 3), 502).await;
    carol.expect(505).await;
    assert_eq!(
        carol.expect(507).await["args"]["list_info"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    for client in [&mut alice, &mut bob] {
        assert_eq!(client.expect(502).await["args"]["pseudo"], "carol");
        assert_eq!(
            client.expect(507).await["args"]["list_info"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
    }
    // Leaving the group is leaving its call.
    carol
        .must(605, json!({"id_group": id, "pseudo": "carol"}), 204)
        .await;
    assert_eq!(carol.expect(503).await["args"]["reason"], "left_group");
    for client in [&mut alice, &mut bob] {
        client.expect(204).await;
        assert_eq!(client.expect(503).await["args"]["reason"], "left_group");
    }
}

#[tokio::test]
async fn a_call_outlives_its_websocket() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let id = connect(&mut alice, &mut bob).await;
    let token = bob.token.clone();
    bob.vanish();
    let mut bob = running.connect().await;
    bob.must(650, json!({"token": token}), 202).await;
    bob.expect(208).await;
    bob.expect(207).await;
    let told = bob.expect(507).await;
    assert_eq!(told["args"]["list_info"][0]["pseudo"], "alice");
    let lent = bob.expect(505).await;
    assert!(lent["args"]["relay"]["username"].is_string(), "{lent}");
    bob.must(506, info(&id, 9), 506).await;
    assert_eq!(alice.expect(507).await["args"]["list_info"][0]["port"], 9);
}

#[tokio::test]
async fn the_relay_is_lent_anew_before_its_credentials_expire() {
    let running = start_with(|config| {
        // Nobody answers pings while the clock jumps.
        config.idle_timeout = Duration::from_secs(24 * 3600);
    })
    .await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let id = connect(&mut alice, &mut bob).await;
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    tokio::time::pause();
    tokio::time::advance(hours(3) - Duration::from_secs(60)).await;
    alice.quiet().await;
    // Twice the time in which credentials expire.
    for _ in 0..4 {
        tokio::time::advance(hours(3) + Duration::from_secs(1)).await;
        for client in [&mut alice, &mut bob] {
            let lent = client.expect(505).await;
            assert_eq!(lent["args"]["id_group"], id.as_str());
            assert_eq!(lent["args"]["relay"]["ttl"], 6 * 3600, "{lent}");
        }
        // Nobody has to answer, and nobody else hears of it.
        alice.quiet().await;
        bob.quiet().await;
    }
    alice
        .must(503, json!({"pseudo": "alice", "id_group": id}), 503)
        .await;
    tokio::time::advance(hours(4)).await;
    alice.quiet().await;
}

#[tokio::test]
async fn without_a_relay_nothing_is_lent() {
    let running = start_with(|config| config.relay.on = false).await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    connect(&mut alice, &mut bob).await;
    let token = bob.token.clone();
    bob.vanish();
    let mut bob = running.connect().await;
    bob.must(650, json!({"token": token}), 202).await;
    for code in [208, 207, 507] {
        bob.expect(code).await;
    }
    bob.quiet().await;
    alice.quiet().await;
}

#[tokio::test]
async fn a_websocket_that_does_not_come_back() {
    let running = start_with(|config| config.resume_grace = Duration::from_millis(200)).await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    connect(&mut alice, &mut bob).await;
    bob.vanish();
    let told = alice.expect(503).await;
    assert_eq!(told["args"]["pseudo"], "bob");
    assert_eq!(told["args"]["reason"], "lost");
    assert_eq!(alice.expect(503).await["args"]["reason"], "ended");
    loop {
        let (name, status) = alice.presence().await;
        assert_eq!(name, "bob");
        if status == "offline" {
            break;
        }
    }
}

#[tokio::test]
async fn the_end_of_a_call_waits_for_who_is_away() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let id = connect(&mut alice, &mut bob).await;
    let token = bob.token.clone();
    bob.vanish();
    // Once the server has noticed, nothing can be passed on.
    let data = json!({"pseudo": "bob", "id_group": id, "data": "AAAA"});
    while alice.ask(504, data.clone()).await["type"] == 504 {}
    alice
        .must(503, json!({"pseudo": "alice", "id_group": id}), 503)
        .await;
    let mut bob = running.connect().await;
    bob.must(650, json!({"token": token}), 202).await;
    bob.expect(208).await;
    bob.expect(207).await;
    assert_eq!(bob.expect(503).await["args"]["pseudo"], "alice");
    assert_eq!(bob.expect(503).await["args"]["reason"], "ended");
}

#[tokio::test]
async fn five_minutes_on_a_clock_that_is_moved() {
    let running = start_with(|config| {
        // Nobody answers pings while the clock jumps.
        config.idle_timeout = Duration::from_secs(3600);
    })
    .await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let id = ring(&mut alice, &mut bob).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(299)).await;
    bob.quiet().await;
    alice.quiet().await;
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(bob.expect(503).await["args"]["reason"], "timeout");
    let told = alice.expect(404).await;
    assert_eq!(told["id_group"], id.as_str());
}

#[tokio::test]
async fn somebody_who_logs_in_while_rung_is_rung_there() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let id = ring(&mut alice, &mut bob).await;
    let mut second = running.login("bob").await;
    let rung = second.expect(501).await;
    assert_eq!(rung["args"]["pseudo"], "alice");
    second
        .must(502, json!({"pseudo": "bob", "id_group": id}), 502)
        .await;
    assert_eq!(
        bob.expect(503).await["args"]["reason"],
        "answered_elsewhere"
    );
}

#[tokio::test]
async fn logging_out_leaves_the_call() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    connect(&mut alice, &mut bob).await;
    bob.must(651, json!({}), 651).await;
    assert_eq!(alice.expect(503).await["args"]["reason"], "quit");
    assert_eq!(alice.expect(503).await["args"]["reason"], "ended");
}

#[tokio::test]
async fn a_rename_during_a_call_reaches_the_other_end() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let id = connect(&mut alice, &mut bob).await;
    bob.must(602, json!({"pseudo": "robert"}), 202).await;
    let told = alice.expect(202).await;
    assert_eq!(told["args"]["previous_pseudo"], "bob");
    assert_eq!(told["args"]["status"], "in_call");
    alice
        .must(
            504,
            json!({"pseudo": "robert", "id_group": id, "data": "AAAA"}),
            504,
        )
        .await;
    bob.expect(504).await;
    bob.must(503, json!({"pseudo": "robert", "id_group": id}), 503)
        .await;
    assert_eq!(alice.expect(503).await["args"]["pseudo"], "robert");
}

#[tokio::test]
async fn extra_fields_are_bounded_and_data_is_base64() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let id = connect(&mut alice, &mut bob).await;
    let mut much = info(&id, 1);
    much["extra"] = json!("x".repeat(17 * 1024));
    alice.must(506, much, 450).await;
    alice
        .must(
            504,
            json!({"pseudo": "bob", "id_group": id, "data": "?"}),
            450,
        )
        .await;
    bob.quiet().await;
}
