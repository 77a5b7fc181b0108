//! Which redundancy to send against which losses.

use std::time::Duration;

use super::{Adaptation, MAX_DRED, PROBATION_BACK, Receiver, in_steps};

/// The longest way back of a first copy: a receiver has to wait that long for it.
const LONGEST_COPY: Duration = Duration::from_millis(200);

/// The longest way back of a second copy: a receiver waits no longer.
const LONGEST_SECOND_COPY: Duration = Duration::from_millis(240);

/// Mean length of runs of lost packets over that of random loss, from which on losses are bursts.
const BURSTY: f32 = 1.5;

/// No more than this is taken off a mean burst for bursts that meet.
const HALF: f32 = 0.5;

/// Below this a packet's own sound is not worth halving for a copy, in bits in a second.
const LEAST_VOICE: u32 = 10_000;

/// Below this it is not worth a third for two copies.
const LEAST_VOICE_OF_TWO: u32 = 11_000;

/// Loss from which on a packet and its copy are lost together so often that a second copy is worth
/// what it takes from the voice, and below which it is not any more.
const SECOND_COPY_FROM: f32 = 0.17;
const SECOND_COPY_UNTIL: f32 = 0.1;

impl Receiver {
    /// How many packets back a copy should be from, for what this receiver loses.
    pub(super) fn copy_back(&self) -> u8 {
        let mean = self.lost / self.runs;
        if mean.is_nan() {
            return 1;
        }
        let loss = self.mean_loss.value().min(HALF);
        if mean * (1.0 - loss) < BURSTY {
            // Random loss takes a packet and its copy as often at any distance, and the nearest
            // costs the least delay.
            return 1;
        }
        // Where bursts are frequent, some begin as another ends, and both count as one that is
        // longer than any. As many as begin among the packets that arrive begin there, too.
        let begun = loss / mean / (1.0 - loss);
        // The cast saturates.
        (mean * (1.0 - begun)).round() as u8
    }
}

impl Adaptation {
    /// Chooses redundancy against a share of losses of which `wanted` packets back a copy would be,
    /// and the longest run lasts for `burst`.
    pub(super) fn protect(&mut self, wanted: u8, burst: Duration, loss: f32) {
        let wanted = if self.probation && wanted == 0 {
            PROBATION_BACK
        } else {
            wanted
        };
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
        } else if self.copy_back > 0
            && (wanted + 1 == self.copy_back || (wanted == self.copy_back + 1 && self.copies > 1))
        {
            // What differs by one packet only is kept, for the sake of steadiness: each change costs the
            // receiver's ear a change of delay. A second copy reaches what the first just misses.
            self.copy_back.min(u8::try_from(longest).unwrap_or(u8::MAX))
        } else {
            wanted
        };
        let second = frame.saturating_mul(2 * u32::from(self.copy_back));
        let many = if self.copies > 1 {
            loss >= SECOND_COPY_UNTIL
        } else {
            loss >= SECOND_COPY_FROM
        };
        let room = !self.queueing && self.bitrate / 2 >= LEAST_VOICE_OF_TWO;
        self.copies = match self.copy_back {
            0 => 0,
            _ if many && room && second <= LONGEST_SECOND_COPY => 2,
            _ => 1,
        };
        // What no copy reaches is for DRED.
        self.dred = if burst > LONGEST_COPY && !self.queueing {
            in_steps(burst).min(MAX_DRED)
        } else {
            Duration::ZERO
        };
    }
}
