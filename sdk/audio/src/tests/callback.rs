use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::allocations;
use crate::device::{Buffers, Capture, Playback, Shared, Stalls, Watchdog};
use crate::frame::FRAME_DURATION;

fn capture(room: usize, channels: usize) -> (Capture, rtrb::Consumer<f32>) {
    let (ring, consumer) = rtrb::RingBuffer::new(room);
    let shared = Arc::new(Shared::default());
    let capture = Capture {
        ring,
        channels,
        shared,
    };
    (capture, consumer)
}

fn playback(room: usize, channels: usize) -> (Playback, rtrb::Producer<f32>) {
    let (producer, ring) = rtrb::RingBuffer::new(room);
    let (reports, _) = rtrb::RingBuffer::new(4);
    let shared = Arc::new(Shared::default());
    let playback = Playback {
        ring,
        channels,
        shared,
        reports,
        total: 0,
        held: 0.0,
        started: false,
        stalls: Stalls::new(48_000),
    };
    (playback, producer)
}

#[test]
fn the_callbacks_never_allocate() {
    let (mut capture, mut captured) = capture(4_800, 2);
    let (mut playback, mut playing) = playback(4_800, 2);
    let microphone = [1_000_i16; 960];
    // The callback that wakes the voice thread is part of it.
    assert!(capture.shared.listener.set(std::thread::current()).is_ok());
    let mut loudspeaker = [0_i16; 960];
    let allocations = allocations::during(|| {
        for _ in 0..20 {
            // Now and then the ring is full or empty: those paths count as well.
            capture.run(&microphone);
            playback.run(Instant::now(), &mut loudspeaker);
        }
        capture.shared.failed(cpal::ErrorKind::Xrun);
    });
    assert_eq!(allocations, 0);
    assert_eq!(captured.slots(), 4_800);
    assert_eq!(capture.shared.misses.load(Ordering::Relaxed), 15);
    assert_eq!(capture.shared.xruns.load(Ordering::Relaxed), 1);
    assert!((captured.pop().unwrap() - 1_000.0 / 32_768.0).abs() < 1e-6);

    playing.push_entire_slice(&[0.5; 960]).unwrap();
    assert_eq!(
        allocations::during(|| playback.run(Instant::now(), &mut loudspeaker)),
        0
    );
    assert!(loudspeaker.iter().all(|sample| *sample == 16_384));
}

#[test]
fn a_full_ring_takes_whole_frames_only() {
    let (mut capture, captured) = capture(5, 2);
    capture.run(&[0.1_f32, 0.2, 0.1, 0.2, 0.1, 0.2]);
    assert_eq!(captured.slots(), 4);
    assert_eq!(capture.shared.misses.load(Ordering::Relaxed), 1);
    assert_eq!(capture.shared.largest.load(Ordering::Relaxed), 3);
}

#[test]
fn a_gap_fades_and_counts_once() {
    let (mut playback, mut playing) = playback(960, 1);
    let mut buffer = [0.0_f32; 480];
    playback.run(Instant::now(), &mut buffer);
    assert_eq!(playback.shared.misses.load(Ordering::Relaxed), 0);
    playing.push_entire_slice(&[0.8; 480]).unwrap();
    playback.run(Instant::now(), &mut buffer);
    playback.run(Instant::now(), &mut buffer);
    playback.run(Instant::now(), &mut buffer);
    assert_eq!(playback.shared.misses.load(Ordering::Relaxed), 1);
    assert!(buffer.iter().all(|sample| sample.abs() < 1e-3));
}

#[test]
fn a_lost_device_is_told_from_a_hiccup() {
    let shared = Shared::default();
    shared.failed(cpal::ErrorKind::DeviceChanged);
    shared.failed(cpal::ErrorKind::Xrun);
    shared.failed(cpal::ErrorKind::BackendError);
    assert!(!shared.lost.load(Ordering::Relaxed));
    shared.failed(cpal::ErrorKind::DeviceNotAvailable);
    assert!(shared.lost.load(Ordering::Relaxed));
}

