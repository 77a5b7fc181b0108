//! Facts in, findings out. Nothing here reads a clock or a socket.

use std::net::SocketAddr;
use std::time::Duration;

use rustls::CertificateError;

use super::{Check, StunPlaces};

/// The clocks may differ by this much, in seconds.
const CLOCK_SLACK: i64 = 30;
/// From here on, in seconds, certificates are refused for a wrong clock.
const CLOCK_BROKEN: i64 = 24 * 60 * 60;
/// Days before its end at which a certificate should have been renewed.
const RENEWED_BY: i64 = 14;
/// Bytes that should be free in the data folder.
const SPACE: u64 = 100 * 1000 * 1000;
/// Bytes without which not even a message can be kept.
const NO_SPACE: u64 = 5 * 1000 * 1000;

pub(super) fn reached(address: &str, tcp: Duration, upgraded: Duration) -> Check {
    Check::ok(
        "server",
        format!(
            "{address} answers (TCP in {} ms, WebSocket after {} ms)",
            tcp.as_millis(),
            upgraded.as_millis()
        ),
    )
}

/// What became of encryption.
#[derive(Debug)]
pub(super) enum TlsFacts {
    /// There is none, to this machine itself or to another.
    Plain { loopback: bool },
    /// The certificate is good, for so many days as far as it can be read.
    Accepted { days: Option<i64> },
    /// The handshake failed.
    Refused(rustls::Error),
}

pub(super) fn tls(facts: &TlsFacts) -> Check {
    match facts {
        TlsFacts::Plain { loopback: true } => {
            Check::ok("tls", "none: plain text, which stays on this machine")
        }
        TlsFacts::Plain { loopback: false } => Check::warning(
            "tls",
            "none: passwords and names travel as plain text (voice is sealed all the same)",
        )
        .advice("give the server a certificate, and use wss://"),
        TlsFacts::Accepted { days: None } => Check::ok("tls", "the certificate is accepted"),
        TlsFacts::Accepted { days: Some(days) } => {
            let detail = format!("the certificate is accepted, {days} days are left");
            if *days < RENEWED_BY {
                Check::warning("tls", detail).advice("have the host renew it")
            } else {
                Check::ok("tls", detail)
            }
        }
        TlsFacts::Refused(error) => Check::fail("tls", error.to_string()).advice(mend(error)),
    }
}

fn mend(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "have the host renew the certificate, if the clock of this machine is right",
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "set the clock of this machine; else have the host replace the certificate",
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "use the name that the certificate is for",
        rustls::Error::InvalidCertificate(_) => {
            "if the host signs the certificate itself, trust it with --ca FILE"
        }
        _ => "see that the address and its port are those of a Cooee server with TLS",
    }
}

/// `ahead` is how many seconds this machine's clock is ahead of the server's.
pub(super) fn clock(ahead: Result<i64, String>) -> Check {
    let ahead = match ahead {
        Ok(ahead) => ahead,
        Err(why) => return Check::warning("clock", format!("cannot be compared: {why}")),
    };
    let off = ahead.saturating_abs();
    let side = if ahead < 0 { "behind" } else { "ahead of" };
    let detail = format!("{off} s {side} the server's");
    let advice = "let this machine set its clock from the network (NTP); if it does, tell the host";
    if off <= CLOCK_SLACK {
        Check::ok("clock", "agrees with the server's")
    } else if off <= CLOCK_BROKEN {
        Check::warning("clock", detail).advice(advice)
    } else {
        Check::fail("clock", detail).advice(advice)
    }
}

/// What a STUN server said of a local socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping {
    /// Which of the local sockets.
    pub(super) local: SocketAddr,
    /// Who was asked.
    pub(super) server: SocketAddr,
    /// As whom it sees the socket.
    pub(super) mapped: SocketAddr,
    /// How long the answer took.
    pub(super) took: Duration,
}

