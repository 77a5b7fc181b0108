//! Seeded networks: what the buffer does over seconds, minutes and an hour.

use std::time::Duration;

use rand::RngExt;

use super::{Heard, Simulation, random_up_to};

#[test]
fn a_clean_path_plays_every_frame_at_one_to_two_frames_of_delay() {
    for seed in 0..40 {
        let outcome = Simulation::seconds(60, seed).run(|rng, _, _| Some(random_up_to(rng, 5_000)));
        let stats = outcome.stats;
        assert_eq!(stats.concealed, 0, "seed {seed}: {stats:?}");
        assert_eq!(stats.recovered, 0, "seed {seed}: {stats:?}");
        assert_eq!(stats.discarded, 0, "seed {seed}: {stats:?}");
        assert_eq!(stats.late, 0, "seed {seed}: {stats:?}");
        assert!(stats.played >= 2990, "seed {seed}: {stats:?}");
        assert!(
            (20..=40).contains(&stats.target_delay.as_millis()),
            "seed {seed}: {stats:?}"
        );
        assert!(outcome.highest_delay(0.0) <= 52, "seed {seed}: {stats:?}");
        assert_eq!(
            outcome.count(0.2, |heard| heard == Heard::Silence),
            0,
            "seed {seed}: {stats:?}"
        );
    }
}

#[test]
fn late_timers_on_both_machines_cost_nothing() {
    for seed in 0..40 {
        let mut simulation = Simulation::seconds(60, seed);
        simulation.send_lateness = 10_000;
        simulation.pull_lateness = 10_000;
        let stats = simulation.run(|_, _, _| Some(15_000)).stats;
        assert_eq!(stats.concealed, 0, "seed {seed}: {stats:?}");
        assert_eq!(stats.discarded, 0, "seed {seed}: {stats:?}");
    }
}

#[test]
fn jitter_is_absorbed_once_measured() {
    for (jitter, most_target) in [(20, 30), (50, 60), (100, 110)] {
        for seed in 0..8 {
            let outcome = Simulation::seconds(60, seed)
                .run(|rng, _, _| Some(30_000 + random_up_to(rng, jitter * 1_000)));
            let stats = outcome.stats;
            let missing = outcome.count(5.0, |heard| !matches!(heard, Heard::Frame(_)));
            let frames = outcome.since(5.0).len();
            assert!(
                missing * 50 <= frames,
                "{jitter} ms, seed {seed}: {missing} of {frames} missing, {stats:?}"
            );
            assert!(
                stats.target_delay.as_millis() <= most_target,
                "{jitter} ms, seed {seed}: {stats:?}"
            );
            assert!(
                outcome.highest_delay(5.0) <= most_target + 45,
                "{jitter} ms, seed {seed}: {} ms, {stats:?}",
                outcome.highest_delay(5.0)
            );
        }
    }
}

#[test]
fn growing_jitter_is_followed_within_a_second_and_forgotten_again() {
    for seed in 0..8 {
        let outcome = Simulation::seconds(60, seed).run(|rng, _, sent| {
            let rough = (20_000_000..30_000_000).contains(&sent);
            Some(random_up_to(rng, if rough { 80_000 } else { 3_000 }))
        });
        let rough: Vec<_> = outcome
            .since(21.0)
            .iter()
            .take_while(|pull| pull.at < 30_000_000)
            .collect();
        let missing = rough
            .iter()
            .filter(|pull| !matches!(pull.heard, Heard::Frame(_)))
            .count();
        assert!(
            missing * 25 <= rough.len(),
            "seed {seed}: {missing} of {}",
            rough.len()
        );
        let last = outcome.pulls.last().unwrap().stats;
        assert!(last.target_delay.as_millis() <= 25, "seed {seed}: {last:?}");
        assert!(outcome.highest_delay(50.0) <= 65, "seed {seed}: {last:?}");
    }
}

#[test]
fn losses_are_recovered_where_they_can_be() {
    for (percent, seed) in [(1, 1), (5, 2), (15, 3), (30, 4), (30, 5)] {
        let mut lost = 0;
        let mut simulation = Simulation::seconds(60, seed);
        simulation.fec = true;
        let outcome = simulation.run(|rng, frame, _| {
            if frame > 0 && rng.random_range(0..100) < percent {
                lost += 1;
                return None;
            }
            Some(random_up_to(rng, 10_000))
        });
        let stats = outcome.stats;
        let stood_in = stats.recovered + stats.concealed;
        // One frame is made up for one lost, give or take what the delay was adjusted by.
        assert!(
            stood_in.abs_diff(lost) <= 10 + lost / 20,
            "{percent} %: {lost} lost, {stats:?}"
        );
        assert!(stats.late * 100 <= stats.received, "{percent} %: {stats:?}");
        assert!(
            stats.discarded * 100 <= stats.received,
            "{percent} %: {stats:?}"
        );
        assert!(outcome.highest_delay(0.0) <= 70, "{percent} %: {stats:?}");
        assert!(
            stats.recovered * 3 >= stats.concealed,
            "{percent} %: {stats:?}"
        );
    }
}

