//! Who may use the relay.

use super::*;

#[test]
fn a_participant_of_a_call_gets_an_allocation() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let relayed = world.allocate(client(1), &alice);
    assert_eq!(relayed.ip(), RELAY);
    assert_eq!(world.machine.relayed[&relayed], client(1));
    // The same participant, asked again: the same id.
    assert_eq!(world.admit("call", 1).username, alice.username);
    assert_ne!(world.admit("call", 2).username, alice.username);
    assert_ne!(world.admit("other", 1).username, alice.username);
}

#[test]
fn whoever_shows_nothing_gets_a_small_challenge_and_leaves_no_trace() {
    let mut world = World::new();
    let request = compose(kind::ALLOCATE, [1; 12], &[UDP], None, false).unwrap();
    for source in 0..20_000_u32 {
        let from = SocketAddr::from((source.to_be_bytes(), 9));
        let sent = world.receive(from, &request).unwrap();
        assert_eq!(sent.code(), Some(401));
        assert!(sent.data.len() <= 64, "{}", sent.data.len());
    }
    assert!(world.machine.clients.is_empty() && world.machine.participants.is_empty());
    assert!(world.closed().is_empty());
}

#[test]
fn one_source_gets_no_more_than_its_rate() {
    let mut world = World::new();
    let request = compose(kind::ALLOCATE, [1; 12], &[UDP], None, false).unwrap();
    let answers = |world: &mut World| {
        let answered = |_: &i32| world.receive(client(1), &request).is_some();
        (0..10_000).filter(answered).count()
    };
    assert_eq!(answers(&mut world), 400);
    world.pass(Duration::from_secs(1));
    assert_eq!(answers(&mut world), 100);
}

#[test]
fn indications_and_channel_data_of_strangers_get_nothing() {
    let mut world = World::new();
    assert_eq!(world.send(client(1), address("203.0.113.9:9"), b"x"), None);
    assert_eq!(world.channel(client(1), 0x4000, b"x"), None);
}

#[test]
fn expired_credentials_are_refused() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    world.pass(Duration::from_secs(3600));
    let sent = world.ask(client(1), kind::ALLOCATE, &[UDP], &alice);
    assert_eq!(sent.code(), Some(401));
}

#[test]
fn an_allocation_outlives_its_credentials_while_the_call_lives() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    world.allocate(client(1), &alice);
    for _ in 0..8 {
        world.pass(Duration::from_secs(500));
        let sent = world.ask(client(1), kind::REFRESH, &[], &alice);
        assert!(sent.succeeded(), "{:?}", sent.code());
    }
    let sent = world.ask(client(2), kind::ALLOCATE, &[UDP], &alice);
    assert_eq!(sent.code(), Some(401));
}

#[test]
fn foreign_credentials_are_refused() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let id = alice.username.split_once(':').unwrap().1.to_owned();
    let expiry = world.now.unix + 3600;
    let foreign = [
        // Of a call that never was.
        Credentials::new(SECRET, expiry, "00112233445566778899aabbccddeeff"),
        Credentials::new(SECRET, expiry, ""),
        // Of another server.
        Credentials::new(b"another secret", expiry, &id),
        // With a name that was made longer-lived afterwards.
        Credentials {
            username: username(expiry + 1, &id),
            key: alice.key.clone(),
        },
        // The name alone.
        Credentials {
            username: alice.username.clone(),
            key: long_term_key(&alice.username, ""),
        },
        Credentials {
            username: id,
            key: alice.key.clone(),
        },
    ];
    for who in foreign {
        let sent = world.ask(client(1), kind::ALLOCATE, &[UDP], &who);
        assert_eq!(sent.code(), Some(401), "{}", who.username);
    }
    assert!(world.machine.clients.is_empty());
}

#[test]
fn credentials_end_with_the_participation_and_with_the_call() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let bob = world.admit("call", 2);
    let carol = world.admit("call", 3);
    let relayed = world.allocate(client(1), &alice);
    world.allocate(client(2), &bob);
    world.machine.dismiss(&call("call"), SessionId(1));
    assert_eq!(world.closed(), [relayed]);
    assert_eq!(world.machine.clients.len(), 1);
    world.machine.dismiss(&call("call"), SessionId(1));
    world.machine.dismiss(&call("other"), SessionId(2));
    assert!(world.closed().is_empty());
    world.machine.end_call(&call("call"));
    assert_eq!(world.closed().len(), 1);
    for (number, who) in [(1, alice), (2, bob), (3, carol)] {
        let sent = world.ask(client(number), kind::ALLOCATE, &[UDP], &who);
        assert_eq!(sent.code(), Some(401));
    }
    assert_eq!(world.machine.sizes(), (0, 0));
}

