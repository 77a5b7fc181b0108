//! WAV files as a source and a sink.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavIntoSamples, WavReader, WavSpec, WavWriter};

use crate::frame::{FRAME, Frame, Health, SAMPLE_RATE, SILENCE, Sink, SinkError, Source};
use crate::resample::{Fixed, Resampler};

/// Frames between two writes of a sink's header: half a second.
const FLUSH_FRAMES: u32 = 50;

/// The most silence written for time in which the voice thread did not run: a minute.
const SKIP_FRAMES: u64 = 6_000;

/// More channels than this are no recording of speech.
const CHANNELS: u16 = 32;

/// Why a WAV file cannot be a source or a sink.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// The file cannot be opened, or is no WAV file.
    #[error("{path} cannot be read as a WAV file")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system or the format said.
        #[source]
        source: hound::Error,
    },
    /// A WAV file of a kind that cannot be played.
    #[error("{path} has {rate} Hz and {channels} channels, which cannot be played")]
    Unplayable {
        /// The file.
        path: PathBuf,
        /// Its sample rate in Hz.
        rate: u32,
        /// Its channels.
        channels: u16,
    },
    /// The file cannot be created.
    #[error("{path} cannot be written")]
    Create {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: hound::Error,
    },
    /// The file exists and holds something else than a WAV file.
    #[error("{path} exists and is no WAV file; it is not overwritten")]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
}

/// The samples of a file, one channel at full scale ±1, as they come off the disk.
enum Samples {
    Int {
        samples: WavIntoSamples<BufReader<File>, i32>,
        scale: f32,
    },
    Float(WavIntoSamples<BufReader<File>, f32>),
}

impl Samples {
    fn next(&mut self) -> Option<Result<f32, hound::Error>> {
        match self {
            Self::Int { samples, scale } => samples
                .next()
                .map(|sample| sample.map(|value| value as f32 * *scale)),
            Self::Float(samples) => samples.next(),
        }
    }
}

/// Plays a WAV file at the pace of time, then silence.
///
/// Any sample rate between 4 and 384 kHz, any number of channels (mixed down), 8 to 32 bits of
/// integers or floats. It reads as it goes, so a file may be longer than memory.
pub struct WavSource {
    path: PathBuf,
    samples: Samples,
    channels: u16,
    resampler: Resampler,
    input: Vec<f32>,
    /// Input samples of silence still to go in after the end, for the resampler's tail.
    tail: usize,
    exhausted: bool,
    ended: bool,
}

impl WavSource {
    /// Opens a WAV file.
    ///
    /// # Errors
    ///
    /// [`WavError::Read`] and [`WavError::Unplayable`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, WavError> {
        let path = path.into();
        let reader = match WavReader::open(&path) {
            Ok(reader) => reader,
            Err(source) => return Err(WavError::Read { path, source }),
        };
        let spec = reader.spec();
        let resampler = Resampler::new(spec.sample_rate, SAMPLE_RATE, Fixed::Output(FRAME));
        let (Ok(resampler), 1..=CHANNELS, 1..=32) =
            (resampler, spec.channels, spec.bits_per_sample)
        else {
            return Err(WavError::Unplayable {
                path,
                rate: spec.sample_rate,
                channels: spec.channels,
            });
        };
        let samples = match spec.sample_format {
            SampleFormat::Int => Samples::Int {
                samples: reader.into_samples(),
                scale: 0.5_f32.powi(i32::from(spec.bits_per_sample) - 1),
            },
            SampleFormat::Float => Samples::Float(reader.into_samples()),
        };
        let ratio = f64::from(spec.sample_rate) / f64::from(SAMPLE_RATE);
        Ok(Self {
            path,
            samples,
            channels: spec.channels,
            tail: (resampler.delay() as f64 * ratio).ceil() as usize,
            input: vec![0.0; resampler.needs_at_most()],
            resampler,
            exhausted: false,
            ended: false,
        })
    }

    /// The next sample of all channels, averaged.
    fn mono(&mut self) -> Option<f32> {
        let mut sum = 0.0;
        for _ in 0..self.channels {
            match self.samples.next()? {
                // A float file may hold anything, and one NaN would stay in every filter.
                Ok(sample) if sample.is_finite() => sum += sample.clamp(-1.0, 1.0),
                Ok(_) => {}
                Err(error) => {
                    let path = self.path.display();
                    tracing::warn!(%path, %error, "the WAV file ends early");
                    return None;
                }
            }
        }
        Some(sum / f32::from(self.channels))
    }

    fn next_input(&mut self) -> f32 {
        if !self.exhausted {
            if let Some(sample) = self.mono() {
                return sample;
            }
            self.exhausted = true;
        }
        self.tail = self.tail.saturating_sub(1);
        0.0
    }
}

