//! One peer of the call: its sessions, its route, and whether that is alive.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use is::{Candidate, CandidateKind, IceCreds};

use super::demux::BindingHeader;
use super::session::{Pair, Role, Session, SessionEvent};
use super::{PathConfig, PathDescription, PathEvent, PeerId, Route, RouteKind, Transmit};

/// Candidates of one peer over all its descriptions with the same credentials.
const MAX_REMOTE_CANDIDATES: usize = 64;
/// Address pairs that are remembered for attributing media.
const MAX_PAIRS: usize = 256;
/// Longest pause before looking for a lost peer again.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// The local end, the same for all peers.
pub(crate) struct LocalEnd<'a> {
    pub(crate) config: &'a PathConfig,
    pub(crate) creds: &'a IceCreds,
    pub(crate) candidates: &'a [Candidate],
}

/// Where outputs go.
pub(crate) struct Outputs<'a> {
    pub(crate) transmits: &'a mut VecDeque<Transmit>,
    pub(crate) events: &'a mut VecDeque<PathEvent>,
}

/// How sure it is that a pair belongs to a peer. Weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Evidence {
    /// An authentic check came from there. Any participant could have sent it in this peer's
    /// name, as all know our password, but what a peer sends before our own check is answered
    /// has to go somewhere, and media is authenticated by itself.
    Checked,
    /// Our own check was answered with the peer's password.
    Answered,
    /// It is the route.
    Route,
}

/// ```text
///            nominated                    silent, or consent expired
/// Checking ------------> Selected --------------------------------------> Lost
///     |                      ^                                             | ^
///     |                      +---------------------------------------------+ |
///     |                                       nominated                      |
///     +----------------------------------------------------------------------+
///                               time to establish is over
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Checking { since: Instant },
    Selected,
    Lost { since: Instant },
}

/// A peer and the ICE sessions with it.
pub(crate) struct Peer {
    id: PeerId,
    description: PathDescription,
    tie_breaker: u64,
    current: Session,
    /// The session before the peer restarted ICE: it carries the route until the new one has
    /// its own (RFC 8445 section 9).
    previous: Option<Session>,
    standing: Standing,
    route: Option<Route>,
    /// The last time something came along the route.
    heard: Instant,
    /// The last time a check along the route was answered.
    consent: Instant,
    /// When to start over, after all pairs have failed.
    renewal: Option<Instant>,
    renewals: u32,
    pairs: HashMap<Pair, Evidence>,
}

impl Peer {
    pub(crate) fn new(
        now: Instant,
        id: PeerId,
        local: &LocalEnd<'_>,
        description: PathDescription,
        role: Role,
    ) -> Self {
        Peer {
            id,
            current: open(now, local, &description, role),
            description,
            tie_breaker: role.tie_breaker,
            previous: None,
            standing: Standing::Checking { since: now },
            route: None,
            heard: now,
            consent: now,
            renewal: None,
            renewals: 0,
            pairs: HashMap::new(),
        }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.id
    }

    pub(crate) fn route(&self) -> Option<Route> {
        self.route
    }

    pub(crate) fn is_selected(&self) -> bool {
        self.standing == Standing::Selected
    }

    pub(crate) fn ufrag(&self) -> &str {
        self.description.ufrag()
    }

    pub(crate) fn round_trip_time(&self) -> Option<Duration> {
        self.current
            .round_trip_time()
            .or_else(|| self.previous.as_ref()?.round_trip_time())
    }

    /// How sure it is that media along this pair comes from this peer.
    pub(crate) fn evidence(&self, pair: Pair) -> Option<Evidence> {
        if self.route.is_some_and(|r| (r.local, r.remote) == pair) {
            return Some(Evidence::Route);
        }
        self.pairs.get(&pair).copied()
    }

    /// Notes that media came along this pair.
    pub(crate) fn handle_media(&mut self, now: Instant, pair: Pair) {
        self.note_heard(now, pair);
    }

