//! Paths through a TURN server.

use std::time::Duration;

use proptest::prelude::*;

use crate::path::sim::{HostId, NatKind, Network, World};
use crate::path::{PathEvent, RouteKind};

const RELAY: &str = "198.51.100.9:3478";

fn two_sites(seed: u64, network: Network, kinds: [Option<NatKind>; 2]) -> (World, HostId, HostId) {
    let mut world = World::new(seed, network);
    world.add_stun_server("198.51.100.1:3478");
    world.add_relay(RELAY);
    let a = world.add_site(1, kinds[0]);
    let b = world.add_site(2, kinds[1]);
    (world, a, b)
}

fn connect(world: &mut World, a: HostId, b: HostId) -> Duration {
    world.gather_all();
    world.run_for(Duration::from_millis(300));
    world.introduce(a, b);
    let time = world.run_until(Duration::from_secs(5), |w| w.are_connected(a, b));
    time.expect("no route")
}

fn assert_media_flows(world: &mut World, a: HostId, b: HostId) {
    for (from, to) in [(a, b), (b, a)] {
        world.host(to).media.clear();
        let heard = world.run_until(Duration::from_secs(5), |world| {
            world.send_media(from, to, b"voice");
            let media = &world.host(to).media;
            media.contains(&(from.peer(), b"voice".to_vec()))
        });
        assert!(heard.is_some(), "no media from {from:?} to {to:?}");
    }
}

#[test]
fn a_relay_joins_what_nats_keep_apart() {
    for seed in 0..10 {
        let kinds = [Some(NatKind::Symmetric); 2];
        let (mut world, a, b) = two_sites(seed, Network::CLEAN, kinds);
        world.use_relays(a);
        if seed % 2 == 0 {
            world.use_relays(b);
        }
        let time = connect(&mut world, a, b);
        assert!(time < Duration::from_millis(700), "{time:?}");
        assert_eq!(world.route(a, b).unwrap().kind, RouteKind::Relayed);
        assert_eq!(world.route(b, a).unwrap().kind, RouteKind::Relayed);
        assert_media_flows(&mut world, a, b);
    }
}

/// A host with IPv6 alone, a relay that is reached there and lends addresses of `host`.
fn six(world: &mut World, net: u8, host: &str) -> HostId {
    let relay = format!("[2001:db8:{net}::9]:3478");
    world.add_relay_lending(relay.parse().unwrap(), host.parse().unwrap());
    let id = world.add_host(&[&format!("[2001:db8:{net}::1]:5000")], None);
    let now = world.now;
    let agent = &mut world.host(id).agent;
    agent.add_relay(now, relay.parse().unwrap(), "user", "pass");
    id
}

#[test]
fn a_relay_joins_ipv6_alone_with_ipv4_alone() {
    for (seed, kind) in [
        None,
        Some(NatKind::PortRestricted),
        Some(NatKind::Symmetric),
    ]
    .into_iter()
    .enumerate()
    {
        let mut world = World::new(seed as u64, Network::CLEAN);
        world.add_stun_server("198.51.100.1:3478");
        let a = six(&mut world, 1, "198.51.100.9");
        let b = world.add_site(2, kind);
        connect(&mut world, a, b);
        let route = world.route(a, b).unwrap();
        assert_eq!(route.kind, RouteKind::Relayed);
        assert!(route.local.is_ipv4() && route.remote.is_ipv4());
        assert_media_flows(&mut world, a, b);
    }
}

#[test]
fn a_relay_without_ipv4_lends_ipv6() {
    let mut world = World::new(1, Network::CLEAN);
    let a = six(&mut world, 1, "2001:db8:1::9");
    let b = six(&mut world, 2, "2001:db8:2::9");
    world.cut("2001:db8:1::1", "2001:db8:2::1");
    world.run_for(Duration::from_secs(1));
    let lines = world.host(a).agent.local_description().candidates();
    assert!(lines.iter().any(|l| l.contains("typ relay")), "{lines:?}");
    connect(&mut world, a, b);
    let route = world.route(a, b).unwrap();
    assert_eq!(route.kind, RouteKind::Relayed);
    assert_media_flows(&mut world, a, b);
}

