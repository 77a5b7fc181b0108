//! What is done to a voice besides coding it: echo, noise and gain on the way in, the limiter on
//! the way out, and the question of who is speaking.
//!
//! ```text
//! microphone -> high-pass -> echo cancellation -> noise suppression -> gain control -> activity
//!                                  ^
//! loudspeaker <- limiter <- mix ---'  (what is really played, as it is played)
//! ```
//!
//! Echo cancellation is AEC3 and gain control is AGC2 of the WebRTC project, in the Rust port
//! `sonora`. Everything works in blocks of [`BLOCK`] samples.

mod activity;
mod chain;
mod limiter;
mod pauses;
mod switches;

pub(crate) use activity::EnergyActivity;
pub use chain::{LONGEST_ECHO_DELAY, ProcessingChain};
pub(crate) use limiter::Limiter;
pub use switches::{Processing, UnknownProcessing};

/// Samples that are processed at a time: 10 ms at 48 kHz.
pub const BLOCK: usize = 480;
