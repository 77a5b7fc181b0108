//! Which NATs let which others through.

use std::time::Duration;

use crate::path::RouteKind;
use crate::path::sim::{HostId, NatKind, Network, World};

const KINDS: [Option<NatKind>; 5] = [
    None,
    Some(NatKind::FullCone),
    Some(NatKind::AddressRestricted),
    Some(NatKind::PortRestricted),
    Some(NatKind::Symmetric),
];

/// A symmetric NAT gives each destination another port, so a filter that looks at ports never
/// sees the one it expects.
fn can_connect(a: Option<NatKind>, b: Option<NatKind>) -> bool {
    let looks_at_ports = |kind| {
        matches!(
            kind,
            Some(NatKind::PortRestricted) | Some(NatKind::Symmetric)
        )
    };
    let symmetric = |kind| kind == Some(NatKind::Symmetric);
    !(symmetric(a) && looks_at_ports(b) || symmetric(b) && looks_at_ports(a))
}

fn two_sites(seed: u64, network: Network, kinds: [Option<NatKind>; 2]) -> (World, HostId, HostId) {
    let mut world = World::new(seed, network);
    world.add_stun_server("198.51.100.1:3478");
    let a = world.add_site(1, kinds[0]);
    let b = world.add_site(2, kinds[1]);
    world.gather_all();
    world.introduce(a, b);
    (world, a, b)
}

/// Media sent both ways along the routes arrives and is attributed.
fn assert_media_flows(world: &mut World, a: HostId, b: HostId) {
    for (from, to) in [(a, b), (b, a)] {
        world.host(to).media.clear();
        let heard = world.run_until(Duration::from_secs(5), |world| {
            // A new one each time: the network may lose some.
            world.send_media(from, to, b"voice");
            world
                .host(to)
                .media
                .contains(&(from.peer(), b"voice".to_vec()))
        });
        assert!(heard.is_some(), "no media from {from:?} to {to:?}");
    }
}

#[test]
fn every_pair_of_nats_connects_or_fails_as_the_textbooks_say() {
    for (i, &first) in KINDS.iter().enumerate() {
        for (j, &second) in KINDS.iter().enumerate() {
            for round in 0..16 {
                let seed = (i * 100 + j * 10 + round) as u64;
                let (mut world, a, b) = two_sites(seed, Network::CLEAN, [first, second]);
                if can_connect(first, second) {
                    let time = world.run_until(Duration::from_secs(5), |w| w.are_connected(a, b));
                    let time = time.unwrap_or_else(|| panic!("{first:?} to {second:?}, {seed}"));
                    assert!(
                        time < Duration::from_secs(2),
                        "{first:?} {second:?} {time:?}"
                    );
                    let route = world.route(a, b).unwrap();
                    assert_eq!(route.kind, RouteKind::Direct);
                    assert_media_flows(&mut world, a, b);
                } else if round < 3 {
                    world.run_for(Duration::from_secs(16));
                    assert!(
                        !world.are_connected(a, b),
                        "{first:?} to {second:?}, {seed}"
                    );
                    assert_eq!(world.losses(a, b).len(), 1, "said so once");
                }
            }
        }
    }
}

/// At 30 % loss one socket in a hundred gets none of its STUN requests answered, and is only
/// reachable from the next attempt on.
const WITH_SECOND_GATHERING: Duration = Duration::from_secs(40);

#[test]
fn loss_delay_and_reordering_do_not_keep_peers_apart() {
    let mut slow = 0;
    for seed in 0..120 {
        let network = Network {
            loss: 0.3,
            duplication: 0.05,
            delay: Duration::from_millis(80),
            jitter: Duration::from_millis(60),
        };
        let kinds = [KINDS[seed as usize % 4], KINDS[(seed as usize / 4) % 4]];
        let (mut world, a, b) = two_sites(1000 + seed, network, kinds);
        let time = world.run_until(WITH_SECOND_GATHERING, |w| w.are_connected(a, b));
        let time = time.unwrap_or_else(|| panic!("{kinds:?}, seed {seed}"));
        slow += usize::from(time > Duration::from_secs(5));
        assert_media_flows(&mut world, a, b);
    }
    assert!(slow <= 6, "{slow} of 120 took more than 5 s");
}

