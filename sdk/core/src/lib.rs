//! What a Cooee client decides, without I/O: signalling, conversations, calls, paths and
//! media.
//!
//! Every machine in this crate is sans-IO: time is an argument, an input is one mutation, and
//! the caller drains outputs until there are none left and a timeout to wake up at.

pub mod call;
pub mod conversations;
pub mod jitter;
pub mod media;
pub mod path;
pub mod signalling;
