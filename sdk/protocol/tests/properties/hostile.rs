//! Nothing that a stranger sends makes the parser panic, and a request whose number could be
//! read is refused under that number.

use cooee_protocol::{ClientFrame, MAX_FRAME_BYTES, ServerFrame};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::strategies::{client_message, json, server_message};

/// Parses in both directions; a refusal must carry the number that is there to be read.
fn check(text: &str) {
    let object: Option<Value> = serde_json::from_str(text).ok();
    let number = |field: &str| {
        let number = object.as_ref()?.get(field)?;
        number.is_number().then(|| number.to_string())
    };
    if let Err(error) = ClientFrame::parse(text) {
        let expected = number("seq").filter(|_| text.len() <= MAX_FRAME_BYTES);
        let reply = error.reply().to_text().unwrap();
        assert!(
            reply.len() < 4096,
            "the refusal is no longer than it needs to be"
        );
        let reply: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(reply["type"], 450);
        assert_eq!(reply.get("re").map(Value::to_string), expected, "{text}");
    }
    if let Err(error) = ServerFrame::parse(text) {
        let reply: Value = serde_json::from_str(&error.reply().to_text().unwrap()).unwrap();
        assert_eq!(
            reply.get("re").map(Value::to_string),
            number("re"),
            "{text}"
        );
    }
}

fn refused(text: &str) {
    check(text);
    assert!(ClientFrame::parse(text).is_err(), "{text}");
}

/// One change to the characters of a text.
#[derive(Debug, Clone)]
enum Change {
    Remove,
    Double,
    Put(char),
    CutHere,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Remove),
        Just(Change::Double),
        any::<char>().prop_map(Change::Put),
        proptest::sample::select(vec!['"', '{', '}', '[', ']', ',', ':', '\\', '0', '-', 'e'])
            .prop_map(Change::Put),
        Just(Change::CutHere),
    ]
}

