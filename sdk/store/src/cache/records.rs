//! What the cache gives and takes.

/// What is known of a person: a presence for a confirmed contact, or how far the request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// A confirmed contact who is reachable.
    Online,
    /// A confirmed contact who is not reachable, or whose presence is not known yet.
    Offline,
    /// A confirmed contact who is in a call.
    InCall,
    /// Asked by this account, not confirmed yet.
    Pending,
    /// Asked by the other side, not confirmed yet.
    Requested,
}

impl Status {
    /// The status as the protocol writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::InCall => "in_call",
            Self::Pending => "pending",
            Self::Requested => "requested",
        }
    }

    /// The status that the protocol writes as `text`; `None` when there is none.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "online" => Some(Self::Online),
            "offline" => Some(Self::Offline),
            "in_call" => Some(Self::InCall),
            "pending" => Some(Self::Pending),
            "requested" => Some(Self::Requested),
            _ => None,
        }
    }
}

/// The account's own profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The name, as its owner spells it.
    pub pseudo: String,
    /// The id of the picture; empty for none.
    pub pp: String,
    /// The presence that the server shows to others. Volatile: reads as [`Status::Offline`] after
    /// opening, until it is set again.
    pub status: Status,
}

/// A contact, confirmed or asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The name, as its owner spells it.
    pub pseudo: String,
    /// The id of the picture; empty for none.
    pub pp: String,
    /// Presence or state of the request. Of a confirmed contact it is volatile: it reads as
    /// [`Status::Offline`] after opening, until the contact is written again.
    pub status: Status,
}

/// A group and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The server's opaque id.
    pub id_group: String,
    /// The name that people see.
    pub group_name: String,
    /// The members' names, in the server's order, each once.
    pub members: Vec<String>,
    /// When the group changed last, as the server wrote it (RFC 3339, UTC).
    pub last_update_date: String,
    /// The name of who created it; empty when the server has not said it.
    pub creator: String,
}

/// Who started a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallDirection {
    /// This account rang somebody.
    Outgoing,
    /// Somebody rang this account.
    Incoming,
}

impl CallDirection {
    /// The word that stands for it in the database and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outgoing => "outgoing",
            Self::Incoming => "incoming",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "outgoing" => Some(Self::Outgoing),
            "incoming" => Some(Self::Incoming),
            _ => None,
        }
    }
}

/// Names a call in the history of one account. Grows from call to call and is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub i64);

impl std::fmt::Display for CallId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A call as it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// The group that the call belongs to; empty while the server has not said it.
    pub id_group: String,
    /// Who started it.
    pub direction: CallDirection,
    /// The other participants' names, each once.
    pub peers: Vec<String>,
    /// When it started to ring, in milliseconds since the Unix epoch.
    pub started_at: i64,
}

/// A call in the history. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Its place in the history.
    pub id: CallId,
    /// The group that the call belongs to; empty if the server never said it.
    pub id_group: String,
    /// Who started it.
    pub direction: CallDirection,
    /// The other participants, in the order in which they came to be known.
    pub peers: Vec<String>,
    /// When it started to ring.
    pub started_at: i64,
    /// When it was accepted; `None` if it was not.
    pub accepted_at: Option<i64>,
    /// When it ended; `None` while it goes on. Of an [`INTERRUPTED`] call it is the last moment
    /// that was written down.
    pub ended_at: Option<i64>,
    /// Why it ended; `None` while it goes on.
    pub end_reason: Option<String>,
}

/// The reason given to a call whose end nobody wrote down, because the client died during it.
pub const INTERRUPTED: &str = "interrupted";
