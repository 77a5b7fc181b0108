//! Where sound begins, ends and changes hands: nothing may click.

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::time::{Duration, Instant};

use cooee_core::jitter::Packet;
use cooee_core::path::PeerId;

use super::Ear;
use crate::codec::EncoderConfig;
use crate::engine::VoiceEngine;
use crate::frame::{FRAME_DURATION, Frame, Source};
use crate::sending::SendMode;

const ALICE: PeerId = PeerId(1);

/// A loud tone that is never silent: whatever cuts it, clicks.
struct Tone(u32);

const AMPLITUDE: f32 = 0.4;

impl Source for Tone {
    fn read(&mut self, frame: &mut Frame) {
        for sample in frame {
            *sample = AMPLITUDE * (TAU * 200.0 * self.0 as f32 / 48_000.0).sin();
            self.0 += 1;
        }
    }
}

/// How far the tone itself goes from one sample to the next at most.
const OWN_STEP: f32 = AMPLITUDE * TAU * 200.0 / 48_000.0;

fn largest_step(samples: &[f32]) -> f32 {
    let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    steps.fold(0.0, f32::max)
}

/// Alice speaks to Bob for three seconds while `change` does what it wants to either before each
/// tick; what Bob has heard.
fn heard(mut change: impl FnMut(usize, &mut VoiceEngine, &mut VoiceEngine)) -> Vec<f32> {
    let ear = Ear::default();
    let config = EncoderConfig {
        bitrate: 64_000,
        ..EncoderConfig::default()
    };
    let nowhere = Box::new(Ear::default());
    let mut alice = VoiceEngine::new(Box::new(Tone(0)), nowhere, config).unwrap();
    let mut bob = VoiceEngine::new(Box::new(Tone(0)), Box::new(ear.clone()), config).unwrap();
    bob.add_peer(ALICE).unwrap();
    let mut flying: VecDeque<(Instant, Packet)> = VecDeque::new();
    let mut now = Instant::now();
    let mut sequence = 0;
    for tick in 0..300 {
        change(tick, &mut alice, &mut bob);
        while flying.front().is_some_and(|(at, _)| *at <= now) {
            let (at, packet) = flying.pop_front().unwrap();
            bob.deliver(ALICE, packet, at);
        }
        if let Some(frame) = alice.tick(now) {
            sequence += 1;
            let packet = Packet {
                sequence,
                timestamp: frame.timestamp,
                payload: frame.opus,
            };
            flying.push_back((now + Duration::from_millis(20), packet));
        }
        bob.tick(now);
        now += FRAME_DURATION;
    }
    ear.heard()
}

/// The steps of a mix in which nothing changes are the tone's own; a cut makes ten times that.
#[track_caller]
fn assert_no_click(heard: &[f32]) {
    let peak = heard.iter().copied().fold(0.0, f32::max);
    assert!(peak > 0.8 * AMPLITUDE, "the tone is there: {peak}");
    let step = largest_step(heard);
    assert!(step < 3.0 * OWN_STEP, "{step} against {OWN_STEP}");
}

#[test]
fn a_cut_would_be_noticed() {
    let mut tone = heard(|_, _, _| {});
    assert_no_click(&tone);
    let middle = tone.len() / 2;
    let loudest = (middle..middle + 480).max_by(|a, b| tone[*a].total_cmp(&tone[*b]));
    tone.drain(loudest.unwrap()..loudest.unwrap() + 120);
    assert!(largest_step(&tone) > 6.0 * OWN_STEP);
}

#[test]
fn the_edges_of_push_to_talk_and_of_muting_do_not_click() {
    assert_no_click(&heard(|tick, alice, bob| {
        if tick == 60 {
            alice.set_send_mode(SendMode::PushToTalk);
        }
        // Whatever the phase of the tone, and of the packet.
        alice.set_talking(tick % 37 > 15);
        alice.set_muted((150..163).contains(&tick));
        bob.set_deafened((210..225).contains(&tick));
    }));
}

#[test]
fn joining_and_leaving_do_not_click() {
    assert_no_click(&heard(|tick, _, bob| match tick {
        100 => bob.remove_peer(ALICE),
        131 => bob.add_peer(ALICE).unwrap(),
        200 => bob.set_peer_muted(ALICE, true),
        223 => bob.set_peer_muted(ALICE, false),
        _ => {}
    }));
}

#[test]
fn another_microphone_does_not_click() {
    assert_no_click(&heard(|tick, alice, _| {
        // Each time at another phase of the tone.
        if tick % 40 == 39 {
            alice.replace_source(Box::new(Tone(60 + 37 * tick as u32)));
        }
    }));
}

#[test]
fn another_loudspeaker_begins_with_silence() {
    let other = Ear::default();
    heard(|tick, _, bob| {
        if tick == 150 {
            bob.replace_sink(Box::new(other.clone()));
        }
    });
    let heard = other.heard();
    assert!(heard[0].abs() < 1e-6);
    assert_no_click(&heard);
}
