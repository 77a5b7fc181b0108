//! The voice thread: the one place in a client where sound happens.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use cooee_core::call::CapturePermit;
use cooee_core::jitter::Packet;
use cooee_core::media::adaptation::EncoderSettings;
use cooee_core::path::PeerId;
use tokio::sync::mpsc;

use crate::board::Board;
use crate::choice::{Input, OpenError, Output};
use crate::codec::{CodecError, DEFAULT_DECODER_COMPLEXITY, EncoderConfig};
use crate::device::{Beginning, DeviceNews, Exchange, LatencyProfile, Wish, begin};
use crate::engine::{EncodedFrame, VoiceEngine};
use crate::frame::{Sink, SinkError, Source};
use crate::platform::PlatformError;
use crate::processing::Processing;
use crate::sending::SendMode;
use crate::stats::{Levels, VoiceStats};
use crate::strips::DEFAULT_LOUDEST;
use crate::worker::{Change, Delivery, Worker};

/// Packets that wait for the voice thread's next tick: a second of ten talkers and more.
pub(crate) const PACKETS: usize = 1_024;

/// Changes of peers that wait for the voice thread's next tick.
pub(crate) const CHANGES: usize = 256;

/// How a call's voice is set up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoiceConfig {
    /// How the local voice is encoded.
    pub encoder: EncoderConfig,
    /// The processor time that libopus may take for decoding each peer, 0 to 10. Below 5 losses are
    /// concealed in the simple way, and deep redundancy is not used: for weak phones.
    pub decoder_complexity: u8,
    /// What the captured sound goes through; `None` is what suits the input
    /// ([`Input::processing`]).
    pub processing: Option<Processing>,
    /// How much delay the devices add.
    pub latency: LatencyProfile,
    /// Encoded packets that may wait to be sent before new ones are dropped; at least one.
    pub backlog: usize,
    /// How many peers are decoded at once, at least one: the loudest.
    pub loudest: usize,
}

impl Default for VoiceConfig {
    fn default() -> Self {
        Self {
            encoder: EncoderConfig::default(),
            decoder_complexity: DEFAULT_DECODER_COMPLEXITY,
            processing: None,
            latency: LatencyProfile::default(),
            // A sender that is 200 ms behind helps nobody by sending it all.
            backlog: 10,
            loudest: DEFAULT_LOUDEST,
        }
    }
}

/// Why a call has no sound, or lost some.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The input or output could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The platform gives no sound.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// libopus refused the configuration.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The operating system has no thread to spare.
    #[error("the voice thread could not be started")]
    Thread(#[source] std::io::Error),
    /// The voice thread has ended.
    #[error("the voice thread has ended")]
    Ended,
    /// Too many peers were added or removed within one tick.
    #[error("the voice thread has not kept up with the changes of peers")]
    Busy,
    /// What was played could not be kept.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

/// What a call's sound amounted to.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VoiceSummary {
    /// Everything counted, at the end.
    pub stats: VoiceStats,
}

/// The local voice, encoded once for all peers: what a call's driver seals and sends.
#[derive(Debug)]
pub struct Captured {
    frames: mpsc::Receiver<EncodedFrame>,
}

impl Captured {
    /// The next frame, as soon as it is there; `None` once the voice has stopped. Safe to cancel.
    pub async fn recv(&mut self) -> Option<EncodedFrame> {
        self.frames.recv().await
    }

    /// A frame, if one is there already.
    pub fn try_recv(&mut self) -> Option<EncodedFrame> {
        self.frames.try_recv().ok()
    }
}

/// One call's sound: a thread that reads, encodes, decodes, mixes and plays frame by frame, in
/// time with the microphone, or by the system's clock where there is none.
///
/// Everything but [`start`](Self::start) and [`stop`](Self::stop) returns at once. Dropping a
/// voice ends its thread within a tick, without waiting for it; the microphone closes and an
/// output file is finished then.
#[derive(Debug)]
pub struct Voice {
    changes: SyncSender<Change>,
    deliveries: SyncSender<Delivery>,
    board: Arc<Board>,
    thread: Option<JoinHandle<Result<(), SinkError>>>,
    /// Where other devices are asked for.
    wishes: Option<SyncSender<Wish>>,
    keeper: Option<JoinHandle<()>>,
}

