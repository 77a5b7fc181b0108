//! A microphone as a source.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::Thread;
use std::time::Duration;

use cooee_core::call::CapturePermit;
use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{Device, FromSample, SampleFormat, SizedSample, Stream};

use super::callback::{Capture, FADE, Shared};
use super::shape::Shape;
use super::{DeviceError, Direction, LatencyProfile, RING_MS, Watchdog, find, lasting, name};
use crate::frame::{Clock, FRAME, Frame, Health, SAMPLE_RATE, Source};
use crate::resample::{Fixed, Resampler};

/// Sound in the ring beyond what a frame needs after which the oldest is thrown away.
const STALE_MS: u32 = 100;

/// Samples over which sound begins after a gap: 5 ms.
const RISE: usize = 240;

/// A microphone.
pub struct DeviceSource {
    /// `None` once the device is lost.
    stream: Option<Stream>,
    pickup: Pickup,
    name: String,
}

impl DeviceSource {
    /// Opens the device of this name or id, or the default one, and starts capturing.
    ///
    /// The permit is the proof that the local user has placed or accepted a call.
    ///
    /// # Errors
    ///
    /// [`DeviceError`], each variant.
    pub fn open(
        permit: &CapturePermit,
        wanted: Option<&str>,
        latency: LatencyProfile,
    ) -> Result<Self, DeviceError> {
        Self::open_with(permit, wanted, latency.millis(Direction::Input))
    }

    /// The same with so many milliseconds between two callbacks.
    pub(crate) fn open_with(
        _permit: &CapturePermit,
        wanted: Option<&str>,
        millis: u32,
    ) -> Result<Self, DeviceError> {
        Self::start(wanted, millis)
    }

    /// Records for a test of the user's own devices, outside of any call.
    pub(super) fn start(wanted: Option<&str>, millis: u32) -> Result<Self, DeviceError> {
        let device = find(wanted, Direction::Input)?;
        let failed = |source| DeviceError::Open {
            name: name(&device),
            direction: Direction::Input,
            source,
        };
        let offered = device.supported_input_configs().map_err(failed)?;
        let shape = Shape::nearest(offered, device.default_input_config().ok(), millis);
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
            name: name(&device),
        })
    }

    /// What people call the device.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells whether the device has begun to capture.
    pub(super) fn running(&self) -> Box<dyn Fn() -> bool + Send> {
        let shared = Arc::clone(&self.pickup.shared);
        Box::new(move || shared.calls.load(Ordering::Relaxed) > 0)
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

    fn clock(&self) -> Clock {
        self.pickup.clock()
    }

    fn wake(&mut self, thread: &Thread) {
        // The first thread is the only one that a source ever belongs to.
        let _ = self.pickup.shared.listener.set(thread.clone());
    }

    fn skip(&mut self, frames: u64) {
        self.pickup.skip(frames);
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

/// The voice thread's end of a microphone's ring. It holds nothing back: a frame goes on as soon
/// as it is whole.
pub(crate) struct Pickup {
    ring: rtrb::Consumer<f32>,
    shared: Arc<Shared>,
    channels: usize,
    rate: u32,
    resampler: Resampler,
    watchdog: Watchdog,
    /// Frames that may lie in the ring beyond what is needed.
    stale: usize,
    /// The last read found too little, so whatever comes late is not wanted any more.
    starved: bool,
    mono: Vec<f32>,
    /// The last sample given, fading while there is nothing after it.
    held: f32,
    underruns: u64,
    corrections: u64,
}

impl Pickup {
    pub(crate) fn new(
        ring: rtrb::Consumer<f32>,
        shared: Arc<Shared>,
        shape: Shape,
        resampler: Resampler,
    ) -> Self {
        Self {
            ring,
            shared,
            channels: shape.channels(),
            rate: shape.config.sample_rate,
            watchdog: Watchdog::default(),
            stale: shape.frames(STALE_MS),
            starved: true,
            mono: Vec::with_capacity(resampler.needs_at_most()),
            resampler,
            held: 0.0,
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
            stalls: self.shared.xruns.load(Ordering::Relaxed),
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

    pub(crate) fn clock(&self) -> Clock {
        // A device that has not begun yet, or is lost, has no clock.
        if self.lost() || self.shared.calls.load(Ordering::Relaxed) == 0 {
            return Clock::Time;
        }
        let needs = self.resampler.needs().max(1);
        Clock::Own((self.there() / needs) as u64)
    }

    pub(crate) fn skip(&mut self, frames: u64) {
        let needs = self.resampler.needs();
        let passed = usize::try_from(frames).map_or(usize::MAX, |frames| frames * needs);
        self.discard(passed.min(self.there().saturating_sub(needs)));
    }

    pub(crate) fn read(&mut self, frame: &mut Frame) {
        let calls = self.shared.calls.load(Ordering::Relaxed);
        let errors = self.shared.errors.load(Ordering::Relaxed);
        if self.watchdog.barks(calls, errors) {
            self.shared.lost.store(true, Ordering::Relaxed);
        }
        let needs = self.resampler.needs();
        let there = self.there();
        if there < needs {
            if !std::mem::replace(&mut self.starved, true) {
                self.underruns += 1;
            }
            for sample in frame.iter_mut() {
                self.held *= FADE;
                *sample = self.held;
            }
            return;
        }
        let begins = std::mem::replace(&mut self.starved, false);
        let largest = self.shared.largest.load(Ordering::Relaxed);
        let keep = needs.max(largest);
        if begins && there > keep {
            self.discard(there - keep);
        } else if there > keep + self.stale {
            self.discard(there - keep);
            self.corrections += 1;
        }
        self.mix_down(needs);
        let written = self.resampler.process(&self.mono, frame);
        for sample in frame.iter_mut().skip(written) {
            *sample = 0.0;
        }
        if begins {
            let steps = frame.iter_mut().take(RISE).enumerate();
            for (step, sample) in steps {
                *sample *= step as f32 / RISE as f32;
            }
        }
        self.held = frame.last().copied().unwrap_or(0.0);
    }

    fn there(&self) -> usize {
        self.ring.slots() / self.channels
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