/// What was asked over UDP, and what came back.
#[derive(Debug, Default)]
pub(super) struct UdpFacts {
    /// The addresses of the STUN servers.
    pub(super) servers: Vec<SocketAddr>,
    /// Why nothing could be sent, where nothing could.
    pub(super) not_sent: Option<String>,
    /// The answers.
    pub(super) mappings: Vec<Mapping>,
}

pub(super) fn udp(places: &StunPlaces, facts: &UdpFacts) -> Check {
    let (names, told) = match places {
        StunPlaces::Told(names) => (names.join(", "), true),
        StunPlaces::Guessed(name) => (name.clone(), false),
        StunPlaces::None => {
            return Check::warning("udp", "not tried: the server has no STUN responder")
                .advice("name a STUN server with --stun HOST:PORT, or ask the host for --stun");
        }
    };
    if let Some(fastest) = facts.mappings.iter().map(|mapping| mapping.took).min() {
        return Check::ok(
            "udp",
            format!(
                "goes out and comes in ({names} answers in {} ms)",
                fastest.as_millis()
            ),
        );
    }
    let through = "until then voice goes through the server's own port, later than it could";
    if facts.servers.is_empty() {
        return Check::fail("udp", format!("{names} has no address"))
            .advice("see that the name is right, and that names are resolved here");
    }
    if let Some(why) = &facts.not_sent {
        return Check::fail("udp", format!("does not go out: {why}")).advice(format!(
            "allow UDP in the firewall of this machine; {through}"
        ));
    }
    let silent = format!("no answer from {names}");
    if told {
        Check::fail("udp", silent).advice(format!(
            "allow UDP in the firewalls of this machine, its network and the server; {through}"
        ))
    } else {
        Check::warning("udp", format!("{silent}, which is only the usual port"))
            .advice("sign in, or name the server's STUN port with --stun HOST:PORT, and try again")
    }
}

/// What the answers tell of address translation (RFC 5780 section 4.3, as far as the servers'
/// addresses go).
pub(super) fn nat(mappings: &[Mapping]) -> Check {
    if mappings.is_empty() {
        return Check::warning("nat", "not known: no STUN server has answered");
    }
    if mappings.iter().all(|one| one.server.ip().is_loopback()) {
        return Check::ok(
            "nat",
            "cannot be seen from here: the STUN server is this machine",
        );
    }
    if mappings.iter().all(|one| one.mapped == one.local) {
        return Check::ok("nat", "none: this machine's addresses are its own");
    }
    let pairs = || {
        mappings.iter().enumerate().flat_map(|(at, one)| {
            let others = mappings.iter().skip(at.saturating_add(1));
            others
                .filter(move |other| other.local == one.local && other.server != one.server)
                .map(move |other| (one, other))
        })
    };
    if pairs().any(|(one, other)| one.mapped != other.mapped) {
        return Check::warning(
            "nat",
            "symmetric: another mapping for each destination (RFC 4787)",
        )
        .advice(
            "calls to others behind such a NAT are relayed; for direct ones turn IPv6, PCP or \
             UPnP on in the router",
        );
    }
    let across_hosts = pairs().any(|(one, other)| one.server.ip() != other.server.ip());
    if across_hosts {
        return Check::ok(
            "nat",
            "one mapping for all destinations (RFC 4787): direct calls are likely",
        );
    }
    if pairs().next().is_some() {
        return Check::ok(
            "nat",
            "one mapping for all ports of the server; whether it holds for other hosts cannot be \
             told apart from one address",
        );
    }
    let kept = mappings
        .iter()
        .filter(|one| one.mapped.port() == one.local.port())
        .count();
    Check::ok(
        "nat",
        format!(
            "there is one (ports kept on {kept} of {} sockets); its kind cannot be told apart \
             from one address of the server",
            mappings.len()
        ),
    )
}

