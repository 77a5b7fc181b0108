//! What the server sends.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::args::{
    AddContact, Blocked, Contact, DistributeInfo, Empty, Exchange, Group, GroupMember, InfoCall,
    Join, Profile, Quit, RequestInfo, Ring,
};
use crate::client::ArgsError;
use crate::code::{Code, UnknownCode};
use crate::conversations::{Conversations, Entries, EntryAccepted, Marks, NewEntry, Typing};
use crate::names::GroupId;
use crate::posting::{EntryId, NotSent};

/// 207: every group of the profile.
#[derive(Deserialize)]
struct GroupList {
    list_group: Vec<Group>,
}

/// 208: every contact of the profile.
#[derive(Deserialize)]
struct ContactList {
    list_contact: Vec<Contact>,
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// The codes of category Error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)+
        }

        impl ErrorCode {
            /// Every error code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code on the wire.
            pub const fn code(self) -> Code {
                match self {
                    $(Self::$name => Code::$name,)+
                }
            }

            const fn from_code(code: Code) -> Option<Self> {
                match code {
                    $(Code::$name => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

error_codes! {
    /// 401: the name is taken.
    PseudoExists,
    /// 402: wrong name or password, or not logged in.
    AuthFailed,
    /// 403: the data could not be passed on, or the entry was not taken.
    MessageNotSent,
    /// 404: the call failed.
    CallFailed,
    /// 405: the profile could not be added.
    ProfileNotAdded,
    /// 406: no such contact.
    ContactNotFound,
    /// 407: already a contact, or already asked.
    AlreadyContact,
    /// 450: malformed or invalid.
    Invalid,
    /// 451: not allowed.
    NotAllowed,
    /// 452: too many requests.
    SlowDown,
    /// 453: the server failed.
    ServerFault,
}

/// An error: no arguments, words beside them.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorReply {
    /// Which error.
    pub code: ErrorCode,
    /// What was wrong, in words.
    pub detail: Option<String>,
    /// With 404: the call that failed. With 403: the conversation.
    pub id_group: Option<GroupId>,
    /// With 404: why, as a word of the specification (`busy`, `offline`, `timeout`). With 403:
    /// why an entry was not taken, see [`ErrorReply::not_sent`].
    pub reason: Option<String>,
    /// With 403: the entry that was not taken.
    pub id: Option<EntryId>,
}

impl ErrorReply {
    /// An error with words.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: Some(detail.into()),
            id_group: None,
            reason: None,
            id: None,
        }
    }

    /// Why an entry was not taken, if this says so in a word that is known.
    pub fn not_sent(&self) -> Option<NotSent> {
        match self.code {
            ErrorCode::MessageNotSent => NotSent::parse(self.reason.as_deref()?),
            _ => None,
        }
    }

    fn from_fields(code: ErrorCode, object: &Map<String, Value>) -> Self {
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        Self {
            code,
            detail: text("detail").map(str::to_owned),
            id_group: text("id_group").and_then(|id| GroupId::parse(id).ok()),
            reason: text("reason").map(str::to_owned),
            id: text("id").and_then(|id| EntryId::parse(id).ok()),
        }
    }
}

/// A message from the server to a client.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerMessage {
    /// 201: a group as it is now.
    Group(Group),
    /// 202: a profile as it is now.
    Profile(Profile),
    /// 203: somebody was added to a group.
    MemberAdded(GroupMember),
    /// 204: somebody left a group.
    MemberLeft(GroupMember),
    /// 205: a contact was asked for, or confirmed.
    ContactAdded(Contact),
    /// 206: a contact is none any more.
    ContactDeleted(AddContact),
    /// 207: every group.
    Groups(Vec<Group>),
    /// 208: every contact.
    Contacts(Vec<Contact>),
    /// 401-407 and 450-453: a request was refused.
    Error(ErrorReply),
    /// 501: the echo of a ring, or somebody rings.
    Ring(Ring),
    /// 502: somebody accepted.
    Accept(Join),
    /// 503: somebody quit.
    Quit(Quit),
    /// 504: data from another participant.
    Exchange(Exchange),
    /// 505: tell your addresses.
    RequestInfo(RequestInfo),
    /// 506: the echo.
    InfoCall(InfoCall),
    /// 507: the addresses of the others.
    DistributeInfo(DistributeInfo),
    /// 651: the echo; the session is over.
    Logout(Empty),
    /// 260: an entry is stored.
    EntryAccepted(EntryAccepted),
    /// 261: an entry was posted.
    NewEntry(NewEntry),
    /// 262: how far members have come.
    Marks(Marks),
    /// 263: somebody begins or stops typing.
    Typing(Typing),
    /// 264: a page of entries.
    Entries(Entries),
    /// 265: conversations that have changed.
    Conversations(Conversations),
    /// 266: whom one blocks.
    Blocked(Blocked),
    /// 668: the echo; the profile is no more.
    DeleteProfile(Empty),
}

