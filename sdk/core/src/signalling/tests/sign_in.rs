use std::time::Duration;

use serde_json::json;

use super::super::{SignIn, SignallingOutput, SignallingState};
use super::{Rig, another, login, profile, register, resume, words};

#[test]
fn register_login_and_resume() {
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, register("alice"));
    assert_eq!(words(&rig.outputs()), ["connect"]);
    let frame = rig.open();
    assert_eq!(frame["type"], 601);
    assert_eq!(frame["args"]["password"], "correct horse");
    // After 601 comes nothing but 202.
    let re = rig.session.sign_in_seq;
    rig.hear(&profile(re, "alice", Some("token")));
    assert_eq!(rig.session.state(), SignallingState::Online);
    assert!(!rig.synchronised().resumed);
    // From here on the token stands for the password.
    rig.session.handle_disconnected(rig.now);
    rig.wait();
    rig.outputs();
    let frame = rig.open();
    assert_eq!(
        (&frame["type"], &frame["args"]["token"]),
        (&json!(650), &json!("token"))
    );
    rig.welcome("alice", Some("token"));
    assert!(rig.synchronised().resumed);

    for (how, code) in [(login(), 608), (resume(), 650)] {
        let mut rig = Rig::new();
        rig.session.sign_in(rig.now, how);
        rig.outputs();
        assert_eq!(rig.open()["type"], code);
        let re = rig.session.sign_in_seq;
        rig.hear(&profile(re, "Alice", None));
        rig.hear(&json!({"type": 208, "re": re, "args": {"list_contact": [
            {"pp": "", "pseudo": "bob", "status": "in_call"}]}}));
        assert_eq!(rig.session.state(), SignallingState::SigningIn);
        rig.hear(&json!({"type": 207, "re": re, "args": {"list_group": [
            {"id_group": "g", "group_name": "G", "list_pseudo": ["alice"],
             "last_update_date": "2026-01-01T00:00:00Z"}]}}));
        let sync = rig.synchronised();
        assert_eq!(sync.profile.pseudo.as_str(), "Alice");
        assert_eq!((sync.contacts.len(), sync.groups.len()), (1, 1));
        assert!(!sync.resumed);
    }
}

#[test]
fn a_token_goes_along_with_the_connection() {
    for (how, goes_along) in [
        (resume(), true),
        (login(), false),
        (register("alice"), false),
        (another(), false),
    ] {
        let mut rig = Rig::new();
        rig.session.sign_in(rig.now, how);
        let outputs = rig.outputs();
        let [SignallingOutput::Connect { resume }] = outputs.as_slice() else {
            panic!("{outputs:?}");
        };
        assert_eq!(resume.is_some(), goes_along);
    }

    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, resume());
    rig.outputs();
    rig.session.handle_resuming(rig.now);
    assert_eq!(rig.session.state(), SignallingState::SigningIn);
    assert!(rig.outputs().is_empty(), "nothing is left to say");
    rig.welcome("alice", Some("token"));
    assert_eq!(rig.session.state(), SignallingState::Online);
    rig.outputs();
    // Its number is none of a request's.
    rig.request().unwrap();
    assert_eq!(rig.sent()[0]["seq"], 1);

    // A server that has never heard of it opens the WebSocket and no more.
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, resume());
    rig.outputs();
    assert_eq!(rig.open()["type"], 650);

    // It may be refused, or not be answered, like any other.
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, resume());
    rig.session.handle_resuming(rig.now);
    rig.refuse(402);
    assert_eq!(rig.session.state(), SignallingState::SignedOut);
    rig.session.sign_in(rig.now, resume());
    rig.session.handle_resuming(rig.now);
    rig.wait();
    assert_eq!(rig.session.state(), SignallingState::Waiting);
}

#[test]
fn a_server_without_tokens() {
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, register("alice"));
    rig.outputs();
    rig.open();
    let re = rig.session.sign_in_seq;
    rig.hear(&profile(re, "alice", None));
    rig.session.handle_disconnected(rig.now);
    rig.wait();
    rig.outputs();
    assert_eq!(rig.open()["type"], 608, "the profile is there already");
}

#[test]
fn notifications_meanwhile_apply_to_what_the_sign_in_tells() {
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, login());
    rig.outputs();
    rig.open();
    let re = rig.session.sign_in_seq;
    rig.hear(&profile(re, "alice", Some("token")));
    rig.hear(&profile(None, "bob", None));
    rig.hear(&json!({"type": 208, "re": re, "args": {"list_contact": []}}));
    rig.hear(&json!({"type": 501, "args": {
        "id_group": "p", "pseudo": "bob", "list_pseudo": ["alice"],
        "address": "0.0.0.0", "port": 0}}));
    assert!(rig.outputs().is_empty());
    rig.hear(&json!({"type": 207, "re": re, "args": {"list_group": []}}));
    let story = words(&rig.outputs());
    assert_eq!(story, ["in step, resumed: false", "note 202", "note 501"]);
}

