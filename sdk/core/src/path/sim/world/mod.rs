//! Hosts and time.

mod view;
mod wire;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::nat::{Nat, NatKind};
use super::relay::RelayServer;
use crate::path::{PathAgent, PathConfig, PathDescription, PathEvent, PeerId, Transmit};

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
    /// Events with the time since the world's beginning.
    pub(crate) events: Vec<(Duration, PathEvent)>,
    pub(crate) media: Vec<(PeerId, Vec<u8>)>,
    /// The last time media was heard since the world's beginning, and the longest pause.
    pub(crate) heard: Option<Duration>,
    pub(crate) gap: Duration,
    pub(crate) sent: u64,
    /// Whether something may have changed since its outputs and its timer were looked at.
    touched: bool,
    due: Option<Instant>,
}

impl Host {
    fn hear(&mut self, at: Duration, peer: PeerId, payload: &[u8]) {
        let pause = self.heard.map_or(Duration::ZERO, |last| at - last);
        self.gap = self.gap.max(pause);
        self.heard = Some(at);
        self.media.push((peer, payload[1..].to_vec()));
    }
}

/// Whose address it is, and behind which NAT.
#[derive(Clone, Copy)]
struct Interface {
    host: HostId,
    nat: Option<usize>,
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
    rng: SmallRng,
    pub(crate) network: Network,
    pub(crate) hosts: Vec<Host>,
    nats: Vec<Nat>,
    stun_servers: Vec<SocketAddr>,
    /// Pairs of addresses between which nothing passes, as the internet sees them.
    cuts: HashSet<(IpAddr, IpAddr)>,
    addresses: HashMap<IpAddr, Interface>,
    relays: Vec<RelayServer>,
    /// Everything that a host has sent, if that is wanted.
    pub(crate) capture: Option<Vec<(HostId, Transmit)>>,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    deliveries: HashMap<u64, Delivery>,
    sequence: u64,
    /// Who was told about whom, and in which role: told again when the description changes.
    told: Vec<(HostId, HostId, bool)>,
    /// When the last of what one host says about itself reaches the other.
    signalled: HashMap<(HostId, HostId), Instant>,
}

const SIGNALLING_DELAY: Duration = Duration::from_millis(30);

impl World {
    pub(crate) fn new(seed: u64, network: Network) -> Self {
        let start = Instant::now();
        World {
            start,
            now: start,
            rng: SmallRng::seed_from_u64(seed),
            network,
            hosts: Vec::new(),
            nats: Vec::new(),
            stun_servers: Vec::new(),
            cuts: HashSet::new(),
            addresses: HashMap::new(),
            relays: Vec::new(),
            capture: None,
            queue: BinaryHeap::new(),
            deliveries: HashMap::new(),
            sequence: 0,
            told: Vec::new(),
            signalled: HashMap::new(),
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
            self.plug(id, local.ip(), nat);
        }
        let agent = PathAgent::new(self.now, &locals, self.rng.random(), PathConfig::default());
        self.hosts.push(Host {
            agent,
            locals,
            events: Vec::new(),
            media: Vec::new(),
            heard: None,
            gap: Duration::ZERO,
            sent: 0,
            touched: true,
            due: None,
        });
        id
    }

    /// Connects an address of a host, on the spot or behind a NAT.
    pub(crate) fn plug(&mut self, host: HostId, address: IpAddr, nat: Option<usize>) {
        self.addresses.insert(address, Interface { host, nat });
    }

    /// A TURN server that knows the user "user" with the password "pass".
    pub(crate) fn add_relay(&mut self, address: &str) -> SocketAddr {
        let address: SocketAddr = address.parse().unwrap();
        self.add_relay_lending(address, address.ip());
        address
    }

    /// One whose relayed addresses are of another host than it listens on.
    pub(crate) fn add_relay_lending(&mut self, address: SocketAddr, host: IpAddr) {
        self.relays
            .push(RelayServer::new(self.start, address, &[host], "user"));
    }

    /// Has the TURN servers forget everything.
    pub(crate) fn restart_relays(&mut self) {
        self.restart_relays_for("user");
    }

    /// Has the TURN servers forget everything, and know this user alone from now on.
    pub(crate) fn restart_relays_for(&mut self, user: &str) {
        for relay in &mut self.relays {
            *relay = RelayServer::new(self.start, relay.address(), relay.lends(), user);
        }
    }

    /// Lets another user in at all TURN servers.
    pub(crate) fn add_relay_user(&mut self, user: &str) {
        for relay in &mut self.relays {
            relay.add_user(user);
        }
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
        let host = &mut self.hosts[id.0];
        host.touched = true;
        host
    }

