//! What the API of conversations gives.

use cooee_protocol::{
    AttachmentId, CallEntry, CallOutcome, ContentType, EntryId, GroupId, NotSent, Username,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

use super::shelf::sequence;

/// With whom a conversation is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Recipient {
    /// A contact.
    Contact(Username),
    /// The members of a group.
    Group(GroupId),
}

/// A conversation, for a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// With whom.
    pub with: Recipient,
    /// Its id; `None` for a pair that has not said anything that the server knows of.
    pub id_group: Option<GroupId>,
    /// The contact's or the group's name; empty for a group that one has left.
    pub title: String,
    /// The last message or call.
    pub last: Option<Message>,
    /// Messages and calls of others that were not read, counted up to 1,000.
    pub unread: u32,
    /// How far the user has read, here or on another device.
    pub read: u64,
    /// Messages that wait to be sent, or were refused.
    pub outbox: usize,
}

/// Where a conversation stands: little enough to be looked at for all of them whenever one has
/// changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationPlace {
    /// With whom.
    pub with: Recipient,
    /// Its id.
    pub id_group: GroupId,
    /// The highest sequence that is kept here; an edit or a reaction has one, too.
    pub last: u64,
    /// How far the user has read.
    pub read: u64,
}

/// A message or a call, as it reads now: with its edits, reactions and deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the conversation, from 1 on; not every number has a message.
    pub sequence: u64,
    /// Its id.
    pub id: EntryId,
    /// Who wrote it, or who called; `None` when that profile is gone.
    pub author: Option<Username>,
    /// Whether this account wrote it.
    pub own: bool,
    /// When the server took it, in milliseconds since the Unix epoch.
    pub at: i64,
    /// What it says.
    pub body: Body,
    /// The message that it answers.
    pub reply_to: Option<EntryId>,
    /// When it was last edited, in milliseconds since the Unix epoch.
    pub edited_at: Option<i64>,
    /// One of each person, in the order in which they came.
    pub reactions: Vec<Reaction>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// Text as it was written. It may hold anything that Unicode has: whoever shows it takes care
    /// of control characters.
    Text(String),
    /// Files, with or without a text.
    Files {
        /// What was written to them; empty for nothing.
        text: String,
        /// The files. Names and types are the author's word.
        files: Vec<FileInfo>,
    },
    /// A call that is over.
    Call {
        /// How it ended.
        outcome: CallOutcome,
        /// From the first answer on.
        duration: Duration,
    },
    /// It was deleted.
    Deleted,
    /// Something that this version does not know.
    Other {
        /// The media type of `body`.
        content_type: String,
        /// The body.
        body: String,
    },
}

/// A file in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// What it is fetched by.
    pub id: AttachmentId,
    /// Its name, without a path. The author's word: not to be used as a path as it is.
    pub name: String,
    /// Its media type, by the author's word.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
    /// Of a picture: how wide it is, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Of a picture: how high it is, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Of a picture: a smaller one, to be fetched likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<AttachmentId>,
}

/// One person's reaction to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// Whose it is.
    pub author: String,
    /// The reaction, an emoji for example.
    pub body: String,
}

/// A page of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// In the order of the conversation, the oldest first.
    pub messages: Vec<Message>,
    /// Whether older ones may be there; without a connection they cannot be fetched now.
    pub more: bool,
}

/// A message that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// With whom the conversation is.
    pub with: Recipient,
    /// The conversation.
    pub id_group: GroupId,
    /// The message.
    pub message: Message,
}

/// How far a member has received and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Who.
    pub who: Username,
    /// Everything up to this sequence has reached one of their devices.
    pub delivered: u64,
    /// Everything up to this sequence was read.
    pub read: u64,
}

/// What was written here and has not arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its id, which it keeps when it has arrived.
    pub id: EntryId,
    /// To whom; `None` for a conversation that is not known (any more).
    pub with: Option<Recipient>,
    /// What it is.
    pub what: OutgoingKind,
    /// When it was written, in milliseconds since the Unix epoch, by this device's clock.
    pub written_at: i64,
    /// Why the server refused it: [`refusal_words`] says it in words. `None` while it waits.
    pub refusal: Option<String>,
}

/// What waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutgoingKind {
    /// A message.
    Message {
        /// What it says.
        body: Body,
        /// The message that it answers.
        reply_to: Option<EntryId>,
    },
    /// Another text for a message.
    Edit {
        /// The message.
        of: EntryId,
        /// The text.
        text: String,
    },
    /// A message is taken back.
    Deletion {
        /// The message.
        of: EntryId,
    },
    /// A reaction; empty when it is taken back.
    Reaction {
        /// To this message.
        to: EntryId,
        /// The reaction.
        body: String,
    },
}

/// What to send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewMessage {
    /// The text: 1 to 4,000 characters. May be empty with files.
    pub text: String,
    /// The message that it answers.
    pub reply_to: Option<EntryId>,
    /// Files to attach, at most 10 with the thumbnails of pictures among them.
    pub files: Vec<PathBuf>,
}