#[test]
fn the_next_call_of_the_same_pair_has_other_credentials() {
    let mut world = World::new();
    let before = world.admit("call", 1);
    world.machine.end_call(&call("call"));
    let after = world.admit("call", 1);
    let sent = world.ask(client(1), kind::ALLOCATE, &[UDP], &before);
    assert_eq!(sent.code(), Some(401));
    world.allocate(client(1), &after);
}

#[test]
fn replayed_requests_are_refused() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let nonce = world.nonce(client(1));
    let request = world.signed(kind::ALLOCATE, &[UDP], &alice, &nonce);
    // From elsewhere: the nonce was not given to that address.
    let sent = world.receive(client(2), &request).unwrap();
    assert_eq!(sent.code(), Some(438));
    let other_port = SocketAddr::new(client(1).ip(), 1);
    assert_eq!(
        world.receive(other_port, &request).unwrap().code(),
        Some(438)
    );
    // Later.
    world.pass(Duration::from_secs(601));
    let sent = world.receive(client(1), &request).unwrap();
    assert_eq!(sent.code(), Some(438));
    let fresh = Framed::parse(&sent.data).unwrap();
    let fresh = fresh.attribute(attribute::NONCE).unwrap().to_vec();
    let request = world.signed(kind::ALLOCATE, &[UDP], &alice, &fresh);
    assert!(world.receive(client(1), &request).unwrap().succeeded());
}

#[test]
fn a_lost_answer_is_given_again_and_another_allocation_is_not() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let nonce = world.nonce(client(1));
    let request = world.signed(kind::ALLOCATE, &[UDP], &alice, &nonce);
    let first = world.receive(client(1), &request);
    assert!(first.as_ref().is_some_and(Sent::succeeded));
    assert_eq!(world.receive(client(1), &request), first);
    let sent = world.ask(client(1), kind::ALLOCATE, &[UDP], &alice);
    assert_eq!(sent.code(), Some(437));
}

#[test]
fn an_allocation_is_its_owners_only() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let bob = world.admit("call", 2);
    world.allocate(client(1), &alice);
    for method in [kind::REFRESH, kind::CREATE_PERMISSION, kind::CHANNEL_BIND] {
        let sent = world.ask(client(1), method, &[], &bob);
        assert_eq!(sent.code(), Some(441));
        let sent = world.ask(client(2), method, &[], &bob);
        assert_eq!(sent.code(), Some(437));
    }
    let sent = world.ask(client(1), kind::ALLOCATE, &[UDP], &bob);
    assert_eq!(sent.code(), Some(437));
}

#[test]
fn what_a_request_lacks_is_said() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let asks: [(&[Attribute<'_>], u16); 6] = [
        (&[], 400),
        (&[(attribute::REQUESTED_TRANSPORT, &[])], 400),
        (&[(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0])], 442),
        (&[UDP, (attribute::DONT_FRAGMENT, &[])], 420),
        (&[UDP, (attribute::EVEN_PORT, &[0x80])], 508),
        (&[UDP, (attribute::RESERVATION_TOKEN, &[0; 8])], 508),
    ];
    for (attributes, code) in asks {
        let sent = world.ask(client(1), kind::ALLOCATE, attributes, &alice);
        assert_eq!(sent.code(), Some(code), "{attributes:?}");
        assert!(Framed::parse(&sent.data).unwrap().has_integrity);
    }
    // Integrity, but nothing to check it with.
    let request = compose(kind::ALLOCATE, [3; 12], &[UDP], Some(&alice.key), false).unwrap();
    assert_eq!(
        world.receive(client(1), &request).unwrap().code(),
        Some(400)
    );
    // An unknown attribute that must be understood.
    let attributes: [(u16, &[u8]); 2] = [UDP, (0x7abc, &[])];
    let sent = world.ask(client(1), kind::ALLOCATE, &attributes, &alice);
    assert_eq!(sent.code(), Some(420));
    assert!(world.machine.clients.is_empty());
    assert!(
        world
            .machine
            .participants
            .values()
            .all(|p| p.clients.is_empty())
    );
}
