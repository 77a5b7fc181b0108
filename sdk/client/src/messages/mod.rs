//! Conversations: what is written, kept, read and searched.

mod account;
mod api;
mod clearing;
mod export;
pub(crate) mod files;
mod listing;
pub(crate) mod shelf;
mod thumbnail;
mod types;

#[cfg(test)]
mod sim;

pub use self::export::{ExportProgress, message_json};
pub use self::types::{
    Body, Conversation, ConversationPlace, FileInfo, Found, Mark, Message, MessageError,
    MessageEvent, MessagePage, NewMessage, Outgoing, OutgoingKind, Reaction, Recipient,
    refusal_words,
};
