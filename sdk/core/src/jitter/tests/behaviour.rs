//! One behaviour at a time, packet by packet.

use std::time::{Duration, Instant};

use super::{FRAME_SAMPLES, Heard, heard, packet};
use crate::jitter::{JitterBuffer, JitterConfig, Packet, Playout, Redundancy};

const FRAME: Duration = Duration::from_millis(20);

/// A buffer with a clock that steps by whole frames. Packets arrive right on time.
struct Stepper {
    buffer: JitterBuffer,
    now: Instant,
    /// Whether each packet holds the one before in in-band FEC.
    fec: bool,
}

impl Stepper {
    fn new() -> Self {
        Self {
            buffer: JitterBuffer::new(JitterConfig::default()),
            now: Instant::now(),
            fec: false,
        }
    }

    fn with_fec() -> Self {
        Self {
            fec: true,
            ..Self::new()
        }
    }

    fn redundancy(&self) -> Redundancy {
        Redundancy {
            fec: self.fec,
            ..Redundancy::default()
        }
    }

    /// A frame's time: packets arrive, and the playout takes something 10 ms later.
    fn step(&mut self, packets: impl IntoIterator<Item = Packet>) -> Heard {
        for packet in packets {
            self.buffer.insert(self.now, packet, self.redundancy());
        }
        let heard = heard(self.buffer.pull(self.now + FRAME / 2, Duration::ZERO));
        self.now += FRAME;
        heard
    }

    /// Steps with one packet each and gives what was heard.
    fn talk(&mut self, sequences: std::ops::Range<u64>) -> Vec<Heard> {
        sequences.map(|n| self.step([nth(n)])).collect()
    }

    fn silent(&mut self, steps: usize) -> Vec<Heard> {
        (0..steps).map(|_| self.step([])).collect()
    }
}

fn nth(sequence: u64) -> Packet {
    packet(sequence, (sequence as u32).wrapping_mul(FRAME_SAMPLES))
}

fn count(heard: &[Heard], kind: Heard) -> usize {
    heard.iter().filter(|h| **h == kind).count()
}

#[test]
fn an_unused_buffer_is_silent() {
    let mut stepper = Stepper::new();
    assert!(stepper.silent(100).iter().all(|h| *h == Heard::Silence));
    assert_eq!(stepper.buffer.stats().concealed, 0);
}

#[test]
fn playout_waits_for_the_start_delay() {
    let mut stepper = Stepper::new();
    assert_eq!(
        stepper.talk(0..4),
        [
            Heard::Silence,
            Heard::Frame(0),
            Heard::Frame(1),
            Heard::Frame(2)
        ]
    );
    let stats = stepper.buffer.stats();
    assert_eq!(stats.current_delay, Duration::from_millis(30));
    assert_eq!((stats.received, stats.played), (4, 3));
}

#[test]
fn reordered_packets_are_put_in_order_and_duplicates_dropped() {
    let mut stepper = Stepper::new();
    stepper.talk(0..10);
    let heard = [
        stepper.step([]),
        stepper.step([nth(11), nth(10), nth(10)]),
        stepper.step([nth(12), nth(11), nth(5)]),
    ];
    // One frame late: it is waited for, and nothing is left out.
    assert_eq!(heard, [Heard::Frame(9), Heard::Frame(10), Heard::Frame(11)]);
    assert_eq!(stepper.buffer.stats().duplicates, 3);
    assert_eq!(stepper.buffer.stats().late, 0);
}

#[test]
fn a_lost_frame_is_recovered_from_its_successor() {
    let mut stepper = Stepper::with_fec();
    stepper.talk(0..10);
    stepper.step([]);
    let redundancy = stepper.redundancy();
    stepper.buffer.insert(stepper.now, nth(11), redundancy);
    let playout = stepper.buffer.pull(stepper.now + FRAME / 2, Duration::ZERO);
    assert_eq!(
        playout,
        Playout::Recover {
            next: nth(11).payload
        }
    );
    stepper.now += FRAME;
    assert_eq!(stepper.step([nth(12)]), Heard::Frame(11));
    // What was recovered is of no use any more.
    assert_eq!(stepper.step([nth(13), nth(10)]), Heard::Frame(12));
    let stats = stepper.buffer.stats();
    assert_eq!((stats.recovered, stats.concealed, stats.late), (1, 0, 1));
}

#[test]
fn two_lost_frames_are_concealed_and_recovered() {
    let mut stepper = Stepper::with_fec();
    stepper.talk(0..10);
    let heard = [
        stepper.step([]),
        stepper.step([]),
        stepper.step([nth(12)]),
        stepper.step([nth(13)]),
    ];
    assert_eq!(
        heard,
        [
            Heard::Frame(9),
            Heard::Concealed,
            Heard::Recovered,
            Heard::Frame(12)
        ]
    );
}

