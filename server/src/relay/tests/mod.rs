//! The machine on virtual time, with clients that are nothing but messages.

#![allow(clippy::unwrap_used)]

mod access;
mod noise;
mod quotas;
mod relaying;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use cooee_protocol::GroupId;
use turn_server_proto::types::AddressFamily;
use turn_server_proto::types::stun::message::IntegrityKey;

use super::credentials::{Secret, username};
use super::machine::{Limits, Machine, Now, Route, Step, Via};
use super::peers::Peers;
use super::requests::{REALM, long_term_key};
use super::wire::{Framed, attribute, compose, kind};
use crate::ids::SessionId;
use crate::limits::Rate;

const SECRET: &[u8] = b"the server's own";
const RELAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));
/// As it is written.
type Attribute<'a> = (u16, &'a [u8]);

const UDP: Attribute<'_> = (attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn call(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

/// The address of the nth client.
fn client(number: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, number], 4000 + u16::from(number)))
}

/// What is sent.
#[derive(Debug, PartialEq)]
struct Sent {
    route: Route,
    data: Vec<u8>,
}

impl Sent {
    /// The number of the error in it.
    fn code(&self) -> Option<u16> {
        let framed = Framed::parse(&self.data).unwrap();
        assert_eq!(framed.kind & kind::ERROR, kind::ERROR, "{framed:?}");
        let value = framed.attribute(attribute::ERROR_CODE)?;
        Some(u16::from(value[2]) * 100 + u16::from(value[3]))
    }

    fn succeeded(&self) -> bool {
        Framed::parse(&self.data).unwrap().kind & kind::ERROR == kind::SUCCESS
    }
}

#[derive(Clone)]
struct Credentials {
    username: String,
    key: IntegrityKey,
}

impl Credentials {
    fn new(secret: &[u8], expiry: u64, id: &str) -> Self {
        let username = username(expiry, id);
        let key = long_term_key(&username, &Secret::new(secret).password(&username));
        Self { username, key }
    }
}

struct World {
    machine: Machine,
    now: Now,
    transaction: u8,
    next_port: u16,
}

impl World {
    fn new() -> Self {
        Self::with(Peers::new(Vec::new(), vec![3478]), |_| {})
    }

