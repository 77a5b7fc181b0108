//! A microphone as a source.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cooee_core::call::CapturePermit;
use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{Device, FromSample, SampleFormat, SizedSample, Stream};

use super::callback::{Capture, Shared};
use super::shape::Shape;
use super::{DeviceError, Direction, RING_MS, Watchdog, find, lasting, name};
use crate::frame::{FRAME, Frame, Health, SAMPLE_RATE, SILENCE, Source};
use crate::resample::{Fixed, Resampler};
use crate::splice::{Correction, Reserve, fit};

/// Sound in the ring beyond what a frame needs after which the oldest is thrown away.
const STALE_MS: u32 = 100;

/// A microphone.
pub struct DeviceSource {
    /// `None` once the device is lost.
    stream: Option<Stream>,
    pickup: Pickup,
}

impl DeviceSource {
    /// Opens the device of this name or id, or the default one, and starts capturing.
    ///
    /// The permit is the proof that the local user has placed or accepted a call.
    ///
    /// # Errors
    ///
    /// [`DeviceError`], each variant.
    pub fn open(_permit: &CapturePermit, wanted: Option<&str>) -> Result<Self, DeviceError> {
        let device = find(wanted, Direction::Input)?;
        let failed = |source| DeviceError::Open {
            name: name(&device),
            direction: Direction::Input,
            source,
        };
        let offered = device.supported_input_configs().map_err(failed)?;
        let shape = Shape::nearest(offered, device.default_input_config().ok());
        let (shape, resampler) = shape
            .and_then(|shape| {
                let rate = shape.config.sample_rate;
                let resampler = Resampler::new(rate, SAMPLE_RATE, Fixed::Output(FRAME)).ok()?;
                Some((shape, resampler))
            })
            .ok_or_else(|| DeviceError::Format {
                name: name(&device),
                direction: Direction::Input,
            })?;
        let (stream, ring, shared) = build(&device, shape)
            .or_else(|_| build(&device, shape.with_default_buffer()))
            .map_err(failed)?;
        stream.play().map_err(failed)?;
        tracing::debug!(device = %name(&device), ?shape, "capturing");
        Ok(Self {
            stream: Some(stream),
            pickup: Pickup::new(ring, shared, shape, resampler),
        })
    }
}

impl Source for DeviceSource {
    fn read(&mut self, frame: &mut Frame) {
        self.pickup.read(frame);
        if self.pickup.lost() && self.stream.take().is_some() {
            tracing::warn!("the microphone is lost");
        }
    }

    fn latency(&self) -> Duration {
        self.pickup.latency()
    }

    fn health(&self) -> Health {
        self.pickup.health()
    }
}

impl std::fmt::Debug for DeviceSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceSource")
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

type Built = (Stream, rtrb::Consumer<f32>, Arc<Shared>);

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
    T: SizedSample,
    f32: FromSample<T>,
{
    let room = shape.frames(RING_MS) * shape.channels();
    let (ring, consumer) = rtrb::RingBuffer::new(room);
    let shared = Arc::new(Shared::default());
    let errors = Arc::clone(&shared);
    let mut callback = Capture {
        ring,
        channels: shape.channels(),
        shared: Arc::clone(&shared),
    };
    let stream = device.build_input_stream(
        shape.config,
        move |captured: &[T], _| callback.run(captured),
        move |error| errors.failed(error.kind()),
        None,
    )?;
    Ok((stream, consumer, shared))
}

/// The voice thread's end of a microphone's ring.
struct Pickup {
    ring: rtrb::Consumer<f32>,
    shared: Arc<Shared>,
    channels: usize,
    rate: u32,
    resampler: Resampler,
    reserve: Reserve,
    watchdog: Watchdog,
    /// Frames that may lie in the ring beyond what is needed.
    stale: usize,
    /// Enough has come for sound to flow without a gap.
    flowing: bool,
    mono: Vec<f32>,
    fitted: Vec<f32>,
    underruns: u64,
    corrections: u64,
}

