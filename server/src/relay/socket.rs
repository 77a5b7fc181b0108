//! The sockets of allocations: on which address and port, and what clients are told of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use turn_server_proto::api::SocketAllocateError;
use turn_server_proto::types::AddressFamily;

use super::machine::Wanted;

/// How many ports are tried before the range counts as full.
const TRIES: usize = 64;

/// What a host of the internet could be: only to ask the routing table, nothing is sent there.
const FAR_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)), 9);
const FAR_V6: SocketAddr = SocketAddr::new(
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888)),
    9,
);

/// Where relayed addresses come from.
#[derive(Debug)]
pub(super) struct Ground {
    /// Where the server listens for clients.
    pub(super) listen: IpAddr,
    /// What clients are told instead of the address that a socket is bound to, one of each family.
    pub(super) addresses: Vec<IpAddr>,
    /// The first and the last port.
    pub(super) ports: (u16, u16),
}

impl Ground {
    /// Opens a socket for a client; with it the address that others reach it on.
    pub(super) fn open(
        &self,
        wanted: Wanted,
        client: SocketAddr,
    ) -> Result<(UdpSocket, SocketAddr), SocketAllocateError> {
        let v4 = wanted.family == AddressFamily::IPV4;
        let told = self.addresses.iter().find(|ip| ip.is_ipv4() == v4).copied();
        let bind = if self.listen.is_ipv4() == v4 && !self.listen.is_unspecified() {
            self.listen
        } else if told.is_some() {
            if v4 {
                IpAddr::V4(Ipv4Addr::UNSPECIFIED)
            } else {
                IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            }
        } else if self.listen.is_unspecified() && (self.listen.is_ipv6() || v4) {
            // The address that this machine talks to the client from, if the client is of that
            // family, and otherwise that it talks to the internet from.
            let towards = match (client.is_ipv4() == v4, v4) {
                (true, _) => client,
                (false, true) => FAR_V4,
                (false, false) => FAR_V6,
            };
            local_address(towards).ok_or(SocketAllocateError::AddressFamilyNotSupported)?
        } else {
            return Err(SocketAllocateError::AddressFamilyNotSupported);
        };
        let socket = self.bind(bind, wanted.even).map_err(|error| {
            tracing::warn!(%error, "no socket for an allocation");
            SocketAllocateError::InsufficientCapacity
        })?;
        let bound = socket.local_addr();
        let bound = bound.map_err(|_| SocketAllocateError::InsufficientCapacity)?;
        let told = SocketAddr::new(told.unwrap_or(bind), bound.port());
        Ok((socket, told))
    }

    /// Binds a random port of the range, so that nobody can guess the next one.
    fn bind(&self, address: IpAddr, even: bool) -> io::Result<UdpSocket> {
        let (first, last) = (u32::from(self.ports.0), u32::from(self.ports.1));
        let width = last.saturating_sub(first) + 1;
        let start = rand::random_range(0..width);
        let ports = (0..width)
            .map(|step| first + (start + step) % width)
            .filter(|port| !even || port % 2 == 0)
            .filter_map(|port| u16::try_from(port).ok());
        let mut result = Err(io::ErrorKind::AddrInUse.into());
        for port in ports.take(TRIES) {
            result = bind(SocketAddr::new(address, port));
            match &result {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Ok(_) | Err(_) => break,
            }
        }
        result
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let kind = (Type::DGRAM, Some(Protocol::UDP));
    let socket = Socket::new(Domain::for_address(address), kind.0, kind.1)?;
    if address.is_ipv6() {
        // An IPv6 allocation never sends to IPv4, whatever form its address is written in.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

/// The address that this machine would send from.
fn local_address(towards: SocketAddr) -> Option<IpAddr> {
    let any = if towards.is_ipv4() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    };
    let socket = std::net::UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(towards).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ground(listen: &str, ports: (u16, u16)) -> Ground {
        Ground {
            listen: listen.parse().unwrap(),
            addresses: Vec::new(),
            ports,
        }
    }

    fn wanted(family: AddressFamily) -> Wanted {
        Wanted {
            family,
            even: false,
        }
    }

    const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4000);

    #[tokio::test]
    async fn ports_are_of_the_range_and_the_range_ends() {
        let ground = ground("127.0.0.1", (41_500, 41_503));
        let mut open = Vec::new();
        while let Ok((socket, told)) = ground.open(wanted(AddressFamily::IPV4), CLIENT) {
            assert_eq!(socket.local_addr().unwrap(), told);
            assert!((41_500..=41_503).contains(&told.port()));
            open.push(socket);
            assert!(open.len() <= 4);
        }
        assert!(!open.is_empty());
        drop(open);
        let even = Wanted {
            family: AddressFamily::IPV4,
            even: true,
        };
        let (_socket, told) = ground.open(even, CLIENT).unwrap();
        assert_eq!(told.port() % 2, 0);
    }

    #[tokio::test]
    async fn clients_are_told_the_address_that_they_can_reach() {
        let mut ground = ground("0.0.0.0", (49_152, 65_535));
        let (_socket, told) = ground.open(wanted(AddressFamily::IPV4), CLIENT).unwrap();
        assert_eq!(told.ip(), CLIENT.ip());
        ground.addresses = vec!["203.0.113.1".parse().unwrap()];
        let (socket, told) = ground.open(wanted(AddressFamily::IPV4), CLIENT).unwrap();
        assert_eq!(told.ip(), ground.addresses[0]);
        assert_eq!(socket.local_addr().unwrap().port(), told.port());
        // A server that listens on IPv4 alone has no IPv6 to give.
        let refused = ground.open(wanted(AddressFamily::IPV6), CLIENT);
        assert_eq!(
            refused.err(),
            Some(SocketAllocateError::AddressFamilyNotSupported)
        );
    }
}
