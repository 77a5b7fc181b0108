//! A voice through the whole chain without a network and without waiting: two engines, seals, RTCP and
//! adaptation on virtual time, over a link whose losses are seeded. What tests/quality/offline scores.
//!
//! Usage: impaired SAID.wav HEARD.wav [KEY=VALUE...]
//!
//! `loss` (per cent), `burst` (ms; 0 is random loss), `seed`, `bitrate`, `delay` and `jitter` (ms), `fixed`
//! (1: no adaptation), `complexity` (the decoder's), `dred` (ms, always), `copy` (packets back, always), `copies`.
//! Prints one line of JSON.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cooee_audio::{
    EncoderConfig, FRAME, FRAME_DURATION, Frame, Packet, PeerId, Sink, Source, VoiceEngine,
};
use cooee_core::media::adaptation::{Adaptation, AdaptationConfig, EncoderSettings, Reception};
use cooee_core::media::{CallContext, CallKey, MediaConfig, Opened, PeerMedia, VoiceFrame};

const PEER: PeerId = PeerId(1);

/// Gives recorded samples, then silence.
struct Said {
    samples: Vec<f32>,
    position: usize,
}

impl Source for Said {
    fn read(&mut self, frame: &mut Frame) {
        for sample in frame.iter_mut() {
            *sample = self.samples.get(self.position).copied().unwrap_or(0.0);
            self.position += 1;
        }
    }
}

/// Keeps what it is given.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<f32>>>);

impl Sink for Heard {
    fn write(&mut self, frame: &Frame) {
        if let Ok(mut samples) = self.0.lock() {
            samples.extend_from_slice(frame);
        }
    }
}

/// Small and seeded: xorshift.
struct Random(u64);

