//! Frames, and what gives and takes them.

use std::thread::Thread;
use std::time::Duration;

/// Samples in a second, everywhere between a source and a sink.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in a frame: 10 ms of one channel.
///
/// This is the beat of a call's sound, not the length of a packet: one packet holds one frame or
/// several.
pub const FRAME: usize = 480;

/// How long a frame lasts.
pub const FRAME_DURATION: Duration = Duration::from_millis(10);

/// One frame of one channel, full scale at ±1.
pub type Frame = [f32; FRAME];

/// A frame of silence.
pub const SILENCE: Frame = [0.0; FRAME];

/// Whose clock says when a source's next frame is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The voice thread's: one frame for each [`FRAME_DURATION`].
    Time,
    /// The source's own: this many frames are there now.
    Own(u64),
}

/// Where the voice thread takes sound from: a microphone, a file, a program.
pub trait Source: Send {
    /// Fills `frame` with the next 10 ms.
    ///
    /// Never waits longer than a frame lasts, and gives silence when it has nothing.
    fn read(&mut self, frame: &mut Frame);

    /// How long sound waits between being captured and being read, as far as it is known.
    fn latency(&self) -> Duration {
        Duration::ZERO
    }

    /// Whose clock the voice thread follows, and what is there by it. A source with a clock of
    /// its own unparks the thread of [`wake`](Self::wake) whenever more is there; where it does
    /// not in time, the thread reads all the same.
    fn clock(&self) -> Clock {
        Clock::Time
    }

    /// Learns whom to unpark when there is something to read.
    fn wake(&mut self, _thread: &Thread) {}

    /// Learns that the voice thread was held up and that the time of `frames` frames has passed:
    /// what was captured in it is not wanted any more.
    fn skip(&mut self, _frames: u64) {}

    /// How this source has been doing.
    fn health(&self) -> Health {
        Health::default()
    }
}

/// Where the voice thread brings sound to: a loudspeaker, a file, a program.
pub trait Sink: Send {
    /// Takes the next 10 ms. Never waits longer than a frame lasts.
    fn write(&mut self, frame: &Frame);

    /// How long sound waits between being written and being heard, as far as it is known.
    fn latency(&self) -> Duration {
        Duration::ZERO
    }

    /// Learns that the voice thread was held up and will not write `frames` frames whose time
    /// has passed. A device has played silence by then; a file has to be told.
    fn skip(&mut self, _frames: u64) {}

    /// Brings everything written so far to where it belongs.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong in this sink's life and left a gap or an unfinished
    /// file.
    fn finish(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// How this sink has been doing.
    fn health(&self) -> Health {
        Health::default()
    }
}

/// How a source or a sink has been doing since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Times that there was nothing to give when a frame was due.
    pub underruns: u64,
    /// Times that there was no room for what had come.
    pub overruns: u64,
    /// Splices made to follow a device whose clock differs from ours.
    pub corrections: u64,
    /// Callbacks so late that the device had run dry or over, which a larger buffer helps against.
    pub stalls: u64,
    /// The device has gone or stopped calling; nothing more is to be expected of it.
    pub lost: bool,
    /// A file or stream has been read to its end; silence from here on.
    pub ended: bool,
}

impl Health {
    /// What was counted up to another device's beginning, and since.
    #[must_use]
    pub(crate) fn after(self, before: Self) -> Self {
        Self {
            underruns: self.underruns.saturating_add(before.underruns),
            overruns: self.overruns.saturating_add(before.overruns),
            corrections: self.corrections.saturating_add(before.corrections),
            ..self
        }
    }
}

/// Why a sink could not keep what it was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// A WAV file could not be written.
    #[error("the WAV file {path} could not be written")]
    Wav {
        /// The file.
        path: String,
        /// What the file system or the format said.
        #[source]
        source: hound::Error,
    },
    /// A stream of raw samples could not be written.
    #[error("the sample stream could not be written")]
    Stream(#[source] std::io::Error),
    /// A stream's reader did not take the last samples in time.
    #[error("the sample stream's reader took nothing for a second")]
    Stuck,
}
