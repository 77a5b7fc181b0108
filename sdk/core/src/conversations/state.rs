//! What the machine remembers of conversations, requests and writes.

use std::time::Instant;

use cooee_protocol::{EntryId, GroupId};

use super::types::Held;

/// What a connection has been asked and has told so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// There is none.
    Down,
    /// The list is being asked for, this many pages so far.
    Listing(u32),
    /// Everything new is told.
    Following,
    /// The server knows no conversations.
    Unsupported,
}

/// A page that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pull {
    After(u64),
    Before(u64),
}

/// What is known of a conversation, and what is going on with it.
#[derive(Debug)]
pub(super) struct Conversation {
    /// What is durable.
    pub(super) held: Held,
    /// What will be durable when the writes on their way have succeeded.
    pub(super) first: u64,
    pub(super) last: u64,
    /// Pages on their way to the disk.
    pub(super) writing: usize,
    pub(super) pulling: Option<Pull>,
    /// Somebody wants to see what is older.
    pub(super) older_wanted: bool,
    /// The server does not show it (any more).
    pub(super) closed: bool,
    /// Nothing is asked for before.
    pub(super) retry_at: Option<Instant>,
    pub(super) failures: u32,
    /// A mark is on its way.
    pub(super) telling: bool,
    /// What was told last, received and read. A server that knows less is not told again.
    pub(super) told: (u64, u64),
    /// When what has arrived is told.
    pub(super) tell_at: Option<Instant>,
}

impl Conversation {
    pub(super) fn new(held: Held) -> Self {
        Self {
            first: held.first,
            last: held.last,
            held,
            writing: 0,
            pulling: None,
            older_wanted: false,
            closed: false,
            retry_at: None,
            failures: 0,
            telling: false,
            told: (0, 0),
            tell_at: None,
        }
    }

    /// Whether nothing older is to be had.
    pub(super) fn is_whole(&self) -> bool {
        self.first <= self.held.begins_after.saturating_add(1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first > self.last
    }
}

/// What an answer is for.
#[derive(Debug)]
pub(super) enum Purpose {
    List,
    Pull(GroupId, Pull),
    Post(EntryId),
    Mark(GroupId),
    Typing,
    Blocked,
}

/// What a write is for.
#[derive(Debug)]
pub(super) enum Written {
    Keep(EntryId),
    Refuse(EntryId, String),
    Retry(EntryId),
    Arrived(EntryId, GroupId),
    Page {
        id_group: GroupId,
        arrived: Vec<EntryId>,
        changed: Vec<EntryId>,
        older: bool,
        /// It answers a pull, and the next may be asked for.
        pulled: bool,
    },
    /// A page of before the server came back from a backup: its places are none any more.
    LostPage {
        id_group: GroupId,
        arrived: Vec<EntryId>,
    },
    List {
        more: bool,
        /// Where the list is known up to then.
        cursor: String,
    },
    /// A page of the list that an earlier connection has told.
    EarlierList(String),
    Marks(GroupId),
    Read,
    Blocked,
    Other,
}

impl Written {
    /// The connection that told it is gone: the next one begins with the list anew.
    pub(super) fn lose_connection(&mut self) {
        if let Self::List { cursor, .. } = self {
            *self = Self::EarlierList(std::mem::take(cursor));
        }
    }

    /// The places of a page are none any more.
    pub(super) fn lose_places(&mut self) {
        if let Self::Page {
            id_group, arrived, ..
        } = self
        {
            *self = Self::LostPage {
                id_group: id_group.clone(),
                arrived: std::mem::take(arrived),
            };
        }
    }
}
