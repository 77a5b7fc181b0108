//! Paths that die, return, move and start over.

use std::time::Duration;

use crate::path::PathEvent;
use crate::path::sim::{HostId, NatKind, Network, World};

fn connected(seed: u64, nat: Option<NatKind>) -> (World, HostId, HostId) {
    let mut world = World::new(seed, Network::CLEAN);
    world.add_stun_server("198.51.100.1:3478");
    let a = world.add_site(1, nat);
    let b = world.add_site(2, nat);
    world.gather_all();
    world.introduce(a, b);
    world
        .run_until(Duration::from_secs(3), |w| w.are_connected(a, b))
        .unwrap();
    (world, a, b)
}

fn assert_returns_within(world: &mut World, a: HostId, b: HostId, limit: Duration) {
    let (at_a, at_b) = (world.selections(a, b).len(), world.selections(b, a).len());
    let time = world.run_until(limit, |w| {
        w.selections(a, b).len() > at_a && w.selections(b, a).len() > at_b
    });
    assert!(time.is_some(), "not back");
}

#[test]
fn a_dead_path_is_reported_and_its_return_too() {
    for seed in 0..20 {
        let (mut world, a, b) = connected(seed, Some(NatKind::PortRestricted));
        world.run_for(Duration::from_secs(20));
        assert!(world.losses(a, b).is_empty());
        let cut_at = world.elapsed();
        world.cut("203.0.113.1", "203.0.113.2");
        world.run_for(Duration::from_secs(12));
        for (x, y) in [(a, b), (b, a)] {
            let losses = world.losses(x, y);
            assert_eq!(losses.len(), 1);
            assert!(losses[0] - cut_at < Duration::from_millis(6500));
        }
        // Consent has not expired yet: the old route is still there to send over.
        assert!(world.route(a, b).is_some());
        world.heal();
        assert_returns_within(&mut world, a, b, Duration::from_secs(2));
    }
}

#[test]
fn a_long_break_ends_consent_and_still_heals() {
    for seed in 0..20 {
        let (mut world, a, b) = connected(seed, Some(NatKind::AddressRestricted));
        world.cut("203.0.113.1", "203.0.113.2");
        world.run_for(Duration::from_secs(31));
        assert_eq!(world.route(a, b), None);
        assert_eq!(world.route(b, a), None);
        world.run_for(Duration::from_secs(60));
        assert_eq!(world.losses(a, b).len(), 1, "said so once");
        world.heal();
        assert_returns_within(&mut world, a, b, Duration::from_secs(40));
    }
}

#[test]
fn looking_for_a_lost_peer_ends() {
    let (mut world, a, b) = connected(1, None);
    world.host(b).agent.remove_peer(a.peer());
    world.run_for(Duration::from_secs(420));
    let before = world.host(a).sent;
    world.run_for(Duration::from_secs(600));
    // Without a connected peer the binding at the STUN server is kept alive, and that is all.
    assert!(world.host(a).sent - before <= 41);
}

#[test]
fn a_removed_peer_gets_nothing_more() {
    let (mut world, a, b) = connected(1, None);
    let now = world.now;
    world.host(a).agent.remove_peer(b.peer());
    world.host(a).agent.handle_timeout(now);
    assert_eq!(world.host(a).agent.poll_transmit(), None);
    assert_eq!(world.host(a).agent.route(b.peer()), None);
    assert!(!world.send_media(a, b, b"gone"));
}

#[test]
fn one_direction_dead_is_lost_on_both_sides_sooner_or_later() {
    let (mut world, a, b) = connected(3, None);
    world.cut_one_way("203.0.113.1", "203.0.113.2");
    world.run_for(Duration::from_secs(40));
    // b hears nothing at all; a hears b's checks, but none of its own is answered.
    assert_eq!(world.losses(b, a).len(), 1);
    assert_eq!(world.losses(a, b).len(), 1);
    assert_eq!(world.route(a, b), None);
    world.heal();
    assert_returns_within(&mut world, a, b, Duration::from_secs(30));
}

#[test]
fn media_alone_keeps_a_route_from_being_called_lost() {
    let (mut world, a, b) = connected(4, None);
    // Nothing gets through but b's voice.
    world.cut("203.0.113.1", "203.0.113.2");
    for _ in 0..200 {
        let mut payload = vec![0x80];
        payload.extend(b"voice");
        let (local, remote) = ("203.0.113.1:5000", "203.0.113.2:5000");
        let now = world.now;
        world.host(a).agent.handle_packet(
            now,
            local.parse().unwrap(),
            remote.parse().unwrap(),
            &payload,
        );
        world.run_for(Duration::from_millis(100));
    }
    assert!(world.losses(a, b).is_empty());
    assert!(world.route(a, b).is_some());
    assert_eq!(world.losses(b, a).len(), 1);
}

#[test]
fn a_rebooted_nat_interrupts_briefly() {
    for seed in 0..20 {
        let (mut world, a, b) = connected(seed, Some(NatKind::AddressRestricted));
        world.run_for(Duration::from_secs(5));
        world.reboot_nat(0);
        world.run_for(Duration::from_secs(15));
        let last = world.selections(b, a).last().unwrap().1;
        world.host(b).media.clear();
        world.host(a).media.clear();
        assert!(world.send_media(a, b, b"one"));
        assert!(world.send_media(b, a, b"two"));
        world.run_for(Duration::from_millis(100));
        assert_eq!(world.host(b).media, [(a.peer(), b"one".to_vec())]);
        assert_eq!(world.host(a).media, [(b.peer(), b"two".to_vec())], "{last}");
    }
}

