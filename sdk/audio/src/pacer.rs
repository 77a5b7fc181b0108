//! When the next frame is due.

use std::time::Instant;

use crate::frame::FRAME_DURATION;

/// Frames that are made up for at once after a short delay. A longer one is skipped over: to
/// play it afterwards would only be late.
const CATCH_UP: u64 = 5;

/// Deadlines 20 ms apart, counted from one beginning, so that no error adds up.
#[derive(Debug)]
pub(crate) struct Pacer {
    next: Instant,
}

/// What is due at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// Frames whose time has passed for good; they come before `frames`.
    pub(crate) skipped: u64,
    /// Frames to make now.
    pub(crate) frames: u64,
}

impl Pacer {
    /// The first frame is due at `start`.
    pub(crate) fn new(start: Instant) -> Self {
        Self { next: start }
    }

    /// When there will be something to do.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// What is due at `now`; the same frames are never due twice.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        let Some(late) = now.checked_duration_since(self.next) else {
            return Due {
                skipped: 0,
                frames: 0,
            };
        };
        let passed = late.as_nanos() / FRAME_DURATION.as_nanos();
        let due = u64::try_from(passed).unwrap_or(u64::MAX).saturating_add(1);
        // A machine that slept has an odd clock; then the beginning moves to now.
        let step = u32::try_from(due)
            .ok()
            .and_then(|due| FRAME_DURATION.checked_mul(due));
        self.next = step
            .and_then(|step| self.next.checked_add(step))
            .unwrap_or(now);
        if due > CATCH_UP {
            Due {
                skipped: due - 1,
                frames: 1,
            }
        } else {
            Due {
                skipped: 0,
                frames: due,
            }
        }
    }
}
