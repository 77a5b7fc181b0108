use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cooee_core::jitter::Packet;
use cooee_core::media::adaptation::{EncoderSettings, FrameLength};
use cooee_core::path::PeerId;

use super::{Ear, Recording, aligned, rms, speech};
use crate::codec::EncoderConfig;
use crate::engine::{EncodedFrame, VoiceEngine};
use crate::frame::{FRAME, FRAME_DURATION};
use crate::stats::VoiceStats;

const ALICE: PeerId = PeerId(1);
const BOB: PeerId = PeerId(2);

fn engine(said: Vec<f32>, ear: &Ear) -> VoiceEngine {
    let sink = Box::new(ear.clone());
    VoiceEngine::new(Recording::new(said), sink, EncoderConfig::default()).unwrap()
}

/// A network in one direction: every packet arrives after `delay`, unless `loses` says so.
struct Link {
    to: PeerId,
    delay: Duration,
    loses: fn(u64) -> bool,
    sequence: u64,
    flying: VecDeque<(Instant, Packet)>,
}

impl Link {
    fn new(to: PeerId, loses: fn(u64) -> bool) -> Self {
        Self {
            to,
            delay: Duration::from_millis(30),
            loses,
            sequence: 1_000,
            flying: VecDeque::new(),
        }
    }

    fn send(&mut self, now: Instant, frame: Option<EncodedFrame>) {
        let Some(frame) = frame else { return };
        let packet = Packet {
            sequence: self.sequence,
            timestamp: frame.timestamp,
            payload: frame.opus,
        };
        self.sequence += 1;
        if !(self.loses)(packet.sequence) {
            self.flying.push_back((now + self.delay, packet));
        }
    }

    fn arrive(&mut self, now: Instant, engine: &mut VoiceEngine) {
        while self.flying.front().is_some_and(|(at, _)| *at <= now) {
            let (at, packet) = self.flying.pop_front().unwrap();
            engine.deliver(self.to, packet, at);
        }
    }
}

struct Heard {
    by_alice: Vec<f32>,
    by_bob: Vec<f32>,
    alice: VoiceStats,
    bob: VoiceStats,
}

/// Alice and Bob talk at the same time, each for as long as the other.
fn call(alice_says: &[f32], bob_says: &[f32], loses: fn(u64) -> bool) -> Heard {
    let (alice_ear, bob_ear) = (Ear::default(), Ear::default());
    let mut alice = engine(alice_says.to_vec(), &alice_ear);
    let mut bob = engine(bob_says.to_vec(), &bob_ear);
    // As after a report of single losses.
    let settings = EncoderSettings {
        copies: u8::from(loses(7)),
        copy_back: 1,
        ..EncoderSettings::default()
    };
    alice.set_encoder(&settings);
    bob.set_encoder(&settings);
    alice.add_peer(BOB).unwrap();
    bob.add_peer(ALICE).unwrap();
    let (mut to_bob, mut to_alice) = (Link::new(ALICE, loses), Link::new(BOB, loses));
    let mut now = Instant::now();
    for _ in 0..alice_says.len() / FRAME + 50 {
        to_bob.arrive(now, &mut bob);
        to_alice.arrive(now, &mut alice);
        to_bob.send(now, alice.tick(now));
        to_alice.send(now, bob.tick(now));
        now += FRAME_DURATION;
    }
    Heard {
        by_alice: alice_ear.heard(),
        by_bob: bob_ear.heard(),
        alice: alice.stats(),
        bob: bob.stats(),
    }
}

#[test]
fn two_engines_hear_each_other() {
    let (alice, bob) = (speech(4.0, 0), speech(4.0, 5));
    let heard = call(&alice, &bob, |_| false);
    for (said, heard, stats, peer) in [
        (&alice, &heard.by_bob, &heard.bob, ALICE),
        (&bob, &heard.by_alice, &heard.alice, BOB),
    ] {
        let (correlation, lag) = aligned(&said[..150_000], heard, 12_000);
        assert!(correlation > 0.95, "{correlation} at {lag}");
        let jitter = &stats.peers[&peer].jitter;
        assert_eq!((jitter.concealed, jitter.recovered, jitter.late), (0, 0, 0));
        assert_eq!(stats.peers[&peer].undecodable, 0);
        assert!(jitter.played > 200);
    }
}

#[test]
fn lost_packets_are_recovered_and_the_voice_goes_on() {
    let (alice, bob) = (speech(4.0, 0), speech(4.0, 5));
    let heard = call(&alice, &bob, |sequence| sequence % 10 == 7);
    let jitter = &heard.bob.peers[&ALICE].jitter;
    assert!(jitter.recovered + jitter.concealed >= 20, "{jitter:?}");
    assert!(jitter.recovered >= 15, "{jitter:?}");
    // By then the delay has grown by what copies are to be waited for.
    let (correlation, lag) = aligned(&alice[96_000..150_000], &heard.by_bob[96_000..], 12_000);
    assert!(correlation > 0.85, "{correlation} at {lag}");
}

