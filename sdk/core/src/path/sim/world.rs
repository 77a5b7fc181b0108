//! Hosts, routing and time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::nat::{Nat, NatKind};
use super::stun;
use crate::path::{
    Inbound, PathAgent, PathConfig, PathDescription, PathEvent, PeerId, Route, Transmit,
};

/// A host's number in the order of creation; also its [`PeerId`] at the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct HostId(pub(crate) usize);

impl HostId {
    pub(crate) fn peer(self) -> PeerId {
        PeerId(self.0 as u32)
    }
}

/// What the internet does to each datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    /// Probability that a datagram is lost.
    pub(crate) loss: f64,
    /// Probability that it arrives twice.
    pub(crate) duplication: f64,
    pub(crate) delay: Duration,
    /// Added to the delay, uniformly from nothing to this: reorders what is sent closer.
    pub(crate) jitter: Duration,
}

impl Network {
    pub(crate) const CLEAN: Network = Network {
        loss: 0.0,
        duplication: 0.0,
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(2),
    };
}

pub(crate) struct Host {
    pub(crate) agent: PathAgent,
    pub(crate) locals: Vec<SocketAddr>,
    nat: Option<usize>,
    /// Events with the time since the world's beginning.
    pub(crate) events: Vec<(Duration, PathEvent)>,
    pub(crate) media: Vec<(PeerId, Vec<u8>)>,
    pub(crate) sent: u64,
}

enum Delivery {
    Datagram {
        source: SocketAddr,
        destination: SocketAddr,
        payload: Vec<u8>,
    },
    /// Through the signalling server, which neither loses nor reorders.
    Introduction {
        to: HostId,
        from: HostId,
        description: PathDescription,
        controlling: bool,
    },
}

/// Hosts and what connects them.
pub(crate) struct World {
    start: Instant,
    pub(crate) now: Instant,
    rng: StdRng,
    pub(crate) network: Network,
    pub(crate) hosts: Vec<Host>,
    nats: Vec<Nat>,
    stun_servers: Vec<SocketAddr>,
    /// Pairs of addresses between which nothing passes, as the internet sees them.
    cuts: HashSet<(IpAddr, IpAddr)>,
    addresses: HashMap<IpAddr, HostId>,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    deliveries: HashMap<u64, Delivery>,
    sequence: u64,
    /// Who was told about whom, and in which role: told again when the description changes.
    told: Vec<(HostId, HostId, bool)>,
}

const SIGNALLING_DELAY: Duration = Duration::from_millis(30);

impl World {
    pub(crate) fn new(seed: u64, network: Network) -> Self {
        let start = Instant::now();
        World {
            start,
            now: start,
            rng: StdRng::seed_from_u64(seed),
            network,
            hosts: Vec::new(),
            nats: Vec::new(),
            stun_servers: Vec::new(),
            cuts: HashSet::new(),
            addresses: HashMap::new(),
            queue: BinaryHeap::new(),
            deliveries: HashMap::new(),
            sequence: 0,
            told: Vec::new(),
        }
    }

    // Building

    pub(crate) fn add_stun_server(&mut self, address: &str) -> SocketAddr {
        let address = address.parse().unwrap();
        self.stun_servers.push(address);
        address
    }

    /// A NAT whose mappings live for a minute without use.
    pub(crate) fn add_nat(&mut self, kind: NatKind, outside: &str) -> usize {
        let lifetime = Duration::from_secs(60);
        self.nats
            .push(Nat::new(kind, outside.parse().unwrap(), lifetime));
        self.nats.len() - 1
    }

    pub(crate) fn add_host(&mut self, locals: &[&str], nat: Option<usize>) -> HostId {
        let id = HostId(self.hosts.len());
        let locals: Vec<SocketAddr> = locals.iter().map(|l| l.parse().unwrap()).collect();
        for local in &locals {
            self.addresses.insert(local.ip(), id);
        }
        let agent = PathAgent::new(self.now, &locals, self.rng.random(), PathConfig::default());
        self.hosts.push(Host {
            agent,
            locals,
            nat,
            events: Vec::new(),
            media: Vec::new(),
            sent: 0,
        });
        id
    }

    /// A host with its public address on its interface, or behind a NAT of its own. `net`
    /// numbers the site: 203.0.113.`net` outside, 10.`net`.0.2 inside.
    pub(crate) fn add_site(&mut self, net: u8, nat: Option<NatKind>) -> HostId {
        match nat {
            None => self.add_host(&[&format!("203.0.113.{net}:5000")], None),
            Some(kind) => {
                let nat = self.add_nat(kind, &format!("203.0.113.{net}"));
                self.add_host(&[&format!("10.{net}.0.2:5000")], Some(nat))
            }
        }
    }

    // Acting

    pub(crate) fn host(&mut self, id: HostId) -> &mut Host {
        &mut self.hosts[id.0]
    }

