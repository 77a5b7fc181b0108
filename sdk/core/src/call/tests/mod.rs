//! Stories of calls on virtual time: machines around a small model of the server.

#![allow(clippy::unwrap_used)]

mod alice;
mod breaks;
mod direct;
mod frames;
mod glare;
mod goodbyes;
mod groups;
mod model;
pub(crate) mod paths;
mod relay;
mod renames;
mod world;
