//! Errors at the UI's edge: a stable code, and words for the log and the detail sheet.

use cooee_sdk::{
    ActionError, AddressError, BuildError, CacheError, CallActionError, CallError, CredentialError,
    ErrorCode as Refusal, ErrorReply, MessageError, SignInError,
};
use serde::Serialize;
use specta::Type;

/// What went wrong. Never told apart by its text.
#[allow(
    dead_code,
    reason = "the page knows the words for all of them, before each can happen"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorCode {
    // The server and the way to it.
    /// The server cannot be reached.
    Unreachable,
    /// The server's certificate is not trusted, or not valid now: a wrong clock does that.
    Certificate,
    /// The text is no address of a server.
    AddressMalformed,
    /// The way to the server is not encrypted, and nobody allowed that.
    AddressPlaintext,
    /// Not connected; nothing was sent.
    Offline,
    /// The connection broke before the answer: it may or may not have been carried out.
    Interrupted,
    /// Too many requests are waiting.
    Busy,
    /// The server answered something else than the request calls for.
    Protocol,
    /// The server failed.
    ServerFault,
    /// The server refuses because there were too many attempts; later.
    SlowDown,
    /// The server does not allow it.
    NotAllowed,
    /// The server did not understand it.
    Invalid,

    // Accounts and profiles.
    /// The name has somebody already.
    NameTaken,
    /// Unknown name or wrong password.
    AuthFailed,
    /// The session is over: sign in again.
    SessionOver,
    /// There is no session to resume.
    NoSession,
    /// There is no such account in this app.
    NoAccount,
    /// A name has 1 to 32 characters without spaces and symbols.
    NameInvalid,
    /// A password has 8 to 256 characters.
    PasswordInvalid,
    /// Neither PNG, JPEG nor WebP.
    PictureInvalid,
    /// More than 1 MiB, or than 2048 x 2048 pixels.
    PictureTooLarge,
    /// Uploading or downloading failed.
    Transfer,

    // Keyring.
    /// The system offers no keyring.
    KeyringMissing,
    /// The keyring is locked.
    KeyringLocked,
    /// The system does not let the app use the keyring.
    KeyringDenied,
    /// The keyring failed in another way.
    KeyringFailed,

    // People and groups.
    /// There is no profile of that name, or it cannot be added.
    NotAdded,
    /// A contact already, or asked already.
    AlreadyContact,
    /// No contact.
    NoContact,
    /// A group's name has 1 to 64 characters.
    GroupNameInvalid,
    /// No such group.
    NoGroup,
    /// Not a link that this app understands.
    LinkInvalid,

    // Calls.
    /// There is a call already.
    InCall,
    /// There is no such call any more.
    NoCall,
    /// The call could not be placed.
    CallFailed,
    /// There is no microphone, or it cannot be opened.
    Microphone,
    /// There is no loudspeaker, or it cannot be opened.
    Loudspeaker,
    /// Sound failed in another way.
    Sound,
    /// No socket for voice could be opened.
    Sockets,

    // Conversations.
    /// Not sent.
    NotSent,
    /// Not a member of that group any more.
    NotMember,
    /// No contact any more.
    NotContact,
    /// More than 4,000 characters.
    TooLong,
    /// Nothing in it.
    Empty,
    /// Too many at once; later.
    TooMany,
    /// What it refers to is gone.
    NoTarget,
    /// Somebody else's message.
    NotAuthor,
    /// The file is gone, or may not be sent.
    NoAttachment,
    /// The user has blocked the other person.
    Blocked,
    /// The file is larger than the server takes.
    FileTooLarge,
    /// The server has no room for more of the user's files.
    NoSpace,

    // This machine.
    /// The data folder cannot be used.
    DataFolder,
    /// The cache cannot be opened or read.
    Cache,
    /// The disk is full.
    DiskFull,
    /// Nothing can be written to the place that the user chose.
    PlaceUnusable,
    /// TLS could not be set up.
    Tls,
    /// Not a key that can be caught.
    KeyInvalid,
    /// The key cannot be caught: another program has it, or the desktop does not allow it.
    KeyUnavailable,
    /// This system cannot do that.
    Unsupported,
    /// The app is closing.
    Closed,
    /// A fault of the app.
    Internal,
}

/// An error of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{code:?}: {}", detail.as_deref().unwrap_or_default())]
pub(crate) struct AppError {
    /// What went wrong.
    pub(crate) code: ErrorCode,
    /// In English, for the log and the detail sheet.
    pub(crate) detail: Option<String>,
}

/// What commands give.
pub(crate) type Answer<T> = Result<T, AppError>;

impl AppError {
    /// An error with words.
    pub(crate) fn new(code: ErrorCode, detail: impl std::fmt::Display) -> Self {
        Self {
            code,
            detail: Some(detail.to_string()),
        }
    }
}

impl From<ErrorCode> for AppError {
    fn from(code: ErrorCode) -> Self {
        Self { code, detail: None }
    }
}

impl From<AddressError> for AppError {
    fn from(error: AddressError) -> Self {
        let code = match &error {
            AddressError::Plaintext(_) => ErrorCode::AddressPlaintext,
            _ => ErrorCode::AddressMalformed,
        };
        Self::new(code, error)
    }
}

