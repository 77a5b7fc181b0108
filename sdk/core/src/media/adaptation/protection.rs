//! Which redundancy to send against which losses.

use std::time::Duration;

use super::{Adaptation, MAX_DRED, Receiver, in_steps};

/// The longest way back of a copy: a receiver has to wait that long for it.
const LONGEST_COPY: Duration = Duration::from_millis(200);

/// Mean length of runs of lost packets over that of random loss, from which on losses are bursts.
const BURSTY: f32 = 1.5;

/// Mean length of runs of random loss from which on there are long ones among them: at 17 %.
const LONG_RUNS: f32 = 1.2;

/// How much farther than a mean burst a copy should reach.
const BURST_MARGIN: f32 = 1.1;

/// Below this a packet's own sound is not worth halving for a copy, in bits in a second.
const LEAST_VOICE: u32 = 10_000;

impl Receiver {
    /// How many packets back a copy should be from, for what this receiver loses.
    pub(super) fn copy_back(&self) -> u8 {
        let mean = self.lost / self.runs;
        if mean.is_nan() {
            return 1;
        }
        if mean * (1.0 - self.loss) < BURSTY {
            // Random loss takes a packet and its copy as often at any distance. But where it takes
            // many in a row, copies from farther back leave no long gaps.
            return if mean < LONG_RUNS { 1 } else { 3 };
        }
        // The cast saturates.
        (mean * BURST_MARGIN).round() as u8
    }
}

impl Adaptation {
    /// Chooses redundancy against losses of which `wanted` packets back a copy would be, and the
    /// longest run lasts for `burst`.
    pub(super) fn protect(&mut self, wanted: u8, burst: Duration) {
        let frame = self.frame_length.duration();
        let longest = (LONGEST_COPY.as_millis() / frame.as_millis()).max(1);
        let wanted = wanted.min(u8::try_from(longest).unwrap_or(u8::MAX));
        // Each packet holds its own sound and the copy's.
        let room = if self.queueing {
            self.bitrate / 2
        } else {
            self.bitrate / 3 * 2
        };
        self.copy_back = if wanted == 0 || room < LEAST_VOICE {
            0
        } else if wanted > self.copy_back || wanted + 1 < self.copy_back {
            wanted
        } else {
            // What differs by one packet only is kept, for the sake of steadiness.
            self.copy_back.min(wanted + 1)
        };
        // What no copy reaches is for DRED.
        self.dred = if burst > LONGEST_COPY && !self.queueing {
            in_steps(burst).min(MAX_DRED)
        } else {
            Duration::ZERO
        };
    }
}
