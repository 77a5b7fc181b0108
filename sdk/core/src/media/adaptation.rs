//! What to send, given what arrives: bitrate, frame length, redundancy.
//!
//! One encoder serves everybody in a call, so its settings follow the worst reasonable receiver.
//! That is the receiver with the most loss, with two exceptions. A report older than
//! `REPORT_AGE` counts for nothing. And where there are three receivers or more, one that loses
//! `HOPELESS` or more while every other loses less than `HEALTHY` is not followed with bitrate
//! and frame length, because six people should not sound like a telephone for the one whose network
//! does not carry that either; redundancy still follows it.
//!
//! Down fast, up slowly: each measure of trouble is taken over at once and forgotten with a
//! half-life, and the bitrate rises only after `QUIET` without trouble, a step at a time. So
//! reports that alternate between good and bad hold the settings where the bad ones put them.
//!
//! While packets are lost, each carries a copy of an earlier one
//! ([`redundancy`](crate::media::redundancy)), from as far back as losses reach in a row, and while
//! many are lost a second one from twice as far. Where no queue stands on the way, that is worth a
//! third more than the bitrate otherwise, or three fifths; where one does,
//! redundancy comes out of it. A call begins with copies, until it is known that nothing is lost. Bursts beyond the reach of a copy are covered by DRED, which is coarse
//! and costs little however deep it is. In-band FEC, which can only replace the packet before and
//! costs the voice as much, is left for when there is no room for copies.
//!
//! Bitrate and frame length are visible on the network as the size and the pace of packets. They
//! follow the network, and never what is said.

mod protection;
mod settings;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::path::PeerId;

pub use settings::{AdaptationConfig, EncoderSettings, FrameLength};

/// The lowest bitrate that is asked for, in bits in a second.
pub const MIN_BITRATE: u32 = 12_000;

/// The highest bitrate that is asked for, in bits in a second.
pub const MAX_BITRATE: u32 = 64_000;

/// The longest stretch of redundancy that is asked for: a little below what libopus can carry.
pub const MAX_DRED: Duration = Duration::from_secs(1);

/// Loss from which on there is redundancy. Once a network is known, nothing is prepared for before
/// anything is lost: it would cost every call some of its voice, and a receiver reports losses as soon
/// as they begin.
const LEAST_LOSS: f32 = 0.015;

/// For this long after the first report nothing is known of the network yet, and each packet carries a
/// copy of the one two before it.
const PROBATION: Duration = Duration::from_secs(3);
const PROBATION_BACK: u8 = 2;

/// A receiver that has not reported by then never will.
const LONGEST_PROBATION: Duration = Duration::from_secs(10);

/// What DRED adds to the bitrate, in bits in a second.
const DRED_BITRATE: u32 = 8_000;

/// Loss that redundancy can still do something about.
const MOST_LOSS: f32 = 0.3;

/// A report counts for this long.
const REPORT_AGE: Duration = Duration::from_secs(6);

/// Loss of a receiver that is not followed when all others are well.
const HOPELESS: f32 = 0.3;

/// Loss of a receiver that is well.
const HEALTHY: f32 = 0.1;

/// Loss that means congestion by itself.
const HEAVY_LOSS: f32 = 0.1;

/// Loss that means congestion when the way has become longer at the same time.
const LIGHT_LOSS: f32 = 0.02;

/// How much longer than at its best a round trip is when a queue stands on the way.
const QUEUE_DELAY: Duration = Duration::from_millis(120);

/// Without a queue on the way loss is not of our making, and the bitrate stays at this or more.
const LOSS_FLOOR: u32 = 24_000;

/// Time between two steps down: the first has to have shown in a report.
const DOWN_INTERVAL: Duration = Duration::from_millis(900);

/// Time without congestion before the bitrate rises.
const QUIET: Duration = Duration::from_secs(8);

/// Time between two steps up.
const UP_INTERVAL: Duration = Duration::from_secs(2);

/// A step up.
const UP_STEP: u32 = 2_000;

/// Time after which half of a measure of loss is forgotten.
const LOSS_HALF_LIFE: Duration = Duration::from_secs(6);

/// Time after which half of the losses is forgotten that the mean is of.
const MEAN_HALF_LIFE: Duration = Duration::from_secs(2);

/// The time that a receiver's first report is taken to be about, and the most for any other.
const FIRST_SPAN: Duration = Duration::from_millis(200);
const LONGEST_SPAN: Duration = Duration::from_secs(1);

/// Time after which half of a burst is forgotten.
const BURST_HALF_LIFE: Duration = Duration::from_secs(20);

/// Packets that may be sent in a second to all receivers together, when all of it goes through
/// the server: below what a server takes from one connection.
const MOST_PACKETS: u32 = 400;

