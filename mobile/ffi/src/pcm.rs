//! Sound that an app brings and takes itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cooee_sdk::{FRAME, Frame, Health, Sink, Source};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

use crate::error::CooeeError;

/// Frames of 10 ms that wait on the way into a call: 200 ms.
const INTO: usize = 20;
/// Frames that wait on the way out of a call, for an app that is held up: 2 s.
const OUT_OF: usize = 200;

/// Frames of silence that stand for a time without voice thread; a machine that slept is none.
const LONGEST_SKIP: u64 = 100;

/// Stands in for a microphone: what is written here is what the others hear.
///
/// Samples are 16 bits, signed, little-endian, of one channel at 48 kHz. One `PcmInput` is for
/// one call.
#[derive(Debug, uniffi::Object)]
pub struct PcmInput {
    frames: Sender<Frame>,
    /// What is not a whole frame yet.
    rest: Mutex<Vec<u8>>,
    /// Taken by the call.
    queue: std::sync::Mutex<Option<Receiver<Frame>>>,
    missing: Arc<AtomicU64>,
}

#[uniffi::export]
impl PcmInput {
    /// One that has nothing to say yet.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        let (frames, queue) = mpsc::channel(INTO);
        Arc::new(Self {
            frames,
            rest: Mutex::default(),
            queue: std::sync::Mutex::new(Some(queue)),
            missing: Arc::default(),
        })
    }

    /// Says these samples, and waits while 200 ms are unsaid: a file goes out at the pace of
    /// time. Cancelled, it has said a part of them.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Call`] when the call is over.
    pub async fn write(&self, samples: Vec<u8>) -> Result<(), CooeeError> {
        let mut rest = self.rest.lock().await;
        let mut bytes = std::mem::take(&mut *rest);
        bytes.extend_from_slice(&samples);
        let (whole, left) = bytes.split_at(bytes.len() - bytes.len() % (2 * FRAME));
        rest.extend_from_slice(left);
        for bytes in whole.chunks_exact(2 * FRAME) {
            let mut frame = [0.0; FRAME];
            let pairs = bytes.as_chunks::<2>().0;
            for (sample, pair) in frame.iter_mut().zip(pairs) {
                *sample = f32::from(i16::from_le_bytes(*pair)) / 32_768.0;
            }
            let taken = self.frames.send(frame).await;
            taken.map_err(|_| CooeeError::no_call())?;
        }
        Ok(())
    }

    /// How many frames of 10 ms were missing since the first one came.
    pub fn missing(&self) -> u64 {
        self.missing.load(Ordering::Relaxed)
    }
}

impl PcmInput {
    /// What the call listens to, once.
    pub(crate) fn source(&self) -> Option<Box<dyn Source>> {
        let mut queue = match self.queue.lock() {
            Ok(queue) => queue,
            Err(poisoned) => poisoned.into_inner(),
        };
        let queue = queue.take()?;
        Some(Box::new(Mouth {
            queue,
            missing: Arc::clone(&self.missing),
            started: false,
        }))
    }
}

struct Mouth {
    queue: Receiver<Frame>,
    missing: Arc<AtomicU64>,
    started: bool,
}

impl Source for Mouth {
    fn read(&mut self, frame: &mut Frame) {
        match self.queue.try_recv() {
            Ok(next) => {
                *frame = next;
                self.started = true;
            }
            Err(_) => {
                *frame = [0.0; FRAME];
                if self.started {
                    self.missing.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    fn health(&self) -> Health {
        let mut health = Health::default();
        health.underruns = self.missing.load(Ordering::Relaxed);
        health
    }
}

/// Stands in for a loudspeaker: what the others say is read here.
///
/// Samples are as for [`PcmInput`]. One `PcmOutput` is for one call.
#[derive(Debug, uniffi::Object)]
pub struct PcmOutput {
    frames: Mutex<Receiver<Vec<u8>>>,
    /// Taken by the call.
    sender: std::sync::Mutex<Option<Sender<Vec<u8>>>>,
    dropped: Arc<AtomicU64>,
}

#[uniffi::export]
impl PcmOutput {
    /// One that has heard nothing yet.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        let (sender, frames) = mpsc::channel(OUT_OF);
        Arc::new(Self {
            frames: Mutex::new(frames),
            sender: std::sync::Mutex::new(Some(sender)),
            dropped: Arc::default(),
        })
    }

    /// The next 10 ms, as soon as they are there; nothing when the call is over. Cancelled, it has
    /// taken nothing. Two seconds wait to be read, further ones are dropped.
    pub async fn read(&self) -> Option<Vec<u8>> {
        self.frames.lock().await.recv().await
    }

    /// How many frames of 10 ms were dropped because nobody read them in time.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl PcmOutput {
    /// What the call plays on, once.
    pub(crate) fn sink(&self) -> Option<Box<dyn Sink>> {
        let mut sender = match self.sender.lock() {
            Ok(sender) => sender,
            Err(poisoned) => poisoned.into_inner(),
        };
        let frames = sender.take()?;
        Some(Box::new(Ear {
            frames,
            dropped: Arc::clone(&self.dropped),
        }))
    }
}

struct Ear {
    frames: Sender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl Sink for Ear {
    fn write(&mut self, frame: &Frame) {
        let bytes = frame
            .iter()
            .flat_map(|sample| to_i16(*sample).to_le_bytes())
            .collect();
        match self.frames.try_send(bytes) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// An app that writes down what it reads keeps the time.
    fn skip(&mut self, frames: u64) {
        for _ in 0..frames.min(LONGEST_SKIP) {
            self.write(&[0.0; FRAME]);
        }
    }

    fn health(&self) -> Health {
        let mut health = Health::default();
        health.overruns = self.dropped.load(Ordering::Relaxed);
        health
    }
}

fn to_i16(sample: f32) -> i16 {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the range is that of the target"
    )]
    let rounded = (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
    rounded
}
