use std::time::Duration;

use super::super::{Backoff, SignallingOutput, SignallingState};
use super::Rig;

#[test]
fn waits_grow_up_to_the_ceiling_and_are_never_nothing() {
    let (first, ceiling) = (Duration::from_millis(500), Duration::from_secs(30));
    let mut longest = Duration::ZERO;
    for seed in 0..200 {
        let mut backoff = Backoff::new(first, ceiling, seed);
        for attempt in 0..100_u32 {
            assert_eq!(backoff.attempt(), attempt);
            let limit = first.saturating_mul(1 << attempt.min(20)).min(ceiling);
            let wait = backoff.fail();
            assert!(wait >= limit / 10 && wait <= limit, "{wait:?} of {limit:?}");
            longest = longest.max(wait);
        }
        backoff.reset();
        assert!(backoff.fail() <= first);
    }
    assert!(longest > ceiling / 2, "{longest:?}");
}

#[test]
fn counters_do_not_overflow() {
    let mut backoff = Backoff::new(Duration::MAX, Duration::MAX, 1);
    for _ in 0..100 {
        backoff.fail();
    }
}

/// How long the session says that it waits after the connection broke.
fn broken(rig: &mut Rig) -> (Duration, u32) {
    rig.session.handle_disconnected(rig.now);
    let down = rig.outputs().into_iter().find_map(|output| match output {
        SignallingOutput::Down {
            retry_in, attempt, ..
        } => Some((retry_in, attempt)),
        _ => None,
    });
    down.unwrap()
}

#[test]
fn only_a_sign_in_that_lasts_makes_the_next_reconnect_quick() {
    let mut rig = Rig::online();
    for attempt in 1..=8 {
        // The server takes us in and drops us at once.
        let (retry_in, counted) = broken(&mut rig);
        assert_eq!(counted, attempt);
        assert_eq!(rig.session.state(), SignallingState::Waiting);
        assert_eq!(rig.wait(), retry_in);
        rig.outputs();
        rig.open();
        rig.welcome("alice", Some("token"));
        rig.outputs();
    }
    rig.now += Duration::from_secs(10);
    let (retry_in, attempt) = broken(&mut rig);
    assert_eq!(attempt, 1);
    assert!(retry_in <= Duration::from_millis(500));
}

#[test]
fn another_network_does_not_wait() {
    let mut rig = Rig::online();
    broken(&mut rig);
    rig.session.retry_now(rig.now);
    assert_eq!(rig.session.state(), SignallingState::Connecting);
    rig.session.retry_now(rig.now);
    let connects = super::words(&rig.outputs());
    assert_eq!(connects, ["connect"]);
}
