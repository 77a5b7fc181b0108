//! The STUN responder (RFC 8489): tells a client the address that its datagrams come from.
//!
//! Binding requests only, without authentication. Whatever is not a well-formed binding request
//! is left without an answer, so that the responder never talks to another server, and an answer
//! is never much larger than its request.

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytecodec::{DecodeExt as _, EncodeExt as _};
use stun_codec::rfc5389::Attribute;
use stun_codec::rfc5389::attributes::{
    ErrorCode, Fingerprint, UnknownAttributes, XorMappedAddress,
};
use stun_codec::rfc5389::errors::UnknownAttribute;
use stun_codec::rfc5389::methods::BINDING;
use stun_codec::{Attribute as _, Message, MessageClass, MessageDecoder, MessageEncoder};

use crate::app::App;
use crate::limits::{Buckets, Rate, address_key, now};
use crate::relay::BuiltIn;
use crate::udp::{Batch, Listener};

/// The largest request that is looked at: what fits into an Ethernet frame.
const MOST_BYTES: usize = 1500;

/// The largest answer that any request gets (RFC 8489, section 6.1: below every path's MTU).
const MOST_ANSWER: usize = 548;

const HEADER: usize = 20;
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const FINGERPRINT: u16 = 0x8028;

/// The most unknown attributes that an error names.
const MOST_UNKNOWN: usize = 8;

/// Answers that one address (IPv6: one /64) gets at once and each second.
const BURST: u32 = 400;
const PER_SECOND: u32 = 100;

/// The most addresses whose requests are counted.
const MOST_SOURCES: usize = 50_000;

/// The answer to a datagram from `source`, if it deserves one: to a binding request its
/// XOR-MAPPED-ADDRESS, or error 420 when it needs an attribute that this server does not know
/// (RFC 8489, section 6.3). Never panics.
pub fn answer(datagram: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let fingerprinted = well_formed(datagram)?;
    // stun_codec has assertions that panic; the checks above keep it from reaching the known
    // ones, and an unknown one must not end the responder.
    let answer = catch_unwind(AssertUnwindSafe(|| {
        compose(datagram, source, fingerprinted)
    }));
    answer
        .ok()
        .flatten()
        .filter(|answer| answer.len() <= MOST_ANSWER)
}

/// Checks header and framing of a binding request; says whether it has a fingerprint.
fn well_formed(datagram: &[u8]) -> Option<bool> {
    if datagram.len() > MOST_BYTES {
        return None;
    }
    let (header, mut rest) = datagram.split_at_checked(HEADER)?;
    let kind = header.get(..2)?;
    let length = u16::from_be_bytes(header.get(2..4)?.try_into().ok()?);
    let cookie = header.get(4..8)?;
    if kind != BINDING_REQUEST
        || cookie != MAGIC_COOKIE
        || usize::from(length) != rest.len()
        || !length.is_multiple_of(4)
    {
        return None;
    }
    let mut fingerprinted = false;
    while !rest.is_empty() {
        if fingerprinted {
            // FINGERPRINT is the last attribute (RFC 8489, section 14.7).
            return None;
        }
        let (head, tail) = rest.split_at_checked(4)?;
        let kind = u16::from_be_bytes(head.get(..2)?.try_into().ok()?);
        let length = u16::from_be_bytes(head.get(2..)?.try_into().ok()?);
        fingerprinted = kind == FINGERPRINT;
        let padded = usize::from(length).next_multiple_of(4);
        rest = tail.get(padded..)?;
    }
    Some(fingerprinted)
}

