//! Every example of `docs/PROTOCOL.md` is a frame of this crate, and no message lacks one.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use cooee_protocol::{ClientFrame, ClientMessage, Code, ServerFrame, ServerMessage};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Client,
    Server,
}

/// A fenced block with the marker before it: `<!-- example: client 601 a remark -->`.
struct Example {
    direction: Direction,
    code: Code,
    remark: String,
    line: usize,
    text: String,
}

fn specification() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PROTOCOL.md");
    std::fs::read_to_string(path).unwrap()
}

fn marker(line: &str, number: usize) -> Option<(Direction, Code, String)> {
    let words = line.strip_prefix("<!-- example:")?.strip_suffix("-->")?;
    let mut words = words.split_whitespace();
    let direction = match words.next() {
        Some("client") => Direction::Client,
        Some("server") => Direction::Server,
        other => panic!("line {number}: {other:?} is neither client nor server"),
    };
    let code = words.next().unwrap().parse::<u64>().unwrap();
    let code = Code::try_from(code).unwrap_or_else(|error| panic!("line {number}: {error}"));
    Some((direction, code, words.collect::<Vec<_>>().join(" ")))
}

fn examples() -> Vec<Example> {
    let text = specification();
    let mut lines = text.lines().zip(1..);
    let mut found = Vec::new();
    let mut pending = None;
    while let Some((line, number)) = lines.next() {
        if let Some(marker) = marker(line, number) {
            assert!(
                pending.is_none(),
                "line {number}: a marker without a block before it"
            );
            pending = Some(marker);
        } else if line == "```json" {
            let (direction, code, remark) = pending
                .take()
                .unwrap_or_else(|| panic!("line {number}: a block without a marker"));
            let body: Vec<&str> = lines
                .by_ref()
                .map(|(line, _)| line)
                .take_while(|line| *line != "```")
                .collect();
            found.push(Example {
                direction,
                code,
                remark,
                line: number,
                text: body.join("\n"),
            });
        }
    }
    assert!(pending.is_none(), "the last marker has no block");
    found
}

#[test]
fn every_example_parses_and_survives_a_round_trip() {
    for example in examples() {
        let Example {
            direction,
            code,
            remark,
            line,
            text,
        } = example;
        let place = format!("line {line}, {direction:?} {code} {remark}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let (again, parsed) = match direction {
            Direction::Client => {
                let frame = ClientFrame::parse(&text).unwrap_or_else(|e| panic!("{place}: {e}"));
                let again = frame.to_text().unwrap();
                assert_eq!(ClientFrame::parse(&again).unwrap(), frame, "{place}");
                (again, frame.message.code())
            }
            Direction::Server => {
                let frame = ServerFrame::parse(&text).unwrap_or_else(|e| panic!("{place}: {e}"));
                let again = frame.to_text().unwrap();
                assert_eq!(ServerFrame::parse(&again).unwrap(), frame, "{place}");
                (again, frame.message.code())
            }
        };
        assert_eq!(parsed, code, "{place}: the marker names another code");
        // No field of an example is one that the crate ignores or writes otherwise.
        let again: serde_json::Value = serde_json::from_str(&again).unwrap();
        assert_eq!(again, value, "{place}");
    }
}

#[test]
fn every_message_of_every_direction_has_an_example() {
    let shown: BTreeSet<_> = examples()
        .iter()
        .map(|example| (example.direction, example.code))
        .collect();
    let clients = ClientMessage::CODES
        .iter()
        .map(|code| (Direction::Client, *code));
    let servers = ServerMessage::CODES
        .iter()
        .map(|code| (Direction::Server, *code));
    let due: BTreeSet<_> = clients.chain(servers).collect();
    assert_eq!(shown, due);
}

#[test]
fn answers_forwards_and_notifications_are_shown_apart() {
    for code in [Code::Accept, Code::Quit, Code::Exchange, Code::Ring] {
        let (answers, others): (Vec<_>, Vec<_>) = examples()
            .into_iter()
            .filter(|example| (example.direction, example.code) == (Direction::Server, code))
            .map(|example| ServerFrame::parse(&example.text).unwrap())
            .partition(|frame| frame.re.is_some());
        assert!(!answers.is_empty() && !others.is_empty(), "{code}");
    }
}

#[test]
fn every_code_travels_in_some_direction_and_is_in_the_table() {
    let text = specification();
    for code in Code::ALL {
        assert!(
            ClientMessage::CODES.contains(code) || ServerMessage::CODES.contains(code),
            "{code} is never sent"
        );
        assert!(
            text.contains(&format!("[{code}](#{code}-")),
            "{code} is not in the table"
        );
        assert!(
            text.contains(&format!("\n### {code}: ")),
            "{code} has no section"
        );
    }
}

#[test]
fn links_lead_to_headings() {
    let text = specification();
    let anchors: BTreeSet<String> = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect();
    for link in text.split("](#").skip(1) {
        let target = link.split(')').next().unwrap();
        assert!(anchors.contains(target), "#{target} leads nowhere");
    }
}
