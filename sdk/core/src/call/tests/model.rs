//! Random users, networks and servers; every seed has to come to rest.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::world::{World, group, name};
use crate::call::{CallPhase, EndReason, Target};

const SEEDS: u64 = 5_000;
const STEPS: usize = 160;

fn act(world: &mut World, rng: &mut SmallRng, restarts: bool) {
    let people = world.clients.len();
    let who = rng.random_range(0..people);
    let online = world.clients[who].online;
    let phase = world.clients[who].machine.phase();
    match rng.random_range(0..100) {
        0..30 => {
            world.deliver_up(who);
        }
        30..60 => {
            world.deliver_down(who);
        }
        60..66 if online && phase.is_none() => {
            let own = world.clients[who].profile;
            let whom = rng.random_range(0..world.relay.names.len());
            if rng.random_bool(0.3) {
                world.place(who, Target::Group(group(), Vec::new()));
            } else if whom != own {
                world.call(who, whom);
            }
        }
        66..72 => world.accept(who),
        72..75 if phase == Some(CallPhase::RingingIn) => world.decline(who),
        75..79 => world.hang_up(who),
        79..82 if online => world.disconnect(who),
        82..88 if !online => world.resume(who),
        88..91 if world.clients[who].must_gather => world.gather(who),
        91 => {
            let text = format!(
                "{}x{}",
                ["ann", "ben", "cat"][who % 3],
                rng.random_range(0..1000)
            );
            if !world.relay.names.contains(&name(&text)) {
                let profile = world.clients[who].profile;
                world.rename(profile, &text);
            }
        }
        92 if restarts && rng.random_bool(0.2) => {
            world.relay.restart();
            for session in 0..people {
                if world.clients[session].online {
                    world.disconnect(session);
                }
            }
        }
        93..97 => {
            world.open_paths();
        }
        97..100 => {
            let due = world.next_timeout();
            let soon = world.now + Duration::from_millis(rng.random_range(0..8_000));
            world.now = due.map_or(soon, |due| due.min(soon)).max(world.now);
            world.expire();
        }
        _ => {}
    }
}

fn check(world: &World, seed: u64) {
    for (who, client) in world.clients.iter().enumerate() {
        let running = usize::from(client.machine.phase().is_some());
        assert_eq!(
            client.calls,
            client.ended.len() + running,
            "seed {seed}, client {who}: each call ends once: {:?}",
            world.story(who)
        );
        if let Some(CallPhase::RingingIn) = client.machine.phase() {
            assert!(client.peers.is_empty(), "seed {seed}");
        }
    }
}

#[test]
fn every_seed_comes_to_rest() {
    let casts: [&[&str]; 4] = [
        &["alice", "bob"],
        &["alice", "bob", "carol"],
        &["alice", "bob", "bob"],
        &["alice", "alice", "bob", "carol"],
    ];
    let mut connected = 0;
    for seed in 0..SEEDS {
        let mut rng = SmallRng::seed_from_u64(seed);
        let cast = casts[rng.random_range(0..casts.len())];
        let restarts = rng.random_bool(0.3);
        let mut world = World::of(cast);
        for client in &mut world.clients {
            client.gathers_at_once = rng.random_bool(0.7);
        }
        for _ in 0..STEPS {
            act(&mut world, &mut rng, restarts);
            check(&world, seed);
        }
        // The network heals, and the people do nothing more.
        for who in 0..world.clients.len() {
            if world.clients[who].must_gather {
                world.gather(who);
            }
            world.clients[who].gathers_at_once = true;
            if !world.clients[who].online {
                world.resume(who);
            }
        }
        world.pass(Duration::from_secs(1200));
        check(&world, seed);
        for (who, id) in world.relay.participants() {
            let known = world.clients[who].machine.id_group();
            assert_eq!(
                known,
                Some(id),
                "seed {seed}, client {who}: the server has it in a call: {:?}",
                world.story(who)
            );
        }
        for (who, phase) in world.phases().iter().enumerate() {
            match phase {
                None => {}
                Some(CallPhase::Connected) => connected += 1,
                Some(other) => panic!(
                    "seed {seed}, client {who} is {other:?} for ever: {:?}",
                    world.story(who)
                ),
            }
            assert!(
                !world.ended(who).contains(&EndReason::Unknown),
                "seed {seed}: {:?}",
                world.story(who)
            );
        }
    }
    assert!(connected > 100, "the seeds reach calls: {connected}");
}
