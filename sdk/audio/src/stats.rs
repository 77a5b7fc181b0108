//! What is counted about a call's sound.

use std::collections::BTreeMap;

use cooee_core::jitter::JitterStats;
use cooee_core::path::PeerId;

use crate::frame::Health;

/// A snapshot of everything counted since the call's sound began.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VoiceStats {
    /// Frames read from the source.
    pub captured: u64,
    /// Frames written to the sink.
    pub played: u64,
    /// Frames for which the voice thread came too late altogether.
    pub skipped: u64,
    /// Encoded frames that nobody took in time.
    pub overruns: u64,
    /// Packets for which the voice thread had no room.
    pub refused: u64,
    /// Packets of unknown peers, or too long to be a frame.
    pub stray: u64,
    /// Frames that libopus refused to encode.
    pub unencodable: u64,
    /// How the source has been doing.
    pub input: Health,
    /// How the sink has been doing.
    pub output: Health,
    /// Each peer's voice.
    pub peers: BTreeMap<PeerId, PeerStats>,
}

/// A snapshot of everything counted about one peer's voice.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PeerStats {
    /// The peer's jitter buffer.
    pub jitter: JitterStats,
    /// Packets that were no Opus of a length that calls have; each was concealed.
    pub undecodable: u64,
    /// Times that sound was played a little shorter or longer, for the delay's sake.
    pub stretched: u64,
    /// How loud the peer is right now: a falling peak, full scale at 1.
    pub level: f32,
    /// Whether the peer is speaking, pauses between words included.
    pub speaking: bool,
}

/// What a meter shows: falling peaks, full scale at 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Levels {
    /// The local voice as it is sent; zero while muted.
    pub input: f32,
    /// What is played.
    pub output: f32,
    /// Whether the local user is speaking, pauses between words included; never while muted.
    pub speaking: bool,
}
