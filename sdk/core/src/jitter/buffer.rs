//! The buffer itself: what to play when.

mod pacing;
mod redundancy;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::delay::{Bounds, DelayEstimator};
use super::timeline::{Placement, Timeline};
use super::{JitterConfig, JitterStats, Packet, Playout, Redundancy};

/// A delay this much above the target is worth leaving a lost frame out for, in eighths of a frame.
const LEAVE_OUT_EXCESS_EIGHTHS: i64 = 14;

/// From this many frames above the target on, all that is too old is discarded at once.
const RESYNC_EXCESS_FRAMES: i64 = 10;

/// How much above the target the first frame after a pause may be, in frames, before older ones
/// are discarded.
const START_EXCESS_FRAMES: i64 = 2;

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
    /// Samples before its own that its deep redundancy covers.
    reach: i64,
    /// Its in-band FEC holds the packet before.
    fec: bool,
    /// It has not come itself: this is the copy in a later packet.
    copy: bool,
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
    beat_micros: i64,

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
    /// Since when it has been below.
    below_since: Option<i64>,
    /// Frames are being shortened until there is no whole beat left to win.
    shortening: bool,
    /// How much of what was pulled before is not played yet, in microseconds.
    ahead: i64,
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
            beat_micros: micros(config.beat).clamp(1, MAX_MAX_DELAY),
            origin: None,
            timeline: Timeline::new(config.sample_rate.max(1)),
            estimator: DelayEstimator::new(bounds),
            packets: BTreeMap::new(),
            state: State::Idle,
            cursor: None,
            next_sequence: 0,
            above_since: None,
            below_since: None,
            shortening: false,
            ahead: 0,
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

    /// Takes a packet from the network, and what it holds of earlier ones.
    pub fn insert(&mut self, now: Instant, packet: Packet, redundancy: Redundancy) {
        let now = self.micros_at(now);
        let newest = self.timeline.newest();
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
            while let Some((_, held)) = self.packets.pop_first() {
                self.discard(&held);
            }
            self.state = State::Idle;
            self.cursor = None;
            self.estimator.restart(transit);
        } else {
            self.estimator.record(now, transit);
        }

        let sequence = packet.sequence;
        let reach = i64::from(redundancy.reach);
        let held = Held {
            sequence,
            samples: self.frame,
            transit,
            reach,
            fec: redundancy.fec,
            copy: false,
            payload: packet.payload,
        };
        if self.is_past(time) {
            self.stats.late += 1;
        } else {
            self.hold(time, held);
        }
        if !restarted {
            let missing = newest.map_or(0, |newest| sequence.saturating_sub(newest + 1));
            let fec = if redundancy.fec { self.frame } else { 0 };
            self.note_reach(now, time, sequence, missing, reach.max(fec));
        }
        for (back, payload) in redundancy.copies {
            self.insert_copy(now, (time, sequence), back, payload);
        }
    }

    fn is_held(&self, time: i64) -> bool {
        self.packets.contains_key(&time)
    }

    /// Whether the time of what begins there is over. What overlaps the cursor is still worth
    /// playing, since a sender may shift its media clock by less than a frame.
    fn is_past(&self, time: i64) -> bool {
        self.cursor
            .is_some_and(|cursor| time.saturating_add(self.frame) <= cursor)
    }

    fn hold(&mut self, time: i64, held: Held) {
        if let Some(replaced) = self.packets.insert(time, held) {
            self.discard(&replaced);
        }
        if self.packets.len() > self.max_packets
            && let Some((_, oldest)) = self.packets.pop_first()
        {
            self.discard(&oldest);
        }
    }

    /// Counts what is left out. Copies have not been counted as received either.
    fn discard(&mut self, held: &Held) {
        self.stats.discarded += u64::from(!held.copy);
    }

    /// What to play now. To be called whenever what was pulled before has been played but for
    /// less than a beat; `ahead` is how much of it that is.
    pub fn pull(&mut self, now: Instant, ahead: Duration) -> Playout {
        let now = self.micros_at(now);
        self.ahead = micros(ahead).min(self.beat_micros);
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
            redundancy_delay: duration(self.estimator.redundancy_wait()),
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
        let most = (target + START_EXCESS_FRAMES * self.frame_micros).min(self.limit());
        while let Some(&time) = self.packets.keys().next() {
            let delay = self.delay_of(now, time);
            if delay > self.limit() || (delay > most && self.packets.len() > 1) {
                if let Some((_, old)) = self.packets.pop_first() {
                    self.discard(&old);
                }
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
        if self.delay_of(now, time) > self.limit() {
            return self.try_start(now);
        }
        let cursor = self.skip_covered(now, cursor, (time, sequence), held);

        let gap = time.saturating_sub(cursor);
        if gap < self.frame {
            return self.take_first(now);
        }
        if sequence <= self.next_sequence || concealed >= self.max_concealed {
            // Nothing is missing: the talker paused. Or too much is: that is a pause as well.
            return self.try_start(now);
        }

        let delay = self.delay_of(now, cursor);
        let target = self.estimator.target();
        if delay + self.frame_micros / 2 < self.estimator.plain_target() {
            // Late rather than lost, and the delay has to grow anyway: wait here.
            return self.conceal(concealed, 0);
        }
        let successor = gap < self.frame.saturating_mul(2);
        if successor && delay - target > self.frame_micros * LEAVE_OUT_EXCESS_EIGHTHS / 8 {
            // The delay has to shrink anyway: a lost frame is the one to leave out.
            return self.take_first(now);
        }
        self.cursor = Some(cursor.saturating_add(self.frame));
        let only_one_lost = sequence == self.next_sequence.saturating_add(1);
        self.next_sequence = self.next_sequence.saturating_add(1);
        if let Some((from, back)) = self.restores(cursor) {
            self.stats.restored += 1;
            self.recovered(delay);
            return Playout::Restore { from, back };
        }
        match self.packets.first_key_value() {
            Some((_, next)) if successor && only_one_lost && next.fec => {
                let next = next.payload.clone();
                self.recovered(delay);
                Playout::Recover { next }
            }
            Some(_) | None => self.conceal(concealed, 0),
        }
    }

    fn recovered(&mut self, delay: i64) {
        self.stats.recovered += 1;
        self.note_delay(delay);
        self.state = State::Playing {
            concealed: 0,
            held: 0,
        };
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
        if first.copy {
            self.stats.recovered += 1;
        } else {
            self.stats.played += 1;
        }
        let delay = self.delay_of(now, time);
        self.note_delay(delay);
        Playout::Frame {
            payload: first.payload,
            pace: self.pace(now, delay),
        }
    }

    /// Moves the cursor on when it is hopelessly behind, as after a stall of the playout, and
    /// gives it.
    fn resync(&mut self, now: i64, cursor: i64) -> i64 {
        let target = self.estimator.target();
        let most = (target + RESYNC_EXCESS_FRAMES * self.frame_micros).min(self.limit());
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
            self.discard(&left_out);
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

    fn note_delay(&mut self, delay: i64) {
        self.stats.current_delay = duration(delay.saturating_add(self.ahead));
    }

    /// The longest delay of anything pulled now, given what is played before it.
    fn limit(&self) -> i64 {
        self.max_delay - self.ahead
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
