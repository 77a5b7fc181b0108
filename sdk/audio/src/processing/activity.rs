//! Who is speaking.

use sonora_agc2::vad_wrapper::VoiceActivityDetectorWrapper;
use sonora_simd::detect_backend;

use super::BLOCK;
use crate::frame::SAMPLE_RATE;

/// Speech is said to begin after so many blocks in a row that sound like it: 30 ms. A click is
/// shorter.
const ONSET: u32 = 3;

/// Speech is said to end after so many blocks without any: 400 ms. Pauses between words are
/// shorter.
const HANGOVER: u32 = 40;

/// Turns a judgement about each block into one about who is speaking, which does not flicker.
#[derive(Debug, Default)]
struct Hysteresis {
    speaking: bool,
    /// Blocks in a row that speak against what is said.
    against: u32,
}

impl Hysteresis {
    fn observe(&mut self, speech: bool) {
        if speech == self.speaking {
            self.against = 0;
            return;
        }
        self.against = self.against.saturating_add(1);
        let limit = if self.speaking { HANGOVER } else { ONSET };
        if self.against >= limit {
            self.speaking = speech;
            self.against = 0;
        }
    }
}

/// A probability of speech above which a block counts as speech.
const LIKELY: f32 = 0.8;

/// A block below this level is silence, whatever it sounds like: -60 dBFS as mean power.
const INAUDIBLE: f32 = 1e-6;

/// Looks for speech in the local voice, with the recurrent network of AGC2.
#[derive(Debug)]
pub(crate) struct SpeechActivity {
    detector: VoiceActivityDetectorWrapper,
    scaled: [f32; BLOCK],
    probability: f32,
    hysteresis: Hysteresis,
}

impl SpeechActivity {
    pub(crate) fn new() -> Self {
        Self {
            // The cast is exact: 48,000.
            detector: VoiceActivityDetectorWrapper::new(detect_backend(), SAMPLE_RATE as i32),
            scaled: [0.0; BLOCK],
            probability: 0.0,
            hysteresis: Hysteresis::default(),
        }
    }

    pub(crate) fn observe(&mut self, block: &[f32; BLOCK]) {
        // The detector was made for samples of 16 bits.
        for (to, from) in self.scaled.iter_mut().zip(block) {
            *to = from * 32_768.0;
        }
        self.probability = self.detector.analyze(&self.scaled);
        let speech = self.probability > LIKELY && power(block) > INAUDIBLE;
        self.hysteresis.observe(speech);
    }

    pub(crate) fn probability(&self) -> f32 {
        self.probability
    }

    pub(crate) fn speaking(&self) -> bool {
        self.hysteresis.speaking
    }
}

/// How much louder than the background a block has to be to count as speech: 9 dB.
const ABOVE_BACKGROUND: f32 = 8.0;

/// The background may rise by so much with each block: 3 dB in a second.
const RISE: f32 = 1.007;

/// The least background, so that the faintest hiss after silence is not speech: -75 dBFS.
const QUIETEST: f32 = 3e-8;

/// Looks for speech in a peer's decoded voice by its loudness above a slowly rising background:
/// a few operations for each sample, since there may be many peers.
#[derive(Debug)]
pub(crate) struct EnergyActivity {
    background: f32,
    hysteresis: Hysteresis,
}

impl EnergyActivity {
    pub(crate) fn new() -> Self {
        Self {
            // The first block is the background until something quieter comes.
            background: f32::INFINITY,
            hysteresis: Hysteresis::default(),
        }
    }

    /// Takes any number of samples, block by block.
    pub(crate) fn observe(&mut self, samples: &[f32]) {
        for block in samples.chunks(BLOCK) {
            let power = power(block);
            let speech = power > INAUDIBLE && power > self.background * ABOVE_BACKGROUND;
            self.background = if power < self.background {
                power.max(QUIETEST)
            } else {
                (self.background * RISE).min(power)
            };
            self.hysteresis.observe(speech);
        }
    }

    /// Takes as many samples of silence.
    pub(crate) fn observe_silence(&mut self, samples: usize) {
        for _ in 0..samples.div_ceil(BLOCK) {
            self.hysteresis.observe(false);
        }
    }

    pub(crate) fn speaking(&self) -> bool {
        self.hysteresis.speaking
    }
}

/// Mean power; zero for nothing, and for what is not a number.
fn power(samples: &[f32]) -> f32 {
    let sum = samples.iter().map(|sample| sample * sample).sum::<f32>();
    let power = sum / samples.len().max(1) as f32;
    if power.is_finite() { power } else { 0.0 }
}
