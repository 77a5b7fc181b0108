//! Which peers the relay sends to: ranges of addresses, and the server's own.
//!
//! A relay that sends anywhere is a door into the network that it stands in: loopback services,
//! the neighbours behind the same firewall, a cloud's metadata service. IPv4 is refused by a list
//! of what is not the public internet; IPv6 is allowed by a list of what is, so that a form of an
//! address that nobody thought of is refused.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// A range of addresses, such as `10.0.0.0/8` or `fd00::/8`; a lone address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    bits: u8,
}

impl Cidr {
    const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Self {
        Self {
            base: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            bits,
        }
    }

    const fn v6(first: u16, second: u16, third: u16, bits: u8) -> Self {
        Self {
            base: IpAddr::V6(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0)),
            bits,
        }
    }

    /// Whether the address is in the range. An IPv4 range has no IPv6 addresses in it, whatever
    /// IPv4 address they carry.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32_u32.saturating_sub(u32::from(self.bits));
                let differ = base.to_bits() ^ address.to_bits();
                differ.checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128_u32.saturating_sub(u32::from(self.bits));
                let differ = base.to_bits() ^ address.to_bits();
                differ.checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is no range of addresses such as 10.0.0.0/8 or fd00::/8");
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| wrong())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { base, bits })
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What is not the public internet, from the registries of RFC 6890. The ranges for documentation
/// are left out: they lead nowhere, and test networks play the internet with them.
const NOT_PUBLIC_V4: [Cidr; 13] = [
    Cidr::v4(0, 0, 0, 0, 8),        // this network; 0.0.0.0 reaches loopback
    Cidr::v4(10, 0, 0, 0, 8),       // private (RFC 1918)
    Cidr::v4(100, 64, 0, 0, 10),    // carrier-grade NAT (RFC 6598)
    Cidr::v4(127, 0, 0, 0, 8),      // loopback
    Cidr::v4(169, 254, 0, 0, 16),   // link-local, and clouds' metadata services
    Cidr::v4(172, 16, 0, 0, 12),    // private
    Cidr::v4(192, 0, 0, 0, 24),     // protocol assignments
    Cidr::v4(192, 88, 99, 0, 24),   // 6to4 relays
    Cidr::v4(192, 168, 0, 0, 16),   // private
    Cidr::v4(198, 18, 0, 0, 15),    // benchmarks, and tunnels' made-up addresses
    Cidr::v4(224, 0, 0, 0, 4),      // multicast
    Cidr::v4(240, 0, 0, 0, 4),      // reserved, broadcast
    Cidr::v4(168, 63, 129, 16, 32), // a cloud's host, reached from its virtual machines only
];

const GLOBAL_V6: Cidr = Cidr::v6(0x2000, 0, 0, 3);

/// Within the global range, what is not a host of the public internet.
const NOT_PUBLIC_V6: [Cidr; 4] = [
    Cidr::v6(0x2001, 0, 0, 32), // Teredo: carries an IPv4 address in disguise
    Cidr::v6(0x2001, 0x2, 0, 48), // benchmarks
    Cidr::v6(0x2001, 0x10, 0, 28), // ORCHID
    Cidr::v6(0x2001, 0x20, 0, 28), // ORCHIDv2
];

const SIX_TO_FOUR: Cidr = Cidr::v6(0x2002, 0, 0, 16);
const NAT64: Cidr = Cidr::v6(0x64, 0xff9b, 0, 96);

/// Whether an address is of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => !NOT_PUBLIC_V4.iter().any(|range| range.contains(address)),
        IpAddr::V6(v6) => {
            let global = GLOBAL_V6.contains(address) || NAT64.contains(address);
            global
                && !NOT_PUBLIC_V6.iter().any(|range| range.contains(address))
                && carried(v6).is_none_or(|inner| is_public(IpAddr::V4(inner)))
        }
    }
}

