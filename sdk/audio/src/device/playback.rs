//! A loudspeaker as a sink.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{Device, FromSample, SampleFormat, SizedSample, Stream};

use super::callback::{Playback, Shared, Stalls};
use super::shape::Shape;
use super::{DeviceError, Direction, LatencyProfile, RING_MS, Watchdog, find, lasting, name};
use crate::drift::{Follower, Taken};
use crate::frame::{FRAME, Frame, Health, SAMPLE_RATE, Sink, SinkError};
use crate::resample::{Fixed, Resampler};
use crate::splice::fit;

/// Unplayed sound, beyond the reserve, after which a frame is dropped rather than delayed.
const STALE_MS: u32 = 100;

/// Callbacks after which a device that has begun is playing.
const BEGINNING: u64 = 3;

/// Callbacks of which the voice thread may learn at once.
const REPORTS: usize = 64;

/// A loudspeaker.
pub struct DeviceSink {
    /// `None` once the device is lost or the sink finished.
    stream: Option<Stream>,
    feed: Feed,
    name: String,
}

impl DeviceSink {
    /// Opens the device of this name or id, or the default one, and starts playing.
    ///
    /// # Errors
    ///
    /// [`DeviceError`], each variant.
    pub fn open(wanted: Option<&str>, latency: LatencyProfile) -> Result<Self, DeviceError> {
        Self::open_with(wanted, latency, latency.millis(Direction::Output))
    }

    /// The same with so many milliseconds between two callbacks.
    pub(crate) fn open_with(
        wanted: Option<&str>,
        latency: LatencyProfile,
        millis: u32,
    ) -> Result<Self, DeviceError> {
        let device = find(wanted, Direction::Output)?;
        let failed = |source| DeviceError::Open {
            name: name(&device),
            direction: Direction::Output,
            source,
        };
        let offered = device.supported_output_configs().map_err(failed)?;
        let shape = Shape::nearest(offered, device.default_output_config().ok(), millis);
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
        let (stream, rings, shared) = build(&device, shape)
            .or_else(|_| build(&device, shape.with_default_buffer()))
            .map_err(failed)?;
        stream.play().map_err(failed)?;
        tracing::debug!(device = %name(&device), ?shape, "playing");
        Ok(Self {
            stream: Some(stream),
            feed: Feed::new(rings, shared, shape, resampler, latency),
            name: name(&device),
        })
    }

    /// What people call the device.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells whether the device has begun to play.
    pub(super) fn running(&self) -> Box<dyn Fn() -> bool + Send> {
        let shared = Arc::clone(&self.feed.shared);
        // The first callbacks only fill the device's buffer.
        Box::new(move || shared.calls.load(Ordering::Relaxed) > BEGINNING)
    }
}

impl Sink for DeviceSink {
    fn write(&mut self, frame: &Frame) {
        if self.stream.is_none() {
            return;
        }
        self.feed.write(Instant::now(), frame);
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

/// Where sound goes, and where the callbacks are told of.
pub(crate) type Rings = (rtrb::Producer<f32>, rtrb::Consumer<Taken>);

type Built = (Stream, Rings, Arc<Shared>);

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
    let (reports, news) = rtrb::RingBuffer::new(REPORTS);
    let shared = Arc::new(Shared::default());
    let errors = Arc::clone(&shared);
    let mut callback = Playback {
        ring,
        channels: shape.channels(),
        shared: Arc::clone(&shared),
        reports,
        total: 0,
        held: 0.0,
        started: false,
        stalls: Stalls::new(shape.config.sample_rate),
    };
    let stream = device.build_output_stream(
        shape.config,
        move |buffer: &mut [T], _| callback.run(Instant::now(), buffer),
        move |error| errors.failed(error.kind()),
        None,
    )?;
    Ok((stream, (producer, news), shared))
}

/// The voice thread's end of a loudspeaker's ring.
pub(crate) struct Feed {
    ring: rtrb::Producer<f32>,
    reports: rtrb::Consumer<Taken>,
    shared: Arc<Shared>,
    channels: usize,
    rate: u32,
    resampler: Resampler,
    follower: Follower,
    watchdog: Watchdog,
    /// Frames that may lie in the ring beyond what is wanted.
    stale: usize,
    /// How many of the device's frames one of ours is.
    frame: usize,
    /// Something has been put into the ring.
    flowing: bool,
    /// The gaps there had been by the last write.
    misses: u64,
    resampled: Vec<f32>,
    fitted: Vec<f32>,
    overruns: u64,
    corrections: u64,
}

impl Feed {
    pub(crate) fn new(
        (ring, reports): Rings,
        shared: Arc<Shared>,
        shape: Shape,
        resampler: Resampler,
        latency: LatencyProfile,
    ) -> Self {
        let most = resampler.gives_at_most();
        let rate = shape.config.sample_rate;
        Self {
            ring,
            reports,
            shared,
            channels: shape.channels(),
            rate,
            follower: Follower::new(rate, latency.allowance()),
            watchdog: Watchdog::default(),
            stale: shape.frames(STALE_MS),
            frame: FRAME * rate as usize / SAMPLE_RATE as usize,
            flowing: false,
            misses: 0,
            resampled: vec![0.0; most],
            fitted: vec![0.0; most],
            resampler,
            overruns: 0,
            corrections: 0,
        }
    }

