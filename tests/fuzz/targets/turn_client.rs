//! What a TURN server may send to the client's relay code: noise, demands for credentials, answers
//! with the right message integrity around whatever attributes, and data of peers.
#![no_main]

mod stun_message;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cooee_core::path::{PathAgent, PathConfig, PathDescription, PeerId, Privacy};
use libfuzzer_sys::fuzz_target;

use stun_message::{COOKIE, USERNAME, message, push};

const PEER_UFRAG: &str = "Wq3k";
const PEER_PWD: &str = "5mJt0o7w9nJm0mF3o1yq3lqz";
const RELAY_USER: &str = "1:alice";
const RELAY_PASSWORD: &str = "sesame";
/// MD5 of user name, realm and password, with colons between (RFC 8489 section 9.2.2).
const RELAY_KEY: [u8; 16] = [
    0xf0, 0xf3, 0xac, 0xfa, 0x9f, 0xbb, 0x53, 0x58, 0xe6, 0x65, 0xbc, 0x18, 0x80, 0x0e, 0xbe, 0xb7,
];
const ALLOCATE: u16 = 0x0003;
const DATA_INDICATION: u16 = 0x0017;
const SUCCESS: u16 = 0x0100;
const ERROR: u16 = 0x0110;
/// Requests that wait for an answer, the latest last.
const REMEMBERED: usize = 8;

type Asked = (u16, [u8; 12]);

/// The method and transaction of a request.
fn request(payload: &[u8]) -> Option<Asked> {
    let kind = u16::from_be_bytes(*payload.first_chunk()?);
    let is_request = kind < 0x4000 && kind & 0x0110 == 0;
    is_request.then_some(())?;
    Some((kind, payload.get(8..20)?.try_into().ok()?))
}

/// The transaction of a check that is wrapped for the relay to pass on.
fn wrapped(payload: &[u8]) -> Option<[u8; 12]> {
    let behind = payload.get(8..)?;
    let cookie = behind.windows(4).position(|part| part == COOKIE)?;
    behind.get(cookie + 4..cookie + 16)?.try_into().ok()
}

/// A Data indication with what a peer sent.
fn of_peer(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut attributes = Vec::new();
    xor(&mut attributes, 0x0012, [192, 0, 2, 3], 6000);
    push(&mut attributes, 0x0013, payload);
    message(DATA_INDICATION, &[kind; 12], &attributes, None)
}

/// XOR-RELAYED-ADDRESS and the like, IPv4.
fn xor(attributes: &mut Vec<u8>, attribute: u16, host: [u8; 4], port: u16) {
    let mut value = vec![0, 1];
    value.extend((port ^ 0x2112).to_be_bytes());
    value.extend(host.iter().zip(COOKIE).map(|(a, b)| a ^ b));
    push(attributes, attribute, &value);
}

/// What an answer to this method says when all is well.
fn granted(method: u16) -> Vec<u8> {
    let mut attributes = Vec::new();
    if method == ALLOCATE {
        xor(&mut attributes, 0x0016, [192, 0, 2, 9], 50_000);
        xor(&mut attributes, 0x0020, [192, 0, 2, 8], 40_000);
    }
    push(&mut attributes, 0x000d, &[0, 0, 2, 88]);
    attributes
}

