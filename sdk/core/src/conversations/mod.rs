//! Conversations: what is written arrives, once, in order, also later.
//!
//! [`ConversationSync`] keeps what this device holds of each conversation in step with the server
//! (docs/PROTOCOL.md, "Conversations"), and sends what waits in the outbox. The cache that it keeps
//! in step belongs to the caller: the machine says what to write, in which order, and takes nothing
//! for kept before it is told so.

mod list;
mod marks;
mod outbox;
mod pages;
mod state;
mod sync;
mod types;

pub use self::sync::ConversationSync;
pub use self::types::{
    ConversationEvent, Draft, Held, Letter, Listed, Loaded, NotKept, Page, PlacedEntry, PostError,
    RequestTag, SyncConfig, SyncOutput, UploadError, Write, WriteId,
};
