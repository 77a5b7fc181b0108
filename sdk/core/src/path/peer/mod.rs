//! One peer of the call and the sessions with it.

mod route;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use is::{Candidate, CandidateKind, IceCreds};

use super::demux::BindingHeader;
use super::liveness::{Evidence, MediaWatch, Pairs};
use super::session::{Pair, Role, Session, SessionEvent};
use super::{PathConfig, PathDescription, PathEvent, PeerId, Route, Transmit};

/// Longest pause before looking for a lost peer again.
const MAX_PAUSE: Duration = Duration::from_secs(15);
/// Most relays of a peer that are remembered.
const MAX_RELAYS: usize = 16;

/// The local end, the same for all peers.
pub(crate) struct LocalEnd<'a> {
    pub(crate) config: &'a PathConfig,
    pub(crate) creds: &'a IceCreds,
    pub(crate) candidates: &'a [Candidate],
}

impl LocalEnd<'_> {
    /// The socket behind a local address, which may be a relayed one.
    fn base(&self, local: SocketAddr) -> SocketAddr {
        let mut relayed = self.relayed();
        let relayed = relayed.find(|c| c.addr() == local);
        relayed.map_or(local, Candidate::local)
    }

    /// Whether checks may still use this local address.
    fn has(&self, local: SocketAddr) -> bool {
        let mut candidates = self.candidates.iter();
        candidates.any(|c| match c.kind() {
            CandidateKind::Host | CandidateKind::Relayed => c.addr() == local,
            CandidateKind::ServerReflexive | CandidateKind::PeerReflexive => false,
        })
    }

    fn relayed(&self) -> impl Iterator<Item = &Candidate> {
        let candidates = self.candidates.iter();
        candidates.filter(|c| c.kind() == CandidateKind::Relayed)
    }
}

/// Where outputs go.
pub(crate) struct Outputs<'a> {
    pub(crate) transmits: &'a mut VecDeque<Transmit>,
    pub(crate) events: &'a mut VecDeque<PathEvent>,
    /// Set when a peer is lost.
    pub(crate) lost: &'a mut bool,
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
    pairs: Pairs,
    /// What ICE has nominated last.
    nominated: Option<Pair>,
    /// Since when the route is another one, as the nominated one went silent.
    detour: Option<Instant>,
    watch: MediaWatch,
    /// The last time anything came from the peer, along whichever pair.
    lively: Instant,
    /// Since when the route is unusually silent.
    suspected: Option<Instant>,
    /// When it has had its chance to answer.
    verdict: Option<Instant>,
    /// Remote candidates that go when they are not in use any more.
    leaving: Vec<Candidate>,
    /// A pair that has just proved to work while there was no route.
    proved: Option<Pair>,
    /// Where the peer has had relayed addresses: it may get others there before it says so.
    relays: Vec<IpAddr>,
}

/// Remembers the hosts of the relayed addresses in a description.
fn note_relays(relays: &mut Vec<IpAddr>, description: &PathDescription) {
    for candidate in description.parsed() {
        let host = candidate.addr().ip();
        if candidate.kind() == CandidateKind::Relayed
            && !relays.contains(&host)
            && relays.len() < MAX_RELAYS
        {
            relays.push(host);
        }
    }
}

impl Peer {
    pub(crate) fn new(
        now: Instant,
        id: PeerId,
        local: &LocalEnd<'_>,
        description: PathDescription,
        role: Role,
    ) -> Self {
        let mut relays = Vec::new();
        note_relays(&mut relays, &description);
        Peer {
            relays,
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
            pairs: Pairs::default(),
            nominated: None,
            detour: None,
            watch: MediaWatch::default(),
            lively: now,
            suspected: None,
            verdict: None,
            proved: None,
            leaving: Vec::new(),
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

    pub(crate) fn is_lost(&self) -> bool {
        matches!(self.standing, Standing::Lost { .. })
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
        self.pairs.evidence(pair)
    }

    /// The hosts that the peer's datagrams may come from.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Candidate> {
        self.description.parsed().iter()
    }

    /// Notes that media came along this pair.
    pub(crate) fn handle_media(&mut self, now: Instant, pair: Pair) {
        self.watch.note(now);
        self.pairs.note_media(now, pair);
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
            self.pairs.note_request(now, pair);
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
            self.pairs.note_answer(now, pair);
            if self.note_heard(now, pair) {
                self.consent = now;
            }
            if !self.is_selected() {
                self.proved = Some(pair);
            }
        }
        accepted
    }

