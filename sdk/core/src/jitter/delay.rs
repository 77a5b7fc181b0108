//! How long to hold packets back: the distribution of their relative delays.

use std::collections::VecDeque;

/// How many packets are remembered, 10 s of 20 ms frames. The fastest of them is the base that
/// delays are measured against, so this is also how fast the base follows a path that got
/// longer or a sender's clock that runs slow.
const WINDOW: usize = 500;

/// Weight of a packet against the one after it: half after 2.8 s of 20 ms frames.
const FORGETTING: f32 = 0.995;

/// The share of packets, by weight, that the target lets come late.
const LATE_SHARE: f32 = 0.02;

/// Added to what the packets need, in microseconds, for the playout's own unevenness.
const MARGIN: i64 = 5_000;

/// Packets until the measure is trusted over the configured start.
const WARM_UP: usize = 50;

/// How much faster than the first packet of the warm-up a later one may be before the warm-up
/// begins anew, in microseconds. After a stall, the first packets that trickle in are no measure
/// for what follows.
const WARM_UP_DROP: i64 = 10_000;

/// The distribution is evaluated once in this many packets, and whenever one surprises.
const EVALUATE_EVERY: u32 = 25;

/// A stall's backlog is left out of the measure for at most this long, in microseconds.
const MAX_STALL: i64 = 500_000;

/// Redundancy that comes later than this after what it replaces is not waited for, in microseconds.
/// Up to about here a longer way from mouth to ear hardly disturbs a conversation (ITU-T G.114), and
/// a gap always does.
const MAX_REDUNDANCY_WAIT: i64 = 240_000;

/// Bounds of the target, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) min: i64,
    pub(crate) start: i64,
    pub(crate) max: i64,
}

/// Measures packets' transit times and derives the target delay.
///
/// A transit time is arrival minus media time, in microseconds. Its absolute value means
/// nothing, for the two clocks have different origins; its distance from the smallest recent
/// one, the base, is how late a packet is.
#[derive(Debug)]
pub(crate) struct DelayEstimator {
    bounds: Bounds,
    /// Transit times, the newest at the back.
    transits: VecDeque<Transit>,
    base: Option<i64>,
    /// The transit time that the warm-up began with.
    anchor: i64,
    target: i64,
    /// What the target would be if nothing waited for redundancy.
    plain_target: i64,
    /// Since when packets come too late for any delay to help.
    stalled_since: Option<i64>,
    until_evaluation: u32,
    /// Weights by age, the newest first.
    weights: Vec<f32>,
    scratch: Vec<(Transit, f32)>,
}

/// When a packet came, or the redundancy that replaces it.
#[derive(Clone, Copy, Debug)]
struct Transit {
    time: i64,
    redundant: bool,
}

impl DelayEstimator {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let weights = std::iter::successors(Some(1.0), |weight| Some(weight * FORGETTING))
            .take(WINDOW)
            .collect();
        Self {
            bounds,
            transits: VecDeque::with_capacity(WINDOW),
            base: None,
            anchor: 0,
            target: bounds.start,
            plain_target: bounds.start,
            stalled_since: None,
            until_evaluation: 0,
            weights,
            scratch: Vec::with_capacity(WINDOW),
        }
    }

    /// The delay to aim for.
    pub(crate) fn target(&self) -> i64 {
        self.target
    }

    /// What it would be if nothing waited for redundancy.
    pub(crate) fn plain_target(&self) -> i64 {
        self.plain_target
    }

    /// How much of it is for redundancy that comes after what it replaces.
    pub(crate) fn redundancy_wait(&self) -> i64 {
        self.target.saturating_sub(self.plain_target).max(0)
    }

    /// The transit time of the fastest recent packet; `None` before the first.
    pub(crate) fn base(&self) -> Option<i64> {
        self.base
    }

    /// Takes in the transit time of a packet that arrived now.
    pub(crate) fn record(&mut self, now: i64, transit: i64) {
        let Some(base) = self.base else {
            self.restart(transit);
            return;
        };
        let delay = transit.saturating_sub(base);
        if self.is_stalled(now, delay) {
            return;
        }
        let warming_up = self.transits.len() < WARM_UP;
        let drop = if warming_up {
            self.anchor.saturating_sub(transit)
        } else {
            delay.saturating_neg()
        };
        let most = if warming_up {
            WARM_UP_DROP
        } else {
            self.bounds.max
        };
        if drop > most {
            self.restart(transit);
            return;
        }
        self.remember(Transit {
            time: transit,
            redundant: false,
        });
        self.evaluate_in_turn(delay);
    }

    /// Takes in that something which has not come itself can be had from redundancy that came now:
    /// it counts as a packet that was that late, as long as it is worth waiting for.
    pub(crate) fn record_redundancy(&mut self, transit: i64) {
        let Some(base) = self.base else {
            return;
        };
        let delay = transit.saturating_sub(base);
        if delay > MAX_REDUNDANCY_WAIT.min(self.bounds.max) || self.stalled_since.is_some() {
            return;
        }
        self.remember(Transit {
            time: transit,
            redundant: true,
        });
        self.evaluate_in_turn(delay);
    }

    fn remember(&mut self, transit: Transit) {
        if self.transits.len() >= WINDOW {
            self.transits.pop_front();
        }
        self.transits.push_back(transit);
    }

    fn evaluate_in_turn(&mut self, delay: i64) {
        self.until_evaluation = self.until_evaluation.saturating_sub(1);
        let surprise = delay < 0 || delay > self.target;
        if surprise || self.until_evaluation == 0 || self.transits.len() <= WARM_UP {
            self.until_evaluation = EVALUATE_EVERY;
            self.evaluate();
        }
    }

    /// Forgets all that was measured: the path or the sender's clock is another one.
    pub(crate) fn restart(&mut self, transit: i64) {
        self.transits.clear();
        self.transits.push_back(Transit {
            time: transit,
            redundant: false,
        });
        self.anchor = transit;
        self.stalled_since = None;
        self.evaluate();
    }

    /// Whether a packet belongs to a stall and its backlog. No delay within bounds would have
    /// helped against the stall, so it must not raise the target, and neither must the packets
    /// that piled up behind it.
    fn is_stalled(&mut self, now: i64, delay: i64) -> bool {
        if delay > self.bounds.max {
            self.stalled_since.get_or_insert(now);
            return true;
        }
        match self.stalled_since {
            Some(since) if delay > self.target && now.saturating_sub(since) < MAX_STALL => true,
            Some(_) => {
                self.stalled_since = None;
                false
            }
            None => false,
        }
    }

    /// Finds base and target anew. They change together, or a moving base would look like a
    /// moving delay.
    fn evaluate(&mut self) {
        let times = self.transits.iter().map(|transit| transit.time);
        let Some(base) = times.min() else {
            return;
        };
        self.base = Some(base);

        self.scratch.clear();
        self.scratch.extend(
            self.transits
                .iter()
                .rev()
                .copied()
                .zip(self.weights.iter().copied()),
        );
        self.scratch
            .sort_unstable_by_key(|(transit, _)| std::cmp::Reverse(transit.time));
        let floor = if self.transits.len() < WARM_UP {
            self.bounds.start
        } else {
            self.bounds.min
        };
        let target = |quantile: i64| {
            quantile
                .saturating_sub(base)
                .saturating_add(MARGIN)
                .max(floor)
                .min(self.bounds.max)
        };
        let all = self.scratch.iter().copied();
        let plain = all.clone().filter(|(transit, _)| !transit.redundant);
        (self.target, self.plain_target) = (
            target(latest_in_time(all).unwrap_or(base)),
            target(latest_in_time(plain).unwrap_or(base)),
        );
    }
}