    fn with(peers: Peers, change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits {
            allocations: 4,
            total: 100,
            bytes: Rate::per_second(10_000, 10_000),
        };
        change(&mut limits);
        let began = Instant::now();
        let listen = SocketAddr::new(RELAY, 3478);
        Self {
            machine: Machine::new(listen, Secret::new(SECRET), peers, limits, began),
            now: Now {
                instant: began,
                unix: 1_000_000,
            },
            transaction: 0,
            next_port: 50_000,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.unix += time.as_secs();
    }

    /// A participant of a call with credentials for an hour.
    fn admit(&mut self, name: &str, session: u64) -> Credentials {
        let id = self.machine.admit(&call(name), SessionId(session));
        Credentials::new(SECRET, self.now.unix + 3600, &id)
    }

    fn receive(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<Sent> {
        let mut data = Vec::new();
        let step = self
            .machine
            .handle_datagram(datagram, from, self.now, &mut data);
        let step = match step {
            Step::Open(client, wanted) => {
                assert_eq!(client, from);
                assert_eq!(wanted.family, AddressFamily::IPV4);
                let relayed = Ok(SocketAddr::new(RELAY, self.next_port));
                self.next_port += 1;
                self.machine
                    .handle_opened(client, relayed, self.now, &mut data)
            }
            step => step,
        };
        match step {
            Step::Send(route) => Some(Sent { route, data }),
            Step::Done => None,
            Step::Open(..) => panic!("a socket for a socket"),
        }
    }

    fn nonce(&mut self, from: SocketAddr) -> Vec<u8> {
        let request = compose(kind::ALLOCATE, [0; 12], &[UDP], None, false).unwrap();
        let challenge = self.receive(from, &request).unwrap();
        assert_eq!(challenge.code(), Some(401));
        let challenge = Framed::parse(&challenge.data).unwrap();
        challenge.attribute(attribute::NONCE).unwrap().to_vec()
    }

    fn signed(
        &mut self,
        method: u16,
        attributes: &[(u16, &[u8])],
        who: &Credentials,
        nonce: &[u8],
    ) -> Vec<u8> {
        let mut attributes = attributes.to_vec();
        attributes.push((attribute::USERNAME, who.username.as_bytes()));
        attributes.push((attribute::REALM, REALM.as_bytes()));
        attributes.push((attribute::NONCE, nonce));
        self.transaction = self.transaction.wrapping_add(1);
        let transaction = [self.transaction; 12];
        compose(method, transaction, &attributes, Some(&who.key), true).unwrap()
    }

    /// A request, signed, with a nonce that was asked for just before.
    fn ask(
        &mut self,
        from: SocketAddr,
        method: u16,
        attributes: &[(u16, &[u8])],
        who: &Credentials,
    ) -> Sent {
        let nonce = self.nonce(from);
        let request = self.signed(method, attributes, who, &nonce);
        self.receive(from, &request).unwrap()
    }

    /// Allocates; the relayed address.
    fn allocate(&mut self, from: SocketAddr, who: &Credentials) -> SocketAddr {
        let sent = self.ask(from, kind::ALLOCATE, &[UDP], who);
        assert!(sent.succeeded(), "{:?}", sent.code());
        assert_eq!(sent.route.to, from);
        let answer = Framed::parse(&sent.data).unwrap();
        assert!(answer.has_integrity);
        self.machine.clients[&from].relayed.unwrap()
    }

    fn permit(&mut self, from: SocketAddr, who: &Credentials, peers: &[SocketAddr]) -> Sent {
        let nonce = self.nonce(from);
        // The mask of an IPv6 address has the transaction in it.
        let transaction = [self.transaction.wrapping_add(1); 12];
        let peers: Vec<_> = peers.iter().map(|peer| xor(*peer, transaction)).collect();
        let attributes: Vec<(u16, &[u8])> = peers
            .iter()
            .map(|peer| (attribute::XOR_PEER_ADDRESS, peer.as_slice()))
            .collect();
        let request = self.signed(kind::CREATE_PERMISSION, &attributes, who, &nonce);
        self.receive(from, &request).unwrap()
    }

    fn bind(&mut self, from: SocketAddr, who: &Credentials, number: u16, peer: SocketAddr) -> Sent {
        let nonce = self.nonce(from);
        let transaction = [self.transaction.wrapping_add(1); 12];
        let peer = xor(peer, transaction);
        let [high, low] = number.to_be_bytes();
        let attributes: [(u16, &[u8]); 2] = [
            (attribute::CHANNEL_NUMBER, &[high, low, 0, 0]),
            (attribute::XOR_PEER_ADDRESS, &peer),
        ];
        let request = self.signed(kind::CHANNEL_BIND, &attributes, who, &nonce);
        self.receive(from, &request).unwrap()
    }

    fn send(&mut self, from: SocketAddr, peer: SocketAddr, data: &[u8]) -> Option<Sent> {
        let peer = xor(peer, [9; 12]);
        const DATA: u16 = 0x0013;
        let attributes: [(u16, &[u8]); 2] = [(attribute::XOR_PEER_ADDRESS, &peer), (DATA, data)];
        let indication = compose(kind::SEND_INDICATION, [9; 12], &attributes, None, false);
        self.receive(from, &indication.unwrap())
    }

    fn channel(&mut self, from: SocketAddr, number: u16, data: &[u8]) -> Option<Sent> {
        let mut bytes = number.to_be_bytes().to_vec();
        bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(data);
        self.receive(from, &bytes)
    }

    fn arrive(&mut self, relayed: SocketAddr, peer: SocketAddr, data: &[u8]) -> Option<Sent> {
        let mut out = Vec::new();
        let route = self
            .machine
            .handle_peer(relayed, peer, data, self.now, &mut out)?;
        Some(Sent { route, data: out })
    }

    fn closed(&mut self) -> Vec<SocketAddr> {
        std::iter::from_fn(|| self.machine.poll_closed()).collect()
    }
}

/// XOR-PEER-ADDRESS.
fn xor(peer: SocketAddr, transaction: [u8; 12]) -> Vec<u8> {
    let mut mask = vec![0x21, 0x12, 0xa4, 0x42];
    mask.extend(transaction);
    let (family, bytes) = match peer.ip() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let mut value = vec![0, family];
    value.extend((peer.port() ^ 0x2112).to_be_bytes());
    value.extend(bytes.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    value
}

fn to_peer(relayed: SocketAddr, to: SocketAddr, data: &[u8]) -> Option<Sent> {
    Some(Sent {
        route: Route {
            via: Via::Relayed(relayed),
            to,
        },
        data: data.to_vec(),
    })
}
