//! The way of a datagram.

use std::net::SocketAddr;

use rand::RngExt;

use super::super::stun;
use super::{Delivery, HostId, Interface, World};
use crate::path::{Inbound, Transmit};

impl World {
    pub(super) fn transmit(&mut self, from: HostId, transmit: Transmit) {
        let now = self.now;
        let host = &mut self.hosts[from.0];
        assert!(
            host.locals.contains(&transmit.local),
            "sent from a socket that there is not"
        );
        host.sent += 1;
        if let Some(capture) = &mut self.capture {
            capture.push((from, transmit.clone()));
        }
        let nat = self.nat_of(transmit.local);
        // A neighbour behind the same NAT is reached without it.
        let neighbour = self.addresses.contains_key(&transmit.remote.ip())
            && self.nat_of(transmit.remote) == nat;
        let source = match nat {
            Some(nat) if !neighbour && transmit.local.is_ipv4() => {
                self.nats[nat].outbound(now, transmit.local, transmit.remote)
            }
            Some(_) | None => Some(transmit.local),
        };
        let Some(source) = source else { return };
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

    pub(super) fn arrive(&mut self, source: SocketAddr, destination: SocketAddr, payload: &[u8]) {
        let now = self.now;
        if self.stun_servers.contains(&destination) {
            if let Some(answer) = stun::answer(source, payload) {
                self.travel(destination, source, answer);
            }
            return;
        }
        if let Some(relay) = self.relays.iter_mut().find(|r| r.owns(destination)) {
            for sent in relay.handle(now, source, destination, payload) {
                self.travel(sent.local, sent.remote, sent.payload);
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
        let Some(&Interface { host: to, .. }) = self.addresses.get(&inner.ip()) else {
            return;
        };
        let at = self.elapsed();
        let host = self.host(to);
        if !host.locals.contains(&inner) {
            return;
        }
        match host.agent.handle_packet(now, inner, source, payload) {
            Inbound::Media(peer) => host.hear(at, peer, payload),
            Inbound::Handled | Inbound::Stray => {}
        }
    }

    /// Addresses behind a NAT are reached from behind the same one only. NATs leave IPv6 alone.
    fn directly(&self, source: SocketAddr, destination: SocketAddr) -> Option<SocketAddr> {
        let to = self.addresses.get(&destination.ip())?;
        let from = self.addresses.get(&source.ip()).map(|from| from.nat);
        let reached = to.nat.is_none() || from == Some(to.nat) || destination.is_ipv6();
        reached.then_some(destination)
    }

    fn nat_of(&self, address: SocketAddr) -> Option<usize> {
        self.addresses.get(&address.ip())?.nat
    }
}
