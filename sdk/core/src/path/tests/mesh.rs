//! Calls of more than two.

use std::time::{Duration, Instant};

use crate::path::sim::{HostId, NatKind, Network, World};
use crate::path::{
    AddPeerError, PathAgent, PathConfig, PathDescription, PeerId, Route, RouteKind, UpdatePeerError,
};

fn all_connected(world: &mut World, hosts: &[HostId]) -> bool {
    let pairs = hosts
        .iter()
        .flat_map(|a| hosts.iter().map(move |b| (*a, *b)));
    pairs
        .filter(|(a, b)| a != b)
        .all(|(a, b)| world.route(a, b).is_some())
}

#[test]
fn three_peers_with_one_description_each() {
    for seed in 0..20 {
        let mut world = World::new(seed, Network::CLEAN);
        world.add_stun_server("198.51.100.1:3478");
        let hosts = [
            world.add_site(1, Some(NatKind::PortRestricted)),
            world.add_site(2, Some(NatKind::FullCone)),
            world.add_site(3, Some(NatKind::AddressRestricted)),
        ];
        world.gather_all();
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            world.introduce(hosts[a], hosts[b]);
        }
        world
            .run_until(Duration::from_secs(3), |w| all_connected(w, &hosts))
            .unwrap();
        for from in hosts {
            for to in hosts {
                if from != to {
                    world.send_media(from, to, &[from.0 as u8]);
                }
            }
        }
        world.run_for(Duration::from_millis(100));
        for to in hosts {
            let mut heard = world.host(to).media.clone();
            heard.sort();
            let expected: Vec<_> = hosts
                .iter()
                .filter(|h| **h != to)
                .map(|h| (h.peer(), vec![h.0 as u8]))
                .collect();
            assert_eq!(heard, expected);
        }
    }
}

#[test]
fn a_late_joiner_does_not_disturb_the_others() {
    let mut world = World::new(5, Network::CLEAN);
    world.add_stun_server("198.51.100.1:3478");
    let sites = [1, 2, 3].map(|net| world.add_site(net, Some(NatKind::PortRestricted)));
    let [a, b, c] = sites;
    world.gather_all();
    world.introduce(a, b);
    world.run_for(Duration::from_secs(100));
    assert!(world.are_connected(a, b));
    let before = world.selections(a, b).len();
    world.introduce(a, c);
    world.introduce(b, c);
    world
        .run_until(Duration::from_secs(3), |w| all_connected(w, &sites))
        .unwrap();
    assert_eq!(world.selections(a, b).len(), before);
    let now = world.now;
    world.host(a).agent.remove_peer(b.peer());
    world.host(a).agent.handle_timeout(now);
    world.run_for(Duration::from_secs(10));
    assert!(world.are_connected(a, c));
    assert!(world.losses(a, c).is_empty());
}

fn description(ufrag: &str) -> PathDescription {
    let lines = ["candidate:1 1 udp 2113929471 203.0.113.9 10100 typ host"];
    PathDescription::new(ufrag, "0123456789012345678901", &lines).unwrap()
}

fn agent(now: Instant) -> PathAgent {
    let local = "203.0.113.1:5000".parse().unwrap();
    PathAgent::new(now, &[local], [7; 32], PathConfig::default())
}

#[test]
fn peers_cannot_be_confused() {
    let now = Instant::now();
    let mut agent = agent(now);
    let own = agent.local_description();
    let (one, two) = (PeerId(1), PeerId(2));
    assert_eq!(
        agent.add_peer(now, one, &description("first"), true),
        Ok(())
    );
    assert_eq!(
        agent.add_peer(now, one, &description("other"), true),
        Err(AddPeerError::AlreadyAdded)
    );
    assert_eq!(
        agent.add_peer(now, two, &description("first"), true),
        Err(AddPeerError::UfragInUse)
    );
    assert_eq!(
        agent.add_peer(now, two, &own, true),
        Err(AddPeerError::UfragInUse)
    );
    assert_eq!(
        agent.update_peer(now, two, &description("second")),
        Err(UpdatePeerError::UnknownPeer)
    );
    assert_eq!(
        agent.add_peer(now, two, &description("second"), true),
        Ok(())
    );
    assert_eq!(
        agent.update_peer(now, two, &description("first")),
        Err(UpdatePeerError::UfragInUse)
    );
    assert_eq!(agent.update_peer(now, two, &description("third")), Ok(()));
    for n in 3..=64 {
        let ufrag = format!("peer{n}");
        assert_eq!(
            agent.add_peer(now, PeerId(n), &description(&ufrag), true),
            Ok(())
        );
    }
    assert_eq!(
        agent.add_peer(now, PeerId(65), &description("last"), true),
        Err(AddPeerError::TooManyPeers)
    );
}

#[test]
fn the_longest_credentials_work() {
    let now = Instant::now();
    let mut agent = agent(now);
    let lines = ["candidate:1 1 udp 2113929471 203.0.113.9 10100 typ host"];
    let long = PathDescription::new(&"u".repeat(100), &"p".repeat(256), &lines).unwrap();
    agent.add_peer(now, PeerId(1), &long, true).unwrap();
    agent.handle_timeout(now);
    agent.handle_timeout(now + Duration::from_millis(20));
    assert!(agent.poll_transmit().is_some());
}

#[test]
fn checks_are_paced_whoever_wakes_the_agent() {
    let now = Instant::now();
    let mut agent = agent(now);
    let lines: Vec<String> = (0..32)
        .map(|n| {
            format!(
                "candidate:{n} 1 udp {} 203.0.113.9 {} typ host",
                1000 + n,
                2000 + n
            )
        })
        .collect();
    let many = PathDescription::new("many", "0123456789012345678901", &lines).unwrap();
    agent.add_peer(now, PeerId(1), &many, true).unwrap();
    let mut sent = 0;
    for ms in 0..200 {
        agent.handle_timeout(now + Duration::from_millis(ms));
        while agent.poll_transmit().is_some() {
            sent += 1;
        }
    }
    assert!((17..=22).contains(&sent), "{sent} checks in 200 ms");
}

#[test]
fn a_description_never_directs_checks_at_this_host() {
    let now = Instant::now();
    let mut agent = agent(now);
    let lines = [
        "candidate:1 1 udp 2113929471 127.0.0.1 22 typ host",
        "candidate:2 1 udp 2113929471 ::1 22 typ host",
    ];
    let bad = PathDescription::new("loop", "0123456789012345678901", &lines).unwrap();
    agent.add_peer(now, PeerId(1), &bad, true).unwrap();
    for step in 0..100 {
        agent.handle_timeout(now + Duration::from_millis(20 * step));
        assert_eq!(agent.poll_transmit(), None);
    }
}

#[test]
fn routes_are_named_in_a_word() {
    let route = Route {
        local: "192.0.2.1:1".parse().unwrap(),
        remote: "192.0.2.2:2".parse().unwrap(),
        kind: RouteKind::Direct,
    };
    assert_eq!(route.to_string(), "direct (192.0.2.1:1 to 192.0.2.2:2)");
    assert_eq!(RouteKind::Relayed.to_string(), "relayed");
    assert_eq!(RouteKind::Tunnelled.to_string(), "tunnelled");
    let json = serde_json::to_string(&RouteKind::Tunnelled).unwrap();
    assert_eq!(json, "\"tunnelled\"");
}
