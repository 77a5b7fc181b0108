//! The relay without I/O: who may use it, the clients, and where each packet goes.
//!
//! ```text
//!   the call's 505          Allocate             the call is left, Refresh 0, expiry
//!  (none) ------> admitted ----------> allocated ------------------------------> (none)
//!                 (a name that         (a socket of its own, permissions,
//!                  opens the door)      channels, quotas)
//! ```
//!
//! Whoever has not shown a live call's credentials leaves no trace in memory: its answers are
//! computed from its request alone. `handle_*` take what the network brings, `admit`, `dismiss`
//! and `end_call` what becomes of calls; [`Machine::poll_closed`] is drained after each.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use cooee_protocol::GroupId;
use turn_server_proto::types::AddressFamily;

use super::client::{Client, Clock};
use super::credentials::{Nonces, Secret};
use super::peers::Peers;
use super::wire::{Framed, kind};
use crate::ids::SessionId;
use crate::limits::{Buckets, Rate};

/// Requests that one address (IPv6: one /64) may make at once and each second.
const BURST: u32 = 400;
const PER_SECOND: u32 = 100;

/// The most addresses whose requests are counted.
const MOST_SOURCES: usize = 50_000;

/// What the relay gives at most.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Allocations of one participant, and so the 5-tuples that its credentials work from.
    pub(super) allocations: usize,
    /// Allocations altogether.
    pub(super) total: usize,
    /// Bytes of payload, each way, of one allocation.
    pub(super) bytes: Rate,
}

/// The time, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) instant: Instant,
    /// Seconds since 1970.
    pub(super) unix: u64,
}

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) via: Via,
    pub(super) to: SocketAddr,
}

/// The socket that a datagram leaves by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    /// The one that clients send to.
    Listener,
    /// That of an allocation.
    Relayed(SocketAddr),
}

/// What a datagram leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Done,
    /// What was written into the buffer is to be sent.
    Send(Route),
    /// A socket is to be opened for a client, and [`Machine::handle_opened`] told of it.
    Open(SocketAddr, Wanted),
}

/// The socket that a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) family: AddressFamily,
    /// On an even port.
    pub(super) even: bool,
}

/// Somebody who may use the relay.
#[derive(Debug)]
pub(super) struct Participant {
    session: SessionId,
    /// The addresses that it has allocations from.
    pub(super) clients: Vec<SocketAddr>,
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) listen: SocketAddr,
    pub(super) clock: Clock,
    pub(super) peers: Peers,
    pub(super) limits: Limits,
    pub(super) secret: Secret,
    pub(super) nonces: Nonces,
    pub(super) sources: Buckets<IpAddr>,
    /// By the id in their user name.
    pub(super) participants: HashMap<String, Participant>,
    ids: HashMap<GroupId, HashMap<SessionId, String>>,
    pub(super) clients: HashMap<SocketAddr, Client>,
    /// The client of each relayed address.
    pub(super) relayed: HashMap<SocketAddr, SocketAddr>,
    closed: Vec<SocketAddr>,
}

impl Machine {
    pub(super) fn new(
        listen: SocketAddr,
        secret: Secret,
        peers: Peers,
        limits: Limits,
        began: Instant,
    ) -> Self {
        Self {
            listen,
            clock: Clock { began },
            peers,
            limits,
            secret,
            nonces: Nonces::new(),
            sources: Buckets::new(Rate::per_second(PER_SECOND, BURST), MOST_SOURCES),
            participants: HashMap::new(),
            ids: HashMap::new(),
            clients: HashMap::new(),
            relayed: HashMap::new(),
            closed: Vec::new(),
        }
    }

    /// A relayed address whose socket is to be closed.
    pub(super) fn poll_closed(&mut self) -> Option<SocketAddr> {
        self.closed.pop()
    }

    // Calls.

    /// Opens the relay to a participant of a call; the id for its user name.
    pub(super) fn admit(&mut self, call: &GroupId, session: SessionId) -> String {
        let sessions = self.ids.entry(call.clone()).or_default();
        let id = sessions
            .entry(session)
            .or_insert_with(|| uuid::Uuid::new_v4().simple().to_string());
        self.participants
            .entry(id.clone())
            .or_insert_with(|| Participant {
                session,
                clients: Vec::new(),
            });
        id.clone()
    }

    /// A participant has left its call.
    pub(super) fn dismiss(&mut self, call: &GroupId, session: SessionId) {
        let Some(sessions) = self.ids.get_mut(call) else {
            return;
        };
        let id = sessions.remove(&session);
        if sessions.is_empty() {
            self.ids.remove(call);
        }
        if let Some(id) = id {
            self.forget(&id);
        }
    }

    /// A call has ended.
    pub(super) fn end_call(&mut self, call: &GroupId) {
        for id in self.ids.remove(call).unwrap_or_default().into_values() {
            self.forget(&id);
        }
    }

    fn forget(&mut self, id: &str) {
        if let Some(participant) = self.participants.remove(id) {
            tracing::debug!(
                session = participant.session.0,
                allocations = participant.clients.len(),
                "the relay is closed to a participant"
            );
            for client in participant.clients {
                self.take_out(client);
            }
        }
    }

