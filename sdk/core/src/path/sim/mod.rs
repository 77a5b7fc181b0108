//! A small internet on virtual time: hosts with a [`PathAgent`](super::PathAgent), NATs between
//! them and the world, STUN servers, loss, delay and reordering, all from one seed.
//!
//! [`nat`] is what a NAT does to a datagram, [`relay`] is a TURN server; [`World`] moves datagrams, signals and time.
#![allow(clippy::unwrap_used)]

pub(crate) mod nat;
mod relay;
mod stun;
mod world;

pub(crate) use nat::NatKind;
pub(crate) use world::{HostId, Network, World};
