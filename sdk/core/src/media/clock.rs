//! Time as RTP and RTCP count it.

use std::time::{Duration, Instant};

use super::rtcp::ReportBlock;
use super::rtp::SAMPLE_RATE;

/// Round-trip times from here on are a peer's miscalculation.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(60);

/// Our clock as RTP and RTCP see it. Its origin is the first moment it hears of.
#[derive(Debug, Default)]
pub(super) struct Clock {
    pub(super) origin: Option<Instant>,
}

impl Clock {
    fn elapsed(&self, now: Instant) -> Duration {
        self.origin.map_or(Duration::ZERO, |origin| {
            now.saturating_duration_since(origin)
        })
    }

    /// Ticks of the media clock, wrapping.
    pub(super) fn ticks(&self, now: Instant) -> u32 {
        ticks(self.elapsed(now)) as u32
    }

    /// An NTP timestamp. Without a wall clock it counts from the origin (RFC 3550, section
    /// 6.4.1), from one second on, since a report of zero means none.
    pub(super) fn ntp(&self, now: Instant) -> u64 {
        let elapsed = self.elapsed(now) + Duration::from_secs(1);
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        elapsed.as_secs() << 32 | fraction
    }
}

/// A duration in ticks of the media clock.
pub(super) fn ticks(duration: Duration) -> u64 {
    // Exact in 128 bits; 64 hold the result for ten million years.
    (duration.as_nanos() * u128::from(SAMPLE_RATE) / 1_000_000_000) as u64
}

/// Ticks of the media clock as a duration.
pub(super) fn from_ticks(ticks: u32) -> Duration {
    Duration::from_nanos(u64::from(ticks) * 1_000_000_000 / u64::from(SAMPLE_RATE))
}

/// The middle 32 bits of an NTP timestamp, seconds in 16.16 fixed point.
pub(super) fn middle(ntp_timestamp: u64) -> u32 {
    (ntp_timestamp >> 16) as u32
}

/// Time of our sender report to the peer and of its report back, without the peer's own delay
/// (RFC 3550, section 6.4.1). `None` when the peer's figures cannot be true.
pub(super) fn round_trip(now: u32, block: &ReportBlock) -> Option<Duration> {
    let units = now
        .wrapping_sub(block.last_sender_report)
        .wrapping_sub(block.delay_since_last_sender_report) as i32;
    // Rounding in both clocks can make a very short trip negative.
    let units = if (-4..0).contains(&units) { 0 } else { units };
    let units = u64::try_from(units).ok()?;
    let round_trip = Duration::from_nanos(units * 1_000_000_000 / 65_536);
    (round_trip < MAX_ROUND_TRIP).then_some(round_trip)
}
