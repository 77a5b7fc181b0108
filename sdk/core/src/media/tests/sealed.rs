//! What opens and what does not.

use std::time::Instant;

use super::{both_keys, frame, media, pair, report, voice};
use crate::media::{
    Kind, MAX_DATAGRAM, OpenError, Opened, PAYLOAD_TYPE, RtpHeader, SealError, VoiceFrame, classify,
};

#[test]
fn voice_goes_both_ways() {
    let (mut alice, mut bob) = pair();
    let now = Instant::now();
    let mut timestamps = Vec::new();
    for n in 0..100 {
        let datagram = alice.seal(now, &frame(n)).unwrap();
        let packet = voice(bob.open(now, &datagram));
        assert_eq!(packet.opus, frame(n).opus);
        assert_eq!(packet.marker, n == 0);
        timestamps.push((packet.sequence, packet.timestamp));

        let datagram = bob.seal(now, &frame(n)).unwrap();
        assert_eq!(voice(alice.open(now, &datagram)).opus, frame(n).opus);
    }
    for step in timestamps.windows(2) {
        assert_eq!(step[1].0, step[0].0 + 1);
        assert_eq!(step[1].1, step[0].1.wrapping_add(960));
    }
    let stats = bob.stats();
    assert_eq!((stats.packets_sent, stats.packets_received), (100, 100));
    assert_eq!(stats.bytes_received, alice.stats().bytes_sent);
    assert_eq!((stats.forged, stats.replayed, stats.stray), (0, 0, 0));
}

#[test]
fn the_header_is_rtp_and_the_rest_is_sealed() {
    let (mut alice, mut bob) = pair();
    let now = Instant::now();
    let datagram = alice.seal(now, &frame(0)).unwrap();
    assert_eq!(classify(&datagram), Some(Kind::Rtp));
    let (header, sealed) = RtpHeader::parse(&datagram).unwrap();
    assert_eq!(header.payload_type, PAYLOAD_TYPE);
    assert!(header.marker);
    assert_eq!(header.len, 12);
    assert_eq!((header.csrc_count, header.padding), (0, 0));
    // One octet of SFrame header and the tag.
    assert_eq!(sealed.len(), frame(0).opus.len() + 17);
    assert!(!datagram.windows(4).any(|w| w == &frame(0).opus[..4]));

    // The same frame is never sealed alike.
    let again = alice.seal(now, &frame(0)).unwrap();
    assert_ne!(sealed, RtpHeader::parse(&again).unwrap().1);
    voice(bob.open(now, &again));

    let mut at = now;
    let datagram = report(&mut alice, &mut at);
    assert_eq!(classify(&datagram), Some(Kind::Rtcp));
    assert_eq!(datagram[4..8], header.ssrc.to_be_bytes());
    assert!(matches!(bob.open(at, &datagram), Ok(Opened::Report)));
}

#[test]
fn a_goodbye_is_sealed_like_every_report() {
    // Also of one who has neither sent nor heard anything.
    for frames in [0, 3] {
        let (mut alice, mut bob) = pair();
        let now = Instant::now();
        for n in 0..frames {
            voice(bob.open(now, &alice.seal(now, &frame(n)).unwrap()));
        }
        let goodbye = alice.goodbye(now).unwrap();
        assert_eq!(classify(&goodbye), Some(Kind::Rtcp));
        let mut forged = goodbye.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert!(matches!(bob.open(now, &forged), Err(OpenError::Forged)));
        assert!(matches!(bob.open(now, &goodbye), Ok(Opened::Goodbye)));
        assert!(matches!(bob.open(now, &goodbye), Err(OpenError::Replayed)));
    }
}

