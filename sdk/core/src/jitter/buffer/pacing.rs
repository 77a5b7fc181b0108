//! The delay's way to the target, unheard.

use super::JitterBuffer;
use crate::jitter::Pace;

/// From this much above the target on, in microseconds, frames are shortened in haste.
const HASTE_EXCESS: i64 = 60_000;

/// How long the delay has to be above the target, without a break, before frames are shortened,
/// in microseconds.
const SHORTEN_WAIT: i64 = 400_000;
const SHORTEN_WAIT_HASTE: i64 = 100_000;

/// How long a pause is waited for, in microseconds: in which to shorten, and in which to lengthen.
const PATIENCE_ABOVE: i64 = 8_000_000;
const PATIENCE_BELOW: i64 = 2_000_000;

/// So many beats have to be won before frames are shortened at all: a path that was calm from the
/// beginning is left alone. Once begun, it goes on to the last whole beat.
const LEAST_BEATS: i64 = 2;

impl JitterBuffer {
    /// How long to play what is played with this delay.
    pub(super) fn pace(&mut self, now: i64, delay: i64) -> Pace {
        let excess = delay - self.estimator.target();
        if excess < -self.beat_micros / 2 {
            self.above_since = None;
            self.shortening = false;
            let below = now - *self.below_since.get_or_insert(now);
            return Pace::Longer {
                most: self.samples(self.beat_micros - excess),
                haste: below > PATIENCE_BELOW,
            };
        }
        self.below_since = None;
        // Pulled sooner by whole beats, and not sooner than the target allows.
        let beats = (excess / self.beat_micros).max(0) * self.beat_micros;
        let most = self.ahead.saturating_add(beats);
        let least = if self.shortening { 1 } else { LEAST_BEATS };
        if most < least * self.beat_micros || excess < 0 {
            self.above_since = None;
            self.shortening = false;
            return Pace::Even;
        }
        let above = now - *self.above_since.get_or_insert(now);
        let far = excess > HASTE_EXCESS;
        let wait = if far {
            SHORTEN_WAIT_HASTE
        } else {
            SHORTEN_WAIT
        };
        if above < wait {
            return Pace::Even;
        }
        self.shortening = true;
        Pace::Shorter {
            most: self.samples(most),
            haste: far || above > PATIENCE_ABOVE,
        }
    }

    fn samples(&self, micros: i64) -> u32 {
        let samples = micros.saturating_mul(self.sample_rate) / 1_000_000;
        u32::try_from(samples).unwrap_or(0)
    }
}
