//! Profiles that take another name, in each phase.

use cooee_protocol::{ClientMessage, ErrorCode, ErrorReply};

use super::alice::{Alice, echo, ended, list, outputs, quit, requests, ring};
use super::world::{World, info, name};
use crate::call::{CallOutput, CallPhase, EndReason, Target};

#[test]
fn renames_in_each_phase() {
    // The person called, before the 501 goes out.
    let mut alice = Alice::new();
    alice
        .machine
        .place(alice.now, Target::Contact(name("bob")))
        .unwrap();
    alice.machine.handle_rename(&name("bob"), &name("robert"));
    alice.machine.handle_local_info(info("a", 1));
    let said = requests(&outputs(&mut alice.machine));
    let (request, ClientMessage::Ring(place)) = &said[0] else {
        panic!("{said:?}");
    };
    assert_eq!(place.list_pseudo, [name("robert")]);
    // While ringing.
    alice.machine.handle_answer(request, Ok(&echo("pair")));
    alice.machine.handle_rename(&name("robert"), &name("bob"));
    assert_eq!(
        ended(&alice.hear(&quit("pair", "bob", "declined"))),
        Some(EndReason::Declined)
    );

    // The caller, before the accept; then oneself.
    let mut alice = Alice::new();
    alice.hear(&ring("pair", "bob"));
    alice.machine.handle_rename(&name("bob"), &name("robert"));
    alice.machine.handle_rename(&name("alice"), &name("ally"));
    alice.machine.accept(alice.now).unwrap();
    let participants: Vec<_> = alice.machine.participants().cloned().collect();
    assert_eq!(participants, [name("robert")]);
    let said = requests(&outputs(&mut alice.machine));
    assert!(matches!(&said[0].1, ClientMessage::Accept(join) if join.pseudo == name("ally")));

    // A participant, and oneself, in the call.
    let mut alice = Alice::connected();
    alice.machine.handle_rename(&name("bob"), &name("Bob"));
    alice.machine.handle_rename(&name("Bob"), &name("robert"));
    let story = outputs(&mut alice.machine);
    assert!(matches!(
        &story[..],
        [CallOutput::RenamePeer { .. }, CallOutput::RenamePeer { name: now, .. }]
            if *now == name("robert")
    ));
    alice.machine.handle_rename(&name("alice"), &name("ally"));
    assert!(
        alice
            .hear(&list(
                "pair",
                &[("robert", info("b", 1)), ("ally", info("a", 1))]
            ))
            .is_empty()
    );
    let story = alice.hear(&quit("pair", "robert", "quit"));
    assert_eq!(ended(&story), Some(EndReason::RemoteHungUp));
}

#[test]
fn a_rename_that_crosses_the_502_or_503() {
    let refused = ErrorReply::new(ErrorCode::NotAllowed, "for themselves only");
    let mut alice = Alice::new();
    alice.hear(&ring("pair", "bob"));
    alice.machine.accept(alice.now).unwrap();
    let said = requests(&outputs(&mut alice.machine));
    alice.machine.handle_rename(&name("alice"), &name("ally"));
    alice.machine.handle_answer(&said[0].0, Err(&refused));
    let again = requests(&outputs(&mut alice.machine));
    assert!(
        matches!(&again[..], [(_, ClientMessage::Accept(join))] if join.pseudo == name("ally"))
    );
    assert_eq!(alice.machine.phase(), Some(CallPhase::Connecting));

    alice.machine.hang_up().unwrap();
    let said = requests(&outputs(&mut alice.machine));
    alice.machine.handle_rename(&name("ally"), &name("alice"));
    alice.machine.handle_answer(&said[0].0, Err(&refused));
    let again = requests(&outputs(&mut alice.machine));
    assert!(matches!(&again[..], [(_, ClientMessage::Quit(quit))] if quit.pseudo == name("alice")));
    alice.machine.handle_answer(&again[0].0, Err(&refused));
    assert!(outputs(&mut alice.machine).is_empty(), "not for ever");
}

#[test]
fn two_people_of_the_relay_rename_each_other() {
    let mut world = World::of(&["alice", "bob"]);
    world.call(0, 1);
    world.settle();
    world.rename(0, "ann");
    world.rename(1, "ben");
    world.settle();
    world.accept(1);
    world.settle();
    assert_eq!(world.phases(), [Some(CallPhase::Connected); 2]);
    world.rename(0, "alice");
    world.hang_up(0);
    world.settle();
    assert!(world.relay.is_idle());
    assert_eq!(world.ended(1), [EndReason::RemoteHungUp]);
}
