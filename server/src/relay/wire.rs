//! STUN messages as the relay's front looks at them: strict framing, attributes by number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use turn_server_proto::types::stun::attribute::{AttributeType, RawAttribute};
use turn_server_proto::types::stun::message::{
    IntegrityAlgorithm, IntegrityKey, Message, MessageType, MessageWrite as _,
    MessageWriteExt as _, MessageWriteVec, TransactionId,
};

const HEADER: usize = 20;
const COOKIE: u32 = 0x2112_a442;

/// Methods and classes (RFC 8489, section 5; RFC 8656, section 17).
pub(super) mod kind {
    pub(crate) const ALLOCATE: u16 = 0x0003;
    pub(crate) const REFRESH: u16 = 0x0004;
    pub(crate) const CREATE_PERMISSION: u16 = 0x0008;
    pub(crate) const CHANNEL_BIND: u16 = 0x0009;
    pub(crate) const SEND_INDICATION: u16 = 0x0016;
    pub(crate) const SUCCESS: u16 = 0x0100;
    pub(crate) const ERROR: u16 = 0x0110;
}

/// Attributes (RFC 8489, section 18.3; RFC 8656, section 18).
pub(super) mod attribute {
    pub(crate) const USERNAME: u16 = 0x0006;
    pub(crate) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(crate) const ERROR_CODE: u16 = 0x0009;
    pub(crate) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub(crate) const CHANNEL_NUMBER: u16 = 0x000c;
    pub(crate) const LIFETIME: u16 = 0x000d;
    pub(crate) const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub(crate) const REALM: u16 = 0x0014;
    pub(crate) const NONCE: u16 = 0x0015;
    pub(crate) const EVEN_PORT: u16 = 0x0018;
    pub(crate) const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub(crate) const DONT_FRAGMENT: u16 = 0x001a;
    pub(crate) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
    pub(crate) const PASSWORD_ALGORITHM: u16 = 0x001d;
    pub(crate) const USERHASH: u16 = 0x001e;
    pub(crate) const RESERVATION_TOKEN: u16 = 0x0022;
    pub(crate) const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
    pub(crate) const PASSWORD_ALGORITHMS: u16 = 0x8002;
    pub(crate) const FINGERPRINT: u16 = 0x8028;
}

/// A message whose framing is sound. What its attributes say is not checked.
#[derive(Debug)]
pub(super) struct Framed<'a> {
    /// Class and method together, as on the wire.
    pub(super) kind: u16,
    pub(super) transaction: [u8; 12],
    /// In their order, up to the message integrity: what follows it is not covered.
    pub(super) attributes: Vec<(u16, &'a [u8])>,
    pub(super) has_integrity: bool,
    pub(super) has_fingerprint: bool,
}

