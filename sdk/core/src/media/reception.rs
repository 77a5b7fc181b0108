//! What a receiver notes of one RTP stream: sequence, loss and jitter (RFC 3550, appendix A).

use std::time::Duration;

use super::bursts::Bursts;
use super::rtcp::BurstBlock;
use super::rtp::SAMPLE_RATE;

/// Sequence numbers in one cycle of the 16-bit field.
const CYCLE: u64 = 1 << 16;

/// The cumulative loss of a report block is a signed 24-bit field.
const MAX_CUMULATIVE_LOST: u64 = 0x7f_ffff;

/// A change of transit time beyond this is a new origin of the sender's media clock and no
/// jitter, in ticks.
const MAX_TRANSIT_CHANGE: u32 = 2 * SAMPLE_RATE;

/// The books on one stream. Only authentic packets are entered, each once.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    sequences: Option<Sequences>,
    received: u64,
    /// Arrival minus media timestamp of the packet before, in ticks.
    transit: Option<u32>,
    /// The jitter estimate of appendix A.8 in sixteenths of a tick.
    jitter_sixteenths: u64,
    expected_at_report: u64,
    received_at_report: u64,
    fraction_lost: u8,
    bursts: Bursts,
}

#[derive(Clone, Copy, Debug)]
struct Sequences {
    first: u64,
    highest: u64,
}

impl Reception {
    /// Enters a packet and gives its extended sequence number (appendix A.1). `arrival` is our
    /// clock in ticks of the media clock, of any origin.
    ///
    /// Numbers start in the second cycle, so that packets overtaken by the very first one do
    /// not underflow.
    pub(crate) fn record(&mut self, sequence: u16, timestamp: u32, arrival: u32) -> u64 {
        self.received = self.received.saturating_add(1);
        self.record_transit(arrival.wrapping_sub(timestamp));

        let Some(sequences) = &mut self.sequences else {
            let extended = CYCLE + u64::from(sequence);
            self.sequences = Some(Sequences {
                first: extended,
                highest: extended,
            });
            self.bursts.record(extended);
            return extended;
        };
        // The candidate nearest to the highest so far is the one meant. Truncation gives the low
        // half; reading the distance as signed gives its direction.
        let distance = sequence.wrapping_sub(sequences.highest as u16) as i16;
        let extended = sequences.highest.saturating_add_signed(distance.into());
        sequences.highest = sequences.highest.max(extended);
        sequences.first = sequences.first.min(extended);
        self.bursts.record(extended);
        extended
    }

    /// Appendix A.8: a sixteenth of each deviation is taken in, in integers.
    fn record_transit(&mut self, transit: u32) {
        if let Some(before) = self.transit.replace(transit) {
            let deviation = (transit.wrapping_sub(before) as i32).unsigned_abs();
            if deviation <= MAX_TRANSIT_CHANGE {
                let decay = (self.jitter_sixteenths + 8) / 16;
                self.jitter_sixteenths =
                    self.jitter_sixteenths.saturating_add(deviation.into()) - decay;
            }
        }
    }

    /// Packets that the sender numbered between the first and the last that arrived.
    fn expected(&self) -> u64 {
        self.sequences
            .map_or(0, |s| s.highest.saturating_sub(s.first).saturating_add(1))
    }

    /// Packets lost so far (appendix A.3).
    pub(crate) fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// Packets received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// The loss between the last two calls of [`Self::close_interval`], in 1/256.
    pub(crate) fn fraction_lost(&self) -> u8 {
        self.fraction_lost
    }

    /// Packets missing since the last report, and how many were expected.
    pub(crate) fn missing_since_report(&self) -> (u64, u64) {
        let expected = self.expected().saturating_sub(self.expected_at_report);
        let received = self.received.saturating_sub(self.received_at_report);
        (expected.saturating_sub(received), expected)
    }

    /// Ends a report interval and computes its loss (appendix A.3).
    pub(crate) fn close_interval(&mut self) {
        let (lost, expected) = self.missing_since_report();
        self.fraction_lost = lost
            .saturating_mul(256)
            .checked_div(expected)
            .map_or(0, |fraction| u8::try_from(fraction).unwrap_or(u8::MAX));
        self.expected_at_report = self.expected();
        self.received_at_report = self.received;
        self.bursts.close_interval();
    }