/// What one receiver reports about our voice.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reception {
    /// Share of packets lost since its last report, 0 to 1.
    pub loss: f32,
    /// The longest run of packets lost in a row since its last report; `None` when it does not
    /// tell.
    pub longest_burst: Option<u16>,
    /// Mean length of those runs in packets; `None` when it does not tell, or there were none.
    pub mean_burst: Option<f32>,
    /// Interarrival jitter.
    pub jitter: Duration,
    /// Round-trip time.
    pub round_trip: Option<Duration>,
}

#[derive(Debug)]
struct Receiver {
    at: Instant,
    loss: f32,
    congested: bool,
    /// A queue stands on the way: the trip is long, and not only packets are lost.
    queueing: bool,
    shortest_trip: Option<Duration>,
    /// The longest burst lately, forgotten slowly.
    burst: Duration,
    /// Losses and runs of them lately, forgotten slowly; only their ratio matters.
    lost: f32,
    runs: f32,
    mean_loss: Mean,
    jitter: Duration,
}

/// A mean over time that forgets. It begins with a second of nothing, so that one report of a few
/// packets decides nothing.
#[derive(Clone, Copy, Debug)]
struct Mean {
    sum: f32,
    seconds: f32,
}

impl Default for Mean {
    fn default() -> Self {
        Self {
            sum: 0.0,
            seconds: 1.0,
        }
    }
}

impl Mean {
    /// With one more value, about `span`; `kept` of what was there is left.
    fn with(self, value: f32, span: Duration, kept: f32) -> Self {
        let span = span.as_secs_f32();
        Self {
            sum: self.sum * kept + value * span,
            seconds: self.seconds * kept + span,
        }
    }

    fn value(self) -> f32 {
        share(self.sum / self.seconds)
    }
}

/// Decides how to encode from what the receivers report.
///
/// Inputs: [`handle_report`](Self::handle_report), [`remove_peer`](Self::remove_peer),
/// [`set_bitrate`](Self::set_bitrate). Time: [`handle_timeout`](Self::handle_timeout), once a
/// second or so. Getter: [`settings`](Self::settings).
#[derive(Debug)]
pub struct Adaptation {
    config: AdaptationConfig,
    receivers: BTreeMap<PeerId, Receiver>,
    bitrate: u32,
    frame_length: FrameLength,
    last_down: Option<Instant>,
    last_trouble: Option<Instant>,
    last_up: Option<Instant>,
    expected_loss: f32,
    /// When a queue stood on the way last.
    last_queue: Option<Instant>,
    /// One does, or did until lately.
    queueing: bool,
    copies: u8,
    copy_back: u8,
    dred: Duration,
    /// When it was first told of anything, and of a receiver.
    began: Option<Instant>,
    first_report: Option<Instant>,
    /// Too little is known of the network yet to do without copies.
    probation: bool,
}

impl Adaptation {
    /// Begins at the configured bitrate.
    pub fn new(config: AdaptationConfig) -> Self {
        let config = AdaptationConfig {
            bitrate: config.bitrate.clamp(MIN_BITRATE, MAX_BITRATE),
            ..config
        };
        let mut adaptation = Self {
            config,
            receivers: BTreeMap::new(),
            bitrate: config.bitrate,
            frame_length: config.shortest_frame,
            last_down: None,
            last_trouble: None,
            last_up: None,
            expected_loss: 0.0,
            last_queue: None,
            queueing: false,
            copies: 0,
            copy_back: 0,
            dred: Duration::ZERO,
            began: None,
            first_report: None,
            probation: true,
        };
        adaptation.protect(0, Duration::ZERO, 0.0);
        adaptation
    }

    /// How to encode from here on.
    pub fn settings(&self) -> EncoderSettings {
        let mut bitrate = self.bitrate;
        if !self.queueing {
            bitrate += match self.copies {
                0 => 0,
                // Nothing is lost yet, so nothing may be lost of the voice.
                1 if self.probation => self.bitrate / 3 * 2,
                1 => self.bitrate / 3,
                _ => self.bitrate / 5 * 3,
            };
            bitrate += if self.dred.is_zero() { 0 } else { DRED_BITRATE };
        }
        EncoderSettings {
            bitrate,
            frame_length: self.frame_length,
            expected_loss: self.expected_loss,
            copies: self.copies,
            copy_back: self.copy_back,
            dred: self.dred,
        }
    }

