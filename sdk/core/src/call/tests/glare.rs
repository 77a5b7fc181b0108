//! Both call at once.

use std::time::Duration;

use super::world::{World, group};
use crate::call::{CallPhase, EndReason, Target};

const ALICE: usize = 0;
const BOB: usize = 1;

/// Each step: the frames of one connection in one direction go on by one.
fn every_order(steps: &mut Vec<usize>, depth: usize, check: &mut impl FnMut(&[usize])) {
    if depth == 0 {
        return check(steps);
    }
    for step in 0..4 {
        steps.push(step);
        every_order(steps, depth - 1, check);
        steps.pop();
    }
}

fn walk(world: &mut World, steps: &[usize]) {
    for step in steps {
        match step {
            0 => world.deliver_up(ALICE),
            1 => world.deliver_up(BOB),
            2 => world.deliver_down(ALICE),
            _ => world.deliver_down(BOB),
        };
    }
}

#[test]
fn in_every_order_of_frames() {
    every_order(&mut Vec::new(), 6, &mut |steps| {
        let mut world = World::of(&["alice", "bob"]);
        world.call(ALICE, BOB);
        world.call(BOB, ALICE);
        walk(&mut world, steps);
        world.settle();
        assert_eq!(world.phases(), [Some(CallPhase::Connected); 2], "{steps:?}");
        for who in [ALICE, BOB] {
            assert_eq!(world.clients[who].permits, 1, "{steps:?}");
            let rung = world
                .story(who)
                .iter()
                .any(|event| event.starts_with("ringing from"));
            assert!(!rung, "{steps:?}");
        }
        world.hang_up(ALICE);
        world.settle();
        assert!(world.relay.is_idle());
        assert_eq!(world.ended(BOB), [EndReason::RemoteHungUp]);
    });
}

#[test]
fn while_one_still_gathers() {
    let mut world = World::of(&["alice", "bob"]);
    world.clients[ALICE].gathers_at_once = false;
    world.call(ALICE, BOB);
    world.call(BOB, ALICE);
    world.settle();
    assert_eq!(
        world.phases(),
        [Some(CallPhase::Connecting); 2],
        "bob's ring was enough"
    );
    world.gather(ALICE);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
}

#[test]
fn one_of_them_withdraws() {
    every_order(&mut Vec::new(), 5, &mut |steps| {
        let mut world = World::of(&["alice", "bob"]);
        world.call(ALICE, BOB);
        world.call(BOB, ALICE);
        walk(&mut world, &steps[..2]);
        world.hang_up(BOB);
        walk(&mut world, &steps[2..]);
        world.settle();
        // Whatever became of alice's call: both sides and the server agree on it.
        match world.phases()[..] {
            [None, None] => assert!(world.relay.is_idle(), "{steps:?}"),
            [Some(CallPhase::RingingOut), Some(CallPhase::RingingIn)] => {
                world.accept(BOB);
                world.settle();
                assert_eq!(world.phases(), [Some(CallPhase::Connected); 2], "{steps:?}");
            }
            ref other => panic!("{other:?} after {steps:?}"),
        }
        world.pass(Duration::from_secs(400));
        assert_eq!(world.ended(BOB).first(), Some(&EndReason::HungUp));
    });
}

#[test]
fn of_a_group() {
    every_order(&mut Vec::new(), 5, &mut |steps| {
        let mut world = World::of(&["alice", "bob", "carol"]);
        world.place(ALICE, Target::Group(group(), Vec::new()));
        world.place(BOB, Target::Group(group(), Vec::new()));
        walk(&mut world, steps);
        world.settle();
        assert_eq!(
            world.phases(),
            [
                Some(CallPhase::Connected),
                Some(CallPhase::Connected),
                Some(CallPhase::RingingIn)
            ],
            "{steps:?}"
        );
    });
}

#[test]
fn three_in_a_circle() {
    // Each calls the next; whoever the server hears first rings, the others are told "busy".
    let mut world = World::of(&["alice", "bob", "carol"]);
    world.call(0, 1);
    world.call(1, 2);
    world.call(2, 0);
    world.pass(Duration::from_secs(400));
    assert!(world.relay.is_idle());
    assert_eq!(world.phases(), [None; 3]);
    for who in 0..3 {
        assert!(!world.ended(who).is_empty());
        assert_eq!(world.clients[who].permits, 0);
    }
}
