//! The arguments of each message, under the names that the specification gives them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::names::{GroupId, GroupName, Username};
use crate::secret::{NewPassword, Password, RelayCredential, Token};

/// 601: create a profile and log in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateProfile {
    /// The name to take.
    pub pseudo: Username,
    /// The password to set.
    #[serde(serialize_with = "NewPassword::serialize_exposed")]
    pub password: NewPassword,
}

/// 602: change the arguments that are there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AmendProfile {
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudo: Option<Username>,
    /// The new password.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "serialize_new_password"
    )]
    pub password: Option<NewPassword>,
    /// The new picture; [`PictureId::NONE`] removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pp: Option<PictureId>,
}

fn serialize_new_password<S: serde::Serializer>(
    password: &Option<NewPassword>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match password {
        Some(password) => serializer.serialize_some(password.expose()),
        None => serializer.serialize_none(),
    }
}

/// 603: create a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateGroup {
    /// Its name.
    pub group_name: GroupName,
}

/// 604: add a contact to a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddToGroup {
    /// The group.
    pub id_group: GroupId,
    /// Whom to add.
    pub pseudo: Username,
}

/// 605, 203, 204: one person in one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupMember {
    /// The group.
    pub id_group: GroupId,
    /// The person.
    pub pseudo: Username,
}

/// 606, 607, 206: one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddContact {
    /// The person.
    pub pseudo: Username,
}

/// 608: log in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Login {
    /// The profile's name.
    pub pseudo: Username,
    /// Its password, or what somebody takes for it.
    #[serde(serialize_with = "Password::serialize_exposed")]
    pub password: Password,
}

/// 650: resume a session by the token that its login gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// The session's token.
    #[serde(serialize_with = "Token::serialize_exposed")]
    pub token: Token,
    /// Extension: begin another session of the same profile, with a token of its own, beside the
    /// one that the token belongs to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub another: bool,
}

/// 668: delete the profile and everything of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeleteProfile {
    /// Its password, asked for once more.
    #[serde(serialize_with = "Password::serialize_exposed")]
    pub password: Password,
}

/// 266: whom one blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blocked {
    /// All of them, by name.
    pub list_pseudo: Vec<Username>,
}

/// 651, 667 and the echo of 668: no arguments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Empty {}

/// The id of a picture: the SHA-256 of its bytes in lower-case hex, or nothing.
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct PictureId(String);

impl PictureId {
    /// No picture, `""` on the wire.
    pub const NONE: Self = Self(String::new());

    /// Parses an id: empty, or 64 hexadecimal digits (folded to lower case).
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (text.is_empty() || hex).then(|| Self(text.to_ascii_lowercase()))
    }

    /// The id as on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the absence of a picture.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for PictureId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for PictureId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("a picture's id is empty or 64 hexadecimal digits")
        })
    }
}

/// Where a person is, as their contacts may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// At least one session is there.
    Online,
    /// No session is there.
    Offline,
    /// In a call.
    InCall,
    /// Not a contact yet: I asked.
    Pending,
    /// Not a contact yet: they asked.
    Requested,
}

/// 202: a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The profile's picture.
    pub pp: PictureId,
    /// Its name.
    pub pseudo: Username,
    /// Its presence.
    pub status: Status,
    /// Extension: the name before a rename.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_pseudo: Option<Username>,
    /// Extension, to the session itself after 601, 608 and 650: the token to resume with.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "Token::serialize_optional"
    )]
    pub token: Option<Token>,
    /// Extension, beside `token`: the server's STUN responders as `host:port`; an empty host
    /// stands for the host that the WebSocket was opened to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stun: Vec<String>,
}

/// 205 and the entries of 208: a contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// The contact's picture.
    pub pp: PictureId,
    /// Their name.
    pub pseudo: Username,
    /// Their presence, or how far the request has come.
    pub status: Status,
}

/// 201 and the entries of 207: a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id_group: GroupId,
    /// Its name.
    pub group_name: GroupName,
    /// Its members, the longest first.
    pub list_pseudo: Vec<Username>,
    /// When it last changed: RFC 3339, UTC.
    pub last_update_date: String,
    /// Extension: who created it and may remove members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<Username>,
}

