//! Exponential backoff with full jitter.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// Waits between attempts: uniformly distributed up to a ceiling that doubles with each failure,
/// so that a server that comes back is not met by everybody at once.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    ceiling: Duration,
    attempt: u32,
    rng: SmallRng,
}

impl Backoff {
    /// Starts with waits of up to `first`, and never waits longer than `ceiling`.
    pub fn new(first: Duration, ceiling: Duration, seed: u64) -> Self {
        Self {
            first,
            ceiling,
            attempt: 0,
            rng: SmallRng::seed_from_u64(seed),
        }
    }

    /// How many attempts have failed in a row.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Counts a failure and says how long to wait.
    pub fn fail(&mut self) -> Duration {
        let doubled = 1_u32.checked_shl(self.attempt).unwrap_or(u32::MAX);
        let limit = self.first.saturating_mul(doubled).min(self.ceiling);
        self.attempt = self.attempt.saturating_add(1);
        // Never quite nothing: a connection that breaks at once must not be retried in a spin.
        let floor = limit / 10;
        floor + (limit - floor).mul_f64(self.rng.random::<f64>())
    }

    /// No wait is longer from here on.
    pub fn set_ceiling(&mut self, ceiling: Duration) {
        self.ceiling = ceiling;
    }

    /// The connection works again.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}