    /// Mean length of runs of lost packets over that of random loss; 1 or more.
    pub(crate) fn burst_ratio(&self) -> f32 {
        self.bursts.ratio()
    }

    /// The longest run of lost packets that ended between the last two calls of
    /// [`Self::close_interval`].
    pub(crate) fn longest_burst(&self) -> u16 {
        self.bursts.longest()
    }

    /// What a report tells of runs of lost packets.
    pub(crate) fn burst_block(&self, ssrc: u32) -> BurstBlock {
        self.bursts.block(ssrc)
    }

    /// Cumulative loss as a report block carries it.
    pub(crate) fn cumulative_lost(&self) -> u32 {
        // Within 24 bits by the minimum.
        self.lost().min(MAX_CUMULATIVE_LOST) as u32
    }

    /// Highest sequence number as a report block carries it: 16 bits of cycles, counted from
    /// none, and the number itself.
    pub(crate) fn extended_highest(&self) -> u32 {
        self.sequences
            .map_or(0, |s| s.highest.wrapping_sub(CYCLE) as u32)
    }

    /// Interarrival jitter in ticks.
    pub(crate) fn jitter_ticks(&self) -> u32 {
        u32::try_from(self.jitter_sixteenths / 16).unwrap_or(u32::MAX)
    }

    /// Interarrival jitter.
    pub(crate) fn jitter(&self) -> Duration {
        let sixteenths_per_second = u64::from(SAMPLE_RATE) * 16;
        Duration::from_nanos(
            self.jitter_sixteenths.saturating_mul(1_000_000_000) / sixteenths_per_second,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{CYCLE, Reception};

    #[test]
    fn sequences_extend_across_wraps_and_reordering() {
        let mut reception = Reception::default();
        let base = CYCLE + 65_534;
        let arrivals: [(u16, u64); 7] = [
            (65_534, base),
            (0, base + 2),
            (65_535, base + 1),
            (65_533, base - 1),
            (3, base + 5),
            (30_000, base + 30_002),
            (60_000, base + 60_002),
        ];
        for (sequence, extended) in arrivals {
            assert_eq!(reception.record(sequence, 0, 0), extended);
        }
        assert_eq!(reception.record(60_001, 0, 0), base + 60_003);
        assert_eq!(reception.extended_highest(), (1 << 16) + 60_001);
    }

    #[test]
    fn a_packet_overtaken_by_the_first_is_no_negative_loss() {
        let mut reception = Reception::default();
        reception.record(5, 0, 0);
        reception.record(65_530, 0, 0);
        assert_eq!(reception.received(), 2);
        assert_eq!(reception.lost(), 10);
    }

    #[test]
    fn loss_is_counted_by_interval_and_in_total() {
        let mut reception = Reception::default();
        for sequence in (0..100u16).filter(|s| s % 4 != 1) {
            reception.record(sequence, 0, 0);
        }
        reception.close_interval();
        assert_eq!(reception.lost(), 25);
        assert_eq!(reception.fraction_lost(), 64);
        for sequence in 100..200 {
            reception.record(sequence, 0, 0);
        }
        reception.close_interval();
        assert_eq!(reception.lost(), 25);
        assert_eq!(reception.fraction_lost(), 0);
        reception.close_interval();
        assert_eq!(reception.fraction_lost(), 0);
    }

    #[test]
    fn jitter_converges_on_the_mean_deviation() {
        let mut reception = Reception::default();
        for packet in 0..2000u32 {
            // Every other packet 10 ms late: each step deviates by 480 ticks.
            let late = 480 * (packet % 2);
            reception.record(packet as u16, 960 * packet, 960 * packet + late + 77);
        }
        assert!(reception.jitter_ticks().abs_diff(480) <= 8);
        assert_eq!(
            reception.jitter().as_millis() / 2,
            4,
            "{:?}",
            reception.jitter()
        );
    }

    #[test]
    fn a_new_clock_origin_is_no_jitter() {
        let mut reception = Reception::default();
        reception.record(0, 0, 0);
        reception.record(1, 3_000_000_000, 960);
        reception.record(2, 3_000_000_960, 1920);
        assert_eq!(reception.jitter_ticks(), 0);
    }
}
