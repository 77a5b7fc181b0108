//! The agent itself: sockets, peers, and who gets which datagram.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use is::{Candidate, IceAgent, IceCreds};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use thiserror::Error;

use super::demux::{self, BindingHeader, Class, Kind};
use super::description::MAX_CANDIDATES;
use super::gather::{Gatherer, Mapped, Outcome};
use super::peer::{LocalEnd, Outputs, Peer};
use super::session::{Pair, Role};
use super::{
    Inbound, PathConfig, PathDescription, PathEvent, PathStats, PeerId, Route, Transmit, address,
};

/// Most local sockets. More interfaces than these are virtual ones.
const MAX_LOCALS: usize = 16;
/// Most peers in one call.
const MAX_PEERS: usize = 64;
/// Datagrams that wait for [`PathAgent::poll_transmit`].
const MAX_TRANSMITS: usize = 1024;
/// Events that wait for [`PathAgent::poll_event`].
const MAX_EVENTS: usize = 1024;
const UFRAG_LEN: usize = 8;
/// 6 bits each: 144 bits, of which RFC 8445 section 5.3 asks for 128.
const PWD_LEN: usize = 24;

/// Why a peer was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddPeerError {
    /// There is a peer with this id. The fault is the caller's.
    #[error("the peer is there already")]
    AlreadyAdded,
    /// The call has as many peers as it can.
    #[error("a call has at most {MAX_PEERS} peers")]
    TooManyPeers,
    /// The username fragment is ours or another peer's, so checks could not be told apart. The
    /// fault is the peer's.
    #[error("the username fragment is in use in this call")]
    UfragInUse,
}

/// Why a peer's new description was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UpdatePeerError {
    /// There is no such peer. The fault is the caller's.
    #[error("there is no such peer")]
    UnknownPeer,
    /// The username fragment is ours or another peer's. The fault is the peer's.
    #[error("the username fragment is in use in this call")]
    UfragInUse,
}

/// The paths of one call. See the [module](super) for what it does.
///
/// Methods come in families. Getters: [`local_description`](Self::local_description),
/// [`default_address`](Self::default_address), [`gathering_done`](Self::gathering_done),
/// [`route`](Self::route), [`round_trip_time`](Self::round_trip_time), [`stats`](Self::stats).
/// Inputs: [`gather`](Self::gather), `*_peer`, `handle_*`. After every input the caller drains
/// [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event), then sleeps until
/// [`poll_timeout`](Self::poll_timeout) at the latest and calls
/// [`handle_timeout`](Self::handle_timeout). Times passed in must not go backwards.
pub struct PathAgent {
    config: PathConfig,
    rng: StdRng,
    locals: Vec<SocketAddr>,
    creds: IceCreds,
    /// An ICE agent that never runs. It ranks and prunes our own candidates (RFC 8445
    /// sections 5.1.2 and 5.1.3).
    ranking: IceAgent,
    /// What `ranking` made of them, in the same order.
    candidates: Vec<Candidate>,
    gatherer: Gatherer,
    gathered: bool,
    mapped: Vec<Mapped>,
    peers: BTreeMap<PeerId, Peer>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<PathEvent>,
    stats: PathStats,
}

