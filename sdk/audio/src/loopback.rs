//! A sink whose sound comes out of a source again: an echo in memory.

use std::time::Duration;

use crate::frame::{FRAME, Frame, Health, SAMPLE_RATE, SILENCE, Sink, Source};

/// The longest delay that a loopback holds in memory.
pub const LONGEST_LOOPBACK: Duration = Duration::from_secs(10);

/// Samples of room beyond the delay, for one side running ahead of the other: 200 ms.
const SLACK: usize = SAMPLE_RATE as usize / 5;

/// Makes a sink and the source that gives back, `delay` later, what the sink was given.
///
/// A bot that answers with these two as its output and input is an echo. The delay is rounded
/// down to whole samples and is at most [`LONGEST_LOOPBACK`]; inside one call, a frame is added
/// to it, because each tick reads before it writes.
#[must_use]
pub fn loopback(delay: Duration) -> (LoopbackSink, LoopbackSource) {
    let seconds = delay.min(LONGEST_LOOPBACK).as_secs_f64();
    let silence = (seconds * f64::from(SAMPLE_RATE)) as usize;
    let (producer, consumer) = rtrb::RingBuffer::new(silence + SLACK);
    let sink = LoopbackSink {
        ring: producer,
        overruns: 0,
    };
    let source = LoopbackSource {
        ring: consumer,
        silence,
        started: false,
        underruns: 0,
    };
    (sink, source)
}

/// The end of a loopback that hears.
#[derive(Debug)]
pub struct LoopbackSink {
    ring: rtrb::Producer<f32>,
    overruns: u64,
}

impl Sink for LoopbackSink {
    fn write(&mut self, frame: &Frame) {
        if self.ring.push_entire_slice(frame).is_err() {
            self.overruns += 1;
        }
    }

    fn health(&self) -> Health {
        Health {
            overruns: self.overruns,
            ..Health::default()
        }
    }
}

/// The end of a loopback that speaks.
#[derive(Debug)]
pub struct LoopbackSource {
    ring: rtrb::Consumer<f32>,
    /// Samples of silence to give before the first one heard.
    silence: usize,
    started: bool,
    underruns: u64,
}

impl Source for LoopbackSource {
    fn read(&mut self, frame: &mut Frame) {
        *frame = SILENCE;
        // The delay passes only once something has been heard, so that it is not eaten up by
        // the time before the call.
        if !self.started && self.ring.is_empty() {
            return;
        }
        self.started = true;
        let wait = self.silence.min(FRAME);
        self.silence -= wait;
        let room = frame.get_mut(wait..).unwrap_or_default();
        if self.ring.pop_entire_slice(room).is_err() {
            self.underruns += 1;
        }
    }

    fn health(&self) -> Health {
        Health {
            underruns: self.underruns,
            ended: self.ring.is_abandoned() && self.ring.is_empty(),
            ..Health::default()
        }
    }
}
