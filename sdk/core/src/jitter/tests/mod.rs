#![allow(clippy::unwrap_used)]

mod behaviour;
mod hostile;
mod networks;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{JitterBuffer, JitterConfig, JitterStats, Pace, Packet, Playout, Redundancy};

const FRAME_MICROS: i64 = 20_000;
const BEAT_MICROS: i64 = 10_000;
const FRAME_SAMPLES: u32 = 960;

/// What one pull gave, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Silence,
    /// The sequence number of the frame.
    Frame(u64),
    Recovered,
    Concealed,
}

fn packet(sequence: u64, timestamp: u32) -> Packet {
    let mut payload = sequence.to_be_bytes().to_vec();
    payload.resize(60, 0);
    Packet {
        sequence,
        timestamp,
        payload,
    }
}

fn heard(playout: Playout) -> Heard {
    match playout {
        Playout::Silence => Heard::Silence,
        Playout::Frame { payload, .. } => {
            Heard::Frame(u64::from_be_bytes(payload[..8].try_into().unwrap()))
        }
        Playout::Recover { .. } | Playout::Restore { .. } => Heard::Recovered,
        Playout::Conceal => Heard::Concealed,
    }
}

/// A sender, a network and a playout clock on virtual time, in microseconds.
struct Simulation {
    rng: StdRng,
    /// How many frames the sender sends.
    frames: u64,
    /// First timestamp of the sender.
    timestamp: u32,
    /// The sender's clock against ours, in parts per million: positive is faster.
    skew_ppm: f64,
    /// The sender's and the playout's timers are late by up to this, at random.
    send_lateness: i64,
    pull_lateness: i64,
    /// How many packets back each packet carries copies from, and how many samples its deep
    /// redundancy reaches.
    copies_back: Vec<u8>,
    reach: u32,
    fec: bool,
}

/// One pull: when, what, and the measures after it.
struct Pull {
    at: i64,
    heard: Heard,
    stats: JitterStats,
}

struct Outcome {
    pulls: Vec<Pull>,
    stats: JitterStats,
}

impl Outcome {
    /// The pulls from a time in seconds on.
    fn since(&self, seconds: f64) -> &[Pull] {
        let start = self
            .pulls
            .partition_point(|pull| (pull.at as f64) < seconds * 1e6);
        &self.pulls[start..]
    }

    /// The highest delay of any frame played from a time on, in milliseconds.
    fn highest_delay(&self, seconds: f64) -> u128 {
        self.since(seconds)
            .iter()
            .map(|pull| pull.stats.current_delay.as_millis())
            .max()
            .unwrap()
    }

    fn count(&self, seconds: f64, kind: impl Fn(Heard) -> bool) -> usize {
        self.since(seconds)
            .iter()
            .filter(|pull| kind(pull.heard))
            .count()
    }
}

impl Simulation {
    fn seconds(seconds: u64, seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            frames: seconds * 50,
            timestamp: 0xffff_0000,
            skew_ppm: 0.0,
            send_lateness: 0,
            pull_lateness: 0,
            copies_back: Vec::new(),
            reach: 0,
            fec: false,
        }
    }

    /// Runs. `network` gives for a frame's number and its sending time the delay in the network,
    /// or `None` when the packet is lost.
    fn run(mut self, mut network: impl FnMut(&mut StdRng, u64, i64) -> Option<i64>) -> Outcome {
        let start = Instant::now();
        let mut arrivals = Vec::new();
        for frame in 0..self.frames {
            let period = FRAME_MICROS as f64 / (1.0 + self.skew_ppm / 1e6);
            let lateness = random_up_to(&mut self.rng, self.send_lateness);
            let sent = (frame as f64 * period) as i64 + lateness;
            if let Some(delay) = network(&mut self.rng, frame, sent) {
                arrivals.push((sent + delay, frame));
            }
        }
        arrivals.sort_unstable();

        let mut buffer = JitterBuffer::new(JitterConfig::default());
        let mut arrivals = arrivals.into_iter().peekable();
        let phase = self.rng.random_range(0..FRAME_MICROS);
        let mut pulls = Vec::with_capacity(self.frames as usize);
        // What is decoded and not played yet.
        let mut ahead = 0;
        for beat in 0..self.frames as i64 * FRAME_MICROS / BEAT_MICROS {
            let lateness = random_up_to(&mut self.rng, self.pull_lateness);
            let at = phase + beat * BEAT_MICROS + lateness;
            while let Some((arrival, frame)) = arrivals.next_if(|(arrival, _)| *arrival <= at) {
                let (packet, redundancy) = self.packet(frame);
                buffer.insert(instant(start, arrival), packet, redundancy);
            }
            while ahead < BEAT_MICROS {
                let left = Duration::from_micros(ahead.try_into().unwrap());
                let playout = buffer.pull(instant(start, at), left);
                let length = self.played_length(&playout);
                pulls.push(Pull {
                    at,
                    heard: heard(playout),
                    stats: buffer.stats(),
                });
                ahead += length;
                if length == 0 {
                    ahead = BEAT_MICROS;
                }
            }
            ahead -= BEAT_MICROS;
        }
        let mut last = None;
        for pull in &pulls {
            if let Heard::Frame(sequence) = pull.heard {
                assert!(Some(sequence) > last, "{sequence} after {last:?}");
                last = Some(sequence);
            }
        }
        Outcome {
            stats: buffer.stats(),
            pulls,
        }
    }
}

impl Simulation {
    fn packet(&self, frame: u64) -> (Packet, Redundancy) {
        let samples = (frame as u32).wrapping_mul(FRAME_SAMPLES);
        let timestamp = self.timestamp.wrapping_add(samples);
        let copy = |back: &u8| {
            let earlier = frame.checked_sub((*back).into())?;
            Some((*back, packet(65_536 + earlier, 0).payload))
        };
        let redundancy = Redundancy {
            copies: self.copies_back.iter().filter_map(copy).collect(),
            reach: self.reach,
            fec: self.fec,
        };
        (packet(65_536 + frame, timestamp), redundancy)
    }

    /// How long it is played what was pulled. A frame in ten is quiet enough to be changed at any
    /// time, in haste one in two has a period to leave out or repeat.
    fn played_length(&mut self, playout: &Playout) -> i64 {
        let Playout::Frame { pace, .. } = playout else {
            return if *playout == Playout::Silence {
                0
            } else {
                FRAME_MICROS
            };
        };
        let period = self.rng.random_range(3_000..10_000);
        let quiet = self.rng.random_range(0..10) == 0;
        let periodic = self.rng.random_range(0..2) == 0;
        let micros = |samples: u32| i64::from(samples) * 1_000 / 48;
        match *pace {
            Pace::Shorter { most, haste }
                if (quiet || (haste && periodic)) && micros(most) >= period =>
            {
                FRAME_MICROS - period
            }
            Pace::Longer { most, haste }
                if (quiet || (haste && periodic)) && micros(most) >= period =>
            {
                FRAME_MICROS + period
            }
            Pace::Even | Pace::Shorter { .. } | Pace::Longer { .. } => FRAME_MICROS,
        }
    }
}

fn instant(start: Instant, micros: i64) -> Instant {
    start + Duration::from_micros(micros.try_into().unwrap())
}

fn random_up_to(rng: &mut StdRng, most: i64) -> i64 {
    if most == 0 {
        0
    } else {
        rng.random_range(0..most)
    }
}