    /// Takes a client out, if it is there.
    pub(super) fn take_out(&mut self, remote: SocketAddr) {
        let Some(client) = self.clients.remove(&remote) else {
            return;
        };
        if let Some(relayed) = client.relayed {
            self.relayed.remove(&relayed);
            self.closed.push(relayed);
        }
        if let Some(participant) = self.participants.get_mut(&client.id) {
            participant.clients.retain(|other| *other != remote);
        }
    }

    // Packets.

    /// A datagram of a client, or of anybody who wants to be one. Its address is IPv4 where it
    /// can be. What is to be sent is written into `out`.
    pub(super) fn handle_datagram(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        now: Now,
        out: &mut Vec<u8>,
    ) -> Step {
        let sent = match datagram.first() {
            Some(0x40..=0x7f) => self.forward(datagram, from, now, out),
            Some(0x00..=0x3f) => {
                let Some(message) = Framed::parse(datagram) else {
                    return Step::Done;
                };
                match message.kind {
                    kind::SEND_INDICATION => self.indication(&message, datagram, from, now, out),
                    kind::ALLOCATE
                    | kind::REFRESH
                    | kind::CREATE_PERMISSION
                    | kind::CHANNEL_BIND => {
                        return self.handle_request(&message, datagram, from, now, out);
                    }
                    _ => None,
                }
            }
            Some(0x80..) | None => None,
        };
        sent.map_or(Step::Done, Step::Send)
    }

    /// A Send indication: it is silently dropped unless it may go.
    fn indication(
        &mut self,
        message: &Framed<'_>,
        datagram: &[u8],
        from: SocketAddr,
        now: Now,
        out: &mut Vec<u8>,
    ) -> Option<Route> {
        let peers = message.peers()?;
        let allowed = !peers.is_empty() && peers.iter().all(|peer| self.may_reach(*peer));
        allowed.then(|| self.forward(datagram, from, now, out))?
    }

    /// Whether an allocation may send to that address: another allocation, or a permitted peer.
    pub(super) fn may_reach(&self, peer: SocketAddr) -> bool {
        self.relayed.contains_key(&peer) || self.peers.permits(peer)
    }

    /// Whether an allocation may have a permission for that host: permissions know no ports, so
    /// that of the relay itself is granted as long as there is somebody to reach there.
    pub(super) fn may_permit(&self, host: IpAddr) -> bool {
        self.peers.permits_host(host) || self.relayed.keys().any(|relayed| relayed.ip() == host)
    }

    /// Passes a client's data on.
    fn forward(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        now: Now,
        out: &mut Vec<u8>,
    ) -> Option<Route> {
        let client = self.clients.get_mut(&from)?;
        let relayed = client.relayed?;
        let (peer, range) = client.outgoing(datagram, &self.limits, now.instant)?;
        let payload = datagram.get(range)?;
        if let Some(other) = self.relayed.get(&peer).copied() {
            // Both ends are relayed here: the packet need not leave the process.
            return self.deliver(other, relayed, payload, now, out);
        }
        if !self.peers.permits(peer) {
            return None;
        }
        out.clear();
        out.extend_from_slice(payload);
        Some(Route {
            via: Via::Relayed(relayed),
            to: peer,
        })
    }

    /// A datagram from `peer` at an allocation's own socket.
    pub(super) fn handle_peer(
        &mut self,
        relayed: SocketAddr,
        peer: SocketAddr,
        datagram: &[u8],
        now: Now,
        out: &mut Vec<u8>,
    ) -> Option<Route> {
        let client = self.relayed.get(&relayed).copied()?;
        self.deliver(client, peer, datagram, now, out)
    }

    fn deliver(
        &mut self,
        remote: SocketAddr,
        peer: SocketAddr,
        payload: &[u8],
        now: Now,
        out: &mut Vec<u8>,
    ) -> Option<Route> {
        let client = self.clients.get_mut(&remote)?;
        let taken = client.incoming((peer, payload), &self.limits, now.instant, out);
        taken.then_some(Route {
            via: Via::Listener,
            to: remote,
        })
    }

    /// Notes at which address of this machine a client asks.
    pub(super) fn asked_at(&mut self, client: SocketAddr, asked: Option<IpAddr>) {
        if asked.is_some()
            && let Some(client) = self.clients.get_mut(&client)
        {
            client.asked = asked;
        }
    }

    /// The address that a client takes packets from; nothing where there is only one.
    pub(super) fn asked(&self, client: SocketAddr) -> Option<IpAddr> {
        self.clients.get(&client)?.asked
    }

    // Time.

    /// Takes out what has expired. Nothing depends on when: packets are checked as they come.
    pub(super) fn handle_timeout(&mut self, now: Now) {
        let expired: Vec<_> = self
            .clients
            .iter_mut()
            .filter_map(|(remote, client)| (!client.is_alive(now.instant)).then_some(*remote))
            .collect();
        for remote in expired {
            self.take_out(remote);
        }
    }

    /// How many allocations there are, and how many participants may make some.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.clients.len(), self.participants.len())
    }
}
