//! Changes of the machine's addresses and routes, as the system tells of them.
//!
//! On Linux by its routing socket (rtnetlink). Elsewhere, and where that is forbidden, nothing is
//! told, and a call looks at the addresses by itself.

use std::time::Duration;

/// How often addresses are looked at where nothing is told, and where changes are.
const LOOK: Duration = Duration::from_millis(250);
const LOOK_BESIDE: Duration = Duration::from_secs(2);

/// Waits for changes of addresses and routes.
#[derive(Debug)]
pub(crate) struct Monitor(Option<imp::Socket>);

impl Monitor {
    /// Begins to listen, if that can be done here.
    pub(crate) fn new() -> Self {
        let socket = imp::Socket::open();
        if let Err(error) = &socket {
            tracing::debug!(%error, "changes of the network are looked for, not told");
        }
        Self(socket.ok())
    }

    /// How often to look for changes nevertheless.
    pub(crate) fn interval(&self) -> Duration {
        match self.0 {
            Some(_) => LOOK_BESIDE,
            None => LOOK,
        }
    }

    /// Waits for a change; several at once are one.
    pub(crate) async fn changed(&mut self) {
        let Some(socket) = &mut self.0 else {
            return std::future::pending().await;
        };
        if let Err(error) = socket.changed().await {
            tracing::debug!(%error, "changes of the network are no longer told");
            self.0 = None;
        }
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::io;
    use std::os::unix::net::UnixDatagram as StdDatagram;

    use rustix::io::Errno;
    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
    use tokio::net::UnixDatagram;

    /// The groups of rtnetlink(7) for addresses and routes of both families.
    const GROUPS: u32 = 0x10 | 0x40 | 0x100 | 0x400;
    /// What they bring: RTM_NEWADDR, RTM_DELADDR, RTM_NEWROUTE, RTM_DELROUTE.
    const KINDS: [u16; 4] = [20, 21, 24, 25];
    /// Of a message's header (netlink(7)).
    const HEADER: usize = 16;
    /// Longer than any message of these kinds; what is longer is cut off, and its kind still there.
    const MOST_BYTES: usize = 8192;

    /// A datagram socket to the runtime; that the other end is the kernel makes no difference to it.
    #[derive(Debug)]
    pub(super) struct Socket(UnixDatagram);

    impl Socket {
        pub(super) fn open() -> io::Result<Self> {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            // No protocol is that of routes.
            let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
            bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
            let socket = UnixDatagram::from_std(StdDatagram::from(socket))?;
            Ok(Self(socket))
        }

        /// Waits for a change; takes everything that waits with it.
        pub(super) async fn changed(&mut self) -> io::Result<()> {
            let mut buffer = [0; MOST_BYTES];
            loop {
                self.0.readable().await?;
                let mut changed = false;
                loop {
                    match self.0.try_recv(&mut buffer) {
                        Ok(length) => {
                            changed |= has_change(buffer.get(..length).unwrap_or_default());
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        // More has happened than the kernel would keep.
                        Err(error) if Errno::from_io_error(&error) == Some(Errno::NOBUFS) => {
                            changed = true;
                        }
                        Err(error) => return Err(error),
                    }
                }
                if changed {
                    return Ok(());
                }
            }
        }
    }

    /// Whether one of these messages is about an address or a route.
    pub(super) fn has_change(mut messages: &[u8]) -> bool {
        while let Some((header, _)) = messages.split_at_checked(HEADER) {
            let &[l0, l1, l2, l3, k0, k1, ..] = header else {
                return false;
            };
            if KINDS.contains(&u16::from_ne_bytes([k0, k1])) {
                return true;
            }
            let length = u32::from_ne_bytes([l0, l1, l2, l3]);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let Some(rest) = messages.get(length.max(HEADER).next_multiple_of(4)..) else {
                return false;
            };
            messages = rest;
        }
        false
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::io;

    #[derive(Debug)]
    pub(super) enum Socket {}

    impl Socket {
        pub(super) fn open() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) async fn changed(&mut self) -> io::Result<()> {
            match *self {}
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::imp::has_change;

    fn message(kind: u16, payload: usize) -> Vec<u8> {
        let length = u32::try_from(16 + payload).unwrap_or(0);
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize((16 + payload).next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn changes_are_told_from_the_rest() {
        for kind in [20, 21, 24, 25] {
            assert!(has_change(&message(kind, 40)));
            assert!(has_change(&[message(16, 13), message(kind, 8)].concat()));
        }
        assert!(!has_change(&[message(16, 5), message(28, 0)].concat()));
        // A length that leads nowhere, or beyond.
        assert!(!has_change(&[0; 64]));
        let mut long = message(3, 0);
        long[..4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(!has_change(&long));
        assert!(!has_change(&[]));
    }
}