fn compose(datagram: &[u8], source: SocketAddr, fingerprinted: bool) -> Option<Vec<u8>> {
    // Decoding also compares the fingerprint.
    let request = MessageDecoder::<Attribute>::new()
        .decode_from_bytes(datagram)
        .ok()?
        .ok()?;
    if request.class() != MessageClass::Request || request.method() != BINDING {
        return None;
    }
    let unknown: Vec<_> = request
        .unknown_attributes()
        .map(|attribute| attribute.get_type())
        .filter(|kind| kind.is_comprehension_required())
        .take(MOST_UNKNOWN)
        .collect();
    let class = if unknown.is_empty() {
        MessageClass::SuccessResponse
    } else {
        MessageClass::ErrorResponse
    };
    let mut response = Message::<Attribute>::new(class, BINDING, request.transaction_id());
    if unknown.is_empty() {
        let source = SocketAddr::new(source.ip().to_canonical(), source.port());
        response.add_attribute(XorMappedAddress::new(source));
    } else {
        response.add_attribute(ErrorCode::from(UnknownAttribute));
        response.add_attribute(UnknownAttributes::new(unknown));
    }
    if fingerprinted {
        let fingerprint = Fingerprint::new(&response).ok()?;
        response.add_attribute(fingerprint);
    }
    MessageEncoder::new().encode_into_bytes(response).ok()
}