    fn lost(&self) -> bool {
        self.shared.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn health(&self) -> Health {
        Health {
            underruns: self.shared.misses.load(Ordering::Relaxed)
                + self.shared.xruns.load(Ordering::Relaxed),
            overruns: self.overruns,
            corrections: self.corrections,
            stalls: self.shared.stalls.load(Ordering::Relaxed)
                + self.shared.xruns.load(Ordering::Relaxed),
            lost: self.lost(),
            ended: false,
        }
    }

    /// What waits in the ring, and what the device holds at a time.
    fn latency(&self) -> Duration {
        lasting(
            self.fill() + self.shared.largest.load(Ordering::Relaxed),
            self.rate,
        )
    }

    /// Frames in the ring.
    pub(crate) fn fill(&self) -> usize {
        let capacity = self.ring.buffer().capacity();
        capacity.saturating_sub(self.ring.slots()) / self.channels
    }

    pub(crate) fn write(&mut self, now: Instant, frame: &Frame) {
        let calls = self.shared.calls.load(Ordering::Relaxed);
        let errors = self.shared.errors.load(Ordering::Relaxed);
        if self.watchdog.barks(calls, errors) {
            self.shared.lost.store(true, Ordering::Relaxed);
            return;
        }
        if !self.prepare(now) {
            self.overruns += 1;
            return;
        }
        let advice = self.follower.advise(now);
        self.resampler.steer(advice.stretch);
        let given = self.resampler.process(frame, &mut self.resampled);
        let resampled = self.resampled.get(..given).unwrap_or_default();
        let cut = advice.cut.min(given / 4);
        let fitted = self.fitted.get_mut(..given - cut).unwrap_or_default();
        fit(resampled, fitted);
        if cut > 0 {
            self.corrections += 1;
        }
        let channels = self.channels;
        match self.ring.write_chunk_uninit(fitted.len() * channels) {
            Ok(chunk) => {
                let spread = fitted
                    .iter()
                    .flat_map(|sample| std::iter::repeat_n(*sample, channels));
                chunk.fill_from_iter(spread);
                self.follower.wrote(now, given - cut);
                if cut > 0 {
                    self.follower.was_cut(cut);
                }
            }
            Err(_) => self.overruns += 1,
        }
    }

    /// Looks at the ring before a frame goes in; `false` to drop the frame.
    fn prepare(&mut self, now: Instant) -> bool {
        let mut idle = true;
        while let Ok(taken) = self.reports.pop() {
            idle = false;
            self.follower.taken(taken);
        }
        let fill = self.fill();
        let misses = self.shared.misses.load(Ordering::Relaxed);
        let largest = self.shared.largest.load(Ordering::Relaxed);
        let wanted = self.follower.reserve() + largest;
        if !std::mem::replace(&mut self.flowing, true) {
            self.push_silence(now, wanted.saturating_sub(fill));
            return true;
        }
        if misses > self.misses {
            // Silence is there already, so a little more of it, for the next late frame not to
            // make another gap.
            self.misses = misses;
            let reserve = self.follower.reserve();
            self.push_silence(now, reserve.saturating_sub(fill));
            return true;
        }
        // A device that plays nothing yet, or nothing any more, must not find old sound when it
        // comes to its senses.
        if fill > wanted + self.frame + self.stale || (idle && fill > wanted + self.frame) {
            self.follower.reset();
            return false;
        }
        true
    }

    fn push_silence(&mut self, now: Instant, frames: usize) {
        let frames = frames.min(self.ring.slots() / self.channels);
        let samples = frames * self.channels;
        if let Ok(chunk) = self.ring.write_chunk_uninit(samples) {
            chunk.fill_from_iter(std::iter::repeat_n(0.0, samples));
            self.follower.wrote(now, frames);
        }
    }
}
