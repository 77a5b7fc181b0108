//! Calls between two people.

use std::time::Duration;

use super::relay::RING;
use super::world::World;
use crate::call::{CallError, CallPhase, EndReason};

const ALICE: usize = 0;
const BOB: usize = 1;

fn connected() -> World {
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    world.accept(BOB);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
    world
}

#[test]
fn a_call_from_the_ring_to_the_end() {
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    assert_eq!(
        world.phases(),
        [Some(CallPhase::RingingOut), Some(CallPhase::RingingIn)]
    );
    assert_eq!(world.clients[BOB].permits, 0);
    assert_eq!(world.clients[ALICE].permits, 0, "nobody has accepted");
    world.pass(Duration::from_secs(20));
    world.accept(BOB);
    world.settle();
    assert_eq!(world.clients[ALICE].permits, 1);
    assert_eq!(world.clients[BOB].permits, 1);
    world.hang_up(ALICE);
    world.pass(Duration::from_secs(60));
    assert_eq!(
        world.story(ALICE),
        [
            "ringing",
            "bob joined",
            "connecting",
            "connected",
            "ended: hung_up"
        ]
    );
    assert_eq!(
        world.story(BOB),
        [
            "ringing from alice",
            "connecting",
            "connected",
            "alice left: remote_hung_up",
            "ended: remote_hung_up"
        ]
    );
    assert!(world.relay.is_idle());
}

#[test]
fn the_caller_is_told_who_hung_up() {
    let mut world = connected();
    world.hang_up(BOB);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.ended(ALICE), [EndReason::RemoteHungUp]);
    assert_eq!(world.ended(BOB), [EndReason::HungUp]);
}

#[test]
fn declined() {
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    world.decline(BOB);
    world.settle();
    assert_eq!(world.ended(ALICE), [EndReason::Declined]);
    assert_eq!(world.ended(BOB), [EndReason::DeclinedHere]);
    assert_eq!(world.clients[ALICE].permits + world.clients[BOB].permits, 0);
}

#[test]
fn busy_and_offline() {
    let mut world = World::of(&["alice", "bob", "carol"]);
    world.call(ALICE, BOB);
    world.settle();
    world.accept(BOB);
    world.settle();
    world.call(2, BOB);
    world.settle();
    assert_eq!(world.ended(2), [EndReason::Busy]);
    world.hang_up(BOB);
    world.settle();
    world.disconnect(BOB);
    world.call(2, BOB);
    world.settle();
    assert_eq!(world.ended(2), [EndReason::Busy, EndReason::Offline]);
}

#[test]
fn two_callers_at_once_get_one_ring() {
    let mut world = World::of(&["alice", "bob", "carol"]);
    world.call(ALICE, BOB);
    world.settle();
    world.call(2, BOB);
    world.settle();
    assert_eq!(world.ended(2), [EndReason::Busy]);
    world.accept(BOB);
    world.settle();
    assert_eq!(world.phases()[..2], [Some(CallPhase::Connected); 2]);
}

#[test]
fn nobody_answers() {
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.pass(RING + Duration::from_secs(1));
    assert_eq!(world.ended(ALICE), [EndReason::TimedOut]);
    assert_eq!(world.ended(BOB), [EndReason::TimedOut]);
}

#[test]
fn a_server_that_never_ends_a_ring() {
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    world.relay.restart();
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.ended(ALICE), [EndReason::TimedOut]);
    assert_eq!(world.ended(BOB), [EndReason::TimedOut]);
}

#[test]
fn cancelled() {
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    world.hang_up(ALICE);
    world.settle();
    assert_eq!(world.ended(ALICE), [EndReason::HungUp]);
    assert_eq!(world.ended(BOB), [EndReason::Cancelled]);
}