    /// Sets the bitrate never to exceed. A higher one than before is reached at once when no
    /// receiver is in trouble.
    pub fn set_bitrate(&mut self, bitrate: u32) {
        let bitrate = bitrate.clamp(MIN_BITRATE, MAX_BITRATE);
        let free = self.bitrate == self.config.bitrate;
        self.config.bitrate = bitrate;
        self.bitrate = if free {
            bitrate
        } else {
            self.bitrate.min(bitrate)
        };
        self.frame_length = self.wanted_frame_length();
        if self.receivers.is_empty() {
            // A low one has no room for the copies that a call begins with.
            self.protect(0, Duration::ZERO, 0.0);
        }
    }

    /// Sets the frame length of a network with nothing wrong.
    pub fn set_shortest_frame(&mut self, shortest: FrameLength) {
        self.config.shortest_frame = shortest;
        self.frame_length = self.wanted_frame_length();
    }

    /// Takes a receiver's new report in.
    pub fn handle_report(&mut self, now: Instant, peer: PeerId, report: &Reception) {
        let loss = share(report.loss);
        let before = self.receivers.get(&peer);
        let remembered = before.map_or(0.0, |before| {
            before.loss * left(now, before.at, LOSS_HALF_LIFE)
        });
        let burst = before.map_or(Duration::ZERO, |before| {
            before.burst.mul_f32(left(now, before.at, BURST_HALF_LIFE))
        });
        let known = before.and_then(|before| before.shortest_trip);
        let shortest_trip = match (known, report.round_trip) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
        let queueing = match (shortest_trip, report.round_trip) {
            (Some(shortest), Some(trip)) => trip.saturating_sub(shortest) >= QUEUE_DELAY,
            (None, _) | (_, None) => false,
        };
        let kept = before.map_or(0.0, |before| left(now, before.at, BURST_HALF_LIFE));
        let (lost, runs) = before.map_or((0.0, 0.0), |before| (before.lost, before.runs));
        let (new_lost, new_runs) = match report.mean_burst {
            Some(mean) if mean >= 1.0 => (loss, loss / mean),
            Some(_) | None => (0.0, 0.0),
        };
        let (mean, span, kept_of_mean) =
            before.map_or((Mean::default(), FIRST_SPAN, 1.0), |before| {
                let span = now.saturating_duration_since(before.at).min(LONGEST_SPAN);
                (before.mean_loss, span, left(now, before.at, MEAN_HALF_LIFE))
            });
        let receiver = Receiver {
            at: now,
            mean_loss: mean.with(loss, span, kept_of_mean),
            loss: loss.max(remembered),
            congested: loss >= HEAVY_LOSS || (queueing && loss >= LIGHT_LOSS),
            queueing,
            shortest_trip,
            burst: burst.max(self.burst_of(report, loss)),
            lost: lost * kept + new_lost,
            runs: runs * kept + new_runs,
            jitter: report.jitter,
        };
        self.receivers.insert(peer, receiver);
        self.first_report.get_or_insert(now);
        self.adapt(now);
    }

    /// Forgets a receiver.
    pub fn remove_peer(&mut self, now: Instant, peer: PeerId) {
        self.receivers.remove(&peer);
        self.adapt(now);
    }

