//! Calls between two people.

use cooee_sdk::{
    AmendProfile, CallDirection, CallEvent, CallPhase, EndReason, Event, RouteKind, Status,
};
use cooee_stories::{World, name};

#[tokio::test]
async fn two_people_talk_until_one_hangs_up() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (alice.name(), bob.name());

    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    alice.hears_it_ring().await;
    assert_eq!(*ring.from(), a);
    assert_eq!(
        alice.voice.frames_spoken(),
        0,
        "nobody listens to her before the accept"
    );

    let answer = bob.accepts(ring).await;
    call.connects().await;
    answer.connects().await;
    answer.both_hear(&call).await;
    assert!(!call.has_heard(&alice.voice), "nobody hears themselves");
    alice.sees(&b, Status::InCall).await;
    bob.sees(&a, Status::InCall).await;

    alice.reaches_directly(&b).await;
    let snapshot = call.call.snapshot();
    assert_eq!(snapshot.phase, Some(CallPhase::Connected));
    assert_eq!(snapshot.participants, std::slice::from_ref(&b));
    assert_eq!(snapshot.routes.get(&b), Some(&RouteKind::Direct));
    assert_eq!(snapshot.id_group, answer.call.snapshot().id_group);

    call.hangs_up().await;
    assert_eq!(call.ends().await, EndReason::HungUp);
    assert_eq!(answer.ends().await, EndReason::RemoteHungUp);
    alice.sees(&b, Status::Online).await;
    bob.sees(&a, Status::Online).await;
}

#[tokio::test]
async fn both_ends_show_the_same_code_so_that_nobody_sits_between_them() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let _call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    let _answer = bob.accepts(ring).await;

    let mut codes = Vec::new();
    for person in [&mut alice, &mut bob] {
        let route = |event: &Event| matches!(event, Event::Route { .. });
        match person.expect_event("a route", route).await {
            Event::Route { safety_code, .. } => codes.push(safety_code),
            other => panic!("not a route: {other:?}"),
        }
    }
    assert!(!codes.concat().is_empty());
    assert_eq!(codes.first(), codes.last());
}

#[tokio::test]
async fn who_is_called_declines() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let call = alice.calls(&bob).await;
    bob.rings().await.decline().await.unwrap();
    assert_eq!(bob.ring_ends().await, EndReason::DeclinedHere);
    assert_eq!(call.ends().await, EndReason::Declined);
    assert_eq!(alice.voice.frames_spoken() + bob.voice.frames_spoken(), 0);

    // Both are free again.
    let call = bob.calls(&alice).await;
    alice.rings().await;
    call.hangs_up().await;
}

#[tokio::test]
async fn the_caller_gives_up() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    call.hangs_up().await;
    assert_eq!(call.ends().await, EndReason::HungUp);
    assert_eq!(bob.ring_ends().await, EndReason::Cancelled);
    assert!(bob.client.incoming().is_none());
    assert_eq!(ring.decline().await.unwrap_err().code(), "no_call");
}

#[tokio::test]
async fn who_is_in_a_call_is_busy_for_others_and_the_call_goes_on() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let mut carol = world.person("carol").await;
    world.befriend(&mut carol, &mut bob).await;
    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    let answer = bob.accepts(ring).await;
    call.connects().await;
    carol.sees(&bob.name(), Status::InCall).await;

    let late = carol.calls(&bob).await;
    assert_eq!(late.ends().await, EndReason::Busy);
    assert!(bob.client.incoming().is_none());
    call.both_hear(&answer).await;
}

#[tokio::test]
async fn who_is_not_there_or_no_contact_cannot_be_called() {
    let world = World::start().await;
    let (mut alice, bob) = world.alice_and_bob().await;
    let carol = world.person("carol").await;
    let stranger = alice.calls(&carol).await;
    assert_eq!(stranger.ends().await, EndReason::Refused);

    bob.line.cut();
    alice.sees(&bob.name(), Status::Offline).await;
    let call = alice.calls(&bob).await;
    assert_eq!(call.ends().await, EndReason::Offline);
}

#[tokio::test]
async fn both_call_at_once_and_meet_in_one_call() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (one, other) = tokio::join!(alice.calls(&bob), bob.calls(&alice));
    one.connects().await;
    other.connects().await;
    one.both_hear(&other).await;

    one.hangs_up().await;
    assert_eq!(other.ends().await, EndReason::RemoteHungUp);
    for person in [&mut alice, &mut bob] {
        let met = person.client.history(10, None).await.unwrap();
        assert_eq!(met.len(), 1, "one call, whoever was first");
    }
}

#[tokio::test]
async fn a_rename_during_a_call_changes_the_name_and_nothing_else() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    let answer = bob.accepts(ring).await;
    answer.hears(&call).await;
    bob.reaches_directly(&alice.name()).await;

    let changes = AmendProfile {
        pseudo: Some(name("Alicia")),
        ..AmendProfile::default()
    };
    alice.client.amend_profile(changes).await.unwrap();
    bob.sees(&name("alicia"), Status::InCall).await;
    answer.both_hear(&call).await;
    let snapshot = answer.call.snapshot();
    assert_eq!(snapshot.participants, [name("alicia")]);
    assert_eq!(
        snapshot.routes.get(&name("alicia")),
        Some(&RouteKind::Direct)
    );
    let joined = |event: &Event| matches!(event, Event::Call(CallEvent::Left { .. }));
    assert!(!bob.has_happened(joined), "nobody left, nobody came");

    // She quits under the name that she has now.
    call.hangs_up().await;
    assert_eq!(answer.ends().await, EndReason::RemoteHungUp);
    bob.sees(&name("alicia"), Status::Online).await;
    alice.sees(&bob.name(), Status::Online).await;
}

#[tokio::test]
async fn calls_are_remembered_on_both_sides() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    let answer = bob.accepts(ring).await;
    call.connects().await;
    call.hangs_up().await;
    call.ends().await;
    answer.ends().await;
    let call = bob.calls(&alice).await;
    bob.hears_it_ring().await;
    call.hangs_up().await;
    call.ends().await;

    let history = bob.client.history(10, None).await.unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|record| {
            let accepted = record.accepted_at.is_some();
            let reason = record.end_reason.as_deref().unwrap();
            (record.direction, record.peers.concat(), accepted, reason)
        })
        .collect();
    let with = || alice.name().to_string();
    let expected = [
        (CallDirection::Outgoing, with(), false, "hung_up"),
        (CallDirection::Incoming, with(), true, "remote_hung_up"),
    ];
    assert_eq!(told, expected);
}
