//! Opus (RFC 6716), as a voice call uses it: 48 kHz, one channel, 10 to 60 ms in a packet.

mod decoder;
mod encoder;
mod libopus;

use crate::frame::FRAME;

pub use decoder::{DEFAULT_DECODER_COMPLEXITY, Decoder};
pub use encoder::{Encoder, EncoderConfig};

/// The largest Opus frame there is, in bytes (RFC 6716 section 3.2.1, with the TOC byte).
///
/// At the bitrates of a call nothing up to [`LONGEST_PACKET`] needs more, so a longer packet is none
/// of ours.
pub const MAX_PACKET: usize = 1276;

/// The most samples that a packet holds: 60 ms.
pub const LONGEST_PACKET: usize = 6 * FRAME;

/// Bits in a second that an encoder spends unless told otherwise.
pub const DEFAULT_BITRATE: u32 = 32_000;

/// Why a packet could not be made or understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// libopus refused. On a decoder: the packet is damaged or not Opus.
    #[error("Opus: {0}")]
    Opus(&'static str),
    /// A packet that is empty or longer than [`MAX_PACKET`].
    #[error("a packet of {0} bytes is not one Opus frame")]
    Size(usize),
    /// A packet that does not last 10, 20, 40 or 60 ms.
    #[error("a packet of {0} samples does not last 10, 20, 40 or 60 ms")]
    Duration(usize),
}

impl From<opusic_c::ErrorCode> for CodecError {
    fn from(code: opusic_c::ErrorCode) -> Self {
        Self::Opus(code.message())
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
    let samples = opusic_c::utils::get_nb_samples(packet, opusic_c::SampleRate::Hz48000)?;
    let frames = samples / FRAME;
    if samples.is_multiple_of(FRAME) && matches!(frames, 1 | 2 | 4 | 6) {
        Ok(samples)
    } else {
        Err(CodecError::Duration(samples))
    }
}

/// Whether in-band FEC of the packet before is in this one, which is not empty.
pub(crate) fn has_fec(packet: &[u8]) -> bool {
    libopus::has_fec(packet)
}