#[test]
fn the_relayed_candidate_is_described_when_it_is_there() {
    let (mut world, a, _) = two_sites(1, Network::CLEAN, [None, None]);
    world.gather_all();
    world.use_relays(a);
    world.run_for(Duration::from_millis(200));
    let lines = world.host(a).agent.local_description().candidates();
    let relayed: Vec<_> = lines.iter().filter(|l| l.contains("typ relay")).collect();
    assert_eq!(relayed.len(), 1, "{lines:?}");
    assert!(relayed[0].contains(" 198.51.100.9 "), "{lines:?}");
    let last = world.host(a).events.last().map(|(_, e)| *e);
    assert_eq!(last, Some(PathEvent::DescriptionChanged));
}

#[test]
fn a_direct_path_is_preferred_and_taken_when_it_opens() {
    for seed in 0..5 {
        let kinds = [Some(NatKind::PortRestricted); 2];
        let (mut world, a, b) = two_sites(seed, Network::CLEAN, kinds);
        world.use_relays(a);
        world.use_relays(b);
        world.cut("203.0.113.1", "203.0.113.2");
        connect(&mut world, a, b);
        assert_eq!(world.route(a, b).unwrap().kind, RouteKind::Relayed);
        world.heal();
        world.talk(Duration::from_secs(2));
        assert_eq!(world.route(a, b).unwrap().kind, RouteKind::Direct);
        assert_eq!(world.route(b, a).unwrap().kind, RouteKind::Direct);
        for host in [a, b] {
            let gap = world.host(host).gap;
            assert!(gap <= Duration::from_millis(60), "{gap:?}");
        }
        assert!(world.losses(a, b).is_empty() && world.losses(b, a).is_empty());
    }
}

#[test]
fn the_relay_takes_over_from_a_direct_path_that_dies() {
    for seed in 0..10 {
        let kinds = [Some(NatKind::PortRestricted); 2];
        let (mut world, a, b) = two_sites(seed, Network::CLEAN, kinds);
        world.use_relays(a);
        world.use_relays(b);
        connect(&mut world, a, b);
        world.talk(Duration::from_secs(6));
        assert_eq!(world.route(a, b).unwrap().kind, RouteKind::Direct);
        world.cut("203.0.113.1", "203.0.113.2");
        world.talk(Duration::from_secs(2));
        for host in [a, b] {
            let gap = world.host(host).gap;
            assert!(gap < Duration::from_millis(500), "{gap:?}, seed {seed}");
        }
        assert_eq!(world.route(a, b).unwrap().kind, RouteKind::Relayed);
        assert!(world.losses(a, b).is_empty() && world.losses(b, a).is_empty());
        world.heal();
        world.talk(Duration::from_secs(3));
        assert_eq!(world.route(a, b).unwrap().kind, RouteKind::Direct);
        assert_eq!(world.route(b, a).unwrap().kind, RouteKind::Direct);
    }
}

#[test]
fn a_long_call_keeps_its_relay() {
    let (mut world, a, b) = two_sites(3, Network::CLEAN, [Some(NatKind::Symmetric); 2]);
    world.use_relays(a);
    world.use_relays(b);
    connect(&mut world, a, b);
    // Permissions live for 5 minutes, channels for 10, allocations for half an hour.
    world.run_for(Duration::from_secs(4000));
    assert!(world.losses(a, b).is_empty() && world.losses(b, a).is_empty());
    assert_media_flows(&mut world, a, b);
}

#[test]
fn a_relay_that_has_forgotten_us_is_asked_again() {
    for seed in 0..5 {
        let (mut world, a, b) = two_sites(seed, Network::CLEAN, [Some(NatKind::Symmetric); 2]);
        world.use_relays(a);
        world.use_relays(b);
        connect(&mut world, a, b);
        world.talk(Duration::from_secs(2));
        world.restart_relays();
        world.talk(Duration::from_secs(6));
        let back = world.run_until(Duration::from_secs(5), |w| {
            w.selections(a, b).len() > 1 && w.selections(b, a).len() > 1
        });
        assert!(back.is_some(), "seed {seed}");
        assert_media_flows(&mut world, a, b);
    }
}