impl Pickup {
    fn new(
        ring: rtrb::Consumer<f32>,
        shared: Arc<Shared>,
        shape: Shape,
        resampler: Resampler,
    ) -> Self {
        let most = resampler.needs_at_most();
        Self {
            ring,
            shared,
            channels: shape.channels(),
            rate: shape.config.sample_rate,
            reserve: Reserve::new(),
            watchdog: Watchdog::default(),
            stale: shape.frames(STALE_MS),
            flowing: false,
            mono: Vec::with_capacity(2 * most),
            fitted: vec![0.0; most],
            resampler,
            underruns: 0,
            corrections: 0,
        }
    }

    fn lost(&self) -> bool {
        self.shared.lost.load(Ordering::Relaxed)
    }

    fn health(&self) -> Health {
        Health {
            underruns: self.underruns,
            overruns: self.shared.misses.load(Ordering::Relaxed)
                + self.shared.xruns.load(Ordering::Relaxed),
            corrections: self.corrections,
            lost: self.lost(),
            ended: false,
        }
    }

    /// What waits in the ring, and what the device collects before it hands it over.
    fn latency(&self) -> Duration {
        let waiting = self.ring.slots() / self.channels;
        let collected = self.shared.largest.load(Ordering::Relaxed);
        lasting(waiting + collected, self.rate)
    }

    fn read(&mut self, frame: &mut Frame) {
        let calls = self.shared.calls.load(Ordering::Relaxed);
        let errors = self.shared.errors.load(Ordering::Relaxed);
        if self.watchdog.barks(calls, errors) {
            self.shared.lost.store(true, Ordering::Relaxed);
        }
        let needs = self.resampler.needs();
        let take = self.frames_to_take(needs);
        if take == 0 {
            *frame = SILENCE;
            return;
        }
        self.mix_down(take);
        if take != needs {
            self.corrections += 1;
        }
        let fitted = self.fitted.get_mut(..needs).unwrap_or_default();
        fit(&self.mono, fitted);
        let written = self.resampler.process(fitted, frame);
        for sample in frame.iter_mut().skip(written) {
            *sample = 0.0;
        }
    }

    /// How many frames of the ring become the next frame of ours; none while it fills up.
    fn frames_to_take(&mut self, needs: usize) -> usize {
        let there = self.ring.slots() / self.channels;
        let target = self.reserve.target();
        if !self.flowing {
            if there < needs + target {
                return 0;
            }
            self.flowing = true;
        }
        let there = if there > needs + target + self.stale {
            self.discard(there - needs - target);
            self.reserve.reset();
            self.corrections += 1;
            needs + target
        } else {
            there
        };
        if there < needs {
            self.underruns += 1;
            self.reserve.observe(0, self.underruns);
            if there >= needs - needs / 4 {
                return there;
            }
            self.flowing = false;
            return 0;
        }
        match self.reserve.observe(there - needs, self.underruns) {
            Correction::None => needs,
            Correction::Shorten(samples) => needs + samples.min(there - needs),
            Correction::Lengthen(samples) => needs - samples.min(needs / 4),
        }
    }

    fn discard(&mut self, frames: usize) {
        if let Ok(chunk) = self.ring.read_chunk(frames * self.channels) {
            chunk.commit_all();
        }
    }

    /// Takes frames out of the ring, all channels averaged into one.
    fn mix_down(&mut self, frames: usize) {
        self.mono.clear();
        let Ok(chunk) = self.ring.read_chunk(frames * self.channels) else {
            return;
        };
        let share = 1.0 / self.channels as f32;
        // The ring's size is a multiple of the channels, so no frame lies across its end.
        let (first, second) = chunk.as_slices();
        for part in [first, second] {
            let frames = part.chunks_exact(self.channels);
            self.mono
                .extend(frames.map(|frame| frame.iter().sum::<f32>() * share));
        }
        chunk.commit_all();
    }
}