#[test]
fn notifications_without_end_are_not_kept() {
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, login());
    rig.outputs();
    rig.open();
    for _ in 0..2_000 {
        rig.hear(&profile(None, "bob", None));
    }
    assert_eq!(rig.session.state(), SignallingState::Waiting);
    assert_eq!(words(&rig.outputs()), ["disconnect", "down, attempt 1"]);
}

#[test]
fn a_session_that_is_revoked_while_it_begins() {
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, login());
    rig.outputs();
    rig.open();
    let revoked = json!({"type": 402, "detail": "the password was changed"});
    let re = rig.session.sign_in_seq;
    rig.hear(&profile(re, "alice", Some("token")));
    rig.hear(&revoked);
    rig.hear(&profile(None, "bob", None));
    rig.welcome("alice", Some("token"));
    let story = words(&rig.outputs());
    assert_eq!(
        story,
        ["in step, resumed: false", "disconnect", "signed out by 402"]
    );
}

#[test]
fn a_402_that_precedes_the_answer_is_not_about_the_session() {
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, resume());
    rig.outputs();
    rig.open();
    rig.hear(&json!({"type": 402, "detail": "log in first"}));
    rig.welcome("alice", Some("token"));
    assert_eq!(words(&rig.outputs()), ["in step, resumed: false"]);
    assert_eq!(rig.session.state(), SignallingState::Online);
}

#[test]
fn refusals_of_a_first_sign_in_are_final() {
    for (how, code) in [
        (login(), 402),
        (login(), 450),
        (login(), 452),
        (login(), 453),
        (register("alice"), 401),
        (register("alice"), 450),
        (register("alice"), 453),
        (resume(), 402),
    ] {
        let mut rig = Rig::new();
        rig.session.sign_in(rig.now, how);
        rig.outputs();
        rig.open();
        rig.refuse(code);
        let story = words(&rig.outputs());
        assert_eq!(
            story,
            ["disconnect".to_owned(), format!("signed out by {code}")]
        );
        assert_eq!(rig.session.state(), SignallingState::SignedOut);
        assert_eq!(rig.session.poll_timeout(), None);
    }
}

#[test]
fn a_server_in_trouble_takes_a_session_back_later() {
    for code in [452, 453] {
        for mut rig in [Rig::online(), {
            let mut rig = Rig::new();
            rig.session.sign_in(rig.now, resume());
            rig.open();
            rig.refuse(code);
            rig
        }] {
            if rig.session.state() == SignallingState::Online {
                rig.session.handle_disconnected(rig.now);
                rig.wait();
                rig.outputs();
                rig.open();
                rig.refuse(code);
            }
            let error = rig.outputs().into_iter().find_map(|output| match output {
                SignallingOutput::Down { error, .. } => error,
                _ => None,
            });
            assert_eq!(error.unwrap().code.code().number(), code);
            rig.wait();
            rig.outputs();
            rig.open();
            rig.refuse(402);
            assert_eq!(words(&rig.outputs()), ["disconnect", "signed out by 402"]);
        }
    }
}

/// Registers, and loses the connection after the 601 went out.
fn interrupted() -> Rig {
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, register("alice"));
    rig.outputs();
    rig.open();
    rig.session.handle_disconnected(rig.now);
    rig.wait();
    rig.outputs();
    rig
}

#[test]
fn a_register_whose_answer_was_lost() {
    let mut rig = interrupted();
    assert_eq!(rig.open()["type"], 601);
    rig.refuse(401);
    let sent = rig.sent();
    assert_eq!(sent[0]["type"], 608, "it may be our own");
    assert_eq!(sent[0]["args"]["password"], "correct horse");
    rig.welcome("alice", Some("token"));
    rig.synchronised();

    // It was somebody else's after all: that is what is said.
    let mut rig = interrupted();
    rig.open();
    rig.refuse(401);
    rig.outputs();
    rig.refuse(402);
    assert_eq!(words(&rig.outputs()), ["disconnect", "signed out by 401"]);
}