#[test]
fn answered_elsewhere() {
    let mut world = World::of(&["alice", "bob", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    world.accept(1);
    world.settle();
    assert_eq!(world.ended(2), [EndReason::AnsweredElsewhere]);
    assert_eq!(world.phases()[..2], [Some(CallPhase::Connected); 2]);
}

#[test]
fn two_sessions_accept_at_the_same_moment() {
    let mut world = World::of(&["alice", "bob", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    world.accept(1);
    world.accept(2);
    world.settle();
    assert_eq!(world.ended(2), [EndReason::AnsweredElsewhere]);
    assert_eq!(world.phases()[..2], [Some(CallPhase::Connected); 2]);
}

#[test]
fn declined_elsewhere() {
    let mut world = World::of(&["alice", "bob", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    world.decline(2);
    world.settle();
    assert_eq!(world.ended(1), [EndReason::DeclinedElsewhere]);
    assert_eq!(world.ended(ALICE), [EndReason::Declined]);
}

#[test]
fn hung_up_before_the_echo() {
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.hang_up(ALICE);
    assert_eq!(world.ended(ALICE), [EndReason::HungUp]);
    world.settle();
    assert_eq!(world.ended(BOB), [EndReason::Cancelled]);
    assert!(world.relay.is_idle());
}

#[test]
fn hung_up_before_the_echo_and_called_again() {
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.hang_up(ALICE);
    world.call(ALICE, BOB);
    world.pass(Duration::from_secs(1));
    assert_eq!(
        world.phases(),
        [Some(CallPhase::RingingOut), Some(CallPhase::RingingIn)]
    );
    assert_eq!(world.ended(BOB), [EndReason::Cancelled]);
    world.accept(BOB);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
    assert_eq!(world.clients[ALICE].permits, 1);
}

#[test]
fn hung_up_before_anything_was_sent() {
    let mut world = World::of(&["alice", "bob"]);
    world.clients[ALICE].gathers_at_once = false;
    world.call(ALICE, BOB);
    world.hang_up(ALICE);
    world.pass(Duration::from_secs(1));
    assert!(world.clients[ALICE].said.is_empty());
    assert_eq!(world.ended(ALICE), [EndReason::HungUp]);
}

#[test]
fn a_quit_that_crosses_the_accept() {
    // The server has the 503 first.
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    world.accept(BOB);
    world.hang_up(ALICE);
    while world.deliver_up(ALICE) {}
    world.settle();
    assert_eq!(world.ended(BOB), [EndReason::Cancelled]);
    assert_eq!(world.ended(ALICE), [EndReason::HungUp]);

    // The server has the 502 first.
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    world.accept(BOB);
    world.hang_up(ALICE);
    while world.deliver_up(BOB) {}
    world.settle();
    assert_eq!(world.ended(BOB), [EndReason::RemoteHungUp]);
    assert_eq!(world.ended(ALICE), [EndReason::HungUp]);
    assert_eq!(world.clients[ALICE].permits, 0);
    assert!(world.relay.is_idle());
}

#[test]
fn a_second_call_right_behind_the_first() {
    let mut world = connected();
    // The end of the first call is on its way to bob while alice calls again.
    world.hang_up(ALICE);
    world.call(ALICE, BOB);
    while world.deliver_up(ALICE) {}
    world.settle();
    assert_eq!(
        world.phases(),
        [Some(CallPhase::RingingOut), Some(CallPhase::RingingIn)]
    );
    assert_eq!(world.clients[ALICE].permits, 1);
    world.accept(BOB);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
    assert_eq!(world.clients[ALICE].permits, 2);
}

#[test]
fn an_accept_of_the_first_call_does_not_open_the_second() {
    let mut world = World::of(&["alice", "bob"]);
    world.call(ALICE, BOB);
    world.settle();
    world.accept(BOB);
    // Alice has hung up and called again before bob's accept reaches her.
    world.hang_up(ALICE);
    world.call(ALICE, BOB);
    while world.deliver_up(BOB) {}
    while world.deliver_down(ALICE) {}
    assert_eq!(world.phases()[ALICE], Some(CallPhase::RingingOut));
    assert_eq!(world.clients[ALICE].permits, 0, "bob accepted another call");
    world.settle();
    assert_eq!(
        world.phases(),
        [Some(CallPhase::RingingOut), Some(CallPhase::RingingIn)]
    );
}

#[test]
fn addresses_that_come_late() {
    for (alice, bob) in [(false, true), (true, false), (false, false)] {
        let mut world = World::of(&["alice", "bob"]);
        world.clients[ALICE].gathers_at_once = alice;
        world.clients[BOB].gathers_at_once = bob;
        world.call(ALICE, BOB);
        world.pass(Duration::from_secs(1));
        world.accept(BOB);
        world.pass(Duration::from_secs(1));
        assert_eq!(world.phases(), [Some(CallPhase::Connecting); 2]);
        for who in [ALICE, BOB] {
            if world.clients[who].must_gather {
                world.gather(who);
            }
        }
        world.settle();
        assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
    }
}

#[test]
fn addresses_that_never_come() {
    let mut world = World::of(&["alice", "bob"]);
    world.clients[BOB].gathers_at_once = false;
    world.call(ALICE, BOB);
    world.pass(Duration::from_secs(1));
    world.accept(BOB);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.ended(BOB), [EndReason::NoPath]);
    assert_eq!(world.ended(ALICE).len(), 1);
    assert!(world.relay.is_idle());
}

#[test]
fn the_users_acts_out_of_turn() {
    let mut world = World::of(&["alice", "bob"]);
    let now = world.now;
    let alice = &mut world.clients[ALICE].machine;
    assert_eq!(alice.accept(now), Err(CallError::NoCall));
    assert_eq!(alice.decline(), Err(CallError::NoCall));
    assert_eq!(alice.hang_up(), Err(CallError::NoCall));
    assert_eq!(alice.add_people(Vec::new()), Err(CallError::NoCall));
    world.call(ALICE, BOB);
    let alice = &mut world.clients[ALICE].machine;
    assert_eq!(alice.accept(now), Err(CallError::NotRinging));
    assert_eq!(alice.decline(), Err(CallError::NotRinging));
    assert_eq!(alice.add_people(Vec::new()), Err(CallError::NoCall));
    world.settle();
    let bob = &mut world.clients[BOB].machine;
    // To the server this would be an accept.
    assert_eq!(bob.add_people(Vec::new()), Err(CallError::NoCall));
    assert_eq!(bob.hang_up(), Ok(()), "declines");
    world.drain(BOB);
    world.settle();
    assert_eq!(world.ended(ALICE), [EndReason::Declined]);
    assert_eq!(world.ended(BOB), [EndReason::DeclinedHere]);
}

#[test]
fn sound_that_fails() {
    let mut world = connected();
    world.clients[BOB]
        .machine
        .fail_audio(Some("no microphone".to_owned()));
    world.drain(BOB);
    world.settle();
    assert_eq!(world.ended(BOB), [EndReason::Audio]);
    assert_eq!(world.ended(ALICE), [EndReason::RemoteHungUp]);
    world.clients[BOB].machine.fail_audio(None);
    assert!(world.clients[BOB].machine.poll_output().is_none());
}