#[test]
fn silence_and_endless_errors_mean_a_lost_device() {
    let mut watchdog = Watchdog::default();
    // Errors do no harm as long as callbacks come, and a device may take its time.
    assert!((1..10_000).all(|tick| !watchdog.barks(tick / 2, tick)));
    let second = 1_000 / FRAME_DURATION.as_millis() as u64;
    assert!((1..second).all(|_| !watchdog.barks(20_000, 20_000)));
    assert!((1..10).any(|_| watchdog.barks(20_000, 20_000)));
    // One that has run and reports errors has gone.
    let mut watchdog = Watchdog::default();
    assert!(!watchdog.barks(20_000, 0));
    assert!((1..second / 10).any(|tick| watchdog.barks(20_000, tick)));
    // One that has not begun yet is waited for.
    let mut watchdog = Watchdog::default();
    assert!((1..4 * second).all(|_| !watchdog.barks(7, 7)));
    assert!((1..2 * second).any(|_| watchdog.barks(7, 7)));
    let mut watchdog = Watchdog::default();
    assert!((1..2 * second).any(|tick| watchdog.barks(7, tick)));
}

#[test]
fn callbacks_that_come_too_late_are_stalls() {
    let (mut playback, mut playing) = playback(9_600, 1);
    playing.push_entire_slice(&[0.1; 9_600]).unwrap();
    let mut buffer = [0.0_f32; 480];
    let mut at = Instant::now();
    for late in [0, 0, 9, 0, 12, 0, 40] {
        at += Duration::from_millis(10 + late);
        playback.run(at, &mut buffer);
    }
    // Two buffers of 10 ms are held, so 19 ms are nothing.
    assert_eq!(playback.shared.stalls.load(Ordering::Relaxed), 2);
}

/// Runs for so many seconds, a look each 100 ms, with a stall each `stall` looks; the sizes asked for.
fn sizes(buffers: &mut Buffers, now: &mut Instant, seconds: u64, stall: Option<u64>) -> Vec<u32> {
    let mut stalls = 0;
    let mut sizes = Vec::new();
    for look in 0..seconds * 10 {
        *now += Duration::from_millis(100);
        stalls += u64::from(stall.is_some_and(|stall| look % stall == 0));
        if buffers.observe(*now, stalls) {
            sizes.push(buffers.millis());
            buffers.opened(*now);
            stalls = 0;
        }
    }
    sizes
}

#[test]
fn a_buffer_grows_when_it_is_too_small_and_shrinks_when_all_is_calm() {
    let mut now = Instant::now();
    let mut buffers = Buffers::new(now, 5);
    assert_eq!(buffers.millis(), 5);
    assert_eq!(sizes(&mut buffers, &mut now, 300, None), [0; 0]);
    // Once in 20 s is life.
    assert_eq!(sizes(&mut buffers, &mut now, 300, Some(200)), [0; 0]);
    assert_eq!(sizes(&mut buffers, &mut now, 20, Some(10)), [10, 20, 40]);
    assert_eq!(
        sizes(&mut buffers, &mut now, 20, Some(10)),
        [0; 0],
        "no further"
    );
    assert_eq!(sizes(&mut buffers, &mut now, 200, None), [20, 10, 5]);
    // A size that has failed once more is tried again after twice the time.
    assert_eq!(sizes(&mut buffers, &mut now, 6, Some(10)), [10]);
    assert_eq!(sizes(&mut buffers, &mut now, 100, None), [0; 0]);
    assert_eq!(sizes(&mut buffers, &mut now, 30, None), [5]);
}

#[test]
fn stalls_of_one_trouble_are_one_and_go_on_being_counted_while_it_lasts() {
    let mut now = Instant::now();
    let mut buffers = Buffers::new(now, 5);
    assert_eq!(sizes(&mut buffers, &mut now, 3, None), [0; 0]);
    // Ten in a second, twice within what is remembered.
    for _ in 0..2 {
        assert_eq!(sizes(&mut buffers, &mut now, 1, Some(1)), [0; 0]);
        buffers.observe(now, 0);
        assert_eq!(sizes(&mut buffers, &mut now, 3, None), [0; 0]);
    }
    // A buffer that is too small stalls all the time, and not for long.
    assert_eq!(sizes(&mut buffers, &mut now, 4, Some(1)), [10]);
}
