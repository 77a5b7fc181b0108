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

/// A single beat is won in pauses only, and waited for longer. Once shortening has begun, it goes on
/// to the last whole beat.
const SEVERAL_BEATS: i64 = 2;
const SHORTEN_WAIT_SINGLE: i64 = 1_500_000;

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
        if most < self.beat_micros || excess < 0 {
            self.above_since = None;
            self.shortening = false;
            return Pace::Even;
        }
        let above = now - *self.above_since.get_or_insert(now);
        let far = excess > HASTE_EXCESS;
        let several = most >= SEVERAL_BEATS * self.beat_micros;
        let wait = match (far, several || self.shortening) {
            (true, _) => SHORTEN_WAIT_HASTE,
            (false, true) => SHORTEN_WAIT,
            (false, false) => SHORTEN_WAIT_SINGLE,
        };
        if above < wait {
            return Pace::Even;
        }
        self.shortening = true;
        Pace::Shorter {
            most: self.samples(most),
            haste: far || (several && above > PATIENCE_ABOVE),
        }
    }

    fn samples(&self, micros: i64) -> u32 {
        let samples = micros.saturating_mul(self.sample_rate) / 1_000_000;
        u32::try_from(samples).unwrap_or(0)
    }
}
