//! What a voice and its thread tell each other without waiting.

use std::collections::VecDeque;

use crate::EncoderSettings;
use crate::device::DeviceNews;
use crate::frame::Health;
use crate::sending::SendMode;
use crate::stats::{Levels, VoiceStats};
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// The modes by their numbers on the board.
const SEND_MODES: [SendMode; 3] = [
    SendMode::Continuous,
    SendMode::PushToTalk,
    SendMode::VoiceActivated,
];

/// News of devices that wait; the oldest goes first.
const NEWS: usize = 16;

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
    devices: Mutex<VecDeque<DeviceNews>>,
    /// The microphone's and the loudspeaker's stalls since each was opened, and loss.
    input_stalls: AtomicU64,
    input_lost: AtomicBool,
    output_stalls: AtomicU64,
    output_lost: AtomicBool,
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

    /// The stalls and the loss of the microphone in use.
    pub(crate) fn input_health(&self) -> Health {
        Health {
            stalls: self.input_stalls.load(Ordering::Relaxed),
            lost: self.input_lost.load(Ordering::Relaxed),
            ..Health::default()
        }
    }

    /// The stalls and the loss of the loudspeaker in use.
    pub(crate) fn output_health(&self) -> Health {
        Health {
            stalls: self.output_stalls.load(Ordering::Relaxed),
            lost: self.output_lost.load(Ordering::Relaxed),
            ..Health::default()
        }
    }

    pub(crate) fn set_health(&self, input: Health, output: Health) {
        self.input_stalls.store(input.stalls, Ordering::Relaxed);
        self.input_lost.store(input.lost, Ordering::Relaxed);
        self.output_stalls.store(output.stalls, Ordering::Relaxed);
        self.output_lost.store(output.lost, Ordering::Relaxed);
    }

    /// What has become of the devices since this was asked last.
    pub(crate) fn take_devices(&self) -> Vec<DeviceNews> {
        lock(&self.devices).drain(..).collect()
    }

    pub(crate) fn tell_device(&self, news: DeviceNews) {
        let mut devices = lock(&self.devices);
        if devices.len() >= NEWS {
            devices.pop_front();
        }
        devices.push_back(news);
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
