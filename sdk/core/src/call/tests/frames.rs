//! Single frames that are late, early or strange.

use std::time::Duration;

use cooee_protocol::{CallInfo, ClientMessage, ErrorCode, ErrorReply, InfoCall, ServerMessage};

use super::alice::{Alice, asks, echo, ended, id, join, list, outputs, quit, requests, ring};
use super::world::{info, name};
use crate::call::{CallEvent, CallOutput, CallPhase, CallRequest, EndReason};

#[test]
fn what_precedes_the_echo_is_of_an_earlier_call() {
    let (mut alice, request) = Alice::calling();
    let timeout = ServerMessage::Error(ErrorReply {
        id_group: Some(id("pair")),
        reason: Some("timeout".to_owned()),
        ..ErrorReply::new(ErrorCode::CallFailed, "")
    });
    let stale = [
        join("pair", "bob"),
        asks("pair"),
        list("pair", &[("bob", info("b", 1))]),
        quit("pair", "bob", "quit"),
        quit("pair", "alice", "ended"),
        timeout,
    ];
    for message in &stale {
        assert!(alice.hear(message).is_empty(), "{message:?}");
    }
    assert_eq!(alice.machine.phase(), Some(CallPhase::RingingOut));
    // A ring of bob's is glare; that he withdraws it does not withdraw this call.
    assert!(alice.hear(&ring("pair", "bob")).is_empty());
    for message in &stale {
        assert!(alice.hear(message).is_empty(), "{message:?}");
    }
    alice.machine.handle_answer(&request, Ok(&echo("pair")));
    assert_eq!(alice.machine.phase(), Some(CallPhase::RingingOut));
}

#[test]
fn what_precedes_the_echo_of_the_503_is_stale() {
    let mut alice = Alice::connected();
    alice.machine.hang_up().unwrap();
    let said = requests(&outputs(&mut alice.machine));
    for message in [
        join("pair", "carol"),
        asks("pair"),
        list("pair", &[("bob", info("b", 2))]),
        quit("pair", "bob", "quit"),
        ring("pair", "bob"),
    ] {
        assert!(alice.hear(&message).is_empty(), "{message:?}");
    }
    let (request, ClientMessage::Quit(sent)) = &said[0] else {
        panic!("{said:?}");
    };
    alice
        .machine
        .handle_answer(request, Ok(&ServerMessage::Quit(sent.clone())));
    assert!(outputs(&mut alice.machine).is_empty());
    alice.hear(&ring("pair", "bob"));
    assert_eq!(alice.machine.phase(), Some(CallPhase::RingingIn));
}

#[test]
fn a_call_that_is_not_here_is_left_once() {
    let mut alice = Alice::new();
    let said = requests(&alice.hear(&asks("ghost")));
    assert!(
        matches!(&said[..], [(_, ClientMessage::Quit(_))]),
        "{said:?}"
    );
    assert!(alice.hear(&list("ghost", &[])).is_empty(), "said already");
    let error = ErrorReply::new(ErrorCode::CallFailed, "");
    alice.machine.handle_answer(&said[0].0, Err(&error));
    assert_eq!(requests(&alice.hear(&list("ghost", &[]))).len(), 1);
    assert!(alice.hear(&join("ghost", "bob")).is_empty());
    assert!(alice.hear(&quit("ghost", "bob", "quit")).is_empty());
}

#[test]
fn strange_calls_do_not_grow_without_end() {
    let mut alice = Alice::new();
    let mut said = 0;
    for call in 0..10_000 {
        said += alice.hear(&asks(&format!("ghost {call}"))).len();
    }
    assert!(said < 100, "{said}");
    let mut alice = Alice::connected();
    for person in 0..5_000 {
        alice.hear(&join("pair", &format!("p{person}")));
    }
    assert!(alice.machine.participants().count() <= 1_000);
}