fn mutate(text: &str, changes: &[(prop::sample::Index, Change)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (index, change) in changes {
        if chars.is_empty() {
            break;
        }
        let at = index.index(chars.len());
        match change {
            Change::Remove => drop(chars.remove(at)),
            Change::Double => chars.insert(at, chars[at]),
            Change::Put(c) => chars[at] = *c,
            Change::CutHere => chars.truncate(at),
        }
    }
    chars.into_iter().collect()
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, Change)>> {
    proptest::collection::vec((any::<prop::sample::Index>(), change()), 1..6)
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_json(value in json()) {
        check(&value.to_string());
    }

    #[test]
    fn any_json_in_the_fields_of_a_frame(
        code in prop_oneof![601u64..=608, 501u64..=507, 650u64..=651, 660u64..=668,
            201u64..=208, 260u64..=266, any::<u64>()],
        seq in json(), args in json(),
    ) {
        check(&json!({"type": code, "seq": seq, "re": seq, "args": args}).to_string());
    }

    #[test]
    fn any_json_in_the_place_of_an_argument(
        message in client_message(), which in any::<prop::sample::Index>(), value in json(),
    ) {
        let text = ClientFrame { seq: Some(9.into()), message }.to_text().unwrap();
        let mut frame: Value = serde_json::from_str(&text).unwrap();
        let args = frame["args"].as_object_mut().unwrap();
        let names: Vec<String> = args.keys().cloned().collect();
        if !names.is_empty() {
            args.insert(names[which.index(names.len())].clone(), value);
        }
        check(&frame.to_string());
    }

    #[test]
    fn a_client_frame_with_changes(message in client_message(), changes in changes()) {
        let text = ClientFrame { seq: Some(7.into()), message }.to_text().unwrap();
        check(&mutate(&text, &changes));
    }

    #[test]
    fn a_server_frame_with_changes(message in server_message(), changes in changes()) {
        let text = ServerFrame { re: Some(7.into()), message }.to_text().unwrap();
        check(&mutate(&text, &changes));
    }
}

#[test]
fn nesting_without_end() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [100, 127, 128, 1_000, 10_000] {
            let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            check(&nested);
            check(&open.repeat(depth));
            check(&format!(r#"{{"type":601,"seq":1,"args":{nested}}}"#));
            check(&format!(
                r#"{{"type":608,"seq":1,"args":{{"pseudo":{nested}}}}}"#
            ));
            check(&format!(
                r#"{{"type":506,"seq":1,"args":{{"address":"::1","port":1,"id_group":"g","x":{nested}}}}}"#
            ));
        }
    }
}

#[test]
fn numbers_without_end() {
    let long = "9".repeat(400);
    let numbers = [
        "1e400",
        "-1e400",
        "1e-400",
        "18446744073709551616",
        "-9223372036854775809",
        "601.0",
        "601.5",
        "-601",
        "0",
        "-0",
        "6.01e2",
        "65536",
        "65537",
        "NaN",
        "Infinity",
        "0x259",
        "+1",
        long.as_str(),
    ];
    for number in numbers {
        refused(&format!(r#"{{"type":{number},"seq":5,"args":{{}}}}"#));
        check(&format!(r#"{{"type":651,"seq":{number},"args":{{}}}}"#));
        check(&format!(r#"{{"type":651,"re":{number},"args":{{}}}}"#));
        check(&format!(r#"{{"type":601,"seq":{number},"args":{{}}}}"#));
    }
    for port in [
        "65536",
        "-1",
        "1.5",
        "1e400",
        "\"1\"",
        "null",
        "true",
        "[]",
        long.as_str(),
    ] {
        refused(&format!(
            r#"{{"type":506,"seq":5,"args":{{"address":"0.0.0.0","port":{port},"id_group":"g"}}}}"#
        ));
    }
}

#[test]
fn a_frame_has_at_most_64_kib() {
    let frame = |bytes: usize| {
        let empty = r#"{"type":651,"seq":5,"x":""}"#;
        format!(
            r#"{{"type":651,"seq":5,"x":"{}"}}"#,
            "a".repeat(bytes - empty.len())
        )
    };
    assert!(ClientFrame::parse(&frame(MAX_FRAME_BYTES)).is_ok());
    let text = frame(MAX_FRAME_BYTES + 1);
    assert_eq!(text.len(), MAX_FRAME_BYTES + 1);
    refused(&text);
    check(&"[".repeat(MAX_FRAME_BYTES + 1));
}

#[test]
fn each_kind_of_malformed_frame_is_refused() {
    let texts = [
        "",
        " ",
        "null",
        "[]",
        "\"601\"",
        "601",
        "{",
        "{}",
        "{}{}",
        "{'type':651}",
        "\u{feff}{}",
        r#"{"seq":5}"#,
        r#"{"type":null,"seq":5}"#,
        r#"{"type":"651","seq":5}"#,
        r#"{"type":[651],"seq":5}"#,
        r#"{"type":651,"seq":"5"}"#,
        r#"{"type":651,"seq":[5]}"#,
        r#"{"type":651,"seq":5,"args":[]}"#,
        r#"{"type":651,"seq":5,"args":"none"}"#,
        r#"{"type":600,"seq":5,"args":{}}"#,
        r#"{"type":202,"seq":5,"args":{"pp":"","pseudo":"alice","status":"online"}}"#,
        r#"{"type":401,"seq":5}"#,
        r#"{"type":505,"seq":5,"args":{"id_group":"g"}}"#,
        r#"{"type":507,"seq":5,"args":{"id_group":"g","list_info":[]}}"#,
        r#"{"type":601,"seq":5}"#,
        r#"{"type":601,"seq":5,"args":{"pseudo":"alice"}}"#,
        r#"{"type":601,"seq":5,"args":{"pseudo":7,"password":"long enough"}}"#,
        r#"{"type":601,"seq":5,"args":{"pseudo":"alice","password":"short"}}"#,
        r#"{"type":601,"seq":5,"args":{"pseudo":"","password":"long enough"}}"#,
        r#"{"type":601,"seq":5,"args":{"pseudo":"a b","password":"long enough"}}"#,
        r#"{"type":602,"seq":5,"args":{"pp":"not hexadecimal"}}"#,
        r#"{"type":602,"seq":5,"args":{"password":"short"}}"#,
        r#"{"type":603,"seq":5,"args":{"group_name":"  "}}"#,
        r#"{"type":604,"seq":5,"args":{"id_group":"","pseudo":"bob"}}"#,
        r#"{"type":501,"seq":5,"args":{"list_pseudo":"bob","address":"0.0.0.0","port":0}}"#,
        r#"{"type":501,"seq":5,"args":{"list_pseudo":["bob"],"address":"home","port":0}}"#,
        r#"{"type":501,"seq":5,"args":{"list_pseudo":["bob"],"address":"0.0.0.0"}}"#,
        r#"{"type":502,"seq":5,"args":{"pseudo":"bob","id_group":"g","info":[]}}"#,
        r#"{"type":504,"seq":5,"args":{"pseudo":"bob","id_group":"g","data":"?"}}"#,
        r#"{"type":650,"seq":5,"args":{"token":""}}"#,
    ];
    for text in texts {
        refused(text);
    }
    refused(&json!({"type": 603, "seq": 5, "args": {"group_name": "x".repeat(65)}}).to_string());
    refused(&json!({"type": 506, "seq": 5, "args": {"port": "9".repeat(60_000)}}).to_string());
}
