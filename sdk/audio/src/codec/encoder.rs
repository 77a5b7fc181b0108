//! Sound into packets, with redundancy against losses.

use std::collections::VecDeque;

use cooee_core::media::adaptation::EncoderSettings;
use cooee_core::media::redundancy::{
    COPY_OVERHEAD, FURTHER_COPY_OVERHEAD, MAX_BACK, MAX_COPIES, SinglePacket,
};
use opusic_c::{Application, Bandwidth, Bitrate, Channels, InbandFec, SampleRate, Signal};

use super::{CodecError, DEFAULT_BITRATE, MAX_PACKET};
use crate::frame::SAMPLE_RATE;

/// Bits in a second of the voice itself below which it is wideband: what lies above 8 kHz would be
/// paid for by what lies below, which matters more. Copies and what they replace sound alike then,
/// too.
const FULLBAND_FROM: u32 = 28_000;

/// What DRED takes of the bitrate, in bits in a second.
const DRED_BITRATE: u32 = 8_000;

/// The bitrates that Opus has (RFC 6716 section 2.1.1), in bits in a second; the most also fits
/// [`MAX_PACKET`] at 60 ms.
const LEAST_BITRATE: u32 = 6_000;
const MOST_BITRATE: u32 = 160_000;

/// Units of 10 ms that DRED can reach back in libopus.
const MAX_DRED_UNITS: u128 = 104;

/// How to encode, as a call begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderConfig {
    /// Bits in a second, 6 000 to 510 000.
    pub bitrate: u32,
    /// The processor time that libopus may take, 0 to 10.
    pub complexity: u8,
    /// Whether less is sent while nobody speaks. It saves most of the traffic, and tells everybody
    /// on the way when somebody speaks, however well the packets are sealed (RFC 6562): so only on
    /// request.
    pub discontinuous: bool,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            bitrate: DEFAULT_BITRATE,
            complexity: 10,
            discontinuous: false,
        }
    }
}

/// What the encoder has been set to, so that it is told of changes only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Applied {
    bitrate: u32,
    bandwidth: Bandwidth,
    fec: bool,
    loss_percent: u8,
    dred_units: u8,
}

/// Makes Opus packets out of frames.
///
/// The bitrate is constant: packets of a variable size tell a listener on the network what kind
/// of sound is in them, however well they are sealed (RFC 6562).
pub struct Encoder {
    opus: opusic_c::Encoder,
    /// Bits in a second, redundancy included.
    bitrate: u32,
    loss_percent: u8,
    /// How many copies a packet carries: the first from `copy_back` packets earlier, the next from
    /// as many more.
    copies: u8,
    copy_back: u8,
    dred_units: u8,
    discontinuous: bool,
    applied: Option<Applied>,
    packet: Box<[u8; MAX_PACKET]>,
    /// The latest packets without their padding, the newest first.
    history: VecDeque<Vec<u8>>,
    /// How many of them were sent one after the other, all of one length.
    known: usize,
    /// Samples in the packet before.
    samples: usize,
}

