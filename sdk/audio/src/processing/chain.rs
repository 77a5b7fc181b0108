//! The chain that a microphone's sound goes through.

use std::time::Duration;

use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate,
    NoiseSuppression, NoiseSuppressionLevel, Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::activity::SpeechActivity;
use super::pauses::Pauses;
use super::{BLOCK, Processing};
use crate::frame::SAMPLE_RATE;

/// The longest delay from the loudspeaker's samples to their echo that is found.
pub const LONGEST_ECHO_DELAY: Duration = Duration::from_millis(500);

/// High-pass, echo cancellation, noise suppression and gain control of one microphone, and the
/// question whether somebody speaks into it.
///
/// For every stretch of time the caller first hands over what is played
/// ([`playout`](Self::playout)), then processes what was captured ([`capture`](Self::capture)).
/// An echo has to be captured at least 3 ms and at most [`LONGEST_ECHO_DELAY`] after its sound
/// was handed over. Neither call locks or waits. `capture` allocates when it finds other parts
/// switched on than before, and sonora's echo cancellation and gain control allocate some small
/// vectors for each block: so this belongs on a voice thread, not into a device's callback.
pub struct ProcessingChain {
    wanted: Processing,
    stage: Stage,
    /// What is heard until the stage has filled its delays.
    outgoing: Option<Outgoing>,
    delay: Duration,
    activity: SpeechActivity,
    pauses: Pauses,
}

/// The parts that were on before, and the blocks for which they are still heard.
struct Outgoing {
    stage: Stage,
    left: u32,
}

/// Blocks until a new stage is heard: 40 ms, more than any part delays.
const WARM_UP: u32 = 4;

impl ProcessingChain {
    /// Makes a chain with these parts on.
    #[must_use]
    pub fn new(processing: Processing) -> Self {
        Self {
            wanted: processing,
            stage: Stage::new(processing),
            outgoing: None,
            delay: Duration::ZERO,
            activity: SpeechActivity::new(),
            pauses: Pauses::new(),
        }
    }

    /// Which parts are on.
    #[must_use]
    pub fn processing(&self) -> Processing {
        self.wanted
    }

    /// How likely somebody spoke in the last block that was captured, 0 to 1.
    #[must_use]
    pub fn voice_probability(&self) -> f32 {
        self.activity.probability()
    }

    /// Whether somebody speaks: from 30 ms after the beginning of speech until 400 ms after its
    /// end.
    #[must_use]
    pub fn speaking(&self) -> bool {
        self.activity.speaking()
    }

    /// The delay of the echo as the canceller sees it; `None` while it is off or has not seen
    /// any.
    #[must_use]
    pub fn echo_delay(&self) -> Option<Duration> {
        let delay = self.stage.parts.as_ref()?.statistics().delay_ms?;
        let delay = u64::try_from(delay).ok().filter(|delay| *delay > 0)?;
        Some(Duration::from_millis(delay))
    }

    /// Switches parts on and off within 50 ms, fading from the one sound to the other.
    pub fn set_processing(&mut self, processing: Processing) {
        self.wanted = processing;
    }

    /// Tells how long what is handed to [`playout`](Self::playout) takes until it comes back in
    /// [`capture`](Self::capture), as far as buffers are known. The canceller starts from there
    /// and finds the rest by itself.
    pub fn set_delay(&mut self, delay: Duration) {
        self.delay = delay.min(LONGEST_ECHO_DELAY);
    }

    /// Takes what is played: a multiple of [`BLOCK`] samples. A rest is ignored.
    pub fn playout(&mut self, samples: &[f32]) {
        for block in samples.as_chunks::<BLOCK>().0 {
            self.stage.playout(block);
            if let Some(outgoing) = &mut self.outgoing {
                outgoing.stage.playout(block);
            }
        }
    }

