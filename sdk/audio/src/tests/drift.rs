use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cpal::{BufferSize, SampleFormat, StreamConfig};

use super::allocations;
use crate::device::{Capture, Feed, LatencyProfile, Pickup, Playback, Shape, Shared, Stalls};
use crate::drift::{Follower, Taken};
use crate::frame::{Clock, FRAME, FRAME_DURATION, SAMPLE_RATE, SILENCE};
use crate::resample::{Fixed, Resampler};

/// A loudspeaker and a voice thread on virtual time, and what became of the ring between them.
struct Rig {
    begin: Instant,
    follower: Follower,
    fill: i64,
    taken: u64,
    /// Part of a sample that a stretched frame still owes.
    rest: f64,
    /// Nothing was there at the last callback.
    dry: bool,
    gaps: u64,
    most: i64,
    /// The largest reserve.
    reserve: usize,
}

/// How the two sides of a ring beat.
#[derive(Clone, Copy)]
struct Beat {
    ppm: f64,
    /// Frames that the loudspeaker takes at once.
    period: i64,
    /// When its first callback comes.
    phase: Duration,
    /// The voice thread comes late by up to this,
    jitter: Duration,
    /// and now and then by this.
    seldom: Duration,
}

impl Rig {
    fn new() -> Self {
        let follower = Follower::new(SAMPLE_RATE, LatencyProfile::Balanced.allowance());
        Self {
            begin: Instant::now(),
            follower,
            fill: 0,
            taken: 0,
            rest: 0.0,
            dry: true,
            gaps: 0,
            most: 0,
            reserve: 0,
        }
    }

    fn write(&mut self, now: Instant) {
        self.most = self.most.max(self.fill);
        self.reserve = self.reserve.max(self.follower.reserve());
        if std::mem::replace(&mut self.dry, false) {
            // As the loudspeaker's feed does it.
            let silence = (self.follower.reserve() as i64 - self.fill).max(0);
            self.fill += silence;
            self.follower.wrote(now, silence as usize);
        }
        let advice = self.follower.advise(now);
        let cut = advice.cut.min(FRAME / 4);
        if cut > 0 {
            self.follower.was_cut(cut);
        }
        self.rest += FRAME as f64 * advice.stretch;
        let samples = self.rest.floor();
        self.rest -= samples;
        let samples = samples as usize - cut;
        self.fill += samples as i64;
        self.follower.wrote(now, samples);
    }

    fn take(&mut self, at: Instant, period: i64) {
        let there = self.fill.min(period);
        self.fill -= there;
        self.taken += there as u64;
        let missing = match std::mem::replace(&mut self.dry, there < period) {
            true => 0,
            false => (period - there) as usize,
        };
        self.gaps += u64::from(missing > 0);
        self.follower.taken(Taken {
            at,
            total: self.taken,
            missing,
        });
    }

    /// Runs for that long; forgets the gaps and the fill of the first minute.
    fn run(&mut self, beat: Beat, lasting: Duration) {
        let begin = self.begin;
        self.begin += lasting;
        let rate = f64::from(SAMPLE_RATE) * (1.0 + beat.ppm * 1e-6);
        let at = |count: u64, each: f64| Duration::from_secs_f64(count as f64 * each);
        let frame = FRAME_DURATION.as_secs_f64();
        let (mut writes, mut callbacks) = (0_u64, 0_u64);
        let mut settled = false;
        loop {
            let late = beat.jitter.mul_f64((writes * 7_919 % 101) as f64 / 100.0);
            let late = match writes % 997 {
                0 => beat.seldom,
                _ => late,
            };
            let write = at(writes, frame) + late;
            let callback = at(callbacks, beat.period as f64 / rate) + beat.phase;
            let next = write.min(callback);
            if next > lasting {
                return;
            }
            if !settled && next > Duration::from_secs(60) {
                settled = true;
                self.gaps = 0;
                self.most = 0;
            }
            if write <= callback {
                self.write(begin + write);
                writes += 1;
            } else {
                self.take(begin + callback, beat.period);
                callbacks += 1;
            }
        }
    }
}

#[test]
fn an_hour_of_other_clocks_runs_neither_dry_nor_over() {
    for ppm in [-300.0, 300.0] {
        for period in [256, 480, 1_024] {
            let mut rig = Rig::new();
            let beat = Beat {
                ppm,
                period,
                phase: Duration::from_millis(3),
                jitter: Duration::from_millis(2),
                seldom: Duration::ZERO,
            };
            rig.run(beat, Duration::from_secs(3_600));
            // A period must lie there, and a frame more where it comes just before the callback.
            let bound = period + FRAME as i64 + 480;
            assert_eq!(rig.gaps, 0, "{ppm} ppm, {period}");
            assert!(rig.most <= bound, "{ppm} ppm, {period}: {}", rig.most);
        }
    }
}

#[test]
fn where_the_beats_fall_is_seen_and_not_paid_for_twice() {
    for phase in 0..20 {
        let mut rig = Rig::new();
        let beat = Beat {
            ppm: 0.0,
            period: 480,
            phase: Duration::from_millis(phase),
            jitter: Duration::from_millis(1),
            seldom: Duration::ZERO,
        };
        rig.run(beat, Duration::from_secs(180));
        assert_eq!(rig.gaps, 0, "{phase}");
        assert!(rig.most <= 480 + 192, "{phase}: {}", rig.most);
    }
}

