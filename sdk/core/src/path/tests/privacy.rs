//! What a peer gets to know of someone who hides behind a relay.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::path::sim::{HostId, NatKind, Network, World};
use crate::path::{Inbound, Privacy, RouteKind};

const RELAY: &str = "198.51.100.9:3478";
const STUN: &str = "198.51.100.1:3478";

fn hidden(seed: u64, nat: Option<NatKind>) -> (World, HostId, HostId) {
    let mut world = World::new(seed, Network::CLEAN);
    world.add_stun_server(STUN);
    world.add_relay(RELAY);
    let a = world.add_site(1, nat);
    let b = world.add_site(2, Some(NatKind::FullCone));
    let now = world.now;
    world.host(a).agent.set_privacy(now, Privacy::RelayOnly);
    world.capture = Some(Vec::new());
    world.use_relays(a);
    (world, a, b)
}

fn connect(world: &mut World, a: HostId, b: HostId) {
    world.gather_all();
    world.introduce(a, b);
    world
        .run_until(Duration::from_secs(5), |w| w.are_connected(a, b))
        .expect("no route");
}

/// The bytes of an address in any form in which a packet may carry it: plain, or combined with
/// the magic cookie (RFC 8489 section 14.2).
fn forms(ip: IpAddr) -> Vec<Vec<u8>> {
    let IpAddr::V4(ip) = ip else { unreachable!() };
    let plain = ip.octets();
    let cookie = [0x21, 0x12, 0xa4, 0x42];
    let combined: Vec<u8> = plain.iter().zip(cookie).map(|(p, c)| p ^ c).collect();
    vec![plain.to_vec(), combined, ip.to_string().into_bytes()]
}

fn names(payload: &[u8], ip: IpAddr) -> bool {
    forms(ip)
        .iter()
        .any(|form| payload.windows(form.len()).any(|w| w == form.as_slice()))
}

fn assert_hidden(world: &mut World, a: HostId) {
    let own: Vec<IpAddr> = ["10.1.0.2", "203.0.113.1"]
        .map(|t| t.parse().unwrap())
        .into();
    let servers: [SocketAddr; 2] = [RELAY, STUN].map(|t| t.parse().unwrap());
    let sent = world.capture.take().unwrap();
    let mut relayed = 0;
    for (host, transmit) in &sent {
        if *host == a {
            assert!(
                servers.contains(&transmit.remote),
                "sent to {}",
                transmit.remote
            );
            for ip in &own {
                assert!(!names(&transmit.payload, *ip), "{ip} is in a packet");
            }
            relayed += 1;
        }
    }
    assert!(relayed > 10);
    world.capture = Some(Vec::new());
    let description = serde_json::to_string(&world.host(a).agent.local_description()).unwrap();
    for ip in &own {
        assert!(!description.contains(&ip.to_string()), "{description}");
    }
    assert!(
        description.contains("typ relay raddr 0.0.0.0 rport 0"),
        "{description}"
    );
    assert_eq!(
        world.host(a).agent.default_address().map(|d| d.ip()),
        Some("198.51.100.9".parse().unwrap())
    );
}

#[test]
fn behind_a_relay_no_address_shows() {
    for (seed, nat) in [
        (1, None),
        (2, Some(NatKind::FullCone)),
        (3, Some(NatKind::Symmetric)),
    ] {
        let (mut world, a, b) = hidden(seed, nat);
        assert_eq!(world.host(a).agent.default_address(), None);
        assert!(
            world
                .host(a)
                .agent
                .local_description()
                .candidates()
                .is_empty()
        );
        connect(&mut world, a, b);
        world.talk(Duration::from_secs(5));
        assert_eq!(world.route(a, b).unwrap().kind, RouteKind::Relayed);
        assert_eq!(world.route(b, a).unwrap().kind, RouteKind::Relayed);
        assert!(world.host(a).media.len() > 200 && world.host(b).media.len() > 200);
        assert_hidden(&mut world, a);
        // What b knows of a is the relay.
        for (_, route) in world.selections(b, a) {
            assert_eq!(route.remote.ip().to_string(), "198.51.100.9");
        }
    }
}