    /// Processes what was captured, in place: a multiple of [`BLOCK`] samples. A rest passes
    /// unchanged.
    pub fn capture(&mut self, samples: &mut [f32]) {
        for block in samples.as_chunks_mut::<BLOCK>().0 {
            if self.outgoing.is_none() && self.wanted != self.stage.processing {
                let stage = std::mem::replace(&mut self.stage, Stage::new(self.wanted));
                self.outgoing = Some(Outgoing {
                    stage,
                    left: WARM_UP,
                });
            }
            let mut before = *block;
            self.stage.capture(block, self.delay);
            if let Some(outgoing) = &mut self.outgoing {
                outgoing.stage.capture(&mut before, self.delay);
                if outgoing.left > 0 {
                    outgoing.left -= 1;
                    *block = before;
                } else {
                    self.outgoing = None;
                    fade(&before, block);
                }
            }
            self.activity.observe(block);
            if self.wanted.noise_suppression {
                self.pauses.lower(block, self.activity.probability());
            }
        }
    }
}

/// Fades from the one sound to the other, which is left in its place.
fn fade(before: &[f32; BLOCK], after: &mut [f32; BLOCK]) {
    for (index, (after, before)) in after.iter_mut().zip(before).enumerate() {
        let way = index as f32 / BLOCK as f32;
        *after = before + (*after - before) * way;
    }
}

impl std::fmt::Debug for ProcessingChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessingChain")
            .field("processing", &self.wanted)
            .field("delay", &self.delay)
            .finish_non_exhaustive()
    }
}

/// The parts that are on, for as long as they are.
struct Stage {
    processing: Processing,
    /// `None` while every part is off.
    parts: Option<Box<AudioProcessing>>,
    input: [f32; BLOCK],
    output: [f32; BLOCK],
}

impl Stage {
    fn new(processing: Processing) -> Self {
        Self {
            processing,
            parts: parts(processing),
            input: [0.0; BLOCK],
            output: [0.0; BLOCK],
        }
    }

    fn playout(&mut self, block: &[f32; BLOCK]) {
        if !self.processing.echo_cancellation {
            return;
        }
        if let Some(parts) = &mut self.parts {
            copy_finite(block, &mut self.input);
            // It refuses other formats only than the one it was made for.
            let _ = parts.process_render_f32(&[&self.input], &mut [&mut self.output]);
        }
    }

    fn capture(&mut self, block: &mut [f32; BLOCK], delay: Duration) {
        let Some(parts) = &mut self.parts else {
            return;
        };
        if self.processing.echo_cancellation {
            let delay = i32::try_from(delay.as_millis()).unwrap_or(i32::MAX);
            // It refuses only what lies beyond the longest delay.
            let _ = parts.set_stream_delay_ms(delay);
        }
        copy_finite(block, &mut self.input);
        let done = parts.process_capture_f32(&[&self.input], &mut [&mut self.output]);
        if done.is_ok() {
            *block = self.output;
        }
    }
}

/// One value that is not a number would stay in every filter.
fn copy_finite(from: &[f32; BLOCK], to: &mut [f32; BLOCK]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = if from.is_finite() { *from } else { 0.0 };
    }
}

/// Makes the parts that are on, at the full sample rate; nothing where none is.
fn parts(processing: Processing) -> Option<Box<AudioProcessing>> {
    if processing.is_off() {
        return None;
    }
    let config = Config {
        pipeline: Pipeline {
            maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
            ..Pipeline::default()
        },
        high_pass_filter: processing.high_pass.then(HighPassFilter::default),
        echo_canceller: processing.echo_cancellation.then(|| EchoCanceller {
            // Whether there is a high-pass is a switch of its own.
            enforce_high_pass_filtering: false,
            ..EchoCanceller::default()
        }),
        noise_suppression: processing.noise_suppression.then(|| NoiseSuppression {
            level: NoiseSuppressionLevel::High,
            ..NoiseSuppression::default()
        }),
        gain_controller2: processing.gain_control.then(|| GainController2 {
            adaptive_digital: Some(AdaptiveDigital {
                // Nothing is raised before somebody has spoken.
                initial_gain_db: 0.0,
                max_gain_db: 24.0,
                ..AdaptiveDigital::default()
            }),
            ..GainController2::default()
        }),
        ..Config::default()
    };
    let stream = StreamConfig::new(SAMPLE_RATE, 1);
    let parts = AudioProcessing::builder()
        .config(config)
        .capture_config(stream)
        .render_config(stream)
        .build();
    Some(Box::new(parts))
}
