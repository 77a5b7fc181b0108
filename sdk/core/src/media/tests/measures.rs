//! What reports say, over simulated networks on virtual time.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{FRAME, frame, pair, report};
use crate::media::{Opened, PeerMedia};

/// A network of fixed seed between two ends: delay, jitter in milliseconds, loss in percent.
struct Network {
    rng: StdRng,
    delay: u64,
    jitter: u64,
    loss: u32,
    /// Arrival, whether towards the second end, octets.
    flying: Vec<(Instant, bool, Vec<u8>)>,
}

impl Network {
    fn new(delay: u64, jitter: u64, loss: u32) -> Self {
        Self {
            rng: StdRng::seed_from_u64(5),
            delay,
            jitter,
            loss,
            flying: Vec::new(),
        }
    }

    fn send(&mut self, now: Instant, to_second: bool, datagram: Vec<u8>) {
        if self.rng.random_range(0..100) < self.loss {
            return;
        }
        let jitter = self.rng.random_range(0..=self.jitter * 1000);
        let arrival = now + Duration::from_millis(self.delay) + Duration::from_micros(jitter);
        self.flying.push((arrival, to_second, datagram));
    }

    fn arrived(&mut self, now: Instant) -> Vec<(Instant, bool, Vec<u8>)> {
        self.flying.sort_by_key(|(arrival, ..)| *arrival);
        let count = self.flying.partition_point(|(arrival, ..)| *arrival <= now);
        self.flying.drain(..count).collect()
    }
}

/// Both talk for a number of seconds. Gives the reports sent.
fn talk(ends: &mut (PeerMedia, PeerMedia), network: &mut Network, seconds: u32) -> u32 {
    let start = Instant::now();
    let mut reports = 0;
    for millisecond in 0..u64::from(seconds) * 1000 {
        let now = start + Duration::from_millis(millisecond);
        for (arrival, to_second, datagram) in network.arrived(now) {
            let end = if to_second { &mut ends.1 } else { &mut ends.0 };
            end.open(arrival, &datagram).unwrap();
        }
        if millisecond % 20 == 0 {
            let n = (millisecond / 20) as u32;
            network.send(now, true, ends.0.seal(now, &frame(n)).unwrap());
            network.send(now, false, ends.1.seal(now, &frame(n)).unwrap());
        }
        for to_second in [true, false] {
            let end = if to_second { &mut ends.0 } else { &mut ends.1 };
            if end.poll_timeout().is_some_and(|due| due <= now)
                && let Some(report) = end.poll_report(now)
            {
                reports += 1;
                network.send(now, to_second, report);
            }
        }
    }
    reports
}

#[test]
fn a_clean_network_measures_clean() {
    let mut ends = pair();
    let reports = talk(&mut ends, &mut Network::new(35, 0, 0), 60);
    assert!((100..=140).contains(&reports), "{reports} reports in 60 s");
    for end in [&ends.0, &ends.1] {
        let stats = end.stats();
        assert_eq!(stats.packets_lost, 0);
        assert_eq!(stats.fraction_lost, 0.0);
        assert_eq!(stats.remote_loss, Some(0.0));
        assert_eq!(stats.jitter, Duration::ZERO);
        let round_trip = stats.round_trip_time.unwrap();
        assert!(
            round_trip.abs_diff(Duration::from_millis(70)) < Duration::from_micros(100),
            "{round_trip:?}"
        );
        assert_eq!((stats.forged, stats.replayed, stats.stray), (0, 0, 0));
    }
}

#[test]
fn loss_and_jitter_are_measured_and_reported() {
    let mut ends = pair();
    let mut network = Network::new(20, 30, 20);
    talk(&mut ends, &mut network, 120);
    let stats = ends.0.stats();
    let share = stats.packets_lost as f64 / 6000.0;
    assert!((0.17..0.23).contains(&share), "{stats:?}");
    assert!(stats.packets_received + stats.packets_lost >= 5990);
    assert!((0.02..0.5).contains(&stats.fraction_lost), "{stats:?}");
    assert!(
        (0.02..0.5).contains(&stats.remote_loss.unwrap()),
        "{stats:?}"
    );
    // The mean difference of two uniform delays of 0 to 30 ms is 10 ms.
    let jitter = stats.jitter.as_secs_f64() * 1e3;
    assert!((6.0..14.0).contains(&jitter), "{stats:?}");
    let round_trip = stats.round_trip_time.unwrap().as_millis();
    assert!((40..=100).contains(&round_trip), "{stats:?}");
}

