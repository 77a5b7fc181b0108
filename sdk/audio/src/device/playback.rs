//! A loudspeaker as a sink.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{Device, FromSample, SampleFormat, SizedSample, Stream};

use super::callback::{Playback, Shared};
use super::shape::Shape;
use super::{DeviceError, Direction, RING_MS, Watchdog, find, lasting, name};
use crate::frame::{FRAME, Frame, Health, SAMPLE_RATE, Sink, SinkError};
use crate::resample::{Fixed, Resampler};
use crate::splice::{Correction, Reserve, fit};

/// Unplayed sound, beyond the reserve, after which a frame is dropped rather than delayed.
const STALE_MS: u32 = 100;

/// What one write brings.
const FRAME_MS: u32 = 20;

/// The most samples that a correction adds to a frame, with room to spare.
const SLACK: usize = 256;

/// A loudspeaker.
pub struct DeviceSink {
    /// `None` once the device is lost or the sink finished.
    stream: Option<Stream>,
    feed: Feed,
}

impl DeviceSink {
    /// Opens the device of this name or id, or the default one, and starts playing.
    ///
    /// # Errors
    ///
    /// [`DeviceError`], each variant.
    pub fn open(wanted: Option<&str>) -> Result<Self, DeviceError> {
        let device = find(wanted, Direction::Output)?;
        let failed = |source| DeviceError::Open {
            name: name(&device),
            direction: Direction::Output,
            source,
        };
        let offered = device.supported_output_configs().map_err(failed)?;
        let shape = Shape::nearest(offered, device.default_output_config().ok());
        let (shape, resampler) = shape
            .and_then(|shape| {
                let rate = shape.config.sample_rate;
                let resampler = Resampler::new(SAMPLE_RATE, rate, Fixed::Input(FRAME)).ok()?;
                Some((shape, resampler))
            })
            .ok_or_else(|| DeviceError::Format {
                name: name(&device),
                direction: Direction::Output,
            })?;
        let (stream, ring, shared) = build(&device, shape)
            .or_else(|_| build(&device, shape.with_default_buffer()))
            .map_err(failed)?;
        stream.play().map_err(failed)?;
        tracing::debug!(device = %name(&device), ?shape, "playing");
        Ok(Self {
            stream: Some(stream),
            feed: Feed::new(ring, shared, shape, resampler),
        })
    }
}

impl Sink for DeviceSink {
    fn write(&mut self, frame: &Frame) {
        if self.stream.is_none() {
            return;
        }
        self.feed.write(frame);
        if self.feed.lost() && self.stream.take().is_some() {
            tracing::warn!("the loudspeaker is lost");
        }
    }

    fn latency(&self) -> Duration {
        self.feed.latency()
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.stream = None;
        Ok(())
    }

    fn health(&self) -> Health {
        self.feed.health()
    }
}

impl std::fmt::Debug for DeviceSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceSink")
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

type Built = (Stream, rtrb::Producer<f32>, Arc<Shared>);

fn build(device: &Device, shape: Shape) -> Result<Built, cpal::Error> {
    match shape.format {
        SampleFormat::I8 => build_as::<i8>(device, shape),
        SampleFormat::I16 => build_as::<i16>(device, shape),
        SampleFormat::I32 => build_as::<i32>(device, shape),
        SampleFormat::U8 => build_as::<u8>(device, shape),
        SampleFormat::U16 => build_as::<u16>(device, shape),
        SampleFormat::F64 => build_as::<f64>(device, shape),
        _ => build_as::<f32>(device, shape),
    }
}

fn build_as<T>(device: &Device, shape: Shape) -> Result<Built, cpal::Error>
where
    T: SizedSample + FromSample<f32>,
{
    let room = shape.frames(RING_MS) * shape.channels();
    let (producer, ring) = rtrb::RingBuffer::new(room);
    let shared = Arc::new(Shared::default());
    let errors = Arc::clone(&shared);
    let mut callback = Playback {
        ring,
        channels: shape.channels(),
        shared: Arc::clone(&shared),
        held: 0.0,
        started: false,
    };
    let stream = device.build_output_stream(
        shape.config,
        move |buffer: &mut [T], _| callback.run(buffer),
        move |error| errors.failed(error.kind()),
        None,
    )?;
    Ok((stream, producer, shared))
}

