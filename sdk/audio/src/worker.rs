//! The voice thread's side of a voice.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Instant;

use cooee_core::jitter::Packet;
use cooee_core::path::PeerId;
use tokio::sync::mpsc;

use crate::board::Board;
use crate::device::{Exchange, Swap, Wish};
use crate::engine::{EncodedFrame, VoiceEngine};
use crate::frame::{FRAME_DURATION, SinkError};
use crate::pacer::Pacer;
use crate::processing::Processing;
use crate::stats::VoiceStats;
use crate::voice::{CHANGES, PACKETS};

/// Ticks between two snapshots of the statistics: 100 ms.
const SNAPSHOT: u64 = (100 / FRAME_DURATION.as_millis()) as u64;

#[derive(Debug)]
pub(crate) enum Change {
    Add(PeerId),
    Remove(PeerId),
    Volume(PeerId, f32),
    Mute(PeerId, bool),
}

#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) peer: PeerId,
    pub(crate) packet: Packet,
    pub(crate) arrival: Instant,
}

/// The thread's side.
pub(crate) struct Worker {
    pub(crate) engine: VoiceEngine,
    pub(crate) board: Arc<Board>,
    pub(crate) changed: Receiver<Change>,
    pub(crate) delivered: Receiver<Delivery>,
    pub(crate) sender: mpsc::Sender<EncodedFrame>,
    pub(crate) overruns: u64,
    pub(crate) ticks: u64,
    /// Whoever keeps the devices, if anybody does.
    pub(crate) exchange: Option<Exchange>,
    /// A loss has been told to the keeper.
    pub(crate) lost: bool,
}

impl Worker {
    pub(crate) fn run(mut self) -> Result<(), SinkError> {
        self.engine.wake(&thread::current());
        let mut pacer = Pacer::new(Instant::now());
        while !self.board.stop.load(Ordering::Acquire) {
            let now = Instant::now();
            let due = pacer.due(now, self.engine.clock());
            if due.skipped > 0 {
                tracing::debug!(frames = due.skipped, "the voice thread was held up");
                self.engine.skip(due.skipped);
            }
            self.take_devices();
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

    /// Goes on with other devices, where the keeper has opened some.
    fn take_devices(&mut self) {
        let Some(exchange) = &self.exchange else {
            return;
        };
        for swap in exchange.swaps.try_iter() {
            let old = match swap {
                Swap::Source(source) => {
                    let old = Swap::Source(self.engine.replace_source(source));
                    self.engine.wake(&thread::current());
                    old
                }
                Swap::Sink(sink) => Swap::Sink(self.engine.replace_sink(sink)),
            };
            // Closing takes its time; without room for it, it has to happen here.
            let _ = exchange.retired.try_send(old);
        }
        let (input, output) = self.engine.health();
        self.board.set_health(input, output);
        let lost = input.lost || output.lost;
        if lost && !std::mem::replace(&mut self.lost, lost) {
            // The keeper looks by itself as well, only later.
            let _ = exchange.wishes.try_send(Wish::Look);
        }
        self.lost = lost;
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
        if let Some(settings) = self.board.take_encoder() {
            self.engine.set_encoder(&settings);
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