impl Random {
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Loses voice packets, as tests/quality/voice_shaper.py does.
struct Link {
    random: Random,
    loss: f64,
    burst: u32,
    last: Option<u32>,
    step: f64,
    burst_from: Option<u32>,
}

impl Link {
    fn loses(&mut self, timestamp: u32) -> bool {
        let draw = self.random.share();
        if self.burst == 0 {
            return draw < self.loss;
        }
        if let Some(last) = self.last.replace(timestamp) {
            self.step = f64::from(timestamp.wrapping_sub(last)).max(1.0);
        }
        if let Some(from) = self.burst_from
            && timestamp.wrapping_sub(from) < self.burst
        {
            return true;
        }
        let packets = f64::from(self.burst) / self.step;
        if draw < self.loss / (packets * (1.0 - self.loss) + self.loss) {
            self.burst_from = Some(timestamp);
            return true;
        }
        false
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let said = arguments.next().ok_or("which recording?")?;
    let heard_path = arguments.next().ok_or("where to?")?;
    let mut options = BTreeMap::new();
    for argument in arguments {
        let (key, value) = argument.split_once('=').ok_or("KEY=VALUE")?;
        options.insert(key.to_owned(), value.parse::<f64>()?);
    }
    let option = |key: &str, default: f64| options.get(key).copied().unwrap_or(default);

    let samples: Vec<f32> = hound::WavReader::open(said)?
        .into_samples::<i16>()
        .map(|sample| sample.map(|sample| f32::from(sample) / 32_768.0))
        .collect::<Result<_, _>>()?;
    let beats = samples.len() / FRAME + 150;
    let ear = Heard::default();
    let bitrate = option("bitrate", 24_000.0) as u32;
    let config = EncoderConfig {
        bitrate,
        ..EncoderConfig::default()
    };
    let said = Said {
        samples,
        position: 0,
    };
    let mut speaker = VoiceEngine::new(Box::new(said), Box::new(Heard::default()), config)?;
    let nothing = Said {
        samples: Vec::new(),
        position: 0,
    };
    let mut listener = VoiceEngine::new(Box::new(nothing), Box::new(ear.clone()), config)?;
    listener.set_decoder_complexity(option("complexity", 5.0) as u8);
    listener.add_peer(PEER)?;

    let (alice, bob) = (CallKey::generate(), CallKey::generate());
    let (of_alice, of_bob) = (
        CallContext {
            id_group: "g",
            own_name: "alice",
            peer_name: "bob",
        },
        CallContext {
            id_group: "g",
            own_name: "bob",
            peer_name: "alice",
        },
    );
    let mut sending = PeerMedia::new(
        alice.agree(&bob.public(), &of_alice)?,
        MediaConfig::default(),
    )?;
    let mut receiving =
        PeerMedia::new(bob.agree(&alice.public(), &of_bob)?, MediaConfig::default())?;
    let mut adaptation = Adaptation::new(AdaptationConfig {
        bitrate,
        ..AdaptationConfig::default()
    });
    let mut settings = EncoderSettings {
        dred: Duration::from_millis(option("dred", 0.0) as u64),
        copies: option("copies", f64::from(u8::from(option("copy", 0.0) > 0.0))) as u8,
        copy_back: option("copy", 0.0) as u8,
        expected_loss: option("expected", 0.0) as f32 / 100.0,
        ..adaptation.settings()
    };
    if option("fixed", 0.0) > 0.0 {
        settings.bitrate = bitrate;
    } else {
        settings = adaptation.settings();
    }
    speaker.set_encoder(&settings);
    let adapts = option("fixed", 0.0) == 0.0;

    let mut link = Link {
        random: Random(
            0x9e37_79b9_7f4a_7c15 ^ (option("seed", 1.0) as u64).wrapping_mul(0xd129_0ad3),
        ),
        loss: option("loss", 0.0) / 100.0,
        burst: (option("burst", 0.0) * 48.0) as u32,
        last: None,
        step: 960.0,
        burst_from: None,
    };
    for _ in 0..10 {
        link.random.share();
    }
    let delay = Duration::from_millis(option("delay", 20.0) as u64);
    let jitter = option("jitter", 0.0) / 1_000.0;

    let start = Instant::now();
    let mut flying: Vec<(Instant, Vec<u8>)> = Vec::new();
    let mut reports: Vec<(Instant, Vec<u8>)> = Vec::new();
    let (mut octets, mut sent, mut lost) = (0, 0_u32, 0_u32);
    let mut delays = Vec::new();
    let mut work = Duration::ZERO;
    for beat in 0..beats {
        let now = start + FRAME_DURATION * u32::try_from(beat)?;
        let began = Instant::now();
        let made = speaker.tick(now);
        if let Some(frame) = made {
            octets += frame.opus.len();
            sent += 1;
            let voice = VoiceFrame {
                timestamp: frame.timestamp,
                marker: frame.marker,
                opus: &frame.opus,
            };
            let datagram = sending.seal(now, &voice)?;
            if link.loses(frame.timestamp) {
                lost += 1;
            } else {
                let late = Duration::from_secs_f64(link.random.share() * jitter);
                flying.push((now + delay + late, datagram));
            }
        }
        // The listener's beat is between two of the speaker's.
        let now = now + Duration::from_millis(3);
        flying.sort_by_key(|(arrival, _)| *arrival);
        let arrived = flying.partition_point(|(arrival, _)| *arrival <= now);
        for (arrival, datagram) in flying.drain(..arrived) {
            if let Opened::Voice(packet) = receiving.open(arrival, &datagram)? {
                let packet = Packet {
                    sequence: packet.sequence,
                    timestamp: packet.timestamp,
                    payload: packet.opus,
                };
                listener.deliver(PEER, packet, arrival);
            }
        }
        listener.tick(now);
        work += began.elapsed();
        if receiving.poll_timeout().is_some_and(|due| due <= now)
            && let Some(report) = receiving.poll_report(now)
        {
            reports.push((now + delay, report));
        }
        let reported = reports.partition_point(|(arrival, _)| *arrival <= now);
        for (arrival, report) in reports.drain(..reported) {
            sending.open(arrival, &report)?;
            let stats = sending.stats();
            if let (Some(loss), true) = (stats.remote_loss, adapts) {
                let reception = Reception {
                    loss,
                    longest_burst: stats.remote_longest_burst,
                    mean_burst: stats.remote_mean_burst,
                    jitter: stats.remote_jitter.unwrap_or_default(),
                    round_trip: stats.round_trip_time,
                };
                adaptation.handle_report(arrival, PEER, &reception);
                if adaptation.settings() != settings {
                    settings = adaptation.settings();
                    if option("trace", 0.0) > 0.0 {
                        eprintln!("{} ms: {reception:?} {settings:?}", beat * 10);
                    }
                    speaker.set_encoder(&settings);
                }
            }
        }
        let stats = listener.stats();
        if let Some(peer) = stats.peers.get(&PEER) {
            delays.push(peer.jitter.current_delay.as_micros() as f64 / 1_000.0);
        }
    }

    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(heard_path, spec)?;
    for sample in ear.0.lock().map_err(|_| "poisoned")?.iter() {
        writer.write_sample((sample * 32_767.0) as i16)?;
    }
    writer.finalize()?;
    let stats = listener.stats();
    let peer = stats.peers.get(&PEER).ok_or("nobody")?;
    let seconds = beats as f64 / 100.0;
    println!(
        "{{\"kbit\": {:.2}, \"lost\": {:.3}, \"played\": {}, \"recovered\": {}, \"restored\": {}, \
         \"concealed\": {}, \"late\": {}, \"stretched\": {}, \"delay_ms\": {:.1}, \"wait_ms\": {}, \
         \"cpu_percent\": {:.2}}}",
        octets as f64 * 8.0 / seconds / 1_000.0,
        f64::from(lost) / f64::from(sent.max(1)),
        peer.jitter.played,
        peer.jitter.recovered,
        peer.jitter.restored,
        peer.jitter.concealed,
        peer.jitter.late,
        peer.stretched,
        delays.iter().sum::<f64>() / delays.len().max(1) as f64,
        peer.jitter.redundancy_delay.as_millis(),
        work.as_secs_f64() / seconds * 100.0,
    );
    Ok(())
}
