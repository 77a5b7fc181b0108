//! Stories: what people do with Cooee, from every arrow of the protocol's diagrams to a server
//! that dies, told with real clients against a real server in this process.
#![allow(clippy::unwrap_used)]

mod accounts;
mod apart;
mod attachments;
mod blocking;
mod breaks;
mod called;
mod calls;
mod contacts;
mod controls;
mod files;
mod group_calls;
mod groups;
mod lifecycle;
mod messages;
mod minutes;
mod platform;
mod privacy;
mod profiles;
mod restarts;
mod sessions;
mod wire;
