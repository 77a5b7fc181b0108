//! Opus (RFC 6716), as a voice call uses it: 48 kHz, one channel, 10 to 60 ms in a packet.

use opus::{Application, Bitrate, Channels, Signal};

use crate::frame::{FRAME, SAMPLE_RATE};

/// The largest Opus frame there is, in bytes (RFC 6716 section 3.2.1, with the TOC byte).
///
/// At the bitrates of a call nothing up to [`LONGEST_PACKET`] needs more, so a longer packet is none
/// of ours.
pub const MAX_PACKET: usize = 1276;

/// The most samples that a packet holds: 60 ms.
pub const LONGEST_PACKET: usize = 6 * FRAME;

/// Bits in a second that an encoder spends unless told otherwise.
pub const DEFAULT_BITRATE: u32 = 32_000;

/// Loss that an encoder prepares for unless told otherwise, as a fraction.
///
/// Above zero, so that the first lost packet of a call can be recovered from its successor, and
/// low, because redundancy comes out of the same constant bitrate as the voice itself.
pub const DEFAULT_EXPECTED_LOSS: f32 = 0.05;

/// Why a packet could not be made or understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// libopus refused. On a decoder: the packet is damaged or not Opus.
    #[error("Opus: {0}")]
    Opus(#[from] opus::Error),
    /// A packet that is empty or longer than [`MAX_PACKET`].
    #[error("a packet of {0} bytes is not one Opus frame")]
    Size(usize),
    /// A packet that does not last 10, 20, 40 or 60 ms.
    #[error("a packet of {0} samples does not last 10, 20, 40 or 60 ms")]
    Duration(usize),
}

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderConfig {
    /// Bits in a second, 6 000 to 510 000.
    pub bitrate: u32,
    /// The fraction of packets expected to be lost, 0 to 1. Zero turns in-band FEC off.
    pub expected_loss: f32,
    /// The processor time that libopus may take, 0 to 10.
    pub complexity: u8,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            bitrate: DEFAULT_BITRATE,
            expected_loss: DEFAULT_EXPECTED_LOSS,
            complexity: 10,
        }
    }
}

/// Makes Opus packets out of frames.
///
/// The bitrate is constant: packets of a variable size tell a listener on the network what kind
/// of sound is in them, however well they are sealed (RFC 6562).
#[derive(Debug)]
pub struct Encoder {
    opus: opus::Encoder,
    bitrate: i32,
    loss_percent: i32,
    packet: Box<[u8; MAX_PACKET]>,
}

impl Encoder {
    /// Makes an encoder.
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`] where libopus does not accept `config`.
    pub fn new(config: EncoderConfig) -> Result<Self, CodecError> {
        let mut opus = opus::Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
        let bitrate = i32::try_from(config.bitrate).unwrap_or(i32::MAX);
        opus.set_bitrate(Bitrate::Bits(bitrate))?;
        opus.set_vbr(false)?;
        opus.set_signal(Signal::Voice)?;
        opus.set_inband_fec(true)?;
        opus.set_complexity(i32::from(config.complexity))?;
        let loss_percent = percent(config.expected_loss);
        opus.set_packet_loss_perc(loss_percent)?;
        Ok(Self {
            opus,
            bitrate,
            loss_percent,
            packet: Box::new([0; MAX_PACKET]),
        })
    }

    /// Encodes the samples of one packet: 1, 2, 4 or 6 times [`FRAME`].
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`]; the samples are lost, the encoder goes on.
    pub fn encode(&mut self, samples: &[f32]) -> Result<Vec<u8>, CodecError> {
        let packet = self.packet.as_mut_slice();
        let length = self.opus.encode_float(samples, packet)?;
        Ok(self.packet.iter().take(length).copied().collect())
    }

    /// Spends this many bits in a second from here on.
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`]; what was set before stays.
    pub fn set_bitrate(&mut self, bitrate: u32) -> Result<(), CodecError> {
        let bitrate = i32::try_from(bitrate).unwrap_or(i32::MAX);
        if bitrate != self.bitrate {
            self.opus.set_bitrate(Bitrate::Bits(bitrate))?;
            self.bitrate = bitrate;
        }
        Ok(())
    }

    /// Prepares for this fraction of packets being lost, 0 to 1.
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`]; what was set before stays.
    pub fn set_expected_loss(&mut self, loss: f32) -> Result<(), CodecError> {
        let loss_percent = percent(loss);
        if loss_percent != self.loss_percent {
            self.opus.set_packet_loss_perc(loss_percent)?;
            self.loss_percent = loss_percent;
        }
        Ok(())
    }
}

/// A fraction in libopus' terms. Not a number counts as none.
fn percent(fraction: f32) -> i32 {
    (fraction.clamp(0.0, 1.0) * 100.0).round() as i32
}

/// Makes frames out of Opus packets. One for each talker: it remembers the past.
#[derive(Debug)]
pub struct Decoder {
    opus: opus::Decoder,
}

impl Decoder {
    /// Makes a decoder.
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`] where libopus has no memory.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self {
            opus: opus::Decoder::new(SAMPLE_RATE, Channels::Mono)?,
        })
    }

    /// Decodes a packet into the beginning of `sound`, which has room for [`LONGEST_PACKET`]
    /// samples, and says how many it held.
    ///
    /// # Errors
    ///
    /// A packet that is damaged, or of no length that a call has. `sound` is then unspecified.
    pub fn decode(&mut self, packet: &[u8], sound: &mut [f32]) -> Result<usize, CodecError> {
        samples(packet)?;
        Ok(self.opus.decode_float(packet, sound, false)?)
    }

    /// Reconstructs a lost packet from the redundancy in `next`, the packet after it, or
    /// conceals the loss where `next` carries none; `lost` is as long as what was lost.
    ///
    /// Call [`decode`](Self::decode) on `next` afterwards, when its own time has come.
    ///
    /// # Errors
    ///
    /// As for [`decode`](Self::decode).
    pub fn recover(&mut self, next: &[u8], lost: &mut [f32]) -> Result<(), CodecError> {
        samples(next)?;
        self.opus.decode_float(next, lost, true)?;
        Ok(())
    }

    /// Invents what a lost packet of that length may have held, fading out over several in a row.
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`], which libopus has no reason for here.
    pub fn conceal(&mut self, lost: &mut [f32]) -> Result<(), CodecError> {
        self.opus.decode_float(&[], lost, false)?;
        Ok(())
    }
}

/// How many samples a packet holds.
///
/// # Errors
///
/// [`CodecError`]: it is empty, since that means a loss to libopus and must not come from the
/// network, or too long, or of no length that a call has.
pub(crate) fn samples(packet: &[u8]) -> Result<usize, CodecError> {
    if packet.is_empty() || packet.len() > MAX_PACKET {
        return Err(CodecError::Size(packet.len()));
    }
    let samples = opus::packet::get_nb_samples(packet, SAMPLE_RATE)?;
    let frames = samples / FRAME;
    if samples.is_multiple_of(FRAME) && matches!(frames, 1 | 2 | 4 | 6) {
        Ok(samples)
    } else {
        Err(CodecError::Duration(samples))
    }
}
