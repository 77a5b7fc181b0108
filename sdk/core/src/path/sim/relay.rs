//! A TURN server of the simulated internet: turn-server-proto with ports out of thin air.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use turn_server_proto::api::{SocketAllocateError, TurnServerApi, TurnServerPollRet};
use turn_server_proto::server::TurnServer;
use turn_server_proto::stun::agent::Transmit as TurnTransmit;
use turn_server_proto::types::prelude::DelayedTransmitBuild;
use turn_server_proto::types::{AddressFamily, Instant as TurnInstant, TransportType};

use crate::path::Transmit;

pub(crate) struct RelayServer {
    server: TurnServer,
    address: SocketAddr,
    /// The hosts that relayed addresses are of.
    lends: Vec<IpAddr>,
    start: Instant,
    next_port: u16,
    /// What was answered to whom lately.
    answered: VecDeque<(SocketAddr, Vec<u8>, Vec<Transmit>)>,
}

const MAX_ANSWERED: usize = 32;

impl RelayServer {
    pub(crate) fn new(start: Instant, address: SocketAddr, lends: &[IpAddr], user: &str) -> Self {
        let mut server = TurnServer::new(TransportType::Udp, address, "cooee".into());
        server.add_user(user.into(), "pass".into());
        RelayServer {
            server,
            address,
            lends: lends.to_vec(),
            start,
            next_port: 50_000,
            answered: VecDeque::new(),
        }
    }

    /// Lets another user in, too.
    pub(crate) fn add_user(&mut self, user: &str) {
        self.server.add_user(user.into(), "pass".into());
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn lends(&self) -> &[IpAddr] {
        &self.lends
    }

    /// Whether the address is the server's own or a relayed one.
    pub(crate) fn owns(&self, address: SocketAddr) -> bool {
        self.address.ip() == address.ip() || self.lends.contains(&address.ip())
    }

    /// Takes a datagram; what the server sends because of it.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    ) -> Vec<Transmit> {
        // A request that comes again gets the answer again (RFC 8489 section 6.3.1).
        let is_request = payload.starts_with(&[0]) && payload.get(1).is_some_and(|t| t & 0x10 == 0);
        let request = payload.get(4..20).filter(|_| is_request);
        let same = |(client, id, _): &&(SocketAddr, Vec<u8>, Vec<Transmit>)| {
            *client == source && Some(id.as_slice()) == request
        };
        if let Some((_, _, answer)) = self.answered.iter().find(same) {
            return answer.clone();
        }
        let time = TurnInstant::from_nanos((now - self.start).as_nanos() as i64);
        let mut sent = Vec::new();
        let transmit = TurnTransmit::new(payload, TransportType::Udp, source, destination);
        if let Some(answer) = self.server.recv(transmit, time) {
            sent.push(Transmit {
                local: answer.from,
                remote: answer.to,
                payload: answer.data.build(),
            });
        }
        let mut asked = Vec::new();
        while let TurnServerPollRet::AllocateSocket {
            transport,
            listen_addr,
            client_addr,
            allocation_transport,
            family,
        } = self.server.poll(time)
        {
            let v4 = family == AddressFamily::IPV4;
            let host = self.lends.iter().find(|host| host.is_ipv4() == v4);
            self.next_port += 1;
            let relayed = host
                .map(|host| SocketAddr::new(*host, self.next_port))
                .ok_or(SocketAllocateError::AddressFamilyNotSupported);
            let way = (transport, listen_addr, client_addr, allocation_transport);
            asked.push((way, family, relayed));
        }
        // Of two families the last answer decides (turn-server-proto 0.7.3).
        asked.sort_by_key(|(.., relayed)| relayed.is_ok());
        for ((transport, listen, client, allocation), family, relayed) in asked {
            self.server
                .allocated_socket(transport, listen, client, allocation, family, relayed, time);
        }
        while let Some(transmit) = self.server.poll_transmit(time) {
            sent.push(Transmit {
                local: transmit.from,
                remote: transmit.to,
                payload: transmit.data,
            });
        }
        if let Some(id) = request.filter(|_| destination == self.address) {
            if self.answered.len() >= MAX_ANSWERED {
                self.answered.pop_front();
            }
            self.answered.push_back((source, id.to_vec(), sent.clone()));
        }
        sent
    }
}
