//! Where packets go, and where they do not.

use super::*;

const PEER: &str = "203.0.113.200:7000";

/// Addresses of which each is in another range that the relay must keep out of.
const FORBIDDEN: [&str; 27] = [
    "127.0.0.1:7000",
    "127.9.9.9:7000",
    "0.0.0.0:7000",
    "0.1.2.3:7000",
    "10.0.0.1:7000",
    "172.16.0.1:7000",
    "192.168.0.1:7000",
    "100.64.0.1:7000",
    "169.254.169.254:80",
    "224.0.0.251:5353",
    "255.255.255.255:7000",
    "240.0.0.1:7000",
    "198.18.0.1:7000",
    "[::1]:7000",
    "[::]:7000",
    "[fe80::1]:7000",
    "[fd00::1]:7000",
    "[ff02::fb]:5353",
    "[::ffff:127.0.0.1]:7000",
    "[::ffff:0.0.0.0]:7000",
    "[::ffff:10.0.0.1]:7000",
    "[::ffff:169.254.169.254]:80",
    "[::127.0.0.1]:7000",
    "[::ffff:0:127.0.0.1]:7000",
    "[64:ff9b::127.0.0.1]:7000",
    "[64:ff9b:1::10.0.0.1]:7000",
    "[2002:7f00:1::1]:7000",
];

#[test]
fn a_channel_carries_both_ways() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let relayed = world.allocate(client(1), &alice);
    let peer = address(PEER);
    assert!(world.bind(client(1), &alice, 0x4abc, peer).succeeded());
    assert_eq!(
        world.channel(client(1), 0x4abc, b"hello"),
        to_peer(relayed, peer, b"hello")
    );
    let sent = world.arrive(relayed, peer, b"hi").unwrap();
    assert_eq!(sent.route.to, client(1));
    assert_eq!(sent.route.via, Via::Listener);
    assert_eq!(sent.data, b"\x4a\xbc\x00\x02hi");
    // Another port of the same host has the permission, but not the channel.
    let other = address("203.0.113.200:7001");
    let sent = world.arrive(relayed, other, b"hi").unwrap();
    assert_eq!(Framed::parse(&sent.data).unwrap().peers().unwrap(), [other]);
    // Another host has neither.
    assert_eq!(
        world.arrive(relayed, address("203.0.113.201:7000"), b"hi"),
        None
    );
    assert_eq!(world.channel(client(1), 0x4abd, b"hello"), None);
}

#[test]
fn indications_carry_both_ways() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let relayed = world.allocate(client(1), &alice);
    let peer = address(PEER);
    assert_eq!(world.send(client(1), peer, b"too early"), None);
    assert!(world.permit(client(1), &alice, &[peer]).succeeded());
    assert_eq!(
        world.send(client(1), peer, b"hello"),
        to_peer(relayed, peer, b"hello")
    );
    let sent = world.arrive(relayed, peer, b"hi").unwrap();
    let framed = Framed::parse(&sent.data).unwrap();
    assert_eq!(framed.kind, 0x0017, "a Data indication");
    assert_eq!(framed.peers().unwrap(), [peer]);
    assert_eq!(framed.attribute(0x0013), Some(&b"hi"[..]));
    // Permissions end.
    world.pass(Duration::from_secs(301));
    assert_eq!(world.send(client(1), peer, b"late"), None);
    assert_eq!(world.arrive(relayed, peer, b"late"), None);
}

#[test]
fn two_allocations_of_the_relay_reach_each_other_inside() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let bob = world.admit("call", 2);
    let one = world.allocate(client(1), &alice);
    let other = world.allocate(client(2), &bob);
    assert!(world.bind(client(1), &alice, 0x4000, other).succeeded());
    assert_eq!(
        world.channel(client(1), 0x4000, b"hello"),
        None,
        "no permission"
    );
    assert!(world.permit(client(2), &bob, &[one]).succeeded());
    let sent = world.channel(client(1), 0x4000, b"hello").unwrap();
    assert_eq!(
        sent.route,
        Route {
            via: Via::Listener,
            to: client(2)
        }
    );
    assert_eq!(Framed::parse(&sent.data).unwrap().peers().unwrap(), [one]);
    assert!(world.bind(client(2), &bob, 0x4001, one).succeeded());
    let sent = world.channel(client(1), 0x4000, b"hello").unwrap();
    assert_eq!(sent.data, b"\x40\x01\x00\x05hello");
}

