//! Message codes and their categories.

use std::fmt;

/// The four families of messages, one for each table column of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// 600-699: a request that reads or changes what the server stores.
    ActionDb,
    /// 200-299: the server tells the state of a profile, a contact or a group.
    Notif,
    /// 400-499: a request was refused.
    Error,
    /// 500-599: call signalling.
    ActionVoip,
}

/// A code without a meaning in this version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown message type {0}")]
pub struct UnknownCode(pub u64);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)+) => {
        /// The number in a frame's `type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Code {
            $($(#[$doc])* $name = $number,)+
        }

        impl Code {
            /// Every code of the protocol, in the order of the specification's table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The number on the wire.
            pub const fn number(self) -> u16 {
                self as u16
            }
        }

        impl TryFrom<u64> for Code {
            type Error = UnknownCode;

            fn try_from(number: u64) -> Result<Self, UnknownCode> {
                match number {
                    $($number => Ok(Self::$name),)+
                    other => Err(UnknownCode(other)),
                }
            }
        }
    };
}

codes! {
    /// Create a profile and log in.
    CreateProfile = 601,
    /// Change name, password or picture.
    AmendProfile = 602,
    /// Create a group.
    CreateGroup = 603,
    /// Add a contact to a group.
    AddToGroup = 604,
    /// Leave a group, or remove somebody from it.
    QuitGroup = 605,
    /// Ask somebody to become a contact, or confirm.
    AddContact = 606,
    /// Withdraw, decline or remove a contact.
    DeleteContact = 607,
    /// Log in.
    Login = 608,
    /// A group as it is now.
    Group = 201,
    /// A profile as it is now.
    Profile = 202,
    /// Somebody was added to a group.
    MemberAdded = 203,
    /// Somebody left a group.
    MemberLeft = 204,
    /// A contact was asked for, or confirmed.
    ContactAdded = 205,
    /// A contact was withdrawn, declined or removed.
    ContactDeleted = 206,
    /// Every group of this profile.
    Groups = 207,
    /// Every contact of this profile.
    Contacts = 208,
    /// The name is taken.
    PseudoExists = 401,
    /// Wrong name or password, or not logged in.
    AuthFailed = 402,
    /// The data could not be passed on.
    MessageNotSent = 403,
    /// The call failed.
    CallFailed = 404,
    /// The profile could not be added.
    ProfileNotAdded = 405,
    /// No such contact.
    ContactNotFound = 406,
    /// Already a contact, or already asked.
    AlreadyContact = 407,
    /// The request is malformed or invalid.
    Invalid = 450,
    /// The request is not allowed.
    NotAllowed = 451,
    /// Too many requests.
    SlowDown = 452,
    /// The server failed.
    ServerFault = 453,
    /// Ring somebody, or: somebody rings.
    Ring = 501,
    /// Accept a call.
    Accept = 502,
    /// Quit or decline a call.
    Quit = 503,
    /// Opaque data from one participant to another.
    Exchange = 504,
    /// The server asks for a participant's addresses.
    RequestInfo = 505,
    /// A participant's addresses.
    InfoCall = 506,
    /// The addresses of the other participants.
    DistributeInfo = 507,
    /// Resume a session by its token.
    Resume = 650,
    /// End the session.
    Logout = 651,
    /// Post an entry to a conversation.
    PostEntry = 660,
    /// Tell or ask how far members have come.
    MarkEntries = 661,
    /// One begins or stops typing.
    SetTyping = 662,
    /// Ask for a page of entries.
    PullEntries = 663,
    /// Ask for the conversations that have changed.
    ListConversations = 664,
    /// Block somebody.
    Block = 665,
    /// Block somebody no longer.
    Unblock = 666,
    /// Ask whom one blocks.
    ListBlocked = 667,
    /// Delete the profile.
    DeleteProfile = 668,
    /// An entry is stored.
    EntryAccepted = 260,
    /// An entry was posted.
    NewEntry = 261,
    /// How far members have come.
    Marks = 262,
    /// Somebody begins or stops typing.
    Typing = 263,
    /// A page of entries.
    Entries = 264,
    /// Conversations that have changed.
    Conversations = 265,
    /// Whom one blocks.
    Blocked = 266,
}

impl Code {
    /// The family of this code.
    pub const fn category(self) -> Category {
        match self.number() / 100 {
            2 => Category::Notif,
            4 => Category::Error,
            5 => Category::ActionVoip,
            // The enum holds no number outside the four hundreds.
            _ => Category::ActionDb,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}
