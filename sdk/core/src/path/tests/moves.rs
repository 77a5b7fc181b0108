//! Networks that change under a call.

use std::time::Duration;

use crate::path::PathEvent;
use crate::path::sim::{HostId, NatKind, Network, World};

const NAT: Option<NatKind> = Some(NatKind::PortRestricted);

/// Two sites, the first one with a second network at hand: 10.3.0.2 behind 203.0.113.3.
fn connected(seed: u64, nat: Option<NatKind>) -> (World, HostId, HostId) {
    let network = Network {
        delay: Duration::from_millis(40),
        ..Network::CLEAN
    };
    let mut world = World::new(seed, network);
    world.add_stun_server("198.51.100.1:3478");
    let a = world.add_site(1, nat);
    let b = world.add_site(2, nat);
    for (host, net) in [(a, 3), (b, 4)] {
        let other = world.add_nat(NatKind::PortRestricted, &format!("203.0.113.{net}"));
        world.plug(host, format!("10.{net}.0.2").parse().unwrap(), Some(other));
    }
    world.gather_all();
    world.introduce(a, b);
    world
        .run_until(Duration::from_secs(3), |w| w.are_connected(a, b))
        .unwrap();
    world.talk(Duration::from_secs(3));
    (world, a, b)
}

fn assert_talking(world: &mut World, a: HostId, b: HostId) {
    for host in [a, b] {
        world.host(host).media.clear();
    }
    world.talk(Duration::from_secs(1));
    for host in [a, b] {
        let heard = world.host(host).media.len();
        assert!(heard > 40, "{host:?} heard {heard} of 50");
    }
}

#[test]
fn a_move_to_another_network_is_bridged_quickly() {
    for seed in 0..20 {
        let (mut world, a, b) = connected(seed, NAT);
        for host in [a, b] {
            world.host(host).gap = Duration::ZERO;
        }
        world.set_locals(a, &["10.3.0.2:5000"]);
        // The old way is known to be gone.
        assert_eq!(world.route(a, b), None);
        world.talk(Duration::from_secs(3));
        assert_talking(&mut world, a, b);
        for host in [a, b] {
            let gap = world.host(host).gap;
            assert!(gap < Duration::from_millis(600), "{gap:?}, seed {seed}");
        }
        let at_a: Vec<_> = world.host(a).events.iter().map(|(_, e)| *e).collect();
        assert!(at_a.contains(&PathEvent::DescriptionChanged));
    }
}

#[test]
fn both_may_move_at_once_and_move_back() {
    for seed in 0..10 {
        let (mut world, a, b) = connected(seed, NAT);
        world.set_locals(a, &["10.3.0.2:5000"]);
        world.set_locals(b, &["10.4.0.2:5000"]);
        world.talk(Duration::from_secs(3));
        assert_talking(&mut world, a, b);
        world.set_locals(a, &["10.1.0.2:5001"]);
        world.set_locals(b, &["10.2.0.2:5000"]);
        world.talk(Duration::from_secs(3));
        assert_talking(&mut world, a, b);
    }
}

#[test]
fn a_time_without_any_network_is_survived() {
    for seed in 0..5 {
        let (mut world, a, b) = connected(seed, NAT);
        world.set_locals(a, &[]);
        assert_eq!(world.losses(a, b).len(), 0);
        world.talk(Duration::from_secs(20));
        assert_eq!(world.losses(a, b).len(), 1);
        assert_eq!(world.losses(b, a).len(), 1);
        world.set_locals(a, &["10.3.0.2:5000"]);
        let before = world.elapsed();
        world.talk(Duration::from_secs(2));
        let back = world.selections(a, b).last().unwrap().0;
        assert!(back > before && back - before < Duration::from_millis(700));
        assert_talking(&mut world, a, b);
    }
}

#[test]
fn a_second_network_is_a_warm_path() {
    for seed in 0..20 {
        let (mut world, a, b) = connected(seed, NAT);
        world.set_locals(a, &["10.1.0.2:5000", "10.3.0.2:5000"]);
        world.talk(Duration::from_secs(6));
        // Nothing changes as long as the first one works.
        assert_eq!(world.selections(a, b).len(), 1, "seed {seed}");
        let gap = world.host(b).gap;
        assert!(gap <= Duration::from_millis(60), "{gap:?}");
        // It dies without a word.
        world.cut("203.0.113.1", "203.0.113.2");
        world.talk(Duration::from_secs(2));
        for host in [a, b] {
            let gap = world.host(host).gap;
            assert!(gap < Duration::from_millis(450), "{gap:?}, seed {seed}");
        }
        assert!(world.losses(a, b).is_empty() && world.losses(b, a).is_empty());
        assert_eq!(
            world.route(a, b).unwrap().local.ip().to_string(),
            "10.3.0.2"
        );
        assert_talking(&mut world, a, b);
    }
}

