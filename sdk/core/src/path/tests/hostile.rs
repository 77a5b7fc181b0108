//! What strangers, and participants who mean harm, can send.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytecodec::EncodeExt;
use is::stun::{StunMessage, TransId};
use is::{DefaultSha1HmacProvider, Sha1HmacProvider};
use proptest::prelude::*;
use stun_codec::rfc5389::{Attribute, attributes::XorMappedAddress, methods::BINDING};
use stun_codec::{Message, MessageClass, MessageEncoder, TransactionId};

use crate::path::{Inbound, PathAgent, PathConfig, PathDescription, PeerId};

const PEER_PWD: &str = "0123456789012345678901";

fn local() -> SocketAddr {
    "192.0.2.1:5000".parse().unwrap()
}

fn peer_address() -> SocketAddr {
    "203.0.113.9:10100".parse().unwrap()
}

fn server() -> SocketAddr {
    "198.51.100.1:3478".parse().unwrap()
}

/// An agent with a peer and a STUN request in flight, and everything it sent taken away.
fn busy_agent(now: Instant) -> (PathAgent, Vec<Vec<u8>>) {
    let mut agent = PathAgent::new(now, &[local()], [7; 32], PathConfig::default());
    let lines = ["candidate:1 1 udp 2113929471 203.0.113.9 10100 typ host"];
    let peer = PathDescription::new("theirs", PEER_PWD, &lines).unwrap();
    agent.gather(now, &[server()]);
    agent.add_peer(now, PeerId(1), &peer, true).unwrap();
    agent.handle_timeout(now + Duration::from_millis(20));
    let sent = std::iter::from_fn(|| agent.poll_transmit())
        .map(|t| t.payload)
        .collect();
    (agent, sent)
}

fn check(agent: &PathAgent, from: &str, pwd: &str) -> Vec<u8> {
    let username = format!("{}:{from}", agent.local_description().ufrag());
    let message = StunMessage::binding_request(&username, TransId::new(), false, 1, 100, false);
    let mut bytes = vec![0; 500];
    let hmac = |key: &[u8], parts: &[&[u8]]| DefaultSha1HmacProvider.sha1_hmac(key, parts);
    let len = message
        .to_bytes(Some(pwd.as_bytes()), &mut bytes, hmac)
        .unwrap();
    bytes.truncate(len);
    bytes
}

fn own_pwd(agent: &PathAgent) -> String {
    let value = serde_json::to_value(agent.local_description()).unwrap();
    value["pwd"].as_str().unwrap().to_owned()
}

fn assert_ignored(agent: &mut PathAgent, now: Instant, source: SocketAddr, payload: &[u8]) {
    let strays = agent.stats().stray;
    assert_eq!(
        agent.handle_packet(now, local(), source, payload),
        Inbound::Stray
    );
    assert_eq!(agent.stats().stray, strays + 1);
    assert_eq!(agent.poll_transmit(), None);
}

#[test]
fn the_reference_check_is_answered() {
    let now = Instant::now();
    let (mut agent, _) = busy_agent(now);
    let genuine = check(&agent, "theirs", &own_pwd(&agent));
    let inbound = agent.handle_packet(now, local(), peer_address(), &genuine);
    assert_eq!(inbound, Inbound::Handled);
    let answer = agent.poll_transmit().unwrap();
    assert_eq!((answer.local, answer.remote), (local(), peer_address()));
    // Media may follow at once.
    let inbound = agent.handle_packet(now, local(), peer_address(), &[0x80, 1, 2]);
    assert_eq!(inbound, Inbound::Media(PeerId(1)));
}

#[test]
fn checks_that_are_not_authentic_are_not_answered() {
    let now = Instant::now();
    let (mut agent, _) = busy_agent(now);
    let pwd = own_pwd(&agent);
    let wrong_password = check(&agent, "theirs", "wrongwrongwrongwrongwrong");
    let stranger = check(&agent, "nobody", &pwd);
    let genuine = check(&agent, "theirs", &pwd);
    assert_ignored(&mut agent, now, peer_address(), &wrong_password);
    assert_ignored(&mut agent, now, peer_address(), &stranger);
    // Without its integrity and fingerprint.
    let mut bare = genuine[..genuine.len() - 32].to_vec();
    let length = (bare.len() as u16 - 20).to_be_bytes();
    bare[2..4].copy_from_slice(&length);
    assert_ignored(&mut agent, now, peer_address(), &bare);
    // On a socket that is not ours.
    let elsewhere = "192.0.2.7:5000".parse().unwrap();
    let inbound = agent.handle_packet(now, elsewhere, peer_address(), &genuine);
    assert_eq!(inbound, Inbound::Stray);
    assert_eq!(agent.poll_transmit(), None);
}

#[test]
fn media_from_unknown_addresses_is_stray() {
    let now = Instant::now();
    let (mut agent, _) = busy_agent(now);
    // Even from the peer's candidate: nothing has been verified along that way yet.
    assert_ignored(&mut agent, now, peer_address(), &[0x80; 50]);
    assert_ignored(&mut agent, now, server(), &[0x80; 50]);
    assert_ignored(&mut agent, now, peer_address(), &[]);
    assert_ignored(&mut agent, now, peer_address(), &[64; 50]);
}

