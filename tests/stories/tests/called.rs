//! Calls as their conversation remembers them.

use std::time::Duration;

use cooee_sdk::{Body, CallOutcome, EndReason, Event, Recipient};
use cooee_stories::{Clock, Person, World};

use crate::messages::to;

/// A call in a conversation: how it ended, how long it took, and whether it was one's own.
type Remembered = (CallOutcome, Duration, bool);

async fn remembered(person: &Person, with: &Recipient) -> Vec<Remembered> {
    let page = person.client.messages(with, None, 100).await.unwrap();
    let calls = page.messages.iter().map(|message| match &message.body {
        Body::Call { outcome, duration } => (*outcome, *duration, message.own),
        other => panic!("not a call: {other:?}"),
    });
    calls.collect()
}

/// Waits until a conversation has so many calls.
async fn remembers(person: &mut Person, with: &Recipient, count: usize) -> Vec<Remembered> {
    loop {
        let calls = remembered(person, with).await;
        if calls.len() == count {
            return calls;
        }
        let what = format!("{count} calls, not {calls:?}");
        let messages = |event: &Event| matches!(event, Event::Messages(_));
        person.expect_event(&what, messages).await;
    }
}

#[tokio::test]
async fn both_sides_remember_a_missed_a_declined_and_a_finished_call() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (to(&alice), to(&bob));

    // Nobody answers.
    let call = alice.calls(&bob).await;
    let unanswered = bob.rings().await;
    call.hangs_up().await;
    bob.ring_ends().await;
    drop(unanswered);
    let missed = |own| (CallOutcome::Missed, Duration::ZERO, own);
    assert_eq!(remembers(&mut alice, &b, 1).await, [missed(true)]);
    assert_eq!(remembers(&mut bob, &a, 1).await, [missed(false)]);

    // Bob calls back, and alice declines.
    let call = bob.calls(&alice).await;
    alice.rings().await.decline().await.unwrap();
    assert_eq!(call.ends().await, EndReason::Declined);
    let declined = |own| (CallOutcome::Declined, Duration::ZERO, own);
    assert_eq!(
        remembers(&mut alice, &b, 2).await,
        [missed(true), declined(false)]
    );
    assert_eq!(
        remembers(&mut bob, &a, 2).await,
        [missed(false), declined(true)]
    );

    // They talk.
    let call = alice.calls(&bob).await;
    let answer = bob.rings().await;
    let answer = bob.accepts(answer).await;
    call.connects().await;
    answer.connects().await;
    let clock = Clock::stop().await;
    for _ in 0..9 {
        clock.pass(Duration::from_secs(1)).await;
        alice.exchanges_a_message().await;
        bob.exchanges_a_message().await;
    }
    answer.hangs_up().await;
    assert_eq!(call.ends().await, EndReason::RemoteHungUp);
    let of_alice = remembers(&mut alice, &b, 3).await;
    let of_bob = remembers(&mut bob, &a, 3).await;
    let ((outcome, duration, own), others) = (of_alice[2], of_bob[2]);
    assert_eq!((outcome, own), (CallOutcome::Finished, true));
    assert!(duration >= Duration::from_secs(9), "{duration:?}");
    assert_eq!(others, (outcome, duration, false));
    let unread = bob.client.conversation(&a).await.unwrap().unread;
    assert_eq!(unread, 2, "the calls of others count as unread");
}

#[tokio::test]
async fn who_was_away_learns_of_the_call_later() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (to(&alice), to(&bob));
    bob.line.cut();
    alice.sees(&bob.name(), cooee_sdk::Status::Offline).await;
    let call = alice.calls(&bob).await;
    call.ends().await;
    let missed = |own| (CallOutcome::Missed, Duration::ZERO, own);
    assert_eq!(remembers(&mut alice, &b, 1).await, [missed(true)]);
    bob.line.mend();
    assert_eq!(remembers(&mut bob, &a, 1).await, [missed(false)]);
}