#[test]
fn a_change_of_any_octet_is_noticed() {
    let (mut alice, mut bob) = pair();
    let mut now = Instant::now();
    voice(bob.open(now, &alice.seal(now, &frame(0)).unwrap()));
    let packets = [
        alice.seal(now, &frame(1)).unwrap(),
        report(&mut alice, &mut now),
    ];
    for packet in packets {
        for at in 0..packet.len() {
            for bit in 0..8 {
                let mut changed = packet.clone();
                changed[at] ^= 1 << bit;
                assert!(bob.open(now, &changed).is_err(), "octet {at}, bit {bit}");
            }
        }
        for len in 0..packet.len() {
            assert!(bob.open(now, &packet[..len]).is_err(), "{len} octets");
        }
        let longer = [packet.as_slice(), &[0]].concat();
        assert!(bob.open(now, &longer).is_err());
        // None of that has spoiled the packet itself.
        bob.open(now, &packet).unwrap();
    }
    let stats = bob.stats();
    assert_eq!(stats.packets_received, 2);
    assert_eq!(stats.replayed, 0);
    assert!(stats.forged > 100 && stats.stray > 100, "{stats:?}");
}

#[test]
fn a_change_of_any_octet_of_the_first_packet_pins_nothing() {
    let (mut alice, mut bob) = pair();
    let now = Instant::now();
    let packet = alice.seal(now, &frame(0)).unwrap();
    for at in 0..packet.len() {
        let mut changed = packet.clone();
        changed[at] ^= 0x10;
        assert!(bob.open(now, &changed).is_err());
    }
    voice(bob.open(now, &packet));
}

#[test]
fn a_packet_opens_once() {
    let (mut alice, mut bob) = pair();
    let mut now = Instant::now();
    let first = alice.seal(now, &frame(0)).unwrap();
    let report = report(&mut alice, &mut now);
    bob.open(now, &first).unwrap();
    bob.open(now, &report).unwrap();
    for n in 1..3000 {
        if n % 500 == 1 {
            assert!(matches!(bob.open(now, &first), Err(OpenError::Replayed)));
            assert!(matches!(bob.open(now, &report), Err(OpenError::Replayed)));
        }
        voice(bob.open(now, &alice.seal(now, &frame(n)).unwrap()));
    }
    assert_eq!(bob.stats().replayed, 12);
    assert_eq!(bob.stats().packets_received, 3000);
}

#[test]
fn reordering_within_the_window_is_no_replay() {
    let (mut alice, mut bob) = pair();
    let now = Instant::now();
    let mut packets: Vec<_> = (0..1024)
        .map(|n| alice.seal(now, &frame(n)).unwrap())
        .collect();
    packets.reverse();
    let sequences: Vec<u64> = packets
        .iter()
        .map(|packet| voice(bob.open(now, packet)).sequence)
        .collect();
    assert!(sequences.windows(2).all(|w| w[1] == w[0] - 1));
    assert_eq!(bob.stats().packets_lost, 0);
}

#[test]
fn what_is_sent_back_does_not_open() {
    let (mut alice, mut bob) = pair();
    let mut now = Instant::now();
    let packet = alice.seal(now, &frame(0)).unwrap();
    let report = report(&mut alice, &mut now);
    assert!(matches!(
        alice.open(now, &packet),
        Err(OpenError::UnknownKey)
    ));
    assert!(matches!(
        alice.open(now, &report),
        Err(OpenError::UnknownKey)
    ));
    assert_eq!(alice.stats().stray, 2);

    // Nor under the other direction's key identifier, which follows the clear part.
    for (sent, clear) in [(&packet, 12), (&report, 8)] {
        let mut relabelled = sent.clone();
        relabelled[clear] ^= 0x10;
        assert!(matches!(
            alice.open(now, &relabelled),
            Err(OpenError::Forged)
        ));
    }
    bob.open(now, &packet).unwrap();
}

#[test]
fn voice_and_reports_have_keys_of_their_own() {
    let (mut alice, mut bob) = pair();
    let mut now = Instant::now();
    let report = report_after_voice(&mut alice, &mut now);
    // A report in the place of voice: the same sealed octets behind an RTP header.
    let packet = alice.seal(now, &frame(1)).unwrap();
    let moved = [&packet[..12], &report[8..]].concat();
    assert!(matches!(bob.open(now, &moved), Err(OpenError::UnknownKey)));
}

