//! Relayed addresses: a TURN client (RFC 8656) for each relay server.
//!
//! An allocation is tried from every socket of the server's family, a little apart; the first
//! one that is granted stays. Whichever way the server is reached, it is an IPv4 address if the server
//! has one: so a peer with IPv4 alone and one with IPv6 alone meet on a relay of both. Permissions are asked for the peers' addresses, and for the relay's
//! own as soon as there is an allocation: a peer's relayed address is likely on the same
//! server, and its first check is then let through without another round trip.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use turn_client_proto::types::TurnCredentials;

use super::turn::{Allocation, News, Received};
use super::{Transmit, address};

/// Most relay servers.
const MAX_SERVERS: usize = 4;
/// Most sockets from which one server is asked.
const MAX_TRIES: usize = 4;
/// How far apart these are asked.
const STAGGER: Duration = Duration::from_millis(50);
/// How often in a row allocation may fail until the relay is left alone.
const MAX_FAILURES: u32 = 5;
/// How often what a failed attempt may have left behind is asked to end.
const RECLAIMS: usize = 3;
/// How long nothing may come from a server until it may be doubted.
const SILENCE: Duration = Duration::from_secs(1);
/// How long nothing may come from an allocation until it is given up for another one.
const FORGOTTEN: Duration = Duration::from_secs(8);
/// Shortest time between two doubts about one allocation.
const DOUBT_INTERVAL: Duration = Duration::from_secs(5);

/// A change of the relayed addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RelayEvent {
    Opened {
        relayed: SocketAddr,
        socket: SocketAddr,
    },
    Closed {
        relayed: SocketAddr,
    },
}

/// What became of a datagram that came from a relay server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RelayInbound {
    NotOurs,
    Handled,
    /// A peer sent this to the relayed address.
    Data {
        relayed: SocketAddr,
        peer: SocketAddr,
        payload: Vec<u8>,
    },
}

/// All relay servers of a call.
pub(crate) struct Relays {
    base: Instant,
    servers: Vec<Server>,
    /// Whom the peers' datagrams may come from, in the order of their importance.
    wanted: Vec<IpAddr>,
    events: VecDeque<RelayEvent>,
}

struct Server {
    address: SocketAddr,
    credentials: TurnCredentials,
    live: Option<Allocation>,
    tries: Vec<Allocation>,
    /// When to try again.
    retry: Option<Instant>,
    failures: u32,
    doubted: Option<Instant>,
    /// When to look whether the allocation is still there after the credentials were renewed.
    check: Option<Instant>,
    /// Whether the attempt that is under way does so.
    checks: bool,
    /// The last demand for credentials that each socket has met.
    challenges: BTreeMap<SocketAddr, Vec<u8>>,
}

