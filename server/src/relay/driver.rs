//! The relay's sockets: passes packets between them and the machine.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cooee_protocol::GroupId;
use tokio::net::UdpSocket;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::config::RelayConfig;
use super::credentials::{Secret, username};
use super::machine::{Limits, Machine, Now, Route, Step, Via};
use super::peers::Peers;
use super::socket::Ground;
use super::unix_now;
use crate::ids::SessionId;
use crate::limits::{Rate, now};
use crate::udp::{Listener, Received};

/// The largest datagram that is relayed: what fits into an Ethernet frame.
const MOST_BYTES: usize = 1500;

/// How often expired allocations are taken out.
const SWEEP: Duration = Duration::from_secs(5);

/// Sweeps between two looks at the addresses of this machine.
const LOOK: u32 = 12;

/// The relay inside this server.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    state: Mutex<State>,
    listener: Arc<Listener>,
    ground: Ground,
    secret: Secret,
    closing: CancellationToken,
}

/// What is behind the lock, which is held for moments and never across a system call that sends.
#[derive(Debug)]
struct State {
    machine: Machine,
    /// By relayed address.
    sockets: HashMap<SocketAddr, Open>,
}

/// The socket of an allocation; its task ends with this.
#[derive(Debug)]
struct Open {
    socket: Arc<UdpSocket>,
    _closes: DropGuard,
}

/// How a datagram leaves, and where to.
#[derive(Debug)]
enum Way {
    /// By an allocation's socket.
    Socket(Arc<UdpSocket>, SocketAddr),
    /// By the listener, from the address of this machine that the client asks at.
    Listener(SocketAddr, Option<IpAddr>),
}

impl BuiltIn {
    pub(crate) fn new(
        config: &RelayConfig,
        listener: Arc<Listener>,
        listening: SocketAddr,
    ) -> Arc<Self> {
        let listen = listener.address();
        let ports = vec![listen.port(), listening.port()];
        let mut peers = Peers::new(config.allow.clone(), ports);
        peers.set_own(own_addresses(&config.addresses, listen.ip()));
        let secret: [u8; 32] = rand::random();
        let bytes = config.kilobits.saturating_mul(1000) / 8;
        let limits = Limits {
            allocations: config.allocations,
            total: config.max_allocations,
            bytes: Rate::per_second(bytes, bytes),
        };
        let machine = Machine::new(listen, Secret::new(&secret), peers, limits, now());
        Arc::new(Self {
            state: Mutex::new(State {
                machine,
                sockets: HashMap::new(),
            }),
            ground: Ground {
                listen: listen.ip(),
                addresses: config.addresses.clone(),
                ports: (config.ports.first, config.ports.last),
            },
            listener,
            secret: Secret::new(&secret),
            closing: CancellationToken::new(),
        })
    }

    // Calls.

    /// Opens the relay to a participant: its user name and password.
    pub(super) fn admit(
        &self,
        call: &GroupId,
        session: SessionId,
        expiry: u64,
    ) -> (String, String) {
        let id = self.lock().machine.admit(call, session);
        let username = username(expiry, &id);
        let password = self.secret.password(&username);
        (username, password)
    }

    pub(super) fn dismiss(&self, call: &GroupId, session: SessionId) {
        let mut state = self.lock();
        state.machine.dismiss(call, session);
        state.close();
    }

    pub(super) fn end_call(&self, call: &GroupId) {
        let mut state = self.lock();
        state.machine.end_call(call);
        state.close();
    }

    // Packets.

    /// Whether a datagram is for the relay rather than for the STUN responder: ChannelData, and
    /// STUN of another method than Binding.
    pub(crate) fn concerns(datagram: &[u8]) -> bool {
        match datagram {
            [0x40..=0x7f, ..] => true,
            [high @ 0x00..=0x3f, low, ..] => {
                // The method without the bits of the class (RFC 8489, section 5).
                u16::from_be_bytes([*high, *low]) & !0x0110 != 1
            }
            [] | [_] | [_, _, ..] => false,
        }
    }

    /// Takes a datagram from the listener. `out` is a buffer of the caller's.
    pub(crate) fn receive(self: &Arc<Self>, received: Received<'_>, out: &mut Vec<u8>) {
        let Received {
            datagram,
            source,
            asked,
        } = received;
        let from = SocketAddr::new(source.ip().to_canonical(), source.port());
        let now = time();
        let send = {
            let mut state = self.lock();
            let step = guarded(|| state.machine.handle_datagram(datagram, from, now, out));
            let step = match step {
                Some(Step::Open(client, wanted)) => {
                    let opened = self.ground.open(wanted, client);
                    let relayed = opened.as_ref().map(|(_, relayed)| *relayed);
                    let relayed = relayed.map_err(|error| *error);
                    let told = guarded(|| state.machine.handle_opened(client, relayed, now, out));
                    if let Ok((socket, relayed)) = opened
                        && state.machine.relayed.contains_key(&relayed)
                    {
                        self.follow(&mut state, socket, relayed);
                    }
                    told
                }
                step => step,
            };
            if step.is_none() {
                // Whatever state it was in: without the client there is none.
                state.machine.take_out(from);
            }
            state.close();
            state.machine.asked_at(from, asked);
            match step {
                Some(Step::Send(route)) => state.way(route, (from, asked)),
                Some(Step::Done | Step::Open(..)) | None => None,
            }
        };
        if let Some(way) = send {
            self.send(&way, out);
        }
    }