    /// Offers new local candidates to the checks.
    pub(crate) fn add_locals(&mut self, now: Instant, local: &LocalEnd<'_>, added: &[Candidate]) {
        for candidate in added {
            self.current.add_local(candidate);
            if let Some(previous) = &mut self.previous {
                previous.add_local(candidate);
            }
        }
        self.freshen(now, local, !added.is_empty());
    }

    /// Takes local candidates out of the checks; a route over one of them ends here and now.
    pub(crate) fn remove_locals(
        &mut self,
        now: Instant,
        local: &LocalEnd<'_>,
        gone: &[Candidate],
        out: &mut Outputs<'_>,
    ) {
        for candidate in gone {
            self.current.remove(candidate);
            if let Some(previous) = &mut self.previous {
                previous.remove(candidate);
            }
        }
        self.pairs.retain_locals(|address| local.has(address));
        self.leave_gone(now, local, out);
    }

    /// Takes out what the peer does not have any more. What is in use waits until it is not: the
    /// description may be older than the last packet.
    fn remove_leaving(&mut self) {
        let used = self.route.map(|r| r.remote);
        for candidate in self.leaving.extract_if(.., |c| Some(c.addr()) != used) {
            self.current.remove(&candidate);
        }
    }

    /// Starts over with the local candidates as they are now, and with nothing else.
    pub(crate) fn confine(&mut self, now: Instant, local: &LocalEnd<'_>, out: &mut Outputs<'_>) {
        self.previous = None;
        self.renew(now, local);
        self.renewals = 0;
        self.pairs.retain_locals(|address| local.has(address));
        self.leave_gone(now, local, out);
    }

    /// Takes over what the peer says about itself now.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        local: &LocalEnd<'_>,
        description: &PathDescription,
    ) {
        note_relays(&mut self.relays, description);
        if description.creds() == self.description.creds() {
            let (added, gone) = self.description.replace(description);
            for candidate in &added {
                self.current.add_remote(candidate);
            }
            self.leaving.retain(|c| !added.contains(c));
            self.leaving.extend(gone);
            self.remove_leaving();
            self.freshen(now, local, !added.is_empty());
            return;
        }
        self.description = description.clone();
        let role = self.role();
        self.replace_session(open(now, local, &self.description, role));
    }

    /// Takes over how a route is called now that more is known about its ends.
    pub(crate) fn rename_route(&mut self, local: &LocalEnd<'_>, out: &mut Outputs<'_>) {
        if let Some(route) = self.route {
            let kind = self.kind_of(local, (route.local, route.remote));
            if kind != route.kind && self.is_selected() {
                self.announce(Route { kind, ..route }, out);
            }
        }
    }

    /// Checks quickly after a change, in a new session if the old one is worn or has given up.
    pub(crate) fn freshen(&mut self, now: Instant, local: &LocalEnd<'_>, changed: bool) {
        if !changed {
            return;
        }
        self.current.hasten(now + local.config.urgency);
        if self.renewal.is_some() {
            self.renewal = Some(now);
            self.renewals = 0;
        } else if self.current.is_worn() {
            let role = self.role();
            self.replace_session(open(now, local, &self.description, role));
        }
        if let Standing::Lost { .. } = self.standing {
            // There is something new to try.
            self.standing = Standing::Lost { since: now };
        }
    }

    fn replace_session(&mut self, session: Session) {
        let replaced = std::mem::replace(&mut self.current, session);
        // A second restart before the first one was through leaves the route with the oldest.
        if self.previous.is_none() || replaced.has_nominated() {
            self.previous = Some(replaced);
        }
        self.leaving.clear();
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
                    self.select(now, local, pair, out);
                }
                SessionEvent::Exhausted => self.schedule_renewal(now, local.config),
            }
        }
        let mut drop_previous = false;
        while let Some(event) = self.previous.as_mut().and_then(|s| s.poll_event(now)) {
            match event {
                SessionEvent::Nominated(pair) => self.select(now, local, pair, out),
                SessionEvent::Exhausted => drop_previous = true,
            }
        }
        if drop_previous {
            self.previous = None;
        }
        if let Some(pair) = self.proved.take()
            && !self.is_selected()
            && local.has(pair.0)
        {
            // What is valid may be used before anything is nominated (RFC 8445 section 12.1).
            self.turn_to(now, local, pair, out);
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
            Standing::Selected => {
                let doubt = match self.suspected {
                    None => Some(self.heard + self.patience(config)),
                    Some(_) => self.verdict,
                };
                let quiet = self.silent_at(config);
                Some(doubt.map_or(quiet, |doubt| doubt.min(quiet)))
            }
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