#[test]
fn addresses_before_the_accept() {
    // 507 before 502, and before 505.
    let mut alice = Alice::ringing();
    let story = alice.hear(&list("pair", &[("bob", info("b", 1))]));
    let permits = |story: &[CallOutput]| {
        let permit = |output: &&CallOutput| matches!(output, CallOutput::OpenVoice(_));
        story.iter().filter(permit).count()
    };
    assert_eq!(permits(&story), 1);
    let joined = |story: &[CallOutput]| {
        let joined =
            |output: &&CallOutput| matches!(output, CallOutput::Event(CallEvent::Joined { .. }));
        story.iter().filter(joined).count()
    };
    assert_eq!(joined(&story), 1);
    let story = alice.hear(&join("pair", "bob"));
    assert_eq!(joined(&story), 0, "told already");
    let story = alice.hear(&asks("pair"));
    assert_eq!(permits(&story), 0);
    assert!(
        requests(&story).is_empty(),
        "the 501 has told the addresses"
    );

    // A list of nobody is nobody's accept.
    let mut alice = Alice::ringing();
    assert!(alice.hear(&list("pair", &[])).is_empty());
    assert!(
        alice
            .hear(&list("pair", &[("alice", info("x", 1))]))
            .is_empty()
    );
    assert_eq!(alice.machine.phase(), Some(CallPhase::RingingOut));
}

#[test]
fn nothing_of_the_server_opens_the_microphone_of_one_who_is_rung() {
    let mut alice = Alice::new();
    alice.hear(&ring("pair", "bob"));
    alice.machine.handle_local_info(info("a", 1));
    for message in [
        join("pair", "bob"),
        join("pair", "alice"),
        asks("pair"),
        list("pair", &[("bob", info("b", 1))]),
        ring("pair", "bob"),
        echo("pair"),
    ] {
        for output in alice.hear(&message) {
            assert!(matches!(output, CallOutput::Event(_)), "{output:?}");
        }
    }
    assert_eq!(alice.machine.phase(), Some(CallPhase::RingingIn));
}

#[test]
fn people_who_tell_their_addresses_later() {
    let mut alice = Alice::ringing();
    alice.hear(&join("pair", "bob"));
    let story = alice.hear(&list("pair", &[("bob", CallInfo::untold())]));
    assert!(
        !story
            .iter()
            .any(|output| matches!(output, CallOutput::AddPeer { .. }))
    );
    assert_eq!(alice.machine.participants().count(), 1);
    let story = alice.hear(&list("pair", &[("bob", info("b", 1))]));
    let [CallOutput::AddPeer { peer, .. }] = story[..] else {
        panic!("{story:?}");
    };
    // Another network under the same key, then the same again.
    let story = alice.hear(&list("pair", &[("bob", info("b", 2))]));
    assert!(matches!(&story[..], [CallOutput::UpdatePeer { peer: known, .. }] if *known == peer));
    assert!(
        alice
            .hear(&list("pair", &[("bob", info("b", 2))]))
            .is_empty()
    );
    // Untold again, as by a session that took the place over: the path is kept meanwhile.
    assert!(
        alice
            .hear(&list("pair", &[("bob", CallInfo::untold())]))
            .is_empty()
    );
    // Another key: another path.
    let story = alice.hear(&list("pair", &[("bob", info("c", 1))]));
    assert!(matches!(
        &story[..],
        [CallOutput::RemovePeer(gone), CallOutput::AddPeer { peer: new, .. }]
            if *gone == peer && *new != peer
    ));
}

#[test]
fn new_keys_of_the_only_participant_are_a_path_that_is_lost() {
    let mut alice = Alice::connected();
    let story = alice.hear(&list("pair", &[("bob", info("c", 1))]));
    assert_eq!(alice.machine.phase(), Some(CallPhase::Reconnecting));
    let peer = story.iter().find_map(|output| match output {
        CallOutput::AddPeer { peer, .. } => Some(*peer),
        _ => None,
    });
    alice.machine.handle_path_selected(alice.now, peer.unwrap());
    assert_eq!(alice.machine.phase(), Some(CallPhase::Connected));
    assert!(alice.machine.poll_timeout().is_none());
}

