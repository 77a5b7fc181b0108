//! Stories of calls on virtual time: machines around a small model of the server.

#![allow(clippy::unwrap_used)]

mod alice;
mod breaks;
mod direct;
mod frames;
mod glare;
mod groups;
mod model;
mod relay;
mod renames;
mod world;
