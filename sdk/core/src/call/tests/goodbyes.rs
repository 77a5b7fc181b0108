//! Participants who leave without the server: they say so themselves, or are never heard again.

use std::time::Duration;

use cooee_protocol::{ClientMessage, GroupId};

use super::alice::{Alice, asks, echo, ended, id, join, list, outputs, quit, requests};
use super::world::{info, name};
use crate::call::{CallEvent, CallOutput, CallPhase, EndReason, Target};
use crate::path::PeerId;

/// Alice in a group's call with others, all of whom are reached.
fn with(others: &[&str]) -> (Alice, Vec<PeerId>) {
    let mut alice = Alice::new();
    let people = others.iter().map(|who| name(who)).collect();
    let target = Target::Group(id("team"), people);
    alice.machine.place(alice.now, target).unwrap();
    alice.machine.handle_local_info(info("a", 1));
    let said = requests(&outputs(&mut alice.machine));
    alice.machine.handle_answer(&said[0].0, Ok(&echo("team")));
    for who in others {
        alice.hear(&join("team", who));
    }
    alice.hear(&asks("team"));
    let entries: Vec<_> = others.iter().map(|who| (*who, info(who, 1))).collect();
    let heard = alice.hear(&list("team", &entries));
    let peers = heard.iter().filter_map(|output| match output {
        CallOutput::AddPeer { peer, .. } => Some(*peer),
        _ => None,
    });
    let peers: Vec<PeerId> = peers.collect();
    assert_eq!(peers.len(), others.len());
    for peer in &peers {
        alice.machine.handle_path_selected(alice.now, *peer);
    }
    outputs(&mut alice.machine);
    (alice, peers)
}

fn left(outputs: &[CallOutput]) -> Vec<(String, EndReason)> {
    let one = |output: &CallOutput| match output {
        CallOutput::Event(CallEvent::Left { who, reason, .. }) => Some((who.to_string(), *reason)),
        _ => None,
    };
    outputs.iter().filter_map(one).collect()
}

fn quits(outputs: &[CallOutput]) -> Vec<GroupId> {
    let sent = requests(outputs).into_iter();
    sent.filter_map(|(_, message)| match message {
        ClientMessage::Quit(quit) => Some(quit.id_group),
        _ => None,
    })
    .collect()
}

fn pass(alice: &mut Alice, seconds: u64) -> Vec<CallOutput> {
    alice.now += Duration::from_secs(seconds);
    alice.machine.handle_timeout(alice.now);
    outputs(&mut alice.machine)
}

#[test]
fn of_the_person_called_ends_the_call_and_tells_the_server() {
    for online in [true, false] {
        let mut alice = Alice::connected();
        if !online {
            alice.machine.handle_disconnected(alice.now);
        }
        let bob = PeerId(1);
        assert_eq!(alice.machine.name(bob), Some(&name("bob")));
        alice.machine.handle_goodbye(alice.now, bob);
        let mut heard = outputs(&mut alice.machine);
        assert_eq!(ended(&heard), Some(EndReason::RemoteHungUp));
        if !online {
            assert!(quits(&heard).is_empty());
            alice.machine.handle_resumed(alice.now);
            heard = outputs(&mut alice.machine);
        }
        assert_eq!(quits(&heard), [id("pair")]);
    }
}

#[test]
fn leave_the_others_in_the_call() {
    let (mut alice, peers) = with(&["bob", "carol"]);
    alice.machine.handle_disconnected(alice.now);
    alice.machine.handle_goodbye(alice.now, peers[0]);
    let heard = outputs(&mut alice.machine);
    assert_eq!(left(&heard), [("bob".to_owned(), EndReason::RemoteHungUp)]);
    assert!(
        heard
            .iter()
            .any(|output| matches!(output, CallOutput::RemovePeer(peer) if *peer == peers[0]))
    );
    assert_eq!(alice.machine.phase(), Some(CallPhase::Connected));
    // The server is back, and has bob in the call until his session times out.
    alice.machine.handle_resumed(alice.now);
    outputs(&mut alice.machine);
    let stale = [("bob", info("bob", 1)), ("carol", info("carol", 1))];
    let heard = alice.hear(&list("team", &stale));
    assert!(heard.is_empty(), "{heard:?}");
    assert!(alice.hear(&quit("team", "bob", "lost")).is_empty());
    assert_eq!(alice.machine.participants().count(), 1);
    // Somebody who comes again has drawn another key.
    let again = [("bob", info("another", 1)), ("carol", info("carol", 1))];
    let heard = alice.hear(&list("team", &again));
    assert!(
        heard
            .iter()
            .any(|output| matches!(output, CallOutput::AddPeer { .. }))
    );
    let heard = alice.hear(&quit("team", "bob", "lost"));
    assert_eq!(left(&heard), [("bob".to_owned(), EndReason::Lost)]);
}

