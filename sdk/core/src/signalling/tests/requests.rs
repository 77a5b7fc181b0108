use std::time::Duration;

use cooee_protocol::{ClientMessage, Empty};
use serde_json::json;

use super::super::{RequestError, SignallingOutput, SignallingState};
use super::{Rig, login, profile, words};

#[test]
fn answers_find_their_requests() {
    let mut rig = Rig::online();
    let (first, second) = (rig.request().unwrap(), rig.request().unwrap());
    let sent = rig.sent();
    assert_ne!(sent[0]["seq"], sent[1]["seq"]);
    rig.hear(&json!({"type": 405, "re": sent[1]["seq"], "detail": "no such profile"}));
    rig.hear(&json!({"type": 205, "re": sent[0]["seq"],
        "args": {"pp": "", "pseudo": "bob", "status": "pending"}}));
    let outputs = rig.outputs();
    assert!(matches!(
        &outputs[..],
        [
            SignallingOutput::Answer(two, Err(RequestError::Refused(_))),
            SignallingOutput::Answer(one, Ok(_)),
        ] if *two == second && *one == first
    ));
    // Once is enough.
    rig.hear(&json!({"type": 405, "re": sent[1]["seq"]}));
    assert!(rig.outputs().is_empty());
}

#[test]
fn answers_to_nothing_are_no_notifications() {
    let mut rig = Rig::online();
    for re in [json!(77), json!(1), json!(-3), json!(1.5), json!(u64::MAX)] {
        let mut frame = profile(None, "bob", None);
        frame["re"] = re;
        rig.hear(&frame);
        assert!(rig.outputs().is_empty(), "{frame}");
    }
    rig.hear(&profile(None, "bob", None));
    assert_eq!(words(&rig.outputs()), ["note 202"]);
}

#[test]
fn an_answer_that_cannot_be_read() {
    let mut rig = Rig::online();
    rig.request().unwrap();
    let seq = rig.sent()[0]["seq"].clone();
    rig.hear(&json!({"type": 205, "re": seq, "args": {"pseudo": "bob"}}));
    let outputs = rig.outputs();
    assert!(matches!(
        &outputs[..],
        [SignallingOutput::Answer(
            _,
            Err(RequestError::Unreadable(_))
        )]
    ));
    // A notification that cannot be read is dropped.
    rig.hear(&json!({"type": 999, "args": {}}));
    assert!(rig.outputs().is_empty());
}

#[test]
fn requests_need_a_connection_and_are_bounded() {
    let mut rig = super::Rig::new();
    assert_eq!(rig.request(), Err(RequestError::Offline));
    rig.session.sign_in(rig.now, login());
    assert_eq!(rig.request(), Err(RequestError::Offline));
    rig.open();
    assert_eq!(rig.request(), Err(RequestError::Offline));
    let mut rig = Rig::online();
    for _ in 0..64 {
        rig.request().unwrap();
    }
    assert_eq!(rig.request(), Err(RequestError::Busy));
    assert_eq!(rig.outputs().len(), 64);
    rig.session.handle_disconnected(rig.now);
    let story = words(&rig.outputs());
    assert_eq!(story.len(), 65);
    assert_eq!(story[64], "down, attempt 1");
    assert_eq!(rig.request(), Err(RequestError::Offline));
}

#[test]
fn a_request_that_is_not_answered() {
    let mut rig = Rig::online();
    rig.request().unwrap();
    let seq = rig.sent()[0]["seq"].clone();
    rig.now += Duration::from_secs(5);
    rig.request().unwrap();
    rig.outputs();
    assert_eq!(rig.wait(), Duration::from_secs(10));
    assert!(matches!(
        &rig.outputs()[..],
        [SignallingOutput::Answer(_, Err(RequestError::Interrupted))]
    ));
    assert_eq!(rig.session.state(), SignallingState::Online);
    rig.hear(&json!({"type": 406, "re": seq}));
    assert!(rig.outputs().is_empty(), "too late");
    assert_eq!(rig.wait(), Duration::from_secs(5));
    assert_eq!(rig.outputs().len(), 1);
}

