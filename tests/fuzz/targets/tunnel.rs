//! Voice through the server: binary frames and the base64 of 504, from one client by way of the
//! server to another that speaks either.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cooee_protocol::{
    Data, GroupId, MAX_TUNNELLED_BYTES, ServerFrame, ServerMessage, TunnelFrame, Username,
};
use cooee_server::fuzz::{Passed, pass_frame, pass_text};
use libfuzzer_sys::fuzz_target;

fn call() -> GroupId {
    GroupId::parse("call").expect("a name")
}

/// What the other client makes of it.
fn heard(passed: Option<Passed>) -> Option<(Username, Vec<u8>)> {
    match passed? {
        Passed::Binary(bytes) => {
            let frame = TunnelFrame::parse(&bytes).expect("the server sends what can be read");
            Some((frame.pseudo, frame.payload.to_vec()))
        }
        Passed::Text(text) => {
            let frame = ServerFrame::parse(&text).expect("the server sends what can be read");
            let ServerMessage::Exchange(exchange) = frame.message else {
                panic!("voice becomes a 504");
            };
            let payload = STANDARD.decode(exchange.data.as_str()).ok()?;
            Some((exchange.pseudo, payload))
        }
    }
}

fn binary(input: &[u8]) {
    let Ok(frame) = TunnelFrame::parse(input) else {
        return;
    };
    assert!((1..=MAX_TUNNELLED_BYTES).contains(&frame.payload.len()));
    assert_eq!(
        frame.to_bytes().expect("what was read can be written"),
        input
    );
    for speaks_binary in [true, false] {
        let heard = heard(pass_frame(speaks_binary, call(), &frame));
        let (name, payload) = heard.expect("a frame that is in order arrives");
        assert_eq!(
            (name, payload.as_slice()),
            (frame.pseudo.clone(), frame.payload)
        );
    }
}

fn text(input: &str) {
    let Some(data) = Data::parse(input) else {
        return;
    };
    let alice = || Username::parse("alice").expect("a name");
    let decoded = STANDARD.decode(input).ok();
    for speaks_binary in [true, false] {
        match heard(pass_text(speaks_binary, alice(), call(), data.clone())) {
            Some((name, payload)) => {
                assert_eq!(name, alice());
                assert_eq!(Some(payload), decoded);
            }
            None => assert_eq!(decoded, None),
        }
    }
}

fuzz_target!(|input: &[u8]| {
    binary(input);
    if let Ok(input) = std::str::from_utf8(input) {
        text(input);
    }
    // As base64 that is in order, whatever it stands for.
    text(&STANDARD.encode(input));
});