impl Voice {
    /// Opens the input and the output and starts the thread.
    ///
    /// The permit is used up: one permit, one voice. Opening devices and files takes its time,
    /// up to some hundred milliseconds, so call this where waiting is allowed.
    ///
    /// # Errors
    ///
    /// [`AudioError::Open`] where a file does not open, or neither a microphone nor a loudspeaker,
    /// with the name and what to do; [`AudioError::Codec`]; [`AudioError::Thread`]. With one of the
    /// two the call goes on, and [`take_devices`](Self::take_devices) tells that, and why.
    pub fn start(
        permit: CapturePermit,
        input: Input,
        output: Output,
        config: VoiceConfig,
    ) -> Result<(Self, Captured), AudioError> {
        let processing = config.processing.unwrap_or_else(|| input.processing());
        let config = VoiceConfig {
            processing: Some(processing),
            ..config
        };
        let board = Arc::new(Board::default());
        let Beginning {
            source,
            sink,
            exchange,
            keeper,
        } = begin(permit, input, output, config.latency, &board)?;
        let wishes = exchange.wishes.clone();
        let (mut voice, captured) = Self::spawn(source, sink, config, board, Some(exchange))?;
        voice.wishes = Some(wishes);
        voice.keeper = Some(keeper.start().map_err(AudioError::Thread)?);
        Ok((voice, captured))
    }

    #[cfg(test)]
    pub(crate) fn run(
        source: Box<dyn Source>,
        sink: Box<dyn Sink>,
        config: VoiceConfig,
    ) -> Result<(Self, Captured), AudioError> {
        Self::spawn(source, sink, config, Arc::default(), None)
    }

    fn spawn(
        source: Box<dyn Source>,
        sink: Box<dyn Sink>,
        config: VoiceConfig,
        board: Arc<Board>,
        exchange: Option<Exchange>,
    ) -> Result<(Self, Captured), AudioError> {
        let mut engine = VoiceEngine::new(source, sink, config.encoder)?;
        engine.set_loudest(config.loudest);
        engine.set_latency(config.latency);
        engine.set_decoder_complexity(config.decoder_complexity);
        let processing = config.processing.unwrap_or(Processing::off());
        engine.set_processing(processing);
        let (changes, changed) = sync_channel(CHANGES);
        let (deliveries, delivered) = sync_channel(PACKETS);
        let (sender, frames) = mpsc::channel(config.backlog.max(1));
        board.processing.store(processing.bits(), Ordering::Relaxed);
        let worker = Worker {
            engine,
            board: Arc::clone(&board),
            changed,
            delivered,
            sender,
            overruns: 0,
            ticks: 0,
            exchange,
            lost: false,
        };
        let thread = thread::Builder::new()
            .name("cooee-voice".into())
            .spawn(move || worker.run())
            .map_err(AudioError::Thread)?;
        let voice = Self {
            changes,
            deliveries,
            board,
            thread: Some(thread),
            wishes: None,
            keeper: None,
        };
        Ok((voice, Captured { frames }))
    }

    /// What a meter shows, as of the last tick.
    pub fn levels(&self) -> Levels {
        self.board.levels()
    }

    /// Everything counted, not older than 100 ms.
    pub fn stats(&self) -> VoiceStats {
        self.board.stats()
    }

    /// Listens to a peer from the next tick on. A peer that is already there starts afresh.
    ///
    /// # Errors
    ///
    /// [`AudioError::Ended`] and [`AudioError::Busy`].
    pub fn add_peer(&self, peer: PeerId) -> Result<(), AudioError> {
        self.change(Change::Add(peer))
    }

    /// Listens to a peer no more.
    ///
    /// # Errors
    ///
    /// [`AudioError::Ended`] and [`AudioError::Busy`].
    pub fn remove_peer(&self, peer: PeerId) -> Result<(), AudioError> {
        self.change(Change::Remove(peer))
    }

    /// Listens to something else from now on. It is opened first, while the voice goes on with what
    /// it has; [`take_devices`](Self::take_devices) tells how that went.
    ///
    /// # Errors
    ///
    /// [`AudioError::Ended`] and [`AudioError::Busy`].
    pub fn set_input(&self, input: Input) -> Result<(), AudioError> {
        self.wish(Wish::Input(input))
    }

