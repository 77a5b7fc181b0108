//! What the conversations in the cache give and take.

/// What an entry of a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Something that was written.
    Message,
    /// A new body for the message that it names.
    Edit,
    /// The message that it names is withdrawn.
    Delete,
    /// A reaction to the message that it names; an empty body takes it back.
    Reaction,
    /// A call that ended, was missed or was declined.
    Call,
}

impl EntryKind {
    /// The word that stands for it in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::Reaction => "reaction",
            Self::Call => "call",
        }
    }

    /// The kind that `word` stands for; `None` when there is none.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "message" => Some(Self::Message),
            "edit" => Some(Self::Edit),
            "delete" => Some(Self::Delete),
            "reaction" => Some(Self::Reaction),
            "call" => Some(Self::Call),
            _ => None,
        }
    }
}

/// What an author writes, before the server has given it a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The id that the author's client gave it, a UUIDv7.
    pub id: String,
    /// The conversation; empty for the one with `pseudo` while its id is not known.
    pub id_group: String,
    /// To whom, in the conversation of a pair; empty for a group.
    pub pseudo: String,
    /// What it is.
    pub kind: EntryKind,
    /// The entry that it answers or changes.
    pub target: Option<String>,
    /// The media type of `body`.
    pub content_type: String,
    /// What was written; opaque to everything but the client that shows it.
    pub body: String,
    /// The ids of what is attached.
    pub attachments: Vec<String>,
    /// When it was written, in milliseconds since the Unix epoch by this device's clock.
    pub at: i64,
}

/// A draft that has not arrived at the server, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What was written.
    pub draft: Draft,
    /// Why the server refused it; `None` while it waits to be sent.
    pub refusal: Option<String>,
}

/// An entry at its place in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 1 on, given by the server.
    pub sequence: i64,
    /// The id that the author's client gave it; unique together with the author.
    pub id: String,
    /// Who wrote it, or who called; empty when that profile is gone.
    pub author: String,
    /// Whether this account wrote it.
    pub own: bool,
    /// When it came to the server, in milliseconds since the Unix epoch.
    pub at: i64,
    /// What it is.
    pub kind: EntryKind,
    /// The entry that it answers or changes.
    pub target: Option<String>,
    /// The media type of `body`.
    pub content_type: String,
    /// What was written.
    pub body: String,
    /// The ids of what is attached.
    pub attachments: Vec<String>,
    /// Whether the server has erased its body.
    pub erased: bool,
}

/// A run of a conversation as the server gave it: every entry that it has between two sequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The conversation.
    pub id_group: String,
    /// The first sequence that the page speaks for.
    pub first: i64,
    /// The last one; `first - 1` where the conversation is empty.
    pub last: i64,
    /// The highest sequence that the conversation has.
    pub head: i64,
    /// The entries, all of them within `first..=last`.
    pub entries: Vec<Entry>,
}

/// A conversation, and how much of it this device holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The conversation.
    pub id_group: String,
    /// The other person of a pair; empty for a group, or where it was not told yet.
    pub pseudo: String,
    /// The first sequence held.
    pub first: i64,
    /// The last sequence held; everything between the two is held as well. `first - 1` where
    /// nothing is.
    pub last: i64,
    /// The highest sequence that the server has named.
    pub head: i64,
    /// The server shows this account nothing up to this sequence.
    pub begins_after: i64,
    /// How far the user has read, here or on another device.
    pub read: i64,
    /// How far the server knows that this account has received.
    pub told_delivered: i64,
    /// How far the server knows that the user has read.
    pub told_read: i64,
}

/// A conversation as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The conversation.
    pub id_group: String,
    /// The other person of a pair; empty for a group.
    pub pseudo: String,
    /// The server shows this account nothing up to this sequence.
    pub begins_after: i64,
    /// The last sequence.
    pub last: i64,
    /// How far the server knows that this account has received.
    pub delivered: i64,
    /// How far the server knows that the user has read.
    pub read: i64,
}

/// A message as it reads now: with its edits, reactions and deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the conversation.
    pub sequence: i64,
    /// Its id.
    pub id: String,
    /// Who wrote it, or who called; empty when that profile is gone.
    pub author: String,
    /// Whether this account wrote it.
    pub own: bool,
    /// When it came to the server, in milliseconds since the Unix epoch.
    pub at: i64,
    /// [`EntryKind::Message`] or [`EntryKind::Call`].
    pub kind: EntryKind,
    /// The message that it answers.
    pub reply_to: Option<String>,
    /// The media type of `body`.
    pub content_type: String,
    /// What it says now; empty once it was deleted.
    pub body: String,
    /// The ids of what is attached.
    pub attachments: Vec<String>,
    /// When it was last edited.
    pub edited_at: Option<i64>,
    /// Whether its author withdrew it, or the server has erased it.
    pub deleted: bool,
    /// Each person's reaction, in the order in which they came.
    pub reactions: Vec<Reaction>,
}

/// One person's reaction to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// Whose it is.
    pub author: String,
    /// The reaction, an emoji for example.
    pub body: String,
}

/// A message that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The conversation.
    pub id_group: String,
    /// The message.
    pub message: Message,
}

/// How far a member has received and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The member.
    pub pseudo: String,
    /// Everything up to this sequence has reached one of the member's devices.
    pub delivered: i64,
    /// Everything up to this sequence has been read.
    pub read: i64,
}