#[test]
fn a_participant_cannot_fill_our_memory_with_addresses() {
    let now = Instant::now();
    let (mut agent, _) = busy_agent(now);
    let genuine = check(&agent, "theirs", &own_pwd(&agent));
    let mut handled = 0;
    for port in 1..2000 {
        let source = SocketAddr::new("203.0.113.77".parse().unwrap(), port);
        if agent.handle_packet(now, local(), source, &genuine) == Inbound::Handled {
            handled += 1;
        }
        while agent.poll_transmit().is_some() {}
    }
    assert_eq!(handled, 96);
    assert!(agent.stats().stray >= 1900);
}

#[test]
fn answers_count_once_and_from_the_right_place() {
    let now = Instant::now();
    let (mut agent, sent) = busy_agent(now);
    let request = sent.iter().find(|p| p.len() > 20).unwrap();
    let id: [u8; 12] = request[8..20].try_into().unwrap();
    let answer = signed_answer(id, local());
    assert_ignored(&mut agent, now, server(), &answer);
    let inbound = agent.handle_packet(now, local(), peer_address(), &answer);
    assert_eq!(inbound, Inbound::Handled);
    while agent.poll_transmit().is_some() {}
    assert_ignored(&mut agent, now, peer_address(), &answer);
}

/// A success response with the peer's password: what stun_codec's encoder makes of it.
fn signed_answer(id: [u8; 12], mapped: SocketAddr) -> Vec<u8> {
    use stun_codec::rfc5389::attributes::MessageIntegrity;
    let mut message = Message::<Attribute>::new(
        MessageClass::SuccessResponse,
        BINDING,
        TransactionId::new(id),
    );
    message.add_attribute(XorMappedAddress::new(mapped));
    let integrity = MessageIntegrity::new_short_term_credential(&message, PEER_PWD).unwrap();
    message.add_attribute(integrity);
    MessageEncoder::new().encode_into_bytes(message).unwrap()
}

fn plain_answer(id: [u8; 12], mapped: SocketAddr) -> Vec<u8> {
    let mut message = Message::<Attribute>::new(
        MessageClass::SuccessResponse,
        BINDING,
        TransactionId::new(id),
    );
    message.add_attribute(XorMappedAddress::new(mapped));
    MessageEncoder::new().encode_into_bytes(message).unwrap()
}

#[test]
fn stun_answers_are_taken_from_the_server_that_was_asked() {
    let now = Instant::now();
    let mapped = "203.0.113.1:7".parse().unwrap();
    let (mut agent, sent) = busy_agent(now);
    let id: [u8; 12] = sent.iter().find(|p| p.len() == 20).unwrap()[8..20]
        .try_into()
        .unwrap();
    let answer = plain_answer(id, mapped);
    assert_ignored(&mut agent, now, peer_address(), &answer);
    assert_ignored(&mut agent, now, server(), &plain_answer([1; 12], mapped));
    let nonsense = plain_answer(id, "224.0.0.1:7".parse().unwrap());
    assert_ignored(&mut agent, now, server(), &nonsense);
    let inbound = agent.handle_packet(now, local(), server(), &answer);
    assert_eq!(inbound, Inbound::Handled);
    assert_eq!(agent.default_address(), Some(mapped));
    assert_ignored(&mut agent, now, server(), &answer);
}

#[test]
fn queues_do_not_grow_without_a_reader() {
    let now = Instant::now();
    let (mut agent, _) = busy_agent(now);
    let genuine = check(&agent, "theirs", &own_pwd(&agent));
    for _ in 0..3000 {
        agent.handle_packet(now, local(), peer_address(), &genuine);
    }
    let waiting = std::iter::from_fn(|| agent.poll_transmit()).count();
    assert_eq!(waiting, 1024);
    assert!(agent.stats().transmits_dropped >= 1900);
}

#[test]
fn early_checks_are_few_and_authentic() {
    let now = Instant::now();
    let mut agent = PathAgent::new(now, &[local()], [7; 32], PathConfig::default());
    let good = check(&agent, "later1", &own_pwd(&agent));
    let forged = check(&agent, "later1", "wrongwrongwrongwrongwrong");
    let elsewhere = SocketAddr::new("203.0.113.8".parse().unwrap(), 9);
    assert_ignored(&mut agent, now, elsewhere, &forged);
    for port in 1..2000 {
        let source = SocketAddr::new("203.0.113.77".parse().unwrap(), port);
        assert_ignored(&mut agent, now, source, &good);
    }
    let none: [&str; 0] = [];
    let peer = PathDescription::new("later1", PEER_PWD, &none).unwrap();
    agent.add_peer(now, PeerId(1), &peer, true).unwrap();
    let answered: Vec<SocketAddr> = std::iter::from_fn(|| agent.poll_transmit())
        .filter(|t| t.payload.starts_with(&[0x01, 0x01]))
        .map(|t| t.remote)
        .collect();
    assert_eq!(answered.len(), 32);
    assert!(!answered.contains(&elsewhere));
}

