//! What the user has set for a call: who is heard, and when oneself is.

use cooee_audio::{AudioError, Input, LatencyProfile, Output, Processing, SendMode, Voice};
use cooee_core::media::adaptation::FrameLength;
use cooee_core::path::PeerId;

use super::sound::{Opened, Sound};
use super::{Plane, PlaneCommand, PlaneSignal};
use crate::call::CallOptions;
use crate::call::trace::Step;

/// How loud everybody is while something else is said over the call.
const DUCKED: f32 = 0.25;

/// What the user has set for the call as a whole; kept until the voice is there, and after.
#[derive(Debug, Default)]
pub(super) struct Controls {
    /// What the user chose, if anything.
    processing: Option<Processing>,
    muted: bool,
    deafened: bool,
    send_mode: Option<SendMode>,
    talking: bool,
    bitrate: Option<u32>,
    /// Chosen while the sound was being opened.
    input: Option<Input>,
    output: Option<Output>,
}

impl Controls {
    fn apply(&self, voice: &Voice, interrupted: bool) {
        if let Some(processing) = self.processing {
            voice.set_processing(processing);
        }
        voice.set_muted(self.muted || interrupted);
        voice.set_deafened(self.deafened || interrupted);
        voice.set_send_mode(self.send_mode.unwrap_or_default());
        voice.set_talking(self.talking);
    }
}

/// How one participant is played.
#[derive(Debug, Clone, Copy)]
pub(super) struct Playing {
    volume: f32,
    muted: bool,
}

impl Default for Playing {
    fn default() -> Self {
        Self {
            volume: 1.0,
            muted: false,
        }
    }
}

/// What the user changes in a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Control {
    Processing(Processing),
    Muted(bool),
    Deafened(bool),
    SendMode(SendMode),
    Talking(bool),
    /// Bits in a second, never to be exceeded.
    Bitrate(u32),
    /// How loud a participant is played: 1 as it comes, 2 at most.
    Volume(PeerId, f32),
    /// Whether a participant is silenced here.
    PeerMuted(PeerId, bool),
}

impl From<Control> for PlaneCommand {
    fn from(control: Control) -> Self {
        Self::Control(control)
    }
}

impl Plane {
    /// Takes the choices over that come with the accept. What was chosen while it rang counts for
    /// more.
    pub(super) fn choose(&mut self, options: &CallOptions) {
        let controls = &mut self.controls;
        controls.processing = controls.processing.or(options.processing);
        controls.send_mode.get_or_insert(options.send_mode);
        controls.bitrate = controls.bitrate.or(options.bitrate);
        if let Some(bitrate) = controls.bitrate {
            self.adaptation.set_bitrate(bitrate);
        }
        if options.latency == LatencyProfile::Low {
            self.adaptation.set_shortest_frame(FrameLength::Ms10);
        }
    }

    pub(super) fn begin_sound(&mut self) {
        let session = self.platform.opener();
        self.sound
            .begin(self.controls.processing, session, &self.live.trace);
    }

    pub(super) fn control(&mut self, control: Control) {
        match control {
            Control::Processing(processing) => self.controls.processing = Some(processing),
            Control::Muted(muted) => self.controls.muted = muted,
            Control::Deafened(deafened) => self.controls.deafened = deafened,
            Control::SendMode(mode) => self.controls.send_mode = Some(mode),
            Control::Talking(talking) => self.controls.talking = talking,
            Control::Bitrate(bitrate) => {
                self.controls.bitrate = Some(bitrate);
                self.adaptation.set_bitrate(bitrate);
                self.adapt();
            }
            Control::Volume(peer, volume) => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.playing.volume = volume;
                }
                self.play(peer);
            }
            Control::PeerMuted(peer, muted) => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.playing.muted = muted;
                }
                self.play(peer);
            }
        }
        self.apply_controls();
    }

    pub(super) fn apply_controls(&self) {
        if let Some(voice) = self.sound.voice() {
            self.controls.apply(voice, self.platform.interrupted);
        }
    }

    /// Takes the voice over as it opens, with everything that was set before.
    pub(super) fn open_sound(&mut self, (voice, captured, session): Opened) {
        self.live.trace.mark(Step::SoundOpen);
        self.controls.apply(&voice, self.platform.interrupted);
        self.encoder = self.adaptation.settings();
        voice.set_encoder(self.encoder);
        for peer in self.peers.keys() {
            if let Err(error) = voice.add_peer(*peer) {
                tracing::warn!(%error, "a participant could not be taken into the mix");
            }
        }
        if let Some(input) = self.controls.input.take() {
            noted(voice.set_input(input));
        }
        if let Some(output) = self.controls.output.take() {
            noted(voice.set_output(output));
        }
        self.sound = Sound::Open(voice, captured, session);
        self.play_all();
    }

    pub(super) fn set_input(&mut self, input: Input) {
        match &mut self.sound {
            Sound::Permitted(_, options) => options.input = input,
            Sound::Open(voice, ..) => noted(voice.set_input(input)),
            Sound::Closed | Sound::Opening(_) => self.controls.input = Some(input),
        }
    }

    pub(super) fn set_output(&mut self, output: Output) {
        match &mut self.sound {
            Sound::Permitted(_, options) => options.output = output,
            Sound::Open(voice, ..) => noted(voice.set_output(output)),
            Sound::Closed | Sound::Opening(_) => self.controls.output = Some(output),
        }
    }

    /// Called ten times a second.
    pub(super) async fn tell_devices(&mut self) {
        let devices = self.sound.voice().map(Voice::take_devices);
        for news in devices.unwrap_or_default() {
            self.tell(PlaneSignal::Device(news)).await;
        }
    }

    pub(super) fn play_all(&self) {
        for peer in self.peers.keys() {
            self.play(*peer);
        }
    }

    /// Plays a participant as the user has set it.
    fn play(&self, id: PeerId) {
        let (Some(voice), Some(peer)) = (self.sound.voice(), self.peers.get(&id)) else {
            return;
        };
        let volume = if self.platform.ducked {
            peer.playing.volume * DUCKED
        } else {
            peer.playing.volume
        };
        let set = voice
            .set_volume(id, volume)
            .and_then(|()| voice.set_peer_muted(id, peer.playing.muted));
        if let Err(error) = set {
            tracing::warn!(%error, "a participant's volume stays as it was");
        }
    }
}

/// A device that could not be asked for stays the one before.
fn noted(asked: Result<(), AudioError>) {
    if let Err(error) = asked {
        tracing::warn!(%error, "another device could not be asked for");
    }
}