impl<'a> Framed<'a> {
    /// Takes a datagram that is a STUN message from its first byte to its last.
    pub(super) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (header, mut rest) = datagram.split_at_checked(HEADER)?;
        let kind = u16::from_be_bytes(*header.first_chunk()?);
        let length = u16::from_be_bytes(*header.get(2..)?.first_chunk()?);
        let cookie = u32::from_be_bytes(*header.get(4..)?.first_chunk()?);
        let transaction = *header.get(8..)?.first_chunk()?;
        if kind >= 0x4000
            || cookie != COOKIE
            || usize::from(length) != rest.len()
            || !length.is_multiple_of(4)
        {
            return None;
        }
        let mut framed = Self {
            kind,
            transaction,
            attributes: Vec::new(),
            has_integrity: false,
            has_fingerprint: false,
        };
        while !rest.is_empty() {
            if framed.has_fingerprint {
                return None;
            }
            let (head, tail) = rest.split_at_checked(4)?;
            let attribute = u16::from_be_bytes(*head.first_chunk()?);
            let length = usize::from(u16::from_be_bytes(*head.get(2..)?.first_chunk()?));
            let value = tail.get(..length)?;
            rest = tail.get(length.next_multiple_of(4)..)?;
            match attribute {
                attribute::FINGERPRINT => framed.has_fingerprint = true,
                attribute::MESSAGE_INTEGRITY if !framed.has_integrity => {
                    framed.has_integrity = true;
                }
                _ if framed.has_integrity => {}
                _ => framed.attributes.push((attribute, value)),
            }
        }
        Some(framed)
    }

    /// The first attribute of a kind.
    pub(super) fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes
            .iter()
            .find(|(attribute, _)| *attribute == kind)
            .map(|(_, value)| *value)
    }

    /// The first attribute of a kind, where it is text.
    pub(super) fn text(&self, kind: u16) -> Option<&'a str> {
        std::str::from_utf8(self.attribute(kind)?).ok()
    }

    /// Every XOR-PEER-ADDRESS; nothing if one of them is malformed.
    pub(super) fn peers(&self) -> Option<Vec<SocketAddr>> {
        self.attributes
            .iter()
            .filter(|(attribute, _)| *attribute == attribute::XOR_PEER_ADDRESS)
            .map(|(_, value)| self.xor_address(value))
            .collect()
    }

    /// An address under the mask of RFC 8489, section 14.2.
    fn xor_address(&self, value: &[u8]) -> Option<SocketAddr> {
        let (head, address) = value.split_at_checked(4)?;
        let port = u16::from_be_bytes(*head.get(2..)?.first_chunk()?) ^ 0x2112;
        let ip = match (head.get(1)?, address.len()) {
            (1, 4) => {
                let bits = u32::from_be_bytes(*address.first_chunk()?) ^ COOKIE;
                IpAddr::V4(Ipv4Addr::from_bits(bits))
            }
            (2, 16) => {
                let mut mask = [0; 16];
                let (cookie, rest) = mask.split_at_mut(4);
                cookie.copy_from_slice(&COOKIE.to_be_bytes());
                rest.copy_from_slice(&self.transaction);
                let bits = u128::from_be_bytes(*address.first_chunk()?);
                IpAddr::V6(Ipv6Addr::from_bits(bits ^ u128::from_be_bytes(mask)))
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }
}

/// Writes a message; with a key also its integrity, with `fingerprint` that too. Nothing when it
/// cannot be written.
pub(super) fn compose(
    kind: u16,
    transaction: [u8; 12],
    attributes: &[(u16, &[u8])],
    key: Option<&IntegrityKey>,
    fingerprint: bool,
) -> Option<Vec<u8>> {
    let mut id = [0; 16];
    id.last_chunk_mut::<12>()?.copy_from_slice(&transaction);
    let mut message = Message::builder(
        MessageType::from_bytes(&kind.to_be_bytes()).ok()?,
        TransactionId::from(u128::from_be_bytes(id)),
        MessageWriteVec::new(),
    );
    for (attribute, value) in attributes {
        let attribute = RawAttribute::new(AttributeType::new(*attribute), value);
        message.add_attribute(&attribute).ok()?;
    }
    if let Some(key) = key {
        message
            .add_message_integrity_with_key(key, IntegrityAlgorithm::Sha1)
            .ok()?;
    }
    if fingerprint {
        message.add_fingerprint().ok()?;
    }
    Some(message.finish())
}

/// The value of ERROR-CODE, without a phrase: answers stay small.
pub(super) fn error_code(code: u16) -> [u8; 4] {
    let class = u8::try_from(code / 100).unwrap_or(5);
    let number = u8::try_from(code % 100).unwrap_or(0);
    [0, 0, class, number]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_composed_is_parsed() {
        let attributes: [(u16, &[u8]); 2] = [
            (attribute::USERNAME, b"alice"),
            (attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0]),
        ];
        let bytes = compose(kind::CHANNEL_BIND, [7; 12], &attributes, None, true).unwrap();
        let framed = Framed::parse(&bytes).unwrap();
        assert_eq!(framed.kind, kind::CHANNEL_BIND);
        assert_eq!(framed.transaction, [7; 12]);
        assert_eq!(framed.attributes, attributes);
        assert!(framed.has_fingerprint && !framed.has_integrity);
        assert_eq!(framed.text(attribute::USERNAME), Some("alice"));
        for cut in 0..bytes.len() {
            assert!(Framed::parse(&bytes[..cut]).is_none());
        }
    }

    #[test]
    fn addresses_are_unmasked() {
        // RFC 5769, sections 2.2 and 2.3.
        let transaction = [
            0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
        ];
        let v4: &[u8] = &[0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        let v6: &[u8] = &[
            0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4,
            0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
        ];
        let peer = attribute::XOR_PEER_ADDRESS;
        let send = kind::SEND_INDICATION;
        let bytes = compose(send, transaction, &[(peer, v4), (peer, v6)], None, false).unwrap();
        let peers = Framed::parse(&bytes).unwrap().peers().unwrap();
        let expected: [SocketAddr; 2] = [
            "192.0.2.1:32853".parse().unwrap(),
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853"
                .parse()
                .unwrap(),
        ];
        assert_eq!(peers, expected);
        for wrong in [&v4[..7], &v6[..8], &[][..], &[0, 3, 0, 0, 0, 0, 0, 0][..]] {
            let bytes = compose(send, transaction, &[(peer, v4), (peer, wrong)], None, false);
            assert!(Framed::parse(&bytes.unwrap()).unwrap().peers().is_none());
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _any = Framed::parse(&bytes).map(|framed| framed.peers());
        }
    }
}
