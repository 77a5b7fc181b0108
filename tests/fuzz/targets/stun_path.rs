//! Datagrams to a path agent: noise, answers of STUN servers, and checks that carry the right
//! message integrity around whatever attributes.
#![no_main]

mod stun_message;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cooee_core::path::{PathAgent, PathConfig, PathDescription, PeerId};
use libfuzzer_sys::fuzz_target;

use stun_message::{USERNAME, message, push};

const PEER_UFRAG: &str = "Wq3k";
const PEER_PWD: &str = "5mJt0o7w9nJm0mF3o1yq3lqz";

/// The transaction of a STUN request that the agent sent.
fn transaction(payload: &[u8]) -> Option<[u8; 12]> {
    payload.get(8..20)?.try_into().ok()
}

fuzz_target!(|input: &[u8]| {
    let start = Instant::now();
    let address = |host: u8, port: u16| -> SocketAddr { ([192, 0, 2, host], port).into() };
    let (local, server, peer) = (address(1, 5000), address(2, 3478), address(3, 6000));
    let mut agent = PathAgent::new(start, &[local], [7; 32], PathConfig::default());
    agent.gather(start, &[server]);
    let candidates = ["candidate:1 1 udp 2130706431 192.0.2.3 6000 typ host"];
    let description = PathDescription::new(PEER_UFRAG, PEER_PWD, &candidates).expect("in order");
    agent
        .add_peer(start, PeerId(1), &description, true)
        .expect("the first peer");
    let own = serde_json::to_value(agent.local_description()).expect("can be written");
    let (ufrag, pwd) = (own["ufrag"].as_str(), own["pwd"].as_str());
    let (ufrag, pwd) = ufrag.zip(pwd).expect("credentials are there");

    let mut now = start;
    let mut asked_server = [0; 12];
    let mut asked_peer = [0; 12];
    let mut rest = input;
    // Each datagram: what it is, how long it is, how much later it comes.
    while let [kind, length, pause, behind @ ..] = rest {
        let (body, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        rest = behind;
        now += Duration::from_millis(u64::from(*pause) * 4);
        agent.handle_timeout(now);
        while let Some(transmit) = agent.poll_transmit() {
            if let Some(transaction) = transaction(&transmit.payload) {
                if transmit.remote == server {
                    asked_server = transaction;
                } else {
                    asked_peer = transaction;
                }
            }
        }
        let (remote, payload) = match kind % 8 {
            0 => (address(9, 9), body.to_vec()),
            1 => (peer, body.to_vec()),
            2 => (server, message(0x0101, &asked_server, body, None)),
            3 => (server, message(0x0111, &asked_server, body, None)),
            4 | 5 => {
                let mut attributes = Vec::new();
                push(
                    &mut attributes,
                    USERNAME,
                    format!("{ufrag}:{PEER_UFRAG}").as_bytes(),
                );
                attributes.extend(body);
                let remote = if kind % 8 == 4 {
                    peer
                } else {
                    address(4, 7000)
                };
                (
                    remote,
                    message(0x0001, &[*kind; 12], &attributes, Some(pwd.as_bytes())),
                )
            }
            6 => (
                peer,
                message(0x0101, &asked_peer, body, Some(PEER_PWD.as_bytes())),
            ),
            _ => (
                peer,
                message(0x0111, &asked_peer, body, Some(PEER_PWD.as_bytes())),
            ),
        };
        let _ = agent.handle_packet(now, local, remote, &payload);
        while agent.poll_event().is_some() {}
        let _ = (
            agent.poll_timeout(),
            agent.route(PeerId(1)),
            agent.round_trip_time(PeerId(1)),
        );
    }
    for _ in 0..4 {
        now += Duration::from_secs(5);
        agent.handle_timeout(now);
        while agent.poll_transmit().is_some() {}
        while agent.poll_event().is_some() {}
    }
});
