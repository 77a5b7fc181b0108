//! The UDP sockets of a call: one for each usable address of this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
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

/// A bound socket and the task that reads from it.
struct Bound {
    address: SocketAddr,
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The sockets of one call. Dropping it closes them.
pub(crate) struct Sockets {
    bound: Vec<Bound>,
    with_loopback: bool,
    sender: mpsc::Sender<Datagram>,
    datagrams: mpsc::Receiver<Datagram>,
}

impl Sockets {
    /// Binds a socket on each usable address. Loopback is usable only when the server is on this
    /// machine, or when there is nothing else.
    pub(crate) fn open(with_loopback: bool) -> io::Result<Self> {
        let (sender, datagrams) = mpsc::channel(QUEUE);
        let mut sockets = Self {
            bound: Vec::new(),
            with_loopback,
            sender,
            datagrams,
        };
        let failure = sockets.bind(&usable_addresses(with_loopback)?);
        match failure {
            Some(error) if sockets.bound.is_empty() => Err(error),
            Some(_) | None => Ok(sockets),
        }
    }

    /// Follows the machine's addresses: closes the sockets of those that are gone and binds one
    /// on each new one. Whether anything changed.
    pub(crate) fn refresh(&mut self) -> bool {
        let wanted = match usable_addresses(self.with_loopback) {
            Ok(wanted) => wanted,
            Err(error) => {
                tracing::debug!(%error, "the machine's addresses cannot be read");
                return false;
            }
        };
        let before = self.addresses();
        self.bound
            .retain(|bound| wanted.contains(&bound.address.ip()));
        let known: Vec<IpAddr> = self.bound.iter().map(|bound| bound.address.ip()).collect();
        let new: Vec<IpAddr> = wanted
            .into_iter()
            .filter(|address| !known.contains(address))
            .collect();
        if let Some(error) = self.bind(&new) {
            // An address that has just come may not be usable yet; the next look finds it again.
            tracing::debug!(%error, "a new address cannot be used yet");
        }
        self.addresses() != before
    }

    /// Binds on each address that works; gives back why one did not.
    fn bind(&mut self, addresses: &[IpAddr]) -> Option<io::Error> {
        let mut failure = None;
        for address in addresses {
            let bound =
                std::net::UdpSocket::bind(SocketAddr::new(*address, 0)).and_then(|socket| {
                    socket.set_nonblocking(true)?;
                    let socket = Arc::new(UdpSocket::from_std(socket)?);
                    Ok((socket.local_addr()?, socket))
                });
            match bound {
                Ok((address, socket)) => {
                    let reading = read(address, Arc::clone(&socket), self.sender.clone());
                    self.bound.push(Bound {
                        address,
                        socket,
                        reader: tokio::spawn(reading),
                    });
                }
                // An address may vanish while the call starts; the others serve.
                Err(error) => failure = Some(error),
            }
        }
        failure
    }

    /// The addresses that the sockets are bound to.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|bound| bound.address).collect()
    }

    /// Sends without waiting: what the kernel has no room for now would arrive too late.
    pub(crate) fn send(&self, local: SocketAddr, remote: SocketAddr, payload: &[u8]) {
        let Some(bound) = self.bound.iter().find(|bound| bound.address == local) else {
            return;
        };
        if let Err(error) = bound.socket.try_send_to(payload, remote) {
            tracing::trace!(%error, "a datagram was not sent");
        }
    }

    /// The next datagram; for ever nothing once every socket has failed, which the path agent's
    /// timers notice.
    pub(crate) async fn receive(&mut self) -> Datagram {
        match self.datagrams.recv().await {
            Some(datagram) => datagram,
            None => std::future::pending().await,
        }
    }
}

/// The addresses to bind on, in a lasting order.
fn usable_addresses(with_loopback: bool) -> io::Result<Vec<IpAddr>> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()?
        .iter()
        .map(if_addrs::Interface::ip)
        .filter(|ip| !ip.is_loopback() && is_usable(ip))
        .collect();
    let alone = addresses.is_empty();
    if with_loopback || alone {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    if with_loopback && alone {
        addresses.push(Ipv6Addr::LOCALHOST.into());
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(MAX_SOCKETS);
    Ok(addresses)
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
