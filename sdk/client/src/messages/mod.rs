//! Conversations: what is written, kept, read and searched.

mod account;
mod api;
mod files;
pub(crate) mod shelf;
mod types;

#[cfg(test)]
mod sim;

pub use self::types::{
    Body, Conversation, FileInfo, Found, Mark, Message, MessageError, MessageEvent, MessagePage,
    NewMessage, Outgoing, OutgoingKind, Reaction, Recipient, refusal_words,
};