#[test]
fn a_register_that_was_never_sent_does_not_become_a_login() {
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, register("alice"));
    // The first attempts do not even open a connection.
    for _ in 0..3 {
        rig.session.handle_disconnected(rig.now);
        rig.wait();
    }
    rig.outputs();
    rig.open();
    rig.refuse(401);
    assert_eq!(words(&rig.outputs()), ["disconnect", "signed out by 401"]);
}

#[test]
fn a_register_that_the_person_repeats() {
    // Who waits in front of it is told of the break and tries again.
    for (name, second) in [("alice", 608), ("bob", 0)] {
        let mut rig = interrupted();
        rig.session.sign_out();
        rig.session.sign_in(rig.now, register(name));
        rig.outputs();
        rig.open();
        rig.refuse(401);
        match second {
            608 => assert_eq!(rig.sent()[0]["type"], 608),
            _ => assert_eq!(words(&rig.outputs()), ["disconnect", "signed out by 401"]),
        }
    }
}

#[test]
fn answers_out_of_order_or_unreadable() {
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, login());
    rig.outputs();
    rig.open();
    let re = rig.session.sign_in_seq;
    rig.hear(&json!({"type": 207, "re": re, "args": {"list_group": []}}));
    assert_eq!(words(&rig.outputs()), ["disconnect", "signed out by 453"]);

    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, resume());
    rig.outputs();
    rig.open();
    let re = rig.session.sign_in_seq;
    rig.hear(&json!({"type": 202, "re": re, "args": {"pseudo": 7}}));
    assert_eq!(words(&rig.outputs()), ["disconnect", "down, attempt 1"]);
}

#[test]
fn connections_that_hang() {
    let mut rig = Rig::new();
    rig.session.sign_in(rig.now, login());
    rig.outputs();
    assert_eq!(rig.wait(), Duration::from_secs(10));
    assert_eq!(words(&rig.outputs()), ["disconnect", "down, attempt 1"]);
    rig.wait();
    rig.outputs();
    rig.open();
    assert_eq!(
        rig.wait(),
        Duration::from_secs(15),
        "the sign-in is not answered"
    );
    assert_eq!(words(&rig.outputs()), ["disconnect", "down, attempt 2"]);
}

#[test]
fn drops_in_every_state() {
    let mut rig = Rig::new();
    rig.session.handle_disconnected(rig.now);
    assert!(rig.outputs().is_empty(), "signed out");
    rig.session.sign_in(rig.now, login());
    rig.session.handle_disconnected(rig.now);
    assert_eq!(words(&rig.outputs()), ["connect", "down, attempt 1"]);
    rig.session.handle_disconnected(rig.now);
    assert!(rig.outputs().is_empty(), "waiting already");
    // A late frame, or a late opening, of the connection that is gone.
    rig.hear(&profile(None, "bob", None));
    rig.session.handle_connected(rig.now);
    assert!(rig.outputs().is_empty());
    rig.wait();
    rig.outputs();
    rig.open();
    rig.session.handle_disconnected(rig.now);
    assert_eq!(words(&rig.outputs()), ["down, attempt 2"]);
    rig.wait();
    rig.outputs();
    rig.open();
    rig.welcome("alice", Some("token"));
    rig.outputs();
    rig.session.handle_disconnected(rig.now);
    assert_eq!(words(&rig.outputs()), ["down, attempt 3"]);
    rig.session.sign_out();
    assert!(rig.outputs().is_empty());
    assert_eq!(rig.session.poll_timeout(), None);
}

#[test]
fn suspended_and_back() {
    let mut rig = Rig::online();
    rig.request().unwrap();
    let how = rig.session.suspend().unwrap();
    assert!(matches!(how, SignIn::Resume(_)));
    let story = words(&rig.outputs());
    assert_eq!(story[0], "send");
    assert!(story.contains(&"disconnect".to_owned()));
    assert!(story[1..].iter().any(|word| word.starts_with("no answer")));
    assert_eq!(rig.session.poll_timeout(), None);
    assert!(rig.session.suspend().is_none());
    rig.session.sign_in(rig.now, how);
    rig.outputs();
    assert_eq!(rig.open()["type"], 650);
    rig.welcome("alice", Some("token"));
    assert_eq!(rig.session.state(), SignallingState::Online);
}

#[test]
fn as_somebody_else_over_a_new_connection() {
    let mut rig = Rig::online();
    rig.session.sign_in(rig.now, register("bob"));
    assert_eq!(words(&rig.outputs()), ["disconnect", "connect"]);
    rig.open();
    let re = rig.session.sign_in_seq;
    rig.hear(&profile(re, "bob", Some("other")));
    assert!(!rig.synchronised().resumed);
}
