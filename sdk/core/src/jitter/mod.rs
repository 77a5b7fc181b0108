//! The jitter buffer: packets in as the network delivers them, frames out at the pace of time.
//!
//! Voice is recorded at an even pace and arrives at an uneven one. The buffer holds every frame
//! back until it is a little later than almost all frames would be, and plays from there:
//!
//! - `DelayEstimator` measures how much later than the fastest recent
//!   packet the others come, and calls the time that covers nearly all of them the target.
//! - `Timeline` puts packets in order: it unwraps their timestamps and
//!   recognises duplicates and a sender that starts over.
//! - [`JitterBuffer`] plays by them. The delay it really has follows the target by playing frames a
//!   little longer or shorter ([`Pace`]), and grows at once where there is nothing to play.
//!
//! What is lost can be had from redundancy in later packets ([`Redundancy`]). To the estimator a
//! lost packet is one that comes as late as its redundancy, so the delay grows by what there is to
//! wait for: when more than 2 % of the packets need it, and never by more than 240 ms.
//!
//! The delay is bounded by [`JitterConfig::max_delay`], memory by
//! [`JitterConfig::max_packets`]. Time is an argument everywhere.

mod buffer;
mod delay;
#[cfg(test)]
mod tests;
mod timeline;

use std::time::Duration;

pub use buffer::JitterBuffer;

/// Choices about a jitter buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterConfig {
    /// Samples in a frame, which is what one packet holds and one [`JitterBuffer::pull`] takes,
    /// until [`JitterBuffer::set_frame`] says otherwise.
    pub frame_samples: u32,
    /// Samples in a second, the unit of packet timestamps.
    pub sample_rate: u32,
    /// The target is never below this: room for the scheduling of both machines.
    pub min_delay: Duration,
    /// The target until the network has been measured.
    pub start_delay: Duration,
    /// No frame is played later than this after the fastest recent packet would have allowed.
    /// At least three frames, at most ten seconds.
    pub max_delay: Duration,
    /// How long a gap is concealed before it counts as a pause.
    pub max_concealment: Duration,
    /// How many packets are held. The oldest goes first.
    pub max_packets: usize,
    /// Time between two moments at which [`JitterBuffer::pull`] may be called: the delay cannot be
    /// chosen finer than that.
    pub beat: Duration,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self {
            frame_samples: 960,
            sample_rate: 48_000,
            min_delay: Duration::from_millis(20),
            start_delay: Duration::from_millis(25),
            max_delay: Duration::from_millis(400),
            max_concealment: Duration::from_millis(120),
            max_packets: 100,
            beat: Duration::from_millis(10),
        }
    }
}

/// A frame as it came from the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Extended sequence number, one more for each packet sent.
    pub sequence: u64,
    /// The sender's media clock at the first sample. It wraps.
    pub timestamp: u32,
    /// The encoded frame.
    pub payload: Vec<u8>,
}

/// What a packet holds of earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redundancy {
    /// Earlier packets as they were sent: how many packets before this one, and the encoded frame.
    pub copies: Vec<(u8, Vec<u8>)>,
    /// Whether in-band FEC holds the packet before this one.
    pub fec: bool,
    /// Samples before this packet's own that its deep redundancy (DRED) covers.
    pub reach: u32,
}

/// How long to play a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As long as it is.
    Even,
    /// Shorter by up to this many samples, to lower the delay.
    Shorter {
        /// The most to leave out.
        most: u32,
        /// The delay has been wrong for too long, or by too much, to wait for a pause.
        haste: bool,
    },
    /// Longer by up to this many samples, to raise the delay.
    Longer {
        /// The most to add.
        most: u32,
        /// As above.
        haste: bool,
    },
}

/// What to play for one frame's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Playout {
    /// Nothing: the stream has not started, or the talker pauses.
    Silence,
    /// Decode this frame.
    Frame {
        /// The encoded frame.
        payload: Vec<u8>,
        /// How long to play it.
        pace: Pace,
    },
    /// The frame was lost, but the deep redundancy (DRED) of a later one covers it.
    Restore {
        /// The later packet, which will also be played in its own time.
        from: Vec<u8>,
        /// How many samples before that packet's own the lost frame begins.
        back: u32,
    },
    /// The frame was lost, but its successor is here: decode the redundant copy in it (in-band
    /// forward error correction), or conceal when it has none.
    Recover {
        /// The successor, which will also be played in its own time.
        next: Vec<u8>,
    },
    /// The frame is missing: let the decoder make one up.
    Conceal,
}

/// Counts since the start and measures of the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterStats {
    /// Packets inserted, duplicates not counted.
    pub received: u64,
    /// Frames played as they came.
    pub played: u64,
    /// Frames concealed.
    pub concealed: u64,
    /// Frames recovered from redundancy in later packets, of whichever kind.
    pub recovered: u64,
    /// Those of them that deep redundancy (DRED) restored.
    pub restored: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that had come before.
    pub duplicates: u64,
    /// Packets left out in order to lower the delay or to bound memory, or that fit nowhere.
    pub discarded: u64,
    /// The delay of the frame played last, against the fastest recent packet.
    pub current_delay: Duration,
    /// The delay aimed for.
    pub target_delay: Duration,
    /// How much of that is for redundancy which comes after what it replaces.
    pub redundancy_delay: Duration,
}
