#![allow(clippy::unwrap_used)]

mod adaptation;
mod agreement;
mod hostile;
mod measures;
mod quality;
mod sealed;

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{CallContext, CallKey, MediaConfig, Opened, PairKeys, PeerMedia, VoiceFrame};
use super::{OpenError, VoicePacket};

const FRAME: Duration = Duration::from_millis(20);

fn key(seed: u64) -> CallKey {
    CallKey::generate_from(&mut StdRng::seed_from_u64(seed))
}

fn agree(own: &CallKey, peer: &CallKey, names: [&str; 2], id_group: &str) -> PairKeys {
    own.agree(
        &peer.public(),
        &CallContext {
            id_group,
            own_name: names[0],
            peer_name: names[1],
        },
    )
    .unwrap()
}

/// The keys of both ends of a call.
fn both_keys() -> (PairKeys, PairKeys) {
    let (alice, bob) = (key(1), key(2));
    (
        agree(&alice, &bob, ["alice", "bob"], "g1"),
        agree(&bob, &alice, ["bob", "alice"], "g1"),
    )
}

fn media(keys: PairKeys, seed: u64) -> PeerMedia {
    PeerMedia::new_from(
        keys,
        MediaConfig::default(),
        &mut StdRng::seed_from_u64(seed),
    )
    .unwrap()
}

/// Both ends of a call.
fn pair() -> (PeerMedia, PeerMedia) {
    let (alice, bob) = both_keys();
    (media(alice, 11), media(bob, 12))
}

fn frame(n: u32) -> VoiceFrame<'static> {
    VoiceFrame {
        timestamp: n.wrapping_mul(960),
        marker: n == 0,
        opus: b"an opus frame, or so it seems",
    }
}

fn voice(opened: Result<Opened, OpenError>) -> VoicePacket {
    match opened.unwrap() {
        Opened::Voice(packet) => packet,
        Opened::Report | Opened::Goodbye => panic!("a report"),
    }
}

/// The next report, at the time it is due.
fn report(media: &mut PeerMedia, now: &mut Instant) -> Vec<u8> {
    loop {
        if let Some(report) = media.poll_report(*now) {
            return report;
        }
        *now = media.poll_timeout().unwrap();
    }
}
