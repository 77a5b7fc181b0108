//! When the next frame is due.

use std::time::{Duration, Instant};

use crate::frame::{Clock, FRAME_DURATION};

/// Frames that are made up for at once after a short delay: 100 ms. A longer one is skipped
/// over: to play it afterwards would only be late.
const CATCH_UP: u64 = (100 / FRAME_DURATION.as_millis()) as u64;

/// How late a source with a clock of its own may be before its frame is made without it.
const PATIENCE: Duration = Duration::from_millis(20);

/// How much later it may be from then on, where it only was late.
const GROWTH: Duration = Duration::from_millis(10);

/// The latest that it may be.
const LATEST: Duration = Duration::from_millis(100);

/// Deadlines one frame apart. While there is no other clock they are counted from one beginning,
/// so that no error adds up; a source with a clock of its own sets them, and they only matter
/// when it fails.
#[derive(Debug)]
pub(crate) struct Pacer {
    next: Instant,
    patience: Duration,
    /// Frames were made without their source, although it has a clock of its own.
    alone: bool,
    clocked: bool,
}

/// What is due at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// Frames whose time has passed for good; they come before `frames`.
    pub(crate) skipped: u64,
    /// Frames to make now.
    pub(crate) frames: u64,
}

impl Due {
    const NOTHING: Self = Self {
        skipped: 0,
        frames: 0,
    };

    fn of(frames: u64) -> Self {
        if frames > CATCH_UP {
            Self {
                skipped: frames - 1,
                frames: 1,
            }
        } else {
            Self { skipped: 0, frames }
        }
    }
}

impl Pacer {
    /// The first frame is due at `start`.
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            next: start,
            patience: PATIENCE,
            alone: false,
            clocked: false,
        }
    }

    /// When there will be something to do, at the latest.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// What is due at `now`, by that clock; the same frames are never due twice.
    pub(crate) fn due(&mut self, now: Instant, clock: Clock) -> Due {
        match clock {
            Clock::Time => {
                if std::mem::replace(&mut self.clocked, false) {
                    // The deadline was that of a source which is not there any more.
                    self.next = self.next.min(now);
                }
                self.passed(now)
            }
            Clock::Own(0) => {
                if !std::mem::replace(&mut self.clocked, true) {
                    self.next = now + FRAME_DURATION + self.patience;
                }
                let due = self.passed(now);
                self.alone |= due.frames > 0;
                due
            }
            Clock::Own(frames) => {
                self.clocked = true;
                if std::mem::replace(&mut self.alone, false) {
                    self.patience = (self.patience + GROWTH).min(LATEST);
                }
                self.next = now + FRAME_DURATION + self.patience;
                Due::of(frames)
            }
        }
    }

    /// The deadlines that have passed at `now`.
    fn passed(&mut self, now: Instant) -> Due {
        let Some(late) = now.checked_duration_since(self.next) else {
            return Due::NOTHING;
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
        Due::of(due)
    }
}
