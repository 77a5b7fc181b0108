//! The voice thread: the one place in a client where sound happens.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use cooee_core::call::CapturePermit;
use cooee_core::jitter::Packet;
use cooee_core::media::adaptation::EncoderSettings;
use cooee_core::path::PeerId;
use tokio::sync::mpsc;

use crate::board::Board;
use crate::choice::{Input, OpenError, Output, open_sink, open_source};
use crate::codec::{CodecError, EncoderConfig};
use crate::device::LatencyProfile;
use crate::engine::{EncodedFrame, VoiceEngine};
use crate::frame::{FRAME_DURATION, Sink, SinkError, Source};
use crate::pacer::Pacer;
use crate::processing::Processing;
use crate::sending::SendMode;
use crate::stats::{Levels, VoiceStats};
use crate::strips::DEFAULT_LOUDEST;

/// Packets that wait for the voice thread's next tick: a second of ten talkers and more.
const PACKETS: usize = 1_024;

/// Changes of peers that wait for the voice thread's next tick.
const CHANGES: usize = 256;

/// Ticks between two snapshots of the statistics: 100 ms.
const SNAPSHOT: u64 = (100 / FRAME_DURATION.as_millis()) as u64;

/// How a call's voice is set up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoiceConfig {
    /// How the local voice is encoded.
    pub encoder: EncoderConfig,
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

#[derive(Debug)]
enum Change {
    Add(PeerId),
    Remove(PeerId),
    Volume(PeerId, f32),
    Mute(PeerId, bool),
}

#[derive(Debug)]
struct Delivery {
    peer: PeerId,
    packet: Packet,
    arrival: Instant,
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
}

impl Voice {
    /// Opens the input and the output and starts the thread.
    ///
    /// The permit is used up: one permit, one voice. Opening devices and files takes its time,
    /// up to some hundred milliseconds, so call this where waiting is allowed.
    ///
    /// # Errors
    ///
    /// [`AudioError::Open`] where a device or file does not open, with its name and what to do;
    /// [`AudioError::Codec`]; [`AudioError::Thread`]. Never a silent call instead.
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
        // The loudspeaker first: if it does not open, no microphone ever did.
        let sink = open_sink(output, config.latency)?;
        let source = open_source(&permit, input, config.latency)?;
        Self::run(source, sink, config)
    }

    pub(crate) fn run(
        source: Box<dyn Source>,
        sink: Box<dyn Sink>,
        config: VoiceConfig,
    ) -> Result<(Self, Captured), AudioError> {
        let mut engine = VoiceEngine::new(source, sink, config.encoder)?;
        engine.set_loudest(config.loudest);
        let processing = config.processing.unwrap_or(Processing::off());
        engine.set_processing(processing);
        let (changes, changed) = sync_channel(CHANGES);
        let (deliveries, delivered) = sync_channel(PACKETS);
        let (sender, frames) = mpsc::channel(config.backlog.max(1));
        let board = Arc::new(Board::default());
        board.processing.store(processing.bits(), Ordering::Relaxed);
        let worker = Worker {
            engine,
            board: Arc::clone(&board),
            changed,
            delivered,
            sender,
            overruns: 0,
            ticks: 0,
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
            thread.join().map_err(|_| AudioError::Ended)??;
        }
        Ok(VoiceSummary {
            stats: self.stats(),
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

/// The thread's side.
struct Worker {
    engine: VoiceEngine,
    board: Arc<Board>,
    changed: Receiver<Change>,
    delivered: Receiver<Delivery>,
    sender: mpsc::Sender<EncodedFrame>,
    overruns: u64,
    ticks: u64,
}

impl Worker {
    fn run(mut self) -> Result<(), SinkError> {
        self.engine.wake(&thread::current());
        let mut pacer = Pacer::new(Instant::now());
        while !self.board.stop.load(Ordering::Acquire) {
            let now = Instant::now();
            let due = pacer.due(now, self.engine.clock());
            if due.skipped > 0 {
                tracing::debug!(frames = due.skipped, "the voice thread was held up");
                self.engine.skip(due.skipped);
            }
            self.take_orders();
            for _ in 0..due.frames {
                self.tick(now);
            }
            // A wake-up before time finds nothing due and comes back here.
            thread::park_timeout(pacer.next().saturating_duration_since(Instant::now()));
        }
        let finished = self.engine.finish();
        self.snapshot();
        finished
    }

    fn take_orders(&mut self) {
        for change in self.changed.try_iter().take(CHANGES) {
            match change {
                Change::Add(peer) => {
                    if let Err(error) = self.engine.add_peer(peer) {
                        tracing::error!(%peer, %error, "a peer cannot be heard");
                    }
                }
                Change::Remove(peer) => self.engine.remove_peer(peer),
                Change::Volume(peer, volume) => self.engine.set_volume(peer, volume),
                Change::Mute(peer, muted) => self.engine.set_peer_muted(peer, muted),
            }
        }
        for delivery in self.delivered.try_iter().take(PACKETS) {
            let Delivery {
                peer,
                packet,
                arrival,
            } = delivery;
            self.engine.deliver(peer, packet, arrival);
        }
        self.engine
            .set_muted(self.board.muted.load(Ordering::Relaxed));
        self.engine
            .set_deafened(self.board.deafened.load(Ordering::Relaxed));
        let processing = self.board.processing.load(Ordering::Relaxed);
        self.engine
            .set_processing(Processing::from_bits(processing));
        self.engine.set_send_mode(self.board.send_mode());
        self.engine
            .set_talking(self.board.talking.load(Ordering::Relaxed));
        if let Some(settings) = self.board.take_encoder()
            && let Err(error) = self.engine.set_encoder(&settings)
        {
            tracing::warn!(?settings, %error, "the encoder stays as it was");
        }
    }

    fn tick(&mut self, now: Instant) {
        if let Some(frame) = self.engine.tick(now)
            && self.sender.try_send(frame).is_err()
        {
            self.overruns = self.overruns.saturating_add(1);
        }
        self.board.set_levels(self.engine.levels());
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(SNAPSHOT) {
            self.snapshot();
        }
    }

    fn snapshot(&self) {
        let stats = VoiceStats {
            overruns: self.overruns,
            refused: self.board.refused.load(Ordering::Relaxed),
            ..self.engine.stats()
        };
        self.board.set_stats(stats);
    }
}