#[test]
fn the_muted_send_silence_and_the_deafened_hear_it() {
    let (mut alice, ear) = (engine(speech(2.0, 0), &Ear::default()), Ear::default());
    let mut bob = engine(Vec::new(), &ear);
    bob.add_peer(ALICE).unwrap();
    let mut link = Link::new(ALICE, |_| false);
    let mut now = Instant::now();
    let mut levels = Vec::new();
    for tick in 0..150 {
        alice.set_muted(tick >= 50);
        link.arrive(now, &mut bob);
        let frame = alice.tick(now);
        levels.extend(frame.as_ref().map(|frame| frame.level));
        link.send(now, frame);
        bob.tick(now);
        now += FRAME_DURATION;
    }
    assert!(levels[..25].iter().any(|level| *level < 30));
    assert!(levels[26..].iter().all(|level| *level == 127));
    let heard = ear.heard();
    assert!(rms(&heard[..60 * FRAME]) > 0.01);
    assert!(rms(&heard[90 * FRAME..]) < 0.001);
    assert!(alice.levels().input < 0.01);

    alice.set_muted(false);
    bob.set_deafened(true);
    let before = ear.heard().len();
    for _ in 0..50 {
        link.arrive(now, &mut bob);
        link.send(now, alice.tick(now));
        bob.tick(now);
        now += FRAME_DURATION;
    }
    assert_eq!(rms(&ear.heard()[before + 2 * FRAME..]), 0.0);
    assert!(bob.stats().peers[&ALICE].jitter.played > 80);
}

#[test]
fn three_talk_at_once() {
    let ear = Ear::default();
    let (one, two) = (speech(2.0, 0), speech(2.0, 4));
    let mut alice = engine(one.clone(), &Ear::default());
    let mut carol = engine(two.clone(), &Ear::default());
    let mut bob = engine(Vec::new(), &ear);
    let peers = [PeerId(7), PeerId(9)];
    let mut links = peers.map(|peer| Link::new(peer, |_| false));
    for peer in peers {
        bob.add_peer(peer).unwrap();
    }
    let mut now = Instant::now();
    for _ in 0..200 {
        for (link, talker) in links.iter_mut().zip([&mut alice, &mut carol]) {
            link.arrive(now, &mut bob);
            link.send(now, talker.tick(now));
        }
        bob.tick(now);
        now += FRAME_DURATION;
    }
    let both: Vec<f32> = one.iter().zip(&two).map(|(a, b)| a + b).collect();
    let (correlation, lag) = aligned(&both[..80_000], &ear.heard(), 12_000);
    assert!(correlation > 0.9, "{correlation} at {lag}");
    bob.remove_peer(peers[0]);
    assert_eq!(bob.stats().peers.len(), 1);
}

#[test]
fn time_that_nobody_ticked_shows_in_the_timestamps() {
    let mut alice = engine(Vec::new(), &Ear::default());
    let now = Instant::now();
    let next = |alice: &mut VoiceEngine| {
        let packet = alice.tick(now).or_else(|| alice.tick(now)).unwrap();
        (packet.timestamp, packet.marker)
    };
    assert_eq!(next(&mut alice), (0, true));
    assert_eq!(next(&mut alice), (960, false));
    // What had been collected for a packet goes with the time that passed.
    assert!(alice.tick(now).is_none());
    alice.skip(10);
    assert_eq!(next(&mut alice), (4 * 480 + 11 * 480, true));
    assert_eq!(alice.stats().skipped, 10);
    alice.skip(u64::MAX);
    next(&mut alice);
}

#[test]
fn the_frame_length_follows_the_settings_and_the_peer() {
    let ear = Ear::default();
    let said = speech(4.8, 0);
    let mut alice = engine(said.clone(), &Ear::default());
    let mut bob = engine(Vec::new(), &ear);
    bob.add_peer(ALICE).unwrap();
    let mut link = Link::new(ALICE, |_| false);
    let mut now = Instant::now();
    let lengths = [
        FrameLength::Ms20,
        FrameLength::Ms10,
        FrameLength::Ms60,
        FrameLength::Ms40,
    ];
    let mut packets = Vec::new();
    for length in lengths {
        let settings = EncoderSettings {
            frame_length: length,
            ..EncoderSettings::default()
        };
        alice.set_encoder(&settings);
        for _ in 0..120 {
            link.arrive(now, &mut bob);
            let packet = alice.tick(now);
            packets.extend(packet.as_ref().map(|packet| packet.timestamp));
            link.send(now, packet);
            bob.tick(now);
            now += FRAME_DURATION;
        }
    }
    let steps: Vec<u32> = packets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for samples in [480, 960, 1_920, 2_880] {
        assert!(steps.contains(&samples), "{samples}: {steps:?}");
    }
    let stats = bob.stats();
    let jitter = &stats.peers[&ALICE].jitter;
    assert_eq!(stats.peers[&ALICE].undecodable, 0);
    assert_eq!((jitter.late, jitter.recovered), (0, 0), "{jitter:?}");
    // A longer frame is waited for once.
    assert!(jitter.concealed <= 4, "{jitter:?}");
    let heard = ear.heard();
    for second in 0..4 {
        let part = &said[second * 57_600 + 9_600..][..38_400];
        let window = &heard[second * 57_600..];
        let (correlation, lag) = aligned(part, window, 24_000);
        assert!(correlation > 0.9, "{second}: {correlation} at {lag}");
    }
}

#[test]
fn strangers_and_rubbish_do_no_harm() {
    let mut bob = engine(Vec::new(), &Ear::default());
    bob.add_peer(ALICE).unwrap();
    let mut now = Instant::now();
    let packet = |sequence: u64, payload: Vec<u8>| Packet {
        sequence,
        timestamp: (sequence as u32).wrapping_mul(960),
        payload,
    };
    bob.deliver(PeerId(99), packet(1, vec![1, 2, 3]), now);
    bob.deliver(ALICE, packet(1, vec![0; 5_000]), now);
    assert_eq!(bob.stats().stray, 2);
    for sequence in 0..50 {
        bob.deliver(ALICE, packet(sequence, vec![sequence as u8; 3]), now);
        // A packet lasts two beats.
        for _ in 0..2 {
            bob.tick(now);
            now += FRAME_DURATION;
        }
    }
    let stats = &bob.stats().peers[&ALICE];
    assert!(stats.undecodable > 10, "{stats:?}");
}
