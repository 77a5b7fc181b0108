//! The path agent in the simulated internet of [`super::sim`].
#![allow(clippy::unwrap_used)]

mod gathering;
mod hostile;
mod latency;
mod lifetime;
mod mesh;
mod moves;
mod nats;
mod privacy;
mod relay;
mod scenarios;
