//! What the interface takes and gives.

use std::sync::Arc;

use cooee_sdk::{CallPhase, CallSnapshot, CallStats, Connectivity, RouteKind};

use crate::error::CooeeError;
use crate::pcm::{PcmInput, PcmOutput};

/// How a client is set up.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Settings {
    /// The server: `cooee.example.org`, `wss://cooee.example.org`, `ws://127.0.0.1:4400`. Without
    /// one, the server that the folder was last signed in to.
    #[uniffi(default = None)]
    pub server: Option<String>,
    /// The app's folder for the cache; made if it is missing.
    pub folder: String,
    /// Where the session's token is kept. The password is kept nowhere.
    #[uniffi(default = None)]
    pub credentials: Option<CredentialPlace>,
    /// Trusts the certificates in this PEM file instead of those that the system trusts.
    #[uniffi(default = None)]
    pub ca_file: Option<String>,
    /// Leaves out to look through the cache for damage first: for a process that a push has woken.
    #[uniffi(default = false)]
    pub quick_start: bool,
}

/// Where the session's token is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CredentialPlace {
    /// In the phone's or the desktop's own store; the default.
    Keyring,
    /// In a file in the folder that only its owner can read: for bots and tests.
    File,
    /// Only in memory.
    Memory,
}

/// The own profile.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The id of its picture.
    pub picture: String,
}

/// A contact, or somebody who is about to be one.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Contact {
    /// Their name.
    pub name: String,
    /// The id of their picture.
    pub picture: String,
    /// `online`, `offline`, `in_call`, `pending` (asked by us) or `requested` (they asked).
    pub status: ContactStatus,
}

/// How it stands with a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ContactStatus {
    /// Can be called.
    Online,
    /// Has no session anywhere.
    Offline,
    /// In a call.
    InCall,
    /// Was asked and has not answered.
    Pending,
    /// Has asked; adding them confirms it.
    Requested,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its members.
    pub members: Vec<String>,
}

/// With whom a conversation is.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Recipient {
    /// A contact.
    Contact {
        /// Their name.
        name: String,
    },
    /// The members of a group.
    Group {
        /// The group's id.
        id: String,
    },
}

/// A conversation, for a list of them.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Conversation {
    /// With whom.
    pub with: Recipient,
    /// The contact's or the group's name.
    pub title: String,
    /// The last message or call.
    pub last: Option<Message>,
    /// What was not read, counted up to 1,000.
    pub unread: u32,
}

/// A message or a call, as it reads now.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Message {
    /// Its place in the conversation; not every number has a message.
    pub sequence: u64,
    /// Its id.
    pub id: String,
    /// Who wrote it or called; nothing when that profile is gone.
    pub author: Option<String>,
    /// Whether this account wrote it.
    pub own: bool,
    /// When the server took it, in milliseconds since the Unix epoch.
    pub at: i64,
    /// What it is.
    pub kind: MessageKind,
    /// Its text; empty for a call, a deletion, or files alone.
    pub text: String,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum MessageKind {
    /// A text.
    Text,
    /// Files, perhaps with a text.
    Files,
    /// A call that is over.
    Call,
    /// It was deleted.
    Deleted,
    /// Something that this version does not know.
    Other,
}

/// A page of messages, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether older ones may be there.
    pub more: bool,
}

/// A call that rings here.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Ring {
    /// The call.
    pub call: String,
    /// Who calls.
    pub from: String,
}

/// What a call listens to and plays on: the app's own sound, or devices.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct Sound {
    /// The app's own microphone.
    #[uniffi(default = None)]
    pub input: Option<Arc<PcmInput>>,
    /// The app's own loudspeaker.
    #[uniffi(default = None)]
    pub output: Option<Arc<PcmOutput>>,
    /// Bits in a second for the voice, 12,000 to 64,000; 32,000 if not said.
    #[uniffi(default = None)]
    pub bitrate: Option<u32>,
}

/// How the client stands with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Connection {
    /// Not signed in, and not trying to.
    SignedOut,
    /// Connecting or signing in.
    Connecting,
    /// In step with the server.
    Online,
    /// The connection is lost; it is being tried again.
    Reconnecting,
    /// In the background.
    Paused,
}

/// Where a call is.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct CallState {
    /// The call's id, as soon as the server told it.
    pub call: Option<String>,
    /// Its phase.
    pub phase: Phase,
    /// The others who have accepted.
    pub participants: Vec<Participant>,
    /// Whether the microphone is muted.
    pub muted: bool,
    /// Why it ended, in a stable word; nothing while it goes on.
    pub ended: Option<String>,
}

/// Somebody in a call.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Participant {
    /// Their name.
    pub name: String,
    /// How voice gets there; nothing while there is no way.
    pub route: Option<VoicePath>,
}

/// How voice gets to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum VoicePath {
    /// Straight.
    Direct,
    /// By way of a relay.
    Relayed,
    /// Through the connection to the server.
    Tunnelled,
}

/// The phases of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Phase {
    /// Nobody has accepted yet.
    RingingOut,
    /// It rings here.
    RingingIn,
    /// Accepted; no way for voice has opened yet.
    Connecting,
    /// Somebody is reached.
    Connected,
    /// Every way is lost for now.
    Reconnecting,
    /// Over.
    Ended,
}

/// How the voice of a call is doing, of all participants together.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Statistics {
    /// Voice packets sent.
    pub sent: u64,
    /// Voice packets received.
    pub received: u64,
    /// Packets that never arrived.
    pub lost: u64,
    /// Frames that were made up because nothing was there to play.
    pub concealed: u64,
    /// Interarrival jitter in milliseconds.
    pub jitter_ms: f64,
    /// Round trip in milliseconds; nothing before the first report.
    pub round_trip_ms: Option<f64>,
    /// The jitter buffer's delay in milliseconds.
    pub buffer_ms: f64,
    /// How it sounds here by the E-model, 1 to 4.5; nothing as long as nothing is known.
    pub mos: Option<f32>,
}

