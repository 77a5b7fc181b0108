//! How a conversation sounds, estimated from what the network did to it: the E-model.
//!
//! The E-model (ITU-T G.107) adds up impairments on one scale: a rating R of 93.2 for a
//! connection with nothing wrong beyond its defaults, down to 0. Of its formula
//!
//! ```text
//! R = Ro - Is - Id - Ie,eff + A
//! ```
//!
//! everything that a voice call cannot measure keeps its default, which leaves
//!
//! ```text
//! R = 93.2 - Idd(delay) - Ie,eff(loss, burst ratio, codec)
//! ```
//!
//! with Idd of section 7.4 (absolute delay, echo taken as cancelled) and Ie,eff of section 7.5.
//! The scale stays that of G.107: a fullband voice at 48 kbit/s or more without any impairment
//! stands at 93.2, where G.107.1 and G.107.2 would lift it to 129 and 148. So ratings compare with
//! each other and with the published verdicts of G.109, not with the wider scales.
//!
//! Two constants are ours, since ITU-T G.113 lists none for Opus: the impairment of each bitrate
//! ([`equipment_impairment`]) and the robustness to loss ([`LOSS_ROBUSTNESS`]). Loss is what the
//! listener missed: packets that were recovered from redundancy do not count.

use std::time::Duration;

/// The rating of a connection with nothing wrong: G.107's for its defaults.
pub const BEST_RATING: f32 = 93.2;

/// The packet-loss robustness factor, Bpl of G.107, taken for Opus with its concealment: between
/// those of G.113 for G.729A (19.0) and for G.711 with concealment (25.1).
pub const LOSS_ROBUSTNESS: f32 = 20.0;

/// The largest burst ratio that counts. G.107 was fitted up to about 2; beyond 8, one burst is
/// a pause whatever the ratio says.
const MOST_BURST_RATIO: f32 = 8.0;

/// From this rating on a connection is good: "satisfied" in ITU-T G.109.
const GOOD: f32 = 80.0;

/// From this rating on a connection is fair: below, G.109 has "nearly all users dissatisfied".
const FAIR: f32 = 60.0;

/// A share of the delay from which the jitter buffer, and not the way, is to blame.
const BUFFER_SHARE: f32 = 0.5;

/// A burst ratio from which loss comes in bursts rather than singly.
const BURSTY: f32 = 2.0;

/// What the network and the codec do to one direction of a conversation.
///
/// The default is that nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Share of frames that the listener missed, 0 to 1: lost or late, and not recovered.
    pub loss: f32,
    /// Of that loss, the share that arrived, but too late, 0 to 1.
    pub late: f32,
    /// Mean length of the bursts of loss over that of random loss of the same share: 1 for
    /// random loss, more for bursts.
    pub burst_ratio: f32,
    /// From the mouth to the ear, the jitter buffer included.
    pub delay: Duration,
    /// The jitter buffer's part of that delay.
    pub buffer: Duration,
    /// What the encoder spends, in bits in a second.
    pub bitrate: u32,
    /// Whether nothing comes any more.
    pub silent: bool,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            loss: 0.0,
            late: 0.0,
            burst_ratio: 1.0,
            delay: Duration::ZERO,
            buffer: Duration::ZERO,
            bitrate: 64_000,
            silent: false,
        }
    }
}

/// What an estimate comes to, for eyes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Most people would find fault: a rating below 60.
    Poor,
    /// Some people would find fault: a rating of 60 to 80.
    Fair,
    /// Nobody would complain.
    #[default]
    Good,
}

impl Verdict {
    /// A stable word for protocols and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Poor => "poor",
            Self::Fair => "fair",
            Self::Good => "good",
        }
    }

    fn of(rating: f32) -> Self {
        if rating >= GOOD {
            Self::Good
        } else if rating >= FAIR {
            Self::Fair
        } else {
            Self::Poor
        }
    }
}

/// What costs most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing to speak of.
    #[default]
    Nothing,
    /// Single packets are lost.
    Loss,
    /// Packets are lost in bursts.
    Bursts,
    /// The way is long.
    Delay,
    /// Packets come so unevenly that they are late, or wait long in the buffer.
    Jitter,
    /// The bitrate is low.
    Bitrate,
    /// Nothing comes any more.
    Silence,
}

impl Reason {
    /// A stable word for protocols and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Loss => "loss",
            Self::Bursts => "bursts",
            Self::Delay => "delay",
            Self::Jitter => "jitter",
            Self::Bitrate => "bitrate",
            Self::Silence => "silence",
        }
    }

    /// The reason in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing is wrong",
            Self::Loss => "packets are lost",
            Self::Bursts => "packets are lost in bursts",
            Self::Delay => "the way is long",
            Self::Jitter => "packets come unevenly",
            Self::Bitrate => "the network leaves room for few bits",
            Self::Silence => "nothing arrives on the route",
        }
    }
}

/// How a conversation sounds, as far as figures tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The transmission rating of G.107, 0 to 93.2.
    pub r: f32,
    /// The mean opinion score that goes with it (G.107, annex B), 1 to 4.5.
    pub mos: f32,
    /// The same in a word.
    pub verdict: Verdict,
    /// What costs most.
    pub reason: Reason,
}

