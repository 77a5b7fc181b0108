use std::time::{Duration, Instant};

use crate::frame::{Clock, FRAME_DURATION};
use crate::pacer::{Due, Pacer};

const fn due(skipped: u64, frames: u64) -> Due {
    Due { skipped, frames }
}

#[test]
fn an_hour_of_late_wake_ups_loses_no_frame() {
    let start = Instant::now();
    let mut pacer = Pacer::new(start);
    let mut frames = 0;
    let mut now = start;
    let hour = 3_600_000 / FRAME_DURATION.as_millis() as u64;
    for turn in 0..hour {
        now = pacer.next() + Duration::from_micros(turn * 7 % 3_000);
        let due = pacer.due(now, Clock::Time);
        assert_eq!(due.skipped, 0);
        frames += due.frames;
    }
    assert_eq!(frames, hour);
    assert!(now - start < Duration::from_secs(3_600) + FRAME_DURATION);
    assert_eq!(pacer.next(), start + FRAME_DURATION * hour as u32);
}

#[test]
fn early_wake_ups_make_nothing() {
    let start = Instant::now();
    let mut pacer = Pacer::new(start + FRAME_DURATION);
    assert_eq!(pacer.due(start, Clock::Time), due(0, 0));
    assert_eq!(pacer.due(start + FRAME_DURATION, Clock::Time), due(0, 1));
    assert_eq!(pacer.due(start + FRAME_DURATION, Clock::Time), due(0, 0));
}

#[test]
fn a_short_stall_is_made_up_for_and_a_long_one_skipped() {
    let start = Instant::now();
    let mut pacer = Pacer::new(start);
    assert_eq!(pacer.due(start, Clock::Time), due(0, 1));
    let short = start + FRAME_DURATION * 3;
    assert_eq!(pacer.due(short, Clock::Time), due(0, 3));
    let long = short + Duration::from_secs(1);
    let passed = 1_000 / FRAME_DURATION.as_millis() as u64;
    assert_eq!(pacer.due(long, Clock::Time), due(passed - 1, 1));
    assert_eq!(pacer.next(), long + FRAME_DURATION);
}

#[test]
fn a_source_with_a_clock_is_followed_at_once() {
    let start = Instant::now();
    let mut pacer = Pacer::new(start);
    let mut now = start;
    for turn in 0..1_000_u64 {
        assert_eq!(pacer.due(now, Clock::Own(0)), due(0, 0));
        // A clock of its own is slower than ours, and comes in bursts.
        now += FRAME_DURATION + Duration::from_micros(turn * 31 % 9_000);
        assert_eq!(pacer.due(now, Clock::Own(0)), due(0, 0));
        assert_eq!(
            pacer.due(now, Clock::Own(1 + turn % 2)),
            due(0, 1 + turn % 2)
        );
        assert!(pacer.next() > now + FRAME_DURATION);
    }
    assert_eq!(pacer.due(now, Clock::Own(500)), due(499, 1));
}

#[test]
fn a_source_that_stops_does_not_stop_the_call() {
    let start = Instant::now();
    let mut pacer = Pacer::new(start);
    assert_eq!(pacer.due(start, Clock::Own(1)), due(0, 1));
    let first = pacer.next();
    let mut frames = 0;
    let mut now = start;
    while now < start + Duration::from_secs(1) {
        now = pacer.next();
        frames += pacer.due(now, Clock::Own(0)).frames;
    }
    let second = 1_000 / FRAME_DURATION.as_millis() as u64;
    assert!(frames + 8 >= second && frames <= second, "{frames}");
    // One that was only late is waited for longer from then on, and when it has gone for good,
    // our own clock goes on without a pause.
    assert_eq!(pacer.due(now, Clock::Own(1)), due(0, 1));
    assert!(pacer.next() - now > first - start);
    assert_eq!(pacer.due(now, Clock::Time), due(0, 1));
    assert_eq!(pacer.next(), now + FRAME_DURATION);
}
