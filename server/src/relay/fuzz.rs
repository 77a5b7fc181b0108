//! The machine as the fuzzer drives it: on virtual time, with two participants of a call whose
//! requests are signed as they must be, whatever is in them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use cooee_protocol::GroupId;
use turn_server_proto::types::stun::message::IntegrityKey;

use super::credentials::{Secret, username};
use super::machine::{Limits, Machine, Now, Step};
use super::peers::Peers;
use super::requests::{REALM, long_term_key};
use super::wire::{attribute, compose};
use crate::ids::SessionId;
use crate::limits::Rate;

const SECRET: &[u8] = b"the server's own";
const RELAY: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

/// A relay without sockets.
#[derive(Debug)]
pub struct FuzzedRelay {
    machine: Machine,
    now: Now,
    participants: Vec<(String, IntegrityKey)>,
    transaction: u8,
    next_port: u16,
}

impl FuzzedRelay {
    /// A relay with two participants in one call; nothing if that call has no valid name.
    pub fn new() -> Option<Self> {
        let limits = Limits {
            allocations: 4,
            total: 6,
            bytes: Rate::per_second(10_000, 10_000),
        };
        let began = Instant::now();
        let now = Now {
            instant: began,
            unix: 1_000_000,
        };
        let peers = Peers::new(Vec::new(), vec![3478]);
        let listen = SocketAddr::new(RELAY, 3478);
        let mut machine = Machine::new(listen, Secret::new(SECRET), peers, limits, began);
        let call = GroupId::parse("call").ok()?;
        let participants = (1..=2)
            .map(|session| {
                let id = machine.admit(&call, SessionId(session));
                let name = username(now.unix + 3600, &id);
                let key = long_term_key(&name, &Secret::new(SECRET).password(&name));
                (name, key)
            })
            .collect();
        Some(Self {
            machine,
            now,
            participants,
            transaction: 0,
            next_port: 50_000,
        })
    }

    /// Time passes.
    pub fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.unix += time.as_secs();
        self.machine.handle_timeout(self.now);
        while self.machine.poll_closed().is_some() {}
    }

    /// A datagram at the listener; what it sends, and where to.
    pub fn receive(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<(SocketAddr, Vec<u8>)> {
        let mut out = Vec::new();
        let mut step = self
            .machine
            .handle_datagram(datagram, from, self.now, &mut out);
        if let Step::Open(client, _) = step {
            let relayed = Ok(SocketAddr::new(RELAY, self.next_port));
            self.next_port = self.next_port.checked_add(1).unwrap_or(50_000);
            step = self
                .machine
                .handle_opened(client, relayed, self.now, &mut out);
        }
        while self.machine.poll_closed().is_some() {}
        match step {
            Step::Send(route) => Some((route.to, out)),
            Step::Done | Step::Open(..) => None,
        }
    }

    /// A request of a participant, with credentials that are right.
    pub fn request(
        &mut self,
        participant: usize,
        from: SocketAddr,
        method: u16,
        attributes: &[(u16, &[u8])],
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let (name, key) = self.participants.get(participant)?;
        let nonce = self.machine.nonces.make(from, self.now.unix);
        let mut attributes = attributes.to_vec();
        attributes.push((attribute::USERNAME, name.as_bytes()));
        attributes.push((attribute::REALM, REALM.as_bytes()));
        attributes.push((attribute::NONCE, nonce.as_bytes()));
        self.transaction = self.transaction.wrapping_add(1);
        let transaction = [self.transaction; 12];
        let request = compose(method, transaction, &attributes, Some(key), true)?;
        self.receive(from, &request)
    }

    /// A datagram of a peer at every relayed address; what the relay sends to its clients.
    pub fn arrive(&mut self, peer: SocketAddr, datagram: &[u8]) -> Vec<Vec<u8>> {
        let relayed: Vec<SocketAddr> = self.machine.relayed.keys().copied().collect();
        let mut sent = Vec::new();
        for relayed in relayed {
            let mut out = Vec::new();
            let route = self
                .machine
                .handle_peer(relayed, peer, datagram, self.now, &mut out);
            if route.is_some() {
                sent.push(out);
            }
        }
        sent
    }

    /// How many allocations there are.
    pub fn allocations(&self) -> usize {
        self.machine.sizes().0
    }
}
