//! What a NAT does to UDP (RFC 4787), in the four kinds of the textbooks.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How a NAT maps and filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NatKind {
    /// Endpoint-independent mapping and filtering.
    FullCone,
    /// Endpoint-independent mapping, address-dependent filtering.
    AddressRestricted,
    /// Endpoint-independent mapping, address- and port-dependent filtering.
    PortRestricted,
    /// Address- and port-dependent mapping and filtering.
    Symmetric,
    /// Lets no UDP through, in either direction.
    Blocked,
}

/// A NAT with one outside address for each family it translates.
#[derive(Debug)]
pub(crate) struct Nat {
    kind: NatKind,
    outside: IpAddr,
    lifetime: Duration,
    next_port: u16,
    /// From the inner socket (and, if symmetric, the destination) to the outer port.
    ports: HashMap<(SocketAddr, Option<SocketAddr>), u16>,
    mappings: HashMap<u16, Mapping>,
    lent: HashMap<u16, SocketAddr>,
}

#[derive(Debug)]
struct Mapping {
    inner: SocketAddr,
    permitted: HashSet<SocketAddr>,
    used: Instant,
}

impl Nat {
    pub(crate) fn new(kind: NatKind, outside: IpAddr, lifetime: Duration) -> Self {
        Nat {
            kind,
            outside,
            lifetime,
            next_port: 40_000,
            ports: HashMap::new(),
            mappings: HashMap::new(),
            lent: HashMap::new(),
        }
    }

    pub(crate) fn outside(&self) -> IpAddr {
        self.outside
    }

    /// Translates a datagram on its way out; the result is its new source, if it may pass.
    pub(crate) fn outbound(
        &mut self,
        now: Instant,
        inner: SocketAddr,
        destination: SocketAddr,
    ) -> Option<SocketAddr> {
        self.expire(now);
        let key = match self.kind {
            NatKind::FullCone | NatKind::AddressRestricted | NatKind::PortRestricted => {
                (inner, None)
            }
            NatKind::Symmetric => (inner, Some(destination)),
            NatKind::Blocked => return None,
        };
        let port = *self.ports.entry(key).or_insert_with(|| {
            // Steps that nobody should be able to rely on.
            self.next_port += 7;
            self.next_port
        });
        let mapping = self.mappings.entry(port).or_insert_with(|| Mapping {
            inner,
            permitted: HashSet::new(),
            used: now,
        });
        mapping.used = now;
        mapping.permitted.insert(destination);
        Some(SocketAddr::new(self.outside, port))
    }

    /// Translates a datagram on its way in; the result is its new destination, if it may pass.
    pub(crate) fn inbound(
        &mut self,
        now: Instant,
        source: SocketAddr,
        port: u16,
    ) -> Option<SocketAddr> {
        self.expire(now);
        if let Some(inner) = self.lent.get(&port).copied() {
            // What is answered to goes back the way it came.
            self.ports.insert((inner, Some(source)), port);
            return Some(inner);
        }
        let mapping = self.mappings.get(&port)?;
        let passes = match self.kind {
            NatKind::FullCone => true,
            NatKind::AddressRestricted => mapping.permitted.iter().any(|p| p.ip() == source.ip()),
            NatKind::Blocked => false,
            NatKind::PortRestricted | NatKind::Symmetric => mapping.permitted.contains(&source),
        };
        passes.then_some(mapping.inner)
    }

    /// Lends an outside port to an inner socket, whoever sends there (PCP, NAT-PMP).
    pub(crate) fn lend(&mut self, inner: SocketAddr) -> SocketAddr {
        self.next_port += 7;
        self.lent.insert(self.next_port, inner);
        SocketAddr::new(self.outside, self.next_port)
    }

    /// Forgets everything, as after a power cut: what comes next is mapped to other ports.
    pub(crate) fn reboot(&mut self) {
        self.ports.clear();
        self.mappings.clear();
        self.lent.clear();
    }

    fn expire(&mut self, now: Instant) {
        let lifetime = self.lifetime;
        let mappings = &mut self.mappings;
        mappings.retain(|_, m| now.saturating_duration_since(m.used) < lifetime);
        let lent = &self.lent;
        self.ports
            .retain(|_, port| mappings.contains_key(port) || lent.contains_key(port));
    }
}
