//! Voices that can be told apart, and ears that do.

use std::f32::consts::TAU;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cooee_sdk::{FRAME, Frame, SAMPLE_RATE, Sink, Source};
use tokio::sync::watch;

use crate::patience::within;

/// What is loud or not as a whole: 20 ms.
const BEAT: usize = 2 * FRAME;
/// Beats until a voice repeats itself: 5 s.
const SENTENCE: usize = 250;
/// Beats that an ear compares: 1.6 s.
const LISTEN: usize = 80;
/// Beats between two comparisons.
const LISTEN_AGAIN: usize = 10;
/// The least correlation of what is heard with what was said. Right, it is above 0.9; of a
/// window with another sentence, or with noise, it stays below 0.6.
const LIKENESS: f32 = 0.75;
/// How loud each of a voice's tones is.
const LOUDNESS: f32 = 0.12;
/// What counts as loud in a window: a tenth of what was said.
const AUDIBLE: f32 = LOUDNESS / 10.0;
/// Tones of a voice lie so far apart from those of the next: one cycle in a beat, so that a beat
/// tells them apart exactly.
const STEP: f32 = 50.0;

/// A voice like speech: syllables of three tones in a rhythm of its own, for ever.
///
/// No two voices share a tone, and each has its own rhythm, so that an ear knows from the tones
/// who speaks and from the rhythm what is said.
#[derive(Debug, Clone)]
pub struct Voice {
    tones: [f32; 3],
    rhythm: Arc<[bool]>,
    spoken: Arc<AtomicUsize>,
}

impl Voice {
    /// The voice of the person with this number, below 8.
    pub(crate) fn number(number: u16) -> Self {
        assert!(number < 8, "there are eight voices");
        let shift = STEP * f32::from(number);
        Self {
            tones: [300.0 + shift, 700.0 + shift, 1100.0 + shift],
            rhythm: rhythm(u32::from(number)),
            spoken: Arc::default(),
        }
    }

    /// Frames that were taken from this mouth.
    pub fn frames_spoken(&self) -> usize {
        self.spoken.load(Ordering::Relaxed)
    }

    /// Speaks with this voice, from its beginning or on from where another mouth is.
    pub fn mouth(&self) -> Mouth {
        let mut vowel = [0.0; BEAT];
        for tone in self.tones {
            for (index, sample) in (0_u16..).zip(&mut vowel) {
                *sample += LOUDNESS * (TAU * tone * f32::from(index) / SAMPLE_RATE as f32).sin();
            }
        }
        Mouth {
            voice: self.clone(),
            vowel,
            from: 0.0,
        }
    }

    /// How loud this voice is in each beat of `frames`.
    fn loudness(&self, frames: &[Frame]) -> Vec<f32> {
        let tones = self.tones;
        let of = |beat: &[Frame]| {
            let samples = beat.as_flattened();
            tones
                .map(|tone| amplitude(samples, tone))
                .iter()
                .sum::<f32>()
                / 3.0
        };
        frames.chunks_exact(BEAT / FRAME).map(of).collect()
    }

    /// Whether this voice says what is heard, given how loud each beat is.
    fn is_in(&self, heard: &[f32]) -> bool {
        heard.iter().any(|loud| *loud > AUDIBLE) && self.likeness(heard) > LIKENESS
    }

    /// How much what is heard resembles what this voice says, wherever it begins.
    fn likeness(&self, heard: &[f32]) -> f32 {
        let said = |at: usize| f32::from(u8::from(self.rhythm.get(at).copied().unwrap_or(false)));
        (0..SENTENCE)
            .map(|start| {
                let said: Vec<f32> = (start..start + heard.len())
                    .map(|at| said(at % SENTENCE))
                    .collect();
                correlation(&said, heard)
            })
            .fold(0.0, f32::max)
    }
}

/// Speaks with a voice into a call.
#[derive(Debug)]
pub struct Mouth {
    voice: Voice,
    /// A beat of all tones; they have whole cycles in it, so that beats join without a click.
    vowel: [f32; BEAT],
    /// How far the lips were open in the beat before.
    from: f32,
}

impl Source for Mouth {
    fn read(&mut self, frame: &mut Frame) {
        let spoken = self.voice.spoken.fetch_add(1, Ordering::Relaxed);
        let at = spoken / (BEAT / FRAME) % SENTENCE;
        let begin = spoken % (BEAT / FRAME) * FRAME;
        let loud = self.voice.rhythm.get(at).copied().unwrap_or(false);
        // Lips take 5 ms to open and to close.
        let ramp = BEAT / 4;
        let (from, to) = (self.from, f32::from(u8::from(loud)));
        for (index, (sample, vowel)) in frame.iter_mut().zip(&self.vowel[begin..]).enumerate() {
            let opened = (begin + index).min(ramp) as f32 / ramp as f32;
            *sample = vowel * (from + (to - from) * opened);
        }
        if begin + FRAME == BEAT {
            self.from = to;
        }
    }
}

