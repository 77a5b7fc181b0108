//! The buffer itself: what to play when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::delay::{Bounds, DelayEstimator};
use super::timeline::{Placement, Timeline};
use super::{JitterConfig, JitterStats, Packet, Playout};

/// A delay this much above the target is worth a skipped frame, in eighths of a frame. Playout
/// starts within one frame of its due time, so what a calm network gives stays below.
const SKIP_EXCESS_EIGHTHS: i64 = 14;

/// From this many frames above the target on, frames are skipped in quick succession.
const HASTE_EXCESS_FRAMES: i64 = 3;

/// From this many frames above the target on, all that is too old is discarded at once.
const RESYNC_EXCESS_FRAMES: i64 = 10;

/// How much above the target the first frame after a pause may be, in frames, before older ones
/// are discarded.
const START_EXCESS_FRAMES: i64 = 2;

/// How long the delay has to be above the target, without a break, before a frame is skipped, in
/// microseconds: far above it, when the frame is quiet, and in any case.
const SKIP_WAIT_HASTE: i64 = 200_000;
const SKIP_WAIT_QUIET: i64 = 500_000;
const SKIP_WAIT: i64 = 2_000_000;

/// The bound of the bound, in microseconds.
const MAX_MAX_DELAY: i64 = 10_000_000;

/// Where playout stands.
///
/// ```text
///            a packet has waited for the target delay
///    Idle -------------------------------------------> Playing
///      ^                                                  |
///      '--------------------------------------------------'
///       concealed long enough, or a pause without loss, or
///       the sender started over
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing to play, or not long enough here to start.
    Idle,
    /// One frame after the other.
    Playing {
        /// Frames concealed one after the other up to now.
        concealed: u32,
        /// How many of those have not been taken out of the stream: what they stood in for may
        /// still come.
        held: u32,
    },
}

#[derive(Debug)]
struct Held {
    sequence: u64,
    /// Samples in it.
    samples: i64,
    /// Arrival minus media time, in microseconds.
    transit: i64,
    payload: Vec<u8>,
}

/// Turns packets as they arrive into frames as they are due.
///
/// [`insert`](Self::insert) takes a packet at any time, [`pull`](Self::pull) is called by the
/// playout once for each frame and always has an answer, [`stats`](Self::stats) is a getter.
#[derive(Debug)]
pub struct JitterBuffer {
    /// Samples in a frame, and in microseconds.
    frame: i64,
    frame_micros: i64,
    sample_rate: i64,
    max_delay: i64,
    max_concealment: i64,
    max_concealed: u32,
    max_packets: usize,

    origin: Option<Instant>,
    timeline: Timeline,
    estimator: DelayEstimator,
    /// By media time.
    packets: BTreeMap<i64, Held>,
    state: State,
    /// Media time up to which the stream has been played or given up.
    cursor: Option<i64>,
    /// Sequence number of the packet that is expected at the cursor.
    next_sequence: u64,
    /// Since when the delay has been above the target at every frame.
    above_since: Option<i64>,
    /// Running mean of payload lengths in octets, to tell quiet frames by.
    mean_len: f32,
    stats: JitterStats,
}

impl JitterBuffer {
    /// An empty buffer. Values of the configuration that make no sense are taken as the nearest
    /// ones that do.
    pub fn new(config: JitterConfig) -> Self {
        let frame = i64::from(config.frame_samples.max(1));
        let sample_rate = i64::from(config.sample_rate.max(1));
        let frame_micros = (frame * 1_000_000 / sample_rate).max(1);
        let max_delay = micros(config.max_delay)
            .min(MAX_MAX_DELAY)
            .max(3 * frame_micros);
        // Playout starts up to a frame after its due time, and stays within the bound even so.
        let max_target = max_delay - frame_micros;
        let bounds = Bounds {
            min: micros(config.min_delay).min(max_target),
            start: micros(config.start_delay).min(max_target),
            max: max_target,
        };
        let max_concealment = micros(config.max_concealment);
        let max_concealed = most_frames(max_concealment, frame_micros);
        Self {
            frame,
            frame_micros,
            sample_rate,
            max_delay,
            max_concealment,
            max_concealed,
            max_packets: config.max_packets.max(2),
            origin: None,
            timeline: Timeline::new(config.sample_rate.max(1)),
            estimator: DelayEstimator::new(bounds),
            packets: BTreeMap::new(),
            state: State::Idle,
            cursor: None,
            next_sequence: 0,
            above_since: None,
            mean_len: 0.0,
            stats: JitterStats::default(),
        }
    }

