//! The agent itself: sockets, peers, and who gets which datagram.

mod inbound;
mod network;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use is::IceCreds;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use thiserror::Error;

use super::early::EarlyChecks;
use super::gather::Gatherer;
use super::locals::Locals;
use super::peer::{LocalEnd, Outputs, Peer};
use super::relay::Relays;
use super::session::Role;
use super::{
    PathConfig, PathDescription, PathEvent, PathStats, PeerId, Privacy, Route, RouteKind, Transmit,
};

/// Most peers in one call.
const MAX_PEERS: usize = 64;
/// Datagrams that wait for [`PathAgent::poll_transmit`].
const MAX_TRANSMITS: usize = 1024;
/// Events that wait for [`PathAgent::poll_event`].
const MAX_EVENTS: usize = 1024;
/// Media that came through relays and waits for [`PathAgent::poll_media`].
const MAX_MEDIA: usize = 256;
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
/// [`route`](Self::route), [`round_trip_time`](Self::round_trip_time), [`stats`](Self::stats),
/// [`privacy`](Self::privacy). Inputs: [`gather`](Self::gather), `add_*`, `set_*`, `*_peer`,
/// `send_media`, `handle_*`, [`close`](Self::close). After every input the caller drains
/// [`poll_transmit`](Self::poll_transmit), [`poll_media`](Self::poll_media) and
/// [`poll_event`](Self::poll_event), then sleeps until [`poll_timeout`](Self::poll_timeout) at
/// the latest and calls [`handle_timeout`](Self::handle_timeout). Times passed in must not go
/// backwards.
pub struct PathAgent {
    config: PathConfig,
    rng: StdRng,
    locals: Locals,
    gatherer: Gatherer,
    gathered: bool,
    stun_servers: Vec<SocketAddr>,
    relays: Relays,
    early: EarlyChecks,
    peers: BTreeMap<PeerId, Peer>,
    /// What the peers' sessions want to send, not yet wrapped for the relays.
    checks: VecDeque<Transmit>,
    transmits: VecDeque<Transmit>,
    media: VecDeque<(PeerId, Vec<u8>)>,
    events: VecDeque<PathEvent>,
    /// Whether a peer has been lost since that was last looked at.
    lost: bool,
    stats: PathStats,
}