impl Source for WavSource {
    fn read(&mut self, frame: &mut Frame) {
        if self.ended {
            *frame = SILENCE;
            return;
        }
        let mut input = std::mem::take(&mut self.input);
        let needs = self.resampler.needs().min(input.len());
        for slot in input.iter_mut().take(needs) {
            *slot = self.next_input();
        }
        let written = self
            .resampler
            .process(input.get(..needs).unwrap_or(&[]), frame);
        for sample in frame.iter_mut().skip(written) {
            *sample = 0.0;
        }
        self.input = input;
        self.ended = self.exhausted && self.tail == 0;
    }

    fn health(&self) -> Health {
        Health {
            ended: self.ended,
            ..Health::default()
        }
    }
}

impl std::fmt::Debug for WavSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavSource")
            .field("path", &self.path)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Writes what it is given to a WAV file: 48 kHz, one channel, 16 bits.
///
/// The header is brought up to date twice a second, so that the file can be played even if the
/// process is killed.
pub struct WavSink {
    path: PathBuf,
    /// `None` once finished or after an error.
    writer: Option<WavWriter<BufWriter<File>>>,
    unflushed: u32,
    failure: Option<hound::Error>,
    skipped: u64,
}

impl WavSink {
    /// Creates the file, or overwrites an earlier WAV file of that name.
    ///
    /// # Errors
    ///
    /// [`WavError::Create`], or [`WavError::NotOurs`] where the name is that of a file which
    /// holds something else.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, WavError> {
        let path = path.into();
        if holds_something_else(&path) {
            return Err(WavError::NotOurs { path });
        }
        let spec = WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        match WavWriter::create(&path, spec) {
            Ok(writer) => Ok(Self {
                path,
                writer: Some(writer),
                unflushed: 0,
                failure: None,
                skipped: 0,
            }),
            Err(source) => Err(WavError::Create { path, source }),
        }
    }

    fn append(&mut self, frame: &Frame) -> Result<(), hound::Error> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        for sample in frame {
            writer.write_sample(to_i16(*sample))?;
        }
        self.unflushed += 1;
        if self.unflushed >= FLUSH_FRAMES {
            self.unflushed = 0;
            writer.flush()?;
        }
        Ok(())
    }
}

impl Sink for WavSink {
    fn write(&mut self, frame: &Frame) {
        if let Err(error) = self.append(frame) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "the WAV file cannot be written any more");
            self.writer = None;
            self.failure = Some(error);
        }
    }

    fn skip(&mut self, frames: u64) {
        self.skipped = self.skipped.saturating_add(frames);
        for _ in 0..frames.min(SKIP_FRAMES) {
            self.write(&SILENCE);
        }
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        let finished = match (self.failure.take(), self.writer.take()) {
            (Some(error), _) => Err(error),
            (None, Some(writer)) => writer.finalize(),
            (None, None) => Ok(()),
        };
        finished.map_err(|source| SinkError::Wav {
            path: self.path.display().to_string(),
            source,
        })
    }

    fn health(&self) -> Health {
        Health {
            underruns: self.skipped,
            lost: self.failure.is_some(),
            ..Health::default()
        }
    }
}

impl std::fmt::Debug for WavSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavSink")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Whether a regular file of this name exists that has content, but no WAV header.
fn holds_something_else(path: &Path) -> bool {
    let Ok(mut file) = File::open(path) else {
        return false;
    };
    let regular = file.metadata().is_ok_and(|meta| meta.is_file());
    let empty = file
        .seek(std::io::SeekFrom::End(0))
        .is_ok_and(|end| end == 0);
    let mut magic = [0; 4];
    let wav = file.rewind().is_ok() && file.read_exact(&mut magic).is_ok() && magic == *b"RIFF";
    regular && !empty && !wav
}

/// A sample in 16 bits, clipped at full scale.
pub(crate) fn to_i16(sample: f32) -> i16 {
    // The cast saturates, and makes zero of what is not a number.
    (sample * 32_768.0).round() as i16
}

/// A 16-bit sample at full scale ±1.
pub(crate) fn from_i16(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}
