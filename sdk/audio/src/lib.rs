//! Sound for Cooee: devices, files, Opus and the voice thread.
//!
//! Sound comes from a [`Source`] and goes to a [`Sink`], in frames of 10 ms at 48 kHz with one
//! channel. A microphone, a WAV file, a stream of raw samples and an echo in memory are all
//! sources; a loudspeaker, a WAV file and so on are all sinks. Between them runs one thread for
//! each call:
//!
//! ```text
//! source -> processing -> push-to-talk, mute -> meter -> Opus -> Captured   (the driver seals and sends)
//! sink <- deafen <- limit <- mix <- volume <- Opus <- jitter buffer <- deliver   (for each peer)
//! ```
//!
//! [`Voice`] is that thread's handle; [`VoiceEngine`] is what it does, on a time that the caller
//! passes in. A microphone only opens for a
//! [`CapturePermit`](cooee_core::call::CapturePermit), the proof that the local user has placed
//! or accepted a call.

mod board;
mod choice;
mod codec;
mod device;
mod drift;
mod engine;
mod frame;
mod loopback;
mod mix;
mod pacer;
mod packing;
mod pcm;
mod platform;
mod processing;
mod resample;
mod sending;
mod splice;
mod stats;
mod stretch;
mod strips;
mod sync;
mod talker;
#[cfg(test)]
mod tests;
mod voice;
mod wav;
mod worker;

pub use choice::{Input, OpenError, Output, open_sink, open_source};
pub use codec::{
    CodecError, DEFAULT_BITRATE, DEFAULT_DECODER_COMPLEXITY, Decoder, Encoder, EncoderConfig,
    LONGEST_PACKET, MAX_PACKET,
};
pub use device::{
    DeviceError, DeviceInfo, DeviceNews, DeviceReason, DeviceSink, DeviceSource, Direction,
    LatencyProfile, Recording, devices,
};
pub use engine::{EncodedFrame, MAX_PEERS, VoiceEngine};
pub use frame::{
    Clock, FRAME, FRAME_DURATION, Frame, Health, SAMPLE_RATE, SILENCE, Sink, SinkError, Source,
};
pub use loopback::{LONGEST_LOOPBACK, LoopbackSink, LoopbackSource, loopback};
pub use pcm::{PcmSink, PcmSource};
pub use platform::{
    AudioPlatform, AudioRoute, AudioRouteKind, DesktopAudio, Permission, PlatformError,
    PlatformListener, PlatformNews, RouteChange, ScriptedAudio,
};
pub use processing::{BLOCK, LONGEST_ECHO_DELAY, Processing, ProcessingChain, UnknownProcessing};
pub use sending::SendMode;
pub use stats::{Levels, PeerStats, VoiceStats};
pub use strips::{DEFAULT_LOUDEST, MAX_VOLUME};
pub use voice::{AudioError, Captured, Voice, VoiceConfig, VoiceSummary};
pub use wav::{WavError, WavSink, WavSource};

pub use cooee_core::jitter::{JitterStats, Packet};
pub use cooee_core::media::adaptation::{EncoderSettings, FrameLength};
pub use cooee_core::path::PeerId;