impl From<BuildError> for AppError {
    fn from(error: BuildError) -> Self {
        let code = match &error {
            BuildError::Address(AddressError::Plaintext(_)) => ErrorCode::AddressPlaintext,
            BuildError::Address(_) | BuildError::NoServer => ErrorCode::AddressMalformed,
            BuildError::DataFolder { source, .. } => of_io(source, ErrorCode::DataFolder),
            BuildError::Cache(error) => of_cache(error),
            BuildError::Tls(_) => ErrorCode::Tls,
            _ => ErrorCode::Internal,
        };
        Self::new(code, error)
    }
}

impl From<CredentialError> for AppError {
    fn from(error: CredentialError) -> Self {
        let code = match &error {
            CredentialError::NoStore { .. } => ErrorCode::KeyringMissing,
            CredentialError::Locked { .. } => ErrorCode::KeyringLocked,
            CredentialError::AccessDenied { .. } => ErrorCode::KeyringDenied,
            CredentialError::Files { source, .. } => of_io(source, ErrorCode::KeyringFailed),
            _ => ErrorCode::KeyringFailed,
        };
        Self::new(code, error)
    }
}

impl From<SignInError> for AppError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Unreachable(why) => Self::new(ErrorCode::Unreachable, why),
            SignInError::Certificate(why) => Self::new(ErrorCode::Certificate, why),
            SignInError::Refused(reply) => refused(&reply),
            SignInError::Credentials(error) => error.into(),
            SignInError::NoSession => ErrorCode::NoSession.into(),
            SignInError::Closed => ErrorCode::Closed.into(),
            other => Self::new(ErrorCode::Internal, other),
        }
    }
}

impl From<ActionError> for AppError {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::Offline => ErrorCode::Offline.into(),
            ActionError::Interrupted => ErrorCode::Interrupted.into(),
            ActionError::Busy => ErrorCode::Busy.into(),
            ActionError::Refused(reply) => refused(&reply),
            ActionError::Protocol => ErrorCode::Protocol.into(),
            ActionError::Transfer(why) => Self::new(ErrorCode::Transfer, why),
            ActionError::Closed => ErrorCode::Closed.into(),
            other => Self::new(ErrorCode::Internal, other),
        }
    }
}

impl From<CallActionError> for AppError {
    fn from(error: CallActionError) -> Self {
        let code = match &error {
            CallActionError::Call(CallError::Busy) => ErrorCode::InCall,
            CallActionError::Call(_) => ErrorCode::NoCall,
            CallActionError::Offline => ErrorCode::Offline,
            CallActionError::Audio(_) => ErrorCode::Sound,
            CallActionError::Sockets(_) => ErrorCode::Sockets,
            CallActionError::Closed => ErrorCode::Closed,
            _ => ErrorCode::Internal,
        };
        Self::new(code, error)
    }
}

/// What a refusal by the server comes to.
pub(crate) fn refused(reply: &ErrorReply) -> AppError {
    let code = match reply.code {
        Refusal::PseudoExists => ErrorCode::NameTaken,
        Refusal::AuthFailed => ErrorCode::AuthFailed,
        Refusal::MessageNotSent => ErrorCode::NotSent,
        Refusal::CallFailed => ErrorCode::CallFailed,
        Refusal::ProfileNotAdded => ErrorCode::NotAdded,
        Refusal::ContactNotFound => ErrorCode::NoContact,
        Refusal::AlreadyContact => ErrorCode::AlreadyContact,
        Refusal::Invalid => ErrorCode::Invalid,
        Refusal::NotAllowed => ErrorCode::NotAllowed,
        Refusal::SlowDown => ErrorCode::SlowDown,
        Refusal::ServerFault => ErrorCode::ServerFault,
    };
    AppError {
        code,
        detail: reply.detail.clone(),
    }
}

/// A full disk is the user's to put right, whatever could not be written.
pub(crate) fn of_io(error: &std::io::Error, otherwise: ErrorCode) -> ErrorCode {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorCode::DiskFull,
        _ => otherwise,
    }
}

/// The same for the cache.
fn of_cache(error: &CacheError) -> ErrorCode {
    match error {
        CacheError::Full(_) => ErrorCode::DiskFull,
        CacheError::Files { source, .. } => of_io(source, ErrorCode::Cache),
        _ => ErrorCode::Cache,
    }
}

impl From<MessageError> for AppError {
    fn from(error: MessageError) -> Self {
        let code = match &error {
            MessageError::Invalid(reason) => crate::conversations::not_sent(*reason),
            MessageError::Full => ErrorCode::TooMany,
            MessageError::SignedOut => ErrorCode::NoSession,
            MessageError::NotKept(_) => ErrorCode::Cache,
            MessageError::Cache(error) => of_cache(error),
            MessageError::DiskFull => ErrorCode::DiskFull,
            MessageError::NotRefused => ErrorCode::NoTarget,
            MessageError::File { source, .. } => of_io(source, ErrorCode::NoAttachment),
            MessageError::Transfer(_) => ErrorCode::Transfer,
            MessageError::Offline => ErrorCode::Offline,
            MessageError::Closed => ErrorCode::Closed,
            _ => ErrorCode::Internal,
        };
        Self::new(code, error)
    }
}
