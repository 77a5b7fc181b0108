//! Tests of the crate's inside, on virtual time wherever time matters.
#![allow(clippy::unwrap_used)]

mod allocations;
mod callback;
mod codec;
mod drift;
mod edges;
mod engine;
mod limiter;
mod mix;
mod pacer;
mod pcm;
mod processing;
mod splice;
mod strips;
mod voice;
mod wav;

use std::f32::consts::TAU;
use std::sync::{Arc, Mutex};

use crate::frame::{FRAME, Frame, SAMPLE_RATE, SILENCE, Sink, Source};

/// Something like speech: a gliding voice with harmonics under syllables and pauses.
fn speech(seconds: f32, seed: u32) -> Vec<f32> {
    let rate = SAMPLE_RATE as f32;
    let base = 110.0 + 17.0 * seed as f32;
    let mut phase = 0.0_f32;
    let samples = (seconds * rate) as usize;
    let voice = (0..samples).map(|index| {
        let time = index as f32 / rate;
        let pitch = base * (1.0 + 0.2 * (TAU * 0.7 * time).sin() + 0.05 * (TAU * 2.3 * time).sin());
        phase = (phase + pitch / rate).fract();
        let tone: f32 = (1..=12)
            .map(|harmonic| {
                let harmonic = harmonic as f32;
                let formant = 1.0 / (1.0 + ((harmonic * pitch - 600.0) / 400.0).powi(2));
                (TAU * phase * harmonic).sin() * (formant + 0.05)
            })
            .sum();
        let syllable = (TAU * (1.7 + 0.1 * seed as f32) * time)
            .sin()
            .max(0.0)
            .sqrt();
        tone * syllable
    });
    let voice: Vec<f32> = voice.collect();
    let peak = voice
        .iter()
        .fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    voice.iter().map(|sample| 0.6 * sample / peak).collect()
}

/// Gives a recording frame by frame, then silence.
struct Recording {
    samples: Vec<f32>,
    position: usize,
}

impl Recording {
    fn new(samples: Vec<f32>) -> Box<Self> {
        Box::new(Self {
            samples,
            position: 0,
        })
    }
}

impl Source for Recording {
    fn read(&mut self, frame: &mut Frame) {
        *frame = SILENCE;
        let rest = &self.samples[self.position.min(self.samples.len())..];
        for (to, from) in frame.iter_mut().zip(rest) {
            *to = *from;
        }
        self.position += FRAME;
    }
}

/// Keeps what it hears where the test can see it.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<f32>>>);

impl Ear {
    fn heard(&self) -> Vec<f32> {
        self.0.lock().unwrap().clone()
    }
}

impl Sink for Ear {
    fn write(&mut self, frame: &Frame) {
        self.0.lock().unwrap().extend_from_slice(frame);
    }
}

/// The normalised correlation of two sounds of which the second begins `lag` samples later.
fn correlation(said: &[f32], heard: &[f32], lag: usize) -> f32 {
    let heard = &heard[lag.min(heard.len())..];
    let (mut both, mut one, mut two) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (a, b) in said.iter().zip(heard) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        both += a * b;
        one += a * a;
        two += b * b;
    }
    (both / (one * two).sqrt().max(1e-12)) as f32
}

/// The best correlation over lags up to `most` samples, and its lag.
fn aligned(said: &[f32], heard: &[f32], most: usize) -> (f32, usize) {
    const COARSE: usize = 8;
    let thin = |samples: &[f32]| -> Vec<f32> {
        let groups = samples.chunks_exact(COARSE);
        groups
            .map(|group| group.iter().sum::<f32>() / COARSE as f32)
            .collect()
    };
    let (thin_said, thin_heard) = (thin(said), thin(heard));
    let best = |lags: std::ops::RangeInclusive<usize>, said: &[f32], heard: &[f32]| {
        lags.map(|lag| (correlation(said, heard, lag), lag))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap()
    };
    let (_, coarse) = best(0..=most / COARSE, &thin_said, &thin_heard);
    let near = coarse * COARSE;
    best(near.saturating_sub(COARSE)..=near + COARSE, said, heard)
}

fn rms(samples: &[f32]) -> f32 {
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>();
    (power / samples.len().max(1) as f32).sqrt()
}
