//! Conversations (extension): the arguments of 660 to 664 and 260 to 265.
//!
//! The server orders and stores entries. It reads their ids, kinds and sizes; what they say is an
//! opaque body with a content type.

use serde::{Deserialize, Serialize};

use crate::names::{GroupId, Username};
use crate::posting::{Attachments, ContentType, Destination, EntryId, Posting};

/// The most entries of a page, and how many there are unless a client asks for fewer.
pub const MAX_PAGE: u32 = 200;

/// 660: post an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostEntry {
    /// Its id; sending it again is harmless.
    pub id: EntryId,
    /// Where to.
    #[serde(flatten)]
    pub destination: Destination,
    /// What.
    #[serde(flatten)]
    pub posting: Posting,
}

/// 260: an entry is stored; it was, if it had been sent before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryAccepted {
    /// The entry.
    pub id: EntryId,
    /// Its conversation.
    pub id_group: GroupId,
    /// Its place in the conversation.
    pub sequence: u64,
    /// The place of the entry before it; see [`NewEntry::previous`].
    pub previous: u64,
    /// When the server took it: RFC 3339, UTC.
    pub time: String,
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Something new.
    Message,
    /// Another body for a message.
    Edit,
    /// A message was taken back.
    Deletion,
    /// What somebody thinks of an entry.
    Reaction,
    /// A call that is over, written by the server.
    Call,
    /// One of a later version of the protocol: to be kept in its place and not shown.
    #[serde(other)]
    Unknown,
}

/// An entry of a conversation as the server has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place: grows with each entry of the conversation, from 1 on.
    pub sequence: u64,
    /// Its id.
    pub id: EntryId,
    /// When the server took it: RFC 3339, UTC.
    pub time: String,
    /// Who wrote it, or who called; nothing when that profile is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudo: Option<Username>,
    /// What kind it is.
    pub kind: EntryKind,
    /// What the body is; nothing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<ContentType>,
    /// The body; nothing for a deletion and for what was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The entry that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<EntryId>,
    /// The entry that an edit, a deletion or a reaction is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refers_to: Option<EntryId>,
    /// What is attached.
    #[serde(default, skip_serializing_if = "Attachments::is_empty")]
    pub list_attachment: Attachments,
    /// Whether its body was erased: it was deleted, or its author's profile was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

/// 261: an entry was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEntry {
    /// Its conversation.
    pub id_group: GroupId,
    /// The place of the entry before it: whoever has everything up to there, or further, has
    /// everything up to this entry now. Otherwise something is missing and to be pulled.
    pub previous: u64,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
}

/// 661: tell, or only ask, how far members have come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkEntries {
    /// The conversation.
    pub id_group: GroupId,
    /// The highest sequence that has arrived at a device of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<u64>,
    /// The highest sequence that one has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<u64>,
}

/// How far one member has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who.
    pub pseudo: Username,
    /// The highest sequence that has arrived.
    pub delivered: u64,
    /// The highest sequence that was read.
    pub read: u64,
}

/// 262: how far members have come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// The conversation.
    pub id_group: GroupId,
    /// Those who have come further; of a member who is not listed nothing is new.
    pub list_mark: Vec<Mark>,
}

/// 662: one begins or stops typing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetTyping {
    /// The conversation.
    pub id_group: GroupId,
    /// Whether one types.
    pub typing: bool,
}

/// 263: somebody begins or stops typing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// The conversation.
    pub id_group: GroupId,
    /// Who.
    pub pseudo: Username,
    /// Whether they type.
    pub typing: bool,
}

/// 663: ask for a page of entries: those after a sequence, those before one, or the newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullEntries {
    /// The conversation.
    pub id_group: GroupId,
    /// The first entries with a higher sequence. Not together with `before`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// The last entries with a lower sequence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// 264: a page of entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// The conversation.
    pub id_group: GroupId,
    /// The entries, by rising sequence.
    pub list_entry: Vec<Entry>,
    /// Whether there are more on that side of the page.
    pub more: bool,
    /// The conversation's last sequence.
    pub last: u64,
}

/// 664: ask for the conversations that have changed, and to be told of what is new from now on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListConversations {
    /// The cursor that the last answer gave; nothing for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A conversation that has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its id: the group's, or the pair's.
    pub id_group: GroupId,
    /// The other one, if it is between two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudo: Option<Username>,
    /// What came before one joined, up to this sequence, is not shown.
    pub joined_after: u64,
    /// The last sequence.
    pub last: u64,
    /// The highest sequence that one's own devices have told to have arrived.
    pub delivered: u64,
    /// The highest sequence that one has told to have read.
    pub read: u64,
}

/// 265: conversations that have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversations {
    /// In the order in which they changed.
    pub list_conversation: Vec<Conversation>,
    /// What to ask with next time.
    pub cursor: String,
    /// Whether there are more.
    pub more: bool,
    /// The cursor given is none of this server's: it was restored from a backup. What is cached
    /// of conversations is to be dropped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
}

/// How a call ended, in the body of an entry of kind [`EntryKind::Call`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// Somebody answered.
    Finished,
    /// Nobody answered.
    Missed,
    /// Who was called declined.
    Declined,
}

/// The body of an entry of kind [`EntryKind::Call`], as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEntry {
    /// How it ended.
    pub outcome: CallOutcome,
    /// How long it lasted from the answer on, in seconds.
    pub duration: u64,
}