#[test]
fn candidates_may_come_late() {
    for seed in 0..20 {
        let mut world = World::new(seed, Network::CLEAN);
        world.add_stun_server("198.51.100.1:3478");
        let a = world.add_site(1, Some(NatKind::PortRestricted));
        let b = world.add_site(2, Some(NatKind::PortRestricted));
        // Host candidates only: useless from outside.
        world.introduce(a, b);
        world.run_for(Duration::from_secs(1));
        assert!(!world.are_connected(a, b));
        world.gather_all();
        world.introduce(a, b);
        let time = world.run_until(Duration::from_secs(3), |w| w.are_connected(a, b));
        assert!(time.is_some(), "seed {seed}");
    }
}

#[test]
fn candidates_may_come_after_all_others_have_failed() {
    let mut world = World::new(1, Network::CLEAN);
    world.add_stun_server("198.51.100.1:3478");
    let a = world.add_site(1, Some(NatKind::PortRestricted));
    let b = world.add_site(2, Some(NatKind::PortRestricted));
    world.introduce(a, b);
    world.run_for(Duration::from_secs(100));
    assert_eq!(world.losses(a, b).len(), 1);
    world.gather_all();
    world.introduce(a, b);
    assert_returns_within(&mut world, a, b, Duration::from_secs(3));
}

#[test]
fn new_credentials_move_the_call_without_a_gap() {
    for seed in 0..20 {
        let (mut world, a, b) = connected(seed, Some(NatKind::PortRestricted));
        world.run_for(Duration::from_secs(1));
        world.restart_agent(b);
        world.gather_all();
        let before = world.selections(a, b).len();
        world.tell(a, b, true);
        world.run_for(Duration::from_millis(65));
        // The old route is in use until there is a new one.
        assert!(world.route(a, b).is_some());
        world.tell(b, a, false);
        let time = world.run_until(Duration::from_secs(2), |w| w.are_connected(a, b));
        assert!(time.is_some());
        world.run_for(Duration::from_secs(10));
        assert!(world.losses(a, b).is_empty());
        assert!(world.losses(b, a).is_empty());
        // Same sockets, same NATs: the same route, so nothing to announce.
        assert!(world.selections(a, b).len() <= before + 1);
        world.host(b).media.clear();
        assert!(world.send_media(a, b, b"still here"));
        world.run_for(Duration::from_millis(50));
        assert_eq!(world.host(b).media.len(), 1);
    }
}

#[test]
fn a_restart_that_leads_nowhere_ends_in_loss() {
    let (mut world, a, b) = connected(1, None);
    world.restart_agent(b);
    // b never learns of a, so nobody answers.
    world.tell(a, b, true);
    world.run_for(Duration::from_secs(40));
    assert_eq!(world.losses(a, b).len(), 1);
    assert_eq!(world.route(a, b), None);
}

#[test]
fn the_round_trip_time_is_known() {
    let (mut world, a, b) = connected(1, None);
    world.run_for(Duration::from_secs(5));
    let rtt = world.host(a).agent.round_trip_time(b.peer()).unwrap();
    assert!(rtt >= Duration::from_millis(40) && rtt <= Duration::from_millis(44));
}

#[test]
fn roles_that_conflict_are_settled() {
    for seed in 0..20 {
        let mut world = World::new(seed, Network::CLEAN);
        world.add_stun_server("198.51.100.1:3478");
        let a = world.add_site(1, Some(NatKind::PortRestricted));
        let b = world.add_site(2, Some(NatKind::FullCone));
        world.gather_all();
        let role = seed % 2 == 0;
        world.tell(a, b, role);
        world.tell(b, a, role);
        let time = world.run_until(Duration::from_secs(3), |w| w.are_connected(a, b));
        assert!(time.is_some(), "both controlling: {role}, seed {seed}");
        world.run_for(Duration::from_secs(20));
        assert!(world.losses(a, b).is_empty() && world.losses(b, a).is_empty());
        // Both ends agree on the pair.
        let there = world.route(a, b).unwrap();
        let back = world.route(b, a).unwrap();
        assert_eq!(back.local, "10.2.0.2:5000".parse().unwrap());
        assert_eq!(there.remote.ip().to_string(), "203.0.113.2");
        assert_eq!(back.remote.ip().to_string(), "203.0.113.1");
    }
}

#[test]
fn a_second_interface_takes_over() {
    let mut world = World::new(9, Network::CLEAN);
    let a = world.add_host(&["192.0.2.1:5000", "192.0.2.129:5000"], None);
    let b = world.add_host(&["203.0.113.2:5000"], None);
    world.gather_all();
    world.introduce(a, b);
    world
        .run_until(Duration::from_secs(2), |w| w.are_connected(a, b))
        .unwrap();
    world.run_for(Duration::from_secs(5));
    let first = world.route(a, b).unwrap().local;
    world.cut(&first.ip().to_string(), "203.0.113.2");
    world.run_for(Duration::from_secs(20));
    let second = world.route(a, b).unwrap().local;
    assert_ne!(first, second);
    assert_eq!(world.route(b, a).unwrap().remote, second);
    let last = world.host(a).events.last().map(|(_, e)| *e);
    assert!(matches!(last, Some(PathEvent::Selected { .. })));
}
