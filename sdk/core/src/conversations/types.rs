//! What the machine takes and gives.

use std::time::Duration;

use cooee_protocol::{
    AttachmentId, ClientMessage, Destination, Entry, EntryId, GroupId, Mark, NotSent, Posting,
    Username,
};

/// Limits and intervals.
#[derive(Debug, Clone)]
pub struct SyncConfig {
    /// Entries of a page that is asked for.
    pub page: u32,
    /// Entries that are fetched of a conversation of which nothing is held yet.
    pub first_page: u32,
    /// Most conversations that are kept track of.
    pub max_conversations: usize,
    /// Most drafts that may wait or have been refused.
    pub max_outbox: usize,
    /// Most pages that are asked for at the same time, each of another conversation.
    pub max_pulls: usize,
    /// Most drafts on their way at the same time, each to another conversation.
    pub max_posts: usize,
    /// Most writes that wait for the disk. Beyond it nothing new is taken in; it is asked for
    /// again later.
    pub max_writes: usize,
    /// Most pages of the list of conversations in one go.
    pub max_list_pages: u32,
    /// Most people whose typing is kept track of.
    pub max_typing: usize,
    /// The first wait after something could not be done; doubled each time.
    pub retry_first: Duration,
    /// No wait is longer.
    pub retry_ceiling: Duration,
    /// How long what arrives is collected before a pair is told of it.
    pub tell_pair_after: Duration,
    /// How long what arrives is collected before a group is told of it.
    pub tell_group_after: Duration,
    /// How often the own typing is repeated at most.
    pub typing_interval: Duration,
    /// When the typing of somebody who does not repeat it is over.
    pub typing_expiry: Duration,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            page: cooee_protocol::MAX_PAGE,
            first_page: 50,
            max_conversations: 20_000,
            max_outbox: 1_000,
            max_pulls: 4,
            max_posts: 8,
            max_writes: 64,
            max_list_pages: 200,
            max_typing: 256,
            retry_first: Duration::from_secs(1),
            retry_ceiling: Duration::from_secs(60),
            tell_pair_after: Duration::from_millis(300),
            tell_group_after: Duration::from_secs(2),
            typing_interval: Duration::from_secs(5),
            typing_expiry: Duration::from_secs(10),
        }
    }
}

/// What somebody wrote here, before the server has given it a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its id, a UUIDv7 that nothing else has.
    pub id: EntryId,
    /// Where to.
    pub destination: Destination,
    /// What.
    pub posting: Posting,
    /// When it was written, in milliseconds since the Unix epoch, by this device's clock. For
    /// people; nothing is decided by it.
    pub written_at: i64,
}

impl Draft {
    /// What is attached.
    pub fn attachments(&self) -> &[AttachmentId] {
        match &self.posting {
            Posting::Message {
                list_attachment, ..
            } => list_attachment.as_slice(),
            Posting::Edit { .. } | Posting::Deletion { .. } | Posting::Reaction { .. } => &[],
        }
    }
}

/// A draft in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What was written.
    pub draft: Draft,
    /// Why it was refused; `None` while it waits.
    pub refusal: Option<String>,
}

/// How much of a conversation is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The conversation.
    pub id_group: GroupId,
    /// The other person of a pair.
    pub pair: Option<Username>,
    /// The first sequence kept.
    pub first: u64,
    /// The last one; everything between is kept. `first - 1` where nothing is.
    pub last: u64,
    /// The highest sequence that the server has named.
    pub head: u64,
    /// The server shows this account nothing up to this sequence.
    pub begins_after: u64,
    /// How far the user has read.
    pub read: u64,
    /// How far the server knows that this account has received.
    pub told_delivered: u64,
    /// How far the server knows that the user has read.
    pub told_read: u64,
}

/// What the cache knows when it is opened.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Who this is.
    pub own: Option<Username>,
    /// Up to where the list of conversations is known.
    pub cursor: Option<String>,
    /// The conversations.
    pub conversations: Vec<Held>,
    /// What has not arrived, in the order in which it was written.
    pub outbox: Vec<Letter>,
}

/// An entry, and whether this account wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedEntry {
    /// The entry.
    pub entry: Entry,
    /// Whether its author is this account.
    pub own: bool,
}

/// A run of a conversation: everything that the server shows between two sequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The conversation.
    pub id_group: GroupId,
    /// The first sequence that it speaks for.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// The highest sequence that the server has named.
    pub head: u64,
    /// The entries, by rising sequence.
    pub entries: Vec<PlacedEntry>,
}