/// Mid-call the relay starts again with a new secret; the new access comes after a while.
#[test]
fn a_relay_that_starts_again_is_used_with_the_access_that_it_lends_anew() {
    // By then the old credentials may have been refused for good.
    for (seed, wait) in [(1, 1), (2, 3), (3, 9), (4, 40), (5, 200)] {
        let (mut world, a, b) = two_sites(seed, Network::CLEAN, [Some(NatKind::Symmetric); 2]);
        world.use_relays(a);
        world.use_relays(b);
        connect(&mut world, a, b);
        world.talk(Duration::from_secs(2));
        world.restart_relays_for("anew");
        world.talk(Duration::from_secs(wait));
        let before = (world.selections(a, b).len(), world.selections(b, a).len());
        world.use_relays_as(a, "anew");
        world.use_relays_as(b, "anew");
        let back = world.run_until(Duration::from_secs(12), |w| {
            w.selections(a, b).len() > before.0 && w.selections(b, a).len() > before.1
        });
        let back = back.expect("no route");
        assert!(back < Duration::from_secs(1), "{back:?}, seed {seed}");
        assert_eq!(world.route(a, b).unwrap().kind, RouteKind::Relayed);
        assert_media_flows(&mut world, a, b);
    }
}

fn relayed_candidates(world: &mut World, host: HostId) -> Vec<String> {
    let lines = world.host(host).agent.local_description().candidates();
    let relayed = |line: &String| line.contains("typ relay");
    lines.into_iter().filter(relayed).collect()
}

#[test]
fn renewed_credentials_leave_an_allocation_alone_that_is_still_there() {
    for talking in [true, false] {
        let (mut world, a, b) = two_sites(3, Network::CLEAN, [Some(NatKind::Symmetric); 2]);
        world.use_relays(a);
        world.use_relays(b);
        connect(&mut world, a, b);
        let before = relayed_candidates(&mut world, a);
        world.add_relay_user("anew");
        if !talking {
            world.run_for(Duration::from_secs(20));
        }
        world.use_relays_as(a, "anew");
        world.talk(Duration::from_secs(20));
        assert!(world.host(a).gap <= Duration::from_millis(60), "{talking}");
        assert_eq!(relayed_candidates(&mut world, a), before, "{talking}");
        world.run_for(Duration::from_secs(1200));
        assert!(world.losses(a, b).is_empty() && world.losses(b, a).is_empty());
        assert_media_flows(&mut world, a, b);
    }
}

#[test]
fn an_idle_allocation_is_made_anew_when_the_relay_has_forgotten_it() {
    let (mut world, a, _) = two_sites(1, Network::CLEAN, [Some(NatKind::PortRestricted), None]);
    world.use_relays(a);
    world.run_for(Duration::from_secs(1));
    let before = relayed_candidates(&mut world, a);
    world.run_for(Duration::from_secs(20));
    world.restart_relays_for("anew");
    world.use_relays_as(a, "anew");
    world.run_for(Duration::from_millis(500));
    let after = relayed_candidates(&mut world, a);
    // The simulated server counts its ports from the start again.
    let closed = world
        .host(a)
        .events
        .iter()
        .filter(|(_, event)| *event == PathEvent::DescriptionChanged);
    assert!(closed.count() >= 3, "closed and opened");
    assert_eq!((before.len(), after.len()), (1, 1));
}

#[test]
fn a_dead_relay_is_left_alone() {
    let mut world = World::new(1, Network::CLEAN);
    let a = world.add_site(1, Some(NatKind::FullCone));
    let now = world.now;
    let nobody = "198.51.100.77:3478".parse().unwrap();
    world.host(a).agent.add_relay(now, nobody, "user", "pass");
    world.run_for(Duration::from_secs(120));
    let before = world.host(a).sent;
    assert!(before > 7 && before < 60, "{before}");
    world.run_for(Duration::from_secs(900));
    assert_eq!(world.host(a).sent, before);
}

#[test]
fn an_allocation_whose_answers_were_all_lost_is_taken_back() {
    let (mut world, a, _) = two_sites(1, Network::CLEAN, [Some(NatKind::PortRestricted), None]);
    world.use_relays(a);
    // The challenge arrives; the server grants what is asked for then, and cannot say so.
    world.run_for(Duration::from_millis(60));
    world.cut_one_way("198.51.100.9", "203.0.113.1");
    world.run_for(Duration::from_secs(8));
    world.heal();
    world.run_for(Duration::from_secs(20));
    let lines = world.host(a).agent.local_description().candidates();
    assert!(lines.iter().any(|l| l.contains("typ relay")), "{lines:?}");
}

#[test]
fn wrong_credentials_give_no_candidate() {
    let (mut world, a, _) = two_sites(1, Network::CLEAN, [None, None]);
    let now = world.now;
    let relay = RELAY.parse().unwrap();
    world.host(a).agent.add_relay(now, relay, "user", "wrong");
    world.run_for(Duration::from_secs(300));
    let lines = world.host(a).agent.local_description().candidates();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(world.host(a).sent < 200);
}