/// The voice thread's end of a loudspeaker's ring.
struct Feed {
    ring: rtrb::Producer<f32>,
    shared: Arc<Shared>,
    channels: usize,
    rate: u32,
    resampler: Resampler,
    reserve: Reserve,
    watchdog: Watchdog,
    /// Frames that may lie in the ring beyond what is wanted.
    stale: usize,
    /// How many of the device's frames one of ours is.
    frame: usize,
    /// Something has been put into the ring.
    flowing: bool,
    /// The callbacks and gaps there had been by the last write.
    calls: u64,
    misses: u64,
    resampled: Vec<f32>,
    fitted: Vec<f32>,
    overruns: u64,
    corrections: u64,
}

impl Feed {
    fn new(
        ring: rtrb::Producer<f32>,
        shared: Arc<Shared>,
        shape: Shape,
        resampler: Resampler,
    ) -> Self {
        let most = resampler.gives_at_most();
        Self {
            ring,
            shared,
            channels: shape.channels(),
            rate: shape.config.sample_rate,
            reserve: Reserve::new(),
            watchdog: Watchdog::default(),
            stale: shape.frames(STALE_MS),
            frame: shape.frames(FRAME_MS),
            flowing: false,
            calls: 0,
            misses: 0,
            resampled: vec![0.0; most],
            fitted: vec![0.0; most + SLACK],
            resampler,
            overruns: 0,
            corrections: 0,
        }
    }

    fn lost(&self) -> bool {
        self.shared.lost.load(Ordering::Relaxed)
    }

    fn health(&self) -> Health {
        Health {
            underruns: self.shared.misses.load(Ordering::Relaxed)
                + self.shared.xruns.load(Ordering::Relaxed),
            overruns: self.overruns,
            corrections: self.corrections,
            lost: self.lost(),
            ended: false,
        }
    }

    /// What waits in the ring, and what the device holds at a time.
    fn latency(&self) -> Duration {
        let capacity = self.ring.buffer().capacity();
        let waiting = capacity.saturating_sub(self.ring.slots()) / self.channels;
        let held = self.shared.largest.load(Ordering::Relaxed);
        lasting(waiting + held, self.rate)
    }

    fn write(&mut self, frame: &Frame) {
        let calls = self.shared.calls.load(Ordering::Relaxed);
        let errors = self.shared.errors.load(Ordering::Relaxed);
        if self.watchdog.barks(calls, errors) {
            self.shared.lost.store(true, Ordering::Relaxed);
            return;
        }
        let correction = self.prepare(calls);
        let Some(correction) = correction else {
            self.overruns += 1;
            return;
        };
        let given = self.resampler.process(frame, &mut self.resampled);
        let resampled = self.resampled.get(..given).unwrap_or_default();
        let length = match correction {
            Correction::None => given,
            Correction::Shorten(samples) => given - samples.min(given / 4),
            Correction::Lengthen(samples) => given + samples.min(SLACK).min(given / 4),
        };
        if length != given {
            self.corrections += 1;
        }
        let fitted = self.fitted.get_mut(..length).unwrap_or_default();
        fit(resampled, fitted);
        let channels = self.channels;
        let samples = length * channels;
        match self.ring.write_chunk_uninit(samples) {
            Ok(chunk) => {
                let spread = fitted
                    .iter()
                    .flat_map(|sample| std::iter::repeat_n(*sample, channels));
                chunk.fill_from_iter(spread);
            }
            Err(_) => self.overruns += 1,
        }
    }

    /// Looks at the ring before a frame goes in: what to do with the frame, `None` to drop it.
    fn prepare(&mut self, calls: u64) -> Option<Correction> {
        let capacity = self.ring.buffer().capacity();
        let fill = capacity.saturating_sub(self.ring.slots()) / self.channels;
        let misses = self.shared.misses.load(Ordering::Relaxed);
        let largest = self.shared.largest.load(Ordering::Relaxed);
        let wanted = self.reserve.target() + largest;
        let idle = std::mem::replace(&mut self.calls, calls) == calls;
        if !self.flowing || misses > self.misses {
            // At the beginning and after a gap, silence first, so that the next late frame
            // does not make another gap.
            self.flowing = true;
            self.misses = misses;
            self.reserve.observe(fill, misses);
            self.push_silence(wanted.saturating_sub(fill));
            return Some(Correction::None);
        }
        // A device that plays nothing yet, or nothing any more, must not find old sound when it
        // comes to its senses.
        if fill > wanted + self.stale || (idle && fill > wanted + self.frame) {
            self.reserve.reset();
            return None;
        }
        Some(self.reserve.observe(fill, misses))
    }

    fn push_silence(&mut self, frames: usize) {
        let samples = (frames * self.channels).min(self.ring.slots());
        if let Ok(chunk) = self.ring.write_chunk_uninit(samples) {
            chunk.fill_from_iter(std::iter::repeat_n(0.0, samples));
        }
    }
}
