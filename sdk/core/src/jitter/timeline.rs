//! The order of packets: timestamps without wraps, duplicates, senders that start over.

/// How many sequence numbers behind the newest are told apart from duplicates.
const SEEN: u64 = u128::BITS as u64;

/// Packets this far behind the newest come from a sender that starts over, when two follow each
/// other. Nothing is delivered a minute late in order.
const RESTART_BEHIND: u64 = 3000;

/// Steps of the media clock from one packet to a later one that are believed, in seconds. What
/// is outside is a new clock.
const MAX_STEP_SECONDS: i64 = 60;
const MAX_BACKSTEP_FIFTHS: i64 = 5;

/// Where a packet belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// At this time of the media clock.
    At(i64),
    /// At this time of a media clock that has nothing to do with the one before.
    Restarted(i64),
    /// It has been here before.
    Duplicate,
    /// Too far behind to be told from a duplicate.
    Old,
    /// Its sequence number and timestamp contradict each other.
    Misplaced,
}

/// Unwraps timestamps and remembers which sequence numbers came.
#[derive(Debug)]
pub(crate) struct Timeline {
    sample_rate: i64,
    newest: Option<Newest>,
    /// The sequence number that would confirm that the sender has started over.
    restart: Option<u64>,
}

#[derive(Debug)]
struct Newest {
    sequence: u64,
    timestamp: u32,
    /// The timestamp without wraps.
    time: i64,
    /// Bit `n` is set when the packet `n` before this one came.
    seen: u128,
}

impl Timeline {
    pub(crate) fn new(sample_rate: u32) -> Self {
        Self {
            sample_rate: sample_rate.into(),
            newest: None,
            restart: None,
        }
    }

    /// Whether this packet came, as far as is remembered.
    pub(crate) fn has_seen(&self, sequence: u64) -> bool {
        self.newest.as_ref().is_some_and(|newest| {
            let behind = newest.sequence.checked_sub(sequence);
            behind.is_some_and(|behind| behind >= SEEN || newest.seen >> behind & 1 == 1)
        })
    }

    /// The newest packet's sequence number.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest.as_ref().map(|newest| newest.sequence)
    }

    /// Places a packet and remembers it.
    pub(crate) fn place(&mut self, sequence: u64, timestamp: u32) -> Placement {
        let Some(newest) = &mut self.newest else {
            return Placement::At(self.begin(sequence, timestamp));
        };
        // The nearer way around is the one meant.
        let step = i64::from(timestamp.wrapping_sub(newest.timestamp) as i32);

        if let Some(ahead) = sequence.checked_sub(newest.sequence).filter(|n| *n > 0) {
            self.restart = None;
            let too_far = step > MAX_STEP_SECONDS.saturating_mul(self.sample_rate);
            let back = step < -(self.sample_rate / MAX_BACKSTEP_FIFTHS);
            if too_far || back {
                return Placement::Restarted(self.begin(sequence, timestamp));
            }
            newest.sequence = sequence;
            newest.timestamp = timestamp;
            newest.time = newest.time.saturating_add(step);
            newest.seen = u32::try_from(ahead)
                .ok()
                .and_then(|n| newest.seen.checked_shl(n))
                .unwrap_or(0)
                | 1;
            return Placement::At(newest.time);
        }

        let behind = newest.sequence - sequence;
        if behind < SEEN {
            let bit = 1 << behind;
            if newest.seen & bit != 0 {
                return Placement::Duplicate;
            }
            newest.seen |= bit;
            if step >= 0 {
                return Placement::Misplaced;
            }
            return Placement::At(newest.time.saturating_add(step));
        }
        if behind < RESTART_BEHIND {
            return Placement::Old;
        }
        if self.restart == Some(sequence) {
            return Placement::Restarted(self.begin(sequence, timestamp));
        }
        self.restart = sequence.checked_add(1);
        Placement::Old
    }

    fn begin(&mut self, sequence: u64, timestamp: u32) -> i64 {
        let time = i64::from(timestamp);
        self.newest = Some(Newest {
            sequence,
            timestamp,
            time,
            seen: 1,
        });
        self.restart = None;
        time
    }
}

#[cfg(test)]
mod tests {
    use super::{Placement, Timeline};

    #[test]
    fn timestamps_unwrap_in_both_directions() {
        let mut timeline = Timeline::new(48_000);
        let wrap = i64::from(u32::MAX) + 1;
        assert_eq!(
            timeline.place(10, u32::MAX - 959),
            Placement::At(wrap - 960)
        );
        assert_eq!(timeline.place(12, 960), Placement::At(wrap + 960));
        assert_eq!(timeline.place(11, 0), Placement::At(wrap));
        assert_eq!(
            timeline.place(9, u32::MAX - 1919),
            Placement::At(wrap - 1920)
        );
    }

    #[test]
    fn duplicates_are_known_as_far_back_as_can_be() {
        let mut timeline = Timeline::new(48_000);
        for sequence in 0..200u32 {
            timeline.place(sequence.into(), sequence * 960);
        }
        assert_eq!(timeline.place(199, 199 * 960), Placement::Duplicate);
        assert_eq!(timeline.place(72, 72 * 960), Placement::Duplicate);
        assert_eq!(timeline.place(71, 71 * 960), Placement::Old);
        timeline.place(400, 400 * 960);
        assert_eq!(timeline.place(399, 399 * 960), Placement::At(399 * 960));
    }

    #[test]
    fn a_sender_that_starts_over_is_believed_the_second_time() {
        let mut timeline = Timeline::new(48_000);
        timeline.place(10_000, 1_000_000);
        assert_eq!(timeline.place(5, 77), Placement::Old);
        assert_eq!(timeline.place(6, 1037), Placement::Restarted(1037));
        assert_eq!(timeline.place(7, 1997), Placement::At(1997));
    }

    #[test]
    fn a_new_clock_is_a_restart_and_a_contradiction_is_dropped() {
        let mut timeline = Timeline::new(48_000);
        timeline.place(1, 5_000_000);
        assert_eq!(timeline.place(2, 1_000), Placement::Restarted(1_000));
        assert_eq!(
            timeline.place(3, 0x8000_0000),
            Placement::Restarted(0x8000_0000)
        );
        assert_eq!(timeline.place(5, 0x8000_0780), Placement::At(0x8000_0780));
        assert_eq!(timeline.place(4, 0x8000_0790), Placement::Misplaced);
    }

    #[test]
    fn the_ends_of_the_range_do_not_overflow() {
        let mut timeline = Timeline::new(u32::MAX);
        for sequence in [0, u64::MAX, 0, 1, u64::MAX - 1, u64::MAX, 3] {
            for timestamp in [0, u32::MAX, 1 << 31, (1 << 31) - 1] {
                timeline.place(sequence, timestamp);
            }
        }
    }
}
