//! The sound of a call, from nothing to devices.

use std::collections::BTreeMap;

use cooee_audio::{
    AudioError, Captured, EncodedFrame, Input, Output, PeerStats, Processing, Voice, VoiceConfig,
};
use cooee_core::call::CapturePermit;
use cooee_core::jitter::Packet;
use cooee_core::media::VoicePacket;
use cooee_core::path::PeerId;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::platform::Session;
use crate::call::CallOptions;
use crate::call::trace::{Step, Trace};

pub(super) enum Sound {
    Closed,
    /// Accepted; opened when the first participant's keys are there.
    Permitted(CapturePermit, CallOptions),
    Opening(JoinHandle<Result<Opened, AudioError>>),
    Open(Voice, Captured, Option<Session>),
}

/// Devices or files, and the platform's session around devices.
pub(super) type Opened = (Voice, Captured, Option<Session>);

/// What the sound has to say.
pub(super) enum SoundWake {
    Opened(Result<Opened, AudioError>),
    Frame(Option<EncodedFrame>),
}

impl Sound {
    /// The next thing that the sound has to say; for ever nothing while it is closed.
    pub(super) async fn wake(&mut self) -> SoundWake {
        match self {
            Self::Closed | Self::Permitted(..) => std::future::pending().await,
            Self::Opening(opening) => {
                SoundWake::Opened(opening.await.unwrap_or(Err(AudioError::Ended)))
            }
            Self::Open(_, captured, _) => SoundWake::Frame(captured.recv().await),
        }
    }

    /// Opens devices or files off the asynchronous threads, once.
    pub(super) fn begin(
        &mut self,
        processing: Option<Processing>,
        session: impl FnOnce() -> Result<Session, AudioError> + Send + 'static,
        trace: &Trace,
    ) {
        match std::mem::replace(self, Self::Closed) {
            Self::Permitted(permit, options) => {
                trace.mark(Step::SoundOpening);
                let config = VoiceConfig {
                    processing,
                    latency: options.latency,
                    ..VoiceConfig::default()
                };
                *self = Self::Opening(tokio::task::spawn_blocking(move || {
                    // A file or a program's own sound needs nothing of the platform.
                    let listens = matches!(options.input, Input::Default | Input::Device(_));
                    let plays = matches!(options.output, Output::Default | Output::Device(_));
                    let session = (listens || plays).then(session).transpose()?;
                    let started = Voice::start(permit, options.input, options.output, config);
                    started.map(|(voice, captured)| (voice, captured, session))
                }));
            }
            other @ (Self::Closed | Self::Opening(_) | Self::Open(..)) => *self = other,
        }
    }

    /// The voice thread, while it runs.
    pub(super) fn voice(&self) -> Option<&Voice> {
        match self {
            Self::Open(voice, ..) => Some(voice),
            Self::Closed | Self::Permitted(..) | Self::Opening(_) => None,
        }
    }

    pub(super) fn deliver(&self, peer: PeerId, packet: VoicePacket, arrival: Instant) {
        if let Some(voice) = self.voice() {
            let packet = Packet {
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                payload: packet.opus,
            };
            voice.deliver(peer, packet, arrival.into_std());
        }
    }

    /// How often the microphone and the loudspeaker have failed to keep up.
    pub(super) fn gaps(&self) -> (u64, u64) {
        let Some(voice) = self.voice() else {
            return (0, 0);
        };
        let stats = voice.stats();
        let captured = stats.input.underruns.saturating_add(stats.input.overruns);
        (captured, stats.output.underruns)
    }

    pub(super) fn peers(&self) -> BTreeMap<PeerId, PeerStats> {
        self.voice()
            .map(|voice| voice.stats().peers)
            .unwrap_or_default()
    }

    /// The voice thread is gone: lets go of the rest, which may take time.
    pub(super) fn give_up(&mut self) {
        let rest = std::mem::replace(self, Self::Closed);
        tokio::task::spawn_blocking(move || drop(rest));
    }

    /// Ends the sound, finishes what it wrote, and says what went wrong with that.
    pub(super) async fn close(self) -> Option<AudioError> {
        let (voice, session) = match self {
            Self::Open(voice, _, session) => (voice, session),
            Self::Opening(opening) => match opening.await {
                Ok(Ok((voice, _, session))) => (voice, session),
                Ok(Err(_)) | Err(_) => return None,
            },
            Self::Closed | Self::Permitted(..) => return None,
        };
        let stopping = move || {
            let stopped = voice.stop();
            // After the devices.
            drop(session);
            stopped
        };
        match tokio::task::spawn_blocking(stopping).await {
            Ok(stopped) => stopped.err(),
            Err(_) => Some(AudioError::Ended),
        }
    }
}
