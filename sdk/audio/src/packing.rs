//! Frames on their way into a packet.

use cooee_core::media::adaptation::FrameLength;

use crate::codec::LONGEST_PACKET;
use crate::frame::{FRAME, Frame};
use crate::mix::level;

/// Collects frames until there are enough for a packet.
#[derive(Debug)]
pub(crate) struct Packing {
    samples: Vec<f32>,
    /// The packet in `samples` has been given.
    given: bool,
    level: u8,
    /// Samples in a packet: of the one being filled, and of those to come.
    full: usize,
    next: usize,
}

/// The sound of one packet.
#[derive(Debug)]
pub(crate) struct Whole<'a> {
    pub(crate) samples: &'a [f32],
    /// Of its loudest frame, as in RFC 6464.
    pub(crate) level: u8,
}

impl Packing {
    pub(crate) fn new() -> Self {
        let full = length(FrameLength::default());
        Self {
            samples: Vec::with_capacity(LONGEST_PACKET),
            given: true,
            level: u8::MAX,
            full,
            next: full,
        }
    }

    /// How much goes into a packet, from the next one on.
    pub(crate) fn set_length(&mut self, frame_length: FrameLength) {
        self.next = length(frame_length);
    }

    /// Takes a frame; gives the packet that it has filled.
    pub(crate) fn add(&mut self, frame: &Frame) -> Option<Whole<'_>> {
        if std::mem::replace(&mut self.given, false) {
            self.samples.clear();
            self.level = u8::MAX;
            self.full = self.next;
        }
        self.samples.extend_from_slice(frame);
        self.level = self.level.min(level(frame));
        if self.samples.len() < self.full {
            return None;
        }
        self.given = true;
        Some(Whole {
            samples: &self.samples,
            level: self.level,
        })
    }

    /// Drops what has been collected: the frames that follow do not continue it.
    pub(crate) fn clear(&mut self) {
        self.given = true;
    }
}

fn length(frame_length: FrameLength) -> usize {
    let frames = match frame_length {
        FrameLength::Ms10 => 1,
        FrameLength::Ms20 => 2,
        FrameLength::Ms40 => 4,
        FrameLength::Ms60 => 6,
    };
    frames * FRAME
}