/// The IPv4 host that an IPv6 address leads to, where a translator or a tunnel is on the way.
///
/// IPv4-mapped, -compatible and -translated forms are not here: the network knows no such
/// addresses, only a socket that also speaks IPv4 does, and they are outside the global range.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    let cut = |shift: u32| u32::try_from((bits >> shift) & u128::from(u32::MAX)).ok();
    let whole = IpAddr::V6(address);
    let inner = if NAT64.contains(whole) {
        cut(0)
    } else if SIX_TO_FOUR.contains(whole) {
        cut(80)
    } else if matches!(cut(32), Some(0x0000_5efe | 0x0200_5efe)) {
        // ISATAP (RFC 5214, section 6.1): the lower half names an IPv4 host.
        cut(0)
    } else {
        None
    };
    inner.map(Ipv4Addr::from_bits)
}

/// What the relay may send to.
#[derive(Debug, Clone, Default)]
pub(super) struct Peers {
    /// What the host of the server has allowed beyond the public internet.
    allowed: Vec<Cidr>,
    /// The addresses of this machine.
    own: HashSet<IpAddr>,
    /// The ports that this server itself listens on.
    listening: Vec<u16>,
}

impl Peers {
    pub(super) fn new(allowed: Vec<Cidr>, listening: Vec<u16>) -> Self {
        Self {
            allowed,
            own: HashSet::new(),
            listening,
        }
    }

    /// Replaces the addresses of this machine.
    pub(super) fn set_own(&mut self, own: HashSet<IpAddr>) {
        self.own = own;
    }

    /// Whether packets may go to this host.
    pub(super) fn permits_host(&self, address: IpAddr) -> bool {
        if self.allowed.iter().any(|range| range.contains(address)) {
            return true;
        }
        is_public(address) && !self.own.contains(&address)
    }

