//! The server as a client sees it: raw WebSocket, JSON, HTTP and UDP against a running server.

#![allow(clippy::unwrap_used)]

mod attachments;
mod authorisation;
mod backup;
mod blocking;
mod called;
mod calls;
mod client;
mod contacts;
mod conversations;
mod deletion;
mod doctor;
mod following;
mod groups;
mod hostile;
mod pictures;
mod process;
mod profiles;
mod sessions;
mod survival;
mod tunnel;