    /// Takes a binding request from the peer with this username fragment.
    pub(crate) fn handle_request(
        &mut self,
        now: Instant,
        ufrag: &str,
        pair: Pair,
        payload: &[u8],
    ) -> bool {
        let session = if self.current.remote_ufrag() == ufrag {
            Some(&mut self.current)
        } else {
            self.previous
                .as_mut()
                .filter(|previous| previous.remote_ufrag() == ufrag)
        };
        let accepted = session.is_some_and(|s| s.handle_request(now, pair, payload));
        if accepted {
            self.note_evidence(pair, Evidence::Checked);
            self.note_heard(now, pair);
        }
        accepted
    }

    /// Takes a response to a check of one of the sessions.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        pair: Pair,
        header: BindingHeader,
        payload: &[u8],
    ) -> bool {
        let accepted = self.current.handle_response(now, pair, header, payload)
            || self
                .previous
                .as_mut()
                .is_some_and(|s| s.handle_response(now, pair, header, payload));
        if accepted {
            self.note_evidence(pair, Evidence::Answered);
            if self.note_heard(now, pair) {
                self.consent = now;
            }
        }
        accepted
    }

    /// Offers a new local candidate to the checks.
    pub(crate) fn add_local(&mut self, candidate: &Candidate) {
        self.current.add_local(candidate);
        if let Some(previous) = &mut self.previous {
            previous.add_local(candidate);
        }
    }

    /// Takes over what the peer says about itself now.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        local: &LocalEnd<'_>,
        description: &PathDescription,
    ) {
        if description.creds() == self.description.creds() {
            let added = self.description.merge(description, MAX_REMOTE_CANDIDATES);
            for candidate in &added {
                self.current.add_remote(candidate);
            }
            if !added.is_empty() && self.renewal.is_some() {
                self.renewal = Some(now);
                self.renewals = 0;
            }
            return;
        }
        self.description = description.clone();
        let role = self.role();
        let restarted = open(now, local, &self.description, role);
        let replaced = std::mem::replace(&mut self.current, restarted);
        // A second restart before the first one was through leaves the route with the oldest.
        if self.previous.is_none() || replaced.has_nominated() {
            self.previous = Some(replaced);
        }
        self.renewal = None;
        self.renewals = 0;
    }

    /// Does what is due by the sessions' and the peer's own timers.
    pub(crate) fn handle_timeout(&mut self, now: Instant, local: &LocalEnd<'_>) {
        if self.renewal.is_some_and(|at| now >= at) {
            self.renew(now, local);
        }
        self.current.handle_timeout(now);
        if let Some(previous) = &mut self.previous {
            previous.handle_timeout(now);
        }
    }

    /// Passes on what the sessions want, then judges the route. To be called after every
    /// mutation.
    pub(crate) fn settle(&mut self, now: Instant, local: &LocalEnd<'_>, out: &mut Outputs<'_>) {
        while let Some(event) = self.current.poll_event(now) {
            match event {
                SessionEvent::Nominated(pair) => {
                    self.previous = None;
                    self.renewal = None;
                    self.renewals = 0;
                    self.select(now, pair, out);
                }
                SessionEvent::Exhausted => self.schedule_renewal(now, local.config),
            }
        }
        let mut drop_previous = false;
        while let Some(event) = self.previous.as_mut().and_then(|s| s.poll_event(now)) {
            match event {
                SessionEvent::Nominated(pair) => self.select(now, pair, out),
                SessionEvent::Exhausted => drop_previous = true,
            }
        }
        if drop_previous {
            self.previous = None;
        }
        self.judge(now, local, out);
        while let Some(transmit) = self.current.poll_transmit() {
            out.transmits.push_back(transmit);
        }
        while let Some(transmit) = self.previous.as_mut().and_then(Session::poll_transmit) {
            out.transmits.push_back(transmit);
        }
    }

    /// When [`Peer::handle_timeout`] has something to do.
    pub(crate) fn poll_timeout(&mut self, config: &PathConfig) -> Option<Instant> {
        let standing = match self.standing {
            Standing::Checking { since } => Some(since + config.establish),
            Standing::Selected => Some(self.heard + config.silence),
            Standing::Lost { .. } => None,
        };
        let consent = self.route.map(|_| self.consent + config.consent);
        let current = self.current.poll_timeout();
        let previous = self.previous.as_mut().and_then(Session::poll_timeout);
        [standing, consent, self.renewal, current, previous]
            .into_iter()
            .flatten()
            .min()
    }

    fn select(&mut self, now: Instant, pair: Pair, out: &mut Outputs<'_>) {
        let route = Route {
            local: pair.0,
            remote: pair.1,
            kind: self.kind_of(pair.1),
        };
        let news = self.route != Some(route) || !self.is_selected();
        self.route = Some(route);
        self.standing = Standing::Selected;
        self.heard = now;
        self.consent = now;
        if news {
            tracing::debug!(peer = %self.id, kind = %route.kind, "route selected");
            out.events.push_back(PathEvent::Selected {
                peer: self.id,
                route,
            });
        }
    }

    fn judge(&mut self, now: Instant, local: &LocalEnd<'_>, out: &mut Outputs<'_>) {
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
                let silent = now >= self.heard + config.silence;
                // That all checks have failed is not enough: media may still come, and consent
                // has its own time.
                if silent || expired {
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

    fn lose(&mut self, now: Instant, out: &mut Outputs<'_>) {
        tracing::debug!(peer = %self.id, "route lost");
        self.standing = Standing::Lost { since: now };
        out.events.push_back(PathEvent::Lost { peer: self.id });
    }

    /// Starts over with all candidates and quick checks, under the same credentials.
    fn renew(&mut self, now: Instant, local: &LocalEnd<'_>) {
        let role = self.role();
        self.current = open(now, local, &self.description, role);
        self.renewal = None;
        self.renewals = self.renewals.saturating_add(1);
    }

    fn schedule_renewal(&mut self, now: Instant, config: &PathConfig) {
        let since = match self.standing {
            Standing::Checking { since } | Standing::Lost { since } => since,
            Standing::Selected => now,
        };
        if now.saturating_duration_since(since) < config.retry_for {
            let pause = Duration::from_secs(1 << self.renewals.min(4));
            self.renewal = Some(now + pause.min(MAX_PAUSE));
        }
    }

    fn role(&self) -> Role {
        Role {
            controlling: self.current.is_controlling(),
            tie_breaker: self.tie_breaker,
        }
    }

    fn kind_of(&self, remote: SocketAddr) -> RouteKind {
        let relayed = self
            .description
            .parsed()
            .iter()
            .any(|c| c.addr() == remote && c.kind() == CandidateKind::Relayed);
        if relayed {
            RouteKind::Relayed
        } else {
            RouteKind::Direct
        }
    }

    fn note_evidence(&mut self, pair: Pair, evidence: Evidence) {
        if self.pairs.len() >= MAX_PAIRS && !self.pairs.contains_key(&pair) {
            // The pairs in use come back with the next check.
            self.pairs.clear();
        }
        let known = self.pairs.entry(pair).or_insert(evidence);
        *known = evidence.max(*known);
    }

    /// Notes a sign of life, if it came along the route.
    fn note_heard(&mut self, now: Instant, pair: Pair) -> bool {
        let along = self.route.is_some_and(|r| (r.local, r.remote) == pair);
        if along {
            self.heard = self.heard.max(now);
        }
        along
    }
}

fn open(now: Instant, local: &LocalEnd<'_>, description: &PathDescription, role: Role) -> Session {
    Session::new(
        now,
        local.config,
        local.creds,
        local.candidates,
        description.creds(),
        description.parsed(),
        role,
    )
}
