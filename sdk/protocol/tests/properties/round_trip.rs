//! What is written is read back; what is unknown is ignored.

use std::collections::BTreeSet;

use cooee_protocol::{
    CallInfo, ClientFrame, ClientMessage, Code, ParticipantInfo, Seq, ServerFrame, ServerMessage,
    Username,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value};

use crate::strategies::{client_message, json, server_message};

fn seq() -> impl Strategy<Value = Option<Seq>> {
    proptest::option::of(any::<u64>().prop_map(Seq::from))
}

/// Puts an unknown field into every object of the frame whose further fields mean nothing: not
/// into those of call information, which is passed on with whatever it holds.
fn add_unknown_fields(frame: &mut Value, name: &str, value: &Value) {
    let code = frame.get("type").and_then(Value::as_u64);
    let add = |object: &mut Map<String, Value>| {
        object
            .entry(name.to_owned())
            .or_insert_with(|| value.clone());
    };
    let Some(frame) = frame.as_object_mut() else {
        return;
    };
    add(frame);
    let Some(args) = frame.get_mut("args").and_then(Value::as_object_mut) else {
        return;
    };
    if code != Some(506) {
        add(args);
    }
    for list in [
        "list_group",
        "list_contact",
        "list_entry",
        "list_mark",
        "list_conversation",
    ] {
        for entry in args
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            entry.as_object_mut().map(add);
        }
    }
}

fn unknown_name() -> impl Strategy<Value = String> {
    "x_[a-zA-Z_]{0,8}|[A-Z]{3,8}|\\PC{20,40}"
}

proptest! {
    #[test]
    fn a_client_frame_is_read_back(seq in seq(), message in client_message()) {
        let frame = ClientFrame { seq, message };
        let text = frame.to_text().unwrap();
        let read = ClientFrame::parse(&text).unwrap();
        prop_assert_eq!(&read, &frame);
        // Names compare without regard to case: the texts tell whether the spelling survived.
        prop_assert_eq!(read.to_text().unwrap(), text);
    }

    #[test]
    fn a_server_frame_is_read_back(re in seq(), message in server_message()) {
        let frame = ServerFrame { re, message };
        let text = frame.to_text().unwrap();
        let read = ServerFrame::parse(&text).unwrap();
        prop_assert_eq!(&read, &frame);
        prop_assert_eq!(read.to_text().unwrap(), text);
    }

    #[test]
    fn unknown_fields_of_a_client_are_ignored(
        seq in seq(), message in client_message(), name in unknown_name(), value in json(),
    ) {
        let frame = ClientFrame { seq, message };
        let mut object = serde_json::from_str(&frame.to_text().unwrap()).unwrap();
        add_unknown_fields(&mut object, &name, &value);
        prop_assert_eq!(ClientFrame::parse(&object.to_string()).unwrap(), frame);
    }

    #[test]
    fn unknown_fields_of_the_server_are_ignored(
        re in seq(), message in server_message(), name in unknown_name(), value in json(),
    ) {
        let frame = ServerFrame { re, message };
        let mut object = serde_json::from_str(&frame.to_text().unwrap()).unwrap();
        add_unknown_fields(&mut object, &name, &value);
        prop_assert_eq!(ServerFrame::parse(&object.to_string()).unwrap(), frame);
    }

    #[test]
    fn further_fields_of_call_information_are_passed_on(name in unknown_name(), value in json()) {
        let mut object = serde_json::json!({
            "type": 506,
            "args": {"address": "192.0.2.1", "port": 9, "id_group": "g"},
        });
        object["args"][&name] = value.clone();
        let frame = ClientFrame::parse(&object.to_string()).unwrap();
        let ClientMessage::InfoCall(args) = frame.message else { panic!("not 506") };
        prop_assert_eq!(args.info.extra.get(&name), Some(&value));
        prop_assert_eq!(args.info.extra.len(), 1);
    }
}

#[test]
fn the_strategies_make_every_message() {
    let mut runner = TestRunner::deterministic();
    let mut clients = BTreeSet::new();
    let mut servers = BTreeSet::new();
    for _ in 0..2_000 {
        clients.insert(
            client_message()
                .new_tree(&mut runner)
                .unwrap()
                .current()
                .code(),
        );
        servers.insert(
            server_message()
                .new_tree(&mut runner)
                .unwrap()
                .current()
                .code(),
        );
    }
    let all = |codes: &[Code]| codes.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(clients, all(ClientMessage::CODES));
    assert_eq!(servers, all(ServerMessage::CODES));
}

#[test]
fn further_fields_cannot_pass_for_what_the_server_vouches_for() {
    let mut info = CallInfo::untold();
    for field in ["pseudo", "id_group", "address", "port", "key"] {
        info.extra.insert(field.to_owned(), Value::from("forged"));
    }
    let entry = ParticipantInfo::new(Username::parse("alice").unwrap(), info);
    let value = serde_json::to_value(entry).unwrap();
    assert_eq!(
        value,
        serde_json::json!({"pseudo": "alice", "address": "0.0.0.0", "port": 0, "key": "forged"})
    );
}

#[test]
fn optional_arguments_may_be_null() {
    let text = r#"{"type":501,"seq":null,"args":{"id_group":null,"list_pseudo":["bob"],
        "address":"0.0.0.0","port":0,"info":null}}"#;
    let ClientMessage::Ring(place) = ClientFrame::parse(text).unwrap().message else {
        panic!("not 501")
    };
    assert_eq!((place.id_group, place.info), (None, None));
    let text = r#"{"type":602,"args":{"pseudo":null,"password":null,"pp":null}}"#;
    let ClientMessage::AmendProfile(amend) = ClientFrame::parse(text).unwrap().message else {
        panic!("not 602")
    };
    assert_eq!(amend, cooee_protocol::AmendProfile::default());
    for text in [r#"{"type":651}"#, r#"{"type":651,"args":null}"#] {
        assert_eq!(
            ClientFrame::parse(text).unwrap().message.code(),
            Code::Logout
        );
    }
}
