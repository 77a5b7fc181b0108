//! What a peer's voice passes through: jitter buffer, decoder, and a little stretching.

use std::time::{Duration, Instant};

use cooee_core::jitter::{JitterBuffer, JitterConfig, Pace, Packet, Playout, Redundancy};
use cooee_core::media::redundancy::SinglePacket;

use crate::codec::{self, CodecError, Decoder, LONGEST_PACKET};
use crate::frame::{FRAME, FRAME_DURATION, Frame, SAMPLE_RATE, SILENCE};
use crate::mix::{fall, peak};
use crate::processing::EnergyActivity;
use crate::stats::PeerStats;
use crate::stretch::{LONGEST_STRETCH, Search, lengthen, shorten};

/// Samples in a peer's packets until one has come: 20 ms.
const FIRST_PACKET: usize = 2 * FRAME;

/// How much more than the least delay is aimed for until the network has been measured.
const START_MARGIN: Duration = Duration::from_millis(5);

/// Pulls in one beat at most. One is enough, except where a packet was lengthened or shortened.
const PULLS: usize = 3;

/// The mean square below which sound is as good as silence, -60 dBov, and the same beside the loudest
/// sound lately.
const QUIETEST: f32 = 1e-6;
const QUIET: f32 = 1e-3;

/// What is left of the loudest sound a packet later: half after 3 s of 20 ms.
const LOUD_DECAY: f32 = 0.995;

/// Packets without copies after which the voice counts as one of full bitrate again: 2 s of 20 ms.
const UNCOPIED: u32 = 100;

/// One peer's voice.
pub(crate) struct Talker {
    jitter: JitterBuffer,
    decoder: Decoder,
    undecodable: u64,
    stretched: u64,
    reading: f32,
    activity: EnergyActivity,
    /// The packet being decoded.
    scratch: Box<[f32; LONGEST_PACKET + LONGEST_STRETCH]>,
    /// Decoded and not played yet.
    sound: Vec<f32>,
    /// Samples in each of the peer's packets.
    packet: usize,
    /// The mean square of the loudest packet lately, falling slowly.
    loud: f32,
    /// Packets since the last that carried copies, which leave little of the bitrate to the voice.
    uncopied: u32,
}

impl Talker {
    pub(crate) fn new(least_delay: Duration, decoder_complexity: u8) -> Result<Self, CodecError> {
        let config = JitterConfig {
            min_delay: least_delay,
            start_delay: least_delay + START_MARGIN,
            beat: FRAME_DURATION,
            ..JitterConfig::default()
        };
        Ok(Self {
            jitter: JitterBuffer::new(config),
            decoder: Decoder::with_complexity(decoder_complexity)?,
            scratch: Box::new([0.0; LONGEST_PACKET + LONGEST_STRETCH]),
            sound: Vec::with_capacity(FRAME + PULLS * (LONGEST_PACKET + LONGEST_STRETCH)),
            packet: FIRST_PACKET,
            loud: 0.0,
            uncopied: UNCOPIED,
            undecodable: 0,
            stretched: 0,
            reading: 0.0,
            activity: EnergyActivity::new(),
        })
    }

    /// Takes a packet from the network; `false` for one that is none of ours.
    pub(crate) fn insert(&mut self, packet: Packet, arrival: Instant) -> bool {
        if packet.payload.len() > codec::MAX_PACKET {
            return false;
        }
        // What cannot be decoded has a time, too, at which it is concealed.
        let mut redundancy = Redundancy::default();
        if let Ok(samples) = codec::samples(&packet.payload) {
            self.packet = samples;
            self.jitter
                .set_frame(u32::try_from(samples).unwrap_or(u32::MAX));
            let single = SinglePacket::parse(&packet.payload);
            let copies = single.iter().flat_map(SinglePacket::earlier);
            redundancy = Redundancy {
                copies: copies
                    .map(|copy| (copy.packets_back, copy.to_packet()))
                    .collect(),
                fec: codec::has_fec(&packet.payload),
                reach: self.decoder.reach(&packet.payload),
            };
            self.uncopied = if redundancy.copies.is_empty() {
                self.uncopied.saturating_add(1)
            } else {
                0
            };
            // Without the enhancement the voice is still there.
            let _ = self.decoder.enhance(self.uncopied < UNCOPIED);
        }
        self.jitter.insert(arrival, packet, redundancy);
        true
    }

