//! Several sessions of one profile.

use cooee_sdk::{AmendProfile, EndReason, Event, Status};
use cooee_stories::{World, name};

#[tokio::test]
async fn a_call_rings_at_both_sessions_and_the_one_that_answers_stops_the_other() {
    let world = World::start().await;
    let (mut alice, mut laptop) = world.alice_and_bob().await;
    let mut phone = world.another_session_of(&laptop).await;

    let call = alice.calls(&laptop).await;
    laptop.rings().await;
    let ring = phone.rings().await;
    let answer = phone.accepts(ring).await;
    assert_eq!(laptop.ring_ends().await, EndReason::AnsweredElsewhere);
    assert!(laptop.client.incoming().is_none());

    answer.both_hear(&call).await;
    alice.sees(&phone.name(), Status::InCall).await;
    assert_eq!(laptop.voice.frames_spoken(), 0);
    answer.hangs_up().await;
    assert_eq!(call.ends().await, EndReason::RemoteHungUp);
}

#[tokio::test]
async fn the_session_that_declines_stops_the_other() {
    let world = World::start().await;
    let (alice, mut laptop) = world.alice_and_bob().await;
    let mut phone = world.another_session_of(&laptop).await;

    let call = alice.calls(&laptop).await;
    phone.rings().await;
    laptop.rings().await.decline().await.unwrap();
    assert_eq!(phone.ring_ends().await, EndReason::DeclinedElsewhere);
    assert_eq!(call.ends().await, EndReason::Declined);
}

#[tokio::test]
async fn sessions_see_each_others_changes() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let mut phone = world.another_session_of(&alice).await;
    let carol = world.person("carol").await;

    alice.client.add_contact(carol.name()).await.unwrap();
    phone.sees(&carol.name(), Status::Pending).await;
    phone.client.remove_contact(carol.name()).await.unwrap();
    let gone = |event: &Event| matches!(event, Event::ContactRemoved { .. });
    let mut alice = alice;
    alice.expect_event("the request to be gone", gone).await;

    let group = alice.client.create_group("choir".parse().unwrap()).await;
    let id = group.unwrap().id_group;
    phone.sees_members(&id, &[&alice.name()]).await;
    let added = phone.client.add_to_group(id.clone(), bob.name()).await;
    added.unwrap();
    alice.sees_members(&id, &[&alice.name(), &bob.name()]).await;
    bob.sees_members(&id, &[&alice.name(), &bob.name()]).await;
    alice.client.leave_group(id.clone()).await.unwrap();
    phone
        .until("the group to be left", |client| client.groups().is_empty())
        .await;

    let changes = AmendProfile {
        pseudo: Some(name("Alicia")),
        ..AmendProfile::default()
    };
    phone.client.amend_profile(changes).await.unwrap();
    alice
        .until("her new name", |client| {
            client.profile().is_some_and(|me| me.name == name("alicia"))
        })
        .await;
}

#[tokio::test]
async fn a_profile_is_online_as_long_as_one_session_is() {
    let world = World::start().await;
    let (mut alice, bob) = world.alice_and_bob().await;
    let bob_name = bob.name();
    let phone = world.another_session_of(&bob).await;
    bob.client.logout().await.unwrap();
    alice.exchanges_a_message().await;
    assert_eq!(alice.contact(&bob_name).unwrap().status, Status::Online);

    phone.client.logout().await.unwrap();
    alice.sees(&bob_name, Status::Offline).await;
    bob.client
        .login(bob_name.clone(), cooee_stories::password())
        .await
        .unwrap();
    alice.sees(&bob_name, Status::Online).await;
}
