//! Adding voices up.

use opus::{Channels, SoftClip};

use crate::frame::{Frame, SILENCE};

/// Samples over which the gain goes down when the sum gets too loud: 1 ms.
const ATTACK: usize = 48;

/// How much of the way back to full gain is made in each frame.
const RELEASE: f32 = 0.05;

/// Adds voices up and keeps the sum within full scale.
///
/// One voice alone passes unchanged as long as it stays within full scale itself. A sum that
/// does not is turned down within a millisecond and comes back over half a second; what sticks
/// out meanwhile is rounded off.
pub(crate) struct Mixer {
    sum: Frame,
    gain: f32,
    clip: SoftClip,
}

impl Mixer {
    pub(crate) fn new() -> Self {
        Self {
            sum: SILENCE,
            gain: 1.0,
            clip: SoftClip::new(Channels::Mono),
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
        let peak = peak(&frame);
        let wanted = if peak > 1.0 { 1.0 / peak } else { 1.0 };
        let before = self.gain;
        let after = if wanted < before {
            wanted
        } else {
            wanted.min(before + (1.0 - before) * RELEASE + 1e-4)
        };
        let ramp = if after < before { ATTACK } else { frame.len() };
        if before < 1.0 || after < 1.0 {
            for (index, sample) in frame.iter_mut().enumerate() {
                let way = ((index + 1) as f32 / ramp as f32).min(1.0);
                *sample *= before + (after - before) * way;
            }
        }
        self.gain = after;
        self.clip.apply(&mut frame);
        for sample in &mut frame {
            *sample = sample.clamp(-1.0, 1.0);
        }
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
const FALL: f32 = 0.85;

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
