//! Calls of groups.

use cooee_sdk::{AmendProfile, CallEvent, EndReason, Event, GroupId, Username};
use cooee_stories::{Person, Talk, World, name};

/// Waits until `person` has heard of `who` joining the call.
async fn sees_join(person: &mut Person, who: &Username) {
    let joined = |event: &Event| match event {
        Event::Call(CallEvent::Joined { who: joined, .. }) => joined == who,
        _ => false,
    };
    person.expect_event(&format!("{who} to join"), joined).await;
}

/// Alice calls the group; Bob answers, and the two talk while Carol's client still rings.
async fn two_of_three(world: &World) -> (Person, Person, Person, GroupId, Talk, Talk) {
    let (mut alice, mut bob, carol, id) = world.a_group_of_three().await;
    let hers = alice.calls_group(&id).await;
    let ring = bob.rings().await;
    let his = bob.accepts(ring).await;
    hers.connects().await;
    his.connects().await;
    sees_join(&mut alice, &bob.name()).await;
    (alice, bob, carol, id, hers, his)
}

#[tokio::test]
async fn three_people_each_hear_both_others() {
    let world = World::start().await;
    let (mut alice, mut bob, mut carol, id, one, two) = two_of_three(&world).await;
    let ring = carol.rings().await;
    assert_eq!((ring.id_group(), ring.from()), (&id, &alice.name()));
    let three = carol.accepts(ring).await;
    for person in [&mut alice, &mut bob] {
        sees_join(person, &carol.name()).await;
    }

    tokio::join!(
        one.both_hear(&two),
        two.both_hear(&three),
        three.both_hear(&one)
    );
    for talk in [&one, &two, &three] {
        assert!(!talk.has_heard(&talk.voice), "nobody hears themselves");
    }
    assert_eq!(
        three.call.snapshot().participants,
        [alice.name(), bob.name()]
    );

    // One leaves, two go on.
    one.hangs_up().await;
    assert_eq!(one.ends().await, EndReason::HungUp);
    two.both_hear(&three).await;
    three.hangs_up().await;
    assert_eq!(two.ends().await, EndReason::RemoteHungUp);
}

#[tokio::test]
async fn who_declined_can_join_late() {
    let world = World::start().await;
    let (_alice, mut bob, mut carol, id, one, two) = two_of_three(&world).await;
    carol.rings().await.decline().await.unwrap();
    let declined = |event: &Event| match event {
        Event::Call(CallEvent::Left { reason, .. }) => *reason == EndReason::Declined,
        _ => false,
    };
    bob.expect_event("Carol to decline", declined).await;
    assert_eq!(carol.ring_ends().await, EndReason::DeclinedHere);
    two.hears(&one).await;

    let three = carol.calls_group(&id).await;
    three.connects().await;
    sees_join(&mut bob, &carol.name()).await;
    tokio::join!(three.both_hear(&one), three.both_hear(&two));
}

#[tokio::test]
async fn a_member_who_came_online_too_late_to_be_rung_joins_and_is_heard() {
    let world = World::start().await;
    let (mut alice, mut bob, carol, id) = world.a_group_of_three().await;
    let away = carol.restarts().await;
    alice.sees(&away.name(), cooee_sdk::Status::Offline).await;
    let one = alice.calls_group(&id).await;
    let ring = bob.rings().await;
    let two = bob.accepts(ring).await;
    two.hears(&one).await;

    away.client.resume().await.unwrap();
    let three = away.calls_group(&id).await;
    sees_join(&mut bob, &away.name()).await;
    three.both_hear(&two).await;
}

#[tokio::test]
async fn somebody_renamed_in_a_call_and_a_newcomer_understand_each_other() {
    let world = World::start().await;
    let (alice, mut bob, mut carol, _id, one, two) = two_of_three(&world).await;
    let changes = AmendProfile {
        pseudo: Some(name("Alicia")),
        ..AmendProfile::default()
    };
    alice.client.amend_profile(changes).await.unwrap();
    bob.sees_rename(&name("alicia")).await;

    // Carol's keys with Alice are bound to the name that both know now.
    let ring = carol.rings().await;
    let three = carol.accepts(ring).await;
    three.both_hear(&one).await;
    two.hears(&one).await;
    let mut participants = three.call.snapshot().participants;
    participants.sort();
    assert_eq!(participants, [name("alicia"), bob.name()]);
}

#[tokio::test]
async fn who_is_removed_from_the_group_is_out_of_its_call() {
    let world = World::start().await;
    let (alice, bob, mut carol, id, one, two) = two_of_three(&world).await;
    let ring = carol.rings().await;
    let three = carol.accepts(ring).await;
    three.connects().await;

    let removed = alice.client.remove_from_group(id.clone(), bob.name());
    removed.await.unwrap();
    assert_eq!(two.ends().await, EndReason::LeftGroup);
    one.both_hear(&three).await;
    let snapshot = one.call.snapshot();
    assert_eq!(snapshot.participants, [carol.name()]);
}

#[tokio::test]
async fn somebody_who_was_not_rung_is_added_to_the_call() {
    let world = World::start().await;
    let (alice, mut bob, mut carol, id) = world.a_group_of_three().await;
    let one = alice.calls_some_of(&id, &[&bob]).await;
    let ring = bob.rings().await;
    let two = bob.accepts(ring).await;
    one.connects().await;
    carol.exchanges_a_message().await;
    assert!(carol.client.incoming().is_none(), "only Bob was rung");

    two.call.add_people(vec![carol.name()]).await.unwrap();
    let ring = carol.rings().await;
    assert_eq!(*ring.from(), bob.name(), "it is Bob who rings her");
    let three = carol.accepts(ring).await;
    tokio::join!(three.both_hear(&one), three.both_hear(&two));
}