    /// Learns that the packets inserted from now on hold this many samples each: the sender has
    /// changed its frame length. A [`pull`](Self::pull) then stands for a frame of that length,
    /// or of what the packet that it gives holds.
    pub fn set_frame(&mut self, samples: u32) {
        let frame = i64::from(samples.max(1));
        if frame == self.frame {
            return;
        }
        self.frame = frame;
        self.frame_micros = (frame * 1_000_000 / self.sample_rate).max(1);
        self.max_concealed = most_frames(self.max_concealment, self.frame_micros);
    }

    /// Takes a packet from the network.
    pub fn insert(&mut self, now: Instant, packet: Packet) {
        let now = self.micros_at(now);
        let (time, restarted) = match self.timeline.place(packet.sequence, packet.timestamp) {
            Placement::At(time) => (time, false),
            Placement::Restarted(time) => (time, true),
            Placement::Duplicate => {
                self.stats.duplicates += 1;
                return;
            }
            Placement::Old => {
                self.stats.received += 1;
                self.stats.late += 1;
                return;
            }
            Placement::Misplaced => {
                self.stats.received += 1;
                self.stats.discarded += 1;
                return;
            }
        };
        self.stats.received += 1;
        let transit = now.saturating_sub(self.media_micros(time));
        if restarted {
            self.stats.discarded += self.packets.len() as u64;
            self.packets.clear();
            self.state = State::Idle;
            self.cursor = None;
            self.estimator.restart(transit);
        } else {
            self.estimator.record(now, transit);
        }

        // A packet that overlaps the cursor is still worth playing, since a sender may shift its
        // media clock by less than a frame.
        if self
            .cursor
            .is_some_and(|cursor| time.saturating_add(self.frame) <= cursor)
        {
            self.stats.late += 1;
            return;
        }
        let held = Held {
            sequence: packet.sequence,
            samples: self.frame,
            transit,
            payload: packet.payload,
        };
        if self.packets.insert(time, held).is_some() {
            self.stats.discarded += 1;
        }
        if self.packets.len() > self.max_packets {
            self.packets.pop_first();
            self.stats.discarded += 1;
        }
    }

    /// What to play now. To be called once for each frame's time.
    pub fn pull(&mut self, now: Instant) -> Playout {
        let now = self.micros_at(now);
        match (self.state, self.cursor) {
            (State::Playing { concealed, held }, Some(cursor)) => {
                self.play(now, cursor, concealed, held)
            }
            (State::Playing { .. }, None) | (State::Idle, _) => self.try_start(now),
        }
    }

    /// Counts and measures.
    pub fn stats(&self) -> JitterStats {
        JitterStats {
            target_delay: duration(self.estimator.target()),
            ..self.stats
        }
    }

