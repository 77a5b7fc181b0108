//! The envelope, from a client and from a server.
#![no_main]

use cooee_protocol::{ClientFrame, MAX_FRAME_BYTES, ServerFrame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match ClientFrame::parse(text) {
        Ok(frame) => {
            assert!(text.len() <= MAX_FRAME_BYTES);
            let again = frame.to_text().expect("what was read can be written");
            let again = ClientFrame::parse(&again).expect("what was written can be read");
            assert_eq!(again.message.code(), frame.message.code());
            let _ = format!("{frame:?}");
        }
        Err(error) => {
            let reply = error.reply().to_text().expect("a refusal can be written");
            assert!(
                reply.len() < 4096,
                "a refusal is no longer than it needs to be"
            );
            ServerFrame::parse(&reply).expect("a refusal can be read");
        }
    }
    if let Ok(frame) = ServerFrame::parse(text) {
        let again = frame.to_text().expect("what was read can be written");
        let again = ServerFrame::parse(&again).expect("what was written can be read");
        assert_eq!(again.message.code(), frame.message.code());
        let _ = format!("{frame:?}");
    }
});
