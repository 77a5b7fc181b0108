//! Packets into sound, and sound where packets are missing.

use super::libopus::{DeepRedundancy, Libopus};
use super::{CodecError, MAX_PACKET, samples};
use crate::frame::SAMPLE_RATE;
use cooee_core::media::redundancy::SinglePacket;

/// The processor time that libopus may take for decoding, 0 to 10, unless told otherwise: from 5 on
/// it conceals losses with its neural network, and restores them from DRED.
pub const DEFAULT_DECODER_COMPLEXITY: u8 = 5;

/// From this complexity on, libopus enhances wideband voice of a low bitrate (its LACE network).
const ENHANCING_COMPLEXITY: u8 = 6;

/// The number of DRED's extension in an Opus packet's padding.
const DRED_EXTENSION: u8 = 126;

/// Makes frames out of Opus packets. One for each talker: it remembers the past.
pub struct Decoder {
    opus: Libopus,
    complexity: u8,
    enhancing: bool,
    /// Both are there only where the complexity suffices for using them.
    deep: Option<Deep>,
}

struct Deep {
    /// To find out what a packet holds.
    probe: DeepRedundancy,
    /// What `parsed` holds, ready for use.
    ready: DeepRedundancy,
    parsed: Vec<u8>,
}

impl Decoder {
    /// Makes a decoder of the [`DEFAULT_DECODER_COMPLEXITY`].
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`] where libopus has no memory.
    pub fn new() -> Result<Self, CodecError> {
        Self::with_complexity(DEFAULT_DECODER_COMPLEXITY)
    }

    /// Makes a decoder of a complexity from 0 to 10, see [`DEFAULT_DECODER_COMPLEXITY`].
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`] where libopus has no memory.
    pub fn with_complexity(complexity: u8) -> Result<Self, CodecError> {
        let deep = if complexity >= DEFAULT_DECODER_COMPLEXITY {
            Some(Deep {
                probe: DeepRedundancy::new()?,
                ready: DeepRedundancy::new()?,
                parsed: Vec::with_capacity(MAX_PACKET),
            })
        } else {
            None
        };
        let complexity = complexity.min(10);
        Ok(Self {
            opus: Libopus::new(complexity)?,
            complexity,
            enhancing: false,
            deep,
        })
    }

    /// Whether a voice of a low bitrate is made better at the price of processor time; a decoder of
    /// less than the [`DEFAULT_DECODER_COMPLEXITY`] has none to spare.
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`], which libopus has no reason for here.
    pub fn enhance(&mut self, on: bool) -> Result<(), CodecError> {
        if on == self.enhancing || self.complexity < DEFAULT_DECODER_COMPLEXITY {
            return Ok(());
        }
        let complexity = if on {
            self.complexity.max(ENHANCING_COMPLEXITY)
        } else {
            self.complexity
        };
        self.opus.set_complexity(complexity)?;
        self.enhancing = on;
        Ok(())
    }

    /// Decodes a packet into the beginning of `sound`, which has room for
    /// [`LONGEST_PACKET`](super::LONGEST_PACKET) samples, and says how many it held.
    ///
    /// # Errors
    ///
    /// A packet that is damaged, or of no length that a call has. `sound` is then unspecified.
    pub fn decode(&mut self, packet: &[u8], sound: &mut [f32]) -> Result<usize, CodecError> {
        samples(packet)?;
        self.opus.decode(packet, sound, false)
    }

    /// Reconstructs a lost packet from the in-band FEC of `next`, the packet after it, or conceals
    /// the loss where `next` carries none; `lost` is as long as what was lost.
    ///
    /// Call [`decode`](Self::decode) on `next` afterwards, when its own time has come.
    ///
    /// # Errors
    ///
    /// As for [`decode`](Self::decode).
    pub fn recover(&mut self, next: &[u8], lost: &mut [f32]) -> Result<(), CodecError> {
        samples(next)?;
        self.opus.decode(next, lost, true)?;
        Ok(())
    }

    /// How many samples before a packet's own its deep redundancy (DRED) reaches: 0 where it has
    /// none, at most a second.
    pub fn reach(&mut self, packet: &[u8]) -> u32 {
        let Some(deep) = &mut self.deep else {
            return 0;
        };
        let carries =
            SinglePacket::parse(packet).is_some_and(|packet| packet.has_extension(DRED_EXTENSION));
        if !carries || samples(packet).is_err() {
            return 0;
        }
        let reach = deep.probe.parse(packet, SAMPLE_RATE, true).unwrap_or(0);
        reach.min(SAMPLE_RATE)
    }

    /// Reconstructs lost sound from the deep redundancy (DRED) of `from`, a later packet, or
    /// conceals the loss where that does not reach so far. The sound begins `back` samples before
    /// that packet's own.
    ///
    /// Of several lost frames the earliest comes first.
    ///
    /// # Errors
    ///
    /// As for [`decode`](Self::decode).
    pub fn restore(&mut self, from: &[u8], back: u32, lost: &mut [f32]) -> Result<(), CodecError> {
        samples(from)?;
        let Some(deep) = &mut self.deep else {
            return self.conceal(lost);
        };
        if deep.parsed != from {
            deep.parsed.clear();
            let most = back.min(SAMPLE_RATE);
            if deep.ready.parse(from, most, false)? == 0 {
                return self.conceal(lost);
            }
            deep.parsed.extend_from_slice(from);
        }
        self.opus
            .decode_deep(&deep.ready, back.min(SAMPLE_RATE), lost)
    }

    /// Invents what a lost packet of that length may have held, fading out over several in a row.
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`], which libopus has no reason for here.
    pub fn conceal(&mut self, lost: &mut [f32]) -> Result<(), CodecError> {
        self.opus.decode(&[], lost, false)?;
        Ok(())
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("deep", &self.deep.is_some())
            .finish_non_exhaustive()
    }
}
