//! Which transport addresses make sense as an end of a path.

use std::net::{IpAddr, SocketAddr};

/// The address without flow label and scope, so that one that came from a socket equals the
/// same one out of a candidate line.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

/// Whether a datagram can be sent to this address at all, and to one host only.
///
/// Link-local addresses are left out: without a zone, which candidates do not carry, they do
/// not name a host. IPv4-mapped ones are left out because they would get around the other rules.
pub(crate) fn is_usable(address: SocketAddr) -> bool {
    if address.port() == 0 {
        return false;
    }
    match address.ip() {
        IpAddr::V4(ip) => {
            ip.octets()[0] != 0 && !ip.is_multicast() && !ip.is_broadcast() && !ip.is_link_local()
        }
        IpAddr::V6(ip) => {
            !ip.is_unspecified()
                && !ip.is_multicast()
                && !ip.is_unicast_link_local()
                && ip.to_ipv4_mapped().is_none()
        }
    }
}

/// Whether a datagram from one address to the other can leave this host as intended.
///
/// A loopback address is reached from loopback only: a description from the network must not
/// direct checks at the services of this very host.
pub(crate) fn is_sendable(local: SocketAddr, remote: SocketAddr) -> bool {
    local.is_ipv4() == remote.is_ipv4() && local.ip().is_loopback() == remote.ip().is_loopback()
}

/// How likely a host is in a network of its own: 0 for public ones.
pub(crate) fn remoteness(host: IpAddr) -> u8 {
    let private = match host {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback(),
    };
    u8::from(private)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn addresses_that_name_no_single_host_are_unusable() {
        for bad in [
            "0.0.0.0:1000",
            "0.1.2.3:1000",
            "224.0.0.1:1000",
            "255.255.255.255:1000",
            "169.254.1.1:1000",
            "192.0.2.1:0",
            "[::]:1000",
            "[ff02::1]:1000",
            "[fe80::1]:1000",
            "[::ffff:127.0.0.1]:1000",
        ] {
            assert!(!is_usable(bad.parse().unwrap()), "{bad}");
        }
        for good in ["192.168.1.2:1", "127.0.0.1:9", "[2001:db8::1]:65535"] {
            assert!(is_usable(good.parse().unwrap()), "{good}");
        }
    }

    #[test]
    fn loopback_and_families_do_not_mix() {
        let v4 = "192.0.2.1:1".parse().unwrap();
        let v6 = "[2001:db8::1]:1".parse().unwrap();
        let loopback = "127.0.0.1:1".parse().unwrap();
        assert!(is_sendable(v4, v4));
        assert!(!is_sendable(v4, v6));
        assert!(!is_sendable(v4, loopback));
        assert!(is_sendable(loopback, loopback));
    }
}
