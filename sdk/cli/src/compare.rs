//! How much of what was said was heard.
//!
//! Both recordings are compared as waveforms below 3.6 kHz, where nearly all energy of speech is
//! and where Opus keeps the waveform. The lag between them is found first; then what was said is
//! taken in pieces of half a second, each of which may move by up to 100 ms more, since a jitter
//! buffer lengthens and shortens pauses. The result is the normalised cross-correlation over all
//! pieces, each counting by its energy: lost or concealed speech lowers it.

use std::path::Path;

use cooee_sdk::{FRAME, SAMPLE_RATE, Source as _, WavSource};

use crate::failure::{Failure, chain};

/// Recordings longer than this are not read to their end.
const LONGEST_SECONDS: usize = 600;
/// Lags beyond this are not looked at.
const LONGEST_LAG_SECONDS: usize = 2;
/// Samples of a piece at the full rate.
const PIECE: usize = SAMPLE_RATE as usize / 2;
/// How far a piece may move from the common lag, in samples at the full rate.
const PIECE_PLAY: isize = SAMPLE_RATE as isize / 10;
/// The fine look takes every sixth sample: 8 kHz for sound below 3.6 kHz.
const FINE: usize = 6;
/// The first look takes every 48th: 1 kHz for sound below 450 Hz, where a voice is loudest.
const COARSE: usize = 48;

/// What was heard against what was said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comparison {
    /// 1 for the same waveform, 0 for nothing in common.
    pub(crate) correlation: f64,
    /// How much later it stands in the second recording, in milliseconds.
    pub(crate) lag_ms: f64,
    /// Length of the first recording.
    pub(crate) seconds_said: f64,
    /// Length of the second recording.
    pub(crate) seconds_heard: f64,
}

/// Compares two WAV files.
pub(crate) fn files(said: &Path, heard: &Path) -> Result<Comparison, Failure> {
    Ok(compare(&read(said)?, &read(heard)?))
}

fn read(path: &Path) -> Result<Vec<f32>, Failure> {
    let mut source = WavSource::open(path).map_err(|error| Failure::new("file", chain(&error)))?;
    let mut samples = Vec::new();
    let mut frame = [0.0; FRAME];
    while !source.health().ended && samples.len() < LONGEST_SECONDS * SAMPLE_RATE as usize {
        source.read(&mut frame);
        samples.extend_from_slice(&frame);
    }
    Ok(samples)
}

/// Compares two recordings at the full rate.
pub(crate) fn compare(said: &[f32], heard: &[f32]) -> Comparison {
    let seconds = |samples: &[f32]| samples.len() as f64 / f64::from(SAMPLE_RATE);
    let fine = Pair {
        said: low_pass(said, FINE, 1),
        heard: low_pass(heard, FINE, 1),
        step: FINE,
    };
    let coarse = Pair {
        said: low_pass(said, COARSE, COARSE),
        heard: low_pass(heard, COARSE, COARSE),
        step: 1,
    };
    let reach = (LONGEST_LAG_SECONDS * SAMPLE_RATE as usize) as isize;
    let lag = best_lag(&coarse, &fine, 0..said.len(), 0, 0, reach);
    let mut sums = Sums::default();
    let mut own = lag;
    let mut start = 0;
    while start < said.len() {
        let piece = start..said.len().min(start + PIECE);
        own = best_lag(&coarse, &fine, piece.clone(), lag, own, PIECE_PLAY);
        sums.add(&fine.sums(piece, own));
        start += PIECE;
    }
    Comparison {
        correlation: sums.correlation(),
        lag_ms: lag as f64 * 1000.0 / f64::from(SAMPLE_RATE),
        seconds_said: seconds(said),
        seconds_heard: seconds(heard),
    }
}

/// The lag in samples at which a piece fits best, up to `reach` away from `around`.
fn best_lag(
    coarse: &Pair,
    fine: &Pair,
    piece: std::ops::Range<usize>,
    around: isize,
    before: isize,
    reach: isize,
) -> isize {
    let few = COARSE as isize;
    let rough = coarse.best(
        piece.start / COARSE..piece.end / COARSE,
        around / few,
        reach / few,
    );
    // Low sound repeats from one period of the voice to the next, and so the rough look may be a
    // period off; where nothing moved, the lag is that of the rest, or of the piece before.
    let looks = [rough * few, around, before].map(|lag| fine.best(piece.clone(), lag, few));
    let fit = |lag: &isize| fine.sums(piece.clone(), *lag).correlation();
    looks
        .into_iter()
        .max_by(|one, other| fit(one).total_cmp(&fit(other)))
        .unwrap_or(around)
}

/// Two recordings, band-limited so that every `step`th sample says it all.
struct Pair {
    said: Vec<f32>,
    heard: Vec<f32>,
    step: usize,
}

impl Pair {
    fn best(&self, piece: std::ops::Range<usize>, around: isize, reach: isize) -> isize {
        let mut best = (around, f64::MIN);
        for lag in around - reach..=around + reach {
            let fit = self.sums(piece.clone(), lag).correlation();
            if fit > best.1 {
                best = (lag, fit);
            }
        }
        best.0
    }

