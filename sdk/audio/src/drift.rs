//! Keeping the ring to a loudspeaker as empty as it can be without running dry.
//!
//! Two clocks meet in that ring: the voice thread's, which is the microphone's, and the
//! loudspeaker's. What matters is how much was left at each callback of the loudspeaker, counting
//! only what had been written some time before it: that time is the allowance for a voice thread
//! that comes late. A controller stretches or shortens the sound until the least of these is
//! next to nothing. That way neither the difference of the clocks nor the place where their
//! beats happen to fall costs more delay than it must.

use std::time::{Duration, Instant};

use crate::resample::STEERING;

/// Writes that are remembered: beyond 100 ms at 48 kHz with the smallest frames.
const WRITES: usize = 64;

/// Over how long the least of what was left is taken.
const WINDOW: Duration = Duration::from_millis(500);

/// Samples that the least may be above zero, in parts of a second: 1 ms.
const TARGET: f64 = 0.001;

/// A surplus, in seconds, from which on sound is cut out rather than sped up.
const CUT: f64 = 0.010;

/// Part of the deviation that is worked off in a window.
const PROPORTIONAL: f64 = 0.25;

/// Part of the deviation that is taken for a difference of the clocks.
const INTEGRAL: f64 = 0.004;

/// The largest deviation, in seconds, that is taken for one: 2 ms. A larger one comes from the
/// beats of the two sides passing each other.
const BELIEVED: f64 = 0.002;

/// The largest difference of two clocks that is believed: 1000 ppm.
const SKEW: f64 = 0.001;

/// By how much the allowance grows when it has proved too small.
const GROWTH: Duration = Duration::from_millis(2);

/// Gaps that follow one within this time belong to the same trouble, such as a sound server that
/// changes its buffers: the allowance grows once for all of them.
const TROUBLE: Duration = Duration::from_secs(1);

/// By how much it shrinks at a time: an eighth, and at least this.
const SHRINKAGE: Duration = Duration::from_micros(500);
const SHRINKAGE_SHARE: u32 = 8;

/// How long after a step the next one follows, as long as nothing runs dry.
const STEP: Duration = Duration::from_secs(2);

/// The largest allowance.
const LARGEST: Duration = Duration::from_millis(80);

/// How long nothing may have run dry before the allowance begins to shrink. It doubles whenever
/// that was too much, so that a voice thread that is late now and then costs fewer and fewer gaps.
const CALM: Duration = Duration::from_secs(5);

/// The longest that it becomes.
const LONGEST_CALM: Duration = Duration::from_secs(160);

/// One callback of the loudspeaker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// When.
    pub(crate) at: Instant,
    /// Frames taken out of the ring since the beginning, this callback's included.
    pub(crate) total: u64,
    /// Frames that were not there, in the first callback of a gap.
    pub(crate) missing: usize,
}

/// What to do with the next frame of sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Advice {
    /// How many times as long it is to be made.
    pub(crate) stretch: f64,
    /// Samples, at the ring's rate, to cut out.
    pub(crate) cut: usize,
}

/// Decides by how much sound is stretched on its way into the ring.
///
/// Inputs: [`wrote`](Self::wrote), [`taken`](Self::taken). Output: [`advise`](Self::advise).
/// Units: samples of one channel at the ring's rate.
#[derive(Debug)]
pub(crate) struct Follower {
    rate: f64,
    smallest: Duration,
    allowance: Duration,
    /// The latest writes, as a ring: when, and how much had been written with them.
    writes: [Option<(Instant, u64)>; WRITES],
    place: usize,
    written: u64,
    window: Option<Instant>,
    least: Option<i64>,
    /// When the allowance grew.
    grew: Option<Instant>,
    /// From when on it may shrink.
    shrink_at: Option<Instant>,
    calm: Duration,
    /// What it was when it began to shrink, since it grew the last time.
    held: Option<Duration>,
    /// The difference of the clocks, as far as it is known.
    skew: f64,
    stretch: f64,
    cut: usize,
}

impl Follower {
    /// Follows a loudspeaker of `rate` samples a second; the allowance for late writes never
    /// gets below `smallest`.
    pub(crate) fn new(rate: u32, smallest: Duration) -> Self {
        Self {
            rate: f64::from(rate),
            smallest,
            allowance: smallest,
            writes: [None; WRITES],
            place: 0,
            written: 0,
            window: None,
            least: None,
            grew: None,
            shrink_at: None,
            calm: CALM,
            held: None,
            skew: 0.0,
            stretch: 1.0,
            cut: 0,
        }
    }