    /// Starts playing when the first packet has been held back for the target delay.
    fn try_start(&mut self, now: i64) -> Playout {
        self.state = State::Idle;
        self.above_since = None;
        let Some((_, newest)) = self.packets.last_key_value() else {
            return Playout::Silence;
        };
        // The sender's clock stood still or the path got much longer: the newest packet is the
        // measure, whatever came before.
        let base = self.estimator.base().unwrap_or(newest.transit);
        if newest.transit.saturating_sub(base) > self.max_delay {
            let transit = newest.transit;
            self.estimator.restart(transit);
        }

        let target = self.estimator.target();
        let most = (target + START_EXCESS_FRAMES * self.frame_micros).min(self.max_delay);
        while let Some(&time) = self.packets.keys().next() {
            let delay = self.delay_of(now, time);
            if delay > self.max_delay || (delay > most && self.packets.len() > 1) {
                self.packets.pop_first();
                self.stats.discarded += 1;
            } else if delay >= target {
                return self.take_first(now);
            } else {
                return Playout::Silence;
            }
        }
        Playout::Silence
    }

    fn play(&mut self, now: i64, cursor: i64, concealed: u32, held: u32) -> Playout {
        let cursor = self.resync(now, cursor);
        let Some((&time, first)) = self.packets.first_key_value() else {
            return self.run_dry(concealed, held);
        };
        let sequence = first.sequence;
        if self.delay_of(now, time) > self.max_delay {
            return self.try_start(now);
        }
        let cursor = self.skip_covered(now, cursor, (time, sequence), held);

        let gap = time.saturating_sub(cursor);
        if gap < self.frame {
            self.skip_excess(now);
            return self.take_first(now);
        }
        if sequence <= self.next_sequence || concealed >= self.max_concealed {
            // Nothing is missing: the talker paused. Or too much is: that is a pause as well.
            return self.try_start(now);
        }

        let delay = self.delay_of(now, cursor);
        let target = self.estimator.target();
        if delay + self.frame_micros / 2 < target {
            // Late rather than lost, and the delay has to grow anyway: wait here.
            return self.conceal(concealed, 0);
        }
        let successor = gap < self.frame.saturating_mul(2);
        if successor && delay - target > self.skip_threshold() {
            // The delay has to shrink anyway: a lost frame is the one to leave out.
            return self.take_first(now);
        }
        self.cursor = Some(cursor.saturating_add(self.frame));
        let only_one_lost = sequence == self.next_sequence.saturating_add(1);
        self.next_sequence = self.next_sequence.saturating_add(1);
        match self.packets.first_key_value() {
            Some((_, next)) if successor && only_one_lost => {
                let next = next.payload.clone();
                self.stats.recovered += 1;
                self.note_delay(delay);
                self.state = State::Playing {
                    concealed: 0,
                    held: 0,
                };
                Playout::Recover { next }
            }
            Some(_) | None => self.conceal(concealed, 0),
        }
    }

    /// Conceals because there is nothing at all. The stream is not moved on: what comes next may
    /// just be late, and played then it raises the delay by what it was late.
    fn run_dry(&mut self, concealed: u32, held: u32) -> Playout {
        if concealed >= self.max_concealed {
            self.state = State::Idle;
            self.above_since = None;
            return Playout::Silence;
        }
        self.conceal(concealed, held + 1)
    }

    fn conceal(&mut self, concealed: u32, held: u32) -> Playout {
        self.stats.concealed += 1;
        self.state = State::Playing {
            concealed: concealed + 1,
            held,
        };
        Playout::Conceal
    }

    /// Plays the first packet there is.
    fn take_first(&mut self, now: i64) -> Playout {
        let Some((time, first)) = self.packets.pop_first() else {
            return Playout::Silence;
        };
        self.cursor = Some(time.saturating_add(first.samples));
        self.next_sequence = first.sequence.saturating_add(1);
        self.state = State::Playing {
            concealed: 0,
            held: 0,
        };
        self.stats.played += 1;
        self.note_delay(self.delay_of(now, time));
        // Rounding does not matter here.
        self.mean_len += (first.payload.len() as f32 - self.mean_len) / 32.0;
        Playout::Frame(first.payload)
    }

