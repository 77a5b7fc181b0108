//! Groups: creating, adding, leaving, removing.

use cooee_sdk::{ErrorCode, Event, GroupId};
use cooee_stories::{Refusal, World, name};

#[tokio::test]
async fn a_group_is_created_and_a_contact_added() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let created = alice.client.create_group("choir".parse().unwrap()).await;
    let created = created.unwrap();
    assert_eq!(created.list_pseudo, [alice.name()]);
    assert_eq!(created.creator, Some(alice.name()));

    let id = created.id_group;
    let grown = alice.client.add_to_group(id.clone(), bob.name()).await;
    let grown = grown.unwrap();
    assert_eq!(grown.list_pseudo, [alice.name(), bob.name()]);
    assert!(grown.last_update_date > created.last_update_date);
    bob.sees_members(&id, &[&alice.name(), &bob.name()]).await;
    assert_eq!(bob.group(&id).unwrap().group_name.as_str(), "choir");
}

#[tokio::test]
async fn only_known_contacts_who_are_no_members_yet_can_be_added() {
    let world = World::start().await;
    let (alice, bob, carol, id) = world.a_group_of_three().await;
    let nobody = alice.client.add_to_group(id.clone(), name("nobody")).await;
    assert_eq!(nobody.refused(), ErrorCode::ProfileNotAdded);
    let member = alice.client.add_to_group(id.clone(), bob.name()).await;
    assert_eq!(member.refused(), ErrorCode::ProfileNotAdded);

    let dave = world.person("dave").await;
    let no_contact = carol.client.add_to_group(id.clone(), dave.name()).await;
    assert_eq!(no_contact.refused(), ErrorCode::NotAllowed);
    let no_member = dave.client.add_to_group(id, alice.name()).await;
    let no_group = GroupId::parse("never created").unwrap();
    let no_group = dave.client.add_to_group(no_group, alice.name()).await;
    assert_eq!(no_member.refused(), ErrorCode::NotAllowed);
    assert_eq!(no_group.refused(), ErrorCode::NotAllowed);
}

#[tokio::test]
async fn a_member_leaves_and_the_others_see_it() {
    let world = World::start().await;
    let (mut alice, mut bob, mut carol, id) = world.a_group_of_three().await;
    bob.client.leave_group(id.clone()).await.unwrap();
    let gone = |event: &Event| matches!(event, Event::GroupRemoved { .. });
    bob.expect_event("the group to be gone", gone).await;
    assert!(bob.client.groups().is_empty());

    let left = [&alice.name(), &carol.name()];
    alice.sees_members(&id, &left).await;
    carol.sees_members(&id, &left).await;
    let again = bob.client.leave_group(id).await;
    assert_eq!(again.refused(), ErrorCode::NotAllowed);
}

#[tokio::test]
async fn the_creator_removes_a_member_and_nobody_else_can() {
    let world = World::start().await;
    let (alice, mut bob, mut carol, id) = world.a_group_of_three().await;
    let not_his = bob.client.remove_from_group(id.clone(), carol.name()).await;
    assert_eq!(not_his.refused(), ErrorCode::NotAllowed);

    let removed = alice.client.remove_from_group(id.clone(), carol.name());
    removed.await.unwrap();
    let gone = |event: &Event| matches!(event, Event::GroupRemoved { .. });
    carol.expect_event("to be removed", gone).await;
    bob.sees_members(&id, &[&alice.name(), &bob.name()]).await;
}

#[tokio::test]
async fn a_group_outlives_its_creator() {
    let world = World::start().await;
    let (alice, mut bob, mut carol, id) = world.a_group_of_three().await;
    alice.client.leave_group(id.clone()).await.unwrap();
    carol.sees_members(&id, &[&bob.name(), &carol.name()]).await;

    // Bob has been there for longest.
    let successor = bob.name();
    for person in [&mut bob, &mut carol] {
        person
            .until("Bob to follow", |client| {
                let groups = client.groups();
                groups
                    .iter()
                    .any(|group| group.creator == Some(successor.clone()))
            })
            .await;
    }
    let removed = bob.client.remove_from_group(id, carol.name()).await;
    removed.unwrap();
}
