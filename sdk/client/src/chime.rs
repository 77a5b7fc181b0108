//! Sounds of a program's own: a ring tone, a ringback, a click when the microphone is muted.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use cooee_audio::{FRAME, FRAME_DURATION, LatencyProfile, Output, SILENCE, Sink, open_sink};

/// Frames of silence behind a sound, so that its end leaves the device's buffer before that closes.
const TAIL: u32 = (300 / FRAME_DURATION.as_millis()) as u32;

/// A sound that plays over and over beside a call, through a stream of its own, until this is
/// dropped.
///
/// Captures nothing, so it needs no call. A device that does not open is told to the log only:
/// whoever misses a ring tone still sees that it rings.
#[derive(Debug)]
pub struct Chime {
    _playing: Sender<Never>,
}

#[derive(Debug, PartialEq)]
enum Never {}

impl Chime {
    /// Plays samples at 48 kHz, full scale at ±1, over and over.
    pub fn repeat(samples: Vec<f32>, output: Output) -> Self {
        let (playing, ended) = channel();
        start(output, move |sink| {
            play(Frames::new(&samples, true), sink, &ended);
        });
        Self { _playing: playing }
    }

    /// Plays samples at 48 kHz, full scale at ±1, once and to the end.
    pub fn once(samples: Vec<f32>, output: Output) {
        start(output, move |sink| {
            let (_going_on, ended) = channel();
            play(Frames::new(&samples, false), sink, &ended);
        });
    }
}

fn start(output: Output, play: impl FnOnce(Box<dyn Sink>) + Send + 'static) {
    let thread = thread::Builder::new().name("cooee-chime".into());
    let started = thread.spawn(move || match open_sink(output, LatencyProfile::default()) {
        Ok(sink) => play(sink),
        Err(error) => tracing::warn!(%error, "a sound cannot be played"),
    });
    if let Err(error) = started {
        tracing::warn!(%error, "no thread for a sound");
    }
}

/// Writes frames at the pace of time until there are no more, or `ended` says so.
fn play(mut frames: Frames<'_>, mut sink: Box<dyn Sink>, ended: &Receiver<Never>) {
    let mut due = Instant::now();
    let mut tail = 0;
    while tail < TAIL {
        match frames.next() {
            Some(frame) => sink.write(&frame),
            None => {
                sink.write(&SILENCE);
                tail += 1;
            }
        }
        due += FRAME_DURATION;
        let now = Instant::now();
        // Held up for long: what was missed is not made up for.
        if now > due + FRAME_DURATION {
            due = now;
        }
        let wait = due.saturating_duration_since(now);
        if ended.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// A sound cut into frames, the last one filled up with silence.
struct Frames<'a> {
    samples: &'a [f32],
    at: usize,
    over_and_over: bool,
}

impl<'a> Frames<'a> {
    fn new(samples: &'a [f32], over_and_over: bool) -> Self {
        Self {
            samples,
            at: 0,
            over_and_over: over_and_over && !samples.is_empty(),
        }
    }
}

impl Iterator for Frames<'_> {
    type Item = [f32; FRAME];

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.samples.len() {
            return None;
        }
        let mut frame = SILENCE;
        for slot in &mut frame {
            if let Some(sample) = self.samples.get(self.at) {
                *slot = *sample;
                self.at += 1;
            }
            if self.over_and_over && self.at == self.samples.len() {
                self.at = 0;
            }
        }
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use cooee_audio::FRAME;

    use super::Frames;

    #[test]
    fn a_sound_plays_once_and_ends_in_silence() {
        let samples = vec![0.5; FRAME + 1];
        let frames: Vec<_> = Frames::new(&samples, false).collect();
        assert_eq!(frames.len(), 2);
        assert_eq!((frames[1][0], frames[1][1]), (0.5, 0.0));
    }

    #[test]
    fn a_tone_goes_on_without_a_gap_and_nothing_does_not() {
        let samples = vec![0.5; FRAME + 1];
        assert!(
            Frames::new(&samples, true)
                .take(10)
                .all(|frame| frame == [0.5; FRAME])
        );
        assert_eq!(Frames::new(&[], true).count(), 0);
    }
}