    /// Plays on something else from now on. It is opened first, while the voice goes on with what it
    /// has; [`take_devices`](Self::take_devices) tells how that went.
    ///
    /// # Errors
    ///
    /// [`AudioError::Ended`] and [`AudioError::Busy`].
    pub fn set_output(&self, output: Output) -> Result<(), AudioError> {
        self.wish(Wish::Output(output))
    }

    /// What has become of the microphone and the loudspeaker since this was asked last: others were
    /// chosen, one was lost and another stands in, one is back. At most the latest 16.
    pub fn take_devices(&self) -> Vec<DeviceNews> {
        self.board.take_devices()
    }

    /// Sends silence instead of the microphone, or no longer.
    pub fn set_muted(&self, muted: bool) {
        self.board.muted.store(muted, Ordering::Relaxed);
    }

    /// Plays silence instead of the peers, or no longer. Who hears nobody is not heard either.
    pub fn set_deafened(&self, deafened: bool) {
        self.board.deafened.store(deafened, Ordering::Relaxed);
    }

    /// Switches parts of the microphone's processing on and off, from the next tick on.
    pub fn set_processing(&self, processing: Processing) {
        let bits = processing.bits();
        self.board.processing.store(bits, Ordering::Relaxed);
    }

    /// Sets how loud a peer is played: 1 as it comes, 0 not at all, 2 at most.
    ///
    /// # Errors
    ///
    /// [`AudioError::Ended`] and [`AudioError::Busy`].
    pub fn set_volume(&self, peer: PeerId, volume: f32) -> Result<(), AudioError> {
        self.change(Change::Volume(peer, volume))
    }

    /// Silences a peer here, or no longer. The peer does not learn of it.
    ///
    /// # Errors
    ///
    /// [`AudioError::Ended`] and [`AudioError::Busy`].
    pub fn set_peer_muted(&self, peer: PeerId, muted: bool) -> Result<(), AudioError> {
        self.change(Change::Mute(peer, muted))
    }

    /// Sets when the microphone is heard.
    pub fn set_send_mode(&self, mode: SendMode) {
        self.board.set_send_mode(mode);
    }

    /// Whether the user means to talk, which counts in [`SendMode::PushToTalk`].
    pub fn set_talking(&self, talking: bool) {
        self.board.talking.store(talking, Ordering::Relaxed);
    }

    /// Encodes with these settings from the next tick on.
    pub fn set_encoder(&self, settings: EncoderSettings) {
        self.board.set_encoder(settings);
    }

    /// Hands over a packet that came from a peer at `arrival`, opened and authenticated.
    ///
    /// Where the voice thread has no room for it, it is dropped and counted, as the network
    /// might have done.
    pub fn deliver(&self, peer: PeerId, packet: Packet, arrival: Instant) {
        let delivery = Delivery {
            peer,
            packet,
            arrival,
        };
        if self.deliveries.try_send(delivery).is_err() {
            self.board.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Stops the thread, closes the microphone, finishes the output and sums up.
    ///
    /// Waits for the tick that is being made, and for the output to be written: up to a second
    /// where a reader of raw samples has stopped reading.
    ///
    /// # Errors
    ///
    /// [`AudioError::Sink`] where something played could not be kept; [`AudioError::Ended`]
    /// where the thread had died of a bug.
    pub fn stop(mut self) -> Result<VoiceSummary, AudioError> {
        self.board.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let finished = thread.join();
            // It may be opening a microphone, which must be closed again by the end.
            if let Some(keeper) = self.keeper.take() {
                let _ = keeper.join();
            }
            finished.map_err(|_| AudioError::Ended)??;
        }
        Ok(VoiceSummary {
            stats: self.stats(),
        })
    }

    fn wish(&self, wish: Wish) -> Result<(), AudioError> {
        let wishes = self.wishes.as_ref().ok_or(AudioError::Ended)?;
        wishes.try_send(wish).map_err(|error| match error {
            TrySendError::Full(_) => AudioError::Busy,
            TrySendError::Disconnected(_) => AudioError::Ended,
        })
    }

    fn change(&self, change: Change) -> Result<(), AudioError> {
        self.changes.try_send(change).map_err(|error| match error {
            TrySendError::Full(_) => AudioError::Busy,
            TrySendError::Disconnected(_) => AudioError::Ended,
        })
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.board.stop.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}
