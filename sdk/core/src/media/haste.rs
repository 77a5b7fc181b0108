//! Reports that come early when losses have just begun (in the manner of RFC 4585).

use std::time::{Duration, Instant};

use super::reception::Reception;

/// Packets missing, and one in how many, that a sender should learn of before the next regular
/// report: it can help only from then on.
const NEWS_MISSING: u64 = 2;
const NEWS_SHARE: u64 = 25;

/// Time between two reports that is kept even then.
const LEAST_INTERVAL: Duration = Duration::from_millis(200);

/// Reports in a row that may come early: of the loss, and of its bursts, which take longer to see.
const MOST_EARLY: u8 = 2;

/// When the last report was, and how many have come early.
#[derive(Debug, Default)]
pub(super) struct Haste {
    last: Option<Instant>,
    /// Early ones, one after the other.
    early: u8,
}

impl Haste {
    /// A report is being made.
    pub(super) fn reported(&mut self, now: Instant, reception: &Reception) {
        self.last = Some(now);
        if reception.missing_since_report().0 < NEWS_MISSING {
            self.early = 0;
        }
    }

    /// When the next report is to be made, which has been due at `due` up to now.
    pub(super) fn hurry(&mut self, now: Instant, due: Instant, reception: &Reception) -> Instant {
        let (missing, expected) = reception.missing_since_report();
        let news = missing >= NEWS_MISSING && missing.saturating_mul(NEWS_SHARE) >= expected;
        let soonest = self.last.map_or(now, |last| last + LEAST_INTERVAL);
        if !news || self.early >= MOST_EARLY || due <= soonest {
            return due;
        }
        self.early += 1;
        soonest
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Haste, MOST_EARLY};
    use crate::media::reception::Reception;

    #[test]
    fn news_of_losses_come_early_and_then_regularly_again() {
        let start = Instant::now();
        let (mut haste, mut reception) = (Haste::default(), Reception::default());
        let mut early = 0;
        let mut due = start + Duration::from_secs(1);
        for packet in 0..500_u16 {
            let now = start + Duration::from_millis(20) * packet.into();
            if packet % 4 != 3 {
                reception.record(packet, u32::from(packet) * 960, u32::from(packet) * 960);
                let sooner = haste.hurry(now, due, &reception);
                early += u8::from(sooner < due);
                due = sooner;
            }
            if due <= now {
                haste.reported(now, &reception);
                reception.close_interval();
                due = now + Duration::from_secs(1);
            }
        }
        assert_eq!(early, MOST_EARLY);
    }

    #[test]
    fn nothing_lost_is_no_news() {
        let start = Instant::now();
        let (mut haste, mut reception) = (Haste::default(), Reception::default());
        let due = start + Duration::from_secs(1);
        for packet in 0..500_u16 {
            reception.record(packet, 0, 0);
            assert_eq!(haste.hurry(start, due, &reception), due);
        }
    }
}
