//! The UDP socket of STUN and the relay.
//!
//! A machine has several addresses, and a client takes an answer only from the one that it asked:
//! its NAT and its firewall let nothing else in. A socket that is bound to one address sends from
//! there; one that is bound to all of them is told by the kernel where each datagram was sent to
//! (IP_PKTINFO, IPV6_PKTINFO), and tells it where the answer is to come from.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::server::both_families;

/// Room for what the kernel joins of one sender's datagrams before it hands them over.
const MOST_JOINED: usize = 65_536;

/// A bound UDP socket that knows which of the machine's addresses it was asked at.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
}

/// A datagram that came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received<'a> {
    pub(crate) datagram: &'a [u8],
    pub(crate) source: SocketAddr,
    /// The address of this machine that it was sent to, where there are several.
    pub(crate) asked: Option<IpAddr>,
}

/// Buffers for what comes at once.
#[derive(Debug)]
pub(crate) struct Batch {
    buffers: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
    filled: usize,
}

impl Listener {
    /// Binds an address; `[::]` takes IPv4 as well. Must be called inside a Tokio runtime.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = bound(address)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket.into())?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            state,
            address,
        })
    }

    /// Where it is bound.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for datagrams and takes as many as there are, up to what fits.
    pub(crate) async fn receive(&self, batch: &mut Batch) -> io::Result<()> {
        batch.filled = 0;
        let filled = {
            let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(&mut []));
            let buffers = batch.buffers.chunks_exact_mut(MOST_JOINED);
            for (slice, buffer) in slices.iter_mut().zip(buffers) {
                *slice = IoSliceMut::new(buffer);
            }
            let metas = &mut batch.metas;
            let take = || {
                let socket = UdpSockRef::from(&self.socket);
                self.state.recv(socket, &mut slices, metas)
            };
            self.socket.async_io(Interest::READABLE, take).await?
        };
        if !self.address.ip().is_unspecified() {
            for meta in batch.metas.iter_mut().take(filled) {
                meta.dst_ip = None;
            }
        }
        batch.filled = filled;
        Ok(())
    }

    /// Sends without waiting, from that address of the machine if one is named. What the kernel
    /// has no room for is lost.
    pub(crate) fn send(
        &self,
        datagram: &[u8],
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> io::Result<()> {
        // A socket for IPv6 knows IPv4 in its mapped form only.
        let mapped = |address: IpAddr| match address {
            IpAddr::V4(v4) if self.address.is_ipv6() => IpAddr::V6(v4.to_ipv6_mapped()),
            IpAddr::V4(_) | IpAddr::V6(_) => address,
        };
        let transmit = Transmit {
            destination: SocketAddr::new(mapped(to.ip()), to.port()),
            ecn: None,
            contents: datagram,
            segment_size: None,
            src_ip: from.map(mapped),
        };
        self.socket.try_io(Interest::WRITABLE, || {
            let socket = UdpSockRef::from(&self.socket);
            self.state.try_send(socket, &transmit)
        })
    }
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            buffers: vec![0; BATCH_SIZE * MOST_JOINED],
            metas: [RecvMeta::default(); BATCH_SIZE],
            filled: 0,
        }
    }

    /// What the last receiving brought, in its order.
    pub(crate) fn received(&self) -> impl Iterator<Item = Received<'_>> {
        let buffers = self.buffers.chunks_exact(MOST_JOINED);
        let joined = self.metas.iter().take(self.filled).zip(buffers);
        joined.flat_map(|(meta, buffer)| {
            let joined = buffer.get(..meta.len).unwrap_or_default();
            joined
                .chunks(meta.stride.max(1))
                .map(move |datagram| Received {
                    datagram,
                    source: meta.addr,
                    asked: meta.dst_ip,
                })
        })
    }
}

/// A socket that is bound to an address; `[::]` takes IPv4 as well.
pub(crate) fn bound(address: SocketAddr) -> io::Result<Socket> {
    let kind = (Type::DGRAM, Some(Protocol::UDP));
    let socket = Socket::new(Domain::for_address(address), kind.0, kind.1)?;
    both_families(&socket, address)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Asks at an address of this machine that the kernel would not answer from by itself; the
    /// connected socket hears that address only.
    async fn asked_at(listener: &Listener, from: &str, at: &str) -> Option<Vec<u8>> {
        let client = UdpSocket::bind(format!("{from}:0")).await.unwrap();
        let at = SocketAddr::new(at.parse().unwrap(), listener.address().port());
        client.connect(at).await.unwrap();
        client.send(b"one").await.unwrap();
        client.send(b"two").await.unwrap();
        let mut batch = Batch::new();
        let mut heard = 0;
        while heard < 2 {
            listener.receive(&mut batch).await.unwrap();
            for received in batch.received() {
                heard += 1;
                listener
                    .send(received.datagram, received.source, received.asked)
                    .unwrap();
            }
        }
        let mut told = Vec::new();
        for _ in 0..2 {
            let mut buffer = [0; 16];
            let limit = std::time::Duration::from_secs(10);
            let length = tokio::time::timeout(limit, client.recv(&mut buffer)).await;
            told.extend_from_slice(&buffer[..length.ok()?.unwrap()]);
        }
        Some(told)
    }

    #[tokio::test]
    async fn the_address_that_was_asked_answers() {
        let told = Some(b"onetwo".to_vec());
        let listener = Listener::bind("0.0.0.0:0".parse().unwrap()).unwrap();
        assert_eq!(asked_at(&listener, "127.0.0.1", "127.0.0.2").await, told);
        assert_eq!(asked_at(&listener, "127.0.0.3", "127.0.0.1").await, told);
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_eq!(asked_at(&listener, "127.0.0.1", "127.0.0.1").await, told);
    }

    #[tokio::test]
    async fn a_wildcard_of_both_families_answers_in_both() {
        let Ok(listener) = Listener::bind("[::]:0".parse().unwrap()) else {
            // A machine without IPv6.
            return;
        };
        let told = Some(b"onetwo".to_vec());
        assert_eq!(asked_at(&listener, "127.0.0.1", "127.0.0.2").await, told);
        assert_eq!(asked_at(&listener, "[::1]", "::1").await, told);
    }
}
