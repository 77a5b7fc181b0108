//! Lost packets that later ones hold.

use super::{Held, JitterBuffer};

impl JitterBuffer {
    /// What can be had from a packet's own redundancy of those missing right before it.
    pub(super) fn note_reach(
        &mut self,
        now: i64,
        time: i64,
        sequence: u64,
        missing: u64,
        reach: i64,
    ) {
        for (back, earlier) in (1..=missing.min(self.max_packets as u64)).zip(1_i64..) {
            let samples = earlier.saturating_mul(self.frame);
            if samples > reach.saturating_add(self.frame / 2) {
                break;
            }
            let lost = time.saturating_sub(samples);
            if self.timeline.has_seen(sequence.saturating_sub(back)) || self.is_held(lost) {
                continue;
            }
            let transit = now.saturating_sub(self.media_micros(lost));
            self.estimator.record_redundancy(transit);
        }
    }

    /// Takes the copy of an earlier packet, unless that has come itself.
    pub(super) fn insert_copy(
        &mut self,
        now: i64,
        carrier: (i64, u64),
        back: u8,
        payload: Vec<u8>,
    ) {
        let (time, sequence) = carrier;
        let samples = i64::from(back).saturating_mul(self.frame);
        let (Some(sequence), time) = (
            sequence.checked_sub(back.into()),
            time.saturating_sub(samples),
        ) else {
            return;
        };
        if self.timeline.has_seen(sequence) || self.is_held(time) {
            return;
        }
        let transit = now.saturating_sub(self.media_micros(time));
        self.estimator.record_redundancy(transit);
        if self.is_past(time) {
            return;
        }
        let held = Held {
            sequence,
            samples: self.frame,
            transit,
            reach: 0,
            fec: false,
            copy: true,
            payload,
        };
        self.hold(time, held);
    }

    /// The nearest packet whose deep redundancy covers the frame at this time, and how many samples
    /// before that packet's own the frame begins.
    pub(super) fn restores(&self, time: i64) -> Option<(Vec<u8>, u32)> {
        // Redundancy is coarser the older it is: the nearest packet is the best.
        let (carrier, held) = self.packets.iter().find(|(_, held)| held.reach > 0)?;
        let back = carrier.saturating_sub(time);
        let covered = back <= held.reach.saturating_add(self.frame / 2);
        let back = u32::try_from(back).ok().filter(|_| covered)?;
        Some((held.payload.clone(), back))
    }
}
