//! How soon there is a path.

use std::time::Duration;

use crate::path::sim::{HostId, NatKind, Network, World};

const ONE_WAY: Duration = Duration::from_millis(40);

/// The time from the moment the second side knows the first to each side's selection.
fn selected_after(seed: u64, skew: Duration, kinds: [Option<NatKind>; 2]) -> [Duration; 2] {
    let network = Network {
        delay: ONE_WAY,
        jitter: Duration::from_millis(2),
        ..Network::CLEAN
    };
    let mut world = World::new(seed, network);
    world.add_stun_server("198.51.100.1:3478");
    let a = world.add_site(1, kinds[0]);
    let b = world.add_site(2, kinds[1]);
    world.gather_all();
    let begin = world.elapsed();
    let (first, second) = if seed.is_multiple_of(2) {
        (a, b)
    } else {
        (b, a)
    };
    world.tell_after(Duration::ZERO, first, second, first == a);
    world.tell_after(skew, second, first, second == a);
    let connected = world.run_until(Duration::from_secs(5), |w| w.are_connected(a, b));
    assert!(connected.is_some(), "{kinds:?}");
    let at = |host: HostId, peer: HostId| world.selections(host, peer)[0].0 - begin;
    [at(a, b), at(b, a)]
}

#[test]
fn there_is_a_path_after_one_round_trip() {
    let kinds = [
        None,
        Some(NatKind::FullCone),
        Some(NatKind::AddressRestricted),
        Some(NatKind::PortRestricted),
    ];
    let mut beyond = Vec::new();
    for seed in 0..320_u64 {
        let skew = Duration::from_millis(seed * 7 % 61);
        let pair = [kinds[seed as usize % 4], kinds[seed as usize / 4 % 4]];
        let times = selected_after(seed, skew, pair);
        beyond.extend(times.map(|t| t.saturating_sub(skew)));
    }
    beyond.sort();
    let median = beyond[beyond.len() / 2];
    let slow = beyond[beyond.len() * 95 / 100];
    println!("selected after the skew: median {median:?}, 95 % {slow:?}");
    assert!(
        median <= 2 * ONE_WAY + Duration::from_millis(15),
        "{median:?}"
    );
    assert!(slow <= 3 * ONE_WAY + Duration::from_millis(60), "{slow:?}");
}

#[test]
fn a_check_that_came_before_its_sender_was_known_is_answered() {
    let network = Network {
        delay: Duration::from_millis(1),
        jitter: Duration::ZERO,
        ..Network::CLEAN
    };
    let mut world = World::new(1, network);
    let a = world.add_site(1, None);
    let b = world.add_site(2, None);
    world.gather_all();
    world.tell_after(Duration::ZERO, a, b, true);
    world.tell_after(Duration::from_millis(5), b, a, false);
    let time = world.run_until(Duration::from_secs(1), |w| w.route(a, b).is_some());
    // The answer goes out the moment b knows a, and not with the next retransmission.
    let time = time.unwrap();
    assert!(time <= Duration::from_millis(8), "{time:?}");
}
