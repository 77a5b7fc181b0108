//! Contacts: asking, confirming, and every way back.

use cooee_sdk::{ErrorCode, Event, Status};
use cooee_stories::{Refusal, World, name};

#[tokio::test]
async fn a_contact_is_asked_for_and_confirmed() {
    let world = World::start().await;
    let (mut alice, mut bob) = (world.alice().await, world.bob().await);
    let (a, b) = (alice.name(), bob.name());

    let asked = alice.client.add_contact(b.clone()).await.unwrap();
    assert_eq!(asked.status, Status::Pending);
    bob.sees(&a, Status::Requested).await;

    let confirmed = bob.client.add_contact(a.clone()).await.unwrap();
    assert_eq!(confirmed.status, Status::Online);
    alice.sees(&b, Status::Online).await;
}

#[tokio::test]
async fn nobody_can_be_asked_who_is_not_there_or_was_asked_already() {
    let world = World::start().await;
    let (alice, mut bob) = (world.alice().await, world.bob().await);
    let nobody = alice.client.add_contact(name("nobody")).await;
    assert_eq!(nobody.refused(), ErrorCode::ProfileNotAdded);
    let myself = alice.client.add_contact(alice.name()).await;
    assert_eq!(myself.refused(), ErrorCode::ProfileNotAdded);

    alice.client.add_contact(bob.name()).await.unwrap();
    let twice = alice.client.add_contact(bob.name()).await;
    assert_eq!(twice.refused(), ErrorCode::AlreadyContact);

    bob.sees(&alice.name(), Status::Requested).await;
    bob.client.add_contact(alice.name()).await.unwrap();
    for (one, other) in [(&alice, &bob), (&bob, &alice)] {
        let again = one.client.add_contact(other.name()).await;
        assert_eq!(again.refused(), ErrorCode::AlreadyContact);
    }
}

#[tokio::test]
async fn a_request_is_declined() {
    let world = World::start().await;
    let (mut alice, mut bob) = (world.alice().await, world.bob().await);
    alice.client.add_contact(bob.name()).await.unwrap();
    bob.sees(&alice.name(), Status::Requested).await;

    bob.client.remove_contact(alice.name()).await.unwrap();
    assert!(bob.contact(&alice.name()).is_none());
    let gone = |event: &Event| matches!(event, Event::ContactRemoved { .. });
    alice.expect_event("to be declined", gone).await;
    assert!(alice.contact(&bob.name()).is_none());

    // Another request is not held against anybody.
    alice.client.add_contact(bob.name()).await.unwrap();
    bob.sees(&alice.name(), Status::Requested).await;
}

#[tokio::test]
async fn a_request_is_withdrawn() {
    let world = World::start().await;
    let (alice, mut bob) = (world.alice().await, world.bob().await);
    alice.client.add_contact(bob.name()).await.unwrap();
    bob.sees(&alice.name(), Status::Requested).await;

    alice.client.remove_contact(bob.name()).await.unwrap();
    bob.sees_no_more_of(&alice.name()).await;
    // Bob's own request now is a first one, no confirmation.
    let asked = bob.client.add_contact(alice.name()).await.unwrap();
    assert_eq!(asked.status, Status::Pending);
}

#[tokio::test]
async fn a_contact_is_removed() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    alice.client.remove_contact(bob.name()).await.unwrap();
    assert!(alice.contact(&bob.name()).is_none());
    bob.sees_no_more_of(&alice.name()).await;

    for (one, other) in [(&alice, &bob), (&bob, &alice)] {
        let gone = one.client.remove_contact(other.name()).await;
        assert_eq!(gone.refused(), ErrorCode::ContactNotFound);
    }
    let nobody = alice.client.remove_contact(name("nobody")).await;
    assert_eq!(nobody.refused(), ErrorCode::ContactNotFound);
}
