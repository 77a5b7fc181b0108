//! The route to a peer: which pair it is, whether that is alive, and what takes over.

use std::time::{Duration, Instant};

use is::CandidateKind;

use super::super::session::Pair;
use super::super::{PathConfig, PathEvent, Route, RouteKind};
use super::{LocalEnd, Outputs, Peer, Standing};

/// How late the answer to a check of the route may be until all pairs are probed.
const LATE_ANSWER: Duration = Duration::from_millis(750);
/// How long all pairs are probed after the route has gone silent.
const PROBING: Duration = Duration::from_secs(4);
/// Within what time the route may answer the probe, if its round-trip time is not known; and
/// the bounds if it is.
const VERDICT: (Duration, Duration) = (Duration::from_millis(60), Duration::from_millis(150));
/// How old the last answer along a pair may be for it to take over: two checks and a bit.
const WARM: Duration = Duration::from_secs(5);
/// The same for a nominated one, which is checked just as often.
const FRESH: Duration = Duration::from_secs(3);
/// How long a pair that went silent has to answer again until it gets the route back.
const HOLD: Duration = Duration::from_secs(1);

impl Peer {
    /// Leaves a route whose local end there is not any more.
    pub(super) fn leave_gone(&mut self, now: Instant, local: &LocalEnd<'_>, out: &mut Outputs<'_>) {
        let Some(route) = self.route.filter(|r| !local.has(r.local)) else {
            return;
        };
        self.current.hasten(now + local.config.urgency);
        match self.warm_pair(now, local, now) {
            Some(pair) if self.is_selected() => self.turn_to(now, local, pair, out),
            Some(_) | None => {
                tracing::debug!(peer = %self.id, local = %route.local, "the route's socket is gone");
                self.route = None;
                self.detour = None;
                if self.is_selected() {
                    self.lose(now, out);
                }
            }
        }
    }

    pub(super) fn select(
        &mut self,
        now: Instant,
        local: &LocalEnd<'_>,
        pair: Pair,
        out: &mut Outputs<'_>,
    ) {
        if !local.has(pair.0) {
            return;
        }
        self.nominated = Some(pair);
        let alive = self.is_selected() && now < self.heard + self.patience(local.config);
        let fresh = self.pairs.answered(pair).is_some_and(|at| now < at + FRESH);
        if alive && !fresh {
            // The pair is the next one down the list, and need not work any more.
            self.detour.get_or_insert(now);
            return;
        }
        self.detour = None;
        self.consent = now;
        self.go(now, local, pair, out);
    }

    /// Uses another pair than the nominated one for the time being.
    pub(super) fn turn_to(
        &mut self,
        now: Instant,
        local: &LocalEnd<'_>,
        pair: Pair,
        out: &mut Outputs<'_>,
    ) {
        self.detour = (self.nominated != Some(pair)).then_some(now);
        if let Some(answered) = self.pairs.answered(pair) {
            self.consent = answered;
        }
        self.go(now, local, pair, out);
    }

    fn go(&mut self, now: Instant, local: &LocalEnd<'_>, pair: Pair, out: &mut Outputs<'_>) {
        let route = Route {
            local: pair.0,
            remote: pair.1,
            kind: self.kind_of(local, pair),
        };
        let news = self.route != Some(route) || !self.is_selected();
        self.standing = Standing::Selected;
        self.heard = now;
        self.lively = self.lively.max(now);
        self.suspected = None;
        self.verdict = None;
        if news {
            self.announce(route, out);
            self.remove_leaving();
        }
    }

    pub(super) fn announce(&mut self, route: Route, out: &mut Outputs<'_>) {
        tracing::debug!(peer = %self.id, kind = %route.kind, "route selected");
        self.route = Some(route);
        out.events.push_back(PathEvent::Selected {
            peer: self.id,
            route,
        });
    }