/// What is known of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ipv6Facts {
    /// This machine has a global address.
    pub(super) here: bool,
    /// The server's name has one, or it listens on one.
    pub(super) server: bool,
    /// The server accepts a connection there.
    pub(super) connects: bool,
}

pub(super) fn ipv6(facts: Ipv6Facts) -> Check {
    match facts {
        Ipv6Facts { connects: true, .. } => {
            Check::ok("ipv6", "present, and the server is reached over it")
        }
        Ipv6Facts { here: false, .. } => {
            Check::ok("ipv6", "no global address here: calls use IPv4")
        }
        Ipv6Facts { server: false, .. } => {
            Check::ok("ipv6", "present here; the server has no IPv6 address")
        }
        Ipv6Facts { .. } => Check::warning(
            "ipv6",
            "present here and at the server, which is not reached over it",
        )
        .advice("check the router's IPv6, or have the host listen on [::]"),
    }
}

pub(super) fn relay() -> Check {
    Check::ok(
        "relay",
        "not tried here: the server lends one to the participants of a call, who try it then",
    )
}

/// The microphones by name, and which is the default; or why they cannot be listed. Some systems
/// list names with no device behind them, which only opening shows; where the loudspeaker does not
/// open either, that is likely.
pub(super) fn microphone(found: &Result<Vec<(String, bool)>, String>, speaker: bool) -> Check {
    let advice = "plug one in and allow it in the system's settings, or call with --input FILE";
    let microphones = match found {
        Ok(microphones) => microphones,
        Err(why) => {
            return Check::fail("microphone", why).advice("start the system's sound service");
        }
    };
    let count = microphones.len();
    let chosen = microphones.iter().find(|(_, chosen)| *chosen);
    match chosen {
        _ if count == 0 => Check::fail("microphone", "there is none").advice(advice),
        None => Check::warning("microphone", format!("{count} listed, none is the default"))
            .advice("choose one in the system's settings, or call with --input NAME"),
        Some((name, _)) if speaker => Check::ok(
            "microphone",
            format!("\"{name}\" of {count} listed; opened only in a call"),
        ),
        Some((name, _)) => Check::warning(
            "microphone",
            format!("\"{name}\" is listed, though perhaps with no device behind it"),
        )
        .advice(advice),
    }
}

/// Why the default loudspeaker does not open, if it does not.
pub(super) fn speaker(opened: Result<(), String>) -> Check {
    match opened {
        Ok(()) => Check::ok("speaker", "the default loudspeaker opens"),
        Err(why) => Check::fail("speaker", why)
            .advice("choose another in the system's settings, or call with --output FILE"),
    }
}

/// `tried` is `None` when the session is kept elsewhere.
pub(super) fn keyring(tried: Option<Result<(), String>>) -> Check {
    match tried {
        None => Check::ok("keyring", "not needed: the session is kept elsewhere"),
        Some(Ok(())) => Check::ok("keyring", "keeps, gives back and forgets"),
        Some(Err(why)) => Check::fail("keyring", why)
            .advice("unlock or start the keyring, or keep the session with --credentials file"),
    }
}

/// `free` is the bytes that are left, where the system tells.
pub(super) fn folder(shown: &str, written: Result<(), String>, free: Option<u64>) -> Check {
    if let Err(why) = written {
        return Check::fail("folder", format!("{shown} cannot be written: {why}"))
            .advice("make it yours to write, or name another with --data DIR");
    }
    let Some(free) = free else {
        return Check::ok(
            "folder",
            format!("{shown} is writable; the space left is not known"),
        );
    };
    let detail = format!("{shown} is writable, {} MB are free", free / 1_000_000);
    let advice = "make room on that disk";
    if free >= SPACE {
        Check::ok("folder", detail)
    } else if free >= NO_SPACE {
        Check::warning("folder", detail).advice(advice)
    } else {
        Check::fail("folder", detail).advice(advice)
    }
}

#[cfg(test)]
mod tests;