/// The addresses of a participant: what 506 says, and what 501 and 502 may say early.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallInfo {
    /// The address, or `0.0.0.0` when the sender does not wish to tell.
    pub address: IpAddr,
    /// The UDP port, or 0.
    pub port: u16,
    /// Whatever else the sender says to its peers: candidates, credentials, key material. The
    /// server passes it on unread.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl CallInfo {
    /// No address, nothing else.
    pub fn untold() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: 0,
            extra: Map::new(),
        }
    }

    /// The transport address, unless the sender did not tell one.
    pub fn transport_address(&self) -> Option<SocketAddr> {
        (!self.address.is_unspecified() && self.port != 0)
            .then(|| SocketAddr::new(self.address, self.port))
    }
}

/// 501 from a client: ring people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The group, or nothing for a direct call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_group: Option<GroupId>,
    /// Whom to ring; for a group, nobody named means every member.
    pub list_pseudo: Vec<Username>,
    /// The caller's address, or `0.0.0.0`.
    pub address: IpAddr,
    /// The caller's UDP port, or 0.
    pub port: u16,
    /// Extension: what the caller's 506 will say. The server keeps it until somebody accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<CallInfo>,
}

/// 501 from the server: the echo of [`Place`], or, with `pseudo`, somebody rings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ring {
    /// The call's id: the group's, or the pair's own lasting one.
    pub id_group: GroupId,
    /// Who is being rung.
    pub list_pseudo: Vec<Username>,
    /// The caller's address, or `0.0.0.0`.
    pub address: IpAddr,
    /// The caller's UDP port, or 0.
    pub port: u16,
    /// Extension, to those rung: the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudo: Option<Username>,
}

/// 502: somebody accepts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Join {
    /// Who accepts.
    pub pseudo: Username,
    /// The call.
    pub id_group: GroupId,
    /// Extension: what this participant's 506 will say; not forwarded with the 502.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<CallInfo>,
}

/// 503: somebody quits, declines, or is taken out of the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quit {
    /// Who.
    pub pseudo: Username,
    /// The call.
    pub id_group: GroupId,
    /// Extension: why, as a word of the specification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Base64 text (RFC 4648, section 4), checked for its alphabet only: the server passes it on.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Data(String);

impl Data {
    /// Takes base64 text; padding is required where it is due.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.trim_end_matches('=');
        let alphabet = body
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/');
        let padding = text.len() - body.len();
        (alphabet && padding <= 2 && text.len().is_multiple_of(4)).then(|| Self(text.to_owned()))
    }

    /// The base64 text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Data({} characters)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("data is base64 with padding"))
    }
}

/// 504: opaque data. From a client, `pseudo` is whom it is for; from the server, whom it is from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The other end.
    pub pseudo: Username,
    /// The data.
    pub data: Data,
    /// The call.
    pub id_group: GroupId,
}

/// 505: the server asks for this participant's addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestInfo {
    /// The call.
    pub id_group: GroupId,
    /// Extension: a relay that this participant may use while it is in the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayAccess>,
}

/// Access to a TURN server (RFC 8656), with long-term credentials that do not last long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelayAccess {
    /// Where it is: `turn:host:port`, over UDP. An empty host stands for the host that the
    /// WebSocket was opened to.
    pub urls: Vec<String>,
    /// The user name.
    pub username: String,
    /// The password.
    #[serde(serialize_with = "RelayCredential::serialize_exposed")]
    pub credential: RelayCredential,
    /// How long new allocations can be made, in seconds.
    pub ttl: u64,
}

/// 506: a participant's addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InfoCall {
    /// The call.
    pub id_group: GroupId,
    /// What the others are told.
    #[serde(flatten)]
    pub info: CallInfo,
}

/// 507: the addresses of every other participant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DistributeInfo {
    /// The call.
    pub id_group: GroupId,
    /// One entry for each other participant.
    pub list_info: Vec<ParticipantInfo>,
}

/// An entry of 507.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParticipantInfo {
    /// Who.
    pub pseudo: Username,
    /// What they said in their 506.
    #[serde(flatten)]
    pub info: CallInfo,
}

impl ParticipantInfo {
    /// What `pseudo` said, ready to be told to the others: extra fields cannot pass for the
    /// fields that the server vouches for.
    pub fn new(pseudo: Username, mut info: CallInfo) -> Self {
        for vouched in ["pseudo", "id_group", "address", "port"] {
            info.extra.remove(vouched);
        }
        Self { pseudo, info }
    }
}
