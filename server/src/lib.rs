//! The Cooee server: profiles, contacts, groups, call signalling and STUN in one binary.
//!
//! ```text
//!  accept ---> http ---> connection ---> accounts, contacts, groups, ringing
//!  (limits)    (axum)    (one WebSocket)     |                      |
//!  stun, relay                ^              v                      v
//!     (UDP)                   |           db (one thread,        calls (state machine,
//!                          outbox <------ group commit) ------>   no I/O)
//!                          (bounded)         hub (who is here)
//! ```
//!
//! - A request's changes are committed first; what is told of them is queued afterwards, in the
//!   order of the commits ([`Server`] and its clients never disagree after a crash).
//! - Nothing waits for a slow client: each connection has a bounded queue, and overflow ends it.
//! - Everything that a client can make the server keep is bounded: see [`Config`].
//!
//! `docs/PROTOCOL.md` is what it speaks.

mod accept;
mod accounts;
mod app;
mod attachments;
pub mod backup;
mod blocking;
mod calls;
mod cleaning;
mod config;
mod connection;
mod contacts;
mod conversations;
mod db;
mod deletion;
pub mod doctor;
#[cfg(fuzzing)]
pub mod fuzz;
mod groups;
mod http;
mod hub;
mod ids;
mod limits;
pub mod options;
mod outbox;
mod passwords;
mod pictures;
mod relay;
mod ringing;
mod server;
pub mod stun;
mod survival;
mod udp;
mod voice;

pub use config::{Config, ConfigError, DEFAULT_PORT, DEFAULT_STUN_PORT, TlsFiles};
pub use db::OpenError;
pub use relay::{Cidr, OutsideRelay, PortRange, RelayConfig, RelaySecret};
pub use server::{Server, StartError};
