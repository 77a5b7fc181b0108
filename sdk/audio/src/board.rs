//! What a voice and its thread tell each other without waiting.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cooee_core::media::adaptation::EncoderSettings;

use crate::sending::SendMode;
use crate::stats::{Levels, VoiceStats};

/// The modes by their numbers on the board.
const SEND_MODES: [SendMode; 3] = [
    SendMode::Continuous,
    SendMode::PushToTalk,
    SendMode::VoiceActivated,
];

/// What both sides of the thread see.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) stop: AtomicBool,
    pub(crate) muted: AtomicBool,
    pub(crate) deafened: AtomicBool,
    pub(crate) talking: AtomicBool,
    /// [`Processing::bits`](crate::Processing::bits).
    pub(crate) processing: AtomicU8,
    pub(crate) refused: AtomicU64,
    /// One of [`SEND_MODES`].
    send_mode: AtomicU8,
    /// Taken by the thread with its next tick.
    encoder: Mutex<Option<EncoderSettings>>,
    /// Floats as bits.
    input: AtomicU32,
    output: AtomicU32,
    speaking: AtomicBool,
    stats: Mutex<VoiceStats>,
}

impl Board {
    pub(crate) fn levels(&self) -> Levels {
        Levels {
            input: f32::from_bits(self.input.load(Ordering::Relaxed)),
            output: f32::from_bits(self.output.load(Ordering::Relaxed)),
            speaking: self.speaking.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn set_levels(&self, levels: Levels) {
        self.input.store(levels.input.to_bits(), Ordering::Relaxed);
        self.output
            .store(levels.output.to_bits(), Ordering::Relaxed);
        self.speaking.store(levels.speaking, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> VoiceStats {
        lock(&self.stats).clone()
    }

    pub(crate) fn set_stats(&self, stats: VoiceStats) {
        *lock(&self.stats) = stats;
    }

    pub(crate) fn send_mode(&self) -> SendMode {
        let mode = self.send_mode.load(Ordering::Relaxed);
        let mode = SEND_MODES.get(usize::from(mode)).copied();
        mode.unwrap_or_default()
    }

    pub(crate) fn set_send_mode(&self, mode: SendMode) {
        let number = match mode {
            SendMode::Continuous => 0,
            SendMode::PushToTalk => 1,
            SendMode::VoiceActivated => 2,
        };
        self.send_mode.store(number, Ordering::Relaxed);
    }

    /// New settings, given once.
    pub(crate) fn take_encoder(&self) -> Option<EncoderSettings> {
        lock(&self.encoder).take()
    }

    pub(crate) fn set_encoder(&self, settings: EncoderSettings) {
        *lock(&self.encoder) = Some(settings);
    }
}

/// What stands on the board is replaced as a whole, so a panic leaves nothing half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