impl ServerMessage {
    /// The codes that the server may send.
    pub const CODES: &'static [Code] = &[
        Code::Group,
        Code::Profile,
        Code::MemberAdded,
        Code::MemberLeft,
        Code::ContactAdded,
        Code::ContactDeleted,
        Code::Groups,
        Code::Contacts,
        Code::PseudoExists,
        Code::AuthFailed,
        Code::MessageNotSent,
        Code::CallFailed,
        Code::ProfileNotAdded,
        Code::ContactNotFound,
        Code::AlreadyContact,
        Code::Invalid,
        Code::NotAllowed,
        Code::SlowDown,
        Code::ServerFault,
        Code::Ring,
        Code::Accept,
        Code::Quit,
        Code::Exchange,
        Code::RequestInfo,
        Code::InfoCall,
        Code::DistributeInfo,
        Code::Logout,
        Code::EntryAccepted,
        Code::NewEntry,
        Code::Marks,
        Code::Typing,
        Code::Entries,
        Code::Conversations,
        Code::Blocked,
        Code::DeleteProfile,
    ];

    /// The code of this message.
    pub const fn code(&self) -> Code {
        match self {
            Self::Group(_) => Code::Group,
            Self::Profile(_) => Code::Profile,
            Self::MemberAdded(_) => Code::MemberAdded,
            Self::MemberLeft(_) => Code::MemberLeft,
            Self::ContactAdded(_) => Code::ContactAdded,
            Self::ContactDeleted(_) => Code::ContactDeleted,
            Self::Groups(_) => Code::Groups,
            Self::Contacts(_) => Code::Contacts,
            Self::Error(error) => error.code.code(),
            Self::Ring(_) => Code::Ring,
            Self::Accept(_) => Code::Accept,
            Self::Quit(_) => Code::Quit,
            Self::Exchange(_) => Code::Exchange,
            Self::RequestInfo(_) => Code::RequestInfo,
            Self::InfoCall(_) => Code::InfoCall,
            Self::DistributeInfo(_) => Code::DistributeInfo,
            Self::Logout(_) => Code::Logout,
            Self::EntryAccepted(_) => Code::EntryAccepted,
            Self::NewEntry(_) => Code::NewEntry,
            Self::Marks(_) => Code::Marks,
            Self::Typing(_) => Code::Typing,
            Self::Entries(_) => Code::Entries,
            Self::Conversations(_) => Code::Conversations,
            Self::Blocked(_) => Code::Blocked,
            Self::DeleteProfile(_) => Code::DeleteProfile,
        }
    }

    pub(crate) fn from_object(
        code: Code,
        args: Value,
        object: &Map<String, Value>,
    ) -> Result<Self, ArgsError> {
        if let Some(code) = ErrorCode::from_code(code) {
            return Ok(Self::Error(ErrorReply::from_fields(code, object)));
        }
        Ok(match code {
            Code::Group => Self::Group(Group::deserialize(args)?),
            Code::Profile => Self::Profile(Profile::deserialize(args)?),
            Code::MemberAdded => Self::MemberAdded(GroupMember::deserialize(args)?),
            Code::MemberLeft => Self::MemberLeft(GroupMember::deserialize(args)?),
            Code::ContactAdded => Self::ContactAdded(Contact::deserialize(args)?),
            Code::ContactDeleted => Self::ContactDeleted(AddContact::deserialize(args)?),
            Code::Groups => Self::Groups(GroupList::deserialize(args)?.list_group),
            Code::Contacts => Self::Contacts(ContactList::deserialize(args)?.list_contact),
            Code::Ring => Self::Ring(Ring::deserialize(args)?),
            Code::Accept => Self::Accept(Join::deserialize(args)?),
            Code::Quit => Self::Quit(Quit::deserialize(args)?),
            Code::Exchange => Self::Exchange(Exchange::deserialize(args)?),
            Code::RequestInfo => Self::RequestInfo(RequestInfo::deserialize(args)?),
            Code::InfoCall => Self::InfoCall(InfoCall::deserialize(args)?),
            Code::DistributeInfo => Self::DistributeInfo(DistributeInfo::deserialize(args)?),
            Code::Logout => Self::Logout(Empty::deserialize(args)?),
            Code::EntryAccepted => Self::EntryAccepted(EntryAccepted::deserialize(args)?),
            Code::NewEntry => Self::NewEntry(NewEntry::deserialize(args)?),
            Code::Marks => Self::Marks(Marks::deserialize(args)?),
            Code::Typing => Self::Typing(Typing::deserialize(args)?),
            Code::Entries => Self::Entries(Entries::deserialize(args)?),
            Code::Conversations => Self::Conversations(Conversations::deserialize(args)?),
            Code::Blocked => Self::Blocked(Blocked::deserialize(args)?),
            Code::DeleteProfile => Self::DeleteProfile(Empty::deserialize(args)?),
            other => {
                return Err(ArgsError::Direction(UnknownCode(u64::from(other.number()))));
            }
        })
    }
}

