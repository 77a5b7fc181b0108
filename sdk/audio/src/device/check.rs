//! Trying devices out, apart from any call.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{DeviceError, DeviceSink, DeviceSource, LatencyProfile};
use crate::frame::{Clock, FRAME, FRAME_DURATION, SILENCE, Sink, Source};
use crate::mix::peak;

/// The longest recording.
const LONGEST: Duration = Duration::from_secs(10);

/// Between two looks at the level.
const LOOK: usize = 10;

/// How long a device may take to begin.
const START: Duration = Duration::from_secs(3);

/// What the user has said into a microphone to try it out.
///
/// The one thing that captures outside of a call, so it is closed: the sound can be played
/// ([`play`](Self::play)) and nothing else, and is gone when this is dropped.
pub struct Recording {
    samples: Vec<f32>,
    microphone: String,
}

impl Recording {
    /// Records the microphone of this name or id, or the default one, for so long, 10 s at most.
    /// `level` gets the peak of each 100 ms, full scale at 1, and can break the recording off.
    ///
    /// Waits for as long as it takes, so call it where waiting is allowed. Only call it because the
    /// user has just asked for it.
    ///
    /// # Errors
    ///
    /// [`DeviceError`], each variant; [`DeviceError::Dead`] where the microphone opens and gives
    /// nothing.
    pub fn record(
        wanted: Option<&str>,
        lasting: Duration,
        mut level: impl FnMut(f32) -> ControlFlow<()>,
    ) -> Result<Self, DeviceError> {
        let mut source = DeviceSource::start(wanted, 10)?;
        let microphone = source.name().to_owned();
        source.wake(&std::thread::current());
        let frames = frames(lasting.min(LONGEST));
        let mut samples = Vec::with_capacity(frames * FRAME);
        let mut heard = Instant::now();
        let mut loudest = 0.0_f32;
        while samples.len() < frames * FRAME {
            let there = match source.clock() {
                Clock::Own(there) => there,
                Clock::Time => 0,
            };
            if there == 0 {
                if heard.elapsed() > START || source.health().lost {
                    return Err(DeviceError::Dead { name: microphone });
                }
                std::thread::park_timeout(FRAME_DURATION);
                continue;
            }
            heard = Instant::now();
            let mut frame = SILENCE;
            source.read(&mut frame);
            samples.extend_from_slice(&frame);
            loudest = loudest.max(peak(&frame));
            if (samples.len() / FRAME).is_multiple_of(LOOK)
                && level(std::mem::take(&mut loudest)).is_break()
            {
                break;
            }
        }
        Ok(Self {
            samples,
            microphone,
        })
    }

    /// The microphone's name.
    pub fn microphone(&self) -> &str {
        &self.microphone
    }

    /// The loudest sample, full scale at 1: next to zero when the microphone is muted.
    pub fn peak(&self) -> f32 {
        let magnitudes = self.samples.iter().map(|sample| sample.abs());
        magnitudes.fold(0.0, f32::max)
    }

    /// Plays it on the loudspeaker of this name or id, or the default one; gives its name. `level`
    /// gets the peak of each 100 ms, and can break off.
    ///
    /// Waits for as long as it takes.
    ///
    /// # Errors
    ///
    /// [`DeviceError`], each variant; [`DeviceError::Dead`] where the loudspeaker opens and takes
    /// nothing.
    pub fn play(
        &self,
        wanted: Option<&str>,
        mut level: impl FnMut(f32) -> ControlFlow<()>,
    ) -> Result<String, DeviceError> {
        let mut sink = DeviceSink::open(wanted, LatencyProfile::Balanced)?;
        let name = sink.name().to_owned();
        let running = sink.running();
        let begin = Instant::now();
        while !running() {
            if begin.elapsed() > START {
                return Err(DeviceError::Dead { name });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let begin = Instant::now();
        let mut due = FRAME_DURATION;
        let mut loudest = 0.0_f32;
        for (number, frame) in (1..).zip(self.samples.as_chunks::<FRAME>().0) {
            sink.write(frame);
            if sink.health().lost {
                return Err(DeviceError::Dead { name });
            }
            loudest = loudest.max(peak(frame));
            if number % LOOK == 0 && level(std::mem::take(&mut loudest)).is_break() {
                return Ok(name);
            }
            std::thread::sleep(due.saturating_sub(begin.elapsed()));
            due += FRAME_DURATION;
        }
        // What lies in the ring and in the device is still to be heard.
        std::thread::sleep(sink.latency() + Duration::from_millis(50));
        Ok(name)
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("microphone", &self.microphone)
            .finish_non_exhaustive()
    }
}

fn frames(lasting: Duration) -> usize {
    let frames = lasting.as_nanos() / FRAME_DURATION.as_nanos();
    usize::try_from(frames).unwrap_or(usize::MAX)
}
