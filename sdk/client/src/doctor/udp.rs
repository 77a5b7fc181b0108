//! UDP out and in: binding requests (RFC 8489) from fresh sockets.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytecodec::{DecodeExt as _, EncodeExt as _};
use stun_codec::rfc5389::attributes::XorMappedAddress;
use stun_codec::rfc5389::{Attribute, methods::BINDING};
use stun_codec::{Message, MessageClass, MessageDecoder, MessageEncoder, TransactionId};
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::{timeout, timeout_at};

use super::judge::{self, Mapping, UdpFacts};
use super::{Check, StunPlaces};

/// How long a name is looked up.
const RESOLVING: Duration = Duration::from_secs(3);
/// When requests are sent again, since the one before.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_millis(700),
    Duration::from_millis(1500),
];
/// STUN addresses that are asked.
const SERVERS: usize = 6;
/// Sockets for each family: two show whether ports are kept.
const SOCKETS: usize = 2;
/// The longest answer that is read.
const DATAGRAM: usize = 1500;

/// Asks every STUN server, and tells of UDP and of address translation.
pub(super) async fn examine(places: &StunPlaces, found: &mut impl FnMut(Check)) {
    let names: &[String] = match places {
        StunPlaces::Told(names) => names,
        StunPlaces::Guessed(name) => std::slice::from_ref(name),
        StunPlaces::None => &[],
    };
    let mut facts = UdpFacts::default();
    for name in names {
        if let Ok(Ok(addresses)) = timeout(RESOLVING, lookup_host(name)).await {
            facts.servers.extend(addresses);
        }
    }
    facts.servers.truncate(SERVERS);
    for ipv6 in [false, true] {
        let servers: Vec<_> = facts
            .servers
            .iter()
            .copied()
            .filter(|server| server.is_ipv6() == ipv6)
            .collect();
        if servers.is_empty() {
            continue;
        }
        let asked = futures_util::future::join_all((0..SOCKETS).map(|_| ask(ipv6, &servers))).await;
        for asked in asked {
            match asked {
                Ok(mappings) => facts.mappings.extend(mappings),
                Err(error) => facts.not_sent = Some(error.to_string()),
            }
        }
    }
    found(judge::udp(places, &facts));
    if *places != StunPlaces::None {
        found(judge::nat(&facts.mappings));
    }
}

/// Asks the servers, all of one family, over one socket.
async fn ask(ipv6: bool, servers: &[SocketAddr]) -> std::io::Result<Vec<Mapping>> {
    let any = if ipv6 {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    let port = socket.local_addr()?.port();
    let mut open = HashMap::new();
    for server in servers {
        open.insert(TransactionId::new(rand::random()), *server);
    }
    let began = Instant::now();
    let mut mappings = Vec::new();
    let mut buffer = [0; DATAGRAM];
    for wait in AGAIN {
        let mut sent = Ok(0);
        let mut any_sent = false;
        for (id, server) in &open {
            sent = socket.send_to(&request(*id)?, server).await;
            any_sent |= sent.is_ok();
        }
        if !any_sent {
            return sent.map(|_| mappings);
        }
        let until = tokio::time::Instant::now() + wait;
        while !open.is_empty() {
            let received = match timeout_at(until, socket.recv_from(&mut buffer)).await {
                Ok(Ok((length, _))) => buffer.get(..length).unwrap_or_default(),
                // A port that is closed says so on some systems, for whichever request it was.
                Ok(Err(_)) => continue,
                Err(_) => break,
            };
            let Some((id, mapped)) = answer(received) else {
                continue;
            };
            if let Some(server) = open.remove(&id) {
                mappings.push(Mapping {
                    local: SocketAddr::new(source(server).await?, port),
                    server,
                    mapped,
                    took: began.elapsed(),
                });
            }
        }
        if open.is_empty() {
            break;
        }
    }
    Ok(mappings)
}

/// The local address from which a destination is reached; sends nothing.
async fn source(server: SocketAddr) -> std::io::Result<IpAddr> {
    let any = if server.is_ipv6() {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    Ok(socket.local_addr()?.ip())
}

fn request(id: TransactionId) -> std::io::Result<Vec<u8>> {
    let message = Message::<Attribute>::new(MessageClass::Request, BINDING, id);
    MessageEncoder::new()
        .encode_into_bytes(message)
        .map_err(std::io::Error::other)
}

/// Whose request a binding response answers, and the mapped address in it.
fn answer(datagram: &[u8]) -> Option<(TransactionId, SocketAddr)> {
    let message = MessageDecoder::<Attribute>::new()
        .decode_from_bytes(datagram)
        .ok()?
        .ok()?;
    if message.class() != MessageClass::SuccessResponse || message.method() != BINDING {
        return None;
    }
    let mapped = message.get_attribute::<XorMappedAddress>()?.address();
    Some((message.transaction_id(), mapped))
}

#[cfg(test)]
mod tests {
    use super::answer;

    #[test]
    fn what_is_no_binding_response_is_dropped() {
        assert_eq!(answer(&[]), None);
        assert_eq!(answer(&[1, 1, 0, 0]), None);
        assert_eq!(answer(&[0xff; 40]), None);
    }
}