fuzz_target!(|input: &[u8]| {
    let start = Instant::now();
    let address = |host: u8, port: u16| -> SocketAddr { ([192, 0, 2, host], port).into() };
    let (local, relay) = (address(1, 5000), address(2, 3478));
    let mut agent = PathAgent::new(start, &[local], [7; 32], PathConfig::default());
    let hides = input.first().is_some_and(|first| first & 1 == 1);
    if hides {
        agent.set_privacy(start, Privacy::RelayOnly);
    }
    agent.add_relay(start, relay, RELAY_USER, RELAY_PASSWORD);
    let candidates = ["candidate:1 1 udp 2130706431 192.0.2.3 6000 typ host"];
    let description = PathDescription::new(PEER_UFRAG, PEER_PWD, &candidates).expect("in order");
    agent
        .add_peer(start, PeerId(1), &description, true)
        .expect("the first peer");
    let own = serde_json::to_value(agent.local_description()).expect("can be written");
    let (ufrag, pwd) = (own["ufrag"].as_str(), own["pwd"].as_str());
    let (ufrag, pwd) = ufrag.zip(pwd).expect("credentials are there");

    let mut now = start;
    let mut asked: Vec<Asked> = Vec::new();
    let mut checked = [0; 12];
    let mut rest = input.get(1..).unwrap_or_default();
    // Each datagram: what it is, how long it is, how much later it comes.
    while let [kind, length, pause, behind @ ..] = rest {
        let (body, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        rest = behind;
        now += Duration::from_millis(u64::from(*pause) * 4);
        agent.handle_timeout(now);
        while let Some(transmit) = agent.poll_transmit() {
            // Whoever hides sends to the relay and to nobody else.
            assert!(!hides || transmit.remote == relay, "sent around the relay");
            if let Some(transaction) = wrapped(&transmit.payload) {
                checked = transaction;
            }
            if transmit.remote == relay
                && let Some(request) = request(&transmit.payload)
                && !asked.contains(&request)
            {
                asked.push(request);
                let drop = asked.len().saturating_sub(REMEMBERED);
                asked.drain(..drop);
            }
        }
        let back = usize::from(*kind / 16) % REMEMBERED;
        let pending = asked
            .len()
            .checked_sub(1 + back)
            .and_then(|at| asked.get(at));
        let (method, transaction) = pending.copied().unwrap_or((ALLOCATE, [0; 12]));
        let payload = match kind % 11 {
            0 => body.to_vec(),
            1 => {
                let mut attributes = Vec::new();
                push(
                    &mut attributes,
                    0x0009,
                    &[0, 0, 4, if kind & 32 == 0 { 1 } else { 38 }],
                );
                push(&mut attributes, 0x0014, b"lab");
                push(&mut attributes, 0x0015, b"a nonce of the relay");
                attributes.extend(body);
                message(ERROR | method, &transaction, &attributes, None)
            }
            2 => {
                let mut attributes = granted(method);
                attributes.extend(body);
                message(
                    SUCCESS | method,
                    &transaction,
                    &attributes,
                    Some(&RELAY_KEY),
                )
            }
            3 => message(SUCCESS | method, &transaction, body, Some(&RELAY_KEY)),
            4 => message(ERROR | method, &transaction, body, Some(&RELAY_KEY)),
            5 => of_peer(*kind, body),
            6 => {
                let mut datagram = vec![0x40, kind / 16];
                datagram.extend((body.len() as u16).to_be_bytes());
                datagram.extend(body);
                datagram
            }
            7 => message(DATA_INDICATION, &[*kind; 12], body, None),
            8 => {
                // A peer's check through the relay.
                let mut check = Vec::new();
                push(
                    &mut check,
                    USERNAME,
                    format!("{ufrag}:{PEER_UFRAG}").as_bytes(),
                );
                check.extend(body);
                let check = message(0x0001, &[*kind; 12], &check, Some(pwd.as_bytes()));
                of_peer(*kind, &check)
            }
            9 => {
                // Its answer to our check.
                let mut attributes = Vec::new();
                xor(&mut attributes, 0x0020, [192, 0, 2, 9], 50_000);
                attributes.extend(body);
                let key = Some(PEER_PWD.as_bytes());
                of_peer(*kind, &message(SUCCESS | 1, &checked, &attributes, key))
            }
            _ => {
                agent.send_media(now, PeerId(1), body);
                continue;
            }
        };
        let _ = agent.handle_packet(now, local, relay, &payload);
        while agent.poll_event().is_some() {}
        while agent.poll_media().is_some() {}
        let _ = (agent.poll_timeout(), agent.route(PeerId(1)));
    }
    for _ in 0..4 {
        now += Duration::from_secs(5);
        agent.handle_timeout(now);
        while let Some(transmit) = agent.poll_transmit() {
            assert!(!hides || transmit.remote == relay, "sent around the relay");
        }
        while agent.poll_event().is_some() {}
    }
    agent.close(now);
});