    /// Lets time pass: what was reported grows old.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.adapt(now);
    }

    /// The longest stretch of sound that a receiver has missed in a row. One that does not tell is
    /// taken to lose single packets, and more of them in a row the more it loses.
    fn burst_of(&self, report: &Reception, loss: f32) -> Duration {
        let packets = match report.longest_burst {
            Some(packets) => u32::from(packets),
            None if loss < 0.01 => 0,
            // 1 packet at 1 %, 7 at 30 %.
            None => 1 + (loss * 20.0) as u32,
        };
        self.frame_length
            .duration()
            .saturating_mul(packets)
            .min(MAX_DRED)
    }

    fn adapt(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let known = self
            .first_report
            .is_some_and(|first| long_ago(now, Some(first), PROBATION));
        self.probation &= !known && !long_ago(now, Some(began), LONGEST_PROBATION);
        let fresh: Vec<&Receiver> = self
            .receivers
            .values()
            .filter(|receiver| now.saturating_duration_since(receiver.at) < REPORT_AGE)
            .collect();
        let faded = |receiver: &Receiver| receiver.loss * left(now, receiver.at, LOSS_HALF_LIFE);
        let worst = fresh.iter().map(|r| faded(r)).fold(0.0, f32::max);
        // Whole percents, and rounded up, so that the encoder is not set anew for nothing.
        let percent = (worst.min(MOST_LOSS) * 100.0 - 0.01).ceil().max(0.0);
        self.expected_loss = if worst < LEAST_LOSS {
            0.0
        } else {
            percent / 100.0
        };

        let followed = followed(&fresh, faded);
        let congested = followed.iter().any(|receiver| receiver.congested);
        let queueing = followed.iter().any(|r| r.congested && r.queueing);
        if followed.iter().any(|receiver| receiver.queueing) {
            self.last_queue = Some(now);
        }
        self.queueing = !long_ago(now, self.last_queue, QUIET);
        let uneven = followed
            .iter()
            .any(|r| r.loss >= LIGHT_LOSS || r.jitter >= FrameLength::Ms20.duration());
        if congested {
            self.last_trouble = Some(now);
            if long_ago(now, self.last_down, DOWN_INTERVAL) {
                self.last_down = Some(now);
                let floor = if queueing { MIN_BITRATE } else { LOSS_FLOOR };
                let lower = (self.bitrate / 4 * 3 / 1000 * 1000).max(floor);
                // The floor of loss without a queue does not lift what a queue had lowered.
                self.bitrate = self.bitrate.min(lower);
            }
        } else if self.bitrate < self.config.bitrate
            && long_ago(now, self.last_trouble, QUIET)
            && long_ago(now, self.last_up, UP_INTERVAL)
        {
            self.last_up = Some(now);
            self.bitrate = (self.bitrate + UP_STEP).min(self.config.bitrate);
        }
        if uneven && self.frame_length == FrameLength::Ms10 {
            self.last_trouble = Some(now);
        }
        self.frame_length = self.wanted_frame_length();
        if self.frame_length == FrameLength::Ms10 && !long_ago(now, self.last_trouble, QUIET) {
            self.frame_length = FrameLength::Ms20;
        }

        let lossy = || {
            fresh
                .iter()
                .filter(|receiver| faded(receiver) >= LEAST_LOSS)
        };
        let wanted = lossy().map(|receiver| receiver.copy_back()).max();
        let burst = lossy()
            .map(|r| r.burst.mul_f32(left(now, r.at, BURST_HALF_LIFE)))
            .max();
        let usual = lossy()
            .map(|receiver| receiver.mean_loss.value())
            .fold(0.0, f32::max);
        self.protect(wanted.unwrap_or(0), burst.unwrap_or_default(), usual);
    }

    /// Longer frames where their packets' overhead, some 60 bytes each, is worth more as voice.
    /// The way back needs a higher bitrate than the way there.
    fn wanted_frame_length(&self) -> FrameLength {
        let shortest = if self.receivers.len() as u32 * 100 > MOST_PACKETS {
            self.config.shortest_frame.max(FrameLength::Ms20)
        } else {
            self.config.shortest_frame
        };
        // What the user asked for is no sign of a narrow network.
        if self.bitrate == self.config.bitrate {
            return shortest;
        }
        let narrow = match self.frame_length {
            FrameLength::Ms10 | FrameLength::Ms20 => (20_000, 14_000),
            FrameLength::Ms40 => (24_000, 14_000),
            FrameLength::Ms60 => (24_000, 18_000),
        };
        let wanted = match self.bitrate {
            bitrate if bitrate < narrow.1 => FrameLength::Ms60,
            bitrate if bitrate < narrow.0 => FrameLength::Ms40,
            _ => FrameLength::Ms20,
        };
        wanted.max(shortest)
    }
}

/// The receivers that bitrate and frame length follow: all but one that is beyond hope while
/// every other is well.
fn followed<'a>(fresh: &[&'a Receiver], faded: impl Fn(&Receiver) -> f32) -> Vec<&'a Receiver> {
    let hopeless = |receiver: &&Receiver| faded(receiver) >= HOPELESS;
    let others_well = fresh.iter().filter(|r| faded(r) >= HEALTHY).count() == 1;
    let set_aside = fresh.len() >= 3 && others_well;
    fresh
        .iter()
        .filter(|receiver| !(set_aside && hopeless(receiver)))
        .copied()
        .collect()
}

/// The share of a measure that is left after some time.
fn left(now: Instant, then: Instant, half_life: Duration) -> f32 {
    let elapsed = now.saturating_duration_since(then).as_secs_f32();
    (-elapsed / half_life.as_secs_f32()).exp2()
}

fn long_ago(now: Instant, then: Option<Instant>, limit: Duration) -> bool {
    then.is_none_or(|then| now.saturating_duration_since(then) >= limit)
}

/// A burst in steps of 20 ms, rounded up; less than half a step is forgotten.
fn in_steps(burst: Duration) -> Duration {
    const STEP: u128 = 20;
    let milliseconds = burst.as_millis();
    if milliseconds < STEP / 2 {
        return Duration::ZERO;
    }
    let steps = milliseconds.div_ceil(STEP);
    Duration::from_millis((steps * STEP) as u64).min(MAX_DRED)
}

/// A share from 0 to 1; 0 for what is no number.
fn share(value: f32) -> f32 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(0.0, 1.0)
    }
}