    fn sums(&self, piece: std::ops::Range<usize>, lag: isize) -> Sums {
        let said = self.said.get(piece.clone()).unwrap_or_default();
        // What lies before the beginning of the second recording was not heard.
        let from = piece.start as isize + lag;
        let missing = from.min(0).unsigned_abs().div_ceil(self.step) * self.step;
        let from = (from + missing as isize).max(0) as usize;
        let heard = self.heard.get(from..).unwrap_or_default();
        let mut sums = Sums {
            said: energy(said, self.step),
            ..Sums::default()
        };
        let said = said.get(missing..).unwrap_or_default();
        let pairs = said.iter().step_by(self.step);
        for (x, y) in pairs.zip(heard.iter().step_by(self.step)) {
            sums.both += f64::from(x * y);
            sums.heard += f64::from(y * y);
        }
        sums
    }
}

fn energy(samples: &[f32], step: usize) -> f64 {
    let every = samples.iter().step_by(step);
    every.map(|sample| f64::from(sample * sample)).sum()
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    both: f64,
    said: f64,
    heard: f64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.both += other.both;
        self.said += other.said;
        self.heard += other.heard;
    }

    fn correlation(&self) -> f64 {
        let scale = (self.said * self.heard).sqrt();
        if scale > 0.0 { self.both / scale } else { 0.0 }
    }
}

/// Keeps what every `band`th sample can carry, by a centred windowed sinc, and of the result every
/// `step`th sample.
fn low_pass(samples: &[f32], band: usize, step: usize) -> Vec<f32> {
    let half = 8 * band as isize;
    // Nine tenths of the band, the rest is the filter's slope.
    let cut = 0.9 / band as f32;
    let taps: Vec<f32> = (-half..=half)
        .map(|tap| {
            let at = tap as f32 * cut * std::f32::consts::PI;
            let sinc = if tap == 0 { 1.0 } else { at.sin() / at };
            let turn = tap as f32 * std::f32::consts::PI / half as f32;
            cut * sinc * (0.5 + 0.5 * turn.cos())
        })
        .collect();
    let mut padded = vec![0.0; half as usize];
    padded.extend_from_slice(samples);
    padded.resize(samples.len() + 2 * half as usize, 0.0);
    padded
        .windows(taps.len())
        .step_by(step)
        .map(|window| window.iter().zip(&taps).map(|(x, tap)| x * tap).sum())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::compare;

    /// A second of a voice-like sound: harmonics of a gliding tone, in syllables.
    fn voice(seed: f32) -> Vec<f32> {
        let mut phase = 0.0_f32;
        (0..48_000)
            .map(|sample| {
                let t = sample as f32 / 48_000.0;
                let pitch = 110.0 + seed + 40.0 * (t * (5.0 + seed / 10.0)).sin();
                phase += pitch / 48_000.0;
                let syllable = (t * 4.0 * std::f32::consts::PI + seed).sin().max(0.0);
                let harmonics: f32 = (1..20)
                    .map(|n| (phase * n as f32 * std::f32::consts::TAU).sin() / n as f32)
                    .sum();
                0.2 * syllable * harmonics
            })
            .collect()
    }

    fn delayed(samples: &[f32], by: usize) -> Vec<f32> {
        let mut late = vec![0.0; by];
        late.extend_from_slice(samples);
        late
    }

    #[test]
    fn the_same_sound_later_and_softer_is_the_same_sound() {
        let said = voice(0.0);
        let heard: Vec<f32> = delayed(&said, 6_007).iter().map(|x| x * 0.5).collect();
        let found = compare(&said, &heard);
        assert!(found.correlation > 0.999, "{found:?}");
        assert!((found.lag_ms - 6_007.0 / 48.0).abs() < 0.05, "{found:?}");
    }

    #[test]
    fn a_cut_beginning_is_found_and_costs() {
        let said = voice(0.0);
        let found = compare(&said, said.get(12_000..).unwrap_or_default());
        assert!((found.lag_ms + 250.0).abs() < 0.05, "{found:?}");
        assert!(found.correlation < 0.95, "{found:?}");
    }

    #[test]
    fn a_hole_costs() {
        let said = voice(0.0);
        let mut heard = said.clone();
        for sample in heard.iter_mut().take(8_000) {
            *sample = 0.0;
        }
        let found = compare(&said, &heard);
        assert!(found.correlation < 0.9, "{found:?}");
    }

    #[test]
    fn another_voice_and_silence_are_not_taken_for_it() {
        let said = voice(0.0);
        let other = compare(&said, &voice(37.0));
        assert!(other.correlation < 0.6, "{other:?}");
        assert!(compare(&said, &vec![0.0; 48_000]).correlation.abs() < 1e-9);
        assert!(compare(&said, &[]).correlation.abs() < 1e-9);
        assert!(compare(&[], &said).correlation.abs() < 1e-9);
    }
}