/// What a push was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum WakeReason {
    /// Somebody calls.
    Call,
    /// Something was written.
    Message,
}

impl From<cooee_sdk::Me> for Profile {
    fn from(me: cooee_sdk::Me) -> Self {
        Self {
            name: me.name.to_string(),
            picture: me.picture.as_str().to_owned(),
        }
    }
}

impl From<cooee_sdk::Contact> for Contact {
    fn from(contact: cooee_sdk::Contact) -> Self {
        use cooee_sdk::Status;
        Self {
            name: contact.pseudo.to_string(),
            picture: contact.pp.as_str().to_owned(),
            status: match contact.status {
                Status::Online => ContactStatus::Online,
                Status::Offline => ContactStatus::Offline,
                Status::InCall => ContactStatus::InCall,
                Status::Pending => ContactStatus::Pending,
                Status::Requested => ContactStatus::Requested,
            },
        }
    }
}

impl From<cooee_sdk::Group> for Group {
    fn from(group: cooee_sdk::Group) -> Self {
        Self {
            id: group.id_group.to_string(),
            name: group.group_name.to_string(),
            members: group.list_pseudo.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<cooee_sdk::Recipient> for Recipient {
    fn from(with: cooee_sdk::Recipient) -> Self {
        match with {
            cooee_sdk::Recipient::Contact(name) => Self::Contact {
                name: name.to_string(),
            },
            cooee_sdk::Recipient::Group(id) => Self::Group { id: id.to_string() },
        }
    }
}

impl Recipient {
    pub(crate) fn parsed(&self) -> Result<cooee_sdk::Recipient, CooeeError> {
        Ok(match self {
            Self::Contact { name } => cooee_sdk::Recipient::Contact(parse(name, "name")?),
            Self::Group { id } => cooee_sdk::Recipient::Group(parse(id, "group")?),
        })
    }
}

impl From<cooee_sdk::Conversation> for Conversation {
    fn from(conversation: cooee_sdk::Conversation) -> Self {
        Self {
            with: conversation.with.into(),
            title: conversation.title,
            last: conversation.last.map(Into::into),
            unread: conversation.unread,
        }
    }
}

impl From<cooee_sdk::Message> for Message {
    fn from(message: cooee_sdk::Message) -> Self {
        use cooee_sdk::Body;
        let (kind, text) = match message.body {
            Body::Text(text) => (MessageKind::Text, text),
            Body::Files { text, .. } => (MessageKind::Files, text),
            Body::Call { .. } => (MessageKind::Call, String::new()),
            Body::Deleted => (MessageKind::Deleted, String::new()),
            _ => (MessageKind::Other, String::new()),
        };
        Self {
            sequence: message.sequence,
            id: message.id.to_string(),
            author: message.author.map(|name| name.to_string()),
            own: message.own,
            at: message.at,
            kind,
            text,
        }
    }
}

impl From<Connectivity> for Connection {
    fn from(now: Connectivity) -> Self {
        match now {
            Connectivity::SignedOut => Self::SignedOut,
            Connectivity::Connecting => Self::Connecting,
            Connectivity::Online => Self::Online,
            Connectivity::Reconnecting => Self::Reconnecting,
            Connectivity::Paused => Self::Paused,
        }
    }
}

impl From<Option<CallPhase>> for Phase {
    fn from(phase: Option<CallPhase>) -> Self {
        match phase {
            Some(CallPhase::RingingOut) => Self::RingingOut,
            Some(CallPhase::RingingIn) => Self::RingingIn,
            Some(CallPhase::Connecting) => Self::Connecting,
            Some(CallPhase::Connected) => Self::Connected,
            Some(CallPhase::Reconnecting) => Self::Reconnecting,
            None => Self::Ended,
        }
    }
}

impl From<CallSnapshot> for CallState {
    fn from(call: CallSnapshot) -> Self {
        let route = |name| {
            call.routes.get(name).map(|kind| match kind {
                RouteKind::Direct => VoicePath::Direct,
                RouteKind::Relayed => VoicePath::Relayed,
                RouteKind::Tunnelled => VoicePath::Tunnelled,
            })
        };
        let participants = call.participants.iter();
        Self {
            call: call.id_group.as_ref().map(ToString::to_string),
            phase: call.phase.into(),
            participants: participants
                .map(|name| Participant {
                    name: name.to_string(),
                    route: route(name),
                })
                .collect(),
            muted: call.muted,
            ended: call.ended.map(|(reason, _)| reason.as_str().to_owned()),
        }
    }
}

impl From<CallStats> for Statistics {
    fn from(stats: CallStats) -> Self {
        let milliseconds = |span: std::time::Duration| span.as_secs_f64() * 1_000.0;
        Self {
            sent: stats.sent,
            received: stats.received,
            lost: stats.lost,
            concealed: stats.concealed,
            jitter_ms: milliseconds(stats.jitter),
            round_trip_ms: stats.round_trip_time.map(milliseconds),
            buffer_ms: milliseconds(stats.buffer),
            mos: stats.quality.map(|quality| quality.mos),
        }
    }
}

/// Reads a name or an id.
pub(crate) fn parse<T: std::str::FromStr<Err: ToString>>(
    text: &str,
    what: &str,
) -> Result<T, CooeeError> {
    text.parse()
        .map_err(|error| CooeeError::invalid(what, &error))
}