    /// Whether packets may go to this transport address: never to the server itself.
    pub(super) fn permits(&self, peer: SocketAddr) -> bool {
        let address = peer.ip();
        let itself = (self.own.contains(&address.to_canonical())
            || address.to_canonical().is_loopback()
            || address.is_unspecified())
            && self.listening.contains(&peer.port());
        peer.port() != 0 && !itself && self.permits_host(address)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn nothing_allowed() -> Peers {
        Peers::new(Vec::new(), vec![3478])
    }

    /// Every way in which IPv6 can say an IPv4 address.
    fn forms(address: Ipv4Addr) -> Vec<(&'static str, IpAddr)> {
        let low = u128::from(address.to_bits());
        let form = |high: u128| IpAddr::V6(Ipv6Addr::from_bits(high | low));
        vec![
            ("mapped", form(0xffff << 32)),
            ("compatible", form(0)),
            ("translated", form(0xffff << 48)),
            ("NAT64", form(0x64_ff9b << 96)),
            ("local NAT64", form(0x64_ff9b_0001 << 80)),
            (
                "6to4",
                IpAddr::V6(Ipv6Addr::from_bits((0x2002 << 112) | (low << 80))),
            ),
            ("ISATAP", form((0x2600 << 112) | (0x5efe << 32))),
            (
                "ISATAP, global",
                form((0x2600 << 112) | (0x0200_5efe << 32)),
            ),
            ("Teredo", form(0x2001 << 112)),
        ]
    }

    fn refused_in_every_form(texts: &[&str]) {
        let peers = nothing_allowed();
        for text in texts {
            let address: Ipv4Addr = text.parse().unwrap();
            assert!(!peers.permits_host(IpAddr::V4(address)), "{text}");
            for (name, form) in forms(address) {
                assert!(!peers.permits_host(form), "{text} {name}: {form}");
                assert!(!peers.permits(SocketAddr::new(form, 4000)), "{form}");
            }
        }
    }

    #[test]
    fn loopback_is_refused() {
        refused_in_every_form(&["127.0.0.1", "127.0.0.0", "127.255.255.255", "127.12.1.7"]);
        assert!(!nothing_allowed().permits_host(ip("::1")));
    }

    #[test]
    fn unspecified_and_this_network_are_refused() {
        refused_in_every_form(&["0.0.0.0", "0.0.0.1", "0.255.255.255"]);
        assert!(!nothing_allowed().permits_host(ip("::")));
    }

    #[test]
    fn link_local_is_refused() {
        refused_in_every_form(&["169.254.0.0", "169.254.169.254", "169.254.255.255"]);
        for text in ["fe80::1", "febf::1", "fec0::1", "fe80::5efe:8.8.8.8"] {
            assert!(!nothing_allowed().permits_host(ip(text)), "{text}");
        }
    }

    #[test]
    fn private_is_refused() {
        refused_in_every_form(&["10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255"]);
        refused_in_every_form(&["192.168.0.0", "192.168.255.255"]);
        for text in ["fc00::1", "fd00:ec2::254", "fdff::1"] {
            assert!(!nothing_allowed().permits_host(ip(text)), "{text}");
        }
    }

    #[test]
    fn carrier_grade_nat_is_refused() {
        refused_in_every_form(&["100.64.0.0", "100.100.100.200", "100.127.255.255"]);
    }

    #[test]
    fn multicast_is_refused() {
        refused_in_every_form(&["224.0.0.1", "239.255.255.255"]);
        for text in ["ff02::1", "ff0e::1"] {
            assert!(!nothing_allowed().permits_host(ip(text)), "{text}");
        }
    }

    #[test]
    fn broadcast_and_reserved_are_refused() {
        refused_in_every_form(&["240.0.0.1", "255.255.255.255"]);
        refused_in_every_form(&["192.0.0.8", "192.88.99.1", "198.18.0.1", "198.19.255.255"]);
        for text in [
            "100::1",
            "2001:2::1",
            "2001:10::1",
            "2001:2f::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(!nothing_allowed().permits_host(ip(text)), "{text}");
        }
    }

    #[test]
    fn mapped_forms_of_public_addresses_are_refused_too() {
        let peers = nothing_allowed();
        for text in ["::ffff:8.8.8.8", "::8.8.8.8", "::ffff:0:8.8.8.8"] {
            assert!(!peers.permits_host(ip(text)), "{text}");
        }
    }

    #[test]
    fn the_public_internet_is_allowed() {
        let peers = nothing_allowed();
        for text in [
            "8.8.8.8",
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "223.255.255.255",
            "203.0.113.7",
            "2600::1",
            "2001:4860:4860::8888",
            "2001:db8::7",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert!(peers.permits_host(ip(text)), "{text}");
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_in_that_form_only() {
        let allowed = ["10.0.0.0/8", "fd00::/8", "127.0.0.1"];
        let allowed = allowed.iter().map(|text| text.parse().unwrap()).collect();
        let peers = Peers::new(allowed, vec![3478]);
        assert!(peers.permits_host(ip("10.1.2.3")));
        assert!(peers.permits_host(ip("fd12::1")));
        assert!(peers.permits_host(ip("127.0.0.1")));
        assert!(!peers.permits_host(ip("127.0.0.2")));
        assert!(!peers.permits_host(ip("fc12::1")));
        for (name, form) in forms(Ipv4Addr::new(10, 1, 2, 3)) {
            assert!(!peers.permits_host(form), "{name}");
        }
    }

    #[test]
    fn the_server_itself_is_never_a_peer() {
        let allowed = vec!["127.0.0.0/8".parse().unwrap(), "8.8.8.8".parse().unwrap()];
        let mut peers = Peers::new(allowed, vec![3478]);
        peers.set_own([ip("8.8.8.8"), ip("9.9.9.9")].into());
        assert!(!peers.permits(SocketAddr::new(ip("127.0.0.1"), 3478)));
        assert!(!peers.permits(SocketAddr::new(ip("127.3.0.1"), 3478)));
        assert!(!peers.permits(SocketAddr::new(ip("8.8.8.8"), 3478)));
        assert!(peers.permits(SocketAddr::new(ip("8.8.8.8"), 3479)));
        assert!(peers.permits(SocketAddr::new(ip("127.0.0.1"), 3479)));
        assert!(!peers.permits(SocketAddr::new(ip("127.0.0.1"), 0)));
        // Another service of this machine, on its public address.
        assert!(!peers.permits(SocketAddr::new(ip("9.9.9.9"), 53)));
    }

    #[test]
    fn ranges_are_parsed() {
        for text in [
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "",
        ] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
        let everything: Cidr = "0.0.0.0/0".parse().unwrap();
        assert!(everything.contains(ip("203.0.113.9")));
        assert!(!everything.contains(ip("::1")));
        let everything: Cidr = "::/0".parse().unwrap();
        assert!(everything.contains(ip("ffff::")));
        let one: Cidr = "2001:db8::1".parse().unwrap();
        assert!(one.contains(ip("2001:db8::1")) && !one.contains(ip("2001:db8::2")));
    }
}