fn report_after_voice(media: &mut crate::media::PeerMedia, now: &mut Instant) -> Vec<u8> {
    media.seal(*now, &frame(0)).unwrap();
    report(media, now)
}

#[test]
fn a_stranger_does_not_get_in() {
    let (mut alice, mut bob) = pair();
    let now = Instant::now();
    voice(bob.open(now, &alice.seal(now, &frame(0)).unwrap()));
    // The same keys in other hands with another source: a stream of its own, not this one.
    let mut other = media(both_keys().0, 99);
    let packet = other.seal(now, &frame(0)).unwrap();
    assert!(matches!(bob.open(now, &packet), Err(OpenError::Ssrc(_))));
}

#[test]
fn what_is_not_of_the_profile_is_stray() {
    let (mut alice, mut bob) = pair();
    let now = Instant::now();
    let packet = alice.seal(now, &frame(0)).unwrap();
    let with = |at: usize, octet: u8| {
        let mut changed = packet.clone();
        changed[at] = octet;
        changed
    };
    let stray = [
        Vec::new(),
        vec![0x80],
        packet[..12].to_vec(),
        packet[..20].to_vec(),
        with(0, 0x00),
        with(0, 0x40),
        // Contributing sources.
        with(0, 0x81),
        // An extension longer than the packet.
        with(0, 0x90),
        // Padding as long as the packet, or none after all.
        {
            let mut padded = with(0, 0xa0);
            *padded.last_mut().unwrap() = 255;
            padded
        },
        {
            let mut padded = with(0, 0xa0);
            *padded.last_mut().unwrap() = 0;
            padded
        },
        {
            let mut padded = with(0, 0xa0);
            *padded.last_mut().unwrap() = 3;
            padded
        },
        with(1, 0x6e),
        // An RTCP packet type.
        with(1, 200),
        vec![0x80; MAX_DATAGRAM + 1],
    ];
    let count = stray.len() as u64;
    for datagram in stray {
        // Some lies about lengths lead into the sealed octets and fail there.
        assert!(bob.open(now, &datagram).is_err());
    }
    let stats = bob.stats();
    assert_eq!(stats.stray + stats.forged, count);
    assert!(stats.forged <= 1, "{stats:?}");
    voice(bob.open(now, &packet));
}

#[test]
fn frames_have_a_length() {
    let (mut alice, mut bob) = pair();
    let now = Instant::now();
    let seal = |alice: &mut crate::media::PeerMedia, len: usize| {
        let opus = vec![7; len];
        alice.seal(
            now,
            &VoiceFrame {
                timestamp: 0,
                marker: false,
                opus: &opus,
            },
        )
    };
    assert!(matches!(seal(&mut alice, 0), Err(SealError::Empty)));
    let Err(SealError::TooLong { len: 1276, max }) = seal(&mut alice, 1276) else {
        panic!("1276 octets fit");
    };
    let datagram = seal(&mut alice, max).unwrap();
    assert!(datagram.len() <= MAX_DATAGRAM);
    assert_eq!(voice(bob.open(now, &datagram)).opus.len(), max);
    assert!(matches!(
        seal(&mut alice, max + 1),
        Err(SealError::TooLong { .. })
    ));
    // What was refused has used up nothing.
    assert_eq!(alice.stats().packets_sent, 1);
    assert_eq!(bob.stats().packets_lost, 0);
}

#[test]
fn sequence_numbers_do_not_wrap() {
    let (mut alice, mut bob) = pair();
    let now = Instant::now();
    let mut first = None;
    // One and a half cycles of 16 bits, of which every hundredth packet arrives.
    for n in 0..=100_000u32 {
        let datagram = alice.seal(now, &frame(n)).unwrap();
        if n % 100 == 0 {
            let packet = voice(bob.open(now, &datagram));
            let first = *first.get_or_insert(packet.sequence);
            assert_eq!(packet.sequence, first + u64::from(n));
        }
    }
    assert_eq!(bob.stats().packets_lost, 99_000);
}