/// The transit time that all but [`LATE_SHARE`] of those do not exceed, by weight; the latest come
/// first.
fn latest_in_time(transits: impl Iterator<Item = (Transit, f32)> + Clone) -> Option<i64> {
    let total: f32 = transits.clone().map(|(_, weight)| weight).sum();
    let mut late = 0.0;
    transits
        .map(|(transit, weight)| {
            late += weight;
            (transit.time, late)
        })
        .find(|(_, late)| *late > total * LATE_SHARE)
        .map(|(time, _)| time)
}

#[cfg(test)]
mod tests {
    use super::{Bounds, DelayEstimator, WINDOW};

    const BOUNDS: Bounds = Bounds {
        min: 20_000,
        start: 25_000,
        max: 380_000,
    };

    fn fed(delays: impl IntoIterator<Item = i64>) -> DelayEstimator {
        let mut estimator = DelayEstimator::new(BOUNDS);
        for (packet, delay) in (0..).zip(delays) {
            estimator.record(packet * 20_000, delay);
        }
        estimator
    }

    #[test]
    fn a_calm_path_needs_the_minimum() {
        assert_eq!(fed((0..10).map(|n| n % 3 * 1000)).target(), BOUNDS.start);
        assert_eq!(fed((0..100).map(|n| n % 3 * 1000)).target(), BOUNDS.min);
    }

    #[test]
    fn the_target_covers_nearly_all_packets() {
        // 0 to 99 ms, all equally often and in no order.
        let target = fed((0..1000).map(|n| n * 37 % 100 * 1000)).target();
        assert!((95_000..=104_000).contains(&target), "{target}");
    }

    #[test]
    fn a_rare_outlier_costs_no_delay_and_a_change_costs_it_at_once() {
        let mut estimator = fed((0..500).map(|n| if n == 300 { 200_000 } else { 0 }));
        assert_eq!(estimator.target(), BOUNDS.min);
        for packet in 500..506 {
            estimator.record(packet * 20_000, 90_000);
        }
        assert_eq!(estimator.target(), 95_000);
    }

    #[test]
    fn a_stall_beyond_bounds_is_no_jitter() {
        let mut estimator = fed((0..500).map(|_| 0));
        for backlog in (0..50).rev() {
            estimator.record(11_000_000, backlog * 20_000);
        }
        assert_eq!(estimator.target(), BOUNDS.min);
    }

    #[test]
    fn redundancy_is_waited_for_where_it_is_needed_often_and_comes_soon() {
        for (share, wait, target) in [
            (100, 80_000, BOUNDS.min),
            (10, 80_000, 85_000),
            (10, 300_000, BOUNDS.min),
        ] {
            let mut estimator = DelayEstimator::new(BOUNDS);
            for packet in 0..1_000 {
                if packet % share == 5 {
                    estimator.record_redundancy(wait);
                } else {
                    estimator.record(packet * 20_000, 0);
                }
            }
            assert_eq!(estimator.target(), target, "1 in {share}, {wait}");
            assert_eq!(estimator.redundancy_wait(), target - BOUNDS.min);
        }
    }

    #[test]
    fn the_base_follows_a_longer_path_within_the_window() {
        let delays = (0..100).map(|_| 0).chain((0..WINDOW + 25).map(|_| 150_000));
        let estimator = fed(delays);
        assert_eq!(estimator.base(), Some(150_000));
        assert_eq!(estimator.target(), BOUNDS.min);
    }
}
