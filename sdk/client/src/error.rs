//! Errors, one type for each kind of operation. [`code`](ActionError::code) is stable, for
//! programs; the words are for people.

use cooee_audio::{AudioError, PlatformError};
use cooee_core::call::CallError;
use cooee_core::signalling::RequestError;
use cooee_protocol::{ErrorCode, ErrorReply};
use cooee_store::{CacheError, CredentialError};

use crate::address::AddressError;

/// Why a client could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The server's address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No server was named, and the data folder knows none.
    #[error("no server is known yet: name one")]
    NoServer,
    /// The data folder cannot be used.
    #[error("the data folder {folder} cannot be used: {source}")]
    DataFolder {
        /// The folder.
        folder: String,
        /// What failed.
        source: std::io::Error,
    },
    /// The cache cannot be opened.
    #[error("the local cache cannot be opened: {0}")]
    Cache(#[from] CacheError),
    /// TLS could not be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Why a sign-in failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The server could not be reached; the words say what failed.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The server's certificate is not valid at this moment or for this name, or nobody vouches for it: a wrong
    /// clock on either side does that. The words say what.
    #[error("the server's certificate is refused: {0}; is this machine's clock right?")]
    Certificate(String),
    /// The server refused.
    #[error("{}", words(.0))]
    Refused(ErrorReply),
    /// The session's token could not be read or kept.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// There is no session to resume.
    #[error("not signed in: register or log in first")]
    NoSession,
    /// The client is being dropped.
    #[error("the client is closed")]
    Closed,
}

impl SignInError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Certificate(_) => "certificate",
            Self::Refused(reply) => refusal_code(reply),
            Self::Credentials(_) => "credentials",
            Self::NoSession => "no_session",
            Self::Closed => "closed",
        }
    }
}

/// Why an action was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActionError {
    /// Not connected; nothing was sent.
    #[error("not connected to the server")]
    Offline,
    /// The connection broke before the answer: it may or may not have been carried out.
    #[error("the connection broke before the server answered; look whether it was done")]
    Interrupted,
    /// Too many requests at once.
    #[error("too many requests are waiting for the server")]
    Busy,
    /// The server refused.
    #[error("{}", words(.0))]
    Refused(ErrorReply),
    /// The server answered something else than the request calls for.
    #[error("the server's answer was not understood")]
    Protocol,
    /// Uploading or downloading failed.
    #[error("the picture could not be transferred: {0}")]
    Transfer(String),
    /// The client is being dropped.
    #[error("the client is closed")]
    Closed,
}

impl ActionError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Interrupted => "interrupted",
            Self::Busy => "busy",
            Self::Refused(reply) => refusal_code(reply),
            Self::Protocol => "protocol",
            Self::Transfer(_) => "transfer",
            Self::Closed => "closed",
        }
    }
}

impl From<RequestError> for ActionError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Offline => Self::Offline,
            RequestError::Busy => Self::Busy,
            RequestError::Refused(reply) => Self::Refused(reply),
            // The type is non-exhaustive; what is not known was at any rate not answered.
            _ => Self::Interrupted,
        }
    }
}

/// Why a call cannot be placed, answered or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallActionError {
    /// The call is not in a state for it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Not connected to the server.
    #[error("not connected to the server")]
    Offline,
    /// A microphone, loudspeaker or file cannot be used.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// No socket for voice could be opened.
    #[error("no socket for voice can be opened: {0}")]
    Sockets(#[from] std::io::Error),
    /// The client is being dropped.
    #[error("the client is closed")]
    Closed,
}

impl CallActionError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Call(CallError::Busy) => "in_call",
            Self::Call(_) => "no_call",
            Self::Offline => "offline",
            Self::Audio(AudioError::Platform(PlatformError::NoPermission)) => "no_permission",
            Self::Audio(AudioError::Platform(PlatformError::NoRoute)) => "no_route",
            Self::Audio(_) => "audio",
            Self::Sockets(_) => "sockets",
            Self::Closed => "closed",
        }
    }
}

fn words(reply: &ErrorReply) -> String {
    match &reply.detail {
        Some(detail) => detail.clone(),
        None => refusal_code(reply).replace('_', " "),
    }
}

fn refusal_code(reply: &ErrorReply) -> &'static str {
    match reply.code {
        ErrorCode::PseudoExists => "name_taken",
        ErrorCode::AuthFailed => "auth_failed",
        ErrorCode::MessageNotSent => "not_sent",
        ErrorCode::CallFailed => "call_failed",
        ErrorCode::ProfileNotAdded => "not_added",
        ErrorCode::ContactNotFound => "no_contact",
        ErrorCode::AlreadyContact => "already_contact",
        ErrorCode::Invalid => "invalid",
        ErrorCode::NotAllowed => "not_allowed",
        ErrorCode::SlowDown => "slow_down",
        ErrorCode::ServerFault => "server_fault",
    }
}