impl PathAgent {
    /// An agent with fresh credentials over sockets that are bound to these addresses.
    ///
    /// Addresses that cannot be one end of a path (unspecified, link-local, multicast) are left
    /// out, and so are those after the sixteenth. `seed` has to be secret and
    /// unpredictable, and different for each agent: credentials are drawn from it.
    pub fn new(_now: Instant, local: &[SocketAddr], seed: [u8; 32], config: PathConfig) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let creds = IceCreds {
            ufrag: ice_chars(&mut rng, UFRAG_LEN),
            pass: ice_chars(&mut rng, PWD_LEN),
        };
        let mut ranking = IceAgent::new(creds.clone());
        let mut locals = Vec::new();
        for &socket in local {
            let socket = address::canonical(socket);
            if locals.len() >= MAX_LOCALS || !address::is_usable(socket) {
                continue;
            }
            if let Ok(candidate) = Candidate::host(socket, "udp")
                && ranking.add_local_candidate(candidate).is_some()
            {
                locals.push(socket);
            }
        }
        let candidates = ranking.local_candidates().collect();
        let gatherer = Gatherer::new(StdRng::from_rng(&mut rng), config.gather_rto);
        PathAgent {
            config,
            rng,
            locals,
            creds,
            ranking,
            candidates,
            gatherer,
            gathered: false,
            mapped: Vec::new(),
            peers: BTreeMap::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            stats: PathStats::default(),
        }
    }

    /// What the others need to know about this side, as far as it is known yet.
    pub fn local_description(&self) -> PathDescription {
        PathDescription::local(self.creds.clone(), self.candidates.iter().cloned())
    }

    /// The one address to name where only one can be named: as a STUN server saw the first
    /// socket, or else the first socket's own. `None` without a usable socket.
    pub fn default_address(&self) -> Option<SocketAddr> {
        let seen = |local: &SocketAddr| {
            let mapped = self.mapped.iter().find(|m| m.local == *local)?;
            Some(mapped.mapped)
        };
        self.locals
            .iter()
            .find_map(seen)
            .or_else(|| self.locals.first().copied())
    }

    /// Whether [`PathEvent::GatheringDone`] has been reported for the last
    /// [`gather`](Self::gather).
    pub fn gathering_done(&self) -> bool {
        self.gathered
    }

    /// The way to send media to the peer.
    ///
    /// A lost peer keeps its last route until consent to use it expires (RFC 7675), as what
    /// failed may be the way back only.
    pub fn route(&self, peer: PeerId) -> Option<Route> {
        self.peers.get(&peer)?.route()
    }

    /// The round-trip time of the last answered check along the route.
    pub fn round_trip_time(&self, peer: PeerId) -> Option<Duration> {
        self.peers.get(&peer)?.round_trip_time()
    }

    /// Counts since the start.
    pub fn stats(&self) -> PathStats {
        self.stats
    }

    /// Asks STUN servers how the outside sees the local sockets, each over every socket of its
    /// address family. At most four servers are asked. Without any that can be, gathering is
    /// done at once.
    pub fn gather(&mut self, now: Instant, stun_servers: &[SocketAddr]) {
        self.gathered = false;
        self.gatherer
            .start(now, self.config.gather_timeout, &self.locals, stun_servers);
        self.handle_timeout(now);
    }

    /// Starts checks towards a peer. One of the two sides should be `controlling`; if both or
    /// neither are, they settle it between themselves (RFC 8445 section 7.3.1.1).
    ///
    /// # Errors
    ///
    /// When the peer is there already, or its description cannot be told from another's.
    pub fn add_peer(
        &mut self,
        now: Instant,
        peer: PeerId,
        description: &PathDescription,
        controlling: bool,
    ) -> Result<(), AddPeerError> {
        if self.peers.contains_key(&peer) {
            return Err(AddPeerError::AlreadyAdded);
        }
        if self.peers.len() >= MAX_PEERS {
            return Err(AddPeerError::TooManyPeers);
        }
        if self.is_ufrag_taken(description.ufrag(), peer) {
            return Err(AddPeerError::UfragInUse);
        }
        let role = Role {
            controlling,
            tie_breaker: self.rng.next_u64(),
        };
        let local = LocalEnd {
            config: &self.config,
            creds: &self.creds,
            candidates: &self.candidates,
        };
        let added = Peer::new(now, peer, &local, description.clone(), role);
        self.peers.insert(peer, added);
        self.settle(now, peer);
        Ok(())
    }

    /// Takes a peer's new description. New candidates are added to the checks; candidates that
    /// it no longer has are kept. New credentials mean that the peer has restarted ICE
    /// (RFC 8445 section 9): the route stays until the new session has nominated one.
    ///
    /// # Errors
    ///
    /// When there is no such peer, or its description cannot be told from another's.
    pub fn update_peer(
        &mut self,
        now: Instant,
        peer: PeerId,
        description: &PathDescription,
    ) -> Result<(), UpdatePeerError> {
        if !self.peers.contains_key(&peer) {
            return Err(UpdatePeerError::UnknownPeer);
        }
        if self.is_ufrag_taken(description.ufrag(), peer) {
            return Err(UpdatePeerError::UfragInUse);
        }
        let local = LocalEnd {
            config: &self.config,
            creds: &self.creds,
            candidates: &self.candidates,
        };
        if let Some(known) = self.peers.get_mut(&peer) {
            known.update(now, &local, description);
        }
        self.settle(now, peer);
        Ok(())
    }

    /// Forgets a peer. Nothing is sent to it any more; an unknown one is ignored.
    pub fn remove_peer(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
    }

    /// Takes a datagram that the socket bound to `local` received from `remote`.
    ///
    /// Only authenticated checks are ever answered. Everything that is not recognised is
    /// counted and otherwise left alone.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        payload: &[u8],
    ) -> Inbound {
        let pair = (address::canonical(local), address::canonical(remote));
        let inbound = if self.locals.contains(&pair.0) {
            match demux::kind(payload) {
                Kind::Stun => self.handle_stun(now, pair, payload),
                Kind::Media => self.handle_media(now, pair),
                Kind::Other => Inbound::Stray,
            }
        } else {
            Inbound::Stray
        };
        let counter = match inbound {
            Inbound::Handled => &mut self.stats.stun,
            Inbound::Media(_) => &mut self.stats.media,
            Inbound::Stray => &mut self.stats.stray,
        };
        *counter = counter.saturating_add(1);
        inbound
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let peers = &self.peers;
        let in_use = |socket: SocketAddr| {
            peers
                .values()
                .any(|p| p.is_selected() && p.route().is_some_and(|r| r.local == socket))
        };
        self.gatherer
            .handle_timeout(now, in_use, &mut self.transmits);
        self.report_gathering(now);
        let local = LocalEnd {
            config: &self.config,
            creds: &self.creds,
            candidates: &self.candidates,
        };
        let mut out = Outputs {
            transmits: &mut self.transmits,
            events: &mut self.events,
        };
        for peer in self.peers.values_mut() {
            peer.handle_timeout(now, &local);
            peer.settle(now, &local, &mut out);
        }
        self.bound_queues();
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called next, if at all. It may
    /// lie in the past.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let config = &self.config;
        let peers = self.peers.values_mut();
        peers
            .filter_map(|p| p.poll_timeout(config))
            .chain(self.gatherer.poll_timeout())
            .min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<PathEvent> {
        self.events.pop_front()
    }

    fn handle_stun(&mut self, now: Instant, pair: Pair, payload: &[u8]) -> Inbound {
        let Some(header) = BindingHeader::parse(payload) else {
            return Inbound::Stray;
        };
        match header.class {
            Class::Request => self.handle_request(now, pair, payload),
            Class::Success | Class::Error => self.handle_response(now, pair, header, payload),
            // Nobody in a call sends one (RFC 8445 section 11 allows it for keep-alives); it
            // cannot be authenticated and asks for nothing.
            Class::Indication => Inbound::Stray,
        }
    }

    fn handle_request(&mut self, now: Instant, pair: Pair, payload: &[u8]) -> Inbound {
        let Some((own, theirs)) = demux::username(payload) else {
            return Inbound::Stray;
        };
        if own != self.creds.ufrag {
            return Inbound::Stray;
        }
        let accepted = self
            .peers
            .values_mut()
            .find_map(|p| p.handle_request(now, theirs, pair, payload).then(|| p.id()));
        self.handled(now, accepted)
    }

    fn handle_response(
        &mut self,
        now: Instant,
        pair: Pair,
        header: BindingHeader,
        payload: &[u8],
    ) -> Inbound {
        match self
            .gatherer
            .handle_response(now, pair.0, pair.1, header, payload)
        {
            Outcome::Answered(mapped) => {
                if let Some(mapped) = mapped {
                    self.add_mapped(now, mapped);
                }
                self.report_gathering(now);
                return Inbound::Handled;
            }
            Outcome::NotOurs => {}
        }
        let accepted = self.peers.values_mut().find_map(|p| {
            p.handle_response(now, pair, header, payload)
                .then(|| p.id())
        });
        self.handled(now, accepted)
    }

    fn handle_media(&mut self, now: Instant, pair: Pair) -> Inbound {
        let owner = self
            .peers
            .values_mut()
            .filter_map(|p| Some((p.evidence(pair)?, p)))
            .max_by_key(|(evidence, _)| *evidence);
        match owner {
            Some((_, peer)) => {
                peer.handle_media(now, pair);
                Inbound::Media(peer.id())
            }
            None => Inbound::Stray,
        }
    }

    fn handled(&mut self, now: Instant, accepted: Option<PeerId>) -> Inbound {
        match accepted {
            Some(peer) => {
                self.settle(now, peer);
                Inbound::Handled
            }
            None => Inbound::Stray,
        }
    }

    fn add_mapped(&mut self, now: Instant, mapped: Mapped) {
        if self.mapped.contains(&mapped) || self.candidates.len() >= MAX_CANDIDATES {
            return;
        }
        self.mapped.push(mapped);
        // Outside of a NAT both are the same, and one candidate is enough.
        if mapped.mapped == mapped.local {
            return;
        }
        let Ok(candidate) = Candidate::server_reflexive(mapped.mapped, mapped.local, "udp") else {
            return;
        };
        let Some(ranked) = self.ranking.add_local_candidate(candidate.clone()).cloned() else {
            return;
        };
        self.candidates.push(ranked);
        for peer in self.peers.values_mut() {
            peer.add_local(&candidate);
        }
        if !self.gatherer.is_pending() {
            self.events.push_back(PathEvent::DescriptionChanged);
        }
        let peers: Vec<PeerId> = self.peers.keys().copied().collect();
        for peer in peers {
            self.settle(now, peer);
        }
    }

    fn report_gathering(&mut self, now: Instant) {
        if self.gatherer.take_done(now) {
            self.gathered = true;
            self.events.push_back(PathEvent::GatheringDone);
        }
    }

    fn settle(&mut self, now: Instant, peer: PeerId) {
        let local = LocalEnd {
            config: &self.config,
            creds: &self.creds,
            candidates: &self.candidates,
        };
        let mut out = Outputs {
            transmits: &mut self.transmits,
            events: &mut self.events,
        };
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.settle(now, &local, &mut out);
        }
        self.bound_queues();
    }

    fn bound_queues(&mut self) {
        let excess = self.transmits.len().saturating_sub(MAX_TRANSMITS);
        self.transmits.truncate(MAX_TRANSMITS);
        self.stats.transmits_dropped = self.stats.transmits_dropped.saturating_add(excess as u64);
        while self.events.len() > MAX_EVENTS {
            self.events.pop_front();
        }
    }

    fn is_ufrag_taken(&self, ufrag: &str, by_other_than: PeerId) -> bool {
        ufrag == self.creds.ufrag
            || self
                .peers
                .values()
                .any(|p| p.id() != by_other_than && p.ufrag() == ufrag)
    }
}

/// Random characters of RFC 8839's ice-char.
fn ice_chars(rng: &mut StdRng, len: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = vec![0; len];
    rng.fill_bytes(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 64)]))
        .collect()
}
