//! Raw samples over any stream: 16-bit little-endian, 48 kHz, one channel.
//!
//! This is the bridge to other programs: a recorder piped into a call, a call piped into a
//! player, a bot in any language.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::sync::mpsc::{channel, sync_channel};
use std::thread;
use std::time::Duration;

use crate::frame::{FRAME, FRAME_DURATION, Frame, Health, SILENCE, Sink, SinkError, Source};
use crate::wav::{from_i16, to_i16};

/// Chunks that wait between a stream and the voice thread: at most 200 ms of sound.
const QUEUE: usize = (200 / FRAME_DURATION.as_millis()) as usize;

/// How long [`PcmSink::finish`] waits for a reader that has stopped reading.
const PATIENCE: Duration = Duration::from_secs(1);

/// Plays raw samples from a stream, and silence whenever none are there.
///
/// A thread of its own reads the stream, because a read may take for ever; it waits while
/// 200 ms are unplayed, so a file piped in plays at the pace of time. Dropping the source ends
/// that thread after the read which it is in.
#[derive(Debug)]
pub struct PcmSource {
    chunks: Receiver<Vec<f32>>,
    current: std::vec::IntoIter<f32>,
    started: bool,
    underruns: u64,
    ended: bool,
}

impl PcmSource {
    /// Starts reading.
    ///
    /// # Errors
    ///
    /// The operating system has no thread to spare.
    pub fn new(stream: impl Read + Send + 'static) -> std::io::Result<Self> {
        let (sender, chunks) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("cooee-pcm-in".into())
            .spawn(move || read_stream(stream, &sender))?;
        Ok(Self {
            chunks,
            current: Vec::new().into_iter(),
            started: false,
            underruns: 0,
            ended: false,
        })
    }

    fn next(&mut self) -> Option<f32> {
        loop {
            if let Some(sample) = self.current.next() {
                return Some(sample);
            }
            match self.chunks.try_recv() {
                Ok(chunk) => self.current = chunk.into_iter(),
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return None;
                }
            }
        }
    }
}

impl Source for PcmSource {
    fn read(&mut self, frame: &mut Frame) {
        *frame = SILENCE;
        for slot in frame.iter_mut() {
            let Some(sample) = self.next() else {
                if self.started && !self.ended {
                    self.underruns += 1;
                }
                return;
            };
            self.started = true;
            *slot = sample;
        }
    }

    fn health(&self) -> Health {
        Health {
            underruns: self.underruns,
            ended: self.ended,
            ..Health::default()
        }
    }
}

/// Reads until the stream ends, fails, or nobody listens.
fn read_stream(mut stream: impl Read, chunks: &SyncSender<Vec<f32>>) {
    let mut bytes = [0; FRAME * 2];
    let mut held = 0;
    loop {
        let room = bytes.get_mut(held..).unwrap_or_default();
        let read = match stream.read(room) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                tracing::warn!(%error, "the sample stream cannot be read any more");
                return;
            }
        };
        let available = held.saturating_add(read).min(bytes.len());
        let (pairs, rest) = bytes.get(..available).unwrap_or_default().as_chunks::<2>();
        let samples: Vec<f32> = pairs
            .iter()
            .map(|pair| from_i16(i16::from_le_bytes(*pair)))
            .collect();
        let odd = rest.first().copied();
        // Half a sample stays for the next read.
        held = 0;
        if let (Some(byte), Some(slot)) = (odd, bytes.first_mut()) {
            *slot = byte;
            held = 1;
        }
        if !samples.is_empty() && chunks.send(samples).is_err() {
            return;
        }
    }
}

/// Writes what it is given to a stream as raw samples.
///
/// A thread of its own writes, because a write may take for ever; frames for which there is no
/// room are dropped and counted.
#[derive(Debug)]
pub struct PcmSink {
    frames: Option<SyncSender<Vec<u8>>>,
    outcome: Receiver<std::io::Result<()>>,
    overruns: u64,
    written: Arc<AtomicU64>,
    lost: bool,
}

impl PcmSink {
    /// Starts writing.
    ///
    /// # Errors
    ///
    /// The operating system has no thread to spare.
    pub fn new(stream: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (frames, queue) = sync_channel(QUEUE);
        let (report, outcome) = channel();
        let written = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&written);
        thread::Builder::new()
            .name("cooee-pcm-out".into())
            .spawn(move || {
                // Nobody waits for the outcome of a sink that was dropped without finishing.
                let _ = report.send(write_stream(stream, &queue, &counter));
            })?;
        Ok(Self {
            frames: Some(frames),
            outcome,
            overruns: 0,
            written,
            lost: false,
        })
    }

    /// Frames that the stream has taken.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

impl Sink for PcmSink {
    fn write(&mut self, frame: &Frame) {
        let Some(frames) = &self.frames else {
            return;
        };
        let bytes = frame
            .iter()
            .flat_map(|sample| to_i16(*sample).to_le_bytes())
            .collect();
        match frames.try_send(bytes) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.overruns += 1,
            Err(TrySendError::Disconnected(_)) => self.lost = true,
        }
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        if self.frames.take().is_none() {
            return Ok(());
        }
        match self.outcome.recv_timeout(PATIENCE) {
            Ok(outcome) => outcome.map_err(SinkError::Stream),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(SinkError::Stuck)
            }
        }
    }

    fn health(&self) -> Health {
        Health {
            overruns: self.overruns,
            lost: self.lost,
            ..Health::default()
        }
    }
}

fn write_stream(
    mut stream: impl Write,
    frames: &Receiver<Vec<u8>>,
    written: &AtomicU64,
) -> std::io::Result<()> {
    while let Ok(frame) = frames.recv() {
        stream.write_all(&frame)?;
        stream.flush()?;
        written.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