#[test]
fn of_the_last_one_end_the_call() {
    for (online, seconds) in [(false, 0), (true, 2)] {
        let (mut alice, peers) = with(&["bob"]);
        if !online {
            alice.machine.handle_disconnected(alice.now);
        }
        alice.machine.handle_goodbye(alice.now, peers[0]);
        let heard = outputs(&mut alice.machine);
        assert_eq!(ended(&heard), None, "the server may say more");
        let heard = pass(&mut alice, seconds);
        assert_eq!(ended(&heard), Some(EndReason::RemoteHungUp));
        assert_eq!(quits(&heard).len(), usize::from(online));
    }
    // The one before had said goodbye and the server still waits for him.
    let (mut alice, peers) = with(&["bob", "carol"]);
    alice.machine.handle_goodbye(alice.now, peers[0]);
    alice.hear(&quit("team", "carol", "quit"));
    assert_eq!(ended(&pass(&mut alice, 1)), None);
    let heard = pass(&mut alice, 1);
    assert_eq!(ended(&heard), Some(EndReason::RemoteHungUp));
    // Somebody comes in that moment.
    let (mut alice, peers) = with(&["bob"]);
    alice.machine.handle_goodbye(alice.now, peers[0]);
    alice.hear(&join("team", "carol"));
    assert_eq!(ended(&pass(&mut alice, 10)), None);
}

#[test]
fn of_a_stranger_are_nothing() {
    let (mut alice, _) = with(&["bob"]);
    alice.machine.handle_goodbye(alice.now, PeerId(99));
    assert!(outputs(&mut alice.machine).is_empty());
}

/// Nobody says goodbye who crashes, and the server is not there to find out.
#[test]
fn a_crashed_one_goes_after_consent_and_the_session_have_timed_out() {
    let (mut alice, peers) = with(&["bob", "carol"]);
    alice.machine.handle_path_lost(alice.now, peers[0]);
    assert!(
        left(&pass(&mut alice, 3600)).is_empty(),
        "the server would have said it"
    );
    alice.machine.handle_disconnected(alice.now);
    assert!(left(&pass(&mut alice, 59)).is_empty());
    let heard = pass(&mut alice, 1);
    assert_eq!(left(&heard), [("bob".to_owned(), EndReason::Lost)]);
    assert_eq!(alice.machine.phase(), Some(CallPhase::Connected));
    // Consent counts from the loss, however long the server has been away.
    alice.machine.handle_path_selected(alice.now, peers[1]);
    let (mut alice, peers) = with(&["bob", "carol"]);
    alice.machine.handle_disconnected(alice.now);
    pass(&mut alice, 100);
    alice.machine.handle_path_lost(alice.now, peers[0]);
    assert!(left(&pass(&mut alice, 29)).is_empty());
    assert_eq!(left(&pass(&mut alice, 1)).len(), 1);
    // Who is back in time stays.
    alice.machine.handle_path_lost(alice.now, peers[1]);
    pass(&mut alice, 29);
    alice.machine.handle_path_selected(alice.now, peers[1]);
    assert!(left(&pass(&mut alice, 60)).is_empty());
    // Without any path it ends with that reason.
    alice.machine.handle_path_lost(alice.now, peers[1]);
    assert_eq!(ended(&pass(&mut alice, 29)), None);
    let heard = pass(&mut alice, 1);
    assert_eq!(ended(&heard), Some(EndReason::NoPath));
}