#[test]
fn a_voice_thread_that_comes_late_gets_a_reserve_and_loses_it_again() {
    let mut rig = Rig::new();
    let mut beat = Beat {
        ppm: 40.0,
        period: 480,
        phase: Duration::from_millis(5),
        jitter: Duration::from_millis(1),
        seldom: FRAME_DURATION * 9 / 10,
    };
    rig.run(beat, Duration::from_secs(600));
    assert!(rig.gaps <= 20, "{}", rig.gaps);
    let least = Rig::new().follower.reserve();
    assert!(rig.reserve > 2 * least, "{}", rig.reserve);
    beat.seldom = Duration::ZERO;
    rig.run(beat, Duration::from_secs(1_200));
    assert_eq!(rig.gaps, 0);
    assert_eq!(rig.follower.reserve(), least);
}

#[test]
fn gaps_of_one_trouble_cost_one_step_of_reserve() {
    let mut follower = Follower::new(SAMPLE_RATE, LatencyProfile::Balanced.allowance());
    let begin = Instant::now();
    let gap = |millis| Taken {
        at: begin + Duration::from_millis(millis),
        total: 0,
        missing: 1,
    };
    follower.taken(gap(0));
    let once = follower.reserve();
    for millis in [40, 80, 700, 900] {
        follower.taken(gap(millis));
    }
    assert_eq!(follower.reserve(), once);
    follower.taken(gap(1_500));
    assert!(follower.reserve() > once);
}

fn shape(rate: u32, channels: u16) -> Shape {
    Shape {
        config: StreamConfig {
            channels,
            sample_rate: rate,
            buffer_size: BufferSize::Fixed(rate / 100),
        },
        format: SampleFormat::F32,
    }
}

/// A loudspeaker's callback and the voice thread's end of its ring.
fn loudspeaker(rate: u32) -> (Playback, Feed) {
    let (producer, ring) = rtrb::RingBuffer::new(rate as usize);
    let (reports, news) = rtrb::RingBuffer::new(64);
    let shared = Arc::new(Shared::default());
    let playback = Playback {
        ring,
        channels: 2,
        shared: Arc::clone(&shared),
        reports,
        total: 0,
        held: 0.0,
        started: false,
        stalls: Stalls::new(rate),
    };
    let resampler = Resampler::new(SAMPLE_RATE, rate, Fixed::Input(FRAME)).unwrap();
    let rings = (producer, news);
    let latency = LatencyProfile::Balanced;
    let feed = Feed::new(rings, shared, shape(rate, 2), resampler, latency);
    (playback, feed)
}

/// A microphone's callback and the voice thread's end of its ring.
fn microphone(rate: u32) -> (Capture, Pickup) {
    let (ring, consumer) = rtrb::RingBuffer::new(rate as usize);
    let shared = Arc::new(Shared::default());
    let capture = Capture {
        ring,
        channels: 2,
        shared: Arc::clone(&shared),
    };
    let resampler = Resampler::new(rate, SAMPLE_RATE, Fixed::Output(FRAME)).unwrap();
    (
        capture,
        Pickup::new(consumer, shared, shape(rate, 2), resampler),
    )
}

#[test]
fn sound_passes_both_ends_without_the_allocator() {
    for rate in [48_000, 44_100, 16_000] {
        let (mut playback, mut feed) = loudspeaker(rate);
        let (mut capture, mut pickup) = microphone(rate);
        let period = rate as usize / 100;
        let mut buffer = vec![0.0_f32; 2 * period];
        let begin = Instant::now();
        let mut frames = 0;
        let mut fullest = 0;
        let allocations = allocations::during(|| {
            for tick in 0..6_000_u32 {
                // The loudspeaker is slow by 250 ppm.
                let at = begin + Duration::from_millis(10).mul_f64(f64::from(tick) * 1.00025);
                playback.run(at, &mut buffer);
                capture.run(&buffer);
                while let Clock::Own(1..) = pickup.clock() {
                    let mut frame = SILENCE;
                    pickup.read(&mut frame);
                    frames += 1;
                }
                let now = begin + Duration::from_millis(10) * tick + Duration::from_millis(4);
                if (tick as usize * 480).is_multiple_of(FRAME) {
                    let tone = std::array::from_fn(|index| 0.3 * (index as f32 * 0.131).sin());
                    feed.write(now, &tone);
                }
                if tick > 1_000 {
                    fullest = fullest.max(feed.fill());
                }
            }
        });
        assert_eq!(allocations, 0, "{rate}");
        assert!(frames >= 59 * 48_000 / FRAME, "{rate}: {frames}");
        assert_eq!(feed.health().underruns, 0, "{rate}");
        let bound = (2 * FRAME + 480) * rate as usize / 48_000;
        assert!(fullest < bound, "{rate}: {fullest}");
    }
}

#[test]
fn a_microphone_that_was_late_does_not_stay_late() {
    let (mut capture, mut pickup) = microphone(48_000);
    let sound = [0.5_f32; 2 * 480];
    let mut frame = SILENCE;
    assert_eq!(pickup.clock(), Clock::Time);
    for _ in 0..4 {
        capture.run(&sound);
    }
    while let Clock::Own(1..) = pickup.clock() {
        pickup.read(&mut frame);
    }
    assert!((frame[FRAME - 1] - 0.5).abs() < 1e-3);
    // Nothing comes for three frames, then all of it at once.
    for _ in 0..3 {
        pickup.read(&mut frame);
    }
    assert!(frame[FRAME - 1].abs() < 1e-3);
    for _ in 0..6 * FRAME / 480 {
        capture.run(&sound);
    }
    pickup.read(&mut frame);
    assert_eq!(pickup.clock(), Clock::Own(0));
    assert_eq!(capture.shared.misses.load(Ordering::Relaxed), 0);
}
