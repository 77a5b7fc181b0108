//! Conversations: the part of each that this device has fetched, and what it still has to send.

mod list;
mod outbox;
mod page;
mod read;
mod records;
mod words;

pub use self::records::{
    Conversation, Draft, Entry, EntryKind, Found, Listed, Mark, Message, Outgoing, Page, Reaction,
};
