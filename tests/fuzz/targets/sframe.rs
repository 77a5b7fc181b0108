//! Sealed payloads: garbage behind a header that is in order, packets changed on the way, and a
//! peer that has the keys and seals nonsense.
#![no_main]

mod common;

use std::time::{Duration, Instant};

use common::FixedKeys;
use cooee_core::media::{Flow, PeerMedia, VoiceFrame};
use libfuzzer_sys::fuzz_target;
use sframe::CipherSuite;
use sframe::frame::{MediaFrameView, MonotonicCounter};
use sframe::key::EncryptionKey;

const RTP_HEADER: [u8; 12] = [0x80, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];

/// Seals like the peer, with a counter of its own choice, whatever metadata and payload.
fn sealed(flow: Flow, counter: u64, metadata: &[u8], payload: &[u8]) -> Vec<u8> {
    let (kid, secret) = FixedKeys::secret(false, flow);
    let key = EncryptionKey::derive_from(CipherSuite::AesGcm128Sha256, kid, secret)
        .expect("any secret does");
    let mut counter = MonotonicCounter::with_start_value(counter, u64::MAX);
    let mut datagram = Vec::new();
    MediaFrameView::try_with_meta_data(&mut counter, payload, metadata)
        .and_then(|frame| frame.encrypt_into(&key, &mut datagram).map(drop))
        .expect("can be sealed");
    datagram
}

/// A sealed datagram with voice.
fn voice(media: &mut PeerMedia, now: Instant, timestamp: u32) -> Vec<u8> {
    let frame = VoiceFrame {
        timestamp,
        marker: timestamp == 0,
        opus: b"twenty milliseconds of voice",
    };
    media.seal(now, &frame).expect("short enough")
}

fuzz_target!(|input: &[u8]| {
    let [kind, input @ ..] = input else { return };
    let mut now = Instant::now();
    let mut own = common::media(true);
    match kind % 4 {
        0 => {
            let datagram = [&RTP_HEADER[..], input].concat();
            assert!(own.open(now, &datagram).is_err(), "nobody else has the key");
        }
        1 => {
            // Each pair of octets changes the packet at one place.
            let genuine = voice(&mut common::media(false), now, 960);
            let mut changed = genuine.clone();
            for edit in input.chunks_exact(2) {
                let at = usize::from(edit[0]) % changed.len();
                changed[at] ^= edit[1];
            }
            assert_eq!(own.open(now, &changed).is_ok(), changed == genuine);
            let _ = own.open(now, &genuine);
            assert!(own.open(now, &genuine).is_err(), "nothing is opened twice");
            assert_eq!(own.stats().packets_received, 1);
        }
        2 => {
            // Reports of a hostile peer, between packets that are in order.
            let mut peer = common::media(false);
            let mut rest = input;
            let mut counter = 0;
            while let [length, behind @ ..] = rest {
                let (octets, behind) = behind.split_at(usize::from(*length).min(behind.len()));
                rest = behind;
                now += Duration::from_millis(20);
                let _ = own.open(now, &voice(&mut peer, now, counter as u32 * 960));
                let _ = voice(&mut own, now, counter as u32 * 960);
                if let Some((clear, rest)) = octets.split_at_checked(8) {
                    let _ = own.open(now, &sealed(Flow::Control, counter, clear, rest));
                }
                counter += 1;
                let _ = own.poll_report(now + Duration::from_secs(2));
                let _ = own.stats();
            }
        }
        _ => {
            // Voice of a hostile peer: sequence numbers, timestamps and counters at will.
            let mut rest = input;
            while let [marker, length, pause, behind @ ..] = rest {
                let Some((numbers, behind)) = behind.split_first_chunk::<10>() else {
                    return;
                };
                let (opus, behind) = behind.split_at(usize::from(*length).min(behind.len()));
                rest = behind;
                now += Duration::from_millis(u64::from(*pause));
                let mut header = RTP_HEADER;
                header[1] ^= marker & 0x80;
                header[2..8].copy_from_slice(&numbers[..6]);
                let counter = numbers[6..]
                    .iter()
                    .fold(0, |all, octet| all << 8 | u64::from(*octet));
                let _ = own.open(now, &sealed(Flow::Voice, counter, &header, opus));
                let _ = own.poll_report(now);
                let _ = own.stats();
            }
        }
    }
});