/// Estimates how a conversation sounds. Pure and total: figures out of range, or not numbers,
/// count as the nearest that make sense.
///
/// ```
/// use cooee_core::media::quality::{Conditions, Reason, Verdict, estimate};
///
/// let fine = estimate(&Conditions::default());
/// assert_eq!((fine.r, fine.verdict), (93.2, Verdict::Good));
/// let lossy = estimate(&Conditions { loss: 0.2, ..Conditions::default() });
/// assert_eq!((lossy.verdict, lossy.reason), (Verdict::Poor, Reason::Loss));
/// ```
pub fn estimate(conditions: &Conditions) -> Estimate {
    if conditions.silent {
        return Estimate {
            r: 0.0,
            mos: opinion(0.0),
            verdict: Verdict::Poor,
            reason: Reason::Silence,
        };
    }
    let codec = equipment_impairment(conditions.bitrate);
    let equipment = effective_impairment(
        codec,
        LOSS_ROBUSTNESS,
        within(conditions.loss, 0.0, 1.0),
        conditions.burst_ratio,
    );
    let delay = delay_impairment(conditions.delay);
    let r = (BEST_RATING - delay - equipment).clamp(0.0, BEST_RATING);
    Estimate {
        r,
        mos: opinion(r),
        verdict: Verdict::of(r),
        reason: reason(conditions, codec, equipment - codec, delay),
    }
}

/// The mean opinion score of a rating (G.107, annex B).
pub fn opinion(r: f32) -> f32 {
    if r <= 0.0 {
        1.0
    } else if r >= 100.0 {
        4.5
    } else {
        // The cubic dips below 1 for the smallest ratings.
        (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
    }
}

/// Idd: what absolute delay costs (G.107, section 7.4).
pub fn delay_impairment(delay: Duration) -> f32 {
    let milliseconds = delay.as_secs_f32() * 1000.0;
    if milliseconds <= 100.0 {
        return 0.0;
    }
    let x = (milliseconds / 100.0).log2();
    let root = |x: f32| (1.0 + x.powi(6)).powf(1.0 / 6.0);
    // Beyond minutes the powers overflow; nothing costs more than everything.
    let impairment = 25.0 * (root(x) - 3.0 * root(x / 3.0) + 2.0);
    within(impairment, 0.0, BEST_RATING)
}

/// Ie,eff: what a codec costs with loss (G.107, section 7.5). `codec` is its impairment without
/// loss, `robustness` its Bpl, `loss` a share from 0 to 1.
pub fn effective_impairment(codec: f32, robustness: f32, loss: f32, burst_ratio: f32) -> f32 {
    let percent = loss * 100.0;
    let ratio = within(burst_ratio, 1.0, MOST_BURST_RATIO);
    codec + (95.0 - codec) * percent / (percent / ratio + robustness)
}

/// Ie: what Opus costs without loss at a bitrate, in bits in a second. Straight lines between
/// points that we chose; none below 48 kbit/s is free.
pub fn equipment_impairment(bitrate: u32) -> f32 {
    const POINTS: [(f32, f32); 6] = [
        (6_000.0, 35.0),
        (12_000.0, 12.0),
        (16_000.0, 7.0),
        (24_000.0, 3.0),
        (32_000.0, 1.0),
        (48_000.0, 0.0),
    ];
    let bitrate = bitrate as f32;
    let mut before = POINTS[0];
    for point in POINTS {
        if bitrate < point.0 {
            let span = point.0 - before.0;
            let way = if span > 0.0 {
                (bitrate - before.0) / span
            } else {
                0.0
            };
            return before.1 + (point.1 - before.1) * way;
        }
        before = point;
    }
    before.1
}

fn reason(conditions: &Conditions, codec: f32, loss: f32, delay: f32) -> Reason {
    // Less than two points are not heard.
    if loss.max(delay).max(codec) < 2.0 {
        Reason::Nothing
    } else if loss >= delay && loss >= codec {
        if conditions.late > 0.5 {
            Reason::Jitter
        } else if conditions.burst_ratio >= BURSTY {
            Reason::Bursts
        } else {
            Reason::Loss
        }
    } else if delay >= codec {
        let share = conditions.buffer.as_secs_f32() / conditions.delay.as_secs_f32();
        if share >= BUFFER_SHARE {
            Reason::Jitter
        } else {
            Reason::Delay
        }
    } else {
        Reason::Bitrate
    }
}

/// Like `clamp`, with the lower bound for what is no number.
fn within(value: f32, low: f32, high: f32) -> f32 {
    if value.is_nan() {
        low
    } else {
        value.clamp(low, high)
    }
}

/// Observations in a row that make a verdict worse.
const TO_WORSE: u8 = 2;

/// Observations in a row that make a verdict better.
const TO_BETTER: u8 = 5;

/// Points above a verdict's bound that it takes to get there.
const MARGIN: f32 = 3.0;

/// A verdict that does not flicker: worse after two observations in a row, better after five that
/// are three points above the bound. Silence counts at once.
///
/// Meant for one [`observe`](Self::observe) a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct SteadyVerdict {
    verdict: Verdict,
    worse: u8,
    better: u8,
}

impl SteadyVerdict {
    /// The verdict as it stands; good before anything was observed.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Takes an estimate in and says whether the verdict has changed.
    pub fn observe(&mut self, estimate: &Estimate) -> bool {
        let firm = match estimate.reason {
            Reason::Silence => estimate.verdict,
            Reason::Nothing
            | Reason::Loss
            | Reason::Bursts
            | Reason::Delay
            | Reason::Jitter
            | Reason::Bitrate => Verdict::of(estimate.r - MARGIN),
        };
        if estimate.verdict < self.verdict {
            self.better = 0;
            self.worse = self.worse.saturating_add(1);
            if self.worse < TO_WORSE && estimate.reason != Reason::Silence {
                return false;
            }
            self.verdict = estimate.verdict;
        } else if firm > self.verdict {
            self.worse = 0;
            self.better = self.better.saturating_add(1);
            if self.better < TO_BETTER {
                return false;
            }
            self.verdict = firm;
        } else {
            (self.worse, self.better) = (0, 0);
            return false;
        }
        (self.worse, self.better) = (0, 0);
        true
    }
}
