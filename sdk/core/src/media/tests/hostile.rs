//! Arbitrary octets, from outside and from an authentic peer.

use std::time::Instant;

use proptest::prelude::*;

use super::{both_keys, frame, media, pair};
use crate::media::sealing::Sealer;
use crate::media::{
    Direction, Flow, KeySchedule, Opened, RtcpError, RtcpReport, RtpHeader, classify,
};

/// Octets that begin like RTP or RTCP.
fn almost_rtp() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        Just(0x80u8),
        Just(0xa0),
        Just(0x90),
        Just(0x81),
        any::<u8>()
    ];
    let second = prop_oneof![Just(111u8), Just(239), Just(200), Just(201), any::<u8>()];
    (
        first,
        second,
        proptest::collection::vec(any::<u8>(), 0..200),
    )
        .prop_map(|(first, second, rest)| [&[first, second], rest.as_slice()].concat())
}

proptest! {
    #[test]
    fn anything_can_be_parsed(octets in almost_rtp()) {
        let _ = classify(&octets);
        if let Ok((header, payload)) = RtpHeader::parse(&octets) {
            prop_assert_eq!(
                header.len + payload.len() + usize::from(header.padding),
                octets.len()
            );
        }
        if let Ok(report) = RtcpReport::parse(&octets) {
            prop_assert!(report.blocks.len() <= 31);
        }
    }

    #[test]
    fn anything_can_be_opened_and_is_refused(
        datagrams in proptest::collection::vec(almost_rtp(), 1..20),
    ) {
        let (mut alice, mut bob) = pair();
        let now = Instant::now();
        for datagram in &datagrams {
            prop_assert!(bob.open(now, datagram).is_err());
        }
        let stats = bob.stats();
        prop_assert_eq!(stats.stray + stats.forged, datagrams.len() as u64);
        let datagram = alice.seal(now, &frame(0)).unwrap();
        prop_assert!(matches!(bob.open(now, &datagram), Ok(Opened::Voice(_))));
    }

    /// The peer is who it claims to be, and seals nonsense.
    #[test]
    fn an_authentic_peer_cannot_do_harm_either(
        first in any::<u8>(),
        words in any::<u16>(),
        rest in proptest::collection::vec(any::<u8>(), 0..160),
        well_formed in any::<bool>(),
    ) {
        let (alice, bob) = both_keys();
        let base = alice.base_key(Direction::Sending, Flow::Control, 0).unwrap();
        let mut sealer = Sealer::new(&base).unwrap();
        let mut bob = media(bob, 1);
        let now = Instant::now();
        let mut clear = [0x80 | first & 0x3f, 200 + first % 2, 0, 0, 1, 2, 3, 4];
        let words = if well_formed { 1 + rest.len() as u16 / 4 } else { words };
        clear[2..4].copy_from_slice(&words.to_be_bytes());
        let _ = bob.open(now, &sealer.seal(&clear, &rest).unwrap());
        let _ = bob.poll_report(now);
        let _ = bob.stats();
    }

    #[test]
    fn reports_survive_the_wire(
        ssrc in any::<u32>(),
        sender in proptest::option::of(any::<(u64, u32, u32, u32)>()),
        blocks in proptest::collection::vec(
            (any::<u32>(), any::<u8>(), 0..0x0100_0000u32, any::<(u32, u32, u32, u32)>()),
            0..=31,
        ),
        bursts in proptest::option::of(any::<(u32, u16, u16)>()),
        bye in any::<bool>(),
    ) {
        let report = RtcpReport {
            ssrc,
            sender: sender.map(|(ntp_timestamp, rtp_timestamp, packet_count, octet_count)| {
                crate::media::SenderInfo { ntp_timestamp, rtp_timestamp, packet_count, octet_count }
            }),
            blocks: blocks
                .into_iter()
                .map(|(ssrc, fraction_lost, cumulative_lost, rest)| crate::media::ReportBlock {
                    ssrc,
                    fraction_lost,
                    cumulative_lost,
                    extended_sequence: rest.0,
                    jitter: rest.1,
                    last_sender_report: rest.2,
                    delay_since_last_sender_report: rest.3,
                })
                .collect(),
            bursts: bursts
                .map(|(ssrc, longest, mean)| crate::media::BurstBlock { ssrc, longest, mean }),
            bye,
        };
        prop_assert_eq!(RtcpReport::parse(&report.write().unwrap()), Ok(report));
    }
}

#[test]
fn compound_packets_are_walked_and_checked() {
    let report = [0x80, 201, 0, 1, 0, 0, 0, 9];
    let bye = [0x81, 203, 0, 1, 0, 0, 0, 9];
    let both = [report, bye].concat();
    let parsed = RtcpReport::parse(&both).unwrap();
    assert_eq!((parsed.ssrc, parsed.bye), (9, true));
    // Nobody says goodbye for somebody else.
    let other = [0x81, 203, 0, 1, 0, 0, 0, 8];
    assert!(!RtcpReport::parse(&[report, other].concat()).unwrap().bye);
    assert_eq!(RtcpReport::parse(&bye), Err(RtcpError::NoReport(203)));
    assert_eq!(
        RtcpReport::parse(&both[..12]),
        Err(RtcpError::Length {
            expected: 16,
            actual: 12
        })
    );
    assert_eq!(
        RtcpReport::parse(&[&both[..], &[0]].concat()),
        Err(RtcpError::Length {
            expected: 20,
            actual: 17
        })
    );
    let version = [&report[..], &[0x41, 203, 0, 0]].concat();
    assert_eq!(RtcpReport::parse(&version), Err(RtcpError::Version(1)));
    assert!(matches!(
        RtcpReport::parse(&[0x81, 201, 0, 1, 0, 0, 0, 9]),
        Err(RtcpError::Report(_))
    ));
    assert!(RtcpReport::parse(&[]).is_err());
}