#[test]
fn closing_gives_the_allocation_back() {
    let (mut world, a, b) = two_sites(1, Network::CLEAN, [Some(NatKind::Symmetric); 2]);
    world.use_relays(a);
    connect(&mut world, a, b);
    world.capture = Some(Vec::new());
    let now = world.now;
    world.host(a).agent.close(now);
    world.run_for(Duration::from_millis(100));
    let sent = world.capture.take().unwrap();
    // A Refresh request to the relay.
    let refresh = sent.iter().find(|(host, t)| {
        *host == a && t.remote == RELAY.parse().unwrap() && t.payload.starts_with(&[0x00, 0x04])
    });
    assert!(refresh.is_some(), "{} sent", sent.len());
    assert!(!world.send_media(a, b, b"gone"));
}

#[test]
fn media_through_channels_costs_four_bytes() {
    let (mut world, a, b) = two_sites(1, Network::CLEAN, [Some(NatKind::Symmetric); 2]);
    world.use_relays(a);
    connect(&mut world, a, b);
    world.run_for(Duration::from_secs(1));
    world.capture = Some(Vec::new());
    assert!(world.send_media(a, b, &[7; 100]));
    world.run_for(Duration::from_millis(1));
    let sent = world.capture.take().unwrap();
    assert!(
        sent.iter()
            .any(|(_, t)| t.payload.len() == 4 + 101 || t.payload.len() == 4 + 104)
    );
}

/// Something like TURN from the server's address: any method and class, attributes that mean
/// something in TURN, or channel data with a length of its own choice.
fn turn_like() -> impl Strategy<Value = Vec<u8>> {
    let kinds = [1_u16, 3, 4, 6, 7, 8, 9].map(|method| [0, 0x10, 0x100, 0x110].map(|c| c | method));
    let kinds = kinds.concat();
    let attributes = [
        0x0006_u16, 0x0008, 0x0009, 0x000c, 0x000d, 0x0012, 0x0013, 0x0014, 0x0015, 0x0016, 0x0017,
        0x0019, 0x0020, 0x8004,
    ];
    let value = proptest::collection::vec(any::<u8>(), 0..40);
    let attribute = (proptest::sample::select(attributes.to_vec()), value);
    let message = (
        proptest::sample::select(kinds),
        any::<[u8; 12]>(),
        proptest::collection::vec(attribute, 0..6),
    )
        .prop_map(|(kind, id, attributes)| {
            let mut body = Vec::new();
            for (attribute, value) in attributes {
                body.extend(attribute.to_be_bytes());
                body.extend((value.len() as u16).to_be_bytes());
                body.extend(&value);
                body.resize(body.len().next_multiple_of(4), 0);
            }
            let mut bytes = kind.to_be_bytes().to_vec();
            bytes.extend((body.len() as u16).to_be_bytes());
            bytes.extend([0x21, 0x12, 0xa4, 0x42]);
            bytes.extend(id);
            bytes.extend(body);
            bytes
        });
    let channel = (
        0x4000_u16..0x5000,
        any::<u16>(),
        proptest::collection::vec(any::<u8>(), 0..60),
    )
        .prop_map(|(number, length, data)| {
            let mut bytes = number.to_be_bytes().to_vec();
            bytes.extend(length.to_be_bytes());
            bytes.extend(data);
            bytes
        });
    prop_oneof![
        message,
        channel,
        proptest::collection::vec(any::<u8>(), 0..100)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_only_looks_like_the_relay_changes_nothing(
        packets in proptest::collection::vec(turn_like(), 1..20),
        while_allocating in any::<bool>(),
    ) {
        let (mut world, a, b) = two_sites(1, Network::CLEAN, [Some(NatKind::Symmetric); 2]);
        world.use_relays(a);
        if !while_allocating {
            connect(&mut world, a, b);
        }
        for packet in packets {
            let now = world.now;
            let (local, relay) = ("10.1.0.2:5000".parse().unwrap(), RELAY.parse().unwrap());
            world.host(a).agent.handle_packet(now, local, relay, &packet);
            world.run_for(Duration::from_millis(5));
        }
        if while_allocating {
            connect(&mut world, a, b);
        }
        assert_media_flows(&mut world, a, b);
    }
}