#[test]
fn who_only_listens_reports_only_on_what_it_hears() {
    let (mut alice, mut bob) = pair();
    let mut now = Instant::now();
    assert_eq!(bob.poll_timeout(), None);
    assert_eq!(bob.poll_report(now), None);
    for n in 0..200 {
        let datagram = alice.seal(now, &frame(n)).unwrap();
        if n % 4 != 1 {
            bob.open(now, &datagram).unwrap();
        }
        now += FRAME;
    }
    let datagram = report(&mut bob, &mut now);
    // A receiver report with one block, in the clear header.
    assert_eq!(datagram[..4], [0x81, 201, 0, 7]);
    assert!(matches!(alice.open(now, &datagram), Ok(Opened::Report)));
    let stats = alice.stats();
    assert_eq!(stats.remote_loss, Some(64.0 / 256.0));
    // No sender report has come to bob yet.
    assert_eq!(stats.round_trip_time, None);

    let datagram = report(&mut alice, &mut now);
    assert_eq!(datagram[..4], [0x80, 200, 0, 6]);
    bob.open(now + FRAME, &datagram).unwrap();
    now += FRAME;
    let datagram = report(&mut bob, &mut now);
    alice.open(now + FRAME, &datagram).unwrap();
    let round_trip = alice.stats().round_trip_time.unwrap();
    assert!(
        round_trip.abs_diff(2 * FRAME) < Duration::from_micros(100),
        "{round_trip:?}"
    );
}

#[test]
fn who_falls_silent_stops_sender_reports() {
    let (mut alice, mut bob) = pair();
    let mut now = Instant::now();
    alice.open(now, &bob.seal(now, &frame(0)).unwrap()).unwrap();
    alice.seal(now, &frame(0)).unwrap();
    let types: Vec<u8> = (0..4).map(|_| report(&mut alice, &mut now)[1]).collect();
    assert_eq!(types, [200, 200, 201, 201]);
}

#[test]
fn reports_keep_their_interval() {
    let (mut alice, _) = pair();
    let start = Instant::now();
    let mut now = start;
    alice.seal(now, &frame(0)).unwrap();
    let first = alice.poll_timeout().unwrap() - start;
    assert!((250..=750).contains(&first.as_millis()), "{first:?}");
    let mut before = None;
    for n in 0..50 {
        alice.seal(now, &frame(n)).unwrap();
        report(&mut alice, &mut now);
        assert_eq!(alice.poll_report(now), None);
        if let Some(before) = before.replace(now) {
            let interval = now - before;
            assert!((500..=1500).contains(&interval.as_millis()), "{interval:?}");
        }
    }
}

#[test]
fn bursts_are_measured_and_reported() {
    let (mut alice, mut bob) = pair();
    let mut now = Instant::now();
    for n in 0..400 {
        let datagram = alice.seal(now, &frame(n)).unwrap();
        if n % 40 >= 4 {
            bob.open(now, &datagram).unwrap();
        }
        now += FRAME;
    }
    let datagram = report(&mut bob, &mut now);
    assert!(matches!(alice.open(now, &datagram), Ok(Opened::Report)));
    let stats = alice.stats();
    assert_eq!(stats.remote_longest_burst, Some(4));
    assert_eq!(stats.remote_reports, 1);
    assert_eq!(stats.remote_jitter, Some(Duration::ZERO));
    // Runs of 4 where one packet in ten is lost.
    let ratio = bob.stats().burst_ratio;
    assert!((3.4..3.8).contains(&ratio), "{ratio}");
    assert_eq!(bob.stats().longest_burst, 4);
}
