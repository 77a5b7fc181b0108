//! One ICE session (RFC 8445) with one peer: a set of credentials, its checks, its nominations.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceAgentEvent, IceConnectionState, IceCreds, Protocol};

use super::demux::{BindingHeader, Class, TransactionId};
use super::{PathConfig, Transmit, address};

/// Checks that are remembered: 5 s at the fastest pace.
const MAX_CHECKS: usize = 256;
/// Source addresses that one peer may check us from. Each costs memory until the session ends.
const MAX_SOURCES: usize = 96;
/// Candidate pairs of one session (RFC 8445 section 6.1.2.5).
const MAX_PAIRS: usize = 100;
/// Unanswered checks until a pair is given up while there is no route: with the quick ones at
/// the start about 10 s.
const CHECKING_SENDS: usize = 36;
/// The same while there is a route: with the faster checks after a first loss about 15 s.
const KEEPALIVE_SENDS: usize = 12;
/// The same while all pairs are probed: none is given up for as long as that lasts.
const URGENT_SENDS: usize = 64;
/// Candidates that a session may have seen until it should be replaced: it keeps those that are
/// gone.
const MAX_CANDIDATES: usize = 128;
/// How long checks stay quick after the first nomination, so that the other side learns of it
/// even if some are lost.
const SETTLING: Duration = Duration::from_secs(3);

/// A local and a remote address.
pub(crate) type Pair = (SocketAddr, SocketAddr);

/// A turn in the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionEvent {
    /// Send over this pair from now on.
    Nominated(Pair),
    /// Every pair has failed.
    Exhausted,
}

/// What sessions with one peer have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Role {
    pub(crate) controlling: bool,
    pub(crate) tie_breaker: u64,
}

/// An ICE agent with what it leaves to its owner: which responses are ours, and bounds.
pub(crate) struct Session {
    agent: IceAgent,
    remote_ufrag: String,
    /// Checks in flight. A response counts once, and only along the way its check went
    /// (RFC 8445 section 7.2.5.2.1).
    checks: VecDeque<Check>,
    sources: HashSet<SocketAddr>,
    /// The first nomination.
    nominated: Option<Instant>,
    /// Whether that was long enough ago.
    settled: bool,
    /// Until when checks are quick.
    urgent: Option<Instant>,
    candidates: usize,
    urgent_interval: Duration,
    checking_interval: Duration,
    keepalive_interval: Duration,
}

struct Check {
    id: TransactionId,
    pair: Pair,
}

impl Session {
    pub(crate) fn new(
        now: Instant,
        config: &PathConfig,
        local: &IceCreds,
        local_candidates: &[Candidate],
        remote: &IceCreds,
        remote_candidates: &[Candidate],
        role: Role,
    ) -> Self {
        let mut agent = IceAgent::new(local.clone());
        agent.set_controlling(role.controlling);
        agent.set_control_tie_breaker(role.tie_breaker);
        agent.set_max_candidate_pairs(MAX_PAIRS);
        agent.set_timing_advance(config.pacing);
        agent.set_initial_stun_rto(config.initial_rto);
        agent.set_remote_credentials(remote.clone());
        let mut session = Session {
            agent,
            remote_ufrag: remote.ufrag.clone(),
            checks: VecDeque::new(),
            sources: HashSet::new(),
            nominated: None,
            settled: false,
            urgent: None,
            candidates: 0,
            urgent_interval: config.urgent_interval,
            checking_interval: config.checking_interval,
            keepalive_interval: config.keepalive_interval,
        };
        session.hasten(now + config.urgency);
        for candidate in local_candidates {
            session.add_local(candidate);
        }
        for candidate in remote_candidates {
            session.add_remote(candidate);
        }
        session.agent.handle_timeout(now);
        session
    }

    pub(crate) fn add_local(&mut self, candidate: &Candidate) {
        self.candidates += 1;
        self.agent.add_local_candidate(candidate.clone());
    }

    pub(crate) fn add_remote(&mut self, candidate: &Candidate) {
        self.candidates += 1;
        self.agent.add_remote_candidate(candidate.clone());
    }

    /// Takes a candidate of either side out, and its pairs.
    pub(crate) fn remove(&mut self, candidate: &Candidate) {
        self.agent.invalidate_candidate(candidate);
    }

    /// Whether so many candidates have come and gone that a new session is in order.
    pub(crate) fn is_worn(&self) -> bool {
        self.candidates > MAX_CANDIDATES
    }

