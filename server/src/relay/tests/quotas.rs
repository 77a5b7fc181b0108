//! What one client, one participant and everybody may have.

use super::*;

#[test]
fn a_participant_has_so_many_allocations() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    for number in 0..4 {
        world.allocate(client(number), &alice);
    }
    let sent = world.ask(client(4), kind::ALLOCATE, &[UDP], &alice);
    assert_eq!(sent.code(), Some(486));
    let bob = world.admit("call", 2);
    world.allocate(client(5), &bob);
    // One given up makes room.
    let gone = world.ask(
        client(0),
        kind::REFRESH,
        &[(attribute::LIFETIME, &[0; 4])],
        &alice,
    );
    assert!(gone.succeeded());
    assert_eq!(world.closed().len(), 1);
    world.allocate(client(4), &alice);
}

#[test]
fn everybody_together_has_so_many_allocations() {
    let mut world = World::with(Peers::default(), |limits| limits.total = 10);
    for number in 0..10 {
        let who = world.admit("call", u64::from(number));
        world.allocate(client(number), &who);
    }
    let who = world.admit("call", 10);
    let sent = world.ask(client(10), kind::ALLOCATE, &[UDP], &who);
    assert_eq!(sent.code(), Some(508));
    assert_eq!(world.machine.clients.len(), 10);
}

#[test]
fn a_socket_that_cannot_be_opened_leaves_nothing_behind() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let nonce = world.nonce(client(1));
    let request = world.signed(kind::ALLOCATE, &[UDP], &alice, &nonce);
    let mut out = Vec::new();
    let step = world
        .machine
        .handle_datagram(&request, client(1), world.now, &mut out);
    assert!(matches!(step, Step::Open(..)));
    let error = turn_server_proto::api::SocketAllocateError::InsufficientCapacity;
    let step = world
        .machine
        .handle_opened(client(1), Err(error), world.now, &mut out);
    let Step::Send(route) = step else {
        panic!("{step:?}");
    };
    assert_eq!(Sent { route, data: out }.code(), Some(508));
    assert!(world.machine.clients.is_empty() && world.closed().is_empty());
    world.allocate(client(1), &alice);
}

#[test]
fn an_allocation_has_so_many_permissions_and_channels() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    world.allocate(client(1), &alice);
    let peer = |number: u8| SocketAddr::from(([8, 8, 8, number], 9));
    let many: Vec<_> = (0..64).map(peer).collect();
    for some in many.chunks(16) {
        world.pass(Duration::from_secs(1));
        assert!(world.permit(client(1), &alice, some).succeeded());
    }
    assert_eq!(
        world.permit(client(1), &alice, &[peer(64)]).code(),
        Some(508)
    );
    assert_eq!(
        world.bind(client(1), &alice, 0x4000, peer(64)).code(),
        Some(508)
    );
    assert!(world.permit(client(1), &alice, &many[..1]).succeeded());
    for number in 0..64_u8 {
        world.pass(Duration::from_millis(100));
        let channel = 0x4000 + u16::from(number);
        assert!(
            world
                .bind(client(1), &alice, channel, peer(number))
                .succeeded()
        );
    }
    assert_eq!(
        world.bind(client(1), &alice, 0x4100, peer(1)).code(),
        Some(508)
    );
    // What has expired makes room.
    world.pass(Duration::from_secs(301));
    assert!(world.ask(client(1), kind::REFRESH, &[], &alice).succeeded());
    assert!(world.permit(client(1), &alice, &[peer(64)]).succeeded());
}

#[test]
fn bandwidth_holds_under_a_flood_in_both_directions() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let relayed = world.allocate(client(1), &alice);
    let peer = address("203.0.113.200:7000");
    assert!(world.bind(client(1), &alice, 0x4000, peer).succeeded());
    let data = [7; 1000];
    let count = |world: &mut World| {
        let up = (0..1000).filter(|_| world.channel(client(1), 0x4000, &data).is_some());
        let up = up.count();
        let down = (0..1000).filter(|_| world.arrive(relayed, peer, &data).is_some());
        (up, down.count())
    };
    assert_eq!(count(&mut world), (10, 10));
    world.pass(Duration::from_millis(500));
    assert_eq!(count(&mut world), (5, 5));
    world.pass(Duration::from_secs(60));
    assert_eq!(count(&mut world), (10, 10));
}

#[test]
fn allocations_end_unless_they_are_refreshed() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let hour: (u16, &[u8]) = (attribute::LIFETIME, &[0, 0, 14, 16]);
    let sent = world.ask(client(1), kind::ALLOCATE, &[UDP, hour], &alice);
    let answer = Framed::parse(&sent.data).unwrap();
    assert_eq!(
        answer.attribute(attribute::LIFETIME),
        Some(&[0, 0, 2, 88][..])
    );
    world.pass(Duration::from_secs(590));
    let sent = world.ask(client(1), kind::REFRESH, &[hour], &alice);
    let answer = Framed::parse(&sent.data).unwrap();
    assert_eq!(
        answer.attribute(attribute::LIFETIME),
        Some(&[0, 0, 2, 88][..])
    );
    world.pass(Duration::from_secs(590));
    world.machine.handle_timeout(world.now);
    assert_eq!(world.machine.clients.len(), 1);
    world.pass(Duration::from_secs(20));
    world.machine.handle_timeout(world.now);
    assert_eq!(world.machine.clients.len(), 0);
    assert_eq!(world.closed().len(), 1);
    assert!(world.machine.relayed.is_empty());
    // Its place in the quota is free again.
    for number in 0..4 {
        world.allocate(client(number), &alice);
    }
}

/// Both families at once are one allocation's worth of IPv4; where there is none, the same client may
/// ask for IPv6 right afterwards.
#[test]
fn another_family_is_lent_where_the_first_is_missing() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let both: (u16, &[u8]) = (attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let sent = world.ask(client(1), kind::ALLOCATE, &[UDP, both], &alice);
    assert!(sent.succeeded());
    const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    let six: (u16, &[u8]) = (REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let missing = turn_server_proto::api::SocketAllocateError::AddressFamilyNotSupported;
    let address = SocketAddr::new("2600::9".parse().unwrap(), 50_000);
    for (attributes, family, opened) in [
        (vec![UDP, both], AddressFamily::IPV4, Err(missing)),
        (vec![UDP, six], AddressFamily::IPV6, Ok(address)),
    ] {
        let nonce = world.nonce(client(2));
        let request = world.signed(kind::ALLOCATE, &attributes, &alice, &nonce);
        let mut data = Vec::new();
        let step = world
            .machine
            .handle_datagram(&request, client(2), world.now, &mut data);
        let Step::Open(who, wanted) = step else {
            panic!("{step:?}");
        };
        assert_eq!((who, wanted.family), (client(2), family));
        let step = world
            .machine
            .handle_opened(who, opened, world.now, &mut data);
        let Step::Send(route) = step else {
            panic!("{step:?}");
        };
        let sent = Sent { route, data };
        match opened {
            Ok(_) => assert!(sent.succeeded()),
            Err(_) => assert_eq!(sent.code(), Some(440)),
        }
    }
    assert!(world.machine.relayed.contains_key(&address));
}
