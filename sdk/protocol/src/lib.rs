//! Cooee's wire types, shared by client and server.
//!
//! One JSON object in each WebSocket text frame: a code, a sequence number or the number it
//! answers, and arguments. `docs/PROTOCOL.md` is the specification; this crate is its types.
//! It does no I/O and reads no clock.
//!
//! - [`ClientFrame`] and [`ClientMessage`]: what a client sends.
//! - [`ServerFrame`] and [`ServerMessage`]: what the server sends.
//! - [`Code`] and [`Category`]: the numbers and the four families that they belong to.
//!
//! Parsing is the only validation: a value of these types is one that the specification allows.

mod args;
mod client;
mod code;
mod conversations;
mod frame;
mod names;
mod posting;
mod secret;
mod server;
mod tunnel;

pub use args::{
    AddContact, AddToGroup, AmendProfile, Blocked, CallInfo, Contact, CreateGroup, CreateProfile,
    Data, DeleteProfile, DistributeInfo, Empty, Exchange, Group, GroupMember, InfoCall, Join,
    Login, ParticipantInfo, PictureId, Place, Profile, Quit, RelayAccess, RequestInfo, Resume,
    Ring, Status,
};
pub use client::ClientMessage;
pub use code::{Category, Code, UnknownCode};
pub use conversations::{
    CallEntry, CallOutcome, Conversation, Conversations, Entries, Entry, EntryAccepted, EntryKind,
    ListConversations, MAX_PAGE, Mark, MarkEntries, Marks, NewEntry, PostEntry, PullEntries,
    SetTyping, Typing,
};
pub use frame::{ClientFrame, FrameError, MAX_FRAME_BYTES, Seq, ServerFrame};
pub use names::{GroupId, GroupName, NameError, Username};
pub use posting::{
    AttachmentId, Attachments, Content, ContentType, ConversationError, Destination, EntryId,
    MAX_ATTACHMENTS, MAX_BODY_BYTES, MAX_TEXT_CHARS, NotSent, Posting,
};
pub use secret::{NewPassword, Password, RelayCredential, Token};
pub use server::{ErrorCode, ErrorReply, ServerMessage};
pub use tunnel::{MAX_TUNNELLED_BYTES, TunnelError, TunnelFrame};

/// The field in a server's answer to a WebSocket's request that carried a token: the session is
/// being resumed as by 650, and this is the number that the answers have.
pub const RESUMING: &str = "cooee-resuming";
