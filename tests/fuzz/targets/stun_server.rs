//! Datagrams to the server's STUN responder.
#![no_main]

use std::net::SocketAddr;

use cooee_server::stun::answer;
use libfuzzer_sys::fuzz_target;

const HEADER: usize = 20;

fn check(datagram: &[u8]) {
    for source in [
        "192.0.2.1:5000",
        "[2001:db8::1]:6000",
        "[::ffff:192.0.2.1]:7000",
    ] {
        let source: SocketAddr = source.parse().expect("an address");
        let Some(reply) = answer(datagram, source) else {
            continue;
        };
        // A response of the same transaction, and one that a forged source gains nothing by.
        assert_eq!(reply.get(4..HEADER), datagram.get(4..HEADER));
        assert!(reply.len() <= datagram.len() + 128);
    }
}

fuzz_target!(|input: &[u8]| {
    check(input);
    // The same octets as the attributes of a request that is in order otherwise.
    let attributes = &input[..input.len() / 4 * 4];
    if let Ok(length) = u16::try_from(attributes.len()) {
        let mut request = vec![0x00, 0x01];
        request.extend(length.to_be_bytes());
        request.extend([0x21, 0x12, 0xa4, 0x42]);
        request.extend([7; 12]);
        request.extend(attributes);
        check(&request);
    }
});