impl Relays {
    pub(crate) fn new(now: Instant) -> Self {
        Relays {
            base: now,
            servers: Vec::new(),
            wanted: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Allocates at a server, or renews the credentials for one that is there already. Renewed
    /// credentials may mean that the server has started again and forgotten everything: an
    /// allocation that has fallen silent is then tried anew beside the old one.
    pub(crate) fn add(
        &mut self,
        now: Instant,
        address: SocketAddr,
        credentials: TurnCredentials,
        sockets: &[SocketAddr],
    ) {
        let address = address::canonical(address);
        if !address::is_usable(address) {
            return;
        }
        if self.servers.len() >= MAX_SERVERS && !self.servers.iter().any(|s| s.address == address) {
            // One that gives nothing makes room.
            let idle = |s: &Server| s.live.is_none() && s.tries.is_empty();
            if let Some(index) = self.servers.iter().position(idle) {
                self.servers.remove(index);
            }
        }
        if let Some(server) = self.servers.iter_mut().find(|s| s.address == address) {
            if server.credentials != credentials {
                server.credentials = credentials;
                let heard = server.live.as_ref().map_or(now, Allocation::heard);
                server.check = Some(now.max(heard + SILENCE));
            }
            server.failures = 0;
        } else if self.servers.len() < MAX_SERVERS {
            self.servers.push(Server {
                address,
                credentials,
                live: None,
                tries: Vec::new(),
                retry: None,
                failures: 0,
                doubted: None,
                check: None,
                checks: false,
                challenges: BTreeMap::new(),
            });
        }
        self.reopen(now, sockets);
    }

    /// Whether an allocation may still come of what is under way.
    pub(crate) fn is_pending(&self) -> bool {
        let mut servers = self.servers.iter();
        servers.any(|s| s.live.is_none() && !s.tries.is_empty())
    }

    /// Starts wherever there is neither an allocation nor an attempt at one, as after a change
    /// of the network.
    pub(crate) fn reopen(&mut self, now: Instant, sockets: &[SocketAddr]) {
        for server in &mut self.servers {
            server.failures = 0;
            if server.live.is_none() && server.tries.is_empty() {
                server.open(self.base, now, sockets);
            }
        }
    }

    /// Lets a socket go, and what was allocated from it.
    pub(crate) fn remove_socket(&mut self, now: Instant, socket: SocketAddr) {
        for server in &mut self.servers {
            server.tries.retain(|t| t.socket() != socket);
            server.challenges.remove(&socket);
            if let Some(live) = server.live.take_if(|live| live.socket() == socket) {
                self.events.extend(closed(&live));
            }
            if server.live.is_none() && server.tries.is_empty() {
                server.retry = Some(now);
            }
        }
    }

    /// A peer cannot be reached: perhaps a server has forgotten us. Where nothing has been heard
    /// lately another allocation is tried, and replaces the old one if it is granted.
    pub(crate) fn doubt(&mut self, now: Instant, sockets: &[SocketAddr]) {
        for server in &mut self.servers {
            let silent = |live: &Allocation| now >= live.heard() + SILENCE;
            let recently = server.doubted.is_some_and(|at| now < at + DOUBT_INTERVAL);
            if server.live.as_ref().is_some_and(silent)
                && server.tries.is_empty()
                && server.failures < MAX_FAILURES
                && !recently
            {
                server.doubted = Some(now);
                server.failures += 1;
                server.open(self.base, now, sockets);
            }
        }
    }

    /// Names the hosts from which datagrams may come, the most important one first.
    pub(crate) fn permit(&mut self, now: Instant, wanted: Vec<IpAddr>) {
        if self.wanted != wanted {
            self.wanted = wanted;
            for live in self.servers.iter_mut().filter_map(|s| s.live.as_mut()) {
                live.permit(now, &self.wanted);
            }
        }
    }

    /// Shortens the way to a peer to four bytes for each datagram (RFC 8656 section 12).
    /// `true` if that had to be asked for.
    pub(crate) fn bind(&mut self, now: Instant, relayed: SocketAddr, peer: SocketAddr) -> bool {
        self.live(relayed).is_some_and(|live| live.bind(now, peer))
    }

    /// Whether this is one of our relayed addresses.
    pub(crate) fn has(&self, relayed: SocketAddr) -> bool {
        let mut live = self.servers.iter().filter_map(|s| s.live.as_ref());
        live.any(|l| l.relayed() == Some(relayed))
    }

    /// The datagram that makes the relay send this to a peer, if it would.
    pub(crate) fn wrap(
        &mut self,
        now: Instant,
        relayed: SocketAddr,
        peer: SocketAddr,
        payload: &[u8],
    ) -> Option<Transmit> {
        self.live(relayed)?.wrap(now, peer, payload)
    }

    /// Takes a datagram that a socket received, if it comes from one of the relay servers.
    pub(crate) fn handle_packet(
        &mut self,
        now: Instant,
        socket: SocketAddr,
        remote: SocketAddr,
        payload: &[u8],
    ) -> RelayInbound {
        for server in self.servers.iter_mut().filter(|s| s.address == remote) {
            let allocations = server.live.iter_mut().chain(&mut server.tries);
            for allocation in allocations.filter(|a| a.socket() == socket) {
                match allocation.handle_packet(now, payload) {
                    Received::NotOurs => {}
                    Received::Handled => return RelayInbound::Handled,
                    Received::Data {
                        relayed,
                        peer,
                        payload,
                    } => {
                        server.failures = 0;
                        return RelayInbound::Data {
                            relayed,
                            peer: address::canonical(peer),
                            payload,
                        };
                    }
                }
            }
        }
        RelayInbound::NotOurs
    }

    /// Does what is due. To be called after every mutation, too.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        sockets: &[SocketAddr],
        out: &mut VecDeque<Transmit>,
    ) {
        for server in &mut self.servers {
            if server.retry.is_some_and(|at| now >= at) {
                server.open(self.base, now, sockets);
            }
            server.check(self.base, now);
            server.drive(now, &self.wanted, &mut self.events, out);
        }
    }

    /// When [`Relays::handle_timeout`] has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let servers = self.servers.iter();
        servers.filter_map(Server::poll_timeout).min()
    }

    pub(crate) fn poll_event(&mut self) -> Option<RelayEvent> {
        self.events.pop_front()
    }

    /// Gives all allocations back.
    pub(crate) fn close(&mut self, now: Instant, out: &mut VecDeque<Transmit>) {
        for mut server in self.servers.drain(..) {
            for allocation in server.live.iter_mut().chain(&mut server.tries) {
                allocation.release(now, out);
                self.events.extend(closed(allocation));
            }
        }
    }

    fn live(&mut self, relayed: SocketAddr) -> Option<&mut Allocation> {
        let mut live = self.servers.iter_mut().filter_map(|s| s.live.as_mut());
        live.find(|l| l.relayed() == Some(relayed))
    }
}