    /// The samples that a late voice thread is allowed for.
    pub(crate) fn reserve(&self) -> usize {
        (self.allowance.as_secs_f64() * self.rate) as usize
    }

    /// Learns that `samples` more were written at `now`.
    pub(crate) fn wrote(&mut self, now: Instant, samples: usize) {
        self.written = self.written.saturating_add(samples as u64);
        if let Some(slot) = self.writes.get_mut(self.place) {
            *slot = Some((now, self.written));
        }
        self.place = (self.place + 1) % WRITES;
    }

    /// Learns of a callback. All are to be told, in their order.
    pub(crate) fn taken(&mut self, taken: Taken) {
        if taken.missing > 0 {
            // The write that came too late now waits in the ring, so what follows is another
            // story.
            self.ran_dry(taken.at);
            self.stretch = 1.0 + self.skew;
            self.reset();
            return;
        }
        let early = self.written_before(taken.at.checked_sub(self.allowance));
        let left = difference(early, taken.total);
        self.least = Some(self.least.map_or(left, |least| least.min(left)));
    }

    /// What to do with the sound written at `now`.
    pub(crate) fn advise(&mut self, now: Instant) -> Advice {
        let begin = *self.window.get_or_insert(now);
        if now.saturating_duration_since(begin) >= WINDOW {
            self.weigh(now);
        }
        Advice {
            stretch: self.stretch,
            cut: self.cut,
        }
    }

    /// Learns that `samples` were cut out.
    pub(crate) fn was_cut(&mut self, samples: usize) {
        self.cut = self.cut.saturating_sub(samples);
        if self.cut == 0 {
            // What is being cut must not be found again.
            self.restart();
        }
    }

    /// Forgets what it saw, because the ring was filled or left alone by other means. What it
    /// knows about the clocks stays.
    pub(crate) fn reset(&mut self) {
        self.cut = 0;
        self.restart();
    }

    fn restart(&mut self) {
        self.window = None;
        self.least = None;
    }

    fn weigh(&mut self, now: Instant) {
        self.window = Some(now);
        let Some(least) = self.least.take() else {
            return;
        };
        let error = TARGET * self.rate - least as f64;
        if -error > CUT * self.rate {
            self.cut = (-error) as usize;
            self.stretch = 1.0 + self.skew;
        } else {
            let part = error / (self.rate * WINDOW.as_secs_f64());
            let most = BELIEVED / WINDOW.as_secs_f64();
            let found = INTEGRAL * part.clamp(-most, most);
            self.skew = (self.skew + found).clamp(-SKEW, SKEW);
            let stretch = self.skew + PROPORTIONAL * part;
            self.stretch = 1.0 + stretch.clamp(-STEERING, STEERING);
        }
        let shrink_at = *self.shrink_at.get_or_insert(now + self.calm);
        if now >= shrink_at && self.allowance > self.smallest {
            self.shrink_at = Some(now + STEP);
            self.held.get_or_insert(self.allowance);
            let step = (self.allowance / SHRINKAGE_SHARE).max(SHRINKAGE);
            self.allowance = self.allowance.saturating_sub(step).max(self.smallest);
        }
    }

    /// The allowance has proved too small.
    fn ran_dry(&mut self, at: Instant) {
        let before = self.grew;
        if before.is_none_or(|before| at.saturating_duration_since(before) >= TROUBLE) {
            self.grew = Some(at);
            let grown = (self.allowance + self.allowance / 4 + GROWTH).min(LARGEST);
            self.allowance = match self.held.take() {
                Some(held) => {
                    self.calm = (self.calm * 2).min(LONGEST_CALM);
                    grown.max(held)
                }
                None => grown,
            };
        }
        self.shrink_at = Some(at + self.calm);
    }

    /// Everything written up to `moment`; if that is before anything remembered, what had been
    /// written before the earliest.
    fn written_before(&self, moment: Option<Instant>) -> u64 {
        let earlier = self
            .writes
            .iter()
            .flatten()
            .filter(|(at, _)| moment.is_some_and(|moment| *at <= moment));
        earlier.map(|(_, written)| *written).max().unwrap_or(0)
    }
}

fn difference(one: u64, other: u64) -> i64 {
    let apart = i64::try_from(one.abs_diff(other)).unwrap_or(i64::MAX);
    if one >= other { apart } else { -apart }
}
