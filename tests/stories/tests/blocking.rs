//! Blocking: who is blocked meets somebody who is away, and is not told.

use cooee_sdk::{Event, MessageError, MessageEvent, NewMessage, NotSent, Recipient, Status};
use cooee_stories::{Person, World};

use crate::messages::{reads, texts, to};

async fn says(person: &Person, with: &Recipient, words: &str) {
    let said = person.client.send(with, NewMessage::text(words)).await;
    said.unwrap();
}

#[tokio::test]
async fn a_blocked_person_meets_somebody_who_is_away_and_is_not_told() {
    let world = World::start().await;
    let mut alice = world.alice().await;
    let mut mallory = world.person("mallory").await;
    let mut carol = world.person("carol").await;
    world.befriend(&mut alice, &mut mallory).await;
    world.befriend(&mut carol, &mut mallory).await;
    let (a, m) = (to(&alice), to(&mallory));
    says(&mallory, &a, "hello").await;
    reads(&mut alice, &m, &["hello"]).await;

    // Whom she blocks herself she was told when she signed in.
    let told = |event: &Event| matches!(event, Event::Messages(MessageEvent::BlockedChanged));
    while mallory.has_happened(told) {
        mallory.expect_event("whom she blocks", told).await;
    }

    let blocked = alice.client.block(mallory.name()).await.unwrap();
    assert_eq!(blocked, [mallory.name()]);
    // Carol really is away; alice only seems to be.
    carol.line.cut();
    mallory.sees(&carol.name(), Status::Offline).await;
    mallory.sees(&alice.name(), Status::Offline).await;

    // Calling ends in the same way, and stays in her conversation alone.
    let away = mallory.calls(&carol).await.ends().await;
    let hidden = mallory.calls(&alice).await.ends().await;
    assert_eq!(away, hidden);
    // Writing seems to work.
    says(&mallory, &a, "are you there?").await;
    let called = "Call { outcome: Missed, duration: 0ns }";
    reads(&mut mallory, &a, &["hello", called, "are you there?"]).await;
    alice.exchanges_a_message().await;
    assert!(alice.client.incoming().is_none());
    assert_eq!(texts(&alice, &m).await, ["hello"]);
    // Asking again as well.
    mallory.client.remove_contact(alice.name()).await.unwrap();
    alice.sees_no_more_of(&mallory.name()).await;
    mallory.client.add_contact(alice.name()).await.unwrap();
    mallory.sees(&alice.name(), Status::Pending).await;
    alice.exchanges_a_message().await;
    assert!(alice.contact(&mallory.name()).is_none());
    // Nothing of it was told.
    mallory.exchanges_a_message().await;
    assert!(!mallory.has_happened(told));
    assert!(mallory.client.blocked().await.unwrap().is_empty());

    // Afterwards the request of meanwhile is met, and what was hidden stays hidden.
    let blocked = alice.client.unblock(mallory.name()).await.unwrap();
    assert!(blocked.is_empty());
    alice.client.add_contact(mallory.name()).await.unwrap();
    mallory.sees(&alice.name(), Status::Online).await;
    alice.sees(&mallory.name(), Status::Online).await;
    says(&alice, &m, "well?").await;
    let all = ["hello", called, "are you there?", "well?"];
    reads(&mut mallory, &a, &all).await;
    reads(&mut alice, &m, &["hello", "well?"]).await;
}

#[tokio::test]
async fn who_blocks_neither_calls_nor_writes_meanwhile() {
    let world = World::start().await;
    let (mut alice, bob) = world.alice_and_bob().await;
    let b = to(&bob);
    alice.client.block(bob.name()).await.unwrap();
    let id = alice.client.send(&b, NewMessage::text("no")).await.unwrap();
    let refused = |event: &Event| {
        matches!(event, Event::Messages(MessageEvent::Refused { id: refused, reason })
            if *refused == id && reason == NotSent::Blocked.as_str())
    };
    alice.expect_event("a refusal", refused).await;
    alice.client.discard(&id).await.unwrap();
    let again = alice.client.discard(&id).await;
    assert!(matches!(again, Err(MessageError::NotRefused)));
    alice.calls(&bob).await.ends().await;
    assert!(bob.client.incoming().is_none());
    // Every device of hers knows whom she blocks.
    let mut phone = world.another_session_of(&alice).await;
    while phone.client.blocked().await.unwrap() != [bob.name()] {
        let told = |event: &Event| matches!(event, Event::Messages(_));
        phone.expect_event("whom she blocks", told).await;
    }
}

#[tokio::test]
async fn what_both_have_seen_a_blocked_person_takes_back_from_both() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (to(&alice), to(&bob));
    let words = NewMessage::text("a word too many");
    let id = bob.client.send(&a, words).await.unwrap();
    reads(&mut alice, &b, &["a word too many"]).await;
    alice.client.block(bob.name()).await.unwrap();
    says(&bob, &a, "sorry").await;
    bob.client.delete(&a, &id).await.unwrap();
    reads(&mut bob, &a, &["Deleted", "sorry"]).await;
    reads(&mut alice, &b, &["Deleted"]).await;
}
