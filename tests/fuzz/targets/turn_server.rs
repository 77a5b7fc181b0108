//! Datagrams to the server's relay: noise, requests of participants with the right credentials
//! around whatever attributes, indications, channels, and what peers send.
#![no_main]

use std::net::SocketAddr;
use std::time::Duration;

use cooee_server::fuzz::FuzzedRelay;
use libfuzzer_sys::fuzz_target;

const METHODS: [u16; 4] = [0x0003, 0x0004, 0x0008, 0x0009];
const MESSAGE_INTEGRITY: u16 = 0x0008;
const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
const FINGERPRINT: u16 = 0x8028;
const REQUESTED_UDP: (u16, &[u8]) = (0x0019, &[17, 0, 0, 0]);

/// Attributes: each a number, a length of one octet, and so many octets.
fn attributes(mut body: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let [high, low, length, behind @ ..] = body {
        let (value, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        body = behind;
        let number = u16::from_be_bytes([*high, *low]);
        // Those are written by the signing.
        if ![MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, FINGERPRINT].contains(&number) {
            found.push((number, value));
        }
    }
    found
}

fuzz_target!(|input: &[u8]| {
    let mut relay = FuzzedRelay::new().expect("a relay");
    let client = |number: u8| SocketAddr::from(([203, 0, 113, number % 4 + 1], 4000));
    let stranger = SocketAddr::from(([203, 0, 113, 99], 4000));
    let mut rest = input;
    // Each: what it is, from whom, how long it is, the octets.
    while let [kind, who, length, behind @ ..] = rest {
        let (body, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        rest = behind;
        let from = client(*who);
        let participant = usize::from(*who / 4 % 2);
        let before = relay.allocations();
        match kind % 8 {
            0 => {
                relay.receive(from, body);
                assert!(relay.allocations() <= before, "an allocation for nothing");
            }
            1 => {
                if let Some((to, answer)) = relay.receive(stranger, body) {
                    assert_eq!(to, stranger);
                    assert!(answer.len() <= body.len() + 128);
                }
                assert_eq!(relay.allocations(), before, "a stranger leaves a trace");
            }
            2 => {
                relay.request(participant, from, METHODS[0], &[REQUESTED_UDP]);
            }
            3 | 4 => {
                let method = METHODS[usize::from(*who / 8 % 4)];
                let mut all = attributes(body);
                if kind % 8 == 4 && method == METHODS[0] {
                    all.push(REQUESTED_UDP);
                }
                if let Some((to, _)) = relay.request(participant, from, method, &all) {
                    assert_eq!(to, from, "an answer goes to who asked");
                }
            }
            5 => {
                // A Send indication around these octets.
                let octets = &body[..body.len() / 4 * 4];
                let mut datagram = vec![0x00, 0x16, 0, octets.len() as u8];
                datagram.extend([0x21, 0x12, 0xa4, 0x42]);
                datagram.extend([*who; 12]);
                datagram.extend(octets);
                relay.receive(from, &datagram);
            }
            6 => {
                let mut datagram = vec![0x40, who & 3];
                datagram.extend((body.len() as u16).to_be_bytes());
                datagram.extend(body);
                relay.receive(from, &datagram);
            }
            _ => {
                for sent in relay.arrive(client(who / 16), body) {
                    assert!(sent.len() <= body.len() + 64);
                }
                relay.pass(Duration::from_secs(u64::from(*who) * 4));
            }
        }
        assert!(
            relay.allocations() <= 6,
            "more allocations than there may be"
        );
    }
});
