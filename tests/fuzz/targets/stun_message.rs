//! STUN messages, written so that what they carry is up to the fuzzer.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The magic cookie.
pub const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// The attribute.
pub const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const FINGERPRINT: u16 = 0x8028;

fn crc32(octets: &[u8]) -> u32 {
    !octets.iter().fold(u32::MAX, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// A STUN message of these attributes; with a key also its integrity and fingerprint.
pub fn message(
    kind: u16,
    transaction: &[u8; 12],
    attributes: &[u8],
    key: Option<&[u8]>,
) -> Vec<u8> {
    let mut octets = kind.to_be_bytes().to_vec();
    octets.extend([0, 0]);
    octets.extend(COOKIE);
    octets.extend(transaction);
    octets.extend(&attributes[..attributes.len() / 4 * 4]);
    set_length(&mut octets, 0);
    if let Some(key) = key {
        set_length(&mut octets, 24);
        let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("any key does");
        mac.update(&octets);
        push(&mut octets, MESSAGE_INTEGRITY, &mac.finalize().into_bytes());
        set_length(&mut octets, 8);
        let fingerprint = crc32(&octets) ^ 0x5354_554e;
        push(&mut octets, FINGERPRINT, &fingerprint.to_be_bytes());
    }
    octets
}

fn set_length(octets: &mut [u8], more: usize) {
    let length = (octets.len() - 20 + more) as u16;
    octets[2..4].copy_from_slice(&length.to_be_bytes());
}

/// One attribute, with its padding.
pub fn push(octets: &mut Vec<u8>, attribute: u16, value: &[u8]) {
    octets.extend(attribute.to_be_bytes());
    octets.extend((value.len() as u16).to_be_bytes());
    octets.extend(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
}
