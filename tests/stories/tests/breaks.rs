//! Connections that break during a call.

use cooee_sdk::{CallPhase, Connectivity, EndReason, Event, Status};
use cooee_stories::{Person, World};

async fn loses_the_server(person: &mut Person) {
    let reconnecting = |event: &Event| matches!(event, Event::Reconnecting { .. });
    person
        .expect_event("to lose the server", reconnecting)
        .await;
}

async fn finds_the_server(person: &mut Person) {
    let resumed = |event: &Event| matches!(event, Event::Online { resumed: true });
    person
        .expect_event("to find the server again", resumed)
        .await;
}

#[tokio::test]
async fn the_voice_goes_on_while_a_websocket_is_gone_and_the_call_is_the_same_afterwards() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    let answer = bob.accepts(ring).await;
    call.hears(&answer).await;

    bob.line.cut();
    loses_the_server(&mut bob).await;
    answer.both_hear(&call).await;
    assert_eq!(
        *bob.client.connectivity().borrow(),
        Connectivity::Reconnecting
    );
    assert_eq!(answer.call.snapshot().phase, Some(CallPhase::Connected));
    alice.exchanges_a_message().await;
    assert_eq!(alice.contact(&bob.name()).unwrap().status, Status::InCall);

    bob.line.mend();
    finds_the_server(&mut bob).await;
    answer.both_hear(&call).await;
    assert_eq!(call.call.snapshot().participants, [bob.name()]);

    answer.hangs_up().await;
    assert_eq!(call.ends().await, EndReason::RemoteHungUp);
    assert_eq!(answer.ends().await, EndReason::HungUp);
    alice.sees(&bob.name(), Status::Online).await;
}

#[tokio::test]
async fn both_lose_the_server_at_once_and_keep_talking() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    let answer = bob.accepts(ring).await;
    answer.connects().await;

    for person in [&mut alice, &mut bob] {
        person.line.cut();
        loses_the_server(person).await;
    }
    call.both_hear(&answer).await;
    for person in [&mut alice, &mut bob] {
        person.line.mend();
        finds_the_server(person).await;
    }
    call.both_hear(&answer).await;
    call.hangs_up().await;
    assert_eq!(answer.ends().await, EndReason::RemoteHungUp);
}

#[tokio::test]
async fn a_hang_up_during_the_break_is_heard_when_the_line_is_back() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    let answer = bob.accepts(ring).await;
    answer.connects().await;
    call.connects().await;

    bob.line.cut();
    loses_the_server(&mut bob).await;
    call.hangs_up().await;
    assert_eq!(call.ends().await, EndReason::HungUp);
    bob.line.mend();
    finds_the_server(&mut bob).await;
    assert_eq!(answer.ends().await, EndReason::RemoteHungUp);

    // Both are free for another call.
    let again = bob.calls(&alice).await;
    let ring = alice.rings().await;
    let answer = alice.accepts(ring).await;
    answer.connects().await;
    again.connects().await;
}

#[tokio::test]
async fn who_is_rung_and_loses_the_server_is_still_rung_afterwards() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let call = alice.calls(&bob).await;
    bob.rings().await;
    bob.line.cut();
    loses_the_server(&mut bob).await;
    bob.line.mend();
    finds_the_server(&mut bob).await;

    let ring = bob.client.incoming().expect("a ring that goes on");
    let answer = bob.accepts(ring).await;
    answer.both_hear(&call).await;
}

#[tokio::test]
async fn the_caller_loses_the_server_while_it_rings_and_still_gets_the_answer() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    alice.line.cut();
    loses_the_server(&mut alice).await;
    let answer = bob.accepts(ring).await;
    alice.line.mend();
    finds_the_server(&mut alice).await;
    call.connects().await;
    answer.both_hear(&call).await;
}
