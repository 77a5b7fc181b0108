//! Sound devices: finding them, and opening them as a source or a sink.
//!
//! The device calls back on a thread with real-time needs. That callback moves samples between
//! the device's buffer and a ring, and nothing else: it neither allocates, locks, logs nor
//! blocks. Channels, sample rates and clocks that differ are the voice thread's business, on
//! the other end of the ring.

mod buffers;
mod callback;
mod capture;
mod check;
mod choosable;
mod keeper;
mod news;
mod playback;
mod shape;

use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{Device, Host};

use crate::frame::FRAME_DURATION;

#[cfg(test)]
pub(crate) use buffers::Buffers;
#[cfg(test)]
pub(crate) use callback::{Capture, Playback, Shared, Stalls};
pub use capture::DeviceSource;
#[cfg(test)]
pub(crate) use capture::Pickup;
pub use check::Recording;
pub(crate) use keeper::{Beginning, Exchange, Swap, Wish, begin};
pub use news::{DeviceNews, DeviceReason};
pub use playback::DeviceSink;
#[cfg(test)]
pub(crate) use playback::Feed;
#[cfg(test)]
pub(crate) use shape::Shape;

/// Milliseconds of sound that a ring between a device and the voice thread has room for.
const RING_MS: u32 = 500;

/// Reads or writes in a second.
const TICKS: u32 = (1_000 / FRAME_DURATION.as_millis()) as u32;

/// Reads or writes without a single callback after which a device counts as lost: 5 s, since a
/// wireless headset takes its time to begin.
const PATIENCE: u32 = 5 * TICKS;

/// The same while the device reports errors: 1 s.
const PATIENCE_WITH_ERRORS: u32 = TICKS;

/// Callbacks after which a device has begun for good.
const BEGUN: u64 = 20;

/// What both come to then: 1 s, and 50 ms. Whatever made it stop, another one can be opened beside it.
const PATIENCE_ONCE_BEGUN: u32 = TICKS;
const PATIENCE_WITH_ERRORS_ONCE_BEGUN: u32 = TICKS / 20;

/// How much delay a call's devices add, against how sure they are not to run dry.
///
/// Whatever is chosen, what a device needs more is found out and kept to for as long as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum LatencyProfile {
    /// Buffers of 10 ms for the microphone and 5 ms for the loudspeaker, and a reserve that a busy
    /// machine seldom exceeds.
    #[default]
    Balanced,
    /// Buffers of 5 ms and next to no reserve: for a quiet machine and a wired headset.
    Low,
}

impl LatencyProfile {
    /// Milliseconds between two callbacks that a device is asked for to begin with. A loudspeaker
    /// holds two of its buffers at a time, a microphone hands over one.
    pub(crate) const fn millis(self, direction: Direction) -> u32 {
        match (self, direction) {
            (Self::Balanced, Direction::Input) => 10,
            (Self::Balanced, Direction::Output) | (Self::Low, _) => 5,
        }
    }

    /// The least that a jitter buffer aims for: room for the scheduling of both machines.
    pub(crate) const fn least_delay(self) -> Duration {
        match self {
            Self::Balanced => Duration::from_millis(6),
            Self::Low => Duration::from_millis(4),
        }
    }

    /// The least time that the voice thread may be late without a gap.
    pub(crate) const fn allowance(self) -> Duration {
        match self {
            Self::Balanced => Duration::from_millis(3),
            Self::Low => Duration::from_millis(1),
        }
    }
}

/// A sound device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// What people call it.
    pub name: String,
    /// What the system calls it; also accepted wherever a device's name is.
    pub id: String,
    /// It can capture.
    pub input: bool,
    /// It can play.
    pub output: bool,
    /// It captures when no device is chosen.
    pub default_input: bool,
    /// It plays when no device is chosen.
    pub default_output: bool,
}

/// Which way sound flows through a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// From a microphone.
    Input,
    /// To a loudspeaker.
    Output,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}

/// Why a sound device cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The system's sound service does not answer.
    #[error("the system's sound service cannot be reached; is it running?")]
    Service(#[source] cpal::Error),
    /// There is no such device.
    #[error("there is no {direction} device called \"{name}\"; choose one of: {present}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// What it was wanted for.
        direction: Direction,
        /// The names there are.
        present: String,
    },
    /// The system has no device for this direction at all.
    #[error("the system has no {0} device; plug one in, or use a WAV file")]
    None(Direction),
    /// The device is there, but does not open.
    #[error(
        "the {direction} device \"{name}\" cannot be opened; see that it is plugged in, allowed \
         for this program and not taken by another, or choose another device or a WAV file"
    )]
    Open {
        /// The device's name.
        name: String,
        /// What it was opened for.
        direction: Direction,
        /// What the system said.
        #[source]
        source: cpal::Error,
    },
    /// The device opens and then does nothing.
    #[error("the device \"{name}\" opens, but no sound passes through it; choose another")]
    Dead {
        /// The device's name.
        name: String,
    },
    /// The device opens, but with no sample format or rate that we understand.
    #[error("the {direction} device \"{name}\" has no usable sample format; choose another")]
    Format {
        /// The device's name.
        name: String,
        /// What it was opened for.
        direction: Direction,
    },
}