    /// Has every host ask the STUN servers, and waits until all are done.
    pub(crate) fn gather_all(&mut self) {
        let servers = self.stun_servers.clone();
        let now = self.now;
        for host in &mut self.hosts {
            host.agent.gather(now, &servers);
        }
        let done = |world: &mut World| world.hosts.iter().all(|h| h.agent.gathering_done());
        self.run_until(Duration::from_secs(3), done)
            .expect("gathering ends");
    }

    /// Tells each of the two what the other said about itself, by way of the server.
    pub(crate) fn introduce(&mut self, a: HostId, b: HostId) {
        self.tell(a, b, true);
        self.tell(b, a, false);
    }

    /// Tells `to` what `from` says about itself now.
    pub(crate) fn tell(&mut self, to: HostId, from: HostId, controlling: bool) {
        if !self.told.contains(&(to, from, controlling)) {
            self.told.push((to, from, controlling));
        }
        let description = self.host(from).agent.local_description();
        let jitter = self.within(SIGNALLING_DELAY);
        self.schedule(
            SIGNALLING_DELAY + jitter,
            Delivery::Introduction {
                to,
                from,
                description,
                controlling,
            },
        );
    }

    /// Gives a host a new agent with other credentials over the same sockets, as after a restart.
    pub(crate) fn restart_agent(&mut self, id: HostId) {
        let seed = self.rng.random();
        let now = self.now;
        let host = self.host(id);
        host.agent = PathAgent::new(now, &host.locals, seed, PathConfig::default());
    }

    pub(crate) fn cut(&mut self, a: &str, b: &str) {
        let (a, b) = (a.parse().unwrap(), b.parse().unwrap());
        self.cuts.extend([(a, b), (b, a)]);
    }