    /// Checks all pairs quickly until then, beginning at once.
    pub(crate) fn hasten(&mut self, until: Instant) {
        self.urgent = Some(until);
        self.set_pace();
    }

    pub(crate) fn remote_ufrag(&self) -> &str {
        &self.remote_ufrag
    }

    /// The role as it is after conflicts have been settled.
    pub(crate) fn is_controlling(&self) -> bool {
        self.agent.controlling()
    }

    /// Whether the session has ever had a nominated pair.
    pub(crate) fn has_nominated(&self) -> bool {
        self.nominated.is_some()
    }

    pub(crate) fn round_trip_time(&self) -> Option<Duration> {
        self.agent.nominated_pair_rtt()
    }

    /// Takes a binding request that names this session; `false` if it is not authentic.
    pub(crate) fn handle_request(
        &mut self,
        now: Instant,
        (local, remote): Pair,
        payload: &[u8],
    ) -> bool {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains(&remote) {
            return false;
        }
        let accepted = self.hand_over(now, (local, remote), payload);
        if accepted {
            self.sources.insert(remote);
        }
        accepted
    }

    /// Takes a response if it answers one of this session's checks.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        pair: Pair,
        header: BindingHeader,
        payload: &[u8],
    ) -> bool {
        let Some(index) = self
            .checks
            .iter()
            .position(|c| c.id == header.transaction && c.pair == pair)
        else {
            return false;
        };
        let accepted = self.hand_over(now, pair, payload);
        if accepted {
            self.checks.remove(index);
        }
        accepted
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        // The ICE agent sends one check each time it is called after one has become due: calling
        // it because of somebody else's timer would outrun the pacing.
        if self.poll_timeout().is_none_or(|due| now >= due) {
            self.agent.handle_timeout(now);
        }
        if self.urgent.is_some_and(|until| now >= until) {
            self.urgent = None;
        }
        if self.nominated.is_some_and(|at| now >= at + SETTLING) {
            self.settled = true;
        }
        self.set_pace();
    }

    fn set_pace(&mut self) {
        let (interval, sends) = match (self.urgent, self.settled) {
            (Some(_), true) => (self.urgent_interval, URGENT_SENDS),
            (Some(_), false) => (self.urgent_interval, CHECKING_SENDS),
            (None, true) => (self.keepalive_interval, KEEPALIVE_SENDS),
            (None, false) => (self.checking_interval, CHECKING_SENDS),
        };
        // Setting what is set already costs nothing.
        self.agent.set_max_stun_rto(interval);
        self.agent.set_max_stun_retransmits(sends);
    }

    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        self.agent.poll_timeout()
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        loop {
            let transmit = self.agent.poll_transmit()?;
            let pair = (transmit.source, transmit.destination);
            if !address::is_sendable(pair.0, pair.1) {
                continue;
            }
            let payload: Vec<u8> = transmit.contents.into();
            if let Some(header) = BindingHeader::parse(&payload)
                && header.class == Class::Request
            {
                if self.checks.len() >= MAX_CHECKS {
                    self.checks.pop_front();
                }
                self.checks.push_back(Check {
                    id: header.transaction,
                    pair,
                });
            }
            return Some(Transmit {
                local: pair.0,
                remote: pair.1,
                payload,
            });
        }
    }

    pub(crate) fn poll_event(&mut self, now: Instant) -> Option<SessionEvent> {
        loop {
            match self.agent.poll_event()? {
                IceAgentEvent::NominatedSend {
                    source,
                    destination,
                    ..
                } => {
                    self.nominated.get_or_insert(now);
                    return Some(SessionEvent::Nominated((source, destination)));
                }
                IceAgentEvent::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                    return Some(SessionEvent::Exhausted);
                }
                IceAgentEvent::IceConnectionStateChange(_)
                | IceAgentEvent::IceRestart(_)
                | IceAgentEvent::DiscoveredRecv { .. } => {}
            }
        }
    }

    fn hand_over(&mut self, now: Instant, (local, remote): Pair, payload: &[u8]) -> bool {
        let Ok(message) = StunMessage::parse(payload) else {
            return false;
        };
        self.agent.handle_packet(
            now,
            StunPacket {
                proto: Protocol::Udp,
                source: remote,
                destination: local,
                message,
            },
        )
    }
}
