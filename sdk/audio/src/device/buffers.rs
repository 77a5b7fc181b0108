//! How large a device's buffer has to be.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The sizes, in milliseconds between two callbacks.
const LADDER: [u32; 4] = [5, 10, 20, 40];

/// A device that has just been opened may stumble for this long.
const SETTLING: Duration = Duration::from_secs(2);

/// Stalls that follow one within this time are one trouble, such as a sound server that puts its own
/// buffers in order because somebody else begins to play.
const TROUBLE: Duration = Duration::from_secs(1);

/// Troubles within [`MEMORY`] that make a buffer too small.
const TOO_MANY: usize = 3;

/// How long a trouble is remembered.
const MEMORY: Duration = Duration::from_secs(10);

/// Time without a stall before a smaller buffer is tried, the first time. It doubles with each
/// attempt that fails.
const CALM: Duration = Duration::from_secs(60);

/// The longest that it becomes.
const LONGEST_CALM: Duration = Duration::from_secs(1_920);

/// Finds the smallest buffer with which a device does not stall: up soon, down after a while.
///
/// A stall is a gap that the system tells of, or a loudspeaker's callback that came so late that the
/// device must have run dry meanwhile. A microphone's that comes late has lost nothing: what it brings
/// is what was captured, and a larger buffer would only bring all of it as late.
#[derive(Debug)]
pub(crate) struct Buffers {
    place: usize,
    smallest: usize,
    opened: Instant,
    seen: u64,
    stalls: VecDeque<Instant>,
    calm_since: Instant,
    calm: Duration,
    /// The size that is being tried again.
    tried: Option<usize>,
}

impl Buffers {
    /// Begins with the size nearest to `millis`, which is also the smallest.
    pub(crate) fn new(now: Instant, millis: u32) -> Self {
        let smallest = LADDER.iter().position(|size| *size >= millis);
        let smallest = smallest.unwrap_or(LADDER.len() - 1);
        Self {
            place: smallest,
            smallest,
            opened: now,
            seen: 0,
            stalls: VecDeque::with_capacity(TOO_MANY + 1),
            calm_since: now,
            calm: CALM,
            tried: None,
        }
    }

    /// Milliseconds between two callbacks.
    pub(crate) fn millis(&self) -> u32 {
        LADDER.get(self.place).copied().unwrap_or(LADDER[0])
    }

    /// Learns that a device was opened at `now`: its stalls count from zero.
    pub(crate) fn opened(&mut self, now: Instant) {
        self.opened = now;
        self.calm_since = now;
        self.seen = 0;
        self.stalls.clear();
    }

    /// Learns how often the device has stalled since it was opened; whether another size is to be
    /// used from now on.
    pub(crate) fn observe(&mut self, now: Instant, stalls: u64) -> bool {
        let new = stalls.saturating_sub(self.seen);
        self.seen = stalls;
        if now.saturating_duration_since(self.opened) < SETTLING {
            return false;
        }
        if new > 0 {
            self.calm_since = now;
            let last = self.stalls.back();
            if last.is_none_or(|last| now.saturating_duration_since(*last) >= TROUBLE) {
                self.stalls.push_back(now);
            }
        }
        let old = |at: &Instant| now.saturating_duration_since(*at) >= MEMORY;
        while self.stalls.front().is_some_and(old) {
            self.stalls.pop_front();
        }
        if self.stalls.len() >= TOO_MANY {
            self.stalls.clear();
            return self.grow();
        }
        if now.saturating_duration_since(self.calm_since) >= self.calm {
            self.calm_since = now;
            return self.shrink();
        }
        false
    }

    fn grow(&mut self) -> bool {
        if self.place + 1 >= LADDER.len() {
            return false;
        }
        if self.tried == Some(self.place) {
            self.calm = (self.calm * 2).min(LONGEST_CALM);
        }
        self.place += 1;
        true
    }

    fn shrink(&mut self) -> bool {
        if self.place <= self.smallest {
            return false;
        }
        self.place -= 1;
        self.tried = Some(self.place);
        true
    }
}