#[test]
fn answers_of_an_earlier_connection_find_nobody() {
    let mut rig = Rig::online();
    rig.request().unwrap();
    let seq = rig.sent()[0]["seq"].clone();
    rig.session.handle_disconnected(rig.now);
    rig.wait();
    rig.outputs();
    rig.open();
    rig.welcome("alice", Some("token"));
    rig.outputs();
    rig.request().unwrap();
    assert_ne!(rig.sent()[0]["seq"], seq);
    rig.hear(&json!({"type": 406, "re": seq}));
    assert!(rig.outputs().is_empty());
}

#[test]
fn signs_of_life() {
    let mut rig = Rig::online();
    assert_eq!(rig.wait(), Duration::from_secs(35));
    assert_eq!(words(&rig.outputs()), ["ping"]);
    rig.now += Duration::from_secs(9);
    rig.session.handle_traffic(rig.now);
    assert_eq!(rig.wait(), Duration::from_secs(35), "answered");
    assert_eq!(words(&rig.outputs()), ["ping"]);
    // Any frame is one.
    rig.hear(&profile(None, "bob", None));
    rig.outputs();
    assert_eq!(rig.wait(), Duration::from_secs(35));
    rig.outputs();
    assert_eq!(rig.wait(), Duration::from_secs(10), "not answered");
    assert_eq!(words(&rig.outputs()), ["disconnect", "down, attempt 1"]);
}

#[test]
fn a_low_battery_is_spared() {
    let mut rig = Rig::online();
    rig.session.set_thrifty(true);
    assert_eq!(rig.wait(), Duration::from_secs(75));
    rig.outputs();
    rig.session.handle_traffic(rig.now);
    rig.session.set_thrifty(false);
    assert_eq!(rig.wait(), Duration::from_secs(35), "it is charged");
}

#[test]
fn another_network_asks_for_a_sign_of_life() {
    let mut rig = Rig::online();
    rig.session.retry_now(rig.now);
    rig.session.retry_now(rig.now);
    assert_eq!(words(&rig.outputs()), ["ping"]);
    assert_eq!(rig.wait(), Duration::from_secs(10));
    assert_eq!(rig.session.state(), SignallingState::Waiting);
}

#[test]
fn a_402_without_number_ends_the_session() {
    let mut rig = Rig::online();
    rig.hear(&json!({"type": 402, "detail": "the password was changed"}));
    assert_eq!(words(&rig.outputs()), ["disconnect", "signed out by 402"]);
    assert_eq!(rig.session.poll_timeout(), None);
    // One that answers a request is only its answer.
    let mut rig = Rig::online();
    rig.request().unwrap();
    let seq = rig.sent()[0]["seq"].clone();
    rig.hear(&json!({"type": 402, "re": seq}));
    assert_eq!(rig.session.state(), SignallingState::Online);
}

#[test]
fn numbers_begin_anew_after_the_last() {
    let mut rig = Rig::online();
    rig.session.count_from(u64::MAX);
    let (last, first) = (rig.request().unwrap(), rig.request().unwrap());
    let sent = rig.sent();
    assert_eq!(
        (&sent[0]["seq"], &sent[1]["seq"]),
        (&json!(u64::MAX), &json!(0))
    );
    for (seq, id) in [(0_u64, first), (u64::MAX, last)] {
        rig.hear(&json!({"type": 406, "re": seq}));
        assert!(matches!(
            &rig.outputs()[..],
            [SignallingOutput::Answer(answered, _)] if *answered == id
        ));
    }
}

#[test]
fn told_without_a_number() {
    let mut rig = Rig::online();
    rig.session.tell(ClientMessage::Logout(Empty {}));
    assert_eq!(rig.sent(), [json!({"type": 651, "args": {}})]);
    rig.session.sign_out();
    rig.outputs();
    rig.session.tell(ClientMessage::Logout(Empty {}));
    assert!(rig.outputs().is_empty());
}
