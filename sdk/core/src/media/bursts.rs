//! How losses cluster: runs of packets missing in a row.

use super::rtcp::BurstBlock;

/// Packets that a late one may be behind the latest before it counts as lost: 120 ms of 20 ms. What
/// is overtaken by more is of little use, and the sender should know soon.
const WINDOW: u64 = 6;

/// Packets after which what was seen begins to be forgotten: a minute of 20 ms.
const MEMORY: u64 = 3_000;

/// Runs of lost packets in one stream, by sequence number.
///
/// A packet's fate is settled when it leaves the window behind the latest one, so packets that
/// overtake each other are no loss.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    latest: Option<u64>,
    /// Which of the latest packets have come: bit n for the one n before the latest.
    arrived: u32,
    /// Packets whose fate may be told: those before the first one are not ours to miss.
    known: u64,
    /// The run that goes on.
    run: u64,
    current: Interval,
    closed: Interval,
    /// All intervals, the older ones fading.
    recent: Interval,
}

/// Runs within some time.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    packets: u64,
    /// Packets lost in runs that have ended.
    lost: u64,
    runs: u64,
    longest: u64,
}

impl Interval {
    /// Lets what is there count half as much as what comes.
    fn halve(&mut self) {
        self.packets /= 2;
        // Rounded up, so that the last run fades with the packets and not before.
        self.lost = self.lost.div_ceil(2);
        self.runs = self.runs.div_ceil(2);
    }
}

impl Bursts {
    /// Enters a packet by its extended sequence number.
    pub(super) fn record(&mut self, sequence: u64) {
        let Some(latest) = self.latest else {
            self.latest = Some(sequence);
            self.arrived = 1;
            self.known = 1;
            return;
        };
        if sequence <= latest {
            let behind = latest - sequence;
            if behind < WINDOW {
                self.arrived |= 1 << behind;
                self.known = self.known.max(behind + 1);
            }
            return;
        }
        let step = sequence - latest;
        for _ in 0..step.min(WINDOW) {
            if self.known >= WINDOW {
                self.settle(self.arrived >> (WINDOW - 1) & 1 == 1);
            }
            self.arrived <<= 1;
            self.known = (self.known + 1).min(WINDOW);
        }
        if step > WINDOW {
            let lost = step - WINDOW;
            self.run = self.run.saturating_add(lost);
            self.count(lost);
        }
        self.arrived |= 1;
        self.latest = Some(sequence);
    }

    fn settle(&mut self, arrived: bool) {
        self.count(1);
        if arrived {
            self.end_run();
        } else {
            self.run = self.run.saturating_add(1);
        }
    }

    fn count(&mut self, packets: u64) {
        for interval in [&mut self.current, &mut self.recent] {
            interval.packets = interval.packets.saturating_add(packets);
        }
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        if run > 0 {
            for interval in [&mut self.current, &mut self.recent] {
                interval.lost = interval.lost.saturating_add(run);
                interval.runs = interval.runs.saturating_add(1);
                interval.longest = interval.longest.max(run);
            }
        }
    }

    /// Ends a report interval.
    pub(super) fn close_interval(&mut self) {
        self.closed = std::mem::take(&mut self.current);
        if self.recent.packets >= MEMORY {
            self.recent.halve();
        }
    }

    /// The longest run that ended in the interval closed last.
    pub(super) fn longest(&self) -> u16 {
        u16::try_from(self.closed.longest).unwrap_or(u16::MAX)
    }

    /// Mean length of the runs of the last minutes over that of random loss of the same share, which
    /// is 1 / (1 - share); 1 where nothing is lost (BurstR of G.107).
    pub(super) fn ratio(&self) -> f32 {
        let Interval {
            packets,
            lost,
            runs,
            ..
        } = self.recent;
        if runs == 0 || packets == 0 {
            return 1.0;
        }
        let mean = lost as f64 / runs as f64;
        let share = lost as f64 / packets as f64;
        ((mean * (1.0 - share)) as f32).max(1.0)
    }

    /// What a report tells of the interval closed last.
    pub(super) fn block(&self, ssrc: u32) -> BurstBlock {
        let Interval { lost, runs, .. } = self.closed;
        let mean = lost.saturating_mul(256).checked_div(runs).unwrap_or(0);
        BurstBlock {
            ssrc,
            longest: self.longest(),
            mean: u16::try_from(mean).unwrap_or(u16::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bursts;

    fn over(lost: impl Fn(u64) -> bool, packets: u64) -> Bursts {
        let mut bursts = Bursts::default();
        for sequence in (0..packets).filter(|s| !lost(*s)) {
            bursts.record(1_000 + sequence);
        }
        bursts.close_interval();
        bursts
    }

    #[test]
    fn runs_are_told_by_their_lengths() {
        // Every 50 packets: one of 5 and one of 1.
        let bursts = over(|s| (10..15).contains(&(s % 50)) || s % 50 == 30, 1_010);
        let block = bursts.block(7);
        assert_eq!((block.ssrc, block.longest, block.mean), (7, 5, 3 * 256));
        let ratio = bursts.ratio();
        assert!((ratio - 3.0 * 0.88).abs() < 0.05, "{ratio}");
    }

    #[test]
    fn single_losses_are_no_bursts_and_none_is_none() {
        let bursts = over(|s| s % 20 == 7, 1_000);
        assert_eq!(bursts.longest(), 1);
        assert_eq!(bursts.ratio(), 1.0);
        let bursts = over(|_| false, 1_000);
        assert_eq!((bursts.longest(), bursts.ratio()), (0, 1.0));
    }

    #[test]
    fn overtaking_within_the_window_is_no_loss() {
        let mut bursts = Bursts::default();
        for block in 0..100 {
            for sequence in (0..5).rev() {
                bursts.record(block * 5 + sequence);
            }
        }
        bursts.close_interval();
        assert_eq!(bursts.longest(), 0);
    }

    #[test]
    fn a_gap_longer_than_the_window_counts_in_full() {
        let mut bursts = Bursts::default();
        bursts.record(0);
        bursts.record(201);
        for sequence in 202..300 {
            bursts.record(sequence);
        }
        bursts.close_interval();
        assert_eq!(bursts.longest(), 200);
        bursts.close_interval();
        assert_eq!(bursts.longest(), 0, "an interval begins anew");
    }

    #[test]
    fn bursts_of_long_ago_are_forgotten() {
        let mut bursts = Bursts::default();
        for sequence in 0..60_000u64 {
            let lost = match sequence {
                0..3_000 => sequence % 100 < 10,
                _ => sequence % 10 == 5,
            };
            if !lost {
                bursts.record(sequence);
            }
            if sequence % 200 == 0 {
                bursts.close_interval();
            }
            if sequence == 2_999 {
                let ratio = bursts.ratio();
                assert!((8.0..10.0).contains(&ratio), "{ratio}");
            }
        }
        let ratio = bursts.ratio();
        assert!(ratio < 1.2, "{ratio}");
    }

    #[test]
    fn numbers_far_apart_are_survived() {
        let mut bursts = Bursts::default();
        for sequence in [5, 0, u64::MAX, 3, u64::MAX - 1] {
            bursts.record(sequence);
        }
        bursts.close_interval();
        assert_eq!(
            bursts.block(1).longest,
            4,
            "between 0 and 5; the great run goes on"
        );
    }
}