/// The sound devices of the system that people would choose from. Others, such as ALSA's converters and parts of
/// cards, are accepted by name all the same.
///
/// # Errors
///
/// [`DeviceError::Service`].
pub fn devices() -> Result<Vec<DeviceInfo>, DeviceError> {
    let host = cpal::default_host();
    let default_input = host.default_input_device();
    let default_output = host.default_output_device();
    let devices = host.devices().map_err(DeviceError::Service)?;
    let infos = devices.map(|device| DeviceInfo {
        name: name(&device),
        id: id(&device),
        input: device.supports_input(),
        output: device.supports_output(),
        default_input: default_input.as_ref() == Some(&device),
        default_output: default_output.as_ref() == Some(&device),
    });
    let usable = infos.filter(|info| info.input || info.output);
    Ok(choosable::choosable(usable.collect()))
}

/// The device of this name, or the default one.
fn find(wanted: Option<&str>, direction: Direction) -> Result<Device, DeviceError> {
    let host = cpal::default_host();
    let Some(wanted) = wanted else {
        let device = match direction {
            Direction::Input => host.default_input_device(),
            Direction::Output => host.default_output_device(),
        };
        return device.ok_or(DeviceError::None(direction));
    };
    let candidates = candidates(&host, direction)?;
    let exact = candidates
        .iter()
        .position(|device| id(device) == wanted || name(device) == wanted);
    let found = exact.or_else(|| {
        let lower = wanted.to_lowercase();
        candidates
            .iter()
            .position(|device| name(device).to_lowercase() == lower)
    });
    match found.and_then(|index| candidates.get(index)) {
        Some(device) => Ok(device.clone()),
        None => Err(DeviceError::Unknown {
            name: wanted.to_owned(),
            direction,
            present: candidates.iter().map(id).collect::<Vec<_>>().join(", "),
        }),
    }
}

fn candidates(host: &Host, direction: Direction) -> Result<Vec<Device>, DeviceError> {
    let devices = host.devices().map_err(DeviceError::Service)?;
    let usable = devices.filter(|device| match direction {
        Direction::Input => device.supports_input(),
        Direction::Output => device.supports_output(),
    });
    Ok(usable.collect())
}

/// What the system calls its default device at the moment.
fn default_id(direction: Direction) -> Option<String> {
    let host = cpal::default_host();
    let device = match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    };
    device.as_ref().map(id)
}

/// Whether there is a device of this name or id.
fn is_present(wanted: &str, direction: Direction) -> bool {
    find(Some(wanted), direction).is_ok()
}

/// How long so many frames last at this sample rate.
fn lasting(frames: usize, rate: u32) -> Duration {
    Duration::from_secs_f64(frames as f64 / f64::from(rate.max(1)))
}

fn name(device: &Device) -> String {
    device
        .description()
        .map_or_else(|_| id(device), |description| description.name().to_owned())
}

fn id(device: &Device) -> String {
    device
        .id()
        .map_or_else(|_| String::from("unnamed"), |id| id.id().to_owned())
}

/// Notices that a device has stopped calling back without saying so.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    calls: u64,
    errors: u64,
    /// Ticks without a callback.
    quiet: u32,
    /// Ticks without a callback, but with errors.
    failing: u32,
}

impl Watchdog {
    /// Called once for each frame, with the callbacks and errors so far: whether too long passed
    /// without a callback.
    pub(crate) fn barks(&mut self, calls: u64, errors: u64) -> bool {
        let more_errors = std::mem::replace(&mut self.errors, errors) != errors;
        if std::mem::replace(&mut self.calls, calls) != calls {
            self.quiet = 0;
            self.failing = 0;
            return false;
        }
        self.quiet = self.quiet.saturating_add(1);
        if more_errors {
            self.failing = self.failing.saturating_add(1);
        }
        match calls >= BEGUN {
            true => {
                self.quiet > PATIENCE_ONCE_BEGUN || self.failing > PATIENCE_WITH_ERRORS_ONCE_BEGUN
            }
            false => self.quiet > PATIENCE || self.failing > PATIENCE_WITH_ERRORS,
        }
    }
}