#[test]
fn a_socket_that_goes_leaves_its_route_to_the_other_at_once() {
    for seed in 0..10 {
        let (mut world, a, b) = connected(seed, NAT);
        world.set_locals(a, &["10.1.0.2:5000", "10.3.0.2:5000"]);
        world.talk(Duration::from_secs(6));
        world.set_locals(a, &["10.3.0.2:5000"]);
        assert!(world.route(a, b).is_some());
        world.talk(Duration::from_secs(2));
        for host in [a, b] {
            let gap = world.host(host).gap;
            assert!(gap < Duration::from_millis(450), "{gap:?}, seed {seed}");
        }
        assert!(world.losses(a, b).is_empty());
        assert_talking(&mut world, a, b);
    }
}

#[test]
fn relays_are_allocated_anew_from_the_new_network() {
    for seed in 0..5 {
        let mut world = World::new(seed, Network::CLEAN);
        world.add_stun_server("198.51.100.1:3478");
        world.add_relay("198.51.100.9:3478");
        let a = world.add_site(1, Some(NatKind::Symmetric));
        let b = world.add_site(2, Some(NatKind::Symmetric));
        let other = world.add_nat(NatKind::Symmetric, "203.0.113.3");
        world.plug(a, "10.3.0.2".parse().unwrap(), Some(other));
        world.use_relays(a);
        world.gather_all();
        world.run_for(Duration::from_millis(300));
        world.introduce(a, b);
        world
            .run_until(Duration::from_secs(3), |w| w.are_connected(a, b))
            .unwrap();
        world.talk(Duration::from_secs(2));
        world.set_locals(a, &["10.3.0.2:5000"]);
        world.talk(Duration::from_secs(3));
        assert_talking(&mut world, a, b);
    }
}

#[test]
fn many_moves_leave_nothing_behind() {
    let (mut world, a, b) = connected(1, NAT);
    for round in 0..60 {
        let local = format!("10.{}.0.2:{}", 1 + 2 * (round % 2), 6000 + round);
        world.set_locals(a, &[&local]);
        world.talk(Duration::from_millis(1500));
        assert!(world.are_connected(a, b), "round {round}");
    }
    assert_talking(&mut world, a, b);
    assert!(world.host(a).agent.local_description().candidates().len() <= 2);
}

#[test]
fn naming_the_same_sockets_changes_nothing() {
    let (mut world, a, _) = connected(1, NAT);
    let (before, events) = (world.host(a).sent, world.host(a).events.len());
    world.set_locals(a, &["10.1.0.2:5000"]);
    world.run_for(Duration::ZERO);
    assert_eq!(world.host(a).sent, before);
    assert_eq!(world.host(a).events.len(), events);
}

#[test]
fn a_pause_in_the_voice_moves_nothing() {
    for seed in 0..5 {
        let (mut world, a, b) = connected(seed, NAT);
        world.set_locals(a, &["10.1.0.2:5000", "10.3.0.2:5000"]);
        for _ in 0..5 {
            world.talk(Duration::from_secs(1));
            world.run_for(Duration::from_secs(3));
        }
        assert_eq!(world.selections(a, b).len(), 1);
        assert_eq!(world.selections(b, a).len(), 1);
        assert!(world.losses(a, b).is_empty() && world.losses(b, a).is_empty());
    }
}

#[test]
fn a_sleep_is_slept_over() {
    for (seed, sleep) in [(1, 5), (2, 40), (3, 400), (4, 4000)] {
        let (mut world, a, b) = connected(seed, NAT);
        world.jump(Duration::from_secs(sleep));
        world.talk(Duration::from_secs(4));
        assert_talking(&mut world, a, b);
    }
}

#[test]
fn another_route_is_tried_at_once() {
    for seed in 0..10 {
        let mut world = World::new(seed, Network::CLEAN);
        world.add_stun_server("198.51.100.1:3478");
        let a = world.add_site(1, Some(NatKind::PortRestricted));
        let b = world.add_site(2, Some(NatKind::PortRestricted));
        world.gather_all();
        world.introduce(a, b);
        world.run_until(Duration::from_secs(3), |w| w.are_connected(a, b));
        // Long enough for the looking to have become slow.
        world.cut("203.0.113.1", "203.0.113.2");
        world.run_for(Duration::from_secs(100));
        assert!(!world.are_connected(a, b));
        world.heal();
        for host in [a, b] {
            let now = world.now;
            world.host(host).agent.handle_routes_changed(now);
        }
        let time = world.run_until(Duration::from_secs(20), |w| w.are_connected(a, b));
        assert!(time.unwrap() < Duration::from_secs(1), "{time:?}");
    }
}