/// Answers on a socket until the server stops.
///
/// What is not a binding request goes to the relay, if there is one: it shares the port.
pub(crate) async fn serve(socket: Arc<Listener>, app: Arc<App>) {
    let relay = app.relay.built_in();
    let mut relayed = Vec::new();
    let sources: Buckets<IpAddr> = Buckets::new(Rate::per_second(PER_SECOND, BURST), MOST_SOURCES);
    let mut batch = Batch::new();
    loop {
        let received = tokio::select! {
            received = socket.receive(&mut batch) => received,
            () = app.stopping.cancelled() => return,
        };
        if let Err(error) = received {
            // An ICMP error for an earlier answer, or a network that is gone for a moment.
            tracing::debug!(%error, "STUN");
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        }
        for received in batch.received() {
            if received.datagram.len() > MOST_BYTES {
                continue;
            }
            if let Some(relay) = relay.filter(|_| BuiltIn::concerns(received.datagram)) {
                relay.receive(received, &mut relayed);
                continue;
            }
            let Some(answer) = answer(received.datagram, received.source) else {
                continue;
            };
            if sources.take(&address_key(received.source.ip()), now()) {
                // A full send buffer loses the answer; the client asks again.
                let _lost = socket.send(&answer, received.source, received.asked);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRANSACTION: [u8; 12] = [7; 12];

    fn request(kind: u16, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend(u16::try_from(attributes.len()).unwrap_or(0).to_be_bytes());
        bytes.extend(MAGIC_COOKIE);
        bytes.extend(TRANSACTION);
        bytes.extend(attributes);
        bytes
    }

    fn source() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 32853))
    }

    #[test]
    fn a_binding_request_is_told_its_source() {
        let answer = answer(&request(1, &[]), source());
        let mut expected = vec![0x01, 0x01, 0, 12];
        expected.extend(MAGIC_COOKIE);
        expected.extend(TRANSACTION);
        // RFC 8489, section 14.2: port and address are XORed with the magic cookie.
        expected.extend([0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        assert_eq!(answer, Some(expected));
    }

    #[test]
    fn a_mapped_ipv4_source_is_told_as_ipv4() {
        let mapped = SocketAddr::new(
            IpAddr::V6(std::net::Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped()),
            32853,
        );
        let request = request(1, &[]);
        assert_eq!(answer(&request, mapped), answer(&request, source()));
    }

    #[test]
    fn an_ipv6_source_is_told() {
        let source = SocketAddr::new(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 4000);
        let answer = answer(&request(1, &[]), source).unwrap_or_default();
        let decoded = MessageDecoder::<Attribute>::new().decode_from_bytes(&answer);
        let address = decoded.ok().and_then(Result::ok).and_then(|message| {
            message
                .get_attribute::<XorMappedAddress>()
                .map(XorMappedAddress::address)
        });
        assert_eq!(address, Some(source));
    }

    #[test]
    fn responses_indications_and_other_methods_get_nothing() {
        for kind in [0x0101, 0x0111, 0x0011, 0x0003, 0x0000, 0xffff] {
            assert_eq!(answer(&request(kind, &[]), source()), None, "{kind:04x}");
        }
    }

    #[test]
    fn malformed_framing_gets_nothing() {
        let good = request(1, &[]);
        for cut in 0..good.len() {
            assert_eq!(answer(&good[..cut], source()), None);
        }
        // An attribute that is longer than the message.
        assert_eq!(
            answer(&request(1, &[0x80, 0x22, 0, 9, 1, 2, 3, 4]), source()),
            None
        );
        // A length that is not the datagram's.
        let mut longer = good.clone();
        longer.extend([0; 4]);
        assert_eq!(answer(&longer, source()), None);
        let mut cookie = good;
        cookie[4] ^= 1;
        assert_eq!(answer(&cookie, source()), None);
    }

    #[test]
    fn an_unknown_attribute_that_must_be_understood_is_refused() {
        // CHANGE-REQUEST of RFC 5780.
        let answer = answer(&request(1, &[0, 3, 0, 4, 0, 0, 0, 6]), source()).unwrap_or_default();
        assert_eq!(answer.get(..2), Some(&[0x01, 0x11][..]));
        let decoded = MessageDecoder::<Attribute>::new().decode_from_bytes(&answer);
        let code = decoded
            .ok()
            .and_then(Result::ok)
            .and_then(|message| message.get_attribute::<ErrorCode>().map(ErrorCode::code));
        assert_eq!(code, Some(420));
    }

    #[test]
    fn a_fingerprint_is_checked_and_answered() -> Result<(), Box<dyn std::error::Error>> {
        let mut message = Message::<Attribute>::new(
            MessageClass::Request,
            BINDING,
            stun_codec::TransactionId::new(TRANSACTION),
        );
        let fingerprint = Fingerprint::new(&message).map_err(|error| error.to_string())?;
        message.add_attribute(fingerprint);
        let good = MessageEncoder::new()
            .encode_into_bytes(message)
            .map_err(|error| error.to_string())?;
        let told = answer(&good, source()).ok_or("no answer")?;
        assert_eq!(well_formed(&[&[0, 1], &told[2..]].concat()), Some(true));
        let mut bad = good.clone();
        if let Some(last) = bad.last_mut() {
            *last ^= 1;
        }
        assert_eq!(answer(&bad, source()), None);
        // Anything after the fingerprint is malformed.
        let mut after = good;
        after[3] += 4;
        after.extend([0x80, 0x22, 0, 0]);
        assert_eq!(answer(&after, source()), None);
        Ok(())
    }

    #[test]
    fn an_answer_is_not_much_larger_than_its_request() {
        let plain = answer(&request(1, &[]), source()).unwrap_or_default();
        assert!(plain.len() <= 2 * HEADER);
        let mut attributes = Vec::new();
        for kind in 0x0100_u16..0x0140 {
            attributes.extend(kind.to_be_bytes());
            attributes.extend([0, 0]);
        }
        let request = request(1, &attributes);
        let refused = answer(&request, source()).unwrap_or_default();
        assert!(!refused.is_empty() && refused.len() < request.len());
    }

    proptest! {
        #[test]
        fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _any = answer(&bytes, source());
        }

        #[test]
        fn noise_behind_a_good_header_never_panics(
            words in proptest::collection::vec(any::<[u8; 4]>(), 0..40),
        ) {
            let _any = answer(&request(1, &words.concat()), source());
        }

        #[test]
        fn any_attribute_never_panics(
            kind in 0u16..0x30,
            optional in any::<bool>(),
            value in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let kind = if optional { kind | 0x8000 } else { kind };
            let mut attributes = kind.to_be_bytes().to_vec();
            attributes.extend(u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
            attributes.extend(&value);
            attributes.resize(attributes.len().next_multiple_of(4), 0);
            let _any = answer(&request(1, &attributes), source());
        }
    }
}
