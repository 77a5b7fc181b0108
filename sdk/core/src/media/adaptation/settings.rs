//! What adaptation is given and what it decides.

use std::time::Duration;

use super::Adaptation;
#[cfg(doc)]
use super::{MAX_BITRATE, MIN_BITRATE};

/// How much sound goes into one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameLength {
    /// 10 ms: the least delay.
    Ms10,
    /// 20 ms: what calls begin with.
    #[default]
    Ms20,
    /// 40 ms: half of the packets' own overhead.
    Ms40,
    /// 60 ms: a third.
    Ms60,
}

impl FrameLength {
    /// The length as time.
    pub fn duration(self) -> Duration {
        match self {
            Self::Ms10 => Duration::from_millis(10),
            Self::Ms20 => Duration::from_millis(20),
            Self::Ms40 => Duration::from_millis(40),
            Self::Ms60 => Duration::from_millis(60),
        }
    }
}

/// How to encode the local voice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncoderSettings {
    /// Bits in a second, redundancy included: [`MIN_BITRATE`] to 5/3 of [`MAX_BITRATE`] and
    /// what DRED takes.
    pub bitrate: u32,
    /// How much sound goes into one packet.
    pub frame_length: FrameLength,
    /// The share of packets expected to be lost, 0 to 1: for in-band FEC where there are no copies,
    /// and for DRED, which libopus leaves out when it is zero.
    pub expected_loss: f32,
    /// How many copies of earlier packets each packet carries.
    pub copies: u8,
    /// How many packets back the first copy is from; the second is from twice as far. Zero where
    /// there are none.
    pub copy_back: u8,
    /// How far back the deep redundancy (DRED) of a packet reaches; zero for none.
    pub dred: Duration,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Adaptation::new(AdaptationConfig::default()).settings()
    }
}

/// Choices about adaptation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptationConfig {
    /// The bitrate to begin with, in bits in a second; what lies outside of [`MIN_BITRATE`] to
    /// [`MAX_BITRATE`] counts as the nearer of them. Only redundancy exceeds it, by two thirds and
    /// what DRED takes at most.
    pub bitrate: u32,
    /// The frame length of a network with nothing wrong: 10 ms for the least delay.
    pub shortest_frame: FrameLength,
}

impl Default for AdaptationConfig {
    fn default() -> Self {
        Self {
            bitrate: 32_000,
            shortest_frame: FrameLength::Ms20,
        }
    }
}
