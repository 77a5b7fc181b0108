//! Telling STUN and media apart, and finding out cheaply whom a STUN message concerns.
//!
//! Only what this module recognises reaches a STUN decoder: noise costs a few comparisons and
//! no log line.

/// What a datagram is, by its first byte (RFC 7983 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 0 to 3.
    Stun,
    /// 64 to 79: TURN channel data.
    Channel,
    /// 128 to 191: RTP and RTCP.
    Media,
    /// Everything else, and the empty datagram.
    Other,
}

/// The kind of a datagram.
pub(crate) fn kind(payload: &[u8]) -> Kind {
    match payload.first() {
        Some(0..=3) => Kind::Stun,
        Some(64..=79) => Kind::Channel,
        Some(128..=191) => Kind::Media,
        Some(_) | None => Kind::Other,
    }
}

/// A STUN transaction id (RFC 8489 section 5).
pub(crate) type TransactionId = [u8; 12];

/// The class of a STUN message (RFC 8489 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// The header of a Binding message whose length and magic cookie are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BindingHeader {
    pub(crate) class: Class,
    pub(crate) transaction: TransactionId,
}

const HEADER_LEN: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const METHOD_BITS: u16 = 0x3eef;
const METHOD_BINDING: u16 = 0x0001;
const ATTRIBUTE_USERNAME: u16 = 0x0006;

impl BindingHeader {
    /// Reads the header; `None` for anything but a Binding message that fills the datagram.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let message_type = be16(payload, 0)?;
        if message_type & METHOD_BITS != METHOD_BINDING || message_type & 0xc000 != 0 {
            return None;
        }
        let length = usize::from(be16(payload, 2)?);
        if length % 4 != 0 || length + HEADER_LEN != payload.len() {
            return None;
        }
        if payload.get(4..8)? != MAGIC_COOKIE {
            return None;
        }
        let class = match (message_type & 0x0100 != 0, message_type & 0x0010 != 0) {
            (false, false) => Class::Request,
            (false, true) => Class::Indication,
            (true, false) => Class::Success,
            (true, true) => Class::Error,
        };
        let transaction = payload.get(8..HEADER_LEN)?.try_into().ok()?;
        Some(BindingHeader { class, transaction })
    }
}

/// The two username fragments of a check, the receiver's own first (RFC 8445 section 7.2.2).
pub(crate) fn username(payload: &[u8]) -> Option<(&str, &str)> {
    let mut rest = payload.get(HEADER_LEN..)?;
    loop {
        let attribute = be16(rest, 0)?;
        let length = usize::from(be16(rest, 2)?);
        if attribute == ATTRIBUTE_USERNAME {
            let value = rest.get(4..4 + length)?;
            return std::str::from_utf8(value).ok()?.split_once(':');
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes(pair.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn message(kind: u16, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend((attributes.len() as u16).to_be_bytes());
        bytes.extend(MAGIC_COOKIE);
        bytes.extend([7; 12]);
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn first_byte_decides() {
        assert_eq!(kind(&[]), Kind::Other);
        assert_eq!(kind(&[0]), Kind::Stun);
        assert_eq!(kind(&[3]), Kind::Stun);
        assert_eq!(kind(&[4]), Kind::Other);
        assert_eq!(kind(&[64]), Kind::Channel);
        assert_eq!(kind(&[79]), Kind::Channel);
        assert_eq!(kind(&[127]), Kind::Other);
        assert_eq!(kind(&[128]), Kind::Media);
        assert_eq!(kind(&[191]), Kind::Media);
        assert_eq!(kind(&[192]), Kind::Other);
    }

    #[test]
    fn classes_of_binding_messages() {
        for (kind, class) in [
            (0x0001, Class::Request),
            (0x0011, Class::Indication),
            (0x0101, Class::Success),
            (0x0111, Class::Error),
        ] {
            let header = BindingHeader::parse(&message(kind, &[])).unwrap();
            assert_eq!(header.class, class);
            assert_eq!(header.transaction, [7; 12]);
        }
        assert_eq!(BindingHeader::parse(&message(0x0003, &[])), None);
    }

    #[test]
    fn broken_headers_are_refused() {
        let good = message(0x0001, &[0; 4]);
        assert!(BindingHeader::parse(&good).is_some());
        for cut in 0..good.len() {
            assert_eq!(BindingHeader::parse(&good[..cut]), None);
        }
        let mut cookie = good.clone();
        cookie[5] ^= 1;
        assert_eq!(BindingHeader::parse(&cookie), None);
    }

    #[test]
    fn username_is_found_behind_other_attributes() {
        let mut attributes = vec![0x80, 0x22, 0, 3, b'a', b'b', b'c', 0];
        attributes.extend([0, 6, 0, 5]);
        attributes.extend(b"me:yo\0\0\0");
        let bytes = message(0x0001, &attributes);
        assert_eq!(username(&bytes), Some(("me", "yo")));
        for cut in 0..bytes.len() - 3 {
            assert_eq!(username(&bytes[..cut]), None);
        }
    }
}
