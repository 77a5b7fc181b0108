//! What runs on the device's own thread. No allocation, lock, log or wait in here. The one call to
//! the system is the futex that wakes the voice thread: it never waits, and only happens while
//! that thread sleeps. A timer on the voice thread's side would spare it, at the price of a
//! thousand wake-ups a second or of delay.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use cpal::{ErrorKind, FromSample, SizedSample};

use crate::drift::Taken;

/// What a held sample is multiplied with, again and again, when there is nothing to play: it
/// fades within 5 ms instead of clicking.
pub(crate) const FADE: f32 = 0.98;

/// What a callback tells the voice thread.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Callbacks so far.
    pub(crate) calls: AtomicU64,
    /// Callbacks that found too little (playing) or no room (capturing) in the ring.
    pub(crate) misses: AtomicU64,
    /// Gaps that the system reported on its side of the device.
    pub(crate) xruns: AtomicU64,
    /// The most frames that one callback moved.
    pub(crate) largest: AtomicUsize,
    /// Callbacks that came so late that the loudspeaker must have run dry.
    pub(crate) stalls: AtomicU64,
    /// Errors that may or may not mean that the device has gone.
    pub(crate) errors: AtomicU64,
    /// The device has gone.
    pub(crate) lost: AtomicBool,
    /// Whom to wake when something was captured; set once, before which nobody is.
    pub(crate) listener: OnceLock<Thread>,
}

impl Shared {
    fn called(&self, frames: usize) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.largest.fetch_max(frames, Ordering::Relaxed);
    }

    /// Takes an error of the stream.
    pub(crate) fn failed(&self, kind: ErrorKind) {
        match kind {
            ErrorKind::Xrun => {
                self.xruns.fetch_add(1, Ordering::Relaxed);
            }
            // The stream goes on, on another device or without its priority.
            ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
            ErrorKind::DeviceNotAvailable
            | ErrorKind::HostUnavailable
            | ErrorKind::PermissionDenied
            | ErrorKind::StreamInvalidated => self.lost.store(true, Ordering::Relaxed),
            // Some devices report a few of these while they start or catch up, so what counts
            // is whether sound goes on: the voice thread looks after that.
            _ => {
                self.errors.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Notices callbacks that come late. Not every system tells when a device has run dry, but one that
/// holds two buffers has, when nobody came for longer than they last.
#[derive(Debug)]
pub(crate) struct Stalls {
    rate: u32,
    last: Option<Instant>,
    largest: usize,
}

/// Buffers that a device holds.
const HELD: u32 = 2;

/// How much later than that a callback may come, for the clocks of both.
const SLACK: Duration = Duration::from_millis(1);

impl Stalls {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate: rate.max(1),
            last: None,
            largest: 0,
        }
    }

    /// A callback with this many frames; whether it came too late.
    fn observe(&mut self, at: Instant, frames: usize) -> bool {
        self.largest = self.largest.max(frames);
        let frames = u32::try_from(self.largest).unwrap_or(u32::MAX);
        let held = Duration::from_secs(1) * frames / self.rate * HELD;
        let last = self.last.replace(at);
        last.is_some_and(|last| at.saturating_duration_since(last) > held + SLACK)
    }
}

/// The microphone's end of a ring.
pub(crate) struct Capture {
    pub(crate) ring: rtrb::Producer<f32>,
    pub(crate) channels: usize,
    pub(crate) shared: Arc<Shared>,
}

impl Capture {
    /// Moves what was captured, all channels interleaved, into the ring.
    pub(crate) fn run<T>(&mut self, captured: &[T])
    where
        T: Copy,
        f32: FromSample<T>,
    {
        let frames = captured.len() / self.channels;
        self.shared.called(frames);
        let room = captured.len().min(self.ring.slots());
        // Whole frames only, or left and right change places.
        let samples = room - room % self.channels;
        if samples < captured.len() {
            self.shared.misses.fetch_add(1, Ordering::Relaxed);
        }
        if let Ok(chunk) = self.ring.write_chunk_uninit(samples) {
            chunk.fill_from_iter(captured.iter().map(|sample| f32::from_sample_(*sample)));
        }
        if let Some(listener) = self.shared.listener.get() {
            listener.unpark();
        }
    }
}

/// The loudspeaker's end of a ring.
pub(crate) struct Playback {
    pub(crate) ring: rtrb::Consumer<f32>,
    pub(crate) channels: usize,
    pub(crate) shared: Arc<Shared>,
    /// Tells the voice thread of each callback; where it does not look, the news are lost.
    pub(crate) reports: rtrb::Producer<Taken>,
    /// Frames taken out of the ring.
    pub(crate) total: u64,
    /// The last sample played, fading while there is nothing after it.
    pub(crate) held: f32,
    /// Something has been played, so that an empty ring is a gap.
    pub(crate) started: bool,
    pub(crate) stalls: Stalls,
}

impl Playback {
    /// Fills the device's buffer, all channels interleaved, from the ring, at the time `at`.
    pub(crate) fn run<T>(&mut self, at: Instant, buffer: &mut [T])
    where
        T: SizedSample + FromSample<f32>,
    {
        let frames = buffer.len() / self.channels;
        self.shared.called(frames);
        if self.stalls.observe(at, frames) {
            self.shared.stalls.fetch_add(1, Ordering::Relaxed);
        }
        let there = buffer.len().min(self.ring.slots());
        let samples = there - there % self.channels;
        let short = samples < buffer.len();
        if short && self.started {
            // One gap counts once, however many callbacks it lasts.
            self.shared.misses.fetch_add(1, Ordering::Relaxed);
        }
        let missing = match self.started {
            true => (buffer.len() - samples) / self.channels,
            false => 0,
        };
        self.started = !short && (self.started || samples > 0);
        self.total += (samples / self.channels) as u64;
        let report = Taken {
            at,
            total: self.total,
            missing,
        };
        // A voice thread that is held up has other worries.
        let _ = self.reports.push(report);
        let (full, rest) = buffer.split_at_mut(samples);
        if let Ok(chunk) = self.ring.read_chunk(samples) {
            for (slot, sample) in full.iter_mut().zip(chunk) {
                self.held = sample;
                *slot = T::from_sample_(sample);
            }
        }
        for frame in rest.chunks_mut(self.channels) {
            self.held *= FADE;
            frame.fill(T::from_sample_(self.held));
        }
    }
}