#[test]
fn copies_and_deep_redundancy_are_waited_for() {
    // Bursts of 80 ms, a tenth of all packets: a copy from 5 packets back replaces nearly all.
    let bursts = |simulation: Simulation| {
        let mut left = 0;
        simulation.run(|rng, _, _| {
            if left == 0 && rng.random_range(0..36) == 0 {
                left = 4;
            }
            if left > 0 {
                left -= 1;
                return None;
            }
            Some(random_up_to(rng, 3_000))
        })
    };
    for seed in 0..8 {
        let mut copies = Simulation::seconds(60, seed);
        copies.copies_back = vec![5];
        let copies = bursts(copies);
        let mut deep = Simulation::seconds(60, seed);
        deep.reach = 9_600;
        let deep = bursts(deep);
        for (name, outcome) in [("copies", copies), ("deep", deep)] {
            let stats = outcome.stats;
            assert!(stats.recovered >= 200, "{name}, seed {seed}: {stats:?}");
            let missing = outcome.count(5.0, |heard| heard == Heard::Concealed);
            let frames = outcome.since(5.0).len();
            assert!(
                missing * 50 <= frames,
                "{name}, seed {seed}: {missing} of {frames} missing, {stats:?}"
            );
            let wait = stats.redundancy_delay.as_millis();
            assert!((40..=90).contains(&wait), "{name}, seed {seed}: {wait} ms");
            // A burst that might just have been late is waited for on top, and a beat.
            let most_above = Duration::from_millis(80 + 10);
            for pull in outcome.since(5.0) {
                let (delay, target) = (pull.stats.current_delay, pull.stats.target_delay);
                assert!(
                    delay <= target + most_above,
                    "{name}, seed {seed}: {delay:?} for {target:?}"
                );
            }
        }
    }
}

#[test]
fn a_second_copy_stands_in_where_the_first_is_lost_as_well() {
    for seed in 0..8 {
        let concealed = |copies_back: Vec<u8>| {
            let mut simulation = Simulation::seconds(60, seed);
            simulation.copies_back = copies_back;
            let outcome = simulation
                .run(|rng, _, _| (rng.random_range(0..10) >= 3).then(|| random_up_to(rng, 3_000)));
            outcome.count(5.0, |heard| heard == Heard::Concealed)
        };
        let (one, two) = (concealed(vec![1]), concealed(vec![1, 2]));
        // 9 % and 2.7 % of the packets.
        assert!(two * 2 < one, "seed {seed}: {one}, {two}");
    }
}

#[test]
fn the_delay_shrinks_again_when_nothing_is_lost_any_more() {
    for seed in 0..8 {
        let mut simulation = Simulation::seconds(40, seed);
        simulation.copies_back = vec![5];
        let outcome = simulation.run(|rng, _, sent| {
            let lossy = sent < 15_000_000;
            (!lossy || rng.random_range(0..10) > 0).then(|| random_up_to(rng, 3_000))
        });
        let during = outcome.since(14.0)[0].stats.current_delay.as_millis();
        let after = outcome.since(39.0)[0].stats.current_delay.as_millis();
        assert!(during >= 95, "seed {seed}: {during} ms");
        assert!(after <= 40, "seed {seed}: {after} ms");
        assert_eq!(
            outcome.stats.discarded, 0,
            "nothing is left out in mid-speech"
        );
    }
}

#[test]
fn loss_and_jitter_together_stay_within_bounds() {
    for seed in 0..8 {
        let outcome = Simulation::seconds(60, seed)
            .run(|rng, _, _| (rng.random_range(0..100) >= 30).then(|| random_up_to(rng, 100_000)));
        let stats = outcome.stats;
        assert!(
            stats.target_delay.as_millis() <= 110,
            "seed {seed}: {stats:?}"
        );
        assert!(outcome.highest_delay(0.0) <= 200, "seed {seed}: {stats:?}");
        let played = outcome.count(5.0, |heard| matches!(heard, Heard::Frame(_)));
        assert!(
            played * 100 >= outcome.since(5.0).len() * 64,
            "seed {seed}: {stats:?}"
        );
    }
}