/// What an ear has heard since the call began.
#[derive(Debug, Clone)]
pub(crate) struct Hearing {
    frames: Arc<Mutex<Vec<Frame>>>,
    count: watch::Receiver<usize>,
}

/// Listens to a call.
pub(crate) struct Ear {
    frames: Arc<Mutex<Vec<Frame>>>,
    count: watch::Sender<usize>,
}

impl Ear {
    pub(crate) fn new() -> (Self, Hearing) {
        let (count, counted) = watch::channel(0);
        let frames = Arc::default();
        let hearing = Hearing {
            frames: Arc::clone(&frames),
            count: counted,
        };
        (Self { frames, count }, hearing)
    }
}

impl Sink for Ear {
    fn write(&mut self, frame: &Frame) {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.push(*frame);
        self.count.send_replace(frames.len());
    }
}

impl Hearing {
    /// Waits until the voice has been heard well for a while, from now on.
    pub(crate) async fn hears(&self, voice: &Voice) {
        let listening = self.listen(|window| voice.is_in(&voice.loudness(window)));
        within(listening, || "to hear a voice".to_owned()).await;
    }

    /// Waits until the voice has been silent for a while, from now on.
    pub(crate) async fn hears_nothing_of(&self, voice: &Voice) {
        let silent = |window: &[Frame]| voice.loudness(window).iter().all(|loud| *loud < AUDIBLE);
        within(self.listen(silent), || "for silence".to_owned()).await;
    }

    /// Waits until what was heard for a while is so, from now on.
    async fn listen(&self, so: impl Fn(&[Frame]) -> bool) {
        let mut count = self.count.clone();
        let beat = BEAT / FRAME;
        let mut next = *count.borrow() + LISTEN * beat;
        loop {
            if count.wait_for(|count| *count >= next).await.is_err() {
                std::future::pending::<()>().await;
            }
            if so(&self.window(next - LISTEN * beat, next)) {
                return;
            }
            next += LISTEN_AGAIN * beat;
        }
    }

    /// Whether this voice could be heard at any time.
    pub(crate) fn has_heard(&self, voice: &Voice) -> bool {
        let heard = voice.loudness(&self.window(0, usize::MAX));
        let mut windows = heard.windows(LISTEN).step_by(LISTEN_AGAIN);
        windows.any(|window| voice.is_in(window))
    }

    fn window(&self, from: usize, to: usize) -> Vec<Frame> {
        let frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let to = to.min(frames.len());
        frames.get(from..to).unwrap_or_default().to_vec()
    }
}

/// Syllables of 80 to 200 ms and pauses of 60 to 160 ms, by a small generator seeded by `seed`.
fn rhythm(seed: u32) -> Arc<[bool]> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) ^ 0x5EED_1234;
    let mut random = move |below: u32| {
        // xorshift32 (Marsaglia 2003)
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) % below
    };
    let mut rhythm = Vec::with_capacity(SENTENCE);
    while rhythm.len() < SENTENCE {
        let (syllable, pause) = (4 + random(7), 3 + random(6));
        rhythm.extend((0..syllable).map(|_| true));
        rhythm.extend((0..pause).map(|_| false));
    }
    rhythm.truncate(SENTENCE);
    rhythm.into()
}

/// The amplitude of one tone in a frame, by the Goertzel algorithm.
fn amplitude(samples: &[f32], tone: f32) -> f32 {
    let angle = TAU * tone / SAMPLE_RATE as f32;
    let coefficient = 2.0 * angle.cos();
    let (mut last, mut before) = (0.0_f32, 0.0_f32);
    for sample in samples {
        (last, before) = (sample + coefficient * last - before, last);
    }
    let power = last * last + before * before - coefficient * last * before;
    2.0 * power.max(0.0).sqrt() / samples.len() as f32
}

/// Pearson's correlation; nothing where one side does not change.
fn correlation(one: &[f32], other: &[f32]) -> f32 {
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
    let (mean_one, mean_other) = (mean(one), mean(other));
    let (mut both, mut square_one, mut square_other) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (a, b) in one.iter().zip(other) {
        let (a, b) = (a - mean_one, b - mean_other);
        both += a * b;
        square_one += a * a;
        square_other += b * b;
    }
    let scale = (square_one * square_other).sqrt();
    if scale > f32::EPSILON {
        both / scale
    } else {
        0.0
    }
}
