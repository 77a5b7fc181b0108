//! What a call listens to and what it plays on, as a user chooses it.

use std::path::{Path, PathBuf};

use cooee_core::call::CapturePermit;

use crate::device::{DeviceError, DeviceSink, DeviceSource, LatencyProfile};
use crate::frame::{Frame, Sink, Source};
use crate::processing::Processing;
use crate::wav::{WavError, WavSink, WavSource};

/// Where a call's own voice comes from.
#[non_exhaustive]
pub enum Input {
    /// The system's default microphone.
    Default,
    /// The microphone of this name or id.
    Device(String),
    /// A WAV file, played at the pace of time and followed by silence.
    Wav(PathBuf),
    /// Anything else: a bot, a stream of samples, a test.
    Custom(Box<dyn Source>),
}

/// Where the others' voices go.
#[non_exhaustive]
pub enum Output {
    /// The system's default loudspeaker.
    Default,
    /// The loudspeaker of this name or id.
    Device(String),
    /// A WAV file, holding what a loudspeaker would have played.
    Wav(PathBuf),
    /// Anything else.
    Custom(Box<dyn Sink>),
    /// Nowhere.
    Null,
}

/// Why an input or output could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A file.
    #[error(transparent)]
    Wav(#[from] WavError),
}

impl From<&str> for Input {
    /// Understands a word from a command line: an existing file, or a name that ends in `.wav`,
    /// is a WAV file; nothing, or `default`, is the default device; all else is a device.
    fn from(word: &str) -> Self {
        match word {
            "" | "default" => Self::Default,
            word if is_file(word) => Self::Wav(word.into()),
            word => Self::Device(word.to_owned()),
        }
    }
}

impl From<&str> for Output {
    /// As for an [`Input`]; besides, `none` is nowhere.
    fn from(word: &str) -> Self {
        match word {
            "" | "default" => Self::Default,
            "none" => Self::Null,
            word if is_file(word) => Self::Wav(word.into()),
            word => Self::Device(word.to_owned()),
        }
    }
}

impl Input {
    /// What suits this input: everything for a microphone, nothing for a file or a program,
    /// whose sound is meant to arrive as it is.
    #[must_use]
    pub fn processing(&self) -> Processing {
        match self {
            Self::Default | Self::Device(_) => Processing::all(),
            Self::Wav(_) | Self::Custom(_) => Processing::off(),
        }
    }
}

fn is_file(word: &str) -> bool {
    let path = Path::new(word);
    let wav = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("wav"));
    wav || path.is_file()
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("Default"),
            Self::Device(name) => f.debug_tuple("Device").field(name).finish(),
            Self::Wav(path) => f.debug_tuple("Wav").field(path).finish(),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("Default"),
            Self::Device(name) => f.debug_tuple("Device").field(name).finish(),
            Self::Wav(path) => f.debug_tuple("Wav").field(path).finish(),
            Self::Custom(_) => f.write_str("Custom"),
            Self::Null => f.write_str("Null"),
        }
    }
}

/// Opens what a call listens to. A microphone captures from here on, which is why a permit is
/// asked for whatever the choice.
///
/// # Errors
///
/// [`OpenError`]. A [`Input::Custom`] never fails.
pub fn open_source(
    permit: &CapturePermit,
    choice: Input,
    latency: LatencyProfile,
) -> Result<Box<dyn Source>, OpenError> {
    Ok(match choice {
        Input::Default => Box::new(DeviceSource::open(permit, None, latency)?),
        Input::Device(name) => Box::new(DeviceSource::open(permit, Some(&name), latency)?),
        Input::Wav(path) => Box::new(WavSource::open(path)?),
        Input::Custom(source) => source,
    })
}

/// Opens what a call plays on.
///
/// # Errors
///
/// [`OpenError`]. [`Output::Custom`] and [`Output::Null`] never fail.
pub fn open_sink(choice: Output, latency: LatencyProfile) -> Result<Box<dyn Sink>, OpenError> {
    Ok(match choice {
        Output::Default => Box::new(DeviceSink::open(None, latency)?),
        Output::Device(name) => Box::new(DeviceSink::open(Some(&name), latency)?),
        Output::Wav(path) => Box::new(WavSink::create(path)?),
        Output::Custom(sink) => sink,
        Output::Null => Box::new(Nowhere),
    })
}

/// Hears nothing.
pub(crate) struct Nowhere;

impl Sink for Nowhere {
    fn write(&mut self, _frame: &Frame) {}
}
