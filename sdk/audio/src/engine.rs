//! What happens in each 10 ms of a call, apart from the thread that it happens on.

use std::collections::BTreeMap;
use std::thread::Thread;
use std::time::{Duration, Instant};

use cooee_core::jitter::Packet;
use cooee_core::media::adaptation::EncoderSettings;
use cooee_core::path::PeerId;

use crate::codec::{CodecError, DEFAULT_DECODER_COMPLEXITY, Encoder, EncoderConfig};
use crate::device::LatencyProfile;
use crate::frame::{Clock, FRAME, Frame, Health, SILENCE, Sink, SinkError, Source};
use crate::mix::{Gate, Mixer, fall, peak};
use crate::packing::Packing;
use crate::processing::{Processing, ProcessingChain};
use crate::sending::{SendMode, Sending};
use crate::stats::{Levels, VoiceStats};
use crate::strips::{Attention, Strips};
use crate::talker::Talker;

/// What is left of the step between two sources a sample later.
const SEAM: f32 = 0.98;

/// The most talkers that are mixed.
pub const MAX_PEERS: usize = 64;

/// One encoded packet of the local voice, for every peer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodedFrame {
    /// Where the packet begins on the 48 kHz media clock (RFC 7587 section 4.1), from zero at the
    /// beginning of the call, wrapping.
    pub timestamp: u32,
    /// Whether sound begins here or was interrupted before (the RTP marker bit).
    pub marker: bool,
    /// The Opus packet.
    pub opus: Vec<u8>,
    /// How loud the loudest frame in it is, in -dBov as in RFC 6464: 0 is the loudest, 127 silence.
    pub level: u8,
}

/// One call's sound on virtual time: everything that the voice thread does, without the thread.
///
/// Getters: [`stats`](Self::stats), [`levels`](Self::levels). Mutators: peers, volumes, mute,
/// deafening, when to send, how to encode.
/// Inputs: [`deliver`](Self::deliver). Time: [`tick`](Self::tick) once for each 10 ms,
/// [`skip`](Self::skip) for those that nobody ticked.
pub struct VoiceEngine {
    source: Box<dyn Source>,
    sink: Box<dyn Sink>,
    processing: ProcessingChain,
    encoder: Encoder,
    decoder_complexity: u8,
    packet: Packing,
    talkers: BTreeMap<PeerId, Talker>,
    /// The least that a jitter buffer aims for.
    least_delay: Duration,
    strips: Strips,
    mixer: Mixer,
    sending: Sending,
    microphone: Gate,
    loudspeaker: Gate,
    /// What was counted of sources and sinks that have been replaced.
    input_before: Health,
    output_before: Health,
    last_captured: f32,
    /// The last sample of the source before, where another one begins.
    seam: Option<f32>,
    muted: bool,
    deafened: bool,
    timestamp: u32,
    marker: bool,
    levels: Levels,
    captured: u64,
    played: u64,
    skipped: u64,
    stray: u64,
    unencodable: u64,
}