#[test]
fn old_early_checks_are_forgotten() {
    let now = Instant::now();
    let mut agent = PathAgent::new(now, &[local()], [7; 32], PathConfig::default());
    let good = check(&agent, "later1", &own_pwd(&agent));
    assert_ignored(&mut agent, now, peer_address(), &good);
    let none: [&str; 0] = [];
    let peer = PathDescription::new("later1", PEER_PWD, &none).unwrap();
    let later = now + Duration::from_secs(4);
    agent.add_peer(later, PeerId(1), &peer, true).unwrap();
    assert_eq!(agent.poll_transmit(), None);
}

/// STUN-shaped: a right header around arbitrary attributes.
fn stun_like() -> impl Strategy<Value = Vec<u8>> {
    let attributes = proptest::collection::vec(
        (
            prop_oneof![
                Just(0x0001_u16),
                Just(0x0006),
                Just(0x0008),
                Just(0x0009),
                Just(0x000a),
                Just(0x0020),
                Just(0x0024),
                Just(0x0025),
                Just(0x8022),
                Just(0x8028),
                Just(0x8029),
                Just(0x802a),
                any::<u16>()
            ],
            proptest::collection::vec(any::<u8>(), 0..40),
            any::<bool>(),
        ),
        0..6,
    );
    let kinds = prop_oneof![
        Just(0x0001_u16),
        Just(0x0011),
        Just(0x0101),
        Just(0x0111),
        0_u16..0x4000
    ];
    (kinds, any::<[u8; 12]>(), attributes).prop_map(|(kind, id, attributes)| {
        let mut body = Vec::new();
        for (code, value, lie) in attributes {
            body.extend(code.to_be_bytes());
            let length = value.len() as u16 + if lie { 9 } else { 0 };
            body.extend(length.to_be_bytes());
            body.extend(&value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend((body.len() as u16).to_be_bytes());
        bytes.extend([0x21, 0x12, 0xa4, 0x42]);
        bytes.extend(id);
        bytes.extend(body);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_cause_nothing(
        packets in proptest::collection::vec(
            prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), stun_like()],
            1..8
        ),
        source in prop_oneof![Just(peer_address()), Just(server()), any::<SocketAddr>()],
    ) {
        let now = Instant::now();
        let (mut agent, _) = busy_agent(now);
        for packet in packets {
            prop_assert_eq!(
                agent.handle_packet(now, local(), source, &packet),
                Inbound::Stray
            );
            prop_assert_eq!(agent.poll_transmit(), None);
        }
    }

    #[test]
    fn answers_with_a_known_transaction_and_arbitrary_contents_do_no_harm(
        mut packet in stun_like(),
        from_server in any::<bool>(),
        success in any::<bool>(),
    ) {
        let now = Instant::now();
        let (mut agent, sent) = busy_agent(now);
        let request = sent.iter().find(|p| (p.len() == 20) == from_server).unwrap();
        packet[..2].copy_from_slice(if success { &[1, 1] } else { &[1, 0x11] });
        packet[8..20].copy_from_slice(&request[8..20]);
        let source = if from_server { server() } else { peer_address() };
        agent.handle_packet(now, local(), source, &packet);
        agent.handle_timeout(now + Duration::from_millis(30));
        prop_assert_eq!(agent.route(PeerId(1)), None);
    }

    #[test]
    fn damaged_checks_are_not_answered(
        at in 0_usize..150,
        bit in 0_u8..8,
    ) {
        let now = Instant::now();
        let (mut agent, _) = busy_agent(now);
        let mut packet = check(&agent, "theirs", &own_pwd(&agent));
        // The fingerprint, which only tells STUN from other protocols, is not looked at.
        let protected = packet.len() - 8;
        packet[at % protected] ^= 1 << bit;
        prop_assert_eq!(
            agent.handle_packet(now, local(), peer_address(), &packet),
            Inbound::Stray
        );
        prop_assert_eq!(agent.poll_transmit(), None);
    }

    #[test]
    fn arbitrary_descriptions_never_panic(
        ufrag in ".{0,12}",
        lines in proptest::collection::vec(
            prop_oneof![
                ".{0,80}",
                "candidate:[a-z0-9]{0,8} [0-9]{1,3} (udp|tcp) [0-9]{1,10} [0-9.:a-f]{1,20} [0-9]{1,6} typ (host|srflx|relay|new)( raddr [0-9.]{1,9} rport [0-9]{1,5})?"
            ],
            0..5
        ),
    ) {
        let now = Instant::now();
        if let Ok(description) = PathDescription::new(&ufrag, PEER_PWD, &lines) {
            let (mut agent, _) = busy_agent(now);
            let _ = agent.add_peer(now, PeerId(2), &description, false);
            for step in 1..20 {
                agent.handle_timeout(now + Duration::from_millis(25 * step));
            }
        }
    }
}
