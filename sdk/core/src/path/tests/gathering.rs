//! Finding out one's own addresses.

use std::time::Duration;

use crate::path::sim::{NatKind, Network, World};
use crate::path::{PathAgent, PathConfig, PathEvent};

fn candidates(world: &mut World, host: crate::path::sim::HostId) -> Vec<String> {
    world.host(host).agent.local_description().candidates()
}

#[test]
fn the_outside_address_is_found_and_named() {
    let mut world = World::new(1, Network::CLEAN);
    world.add_stun_server("198.51.100.1:3478");
    let host = world.add_site(1, Some(NatKind::FullCone));
    assert_eq!(
        world.host(host).agent.default_address(),
        Some("10.1.0.2:5000".parse().unwrap())
    );
    world.gather_all();
    assert!(
        world.elapsed() < Duration::from_millis(100),
        "one round trip"
    );
    let address = world.host(host).agent.default_address().unwrap();
    assert_eq!(address.ip().to_string(), "203.0.113.1");
    let lines = candidates(&mut world, host);
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains(" 10.1.0.2 5000 typ host"), "{lines:?}");
    assert!(lines[1].contains(" 203.0.113.1 "), "{lines:?}");
    // The inner address is not given away a second time.
    assert!(
        lines[1].contains("typ srflx raddr 0.0.0.0 rport 0"),
        "{lines:?}"
    );
}

#[test]
fn without_a_nat_there_is_one_candidate() {
    let mut world = World::new(1, Network::CLEAN);
    world.add_stun_server("198.51.100.1:3478");
    let host = world.add_site(1, None);
    world.gather_all();
    assert_eq!(candidates(&mut world, host).len(), 1);
    assert_eq!(
        world.host(host).agent.default_address(),
        Some("203.0.113.1:5000".parse().unwrap())
    );
}

#[test]
fn a_dead_server_ends_gathering_in_bounded_time() {
    let mut world = World::new(1, Network::CLEAN);
    let host = world.add_site(1, Some(NatKind::FullCone));
    let now = world.now;
    let server = "198.51.100.77:3478".parse().unwrap();
    world.host(host).agent.gather(now, &[server]);
    let time = world.run_until(Duration::from_secs(5), |w| {
        w.host(host).agent.gathering_done()
    });
    assert_eq!(time, Some(Duration::from_secs(2)));
    assert_eq!(candidates(&mut world, host).len(), 1);
    // Seven requests, and now and then another seven.
    world.run_for(Duration::from_secs(6));
    assert_eq!(world.host(host).sent, 7);
    world.run_for(Duration::from_secs(60));
    assert!((28..=35).contains(&world.host(host).sent));
    world.run_for(Duration::from_secs(900));
    let before = world.host(host).sent;
    world.run_for(Duration::from_secs(900));
    assert_eq!(world.host(host).sent, before, "given up");
    let done: Vec<_> = world.host(host).events.iter().map(|(_, e)| *e).collect();
    assert_eq!(done, [PathEvent::GatheringDone]);
}

#[test]
fn no_server_of_the_family_is_done_at_once() {
    let mut world = World::new(1, Network::CLEAN);
    let host = world.add_site(1, None);
    let now = world.now;
    let server = "[2001:db8::1]:3478".parse().unwrap();
    world.host(host).agent.gather(now, &[server]);
    assert!(world.host(host).agent.gathering_done());
    assert_eq!(world.host(host).agent.poll_transmit(), None);
}

#[test]
fn a_late_answer_changes_the_description() {
    let mut world = World::new(1, Network::CLEAN);
    world.add_stun_server("198.51.100.1:3478");
    world.cut("203.0.113.1", "198.51.100.1");
    let host = world.add_site(1, Some(NatKind::FullCone));
    world.gather_all();
    assert_eq!(candidates(&mut world, host).len(), 1);
    world.heal();
    world.run_for(Duration::from_secs(3));
    assert_eq!(candidates(&mut world, host).len(), 2);
    let events: Vec<_> = world.host(host).events.iter().map(|(_, e)| *e).collect();
    assert_eq!(
        events,
        [PathEvent::GatheringDone, PathEvent::DescriptionChanged]
    );
}

#[test]
fn a_network_that_was_away_is_asked_again() {
    let mut world = World::new(1, Network::CLEAN);
    world.add_stun_server("198.51.100.1:3478");
    world.cut("203.0.113.1", "198.51.100.1");
    let host = world.add_site(1, Some(NatKind::FullCone));
    world.gather_all();
    world.run_for(Duration::from_secs(12));
    world.heal();
    world.run_for(Duration::from_secs(16));
    assert_eq!(candidates(&mut world, host).len(), 2);
}

#[test]
fn gathering_survives_loss() {
    let mut found = 0;
    for seed in 0..50 {
        let network = Network {
            loss: 0.3,
            ..Network::CLEAN
        };
        let mut world = World::new(seed, network);
        world.add_stun_server("198.51.100.1:3478");
        let host = world.add_site(1, Some(NatKind::FullCone));
        world.gather_all();
        world.run_for(Duration::from_secs(6));
        found += candidates(&mut world, host).len() - 1;
    }
    assert!(found >= 48, "{found} of 50");
}

#[test]
fn an_idle_binding_is_kept_alive() {
    let mut world = World::new(1, Network::CLEAN);
    world.add_stun_server("198.51.100.1:3478");
    let host = world.add_site(1, Some(NatKind::PortRestricted));
    world.gather_all();
    let before = world.host(host).agent.default_address();
    // The NAT forgets after a minute without use.
    world.run_for(Duration::from_secs(300));
    assert_eq!(candidates(&mut world, host).len(), 2);
    assert_eq!(world.host(host).agent.default_address(), before);
    // One request each 15 s after the answer to the one before.
    assert_eq!(world.host(host).sent, 1 + 19);
}

#[test]
fn a_new_binding_is_noticed() {
    let mut world = World::new(1, Network::CLEAN);
    world.add_stun_server("198.51.100.1:3478");
    let host = world.add_site(1, Some(NatKind::PortRestricted));
    world.gather_all();
    world.reboot_nat(0);
    world.run_for(Duration::from_secs(16));
    assert_eq!(candidates(&mut world, host).len(), 3);
    let last = world.host(host).events.last().map(|(_, e)| *e);
    assert_eq!(last, Some(PathEvent::DescriptionChanged));
}

#[test]
fn unusable_sockets_are_left_out() {
    let locals = [
        "0.0.0.0:5000",
        "169.254.3.4:5000",
        "[fe80::1]:5000",
        "127.0.0.1:0",
        "127.0.0.1:5000",
    ]
    .map(|l| l.parse().unwrap());
    let now = std::time::Instant::now();
    let agent = PathAgent::new(now, &locals, [1; 32], PathConfig::default());
    assert_eq!(agent.local_description().candidates().len(), 1);
    assert_eq!(
        agent.default_address(),
        Some("127.0.0.1:5000".parse().unwrap())
    );
}