#[test]
fn a_talker_that_stops_fades_into_silence_and_may_come_back() {
    let mut stepper = Stepper::new();
    stepper.talk(0..50);
    let heard = stepper.silent(100);
    assert_eq!(count(&heard, Heard::Concealed), 6);
    assert!(heard[8..].iter().all(|h| *h == Heard::Silence));

    // The media clock has run on, the sequence numbers have not.
    let resumed: Vec<Heard> = (0..10)
        .map(|n| stepper.step([packet(50 + n, (150 + n as u32) * FRAME_SAMPLES)]))
        .collect();
    assert_eq!(resumed[0], Heard::Silence);
    assert!(
        resumed[2..].iter().all(|h| matches!(h, Heard::Frame(_))),
        "{resumed:?}"
    );
    assert_eq!(stepper.buffer.stats().discarded, 0);
}

#[test]
fn a_media_clock_that_stood_still_is_believed() {
    let mut stepper = Stepper::new();
    stepper.talk(0..50);
    stepper.silent(500);
    let heard = stepper.talk(50..100);
    assert!(
        heard[3..].iter().all(|h| matches!(h, Heard::Frame(_))),
        "{heard:?}"
    );
    assert!(stepper.buffer.stats().current_delay <= Duration::from_millis(50));
}

#[test]
fn a_sender_that_starts_over_is_heard_at_once() {
    for (sequence, timestamp) in [(100_000, 77), (70_100, 0x9000_0000), (3, 5_000_000)] {
        let mut stepper = Stepper::new();
        for n in 0..100 {
            stepper.step([packet(70_000 + n, 3_000_000 + n as u32 * FRAME_SAMPLES)]);
        }
        let heard: Vec<Heard> = (0..50)
            .map(|n| stepper.step([packet(sequence + n, timestamp + n as u32 * FRAME_SAMPLES)]))
            .collect();
        assert!(
            heard[5..].iter().all(|h| matches!(h, Heard::Frame(_))),
            "{sequence}: {heard:?}"
        );
        assert!(stepper.buffer.stats().current_delay <= Duration::from_millis(50));
    }
}

#[test]
fn a_jump_of_sequence_is_a_long_loss() {
    let mut stepper = Stepper::new();
    stepper.talk(0..50);
    // Twenty seconds of media lost, in the time of none: the sender skipped.
    let heard = stepper.talk(1050..1100);
    let frames = heard
        .iter()
        .filter(|h| matches!(h, Heard::Frame(_)))
        .count();
    assert!(frames >= 40, "{heard:?}");
    assert!(count(&heard, Heard::Concealed) <= 6, "{heard:?}");
}

#[test]
fn a_media_clock_shifted_by_less_than_a_frame_loses_nothing() {
    for shift in [-500_i32, 500] {
        let mut stepper = Stepper::new();
        stepper.talk(0..50);
        let heard: Vec<Heard> = (50..100u64)
            .map(|n| {
                let timestamp = (n as u32 * FRAME_SAMPLES).wrapping_add_signed(shift);
                stepper.step([packet(n, timestamp)])
            })
            .collect();
        assert!(
            heard.iter().all(|h| matches!(h, Heard::Frame(_))),
            "{shift}: {heard:?}"
        );
    }
}

#[test]
fn a_playout_that_stood_still_catches_up() {
    let mut stepper = Stepper::new();
    stepper.talk(0..50);
    for n in 50..100 {
        stepper
            .buffer
            .insert(stepper.now, nth(n), Redundancy::default());
        stepper.now += FRAME;
    }
    let heard = stepper.talk(100..150);
    assert!(
        heard.iter().all(|h| matches!(h, Heard::Frame(_))),
        "{heard:?}"
    );
    assert!(stepper.buffer.stats().current_delay <= Duration::from_millis(50));
    assert!(stepper.buffer.stats().discarded >= 48);
}

#[test]
fn a_flood_is_bounded() {
    let config = JitterConfig::default();
    let mut stepper = Stepper::new();
    for n in 0..10_000 {
        stepper
            .buffer
            .insert(stepper.now, nth(n), Redundancy::default());
    }
    let stats = stepper.buffer.stats();
    assert_eq!(stats.received, 10_000);
    assert!(stats.discarded >= 10_000 - config.max_packets as u64);
}

#[test]
fn other_frame_lengths_work_alike() {
    for millis in [10u32, 40, 60] {
        let step = Duration::from_millis(millis.into());
        let mut buffer = JitterBuffer::new(JitterConfig {
            frame_samples: millis * 48,
            ..JitterConfig::default()
        });
        let mut now = Instant::now();
        let mut last = Heard::Silence;
        for n in 0..500u32 {
            let packet = packet(n.into(), n * millis * 48);
            buffer.insert(now, packet, Redundancy::default());
            last = heard(buffer.pull(now + step / 2, Duration::ZERO));
            now += step;
        }
        let stats = buffer.stats();
        assert!(
            matches!(last, Heard::Frame(n) if n >= 496),
            "{millis} ms: {last:?}"
        );
        assert_eq!(
            stats.concealed + stats.discarded,
            0,
            "{millis} ms: {stats:?}"
        );
    }
}