impl VoiceEngine {
    /// Makes an engine between a source and a sink.
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`] where libopus does not accept `config`.
    pub fn new(
        source: Box<dyn Source>,
        sink: Box<dyn Sink>,
        config: EncoderConfig,
    ) -> Result<Self, CodecError> {
        Ok(Self {
            source,
            sink,
            processing: ProcessingChain::new(Processing::off()),
            encoder: Encoder::new(config)?,
            decoder_complexity: DEFAULT_DECODER_COMPLEXITY,
            packet: Packing::new(),
            talkers: BTreeMap::new(),
            least_delay: LatencyProfile::default().least_delay(),
            strips: Strips::new(),
            mixer: Mixer::new(),
            sending: Sending::new(),
            microphone: Gate::new(),
            loudspeaker: Gate::new(),
            input_before: Health::default(),
            output_before: Health::default(),
            last_captured: 0.0,
            seam: None,
            muted: false,
            deafened: false,
            timestamp: 0,
            marker: true,
            levels: Levels::default(),
            captured: 0,
            played: 0,
            skipped: 0,
            stray: 0,
            unencodable: 0,
        })
    }

    /// Everything counted so far.
    pub fn stats(&self) -> VoiceStats {
        let peers = self.talkers.iter();
        VoiceStats {
            captured: self.captured,
            played: self.played,
            skipped: self.skipped,
            overruns: 0,
            refused: 0,
            stray: self.stray,
            unencodable: self.unencodable,
            input: self.source.health().after(self.input_before),
            output: self.sink.health().after(self.output_before),
            peers: peers
                .filter(|(peer, _)| !self.strips.is_leaving(**peer))
                .map(|(peer, talker)| (*peer, talker.stats()))
                .collect(),
        }
    }

    /// What a meter shows.
    pub fn levels(&self) -> Levels {
        self.levels
    }

    /// Listens to a peer from now on. A peer that is already there starts afresh.
    ///
    /// # Errors
    ///
    /// [`CodecError::Opus`] where there is no memory for a decoder. A peer beyond
    /// [`MAX_PEERS`] is ignored, and so are its packets.
    pub fn add_peer(&mut self, peer: PeerId) -> Result<(), CodecError> {
        if self.talkers.len() < MAX_PEERS || self.talkers.contains_key(&peer) {
            let talker = Talker::new(self.least_delay, self.decoder_complexity)?;
            self.talkers.insert(peer, talker);
            self.strips.join(peer);
        }
        Ok(())
    }

    /// Listens to a peer no more: faded out with what is there of it, so that nothing clicks.
    pub fn remove_peer(&mut self, peer: PeerId) {
        if !self.strips.leave(peer) {
            self.talkers.remove(&peer);
        }
    }

    /// Sets how loud a peer is played: 1 as it comes, 0 not at all, 2 at most.
    pub fn set_volume(&mut self, peer: PeerId, volume: f32) {
        self.strips.set_volume(peer, volume);
    }

    /// Silences a peer here, or no longer.
    pub fn set_peer_muted(&mut self, peer: PeerId, muted: bool) {
        self.strips.set_muted(peer, muted);
    }

    /// Sets how much delay there may be for the sake of certainty. Peers that are there already keep
    /// what they began with.
    pub fn set_latency(&mut self, latency: LatencyProfile) {
        self.least_delay = latency.least_delay();
    }

    /// Sets how many peers are decoded at once, at least one: the loudest.
    pub fn set_loudest(&mut self, loudest: usize) {
        self.strips.set_loudest(loudest);
    }

    /// Sets when the source is heard.
    pub fn set_send_mode(&mut self, mode: SendMode) {
        self.sending.set_mode(mode);
    }

    /// Whether the user means to talk, which counts in [`SendMode::PushToTalk`].
    pub fn set_talking(&mut self, talking: bool) {
        self.sending.set_talking(talking);
    }

    /// Sends silence instead of what the source gives, or no longer.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Plays silence instead of what the peers say, or no longer. Who hears nobody is not heard
    /// either.
    pub fn set_deafened(&mut self, deafened: bool) {
        self.deafened = deafened;
    }

    /// Switches parts of the microphone's processing on and off. An engine begins with
    /// [`Processing::off`].
    pub fn set_processing(&mut self, processing: Processing) {
        self.processing.set_processing(processing);
    }

    /// Sets the processor time that libopus may take for decoding each peer, 0 to 10, for those who
    /// are added from now on: below 5 losses are concealed in the simple way, and deep redundancy
    /// is not used.
    pub fn set_decoder_complexity(&mut self, complexity: u8) {
        self.decoder_complexity = complexity;
    }

    /// Encodes with these settings from the next packet on.
    pub fn set_encoder(&mut self, settings: &EncoderSettings) {
        self.packet.set_length(settings.frame_length);
        self.encoder.set(settings);
    }

    /// Takes a packet that came from a peer at `arrival`.
    pub fn deliver(&mut self, peer: PeerId, packet: Packet, arrival: Instant) {
        let talker = self.talkers.get_mut(&peer);
        let taken = match talker {
            Some(talker) if !self.strips.is_leaving(peer) => talker.insert(packet, arrival),
            Some(_) | None => false,
        };
        if !taken {
            self.stray = self.stray.saturating_add(1);
        }
    }

    /// Makes the next 10 ms: one frame out of the source, one into the sink. Gives what is to be
    /// sent: a packet when one is full, except where libopus refused, which is counted.
    pub fn tick(&mut self, now: Instant) -> Option<EncodedFrame> {
        let encoded = self.capture();
        self.play(now);
        encoded
    }

    /// Whose clock says when the next tick is due.
    pub fn clock(&self) -> Clock {
        self.source.clock()
    }

    /// Tells the source whom to unpark when there is something to read.
    pub fn wake(&mut self, thread: &Thread) {
        self.source.wake(thread);
    }

    /// Listens to another source from the next tick on, without a click, and gives back the one
    /// before.
    pub fn replace_source(&mut self, source: Box<dyn Source>) -> Box<dyn Source> {
        self.input_before = self.source.health().after(self.input_before);
        self.seam = Some(self.last_captured);
        std::mem::replace(&mut self.source, source)
    }

    /// Plays on another sink from the next tick on, fading in, and gives back the one before,
    /// unfinished.
    pub fn replace_sink(&mut self, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        self.output_before = self.sink.health().after(self.output_before);
        self.loudspeaker = Gate::closed();
        std::mem::replace(&mut self.sink, sink)
    }

    /// How the source and the sink in use have been doing.
    pub fn health(&self) -> (Health, Health) {
        (self.source.health(), self.sink.health())
    }

    /// Learns that `frames` frames passed without a tick. The media clock goes on.
    pub fn skip(&mut self, frames: u64) {
        self.skipped = self.skipped.saturating_add(frames);
        let samples = frames.wrapping_mul(FRAME as u64);
        // The media clock wraps (RFC 3550 section 5.1), so its lower half is all there is.
        self.timestamp = self.timestamp.wrapping_add(samples as u32);
        self.packet.clear();
        self.encoder.interrupt();
        self.marker = true;
        self.source.skip(frames);
        self.sink.skip(frames);
    }

    /// Brings everything played to where it belongs; the last call.
    ///
    /// # Errors
    ///
    /// What the sink could not keep.
    pub fn finish(&mut self) -> Result<(), SinkError> {
        self.sink.finish()
    }

    fn capture(&mut self) -> Option<EncodedFrame> {
        let mut frame = SILENCE;
        self.source.read(&mut frame);
        if let Some(held) = self.seam.take() {
            sew(&mut frame, held);
        }
        self.last_captured = frame.last().copied().unwrap_or(0.0);
        let echo = self.source.latency().saturating_add(self.sink.latency());
        self.processing.set_delay(echo);
        self.processing.capture(&mut frame);
        let heard = self.sending.hears(&frame) && !self.muted && !self.deafened;
        self.levels.speaking = self.processing.speaking() && heard;
        self.microphone.apply(&mut frame, heard);
        self.levels.input = fall(self.levels.input, peak(&frame));
        self.captured = self.captured.saturating_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        let whole = self.packet.add(&frame)?;
        let timestamp = self.timestamp.wrapping_sub(whole.samples.len() as u32);
        let Ok(opus) = self.encoder.encode(whole.samples) else {
            self.unencodable = self.unencodable.saturating_add(1);
            self.marker = true;
            return None;
        };
        Some(EncodedFrame {
            timestamp,
            marker: std::mem::replace(&mut self.marker, false),
            opus,
            level: whole.level,
        })
    }

    fn play(&mut self, now: Instant) {
        self.strips.choose();
        for (peer, talker) in &mut self.talkers {
            match self.strips.attention(*peer) {
                Attention::Skip => talker.pass(now),
                Attention::Play | Attention::Probe => match talker.pull(now) {
                    Some(mut voice) => {
                        self.strips.mix(*peer, &mut voice);
                        self.mixer.add(&voice);
                    }
                    None => self.strips.pause(*peer),
                },
            }
        }
        while let Some(gone) = self.strips.take_gone() {
            self.talkers.remove(&gone);
        }
        let mut frame = self.mixer.finish();
        self.loudspeaker.apply(&mut frame, !self.deafened);
        self.levels.output = fall(self.levels.output, peak(&frame));
        self.sink.write(&frame);
        self.processing.playout(&frame);
        self.played = self.played.saturating_add(1);
    }
}

/// Joins a source to the one before, whose last sample was `held`: the step between them is made
/// within 5 ms.
fn sew(frame: &mut Frame, held: f32) {
    let mut step = held - frame.first().copied().unwrap_or(0.0);
    for sample in frame {
        *sample += step;
        step *= SEAM;
    }
}

impl std::fmt::Debug for VoiceEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VoiceEngine")
            .field("peers", &self.talkers.len())
            .field("captured", &self.captured)
            .field("played", &self.played)
            .finish_non_exhaustive()
    }
}