/// A conversation as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What the server said.
    pub conversation: cooee_protocol::Conversation,
}

/// What to write to the cache. Each is one transaction, and they are carried out in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Put a draft into the outbox.
    Keep {
        /// The draft.
        draft: Draft,
        /// Its conversation, as far as its id is known.
        id_group: Option<GroupId>,
    },
    /// The server refused a draft, with this reason: a [`NotSent`]'s word or another one.
    Refuse {
        /// The draft.
        id: EntryId,
        /// The word.
        reason: String,
    },
    /// A refused draft waits again.
    Retry(EntryId),
    /// A refused draft is forgotten.
    Discard(EntryId),
    /// A draft has arrived, and its entry is kept already.
    Arrived(EntryId),
    /// The id of the pair with somebody: drafts to them go there.
    Learn {
        /// The other person.
        pair: Username,
        /// The conversation.
        id_group: GroupId,
    },
    /// Put a page into a conversation; own entries in it leave the outbox with it. Answered with
    /// what is kept of the conversation then.
    Page(Page),
    /// A page of the list of conversations.
    List {
        /// Forget all conversations before.
        restart: bool,
        /// The conversations.
        listed: Vec<Listed>,
        /// The cursor behind them.
        cursor: String,
    },
    /// How far members have come.
    Marks {
        /// The conversation.
        id_group: GroupId,
        /// Theirs.
        marks: Vec<Mark>,
    },
    /// How far the user has read.
    Read {
        /// The conversation.
        id_group: GroupId,
        /// The sequence.
        read: u64,
    },
    /// How far the server knows that this account has come.
    Told {
        /// The conversation.
        id_group: GroupId,
        /// Received.
        delivered: u64,
        /// Read.
        read: u64,
    },
    /// Whom the account blocks now.
    Blocked(Vec<Username>),
}

/// Names a write towards its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriteId(pub(super) u64);

/// Names a request towards its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestTag(pub(super) u64);

/// The cache could not write, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotKept(pub String);

/// What the caller has to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum SyncOutput {
    /// Send a request; report to `handle_answer`.
    Request(RequestTag, ClientMessage),
    /// Write to the cache, in order; report to `handle_written` once it is durable.
    Write(WriteId, Write),
    /// See that the server has what is attached to a draft; report to `handle_uploaded`.
    Upload {
        /// The draft.
        id: EntryId,
        /// What is attached to it.
        attachments: Vec<AttachmentId>,
    },
    /// Tell the user.
    Event(ConversationEvent),
}

/// What happened. Where it is about what is kept, it is kept already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConversationEvent {
    /// The list of conversations, or how far one has read in them, has changed.
    List,
    /// These messages are new, or read differently now.
    Changed {
        /// The conversation.
        id_group: GroupId,
        /// The messages and calls.
        ids: Vec<EntryId>,
        /// They are older than what was kept before.
        older: bool,
    },
    /// A page of older entries that was asked for is kept, or there is none to be had: `whole`
    /// says whether the conversation is kept from its beginning.
    Older {
        /// The conversation.
        id_group: GroupId,
        /// Whether there is nothing older.
        whole: bool,
        /// Whether it failed.
        failed: bool,
    },
    /// Members have come further.
    Marks {
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
    /// A draft is in the outbox.
    Kept {
        /// Its id.
        id: EntryId,
    },
    /// A draft could not be put into the outbox, and will not be sent.
    NotKept {
        /// Its id.
        id: EntryId,
        /// Why.
        why: NotKept,
    },
    /// A draft has its place in the conversation.
    Arrived {
        /// Its id.
        id: EntryId,
        /// The conversation.
        id_group: GroupId,
    },
    /// A draft was refused, and stays in the outbox.
    Refused {
        /// Its id.
        id: EntryId,
        /// Why.
        reason: String,
    },
    /// Whom the account blocks has changed.
    Blocked,
    /// Everything that the server has had for this device is kept.
    CaughtUp,
    /// The server knows no conversations.
    Unsupported,
}

/// Why a draft is not even tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// It will never be taken, for this reason.
    #[error("it cannot be sent: {}", .0.as_str())]
    Invalid(NotSent),
    /// Too many drafts wait already.
    #[error("too much waits to be sent already")]
    Full,
    /// Nobody is signed in.
    #[error("not signed in")]
    SignedOut,
    /// There is no such draft in the outbox, or none in the state for it.
    #[error("there is no such draft that was refused")]
    Unknown,
}

/// Why what is attached to a draft is not at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadError {
    /// It may work later.
    Later,
    /// It never will, for this reason.
    Never(String),
}
