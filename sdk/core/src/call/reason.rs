//! Why a call ended.

use std::fmt;

use cooee_protocol::{ErrorCode, ErrorReply};

/// The named reason that every ended call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The local user hung up, or withdrew a call that still rang.
    HungUp,
    /// The others left.
    RemoteHungUp,
    /// The local user declined.
    DeclinedHere,
    /// The person called declined.
    Declined,
    /// The person called is in another call.
    Busy,
    /// Nobody who was called has a session.
    Offline,
    /// Nobody answered in time.
    TimedOut,
    /// The caller gave up before the answer.
    Cancelled,
    /// Another session of this profile answered.
    AnsweredElsewhere,
    /// Another session of this profile declined.
    DeclinedElsewhere,
    /// No path to any participant opened, or none came back, within the limit.
    NoPath,
    /// The server refused the call.
    Refused,
    /// The connection to the server was lost before the call was connected.
    ServerLost,
    /// A participant, or this client, was away from the server for too long.
    Lost,
    /// The person was removed from the group, or left it.
    LeftGroup,
    /// The microphone, the loudspeaker or a file failed.
    Audio,
    /// The server ended the call for a reason that this version does not know.
    Unknown,
}

impl EndReason {
    /// The stable word for scripts and for the call history.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HungUp => "hung_up",
            Self::RemoteHungUp => "remote_hung_up",
            Self::DeclinedHere => "declined_here",
            Self::Declined => "declined",
            Self::Busy => "busy",
            Self::Offline => "offline",
            Self::TimedOut => "timeout",
            Self::Cancelled => "cancelled",
            Self::AnsweredElsewhere => "answered_elsewhere",
            Self::DeclinedElsewhere => "declined_elsewhere",
            Self::NoPath => "no_path",
            Self::Refused => "refused",
            Self::ServerLost => "server_lost",
            Self::Lost => "lost",
            Self::LeftGroup => "left_group",
            Self::Audio => "audio",
            Self::Unknown => "unknown",
        }
    }

    /// The reason behind a `reason` word that came with somebody else's 503.
    pub(super) fn of_others(word: Option<&str>) -> Self {
        match word {
            None | Some("quit" | "ended" | "failed" | "no_path" | "audio") => Self::RemoteHungUp,
            Some("declined") => Self::Declined,
            Some("busy") => Self::Busy,
            Some("offline") => Self::Offline,
            Some("timeout") => Self::TimedOut,
            Some("cancelled") => Self::Cancelled,
            Some("lost") => Self::Lost,
            Some("left_group") => Self::LeftGroup,
            Some(_) => Self::Unknown,
        }
    }

    /// The reason behind a `reason` word that came with a 503 in this client's own name.
    pub(super) fn of_own(word: Option<&str>) -> Self {
        match word {
            Some("answered_elsewhere") => Self::AnsweredElsewhere,
            Some("declined_elsewhere") => Self::DeclinedElsewhere,
            other => Self::of_others(other),
        }
    }

    /// The reason behind an error that answers a 501 or 502.
    pub(super) fn of_refusal(error: &ErrorReply) -> Self {
        match error.code {
            ErrorCode::CallFailed => Self::of_failure(error.reason.as_deref()),
            ErrorCode::ServerFault | ErrorCode::SlowDown => Self::ServerLost,
            ErrorCode::PseudoExists
            | ErrorCode::AuthFailed
            | ErrorCode::MessageNotSent
            | ErrorCode::ProfileNotAdded
            | ErrorCode::ContactNotFound
            | ErrorCode::AlreadyContact
            | ErrorCode::Invalid
            | ErrorCode::NotAllowed => Self::Refused,
        }
    }

    /// The reason behind the `reason` word of a 404.
    pub(super) fn of_failure(word: Option<&str>) -> Self {
        match word {
            Some("busy") => Self::Busy,
            Some("offline") => Self::Offline,
            Some("timeout") => Self::TimedOut,
            _ => Self::Refused,
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
