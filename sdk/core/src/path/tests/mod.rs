//! The path agent in the simulated internet of [`super::sim`].
#![allow(clippy::unwrap_used)]

mod gathering;
mod hostile;
mod lifetime;
mod mesh;
mod nats;