#[test]
fn a_stall_is_over_when_it_is_over() {
    // The backlog at once, or over 200 ms.
    // One that is short enough to be played through is remembered for as long as the window.
    let stalls = [
        (1_000_000, 0, 5.0),
        (1_000_000, 200_000, 5.0),
        (1_000_000, 500_000, 5.0),
        (3_000_000, 0, 5.0),
        (300_000, 0, 12.0),
    ];
    for (stall, spread, settled) in stalls {
        for seed in 0..8 {
            let from = 20_000_000;
            let until = from + stall;
            let outcome = Simulation::seconds(40, seed).run(|rng, _, sent| {
                let delay = 20_000 + random_up_to(rng, 3_000);
                if !(from..until).contains(&sent) {
                    return Some(delay);
                }
                let rank = (sent - from) * spread / stall;
                Some((until - sent + rank).max(0) + delay)
            });
            let before = outcome.since(19.9)[0].stats.current_delay.as_millis();
            let after_start = until as f64 / 1e6 + settled;
            for pull in outcome.since(after_start) {
                let after = pull.stats.current_delay.as_millis();
                assert!(
                    after <= before + 40,
                    "{stall}, {spread}, seed {seed}: {before} -> {after} ms"
                );
            }
            assert!(outcome.highest_delay(0.0) <= 400, "seed {seed}");
            let concealed = outcome.count(0.0, |heard| heard == Heard::Concealed);
            assert!(
                concealed <= 12,
                "{stall}, {spread}, seed {seed}: {concealed} concealed"
            );
            // Back to playing within 200 ms of the end of the stall.
            let back = (until + spread) as f64 / 1e6 + 0.2;
            let missing = outcome.count(back, |heard| !matches!(heard, Heard::Frame(_)));
            assert!(
                missing <= 2,
                "{stall}, {spread}, seed {seed}: {missing} missing"
            );
        }
    }
}

#[test]
fn repeated_stalls_are_learned() {
    // 100 ms without anything, every second: the delay that rides them out is worth it.
    let outcome = Simulation::seconds(60, 7).run(|rng, _, sent| {
        let phase = sent % 1_000_000;
        let wait = if phase < 100_000 { 100_000 - phase } else { 0 };
        Some(wait + random_up_to(rng, 2_000))
    });
    let missing = outcome.count(10.0, |heard| !matches!(heard, Heard::Frame(_)));
    assert!(
        missing * 50 <= outcome.since(10.0).len(),
        "{missing}: {:?}",
        outcome.stats
    );
}

#[test]
fn a_longer_path_is_followed() {
    for step in [150_000, 350_000, 700_000, 5_000_000] {
        let outcome = Simulation::seconds(60, 11).run(|rng, _, sent| {
            let longer = if sent >= 10_000_000 { step } else { 0 };
            Some(longer + random_up_to(rng, 3_000))
        });
        let stats = outcome.stats;
        assert!(outcome.highest_delay(0.0) <= 400, "{step}: {stats:?}");
        let end = 11.0 + step as f64 / 1e6;
        let missing = outcome.count(end, |heard| !matches!(heard, Heard::Frame(_)));
        assert!(missing <= 5, "{step}: {missing} missing, {stats:?}");
        assert!(outcome.highest_delay(40.0) <= 65, "{step}: {stats:?}");
    }
}

#[test]
fn an_hour_with_skewed_clocks_neither_runs_dry_nor_piles_up() {
    for skew_ppm in [300.0, -300.0] {
        let mut simulation = Simulation::seconds(3600, 3);
        simulation.skew_ppm = skew_ppm;
        let outcome = simulation.run(|rng, _, _| Some(random_up_to(rng, 5_000)));
        let stats = outcome.stats;
        // 300 ppm of an hour are 54 frames.
        assert!(stats.concealed <= 70, "{skew_ppm} ppm: {stats:?}");
        assert!(stats.discarded <= 70, "{skew_ppm} ppm: {stats:?}");
        assert!(
            outcome.highest_delay(0.0) <= 70,
            "{skew_ppm} ppm: {stats:?}"
        );
        assert!(
            stats.target_delay <= Duration::from_millis(25),
            "{skew_ppm} ppm: {stats:?}"
        );
        // A fast sender is done a second early.
        let pulls = outcome.since(1.0);
        let silent = pulls
            .iter()
            .filter(|p| p.heard == Heard::Silence && p.at < 3_598_000_000);
        assert_eq!(silent.count(), 0, "{skew_ppm} ppm: {stats:?}");
    }
}
