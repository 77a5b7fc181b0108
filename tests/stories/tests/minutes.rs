//! What takes minutes, on a clock that the stories move themselves.

use std::time::Duration;

use cooee_sdk::{CallPhase, EndReason};
use cooee_stories::{Clock, Wire, World};
use serde_json::json;

/// Less than any limit of a connection, so that none is taken for dead between two steps.
const STEP: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_callee_who_never_answers_is_rung_for_five_minutes() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let clock = Clock::stop().await;
    let call = alice.calls(&bob).await;
    // The longest that a client looks for its own addresses before it rings.
    clock.pass(Duration::from_secs(1)).await;
    alice.hears_it_ring().await;
    bob.rings().await;

    for _ in 0..59 {
        clock.pass(STEP).await;
        alice.exchanges_a_message().await;
        bob.exchanges_a_message().await;
    }
    // 4 minutes and 55 seconds later it still rings.
    assert_eq!(call.call.snapshot().phase, Some(CallPhase::RingingOut));
    assert!(bob.client.incoming().is_some());

    // One second more than the rest of the five minutes.
    clock.pass(STEP + Duration::from_secs(1)).await;
    assert_eq!(call.ends().await, EndReason::TimedOut);
    assert_eq!(bob.ring_ends().await, EndReason::TimedOut);
    assert!(bob.client.incoming().is_none());
    assert_eq!(
        alice.voice.frames_spoken() + bob.voice.frames_spoken(),
        0,
        "nobody was listened to"
    );
}

/// Two people in a call, as far as the server knows.
async fn in_a_call(world: &World) -> (Wire, Wire, serde_json::Value) {
    let (mut alice, mut bob) = world.wires_of("alice", "bob").await;
    let ring = json!({"list_pseudo": ["bob"], "address": "0.0.0.0", "port": 0});
    let echo = alice.ask(501, ring).await;
    let id = echo["args"]["id_group"].clone();
    bob.notice(501).await;
    let accept = json!({"pseudo": "bob", "id_group": id});
    bob.ask(502, accept).await;
    alice.notice(505).await;
    bob.notice(505).await;
    (alice, bob, id)
}

#[tokio::test]
async fn who_tells_no_address_is_waited_for_five_seconds() {
    let world = World::start().await;
    let clock = Clock::stop().await;
    let (mut alice, mut bob, id) = in_a_call(&world).await;
    let told = json!({"address": "192.0.2.1", "port": 4001, "id_group": id});
    alice.ask(506, told).await;
    clock.pass(Duration::from_secs(4)).await;
    assert!(!alice.has_come(507).await && !bob.has_come(507).await);

    clock.pass(Duration::from_secs(2)).await;
    let of_bob = json!([{"pseudo": "bob", "address": "0.0.0.0", "port": 0}]);
    assert_eq!(alice.notice(507).await["list_info"], of_bob);
    let of_alice = json!([{"pseudo": "alice", "address": "192.0.2.1", "port": 4001}]);
    assert_eq!(bob.notice(507).await["list_info"], of_alice);
}

#[tokio::test]
async fn who_does_not_come_back_within_a_minute_is_out_of_the_call() {
    let world = World::start().await;
    let clock = Clock::stop().await;
    let (mut alice, bob, _) = in_a_call(&world).await;
    drop(bob);
    // The break reaches the server through a real socket while the minutes pass, so that it may
    // take a step or two more than a minute, but never less.
    let mut passed = Duration::ZERO;
    while !alice.has_come(503).await {
        clock.pass(STEP).await;
        passed += STEP;
        assert!(passed < Duration::from_secs(600), "for ever in the call");
    }
    assert!(passed >= Duration::from_secs(60), "out after {passed:?}");

    let lost = alice.notice(503).await;
    assert_eq!(
        (&lost["pseudo"], &lost["reason"]),
        (&json!("bob"), &json!("lost"))
    );
    let over = alice.notice(503).await;
    assert_eq!(
        (&over["pseudo"], &over["reason"]),
        (&json!("alice"), &json!("ended"))
    );
    alice
        .notice_where(202, |bob| bob["status"] == json!("offline"))
        .await;
}