    /// Moves the cursor on when it is hopelessly behind, as after a stall of the playout, and
    /// gives it.
    fn resync(&mut self, now: i64, cursor: i64) -> i64 {
        let target = self.estimator.target();
        let most = (target + RESYNC_EXCESS_FRAMES * self.frame_micros).min(self.max_delay);
        let delay = self.delay_of(now, cursor);
        let Some((&newest, _)) = self.packets.last_key_value() else {
            return cursor;
        };
        if delay <= most {
            return cursor;
        }
        let excess = delay - target - self.frame_micros / 2;
        let frames = excess.div_euclid(self.frame_micros) + 1;
        let moved = cursor
            .saturating_add(frames.saturating_mul(self.frame))
            .min(newest)
            .max(cursor);
        while let Some(entry) = self.packets.first_entry() {
            if entry.key().saturating_add(self.frame) > moved {
                break;
            }
            let left_out = entry.remove();
            self.next_sequence = left_out.sequence.saturating_add(1);
            self.stats.discarded += 1;
        }
        self.above_since = None;
        self.cursor = Some(moved);
        moved
    }

    /// Moves the cursor over missing frames whose time has been concealed already, and gives
    /// it. What has been concealed beyond those has raised the delay.
    fn skip_covered(&mut self, now: i64, cursor: i64, first: (i64, u64), held: u32) -> i64 {
        let (time, sequence) = first;
        let enough = self.estimator.target() - self.frame_micros / 2;
        let mut cursor = cursor;
        for _ in 0..held {
            let next = cursor.saturating_add(self.frame);
            if next > time || self.delay_of(now, next) < enough {
                break;
            }
            cursor = next;
            self.next_sequence = self.next_sequence.saturating_add(1).min(sequence);
        }
        self.cursor = Some(cursor);
        cursor
    }

    /// Discards the first packet when the delay has been above the target for long enough, and
    /// the one after it is there to take its place.
    fn skip_excess(&mut self, now: i64) {
        let mut first_two = self.packets.iter();
        let (Some((&time, first)), second) = (first_two.next(), first_two.next()) else {
            return;
        };
        let excess = self.delay_of(now, time) - self.estimator.target();
        if excess <= self.skip_threshold() {
            self.above_since = None;
            return;
        }
        let above = now - *self.above_since.get_or_insert(now);
        let wait = if excess > HASTE_EXCESS_FRAMES * self.frame_micros {
            SKIP_WAIT_HASTE
        } else if (first.payload.len() as f32) < self.mean_len / 2.0 {
            SKIP_WAIT_QUIET
        } else {
            SKIP_WAIT
        };
        let follows =
            second.is_some_and(|(_, second)| second.sequence == first.sequence.saturating_add(1));
        if above >= wait && follows {
            self.packets.pop_first();
            self.stats.discarded += 1;
            self.above_since = None;
        }
    }

    fn skip_threshold(&self) -> i64 {
        self.frame_micros * SKIP_EXCESS_EIGHTHS / 8
    }

    fn note_delay(&mut self, delay: i64) {
        self.stats.current_delay = duration(delay);
    }

    /// How much later than with the fastest recent packet a media time would be played now, in
    /// microseconds.
    fn delay_of(&self, now: i64, time: i64) -> i64 {
        let transit = now.saturating_sub(self.media_micros(time));
        transit.saturating_sub(self.estimator.base().unwrap_or(transit))
    }

    fn media_micros(&self, time: i64) -> i64 {
        let (seconds, samples) = (time / self.sample_rate, time % self.sample_rate);
        seconds
            .saturating_mul(1_000_000)
            .saturating_add(samples * 1_000_000 / self.sample_rate)
    }

    fn micros_at(&mut self, now: Instant) -> i64 {
        let origin = *self.origin.get_or_insert(now);
        micros(now.saturating_duration_since(origin))
    }
}

/// Frames that are concealed one after the other at most.
fn most_frames(concealment: i64, frame: i64) -> u32 {
    u32::try_from(concealment / frame)
        .unwrap_or(u32::MAX)
        .max(1)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