#[test]
fn paths_that_are_lost_and_found() {
    let mut alice = Alice::connected();
    let peer = crate::path::PeerId(1);
    assert_eq!(alice.machine.name(peer), Some(&name("bob")));
    alice.machine.handle_path_lost(alice.now, peer);
    assert_eq!(alice.machine.phase(), Some(CallPhase::Reconnecting));
    alice.machine.handle_path_lost(alice.now, peer);
    alice.machine.handle_path_selected(alice.now, peer);
    assert_eq!(alice.machine.phase(), Some(CallPhase::Connected));
    alice
        .machine
        .handle_path_lost(alice.now, crate::path::PeerId(77));
    assert_eq!(alice.machine.phase(), Some(CallPhase::Connected));
    alice.machine.handle_path_lost(alice.now, peer);
    outputs(&mut alice.machine);
    let due = alice.machine.poll_timeout().unwrap();
    alice.machine.handle_timeout(due - Duration::from_millis(1));
    assert!(outputs(&mut alice.machine).is_empty());
    alice.machine.handle_timeout(due);
    let story = outputs(&mut alice.machine);
    assert_eq!(ended(&story), Some(EndReason::NoPath));
    assert_eq!(requests(&story).len(), 1, "the others are told");
}

#[test]
fn one_who_leaves_takes_the_last_path_along() {
    // In a group that alice was called into; bob is the only one who is reached.
    let mut alice = Alice::new();
    alice.hear(&ring("group", "bob"));
    alice.machine.handle_local_info(info("a", 1));
    alice.machine.accept(alice.now).unwrap();
    outputs(&mut alice.machine);
    let both = [("bob", info("b", 1)), ("carol", info("c", 1))];
    for output in alice.hear(&list("group", &both)) {
        if let CallOutput::AddPeer {
            peer, name: who, ..
        } = output
            && who == name("bob")
        {
            alice.machine.handle_path_selected(alice.now, peer);
        }
    }
    assert_eq!(alice.machine.phase(), Some(CallPhase::Connected));
    alice.hear(&quit("group", "bob", "quit"));
    assert_eq!(alice.machine.phase(), Some(CallPhase::Reconnecting));
    assert!(alice.machine.poll_timeout().is_some());
}

#[test]
fn answers_of_an_earlier_call_do_not_touch_the_next() {
    let (mut alice, first) = Alice::calling();
    alice.machine.handle_answer(&first, Ok(&echo("pair")));
    alice.machine.hang_up().unwrap();
    outputs(&mut alice.machine);
    alice.hear(&ring("other", "carol"));
    alice.machine.accept(alice.now).unwrap();
    outputs(&mut alice.machine);
    let error = ErrorReply::new(ErrorCode::CallFailed, "");
    alice.machine.handle_answer(&first, Err(&error));
    assert!(outputs(&mut alice.machine).is_empty());
    assert_eq!(alice.machine.phase(), Some(CallPhase::Connecting));
}

#[test]
fn refusals_end_the_call_with_their_reason() {
    let refusal = |code, reason: Option<&str>| ErrorReply {
        reason: reason.map(str::to_owned),
        ..ErrorReply::new(code, "words")
    };
    for (error, reason) in [
        (
            refusal(ErrorCode::CallFailed, Some("busy")),
            EndReason::Busy,
        ),
        (
            refusal(ErrorCode::CallFailed, Some("offline")),
            EndReason::Offline,
        ),
        (
            refusal(ErrorCode::CallFailed, Some("not_allowed")),
            EndReason::Refused,
        ),
        (refusal(ErrorCode::CallFailed, None), EndReason::Refused),
        (refusal(ErrorCode::NotAllowed, None), EndReason::Refused),
        (refusal(ErrorCode::ServerFault, None), EndReason::ServerLost),
        (refusal(ErrorCode::SlowDown, None), EndReason::ServerLost),
    ] {
        let (mut alice, request) = Alice::calling();
        alice.machine.handle_answer(&request, Err(&error));
        assert_eq!(ended(&outputs(&mut alice.machine)), Some(reason));
        assert_eq!(alice.machine.phase(), None);
    }
    for (error, reason) in [
        (refusal(ErrorCode::CallFailed, None), EndReason::Cancelled),
        (
            refusal(ErrorCode::NotAllowed, None),
            EndReason::AnsweredElsewhere,
        ),
        (refusal(ErrorCode::Invalid, None), EndReason::Refused),
        (refusal(ErrorCode::ServerFault, None), EndReason::ServerLost),
    ] {
        let mut alice = Alice::new();
        alice.hear(&ring("pair", "bob"));
        alice.machine.accept(alice.now).unwrap();
        let said = requests(&outputs(&mut alice.machine));
        alice.machine.handle_answer(&said[0].0, Err(&error));
        assert_eq!(ended(&outputs(&mut alice.machine)), Some(reason));
    }
}

