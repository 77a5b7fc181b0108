//! Keeping a sum of voices within full scale.

use super::BLOCK;

/// Samples over which the gain goes down before a peak: 1 ms. The peak is seen in the block
/// that is there already, so nothing is delayed for it.
const ATTACK: usize = 48;

/// The part of the way back to full gain that is made with each sample: most of it in 0.25 s.
const RELEASE: f32 = 1.0 / 12_000.0;

/// The least gain that each sample wins back, so that full gain is reached again.
const CREEP: f32 = 1e-6;

/// Turns down what is too loud, and nothing else.
///
/// What stays within full scale passes bit for bit. Before a sample that does not, the gain goes
/// down on a straight line over a millisecond, or over what the block holds before it; afterwards
/// it comes back within half a second. There is no delay. Nothing that comes out is above full
/// scale or not a number.
#[derive(Debug)]
pub(crate) struct Limiter {
    gain: f32,
}

impl Limiter {
    pub(crate) fn new() -> Self {
        Self { gain: 1.0 }
    }

    /// Limits any number of samples; the longer the slice, the fewer peaks stand at its very
    /// beginning.
    pub(crate) fn apply(&mut self, samples: &mut [f32]) {
        for block in samples.chunks_mut(BLOCK) {
            self.apply_block(block);
        }
    }

    fn apply_block(&mut self, block: &mut [f32]) {
        let mut fits = true;
        for sample in block.iter_mut() {
            if !sample.is_finite() {
                *sample = 0.0;
            }
            fits &= sample.abs() <= 1.0;
        }
        if fits && self.gain >= 1.0 {
            return;
        }
        let mut ceiling = [1.0_f32; BLOCK];
        self.descend(block, &mut ceiling);
        for (sample, ceiling) in block.iter_mut().zip(&ceiling) {
            let risen = self.gain + (1.0 - self.gain) * RELEASE + CREEP;
            self.gain = risen.min(*ceiling).min(1.0);
            // Rounding may leave a product one bit above full scale.
            *sample = (*sample * self.gain).clamp(-1.0, 1.0);
        }
    }

    /// Lays the lines that lead down to each peak. No line is steeper than it must be to meet
    /// the present gain at the block's beginning, so that the gain never jumps there.
    fn descend(&self, block: &[f32], ceiling: &mut [f32; BLOCK]) {
        let mut slope = 1.0 / ATTACK as f32;
        for (index, (sample, ceiling)) in block.iter().zip(ceiling.iter_mut()).enumerate() {
            let magnitude = sample.abs();
            if magnitude > 1.0 {
                *ceiling = 1.0 / magnitude;
                slope = f32::max(slope, (self.gain - *ceiling) / (index + 1) as f32);
            }
        }
        let mut after = 1.0_f32;
        for (index, ceiling) in ceiling.iter_mut().enumerate().take(block.len()).rev() {
            // Beyond the first millisecond there is room for the gentle line.
            let step = if index < ATTACK {
                slope
            } else {
                1.0 / ATTACK as f32
            };
            *ceiling = ceiling.min(after + step);
            after = *ceiling;
        }
    }
}
