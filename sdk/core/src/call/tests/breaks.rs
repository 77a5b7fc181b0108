//! Breaks of the connection to the server, in each phase.

use std::time::Duration;

use super::world::{World, group};
use crate::call::{CallPhase, EndReason, Target};

const ALICE: usize = 0;
const BOB: usize = 1;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ringing() -> World {
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    world
}

fn connected() -> World {
    let mut world = ringing();
    world.accept(BOB);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
    world
}

#[test]
fn of_the_caller_while_it_rings() {
    let mut world = ringing();
    world.disconnect(ALICE);
    world.pass(seconds(10));
    world.resume(ALICE);
    world.settle();
    assert_eq!(
        world.phases(),
        [Some(CallPhase::RingingOut), Some(CallPhase::RingingIn)]
    );
    world.accept(BOB);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
}

#[test]
fn of_the_caller_before_the_echo() {
    // The 501 is lost, or only its echo.
    for arrived in [false, true] {
        let mut world = World::of(&["alice", "bob"]);
        world.call(ALICE, BOB);
        if arrived {
            assert!(world.deliver_up(ALICE));
        }
        world.disconnect(ALICE);
        world.pass(seconds(5));
        world.resume(ALICE);
        world.settle();
        assert_eq!(
            world.phases(),
            [Some(CallPhase::RingingOut), Some(CallPhase::RingingIn)],
            "{arrived}"
        );
        world.accept(BOB);
        world.settle();
        assert_eq!(world.phases(), [Some(CallPhase::Connected); 2], "{arrived}");
        world.hang_up(ALICE);
        world.settle();
        assert!(world.relay.is_idle());
    }
}

#[test]
fn of_the_caller_before_the_echo_while_bob_accepts() {
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.deliver_up(ALICE);
    world.disconnect(ALICE);
    world.deliver_down(BOB);
    world.accept(BOB);
    world.settle();
    world.resume(ALICE);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
    assert_eq!(world.clients[ALICE].permits, 1);
}

#[test]
fn of_the_caller_while_bob_accepts() {
    let mut world = ringing();
    world.disconnect(ALICE);
    world.accept(BOB);
    world.pass(seconds(10));
    world.resume(ALICE);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
}

#[test]
fn of_the_caller_while_bob_declines() {
    let mut world = ringing();
    world.disconnect(ALICE);
    world.decline(BOB);
    world.pass(seconds(10));
    world.resume(ALICE);
    world.settle();
    // The reason is lost with the frame; the call is not.
    assert_eq!(world.ended(ALICE), [EndReason::ServerLost]);
}

#[test]
fn of_the_caller_for_good() {
    let mut world = ringing();
    world.disconnect(ALICE);
    world.pass(seconds(100));
    assert_eq!(world.ended(ALICE), [EndReason::ServerLost]);
    assert_eq!(world.ended(BOB), [EndReason::Cancelled]);
    world.resume(ALICE);
    world.settle();
    assert!(world.relay.is_idle());
}

#[test]
fn of_the_rung_one() {
    let mut world = ringing();
    world.disconnect(BOB);
    world.pass(seconds(10));
    world.resume(BOB);
    world.pass(seconds(30));
    assert_eq!(
        world.phases()[BOB],
        Some(CallPhase::RingingIn),
        "confirmed by the server"
    );
    world.accept(BOB);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
}

#[test]
fn of_the_rung_one_while_the_caller_gives_up() {
    let mut world = ringing();
    world.disconnect(BOB);
    world.hang_up(ALICE);
    world.pass(seconds(10));
    world.resume(BOB);
    world.pass(seconds(10));
    assert_eq!(world.ended(BOB), [EndReason::Cancelled]);
}

#[test]
fn of_the_rung_one_who_accepts_or_declines_meanwhile() {
    let mut world = ringing();
    world.disconnect(BOB);
    world.accept(BOB);
    world.pass(seconds(5));
    world.resume(BOB);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);

    let mut world = ringing();
    world.disconnect(BOB);
    world.decline(BOB);
    assert_eq!(world.ended(BOB), [EndReason::DeclinedHere]);
    world.pass(seconds(5));
    world.resume(BOB);
    world.settle();
    assert_eq!(world.ended(ALICE), [EndReason::Declined]);
    assert_eq!(
        world.ended(BOB).len(),
        1,
        "the repeated ring is the one declined"
    );
}

#[test]
fn of_the_rung_one_whose_accept_is_on_its_way() {
    for arrived in [false, true] {
        let mut world = ringing();
        world.accept(BOB);
        if arrived {
            world.deliver_up(BOB);
        }
        world.disconnect(BOB);
        world.settle();
        world.pass(seconds(2));
        world.resume(BOB);
        world.settle();
        assert_eq!(world.phases(), [Some(CallPhase::Connected); 2], "{arrived}");
        assert_eq!(world.clients[BOB].permits, 1);
    }
}

