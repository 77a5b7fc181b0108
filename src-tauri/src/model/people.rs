//! Contacts and groups.

use serde::Serialize;
use specta::Type;

/// What is known of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Presence {
    /// A confirmed contact who is reachable.
    Online,
    /// A confirmed contact who is not reachable, or whose presence is not known.
    Offline,
    /// A confirmed contact who is in a call.
    InCall,
    /// Asked by this account, not confirmed yet.
    Pending,
    /// Asked by the other side, waiting for this account's answer.
    Requested,
}

/// A contact, confirmed or asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contact {
    /// The name, as its owner spells it.
    pub(crate) name: String,
    /// The id of the picture; `null` for none.
    pub(crate) picture: Option<String>,
    /// Presence, or how far the request went.
    pub(crate) presence: Presence,
}

/// A group that the account is in.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group {
    /// Names it, and its conversation and calls.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    /// Everybody in it, the account included, in the order in which they joined.
    pub(crate) members: Vec<String>,
    /// Who created it and may remove others.
    pub(crate) creator: Option<String>,
    /// When it changed last, as the server wrote it (RFC 3339).
    pub(crate) changed: String,
}

/// Everything about people that an account has.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Roster {
    /// By name, requests included.
    pub(crate) contacts: Vec<Contact>,
    /// Every group.
    pub(crate) groups: Vec<Group>,
    /// Whom the account blocks.
    pub(crate) blocked: Vec<String>,
}

/// A `cooee://` link that was understood: a server, or a person on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invitation {
    /// The server, in the one form that the app uses for it.
    pub(crate) server: String,
    /// The same for eyes.
    pub(crate) server_name: String,
    /// Whether it is not encrypted and leaves this machine.
    pub(crate) plaintext: bool,
    /// Whom to add as a contact.
    pub(crate) name: Option<String>,
}

/// A link that adds an account's profile as a contact, and its picture for cameras.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnInvitation {
    /// The link.
    pub(crate) link: String,
    /// The QR code, without its quiet zone: one string for each row, `1` dark and `0` light.
    pub(crate) qr: Vec<String>,
}