#[test]
fn an_own_503_ends_the_ring_with_its_word() {
    for (word, reason) in [
        ("answered_elsewhere", EndReason::AnsweredElsewhere),
        ("declined_elsewhere", EndReason::DeclinedElsewhere),
        ("timeout", EndReason::TimedOut),
        ("busy", EndReason::Busy),
        ("left_group", EndReason::LeftGroup),
        ("a later version's word", EndReason::Unknown),
    ] {
        let mut alice = Alice::new();
        alice.hear(&ring("pair", "bob"));
        assert_eq!(
            ended(&alice.hear(&quit("pair", "Alice", word))),
            Some(reason)
        );
        assert!(
            alice.hear(&quit("pair", "alice", word)).is_empty(),
            "ended once"
        );
    }
}

#[test]
fn others_who_decline_do_not_stop_the_ring_here() {
    let mut alice = Alice::new();
    alice.hear(&ring("group", "bob"));
    assert!(alice.hear(&quit("group", "carol", "declined")).is_empty());
    assert_eq!(alice.machine.phase(), Some(CallPhase::RingingIn));
    // Whoever was there last has left: it need not be the one who rang.
    let story = alice.hear(&quit("group", "dave", "cancelled"));
    assert_eq!(ended(&story), Some(EndReason::Cancelled));
}

#[test]
fn another_caller_of_the_same_group_is_another_call() {
    let mut alice = Alice::new();
    alice.hear(&ring("group", "bob"));
    let story = alice.hear(&ring("group", "carol"));
    assert_eq!(ended(&story), Some(EndReason::Cancelled));
    assert_eq!(alice.machine.phase(), Some(CallPhase::RingingIn));
}

#[test]
fn a_new_network_is_told_at_once_and_kept_by_the_server_until_the_accept() {
    let told = |said: &[(CallRequest, ClientMessage)], network| match said {
        [(_, ClientMessage::InfoCall(InfoCall { info, .. }))] => info.port == network,
        _ => false,
    };
    let mut alice = Alice::ringing();
    alice.machine.handle_local_info(info("a", 2));
    let said = requests(&outputs(&mut alice.machine));
    assert!(told(&said, 2), "{said:?}");
    alice.hear(&join("pair", "bob"));
    let said = requests(&alice.hear(&asks("pair")));
    assert!(said.is_empty(), "it was told already: {said:?}");
    alice.machine.handle_local_info(info("a", 3));
    let said = requests(&outputs(&mut alice.machine));
    assert!(told(&said, 3), "{said:?}");
    alice.machine.handle_local_info(info("a", 3));
    assert!(outputs(&mut alice.machine).is_empty());
}

#[test]
fn nothing_is_told_before_the_call_has_an_echo() {
    let (mut alice, _) = Alice::calling();
    alice.machine.handle_local_info(info("a", 2));
    assert!(requests(&outputs(&mut alice.machine)).is_empty());
}

#[test]
fn a_request_that_is_never_answered() {
    let (mut alice, request) = Alice::calling();
    let error = ErrorReply::new(ErrorCode::ServerFault, "no answer in time");
    alice.hear(&ring("pair", "bob"));
    alice.machine.handle_answer(&request, Err(&error));
    let story = outputs(&mut alice.machine);
    assert_eq!(ended(&story), Some(EndReason::ServerLost));
    assert_eq!(requests(&story).len(), 1, "a 503, as the id is known");
}

#[test]
fn the_session_ends() {
    for mut alice in [Alice::ringing(), Alice::connected()] {
        alice.machine.handle_signed_out();
        let story = outputs(&mut alice.machine);
        assert_eq!(ended(&story), Some(EndReason::ServerLost));
        assert!(requests(&story).is_empty());
        alice.machine.handle_signed_out();
        assert!(outputs(&mut alice.machine).is_empty());
    }
}