impl Server {
    /// Tries to allocate anew if the credentials were renewed and nothing has been heard since.
    /// From the same socket: a server that still has the old allocation refuses another one
    /// (437, RFC 8656 section 7.2), and nothing has changed.
    fn check(&mut self, base: Instant, now: Instant) {
        // An attempt that is under way has the old credentials, and is seen to its end.
        if self.check.is_none_or(|at| now < at) || !self.tries.is_empty() {
            return;
        }
        self.check = None;
        let silent = |live: &&Allocation| now >= live.heard() + SILENCE;
        if let Some(live) = self.live.as_ref().filter(silent) {
            self.checks = true;
            self.open(base, now, &[live.socket()]);
        }
    }

    fn open(&mut self, base: Instant, now: Instant, sockets: &[SocketAddr]) {
        self.retry = None;
        let of_family = |s: &&SocketAddr| address::is_sendable(**s, self.address);
        // The interface that works is tried first when one is replaced.
        let current = self.live.as_ref().map(Allocation::socket);
        let mut chosen: Vec<SocketAddr> = sockets.iter().filter(of_family).copied().collect();
        chosen.sort_by_key(|s| Some(*s) != current);
        let mut start = now;
        for socket in chosen.into_iter().take(MAX_TRIES) {
            self.tries.push(Allocation::new(
                base,
                start,
                (socket, self.address),
                self.credentials.clone(),
            ));
            start += STAGGER;
        }
    }

    fn drive(
        &mut self,
        now: Instant,
        wanted: &[IpAddr],
        events: &mut VecDeque<RelayEvent>,
        out: &mut VecDeque<Transmit>,
    ) {
        if let Some(live) = self
            .live
            .as_mut()
            .filter(|live| !is_replaced(live, &self.tries))
            && live.handle_timeout(now, out) == News::Dead
        {
            events.extend(closed(live));
            self.live = None;
            self.fail(now);
        }
        let mut granted = None;
        let tried = !self.tries.is_empty();
        let mut index = 0;
        while let Some(allocation) = self.tries.get_mut(index) {
            match allocation.handle_timeout(now, out) {
                News::Granted if granted.is_none() => granted = Some(self.tries.remove(index)),
                News::None | News::Granted => index += 1,
                News::Dead => {
                    let dead = self.tries.remove(index);
                    self.mourn(now, dead, out);
                }
            }
        }
        if let Some(mut allocation) = granted {
            // The others may yet be granted; they are not waited for, and expire.
            for mut other in self.tries.drain(..) {
                other.release(now, out);
            }
            if let Some(old) = self.live.take() {
                events.extend(closed(&old));
            }
            self.retry = None;
            if let Some(relayed) = allocation.relayed() {
                allocation.permit(now, &[relayed.ip()]);
                events.push_back(RelayEvent::Opened {
                    relayed,
                    socket: allocation.socket(),
                });
            }
            allocation.permit(now, wanted);
            allocation.handle_timeout(now, out);
            self.live = Some(allocation);
        } else if tried && self.tries.is_empty() && self.live.is_none() {
            self.fail(now);
        }
        self.checks &= !self.tries.is_empty();
    }

    /// Sees to it that nothing of a failed attempt is in the way of the next one.
    fn mourn(&mut self, now: Instant, mut dead: Allocation, out: &mut VecDeque<Transmit>) {
        let socket = dead.socket();
        if let Some(challenge) = dead.take_challenge() {
            self.challenges.insert(socket, challenge);
        }
        if self.checks {
            // What refused it is the allocation that it looked for.
            return;
        }
        // One that is heard is not in the way, but what the attempt was to replace.
        let mut live = self.live.iter();
        if !live.any(|live| live.socket() == socket && now < live.heard() + FORGOTTEN)
            && let Some(challenge) = self.challenges.get(&socket)
        {
            // Nothing repeats it, so that it goes out more than once.
            let refresh = dead.reclaim(challenge);
            out.extend(std::iter::repeat_n(refresh, RECLAIMS).flatten());
        }
    }

    fn fail(&mut self, now: Instant) {
        tracing::debug!(server = %self.address, failures = self.failures, "no relayed address");
        self.failures += 1;
        self.retry = (self.failures < MAX_FAILURES)
            .then(|| now + Duration::from_millis(500 << self.failures.min(6)));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let live = self.live.iter();
        let allocations = live.filter(|live| !is_replaced(live, &self.tries));
        allocations
            .chain(&self.tries)
            .map(Allocation::poll_timeout)
            .chain(self.retry)
            .chain(self.check.filter(|_| self.tries.is_empty()))
            .min()
    }
}

/// Whether another allocation is being tried from the same socket. The server cannot tell the
/// one's requests from the other's, so that the first one had better not make any.
fn is_replaced(live: &Allocation, tries: &[Allocation]) -> bool {
    tries.iter().any(|t| t.socket() == live.socket())
}

fn closed(allocation: &Allocation) -> Option<RelayEvent> {
    let relayed = allocation.relayed()?;
    Some(RelayEvent::Closed { relayed })
}