    pub(super) fn judge(&mut self, now: Instant, local: &LocalEnd<'_>, out: &mut Outputs<'_>) {
        let config = local.config;
        let expired = self.route.is_some() && now >= self.consent + config.consent;
        if expired {
            self.route = None;
        }
        match self.standing {
            Standing::Checking { since } => {
                if now >= since + config.establish {
                    self.lose(now, out);
                }
            }
            Standing::Selected => {
                self.watch_route(now, local, out);
                // That all checks have failed is not enough: media may still come, and consent
                // has its own time.
                if now >= self.silent_at(config) || expired {
                    self.lose(now, out);
                    // What the old session knows is that its pairs do not work. A restart that
                    // is under way has yet to find out.
                    if self.previous.take().is_none() || self.current.has_nominated() {
                        self.renew(now, local);
                    }
                }
            }
            Standing::Lost { .. } => {}
        }
    }

    /// Leaves a route that has gone silent for one that has not, and comes back to it.
    fn watch_route(&mut self, now: Instant, local: &LocalEnd<'_>, out: &mut Outputs<'_>) {
        if let (Some(since), Some(pair)) = (self.detour, self.nominated)
            && self
                .pairs
                .answered(pair)
                .is_some_and(|at| at >= since + HOLD)
        {
            self.select(now, local, pair, out);
        }
        match self.suspected {
            None => {
                if now >= self.heard + self.patience(local.config) {
                    self.suspected = Some(now);
                    let rtt = self.round_trip_time().unwrap_or(VERDICT.1);
                    self.verdict = Some(now + (rtt * 3 / 2).clamp(VERDICT.0, VERDICT.1));
                    self.current.hasten(now + PROBING);
                }
            }
            Some(since) if self.heard > since => {
                self.suspected = None;
                self.verdict = None;
                self.watch.clear();
            }
            Some(since) => {
                if self.verdict.is_none_or(|at| now >= at) {
                    self.verdict = None;
                    if let Some(pair) = self.warm_pair(now, local, since) {
                        self.turn_to(now, local, pair, out);
                    }
                }
            }
        }
    }

    fn warm_pair(&self, now: Instant, local: &LocalEnd<'_>, since: Instant) -> Option<Pair> {
        let route = self.route?;
        let fresh = now.checked_sub(WARM).unwrap_or(now);
        let dead = (route.local, route.remote);
        self.pairs.backup(dead, fresh, since, |l| local.base(l))
    }

    /// How long the route may be silent until that is unusual.
    pub(super) fn patience(&self, config: &PathConfig) -> Duration {
        if self.watch.is_steady() {
            config.media_gap
        } else {
            config.keepalive_interval + LATE_ANSWER
        }
    }

    /// When silence means that the route is lost.
    pub(super) fn silent_at(&self, config: &PathConfig) -> Instant {
        let silent = self.heard + config.silence;
        if self.watch.is_steady() {
            silent.min(self.lively + config.media_silence)
        } else {
            silent
        }
    }

    fn lose(&mut self, now: Instant, out: &mut Outputs<'_>) {
        tracing::debug!(peer = %self.id, "route lost");
        self.standing = Standing::Lost { since: now };
        self.suspected = None;
        self.verdict = None;
        self.watch.clear();
        *out.lost = true;
        out.events.push_back(PathEvent::Lost { peer: self.id });
    }

    pub(super) fn kind_of(&self, local: &LocalEnd<'_>, pair: Pair) -> RouteKind {
        let mut theirs = self.description.parsed().iter();
        let remote_is_relayed = match theirs.find(|c| c.addr() == pair.1) {
            Some(candidate) => candidate.kind() == CandidateKind::Relayed,
            // Not described any more, or, when a check told of it first, not yet.
            None => self.relays.contains(&pair.1.ip()),
        };
        if remote_is_relayed || local.relayed().any(|c| c.addr() == pair.0) {
            RouteKind::Relayed
        } else {
            RouteKind::Direct
        }
    }

    /// Notes a sign of life, if it came along the route.
    pub(super) fn note_heard(&mut self, now: Instant, pair: Pair) -> bool {
        self.lively = self.lively.max(now);
        let along = self.route.is_some_and(|r| (r.local, r.remote) == pair);
        if along {
            self.heard = self.heard.max(now);
        }
        along
    }
}