impl PathAgent {
    /// An agent with fresh credentials over sockets that are bound to these addresses.
    ///
    /// Addresses that cannot be one end of a path (unspecified, link-local, multicast) are left
    /// out, and so are those after the sixteenth. `seed` has to be secret and
    /// unpredictable, and different for each agent: credentials are drawn from it.
    pub fn new(now: Instant, local: &[SocketAddr], seed: [u8; 32], config: PathConfig) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let creds = IceCreds {
            ufrag: ice_chars(&mut rng, UFRAG_LEN),
            pass: ice_chars(&mut rng, PWD_LEN),
        };
        let gatherer = Gatherer::new(StdRng::from_rng(&mut rng), config.gather_rto);
        PathAgent {
            config,
            rng,
            locals: Locals::new(creds, local),
            gatherer,
            gathered: false,
            stun_servers: Vec::new(),
            relays: Relays::new(now),
            early: EarlyChecks::default(),
            peers: BTreeMap::new(),
            checks: VecDeque::new(),
            transmits: VecDeque::new(),
            media: VecDeque::new(),
            events: VecDeque::new(),
            lost: false,
            stats: PathStats::default(),
        }
    }

    /// What the others need to know about this side, as far as it is known yet and they may.
    pub fn local_description(&self) -> PathDescription {
        self.locals.description()
    }

    /// The one address to name where only one can be named: as a STUN server saw the first
    /// socket, or else the first socket's own; under [`Privacy::RelayOnly`] the relayed one.
    /// `None` without such an address.
    pub fn default_address(&self) -> Option<SocketAddr> {
        self.locals.default_address()
    }

    /// Whether [`PathEvent::GatheringDone`] has been reported for the last
    /// [`gather`](Self::gather).
    pub fn gathering_done(&self) -> bool {
        self.gathered
    }

    /// Which of our addresses peers may learn; [`Privacy::Direct`] unless set.
    pub fn privacy(&self) -> Privacy {
        self.locals.privacy()
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
    /// done at once. Under [`Privacy::RelayOnly`] it is done when the relays have answered that
    /// were added before.
    pub fn gather(&mut self, now: Instant, stun_servers: &[SocketAddr]) {
        self.gathered = false;
        self.stun_servers = stun_servers.to_vec();
        let sockets = self.locals.sockets();
        self.gatherer
            .start(now, self.config.gather_timeout, sockets, stun_servers);
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
        let local = local_end(&self.config, &self.locals);
        let added = Peer::new(now, peer, &local, description.clone(), role);
        self.peers.insert(peer, added);
        self.welcome(now, peer);
        Ok(())
    }

    /// Takes a peer's new description. New candidates are added to the checks, and those that
    /// are not in it any more leave them, except for the one in use: that one goes when it
    /// fails. New credentials mean that the peer has restarted ICE (RFC 8445 section 9): the
    /// route stays until the new session has nominated one.
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
        let local = local_end(&self.config, &self.locals);
        if let Some(known) = self.peers.get_mut(&peer) {
            known.update(now, &local, description);
        }
        self.welcome(now, peer);
        Ok(())
    }

    /// Forgets a peer. Nothing is sent to it any more; an unknown one is ignored.
    pub fn remove_peer(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
        self.media.retain(|(from, _)| *from != peer);
    }

    /// Sends media to a peer over the best path there is, whatever its kind: the datagram waits
    /// at [`poll_transmit`](Self::poll_transmit). `false` if there is no path.
    pub fn send_media(&mut self, now: Instant, peer: PeerId, payload: &[u8]) -> bool {
        let Some(route) = self.route(peer) else {
            return false;
        };
        let sent = self.way_out(now, (route.local, route.remote), payload);
        let has_way = sent.is_some();
        self.transmits.extend(sent);
        self.bound_queues();
        has_way
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
        self.drive_relays(now);
        self.report_gathering(now);
        let local = local_end(&self.config, &self.locals);
        let mut out = Outputs {
            transmits: &mut self.checks,
            events: &mut self.events,
            lost: &mut self.lost,
        };
        for peer in self.peers.values_mut() {
            peer.handle_timeout(now, &local);
            peer.settle(now, &local, &mut out);
        }
        self.send_checks(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called next, if at all. It may
    /// lie in the past.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let config = &self.config;
        let peers = self.peers.values_mut();
        peers
            .filter_map(|p| p.poll_timeout(config))
            .chain(self.gatherer.poll_timeout())
            .chain(self.relays.poll_timeout())
            .min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next media that came through a relay, with the peer it is attributed to. Whether it
    /// is authentic is for the media layer to find out.
    pub fn poll_media(&mut self) -> Option<(PeerId, Vec<u8>)> {
        self.media.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<PathEvent> {
        self.events.pop_front()
    }

    /// Gives relayed addresses back and forgets all peers. What is left to send waits at
    /// [`poll_transmit`](Self::poll_transmit); after that the sockets may be closed.
    pub fn close(&mut self, now: Instant) {
        self.peers.clear();
        self.media.clear();
        self.relays.close(now, &mut self.transmits);
        self.drive_relays(now);
        // Nobody is left to whom a description would go.
        self.events.clear();
        self.bound_queues();
    }

    /// Lets a peer in that is new, or that has said something new.
    fn welcome(&mut self, now: Instant, peer: PeerId) {
        let mut out = Outputs {
            transmits: &mut self.checks,
            events: &mut self.events,
            lost: &mut self.lost,
        };
        if let Some(known) = self.peers.get_mut(&peer) {
            let local = local_end(&self.config, &self.locals);
            known.rename_route(&local, &mut out);
            let ufrag = known.ufrag().to_owned();
            for check in self.early.take(now, &ufrag) {
                known.handle_request(now, &ufrag, check.pair, &check.payload);
            }
        }
        self.permit_peers(now);
        self.settle(now, peer);
    }

    fn settle(&mut self, now: Instant, peer: PeerId) {
        let local = local_end(&self.config, &self.locals);
        let mut out = Outputs {
            transmits: &mut self.checks,
            events: &mut self.events,
            lost: &mut self.lost,
        };
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.settle(now, &local, &mut out);
        }
        self.send_checks(now);
    }

    fn settle_all(&mut self, now: Instant) {
        let peers: Vec<PeerId> = self.peers.keys().copied().collect();
        for peer in peers {
            self.settle(now, peer);
        }
    }

    fn report_gathering(&mut self, now: Instant) {
        let wait = self.privacy() == Privacy::RelayOnly && self.relays.is_pending();
        if self.gatherer.take_done(now, wait) {
            self.gathered = true;
            self.events.push_back(PathEvent::GatheringDone);
        }
    }

    /// Sends what the sessions want sent, each along its way.
    fn send_checks(&mut self, now: Instant) {
        while let Some(check) = self.checks.pop_front() {
            let sent = self.way_out(now, (check.local, check.remote), &check.payload);
            self.transmits.extend(sent);
        }
        self.bind_routes(now);
        if std::mem::take(&mut self.lost) {
            // The NAT may have forgotten us.
            self.gatherer.refresh(now);
        }
        if self.peers.values().any(Peer::is_lost) {
            self.relays.doubt(now, self.locals.sockets());
        }
        self.bound_queues();
    }

    /// Routes through our own relay get a channel each.
    fn bind_routes(&mut self, now: Instant) {
        let mut bound = false;
        for route in self.peers.values().filter_map(Peer::route) {
            if route.kind == RouteKind::Relayed && self.relays.has(route.local) {
                bound |= self.relays.bind(now, route.local, route.remote);
            }
        }
        if bound {
            self.drive_relays(now);
        }
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
        ufrag == self.locals.creds().ufrag
            || self
                .peers
                .values()
                .any(|p| p.id() != by_other_than && p.ufrag() == ufrag)
    }
}

/// The local end as peers see it, borrowed apart from the peers.
fn local_end<'a>(config: &'a PathConfig, locals: &'a Locals) -> LocalEnd<'a> {
    LocalEnd {
        config,
        creds: locals.creds(),
        candidates: locals.shown(),
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
