//! Adding voices up.

use crate::frame::{Frame, SILENCE};
use crate::processing::Limiter;

/// Adds voices up and keeps the sum within full scale.
///
/// One voice alone passes unchanged as long as it stays within full scale itself.
pub(crate) struct Mixer {
    sum: Frame,
    limiter: Limiter,
}

impl Mixer {
    pub(crate) fn new() -> Self {
        Self {
            sum: SILENCE,
            limiter: Limiter::new(),
        }
    }

    /// Adds one voice to the frame being made.
    pub(crate) fn add(&mut self, voice: &Frame) {
        for (sum, sample) in self.sum.iter_mut().zip(voice) {
            *sum += *sample;
        }
    }

    /// Gives the frame made, and begins the next with silence.
    pub(crate) fn finish(&mut self) -> Frame {
        let mut frame = std::mem::replace(&mut self.sum, SILENCE);
        self.limiter.apply(&mut frame);
        frame
    }
}

/// The largest magnitude in a frame.
pub(crate) fn peak(frame: &Frame) -> f32 {
    frame
        .iter()
        .fold(0.0, |peak, sample| f32::max(peak, sample.abs()))
}

/// How much of a peak is left a frame later, where nothing louder came.
const FALL: f32 = 0.92;

/// A meter's next reading: up at once, down slowly, so that eyes can follow.
pub(crate) fn fall(reading: f32, peak: f32) -> f32 {
    let reading = f32::max(reading * FALL, peak);
    if reading < 1e-4 { 0.0 } else { reading }
}

/// The level of a frame as RFC 6464 has it: -dBov, from 0 (loudest) to 127 (silence).
pub(crate) fn level(frame: &Frame) -> u8 {
    let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len() as f32;
    if power <= 0.0 {
        return 127;
    }
    // The cast saturates at both ends.
    (-10.0 * power.log10()).round().min(127.0) as u8
}

/// Turns the sound of frames on and off without a click.
pub(crate) struct Gate {
    open: bool,
}

/// Samples over which a gate opens or closes: 5 ms.
const RAMP: usize = 240;

impl Gate {
    pub(crate) fn new() -> Self {
        Self { open: true }
    }

    /// One that nothing has passed yet, so that what comes first rises from silence.
    pub(crate) fn closed() -> Self {
        Self { open: false }
    }

    pub(crate) fn apply(&mut self, frame: &mut Frame, open: bool) {
        let was = std::mem::replace(&mut self.open, open);
        match (was, open) {
            (true, true) => {}
            (false, false) => *frame = SILENCE,
            (false, true) => {
                for (index, sample) in frame.iter_mut().take(RAMP).enumerate() {
                    *sample *= index as f32 / RAMP as f32;
                }
            }
            (true, false) => {
                for (index, sample) in frame.iter_mut().enumerate() {
                    *sample *= 1.0 - (index as f32 / RAMP as f32).min(1.0);
                }
            }
        }
    }
}
