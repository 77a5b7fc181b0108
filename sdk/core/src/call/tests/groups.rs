//! Calls among more than two.

use std::time::Duration;

use cooee_protocol::ClientMessage;

use super::world::{World, group, name};
use crate::call::{CallEvent, CallPhase, EndReason, Target};

const ALL: [&str; 3] = ["alice", "bob", "carol"];

fn of_three() -> World {
    let mut world = World::of(&ALL);
    world.place(0, Target::Group(group(), Vec::new()));
    world.settle();
    world.accept(1);
    world.settle();
    world
}

#[test]
fn a_third_person() {
    let mut world = of_three();
    assert_eq!(
        world.phases(),
        [
            Some(CallPhase::Connected),
            Some(CallPhase::Connected),
            Some(CallPhase::RingingIn)
        ]
    );
    world.accept(2);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 3]);
    for who in 0..3 {
        assert_eq!(world.clients[who].peers.len(), 2);
        assert_eq!(world.clients[who].machine.participants().count(), 2);
        assert_eq!(world.clients[who].permits, 1);
    }
    assert!(world.story(2).contains(&"bob joined".to_owned()));
}

#[test]
fn a_late_joiner() {
    let mut world = World::of(&ALL);
    world.place(0, Target::Group(group(), vec![name("bob")]));
    world.settle();
    assert_eq!(world.phases()[2], None);
    world.accept(1);
    world.settle();
    // Carol was not rung; calling the group joins it.
    world.place(2, Target::Group(group(), Vec::new()));
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 3]);
    assert_eq!(world.clients[2].permits, 1);
}

#[test]
fn a_late_joiner_of_a_call_that_still_rings() {
    let mut world = World::of(&ALL);
    world.place(0, Target::Group(group(), vec![name("bob")]));
    world.settle();
    world.place(2, Target::Group(group(), Vec::new()));
    world.settle();
    assert_eq!(
        world.phases(),
        [
            Some(CallPhase::Connected),
            Some(CallPhase::RingingIn),
            Some(CallPhase::Connected)
        ]
    );
}

#[test]
fn the_caller_leaves_while_others_go_on() {
    let mut world = of_three();
    world.accept(2);
    world.settle();
    world.hang_up(0);
    world.pass(Duration::from_secs(100));
    assert_eq!(
        world.phases(),
        [None, Some(CallPhase::Connected), Some(CallPhase::Connected)]
    );
    assert_eq!(world.clients[1].peers.len(), 1);
    world.hang_up(2);
    world.settle();
    assert_eq!(world.ended(1), [EndReason::RemoteHungUp]);
    assert_eq!(world.ended(2), [EndReason::HungUp]);
}

#[test]
fn the_caller_leaves_while_somebody_still_rings() {
    let mut world = of_three();
    world.hang_up(0);
    world.pass(Duration::from_secs(100));
    assert_eq!(
        world.phases(),
        [None, Some(CallPhase::Connected), Some(CallPhase::RingingIn)],
        "bob waits for carol"
    );
    world.accept(2);
    world.settle();
    assert_eq!(
        world.phases(),
        [None, Some(CallPhase::Connected), Some(CallPhase::Connected)]
    );
    assert_eq!(world.clients[1].permits, 1);
}

#[test]
fn the_last_one_waits_in_vain() {
    let mut world = of_three();
    world.hang_up(0);
    world.pass(Duration::from_secs(400));
    assert_eq!(world.phases(), [None; 3]);
    assert_eq!(
        world.ended(1),
        [EndReason::TimedOut],
        "carol did not answer"
    );
    assert_eq!(world.ended(2), [EndReason::TimedOut]);
}

#[test]
fn the_last_one_leaves_while_somebody_still_rings() {
    let mut world = of_three();
    world.hang_up(0);
    world.settle();
    world.hang_up(1);
    world.settle();
    assert_eq!(world.ended(2), [EndReason::Cancelled]);
}

#[test]
fn one_declines_and_one_comes() {
    let mut world = World::of(&ALL);
    world.place(0, Target::Group(group(), Vec::new()));
    world.settle();
    world.decline(1);
    world.settle();
    assert_eq!(world.phases()[0], Some(CallPhase::RingingOut));
    assert!(world.story(0).contains(&"bob left: declined".to_owned()));
    world.accept(2);
    world.settle();
    assert_eq!(world.phases()[0], Some(CallPhase::Connected));
}

#[test]
fn everybody_declines() {
    let mut world = World::of(&ALL);
    world.place(0, Target::Group(group(), Vec::new()));
    world.settle();
    world.decline(1);
    world.decline(2);
    world.settle();
    assert_eq!(world.ended(0), [EndReason::Declined]);
}

#[test]
fn somebody_leaves_and_comes_back_with_other_keys() {
    let mut world = of_three();
    world.accept(2);
    world.settle();
    let before: Vec<_> = world.clients[0].peers.clone().into_iter().collect();
    world.hang_up(2);
    world.place(2, Target::Group(group(), Vec::new()));
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 3]);
    let after: Vec<_> = world.clients[0].peers.clone().into_iter().collect();
    assert_eq!(before.len(), after.len());
    assert_ne!(before, after, "another number and other keys");
}

#[test]
fn more_people_are_rung() {
    let mut world = World::of(&ALL);
    world.place(0, Target::Group(group(), vec![name("bob")]));
    world.settle();
    world.accept(1);
    world.settle();
    world.clients[0]
        .machine
        .add_people(vec![name("carol")])
        .unwrap();
    world.drain(0);
    world.settle();
    assert_eq!(world.phases()[2], Some(CallPhase::RingingIn));
    world.accept(2);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 3]);
}

#[test]
fn people_who_cannot_be_rung_do_not_end_the_call() {
    let mut world = World::of(&ALL);
    world.place(0, Target::Group(group(), vec![name("bob")]));
    world.settle();
    world.accept(1);
    world.settle();
    world.disconnect(2);
    world.clients[0]
        .machine
        .add_people(vec![name("carol")])
        .unwrap();
    world.drain(0);
    world.settle();
    assert_eq!(world.phases()[..2], [Some(CallPhase::Connected); 2]);
}

#[test]
fn somebody_is_taken_out_of_the_group() {
    let mut world = of_three();
    world.accept(2);
    world.settle();
    world.leave_group(2);
    world.pass(Duration::from_secs(1));
    assert!(matches!(
        world.clients[0].events.last(),
        Some(CallEvent::Left {
            reason: EndReason::LeftGroup,
            ..
        })
    ));
    assert_eq!(world.ended(2), [EndReason::LeftGroup]);
    assert_eq!(world.phases()[..2], [Some(CallPhase::Connected); 2]);
}

#[test]
fn a_ring_of_another_call_is_declined_as_busy() {
    let mut world = of_three();
    // Carol is rung for the group; bob and alice cannot ring her directly as they are in a call,
    // so the ring comes from nowhere.
    let ring = cooee_protocol::Ring {
        id_group: "other".parse().unwrap(),
        list_pseudo: vec![name("carol")],
        address: std::net::Ipv4Addr::UNSPECIFIED.into(),
        port: 0,
        pseudo: Some(name("dave")),
    };
    world.note(2, cooee_protocol::ServerMessage::Ring(ring));
    world.settle();
    assert_eq!(world.phases()[2], Some(CallPhase::RingingIn));
    assert!(world.clients[2].said.iter().any(|message| matches!(
        message,
        ClientMessage::Quit(quit) if quit.reason.as_deref() == Some("busy")
    )));
}