    /// Has every host ask the STUN servers, and waits until all are done.
    pub(crate) fn gather_all(&mut self) {
        let servers = self.stun_servers.clone();
        let now = self.now;
        for host in &mut self.hosts {
            host.touched = true;
            host.agent.gather(now, &servers);
        }
        let done = |world: &mut World| world.hosts.iter().all(|h| h.agent.gathering_done());
        self.run_until(Duration::from_secs(3), done)
            .expect("gathering ends");
    }

    /// Has the host allocate at all TURN servers.
    pub(crate) fn use_relays(&mut self, id: HostId) {
        self.use_relays_as(id, "user");
    }

    /// The same as another user.
    pub(crate) fn use_relays_as(&mut self, id: HostId, user: &str) {
        let now = self.now;
        let servers: Vec<SocketAddr> = self.relays.iter().map(RelayServer::address).collect();
        for server in servers {
            self.host(id).agent.add_relay(now, server, user, "pass");
        }
    }

    /// Has a NAT lend an outside port to the first socket of a host behind it.
    pub(crate) fn lend(&mut self, nat: usize, id: HostId) {
        let now = self.now;
        let local = self.hosts[id.0].locals[0];
        let mapped = self.nats[nat].lend(local);
        self.host(id).agent.add_mapped(now, local, mapped);
    }

    /// Gives a host other sockets. Addresses that are new have to be plugged in before.
    pub(crate) fn set_locals(&mut self, id: HostId, locals: &[&str]) {
        let now = self.now;
        let host = self.host(id);
        host.locals = locals.iter().map(|l| l.parse().unwrap()).collect();
        let locals = host.locals.clone();
        host.agent.set_local_addresses(now, &locals);
    }

    /// Lets all clocks jump, as when everybody sleeps.
    pub(crate) fn jump(&mut self, time: Duration) {
        self.now += time;
    }

    /// Tells each of the two what the other said about itself, by way of the server.
    pub(crate) fn introduce(&mut self, a: HostId, b: HostId) {
        self.tell(a, b, true);
        self.tell(b, a, false);
    }

    /// Tells `to` what `from` says about itself now.
    pub(crate) fn tell(&mut self, to: HostId, from: HostId, controlling: bool) {
        let delay = SIGNALLING_DELAY + self.within(SIGNALLING_DELAY);
        self.tell_after(delay, to, from, controlling);
    }

    /// The same with a delay of one's choice.
    pub(crate) fn tell_after(
        &mut self,
        delay: Duration,
        to: HostId,
        from: HostId,
        controlling: bool,
    ) {
        if !self.told.contains(&(to, from, controlling)) {
            self.told.push((to, from, controlling));
        }
        let description = self.host(from).agent.local_description();
        // What was said first arrives first.
        let earliest = self.signalled.get(&(to, from)).copied();
        let at = earliest.map_or(self.now + delay, |e| e.max(self.now + delay));
        self.signalled.insert((to, from), at);
        self.schedule(
            at - self.now,
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
        let mut payload = vec![0x80];
        payload.extend(text);
        let now = self.now;
        self.host(from).agent.send_media(now, to.peer(), &payload)
    }

    /// Has all send a voice to all for as long as that, a frame every 20 ms.
    pub(crate) fn talk(&mut self, time: Duration) {
        let hosts: Vec<HostId> = (0..self.hosts.len()).map(HostId).collect();
        let frames = time.as_millis() / 20;
        for _ in 0..frames {
            for from in &hosts {
                for to in &hosts {
                    if from != to {
                        self.send_media(*from, *to, b"voice");
                    }
                }
            }
            self.run_for(Duration::from_millis(20));
        }
    }

    pub(crate) fn reboot_nats(&mut self) {
        self.nats.iter_mut().for_each(Nat::reboot);
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
            let timers = self.hosts.iter().filter_map(|h| h.due);
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
                if host.due.is_some_and(|due| due <= now) {
                    host.agent.handle_timeout(now);
                    host.touched = true;
                }
            }
            self.deliver_due();
        }
    }

    fn drain(&mut self) {
        let at = self.elapsed();
        for index in 0..self.hosts.len() {
            if !std::mem::take(&mut self.hosts[index].touched) {
                continue;
            }
            while let Some(transmit) = self.hosts[index].agent.poll_transmit() {
                self.transmit(HostId(index), transmit);
            }
            let mut changed = false;
            let host = &mut self.hosts[index];
            while let Some((peer, payload)) = host.agent.poll_media() {
                host.hear(at, peer, &payload);
            }
            while let Some(event) = host.agent.poll_event() {
                changed |= event == PathEvent::DescriptionChanged;
                host.events.push((at, event));
            }
            host.due = host.agent.poll_timeout();
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

    fn schedule(&mut self, delay: Duration, delivery: Delivery) {
        self.sequence += 1;
        self.queue.push(Reverse((self.now + delay, self.sequence)));
        self.deliveries.insert(self.sequence, delivery);
    }

    fn within(&mut self, limit: Duration) -> Duration {
        limit.mul_f64(self.rng.random::<f64>())
    }
}
