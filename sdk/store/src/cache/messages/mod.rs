//! Conversations: the part of each that this device has fetched, and what it still has to send.

mod outbox;
mod page;
mod read;
mod records;
mod words;

pub use self::records::{
    Conversation, Draft, Entry, EntryKind, Found, Mark, Message, Outgoing, Page, Reaction,
};