/// The arguments of a message, or nothing for an error, which has none.
pub(crate) struct Args<'a>(pub(crate) &'a ServerMessage);

impl Serialize for Args<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use ServerMessage as Message;
        #[derive(Serialize)]
        struct Groups<'a> {
            list_group: &'a [Group],
        }
        #[derive(Serialize)]
        struct Contacts<'a> {
            list_contact: &'a [Contact],
        }
        match self.0 {
            Message::Group(args) => args.serialize(serializer),
            Message::Profile(args) => args.serialize(serializer),
            Message::MemberAdded(args) | Message::MemberLeft(args) => args.serialize(serializer),
            Message::ContactAdded(args) => args.serialize(serializer),
            Message::ContactDeleted(args) => args.serialize(serializer),
            Message::Groups(list_group) => Groups { list_group }.serialize(serializer),
            Message::Contacts(list_contact) => Contacts { list_contact }.serialize(serializer),
            Message::Error(_) => serializer.serialize_none(),
            Message::Ring(args) => args.serialize(serializer),
            Message::Accept(args) => args.serialize(serializer),
            Message::Quit(args) => args.serialize(serializer),
            Message::Exchange(args) => args.serialize(serializer),
            Message::RequestInfo(args) => args.serialize(serializer),
            Message::InfoCall(args) => args.serialize(serializer),
            Message::DistributeInfo(args) => args.serialize(serializer),
            Message::Logout(args) | Message::DeleteProfile(args) => args.serialize(serializer),
            Message::EntryAccepted(args) => args.serialize(serializer),
            Message::NewEntry(args) => args.serialize(serializer),
            Message::Marks(args) => args.serialize(serializer),
            Message::Typing(args) => args.serialize(serializer),
            Message::Entries(args) => args.serialize(serializer),
            Message::Conversations(args) => args.serialize(serializer),
            Message::Blocked(args) => args.serialize(serializer),
        }
    }
}
