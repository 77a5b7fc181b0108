//! What a client sends.

use serde::Deserialize;

use crate::args::{
    AddContact, AddToGroup, AmendProfile, CreateGroup, CreateProfile, DeleteProfile, Empty,
    Exchange, GroupMember, InfoCall, Join, Login, Place, Quit, Resume,
};
use crate::code::{Code, UnknownCode};
use crate::conversations::{ListConversations, MarkEntries, PostEntry, PullEntries, SetTyping};

macro_rules! client_messages {
    ($($(#[$doc:meta])* $name:ident($args:ty),)+) => {
        /// A message from a client to the server; each variant has the name of its [`Code`].
        #[derive(Debug, Clone, PartialEq)]
        pub enum ClientMessage {
            $($(#[$doc])* $name($args),)+
        }

        impl ClientMessage {
            /// The codes that a client may send.
            pub const CODES: &'static [Code] = &[$(Code::$name,)+];

            /// The code of this message.
            pub const fn code(&self) -> Code {
                match self {
                    $(Self::$name(_) => Code::$name,)+
                }
            }

            pub(crate) fn from_args(
                code: Code,
                args: serde_json::Value,
            ) -> Result<Self, ArgsError> {
                match code {
                    $(Code::$name => Ok(Self::$name(<$args>::deserialize(args)?)),)+
                    other => Err(ArgsError::Direction(UnknownCode(u64::from(other.number())))),
                }
            }

            pub(crate) fn args(&self) -> Result<serde_json::Value, serde_json::Error> {
                match self {
                    $(Self::$name(args) => serde_json::to_value(args),)+
                }
            }
        }
    };
}

/// Why the arguments are not those of the code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgsError {
    #[error("{0} is not sent in this direction")]
    Direction(UnknownCode),
    #[error(transparent)]
    Args(#[from] serde_json::Error),
}

client_messages! {
    /// 601: create a profile and log in.
    CreateProfile(CreateProfile),
    /// 602: change name, password or picture.
    AmendProfile(AmendProfile),
    /// 603: create a group.
    CreateGroup(CreateGroup),
    /// 604: add a contact to a group.
    AddToGroup(AddToGroup),
    /// 605: leave a group, or remove somebody from it.
    QuitGroup(GroupMember),
    /// 606: ask for a contact, or confirm one.
    AddContact(AddContact),
    /// 607: withdraw, decline or remove a contact.
    DeleteContact(AddContact),
    /// 608: log in.
    Login(Login),
    /// 501: ring.
    Ring(Place),
    /// 502: accept.
    Accept(Join),
    /// 503: quit or decline.
    Quit(Quit),
    /// 504: opaque data for another participant.
    Exchange(Exchange),
    /// 506: this participant's addresses.
    InfoCall(InfoCall),
    /// 650: resume a session.
    Resume(Resume),
    /// 651: end the session.
    Logout(Empty),
    /// 660: post an entry to a conversation.
    PostEntry(PostEntry),
    /// 661: tell or ask how far members have come.
    MarkEntries(MarkEntries),
    /// 662: begin or stop typing.
    SetTyping(SetTyping),
    /// 663: ask for a page of entries.
    PullEntries(PullEntries),
    /// 664: ask for the conversations that have changed, and for news from now on.
    ListConversations(ListConversations),
    /// 665: block somebody.
    Block(AddContact),
    /// 666: block somebody no longer.
    Unblock(AddContact),
    /// 667: ask whom one blocks.
    ListBlocked(Empty),
    /// 668: delete the profile.
    DeleteProfile(DeleteProfile),
}
