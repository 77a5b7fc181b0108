use std::time::{Duration, Instant};

use crate::frame::FRAME_DURATION;
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
    for turn in 0..180_000_u64 {
        now = pacer.next() + Duration::from_micros(turn * 7 % 3_000);
        let due = pacer.due(now);
        assert_eq!(due.skipped, 0);
        frames += due.frames;
    }
    assert_eq!(frames, 180_000);
    assert!(now - start < Duration::from_secs(3_600) + FRAME_DURATION);
    assert_eq!(pacer.next(), start + FRAME_DURATION * 180_000);
}

#[test]
fn early_wake_ups_make_nothing() {
    let start = Instant::now();
    let mut pacer = Pacer::new(start + FRAME_DURATION);
    assert_eq!(pacer.due(start), due(0, 0));
    assert_eq!(pacer.due(start + FRAME_DURATION), due(0, 1));
    assert_eq!(pacer.due(start + FRAME_DURATION), due(0, 0));
}

#[test]
fn a_short_stall_is_made_up_for_and_a_long_one_skipped() {
    let start = Instant::now();
    let mut pacer = Pacer::new(start);
    assert_eq!(pacer.due(start), due(0, 1));
    assert_eq!(pacer.due(start + Duration::from_millis(70)), due(0, 3));
    assert_eq!(pacer.due(start + Duration::from_millis(1_080)), due(50, 1));
    assert_eq!(pacer.next(), start + Duration::from_millis(1_100));
}
