//! What the relay can be told.

use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::peers::Cidr;

/// Everything about relaying that a server can be told.
#[derive(Debug, Clone, PartialEq)]
pub struct RelayConfig {
    /// Whether the built-in relay works. It shares the UDP port of STUN and is off without it.
    pub on: bool,
    /// A relay that is handed out instead of the built-in one, which is then off.
    pub outside: Option<OutsideRelay>,
    /// The addresses that the relay is reached on, at most one of each family, where they are not
    /// those of the machine (behind 1:1 NAT).
    pub addresses: Vec<IpAddr>,
    /// The ports of allocations.
    pub ports: PortRange,
    /// Peers beyond the public internet that the relay may send to.
    pub allow: Vec<Cidr>,
    /// Kilobits a second of one allocation, each way; one second's worth at once.
    pub kilobits: u32,
    /// The most allocations of one participant of a call.
    pub allocations: usize,
    /// The most allocations altogether.
    pub max_allocations: usize,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            on: true,
            outside: None,
            addresses: Vec::new(),
            ports: PortRange {
                first: 49152,
                last: 65535,
            },
            allow: Vec::new(),
            kilobits: 512,
            allocations: 4,
            max_allocations: 4096,
        }
    }
}

/// A TURN server beside this one, such as coturn with `use-auth-secret`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideRelay {
    /// Its addresses as clients are told them, `turn:HOST:PORT`.
    pub urls: Vec<String>,
    /// The secret that it shares with this server.
    pub secret: RelaySecret,
}

impl OutsideRelay {
    /// Whether clients can be told of it: `turn:` addresses, and a secret.
    pub(crate) fn is_complete(&self) -> bool {
        let url = |url: &String| {
            url.strip_prefix("turn:")
                .is_some_and(|rest| !rest.is_empty())
        };
        !self.secret.is_empty() && !self.urls.is_empty() && self.urls.iter().all(url)
    }
}

/// A secret shared with a TURN server. Redacted in debug output, wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct RelaySecret(Zeroizing<String>);

impl RelaySecret {
    /// Takes a secret; white space around it (the end of a file's line) is not part of it.
    pub fn new(secret: &str) -> Self {
        Self(Zeroizing::new(secret.trim().to_owned()))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing secret about it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for RelaySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RelaySecret(..)")
    }
}

impl FromStr for RelaySecret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

impl<'de> Deserialize<'de> for RelaySecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&Zeroizing::new(String::deserialize(
            deserializer,
        )?)))
    }
}

/// A range of UDP ports, `FIRST-LAST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    /// The first port, at least 1024.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ends = text.split_once('-').and_then(|(first, last)| {
            let first: u16 = first.trim().parse().ok()?;
            let last: u16 = last.trim().parse().ok()?;
            (first >= 1024 && first <= last).then_some(Self { first, last })
        });
        ends.ok_or_else(|| "a range of ports from 1024 to 65535 such as 49152-65535".to_owned())
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn port_ranges_are_parsed() {
        let range: PortRange = "50000-50010".parse().unwrap();
        assert_eq!((range.first, range.last), (50000, 50010));
        for wrong in ["", "-", "50000", "50010-50000", "80-90", "1-70000"] {
            assert!(wrong.parse::<PortRange>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = RelaySecret::new("north\n");
        assert_eq!(secret.expose(), "north");
        assert!(!format!("{secret:?}").contains("north"));
    }
}
