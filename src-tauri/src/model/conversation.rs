//! What is written.

use serde::{Deserialize, Serialize};
use specta::Type;

use super::account::AccountId;
use crate::error::ErrorCode;

/// A conversation in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conversation {
    /// Names it: the id of the group or of the pair.
    pub(crate) id: String,
    /// The other person, when it is a pair's.
    pub(crate) with: Option<String>,
    /// What was said last.
    pub(crate) last: Option<Message>,
    /// Messages and missed calls that the user has not read.
    pub(crate) unread: u32,
    /// How far the user has read, as a sequence; the first unread message is behind it.
    pub(crate) read: i64,
    /// How far the others have come.
    pub(crate) marks: Vec<Mark>,
    /// What the user has begun to write.
    pub(crate) draft: String,
}

/// How far somebody has come, in sequences.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mark {
    /// Who.
    pub(crate) name: String,
    /// Has arrived on one of their devices.
    pub(crate) delivered: i64,
    /// Has been read.
    pub(crate) read: i64,
}

/// How far one's own message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MessageState {
    /// Waits for the server; goes out by itself.
    Sending,
    /// Was refused; `retry_message` or `discard_message`.
    Failed,
    /// The server keeps it.
    Sent,
}

/// A message or call as it reads now, with its edits, reactions and deletion.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    /// Names it.
    pub(crate) id: String,
    /// Its place; `null` while it waits to be sent: such messages stand behind all others.
    pub(crate) sequence: Option<i64>,
    /// Who wrote it, or who called; `null` for a profile that is gone.
    pub(crate) author: Option<String>,
    /// Whether the user wrote it.
    pub(crate) own: bool,
    /// When the server took it, or when it was written.
    pub(crate) at: i64,
    /// What it says; empty for a call and when it was deleted.
    pub(crate) text: String,
    /// What came with it.
    pub(crate) files: Vec<File>,
    /// When it is a call.
    pub(crate) call: Option<CallOutcome>,
    /// The message that it answers.
    pub(crate) reply_to: Option<Quote>,
    /// When it was last edited.
    pub(crate) edited_at: Option<i64>,
    /// Whether its author deleted it.
    pub(crate) deleted: bool,
    /// Each person's reaction.
    pub(crate) reactions: Vec<Reaction>,
    /// How far it is; others' messages are `sent`.
    pub(crate) state: MessageState,
    /// Why it failed.
    pub(crate) failure: Option<ErrorCode>,
}

/// A message that another one answers.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Quote {
    /// Names it.
    pub(crate) id: String,
    /// Who wrote it; `null` when it is not on this device.
    pub(crate) author: Option<String>,
    /// The beginning of what it says.
    pub(crate) text: String,
}

/// How a call in a conversation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallResult {
    /// It was answered.
    Finished,
    /// Nobody answered.
    Missed,
    /// It was declined.
    Declined,
}

/// A call in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallOutcome {
    /// How it went.
    pub(crate) result: CallResult,
    /// Seconds from the first answer on.
    pub(crate) seconds: u32,
}

/// One person's reaction.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reaction {
    /// Whose.
    pub(crate) name: String,
    /// Such as one emoji.
    pub(crate) text: String,
}

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct File {
    /// Names it on the server.
    pub(crate) id: String,
    /// What its sender calls it; a mere text, never a path.
    pub(crate) name: String,
    /// What its sender says that it is.
    pub(crate) media_type: String,
    /// Bytes.
    pub(crate) size: i64,
    /// Pixels, when it is a picture.
    pub(crate) width: Option<u32>,
    /// Pixels, when it is a picture.
    pub(crate) height: Option<u32>,
    /// The id of a smaller picture, for `mediaUrl`.
    pub(crate) thumbnail: Option<String>,
}

/// A run of messages, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    /// The messages.
    pub(crate) messages: Vec<Message>,
    /// Whether there are earlier ones.
    pub(crate) earlier: bool,
    /// Whether there are later ones.
    pub(crate) later: bool,
}

/// Which messages a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PageFrom {
    /// The newest.
    Newest,
    /// The last before this sequence.
    Before(i64),
    /// The first after this sequence.
    After(i64),
    /// Those around this sequence, half of them before it.
    Around(i64),
}

/// What the user wrote.
#[derive(Debug, Clone, Deserialize, Type)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewMessage {
    /// 1 to 4,000 characters; may be empty when there are files.
    pub(crate) text: String,
    /// The message that it answers.
    pub(crate) reply_to: Option<String>,
    /// Files from `pick_files` or `add_picture`, by their `token`; at most 10.
    pub(crate) files: Vec<String>,
}

/// One message of one conversation.
#[derive(Debug, Clone, Deserialize, Type)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MessageAt {
    /// Whose.
    pub(crate) account: AccountId,
    /// The conversation.
    pub(crate) conversation: String,
    /// The message.
    pub(crate) message: String,
}

/// A file that the user chose and did not send yet.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PickedFile {
    /// Names it in [`NewMessage`]; good once, until the app ends.
    pub(crate) token: String,
    /// Its name.
    pub(crate) name: String,
    /// Bytes.
    pub(crate) size: i64,
    /// What it seems to be.
    pub(crate) media_type: String,
}

/// A message that a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Found {
    /// The conversation.
    pub(crate) conversation: String,
    /// The message.
    pub(crate) message: Message,
}

/// How far a file is on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transfer {
    /// The file's id, in whichever messages it is.
    pub(crate) file: String,
    /// Bytes that have arrived.
    pub(crate) done: i64,
    /// All of them; 0 while that is not known.
    pub(crate) size: i64,
    /// Why it stopped.
    pub(crate) failure: Option<ErrorCode>,
}

/// How far an export has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Export {
    /// Messages written.
    pub(crate) messages: i64,
    /// Conversations written.
    pub(crate) conversations: u32,
    /// Conversations in all.
    pub(crate) all_conversations: u32,
    /// Files written.
    pub(crate) files: u32,
    /// Files in all, as far as they are known: more are found with each conversation.
    pub(crate) all_files: u32,
    /// Files that could not be had.
    pub(crate) missing_files: u32,
    /// Conversations whose older messages could not be fetched.
    pub(crate) incomplete: u32,
}