    /// Relays what arrives at an allocation's socket until it is closed.
    fn follow(self: &Arc<Self>, state: &mut State, socket: UdpSocket, relayed: SocketAddr) {
        let socket = Arc::new(socket);
        let closed = self.closing.child_token();
        let open = Open {
            socket: Arc::clone(&socket),
            _closes: closed.clone().drop_guard(),
        };
        state.sockets.insert(relayed, open);
        let relay = Arc::clone(self);
        tokio::spawn(async move {
            // One byte more than is relayed, so that a truncated datagram is too long.
            let mut buffer = vec![0; MOST_BYTES + 1];
            let mut out = Vec::with_capacity(MOST_BYTES + 64);
            loop {
                let received = tokio::select! {
                    biased;
                    () = closed.cancelled() => return,
                    received = socket.recv_from(&mut buffer) => received,
                };
                match received {
                    Ok((length, peer)) if length <= MOST_BYTES => {
                        if let Some(datagram) = buffer.get(..length) {
                            relay.receive_from_peer(relayed, peer, datagram, &mut out);
                        }
                    }
                    Ok(_) => {}
                    // An ICMP error for a packet to a peer that is not there.
                    Err(error) => {
                        tracing::trace!(%error, "a relayed address");
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
            }
        });
    }

    fn receive_from_peer(
        &self,
        relayed: SocketAddr,
        peer: SocketAddr,
        datagram: &[u8],
        out: &mut Vec<u8>,
    ) {
        let now = time();
        let way = {
            let mut state = self.lock();
            let route =
                guarded(|| state.machine.handle_peer(relayed, peer, datagram, now, out)).flatten();
            route.map(|route| Way::Listener(route.to, state.machine.asked(route.to)))
        };
        if let Some(way) = way {
            self.send(&way, out);
        }
    }

    /// Sends by an allocation's socket, or by the listener. A full buffer loses the packet.
    fn send(&self, way: &Way, data: &[u8]) {
        let sent = match way {
            Way::Socket(socket, to) => socket.try_send_to(data, *to).map(|_| ()),
            Way::Listener(to, from) => self.listener.send(data, *to, *from),
        };
        if let Err(error) = sent {
            tracing::trace!(%error, "a relayed packet is lost");
        }
    }

    // Time.

    /// Takes out what has expired, until the server stops.
    pub(crate) async fn follow_time(self: Arc<Self>, stopping: CancellationToken) {
        let mut rounds: u32 = 0;
        while stopping
            .run_until_cancelled(tokio::time::sleep(SWEEP))
            .await
            .is_some()
        {
            rounds = rounds.wrapping_add(1);
            let own = rounds
                .is_multiple_of(LOOK)
                .then(|| own_addresses(&self.ground.addresses, self.ground.listen));
            let mut state = self.lock();
            state.machine.handle_timeout(time());
            if let Some(own) = own {
                state.machine.peers.set_own(own);
                let (allocations, participants) = state.machine.sizes();
                tracing::debug!(allocations, participants, "relay");
            }
            state.close();
        }
        self.closing.cancel();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Closes the sockets that nobody has any more.
    fn close(&mut self) {
        while let Some(relayed) = self.machine.poll_closed() {
            self.sockets.remove(&relayed);
        }
    }

    /// How a datagram takes its route: `asker` has just asked at an address of this machine.
    fn way(&self, route: Route, asker: (SocketAddr, Option<IpAddr>)) -> Option<Way> {
        Some(match route.via {
            Via::Listener if route.to == asker.0 => Way::Listener(route.to, asker.1),
            Via::Listener => Way::Listener(route.to, self.machine.asked(route.to)),
            Via::Relayed(relayed) => {
                Way::Socket(Arc::clone(&self.sockets.get(&relayed)?.socket), route.to)
            }
        })
    }
}

/// The engine and its parser are not ours: a panic in there must not end the relay.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(work));
    if result.is_err() {
        tracing::error!("a packet was too much for the relay");
    }
    result.ok()
}

fn time() -> Now {
    Now {
        instant: now(),
        unix: unix_now(),
    }
}

/// Every address of this machine, and those that it is known by.
fn own_addresses(known_by: &[IpAddr], listen: IpAddr) -> HashSet<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the addresses of this machine are unknown");
        Vec::new()
    });
    let interfaces = interfaces.iter().map(if_addrs::Interface::ip);
    let own = interfaces.chain(known_by.iter().copied());
    own.chain([listen]).collect()
}