impl Encoder {
    /// Makes an encoder.
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`] where libopus does not accept `config`.
    pub fn new(config: EncoderConfig) -> Result<Self, CodecError> {
        let mut opus =
            opusic_c::Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Voip)?;
        opus.set_vbr(config.discontinuous)?;
        opus.set_dtx(config.discontinuous)?;
        opus.set_signal(Signal::Voice)?;
        opus.set_complexity(config.complexity)?;
        let mut encoder = Self {
            opus,
            bitrate: config.bitrate,
            loss_percent: 0,
            copies: 0,
            copy_back: 0,
            dred_units: 0,
            discontinuous: config.discontinuous,
            applied: None,
            packet: Box::new([0; MAX_PACKET]),
            history: (0..=MAX_BACK)
                .map(|_| Vec::with_capacity(MAX_PACKET))
                .collect(),
            known: 0,
            samples: 2 * crate::frame::FRAME,
        };
        encoder.apply(encoder.samples)?;
        Ok(encoder)
    }

    /// Encodes the samples of one packet: 1, 2, 4 or 6 times [`FRAME`](crate::FRAME).
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`]; the samples are lost, the encoder goes on.
    pub fn encode(&mut self, samples: &[f32]) -> Result<Vec<u8>, CodecError> {
        if samples.len() != self.samples {
            self.samples = samples.len();
            self.interrupt();
        }
        self.apply(samples.len())?;
        let encoded = self
            .opus
            .encode_float_to_slice(samples, self.packet.as_mut_slice());
        let length = match encoded {
            Ok(length) => length,
            Err(error) => {
                self.interrupt();
                return Err(error.into());
            }
        };
        let packet = self.packet.get(..length).unwrap_or_default();
        let Some(own) = SinglePacket::parse(packet) else {
            self.known = 0;
            return Ok(packet.to_vec());
        };
        let sealed = if self.copies > 0 {
            let copies = (1..=self.copies).filter_map(|nth| {
                let back = nth * self.copy_back;
                let earlier = self.history.get(usize::from(back) - 1);
                earlier
                    .filter(|_| usize::from(back) <= self.known)
                    .and_then(|earlier| SinglePacket::parse(earlier))
                    .filter(|earlier| earlier.is_like(&own))
                    .map(|earlier| (back, earlier.frame()))
            });
            let copies: Vec<_> = copies.collect();
            let mut padded = Vec::with_capacity(MAX_PACKET);
            own.write_with(&copies, self.size(samples.len()), &mut padded);
            padded
        } else {
            packet.to_vec()
        };
        if let Some(mut latest) = self.history.pop_back() {
            own.write_alone(&mut latest);
            self.history.push_front(latest);
            self.known = (self.known + 1).min(self.history.len());
        }
        Ok(sealed)
    }

    /// Learns that the next packet does not continue the one before.
    pub fn interrupt(&mut self) {
        self.known = 0;
    }

    /// Encodes with these settings from the next packet on; the frame length is the caller's.
    pub fn set(&mut self, settings: &EncoderSettings) {
        self.bitrate = settings.bitrate;
        self.loss_percent = percent(settings.expected_loss);
        self.copy_back = settings.copy_back.min(MAX_BACK);
        // Only whole steps that the format can name.
        let most = MAX_BACK.checked_div(self.copy_back).unwrap_or(0);
        self.copies = settings.copies.min(most).min(MAX_COPIES as u8);
        let units = (settings.dred.as_millis() / 10).min(MAX_DRED_UNITS);
        self.dred_units = u8::try_from(units).unwrap_or(u8::MAX);
    }

    /// Octets of a packet with a copy.
    fn size(&self, samples: usize) -> usize {
        if self.discontinuous {
            return 0;
        }
        octets(self.bitrate, samples).min(MAX_PACKET)
    }

    fn apply(&mut self, samples: usize) -> Result<(), CodecError> {
        let dred = if self.dred_units > 0 { DRED_BITRATE } else { 0 };
        let copies = usize::from(self.copies);
        let bitrate = if copies > 0 {
            // A copy has no TOC of its own, which pays for an octet of the overhead.
            let overhead = COPY_OVERHEAD - 1 + (copies - 1) * (FURTHER_COPY_OVERHEAD - 1);
            let all =
                octets(self.bitrate, samples).saturating_sub(octets(dred, samples) + overhead);
            bits(all / (1 + copies), samples) + dred
        } else {
            self.bitrate
        };
        let voice = bitrate.saturating_sub(dred);
        let wanted = Applied {
            bitrate,
            bandwidth: if copies > 0 || voice < FULLBAND_FROM {
                Bandwidth::Wide
            } else {
                Bandwidth::Full
            },
            fec: self.loss_percent > 0 && copies == 0 && dred == 0,
            loss_percent: self.loss_percent,
            dred_units: self.dred_units,
        };
        if self.applied == Some(wanted) {
            return Ok(());
        }
        self.applied = None;
        // libopus takes nothing below, and the most by itself.
        let bits = wanted.bitrate.clamp(LEAST_BITRATE, MOST_BITRATE);
        self.opus.set_bitrate(Bitrate::Value(bits))?;
        self.opus.set_max_bandwidth(wanted.bandwidth)?;
        // Frames of another bandwidth could not be copied, so libopus may not choose one.
        self.opus.set_bandwidth(if copies > 0 {
            Bandwidth::Wide
        } else {
            Bandwidth::Auto
        })?;
        self.opus.set_inband_fec(if wanted.fec {
            InbandFec::Mode1
        } else {
            InbandFec::Off
        })?;
        self.opus.set_packet_loss(wanted.loss_percent)?;
        self.opus.set_dred_duration(wanted.dred_units)?;
        self.applied = Some(wanted);
        Ok(())
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("bitrate", &self.bitrate)
            .field("loss_percent", &self.loss_percent)
            .field("copies", &self.copies)
            .field("copy_back", &self.copy_back)
            .field("dred_units", &self.dred_units)
            .finish_non_exhaustive()
    }
}

/// Octets that this many samples have at a bitrate.
fn octets(bitrate: u32, samples: usize) -> usize {
    // A packet is 60 ms at most, so nothing overflows.
    (u64::from(bitrate) * samples as u64 / (8 * u64::from(SAMPLE_RATE))) as usize
}

/// The bitrate at which this many samples have so many octets.
fn bits(octets: usize, samples: usize) -> u32 {
    let bits = octets as u64 * 8 * u64::from(SAMPLE_RATE);
    u32::try_from(bits / samples.max(1) as u64).unwrap_or(u32::MAX)
}

/// A fraction in libopus' terms. Not a number counts as none.
fn percent(fraction: f32) -> u8 {
    (fraction.clamp(0.0, 1.0) * 100.0).round() as u8
}
