//! RTP and RTCP: the pure parsers, and media that is handed any datagram.
#![no_main]

mod common;

use std::time::{Duration, Instant};

use cooee_core::media::{RtcpReport, RtpHeader, classify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let _ = classify(input);
    if let Ok((header, payload)) = RtpHeader::parse(input) {
        assert!(header.len + payload.len() + usize::from(header.padding) <= input.len());
    }
    if let Ok(report) = RtcpReport::parse(input) {
        assert!(report.blocks.len() < 32);
    }
    let now = Instant::now();
    let mut media = common::media(true);
    assert!(media.open(now, input).is_err(), "nobody else has the key");
    let _ = media.poll_report(now + Duration::from_secs(2));
    let stats = media.stats();
    assert_eq!(stats.packets_received, 0);
    assert_eq!(stats.forged + stats.replayed + stats.stray, 1);
});