    pub(crate) fn cut_one_way(&mut self, from: &str, to: &str) {
        self.cuts
            .insert((from.parse().unwrap(), to.parse().unwrap()));
    }

    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
    }

    pub(crate) fn reboot_nat(&mut self, nat: usize) {
        self.nats[nat].reboot();
    }

    /// Sends media along the route, if there is one.
    pub(crate) fn send_media(&mut self, from: HostId, to: HostId, text: &[u8]) -> bool {
        let Some(route) = self.route(from, to) else {
            return false;
        };
        let mut payload = vec![0x80];
        payload.extend(text);
        self.transmit(
            from,
            Transmit {
                local: route.local,
                remote: route.remote,
                payload,
            },
        );
        true
    }

    // Looking

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub(crate) fn route(&mut self, from: HostId, to: HostId) -> Option<Route> {
        self.host(from).agent.route(to.peer())
    }

    pub(crate) fn are_connected(&mut self, a: HostId, b: HostId) -> bool {
        self.route(a, b).is_some() && self.route(b, a).is_some()
    }

    /// Times at which the host said that it lost the peer.
    pub(crate) fn losses(&self, host: HostId, peer: HostId) -> Vec<Duration> {
        let lost = PathEvent::Lost { peer: peer.peer() };
        let events = self.hosts[host.0].events.iter();
        events
            .filter(|(_, e)| *e == lost)
            .map(|(at, _)| *at)
            .collect()
    }

    /// Times at which the host said that it has a route to the peer.
    pub(crate) fn selections(&self, host: HostId, wanted: HostId) -> Vec<(Duration, Route)> {
        let events = self.hosts[host.0].events.iter();
        events
            .filter_map(|(at, event)| match event {
                PathEvent::Selected { peer, route } if *peer == wanted.peer() => {
                    Some((*at, *route))
                }
                PathEvent::Selected { .. }
                | PathEvent::Lost { .. }
                | PathEvent::GatheringDone
                | PathEvent::DescriptionChanged => None,
            })
            .collect()
    }

    // Time

    pub(crate) fn run_for(&mut self, time: Duration) {
        let reached = self.run_until(time, |_| false);
        assert_eq!(reached, None);
    }

    /// Runs until the condition holds; the time that took, or nothing if the limit came first.
    pub(crate) fn run_until(
        &mut self,
        limit: Duration,
        mut holds: impl FnMut(&mut World) -> bool,
    ) -> Option<Duration> {
        let begin = self.now;
        let end = begin + limit;
        let mut steps_in_place = 0;
        loop {
            self.drain();
            if holds(self) {
                return Some(self.now - begin);
            }
            let queued = self.queue.peek().map(|Reverse((at, _))| *at);
            let timers = self.hosts.iter_mut().filter_map(|h| h.agent.poll_timeout());
            let next = timers.chain(queued).min().map(|next| next.max(self.now));
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return None;
            };
            steps_in_place = if next == self.now {
                steps_in_place + 1
            } else {
                0
            };
            assert!(steps_in_place < 1000, "an agent spins at one moment");
            self.now = next;
            let now = self.now;
            for host in &mut self.hosts {
                if host.agent.poll_timeout().is_some_and(|due| due <= now) {
                    host.agent.handle_timeout(now);
                }
            }
            self.deliver_due();
        }
    }

    fn drain(&mut self) {
        let at = self.elapsed();
        for index in 0..self.hosts.len() {
            while let Some(transmit) = self.hosts[index].agent.poll_transmit() {
                self.transmit(HostId(index), transmit);
            }
            let mut changed = false;
            let host = &mut self.hosts[index];
            while let Some(event) = host.agent.poll_event() {
                changed |= event == PathEvent::DescriptionChanged;
                host.events.push((at, event));
            }
            if changed {
                for (to, from, controlling) in self.told.clone() {
                    if from == HostId(index) {
                        self.tell(to, from, controlling);
                    }
                }
            }
        }
    }

    fn deliver_due(&mut self) {
        while let Some(Reverse((at, sequence))) = self.queue.peek().copied() {
            if at > self.now {
                break;
            }
            self.queue.pop();
            match self.deliveries.remove(&sequence).unwrap() {
                Delivery::Datagram {
                    source,
                    destination,
                    payload,
                } => self.arrive(source, destination, &payload),
                Delivery::Introduction {
                    to,
                    from,
                    description,
                    controlling,
                } => {
                    let now = self.now;
                    let agent = &mut self.host(to).agent;
                    if agent.update_peer(now, from.peer(), &description).is_err() {
                        agent
                            .add_peer(now, from.peer(), &description, controlling)
                            .unwrap();
                    }
                }
            }
            self.drain();
        }
    }

    // The way of a datagram

    fn transmit(&mut self, from: HostId, transmit: Transmit) {
        let now = self.now;
        let host = &mut self.hosts[from.0];
        assert!(
            host.locals.contains(&transmit.local),
            "sent from a socket that there is not"
        );
        host.sent += 1;
        let nat = host.nat;
        // A neighbour behind the same NAT is reached without it.
        let neighbour = self
            .addresses
            .get(&transmit.remote.ip())
            .is_some_and(|to| self.hosts[to.0].nat == nat);
        let source = match nat {
            Some(nat) if !neighbour && transmit.local.is_ipv4() => {
                self.nats[nat].outbound(now, transmit.local, transmit.remote)
            }
            Some(_) | None => transmit.local,
        };
        self.travel(source, transmit.remote, transmit.payload);
    }

    fn travel(&mut self, source: SocketAddr, destination: SocketAddr, payload: Vec<u8>) {
        if self.cuts.contains(&(source.ip(), destination.ip())) {
            return;
        }
        let copies = if self.rng.random_bool(self.network.duplication) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            if self.rng.random_bool(self.network.loss) {
                continue;
            }
            let delay = self.network.delay + self.within(self.network.jitter);
            self.schedule(
                delay,
                Delivery::Datagram {
                    source,
                    destination,
                    payload: payload.clone(),
                },
            );
        }
    }

    fn arrive(&mut self, source: SocketAddr, destination: SocketAddr, payload: &[u8]) {
        let now = self.now;
        if self.stun_servers.contains(&destination) {
            if let Some(answer) = stun::answer(source, payload) {
                self.travel(destination, source, answer);
            }
            return;
        }
        let nat = self
            .nats
            .iter()
            .position(|n| n.outside() == destination.ip());
        let inner = match nat {
            Some(nat) => self.nats[nat].inbound(now, source, destination.port()),
            None => self.directly(source, destination),
        };
        let Some(inner) = inner else { return };
        let Some(&to) = self.addresses.get(&inner.ip()) else {
            return;
        };
        let host = self.host(to);
        if !host.locals.contains(&inner) {
            return;
        }
        match host.agent.handle_packet(now, inner, source, payload) {
            Inbound::Media(peer) => host.media.push((peer, payload[1..].to_vec())),
            Inbound::Handled | Inbound::Stray => {}
        }
    }

    /// Addresses behind a NAT are reached from behind the same one only. NATs leave IPv6 alone.
    fn directly(&self, source: SocketAddr, destination: SocketAddr) -> Option<SocketAddr> {
        let to = self.addresses.get(&destination.ip())?;
        let from = self
            .addresses
            .get(&source.ip())
            .map(|h| self.hosts[h.0].nat);
        let nat = self.hosts[to.0].nat;
        (nat.is_none() || from == Some(nat) || destination.is_ipv6()).then_some(destination)
    }

    fn schedule(&mut self, delay: Duration, delivery: Delivery) {
        self.sequence += 1;
        self.queue.push(Reverse((self.now + delay, self.sequence)));
        self.deliveries.insert(self.sequence, delivery);
    }

    fn within(&mut self, limit: Duration) -> Duration {
        limit.mul_f64(self.rng.random::<f64>())
    }
}
