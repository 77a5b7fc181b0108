//! The path description of another participant, and an agent that is given it.
#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cooee_core::path::{PathAgent, PathConfig, PathDescription, PeerId};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const PWD: &str = "5mJt0o7w9nJm0mF3o1yq3lqz";

fn use_description(description: &PathDescription) {
    let value = serde_json::to_value(description).expect("a description can be written");
    let again = PathDescription::parse(&value).expect("what was written can be read");
    assert_eq!(again.ufrag(), description.ufrag());

    let now = Instant::now();
    let local: SocketAddr = ([192, 0, 2, 1], 5000).into();
    let mut agent = PathAgent::new(now, &[local], [7; 32], PathConfig::default());
    if agent.add_peer(now, PeerId(1), description, true).is_err() {
        return;
    }
    let _ = agent.update_peer(now, PeerId(1), &again);
    for step in 1..4 {
        let now = now + Duration::from_millis(50 * step);
        agent.handle_timeout(now);
        while agent.poll_transmit().is_some() {}
        while agent.poll_event().is_some() {}
        let _ = agent.poll_timeout();
    }
}

fuzz_target!(|text: &str| {
    // As JSON, and as candidate lines of a description that is in order otherwise.
    let value: Option<Value> = serde_json::from_str(text).ok();
    if let Some(Ok(description)) = value.as_ref().map(PathDescription::parse) {
        use_description(&description);
    }
    let lines: Vec<&str> = text.lines().collect();
    if let Ok(description) = PathDescription::new("Wq3k", PWD, &lines) {
        use_description(&description);
    }
});