#[test]
fn two_allocations_reach_each_other_even_where_their_address_is_private() {
    let mut world = World::new();
    world.machine.peers.set_own([RELAY].into());
    let alice = world.admit("call", 1);
    let bob = world.admit("call", 2);
    let one = world.allocate(client(1), &alice);
    let other = world.allocate(client(2), &bob);
    assert!(world.permit(client(1), &alice, &[other]).succeeded());
    assert!(world.permit(client(2), &bob, &[one]).succeeded());
    assert!(world.send(client(1), other, b"hello").is_some());
    // But nothing else on that address, whatever the permission says of the host.
    for port in [3478, 443, 53, 59_999] {
        let peer = SocketAddr::new(RELAY, port);
        assert_eq!(world.send(client(1), peer, b"hello"), None, "{port}");
        assert_eq!(
            world.bind(client(1), &alice, 0x4000, peer).code(),
            Some(403)
        );
    }
}

#[test]
fn permissions_for_forbidden_peers_are_refused() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    world.allocate(client(1), &alice);
    for text in FORBIDDEN {
        world.pass(Duration::from_secs(1));
        let peer = address(text);
        let sent = world.permit(client(1), &alice, &[peer]);
        assert_eq!(sent.code(), Some(403), "{text}");
        // One of several spoils them all.
        let sent = world.permit(client(1), &alice, &[address(PEER), peer]);
        assert_eq!(sent.code(), Some(403), "{text}");
    }
    assert_eq!(world.send(client(1), address(PEER), b"x"), None);
}

#[test]
fn channels_to_forbidden_peers_are_refused() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    world.allocate(client(1), &alice);
    for text in FORBIDDEN {
        world.pass(Duration::from_secs(1));
        let sent = world.bind(client(1), &alice, 0x4000, address(text));
        assert_eq!(sent.code(), Some(403), "{text}");
    }
}

#[test]
fn indications_to_forbidden_peers_are_dropped() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    world.allocate(client(1), &alice);
    assert!(
        world
            .permit(client(1), &alice, &[address(PEER)])
            .succeeded()
    );
    for text in FORBIDDEN {
        assert_eq!(world.send(client(1), address(text), b"x"), None, "{text}");
    }
}

#[test]
fn what_was_allowed_and_no_longer_is_does_not_leave() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    world.allocate(client(1), &alice);
    let peer = address(PEER);
    assert!(world.bind(client(1), &alice, 0x4000, peer).succeeded());
    assert!(world.channel(client(1), 0x4000, b"x").is_some());
    // The machine has got that address since.
    world.machine.peers.set_own([peer.ip()].into());
    assert_eq!(world.channel(client(1), 0x4000, b"x"), None);
    assert_eq!(world.send(client(1), peer, b"x"), None);
}

#[test]
fn ranges_that_are_allowed_are_reached() {
    let allow = vec!["10.0.0.0/8".parse().unwrap()];
    let mut world = World::with(Peers::new(allow, vec![3478]), |_| {});
    let alice = world.admit("call", 1);
    let relayed = world.allocate(client(1), &alice);
    let peer = address("10.1.2.3:7000");
    assert!(world.permit(client(1), &alice, &[peer]).succeeded());
    assert_eq!(
        world.send(client(1), peer, b"x"),
        to_peer(relayed, peer, b"x")
    );
    assert_eq!(
        world
            .send(client(1), address("10.1.2.3:3479"), b"x")
            .map(|s| s.route.to.port()),
        Some(3479)
    );
    let sent = world.permit(client(1), &alice, &[address("127.0.0.1:7000")]);
    assert_eq!(sent.code(), Some(403));
}

#[test]
fn a_channel_number_leads_to_one_peer() {
    let mut world = World::new();
    let alice = world.admit("call", 1);
    let relayed = world.allocate(client(1), &alice);
    let (one, other) = (address(PEER), address("203.0.113.201:7000"));
    assert!(world.bind(client(1), &alice, 0x4000, one).succeeded());
    assert_eq!(
        world.bind(client(1), &alice, 0x4000, other).code(),
        Some(400)
    );
    assert_eq!(world.bind(client(1), &alice, 0x4001, one).code(), Some(400));
    for number in [0x3fff, 0x8000, 0xffff, 0] {
        let sent = world.bind(client(1), &alice, number, other);
        assert_eq!(sent.code(), Some(400), "{number:x}");
    }
    assert_eq!(
        world.channel(client(1), 0x4000, b"x"),
        to_peer(relayed, one, b"x")
    );
    // An address of the other family than the allocation's.
    let sent = world.permit(client(1), &alice, &[address("[2600::1]:7000")]);
    assert_eq!(sent.code(), Some(443));
}
