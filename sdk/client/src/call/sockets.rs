//! The UDP sockets of a call: one for each usable address of this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The most addresses that a call uses; machines full of container bridges have dozens.
const MAX_SOCKETS: usize = 8;
/// Datagrams that wait to be looked at; more than this is a flood, and dropped.
const QUEUE: usize = 512;
/// No voice packet or check is longer than an unfragmented datagram.
const MAX_DATAGRAM: usize = 2048;

/// A received datagram.
pub(crate) struct Datagram {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) arrival: Instant,
    pub(crate) payload: Vec<u8>,
}

/// The sockets of one call. Dropping it closes them.
pub(crate) struct Sockets {
    sockets: Vec<(SocketAddr, Arc<UdpSocket>)>,
    datagrams: mpsc::Receiver<Datagram>,
    _readers: JoinSet<()>,
}

impl Sockets {
    /// Binds a socket on each usable address. Loopback is usable only when the server is on this
    /// machine, or when there is nothing else.
    pub(crate) fn open(with_loopback: bool) -> io::Result<Self> {
        let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()?
            .iter()
            .map(if_addrs::Interface::ip)
            .filter(|ip| !ip.is_loopback() && is_usable(ip))
            .collect();
        if with_loopback || addresses.is_empty() {
            addresses.push(Ipv4Addr::LOCALHOST.into());
        }
        if addresses.iter().all(IpAddr::is_loopback) && with_loopback {
            addresses.push(Ipv6Addr::LOCALHOST.into());
        }
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(MAX_SOCKETS);

        let (sender, datagrams) = mpsc::channel(QUEUE);
        let mut readers = JoinSet::new();
        let mut sockets = Vec::with_capacity(addresses.len());
        let mut failure = None;
        for address in addresses {
            let bound = std::net::UdpSocket::bind(SocketAddr::new(address, 0)).and_then(|socket| {
                socket.set_nonblocking(true)?;
                let socket = Arc::new(UdpSocket::from_std(socket)?);
                Ok((socket.local_addr()?, socket))
            });
            match bound {
                Ok((local, socket)) => {
                    readers.spawn(read(local, Arc::clone(&socket), sender.clone()));
                    sockets.push((local, socket));
                }
                // An address may vanish while the call starts; the others serve.
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if sockets.is_empty() => Err(error),
            Some(_) | None => Ok(Self {
                sockets,
                datagrams,
                _readers: readers,
            }),
        }
    }

    /// The addresses that the sockets are bound to.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|(address, _)| *address).collect()
    }

    /// Sends without waiting: what the kernel has no room for now would arrive too late.
    pub(crate) fn send(&self, local: SocketAddr, remote: SocketAddr, payload: &[u8]) {
        let Some((_, socket)) = self.sockets.iter().find(|(address, _)| *address == local) else {
            return;
        };
        if let Err(error) = socket.try_send_to(payload, remote) {
            tracing::trace!(%error, "a datagram was not sent");
        }
    }

    /// The next datagram.
    pub(crate) async fn receive(&mut self) -> Option<Datagram> {
        self.datagrams.recv().await
    }
}

/// Whether others can be expected to reach the address without naming an interface.
fn is_usable(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_unicast_link_local(),
    }
}

async fn read(local: SocketAddr, socket: Arc<UdpSocket>, sender: mpsc::Sender<Datagram>) {
    let mut buffer = [0; MAX_DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, remote)) => {
                let datagram = Datagram {
                    local,
                    remote,
                    arrival: Instant::now(),
                    payload: buffer.get(..length).unwrap_or_default().to_vec(),
                };
                match sender.try_send(datagram) {
                    Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => {}
                    Err(mpsc::error::TrySendError::Closed(_)) => return,
                }
            }
            // An ICMP error of an earlier datagram; the socket itself goes on.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => {
                tracing::debug!(%error, "a voice socket failed");
                return;
            }
        }
    }
}
