//! Properties of the wire types: what is written is read back, what is unknown is ignored, and
//! nothing that a stranger sends makes the parser panic.
#![allow(clippy::unwrap_used)]

mod conversations;
mod hostile;
mod round_trip;
mod strategies;