#[test]
fn whoever_knows_the_address_gets_no_answer() {
    let (mut world, a, b) = hidden(1, None);
    connect(&mut world, a, b);
    world.talk(Duration::from_secs(1));
    // b learns a's address by other means and describes it to its own agent.
    let value = serde_json::to_value(world.host(a).agent.local_description()).unwrap();
    let mut lines: Vec<String> = serde_json::from_value(value["candidates"].clone()).unwrap();
    lines.push("candidate:1 1 udp 2113929471 203.0.113.1 5000 typ host".into());
    let (ufrag, pwd) = (
        value["ufrag"].as_str().unwrap(),
        value["pwd"].as_str().unwrap(),
    );
    let leaked = crate::path::PathDescription::new(ufrag, pwd, &lines).unwrap();
    let now = world.now;
    world
        .host(b)
        .agent
        .update_peer(now, a.peer(), &leaked)
        .unwrap();
    world.talk(Duration::from_secs(5));
    assert_eq!(world.route(b, a).unwrap().kind, RouteKind::Relayed);
    assert_hidden(&mut world, a);
    let (local, remote) = ("203.0.113.1:5000", "203.0.113.2:40007");
    let inbound = world.host(a).agent.handle_packet(
        now + Duration::from_secs(5),
        local.parse().unwrap(),
        remote.parse().unwrap(),
        &[0x80; 50],
    );
    assert_eq!(inbound, Inbound::Stray);
}

#[test]
fn checks_that_came_early_reveal_nothing_later() {
    let (mut world, a, b) = hidden(1, None);
    world.gather_all();
    world.tell(b, a, true);
    world.run_for(Duration::from_secs(1));
    world.tell(a, b, false);
    world
        .run_until(Duration::from_secs(5), |w| w.are_connected(a, b))
        .unwrap();
    world.talk(Duration::from_secs(1));
    assert_hidden(&mut world, a);
}

#[test]
fn once_verified_the_call_goes_direct_without_a_gap() {
    for seed in 0..5 {
        let (mut world, a, b) = hidden(seed, Some(NatKind::PortRestricted));
        connect(&mut world, a, b);
        world.talk(Duration::from_secs(2));
        assert_hidden(&mut world, a);
        let now = world.now;
        world.host(a).agent.set_privacy(now, Privacy::Direct);
        world.talk(Duration::from_secs(3));
        assert_eq!(world.route(a, b).unwrap().kind, RouteKind::Direct);
        assert_eq!(world.route(b, a).unwrap().kind, RouteKind::Direct);
        for host in [a, b] {
            let gap = world.host(host).gap;
            assert!(gap <= Duration::from_millis(100), "{gap:?}");
        }
    }
}

#[test]
fn hiding_in_mid_call_ends_the_direct_route_at_once() {
    for seed in 0..5 {
        let mut world = World::new(seed, Network::CLEAN);
        world.add_stun_server(STUN);
        world.add_relay(RELAY);
        let a = world.add_site(1, Some(NatKind::PortRestricted));
        let b = world.add_site(2, Some(NatKind::PortRestricted));
        world.use_relays(a);
        connect(&mut world, a, b);
        world.talk(Duration::from_secs(3));
        assert_eq!(world.route(a, b).unwrap().kind, RouteKind::Direct);
        let now = world.now;
        world.host(a).agent.set_privacy(now, Privacy::RelayOnly);
        while world.host(a).agent.poll_transmit().is_some() {}
        world.capture = Some(Vec::new());
        world.talk(Duration::from_secs(3));
        assert_hidden(&mut world, a);
        assert_eq!(world.route(a, b).unwrap().kind, RouteKind::Relayed);
        assert_eq!(world.route(b, a).unwrap().kind, RouteKind::Relayed);
    }
}

#[test]
fn after_a_move_the_other_side_still_calls_the_route_relayed() {
    let (mut world, a, b) = hidden(1, Some(NatKind::PortRestricted));
    let other = world.add_nat(NatKind::PortRestricted, "203.0.113.3");
    world.plug(a, "10.3.0.2".parse().unwrap(), Some(other));
    connect(&mut world, a, b);
    world.talk(Duration::from_secs(2));
    // Another network, and so another allocation, which b meets before it is described.
    world.set_locals(a, &["10.3.0.2:5000"]);
    world.talk(Duration::from_secs(5));
    let routes = world.selections(b, a);
    assert!(routes.len() > 1, "{routes:?}");
    for (_, route) in routes {
        assert_eq!(route.kind, RouteKind::Relayed, "{route}");
    }
}