impl NewMessage {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

/// What happened in conversations. Whatever it is about can be read when it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageEvent {
    /// The list of conversations, or how far one has read in them, has changed.
    ConversationsChanged,
    /// Messages are new, or read differently now.
    Changed {
        /// The conversation.
        id_group: GroupId,
        /// The messages.
        ids: Vec<EntryId>,
        /// They are older than all that was kept before: somebody looked back.
        older: bool,
    },
    /// Members have received or read more.
    MarksChanged {
        /// The conversation.
        id_group: GroupId,
    },
    /// Somebody begins or stops typing.
    Typing {
        /// The conversation.
        id_group: GroupId,
        /// Who.
        who: Username,
        /// Whether they type now.
        typing: bool,
    },
    /// Something waits in the outbox.
    Kept {
        /// Its id.
        id: EntryId,
    },
    /// Something from the outbox has its place in the conversation.
    Arrived {
        /// Its id.
        id: EntryId,
        /// The conversation.
        id_group: GroupId,
    },
    /// Something in the outbox was refused, and stays there.
    Refused {
        /// Its id.
        id: EntryId,
        /// Why: [`refusal_words`] says it in words.
        reason: String,
    },
    /// Whom the account blocks has changed.
    BlockedChanged,
    /// Everything that the server had for this device is here.
    CaughtUp,
    /// The server knows no conversations.
    Unsupported,
    /// A file is on its way.
    Transfer {
        /// The file.
        id: AttachmentId,
        /// To the server, not from it.
        upload: bool,
        /// Bytes that are there.
        done: u64,
        /// Bytes of the whole; 0 while that is not known.
        total: u64,
    },
}

/// Why a message cannot be read, sent or changed. Its [`code`](Self::code) is stable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The server would never take it, for this reason.
    #[error("{}", refusal_words(.0.as_str()))]
    Invalid(NotSent),
    /// Too many messages wait already.
    #[error("too many messages wait to be sent already")]
    Full,
    /// Nobody is signed in.
    #[error("not signed in: register or log in first")]
    SignedOut,
    /// It could not be kept, and will not be sent.
    #[error("the message could not be kept: {0}")]
    NotKept(String),
    /// It could not be kept, because the disk is full, and will not be sent.
    #[error("the message could not be kept: the disk is full")]
    DiskFull,
    /// There is no such message in the outbox, or none that was refused.
    #[error("there is no such message that was refused")]
    NotRefused,
    /// The cache cannot be read.
    #[error(transparent)]
    Cache(#[from] cooee_store::CacheError),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be transferred.
    #[error("the file could not be transferred: {0}")]
    Transfer(String),
    /// Not connected to the server.
    #[error("not connected to the server")]
    Offline,
    /// The client is being dropped.
    #[error("the client is closed")]
    Closed,
}

impl MessageError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(reason) => reason.as_str(),
            Self::Full => "outbox_full",
            Self::SignedOut => "no_session",
            Self::NotKept(_) => "not_kept",
            Self::DiskFull => "disk_full",
            Self::NotRefused => "not_refused",
            Self::Cache(_) => "cache",
            Self::File { .. } => "file",
            Self::Transfer(_) => "transfer",
            Self::Offline => "offline",
            Self::Closed => "closed",
        }
    }
}

/// A refusal in words.
pub fn refusal_words(reason: &str) -> String {
    match NotSent::parse(reason) {
        Some(NotSent::NotMember) => "you are not a member of the group".to_owned(),
        Some(NotSent::NotContact) => "they are no confirmed contact".to_owned(),
        Some(NotSent::TooLong) => "it is too long: a text has at most 4,000 characters".to_owned(),
        Some(NotSent::Empty) => "there is nothing in it".to_owned(),
        Some(NotSent::TooMany) => "too many in a short time".to_owned(),
        Some(NotSent::NoTarget) => "what it refers to is not there (any more)".to_owned(),
        Some(NotSent::NotAuthor) => "only its author edits or deletes a message".to_owned(),
        Some(NotSent::NoAttachment) => "a file is not at the server".to_owned(),
        Some(NotSent::Blocked) => "you have blocked them".to_owned(),
        Some(NotSent::Duplicate) => "another message has its id".to_owned(),
        // A later reason.
        Some(_) | None => reason.replace('_', " "),
    }
}

/// The body of a message with files.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Files {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
    pub(crate) files: Vec<FileInfo>,
}

pub(crate) fn body(content_type: &str, body: String) -> Body {
    let known = match content_type {
        ContentType::TEXT => return Body::Text(body),
        ContentType::FILES => serde_json::from_str(&body)
            .ok()
            .map(|Files { text, files }| Body::Files { text, files }),
        ContentType::CALL => serde_json::from_str(&body)
            .ok()
            .map(|call: CallEntry| Body::Call {
                outcome: call.outcome,
                duration: Duration::from_secs(call.duration),
            }),
        _ => None,
    };
    known.unwrap_or_else(|| Body::Other {
        content_type: content_type.to_owned(),
        body,
    })
}

/// `None` for what no version of the protocol has written.
pub(crate) fn message(stored: cooee_store::Message) -> Option<Message> {
    Some(Message {
        sequence: sequence(stored.sequence),
        id: EntryId::parse(&stored.id).ok()?,
        author: Username::parse(&stored.author).ok(),
        own: stored.own,
        at: stored.at,
        body: if stored.deleted {
            Body::Deleted
        } else {
            body(&stored.content_type, stored.body)
        },
        reply_to: stored.reply_to.and_then(|id| EntryId::parse(&id).ok()),
        edited_at: stored.edited_at,
        reactions: stored
            .reactions
            .into_iter()
            .map(|reaction| Reaction {
                author: reaction.author,
                body: reaction.body,
            })
            .collect(),
    })
}