#[test]
fn in_a_call() {
    for who in [ALICE, BOB] {
        let mut world = connected();
        world.disconnect(who);
        world.pass(seconds(50));
        assert_eq!(
            world.phases(),
            [Some(CallPhase::Connected); 2],
            "voice flows on"
        );
        world.resume(who);
        world.pass(seconds(100));
        assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
        world.hang_up(who);
        world.settle();
        assert!(world.relay.is_idle());
    }
}

#[test]
fn in_a_call_that_the_other_leaves_meanwhile() {
    let mut world = connected();
    world.disconnect(ALICE);
    world.hang_up(BOB);
    world.pass(seconds(20));
    world.resume(ALICE);
    world.pass(seconds(100));
    assert_eq!(world.ended(ALICE).len(), 1);
    assert!(world.relay.is_idle());
}

#[test]
fn in_a_call_that_one_leaves_meanwhile() {
    let mut world = connected();
    world.disconnect(ALICE);
    world.hang_up(ALICE);
    assert_eq!(world.ended(ALICE), [EndReason::HungUp]);
    world.pass(seconds(5));
    world.resume(ALICE);
    world.settle();
    assert_eq!(world.ended(BOB), [EndReason::RemoteHungUp]);
    assert!(world.relay.is_idle());
    // Nothing of it stands in the way of the next call.
    world.call(ALICE, BOB);
    world.settle();
    world.accept(BOB);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
}

#[test]
fn for_too_long() {
    let mut world = connected();
    world.disconnect(ALICE);
    world.pass(seconds(300));
    assert_eq!(world.ended(BOB), [EndReason::Lost]);
    // Bob's side is gone, so alice's path falls silent and no other opens.
    assert_eq!(world.ended(ALICE).len(), 1);
    world.resume(ALICE);
    world.settle();
    assert!(world.relay.is_idle());
}

#[test]
fn by_a_server_that_starts_anew() {
    // Ringing: both sides give up; the caller at once, as the server says that there is none.
    let mut world = ringing();
    world.relay.restart();
    for who in [ALICE, BOB] {
        world.disconnect(who);
    }
    world.pass(seconds(2));
    for who in [ALICE, BOB] {
        world.resume(who);
    }
    world.pass(seconds(10));
    assert_eq!(world.ended(ALICE), [EndReason::ServerLost]);
    assert_eq!(world.ended(BOB), [EndReason::Cancelled]);

    // In a call: voice needs no server.
    let mut world = connected();
    world.relay.restart();
    for who in [ALICE, BOB] {
        world.disconnect(who);
        world.resume(who);
    }
    world.pass(seconds(300));
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
    world.hang_up(ALICE);
    world.settle();
    // Bob redials though alice's end never reached him: the path tells.
    world.lose_paths();
    assert_eq!(world.phases()[BOB], Some(CallPhase::Reconnecting));
    world.call(ALICE, BOB);
    world.settle();
    assert_eq!(world.ended(BOB), [EndReason::Lost]);
    assert_eq!(world.phases()[BOB], Some(CallPhase::RingingIn));
    world.accept(BOB);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
}

#[test]
fn by_a_server_that_starts_anew_while_connecting() {
    let mut world = World::of(&["alice", "bob"]);
    world.clients[BOB].gathers_at_once = false;
    world.call(ALICE, BOB);
    world.settle();
    world.accept(BOB);
    world.settle();
    world.relay.restart();
    world.disconnect(ALICE);
    world.resume(ALICE);
    world.settle();
    assert_eq!(world.ended(ALICE), [EndReason::Lost]);
}

#[test]
fn a_member_misses_who_came_and_went() {
    let mut world = World::of(&["alice", "bob", "carol"]);
    world.place(ALICE, Target::Group(group(), Vec::new()));
    world.settle();
    world.accept(BOB);
    world.settle();
    world.disconnect(ALICE);
    world.accept(2);
    world.settle();
    world.resume(ALICE);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 3]);
    assert_eq!(world.clients[ALICE].peers.len(), 2);
    world.disconnect(ALICE);
    world.hang_up(BOB);
    world.settle();
    world.resume(ALICE);
    world.settle();
    assert_eq!(world.clients[ALICE].peers.len(), 1);
    assert!(
        world
            .story(ALICE)
            .contains(&"bob left: remote_hung_up".to_owned())
    );
}

#[test]
fn a_participant_is_renamed_meanwhile() {
    let mut world = connected();
    let before = world.clients[ALICE].peers.clone();
    world.disconnect(ALICE);
    world.rename(1, "robert");
    world.settle();
    world.resume(ALICE);
    world.settle();
    assert_eq!(
        world.clients[ALICE].peers, before,
        "the same keys, the same person"
    );
    let names: Vec<_> = world.clients[ALICE]
        .machine
        .participants()
        .cloned()
        .collect();
    assert_eq!(names, [super::world::name("robert")]);
    assert!(
        !world
            .story(ALICE)
            .iter()
            .any(|event| event.contains("left"))
    );
}