#[test]
fn a_lossy_path_with_nothing_but_checks_on_it_is_not_given_up() {
    let mut losses = 0;
    for seed in 0..20 {
        let network = Network {
            loss: 0.3,
            ..Network::CLEAN
        };
        let kinds = [Some(NatKind::PortRestricted); 2];
        let (mut world, a, b) = two_sites(seed, network, kinds);
        world
            .run_until(WITH_SECOND_GATHERING, |w| w.are_connected(a, b))
            .unwrap();
        let (at_a, at_b) = (world.losses(a, b).len(), world.losses(b, a).len());
        world.run_for(Duration::from_secs(60));
        losses += world.losses(a, b).len() - at_a + world.losses(b, a).len() - at_b;
        // Whatever happened on the way, the calls go on.
        let back = world.run_until(Duration::from_secs(5), |w| w.are_connected(a, b));
        assert!(back.is_some());
    }
    // 40 ends, each for a minute without any media.
    assert!(losses <= 4, "{losses} false alarms");
}

#[test]
fn ipv6_alone_is_enough() {
    let mut world = World::new(6, Network::CLEAN);
    let a = world.add_host(&["[2001:db8:1::1]:5000"], None);
    let b = world.add_host(&["[2001:db8:2::1]:5000"], None);
    world.gather_all();
    world.introduce(a, b);
    assert!(
        world
            .run_until(Duration::from_secs(1), |w| w.are_connected(a, b))
            .is_some()
    );
    assert!(world.route(a, b).unwrap().remote.is_ipv6());
    assert_media_flows(&mut world, a, b);
}

#[test]
fn ipv6_goes_around_nats_that_do_not_let_through() {
    for seed in 0..10 {
        let mut world = World::new(seed, Network::CLEAN);
        world.add_stun_server("198.51.100.1:3478");
        world.add_stun_server("[2001:db8::1]:3478");
        let nats = ["203.0.113.1", "203.0.113.2"].map(|o| world.add_nat(NatKind::Symmetric, o));
        let a = world.add_host(&["10.1.0.2:5000", "[2001:db8:1::1]:5000"], Some(nats[0]));
        let b = world.add_host(&["10.2.0.2:5000", "[2001:db8:2::1]:5000"], Some(nats[1]));
        world.gather_all();
        world.introduce(a, b);
        let time = world.run_until(Duration::from_secs(2), |w| w.are_connected(a, b));
        assert!(time.is_some());
        assert!(world.route(a, b).unwrap().remote.is_ipv6());
        assert_media_flows(&mut world, a, b);
    }
}

#[test]
fn neighbours_behind_one_nat_talk_directly() {
    for seed in 0..10 {
        let mut world = World::new(seed, Network::CLEAN);
        world.add_stun_server("198.51.100.1:3478");
        let nat = world.add_nat(NatKind::Symmetric, "203.0.113.1");
        let a = world.add_host(&["10.0.0.2:5000"], Some(nat));
        let b = world.add_host(&["10.0.0.3:5000"], Some(nat));
        world.gather_all();
        world.introduce(a, b);
        world
            .run_until(Duration::from_secs(2), |w| w.are_connected(a, b))
            .unwrap();
        assert_eq!(
            world.route(a, b).unwrap().remote,
            "10.0.0.3:5000".parse().unwrap()
        );
    }
}

#[test]
fn a_late_starter_is_found_at_once() {
    for seed in 0..20 {
        let mut world = World::new(seed, Network::CLEAN);
        world.add_stun_server("198.51.100.1:3478");
        let a = world.add_site(1, Some(NatKind::PortRestricted));
        let b = world.add_site(2, Some(NatKind::PortRestricted));
        world.gather_all();
        world.tell(a, b, true);
        world.run_for(Duration::from_secs(5));
        world.tell(b, a, false);
        let time = world
            .run_until(Duration::from_secs(5), |w| w.are_connected(a, b))
            .unwrap();
        assert!(time < Duration::from_millis(900), "{time:?}");
    }
}

#[test]
fn a_mapped_port_lets_through_what_cannot_be_punched() {
    let hard = [NatKind::Symmetric, NatKind::PortRestricted];
    for (seed, other) in hard.into_iter().cycle().take(10).enumerate() {
        let mut world = World::new(seed as u64, Network::CLEAN);
        world.add_stun_server("198.51.100.1:3478");
        let a = world.add_site(1, Some(NatKind::Symmetric));
        let b = world.add_site(2, Some(other));
        world.gather_all();
        world.introduce(a, b);
        world.run_for(Duration::from_secs(2));
        assert!(!world.are_connected(a, b));
        // The router answers late, and what it grants is told to the other side.
        world.lend(0, a);
        let time = world.run_until(Duration::from_secs(3), |w| w.are_connected(a, b));
        assert!(time.is_some(), "{other:?}, seed {seed}");
        assert_media_flows(&mut world, a, b);
    }
}