    /// The peer's next 10 ms, `None` while it is silent.
    pub(crate) fn pull(&mut self, now: Instant) -> Option<Frame> {
        for _ in 0..PULLS {
            if self.sound.len() >= FRAME || !self.decode(now) {
                break;
            }
        }
        if self.sound.is_empty() {
            self.reading = fall(self.reading, 0.0);
            self.activity.observe_silence(FRAME);
            return None;
        }
        let mut frame = SILENCE;
        let there = FRAME.min(self.sound.len());
        for (sample, sound) in frame.iter_mut().zip(self.sound.drain(..there)) {
            *sample = sound;
        }
        self.reading = fall(self.reading, peak(&frame));
        self.activity.observe(&frame);
        Some(frame)
    }

    /// Makes sound of what comes next; `false` if nothing does.
    fn decode(&mut self, now: Instant) -> bool {
        let playout = self.jitter.pull(now, lasting(self.sound.len()));
        let packet = self.packet;
        let lost = self.scratch.get_mut(..packet).unwrap_or_default();
        let mut wanted = Pace::Even;
        let decoded = match playout {
            Playout::Silence => return false,
            Playout::Frame { payload, pace } => {
                wanted = pace;
                let room = self.scratch.get_mut(..LONGEST_PACKET).unwrap_or_default();
                self.decoder.decode(&payload, room)
            }
            Playout::Restore { from, back } => {
                self.decoder.restore(&from, back, lost).map(|()| packet)
            }
            Playout::Recover { next } => self.decoder.recover(&next, lost).map(|()| packet),
            Playout::Conceal => self.decoder.conceal(lost).map(|()| packet),
        };
        let samples = decoded.unwrap_or_else(|_| {
            // Whatever a peer sends, the call goes on as if the packet had been lost.
            self.undecodable = self.undecodable.saturating_add(1);
            wanted = Pace::Even;
            let lost = self.scratch.get_mut(..packet).unwrap_or_default();
            if self.decoder.conceal(lost).is_err() {
                lost.fill(0.0);
            }
            packet
        });
        let stretched = self.stretch(samples, wanted);
        self.stretched += u64::from(stretched != samples);
        let sound = self.scratch.get(..stretched).unwrap_or_default();
        self.sound.extend_from_slice(sound);
        true
    }

    /// Changes the length of what was decoded, as far as that is not heard.
    fn stretch(&mut self, samples: usize, pace: Pace) -> usize {
        let sound = self.scratch.get_mut(..samples).unwrap_or_default();
        let power = sound.iter().map(|sample| sample * sample).sum::<f32>();
        let power = power / samples.max(1) as f32;
        self.loud = f32::max(self.loud * LOUD_DECAY, power);
        let how = |haste| {
            if power <= f32::max(QUIETEST, self.loud * QUIET) {
                Some(Search::Anywhere)
            } else {
                // In mid-speech even what nobody hears by itself shifts what follows.
                Some(Search::Period).filter(|_| haste)
            }
        };
        match pace {
            Pace::Even => samples,
            Pace::Shorter { most, haste } => {
                how(haste).map_or(samples, |how| shorten(sound, most as usize, how))
            }
            Pace::Longer { most, haste } => how(haste).map_or(samples, |how| {
                lengthen(self.scratch.as_mut_slice(), samples, most as usize, how)
            }),
        }
    }

    /// Lets the peer's next 10 ms pass unheard.
    pub(crate) fn pass(&mut self, now: Instant) {
        if self.sound.len() < FRAME {
            let ahead = lasting(self.sound.len());
            let samples = match self.jitter.pull(now, ahead) {
                Playout::Silence => FRAME.saturating_sub(self.sound.len()),
                Playout::Frame {
                    pace: Pace::Shorter { most, .. },
                    ..
                } => self.packet - (most as usize).min(self.packet / 2),
                Playout::Frame { .. }
                | Playout::Restore { .. }
                | Playout::Recover { .. }
                | Playout::Conceal => self.packet,
            };
            self.sound.extend(std::iter::repeat_n(0.0, samples));
        }
        self.sound.drain(..FRAME.min(self.sound.len()));
        self.reading = fall(self.reading, 0.0);
    }

    pub(crate) fn stats(&self) -> PeerStats {
        PeerStats {
            jitter: self.jitter.stats(),
            undecodable: self.undecodable,
            stretched: self.stretched,
            level: self.reading,
            speaking: self.activity.speaking(),
        }
    }
}

/// How long this many samples last.
fn lasting(samples: usize) -> Duration {
    let nanos = samples as u64 * 1_000_000_000 / u64::from(SAMPLE_RATE);
    Duration::from_nanos(nanos)
}
