//! What can go wrong, in kinds that a program can act on.

use cooee_sdk::{ActionError, BuildError, CallActionError, CallError, MessageError, SignInError};
use tokio::task::JoinError;

/// Why something was not done. The kind says what to do about it; `code` is a stable word for
/// programs; `words` are for people, in English.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[non_exhaustive]
pub enum CooeeError {
    /// A name, an address or another argument cannot be right.
    #[error("{words}")]
    Invalid {
        /// Which: `name`, `password`, `group`, `id`, `address`, or what the server calls it.
        code: String,
        /// The same for people.
        words: String,
    },
    /// There is no connection to the server, or it broke: try again later.
    #[error("{words}")]
    Unreachable {
        /// `unreachable`, `offline`, or `interrupted`, after which it may have been done.
        code: String,
        /// The same for people.
        words: String,
    },
    /// The server refused.
    #[error("{words}")]
    Refused {
        /// `auth_failed`, `name_taken`, `no_contact`, `already_contact`, `not_allowed`,
        /// `slow_down` and so on.
        code: String,
        /// The same for people.
        words: String,
    },
    /// Nobody is signed in: sign in first.
    #[error("{words}")]
    NoSession {
        /// `no_session`.
        code: String,
        /// The same for people.
        words: String,
    },
    /// There is another call, or no such call (any more).
    #[error("{words}")]
    Call {
        /// `in_call` or `no_call`.
        code: String,
        /// The same for people.
        words: String,
    },
    /// A microphone, a loudspeaker or a socket for voice cannot be used.
    #[error("{words}")]
    Audio {
        /// `audio`, `sockets`, `no_permission` or `no_route`.
        code: String,
        /// The same for people.
        words: String,
    },
    /// Something could not be kept or read on this device.
    #[error("{words}")]
    Storage {
        /// `credentials`, `cache`, `file`, `not_kept` or `data_folder`.
        code: String,
        /// The same for people.
        words: String,
    },
    /// Anything else: too much at once, a server that is not understood, the end of the client,
    /// a fault in this library.
    #[error("{words}")]
    Other {
        /// `busy`, `protocol`, `transfer`, `closed`, `fault` and so on.
        code: String,
        /// The same for people.
        words: String,
    },
}

impl CooeeError {
    pub(crate) fn invalid(code: &str, error: &impl ToString) -> Self {
        Self::Invalid {
            code: code.to_owned(),
            words: error.to_string(),
        }
    }

    pub(crate) fn fault(error: &JoinError) -> Self {
        Self::of("fault", format!("a fault in the library: {error}"))
    }

    pub(crate) fn no_threads() -> Self {
        let words = "the system has no threads to spare";
        Self::of("fault", words.to_owned())
    }

    pub(crate) fn no_call() -> Self {
        Self::from(CallActionError::Call(CallError::NoCall))
    }

    /// The kind of a stable code.
    pub(crate) fn of(code: &str, words: String) -> Self {
        let code = code.to_owned();
        match code.as_str() {
            "unreachable" | "offline" | "interrupted" => Self::Unreachable { code, words },
            "no_session" => Self::NoSession { code, words },
            "in_call" | "no_call" => Self::Call { code, words },
            "audio" | "sockets" | "no_permission" | "no_route" => Self::Audio { code, words },
            "credentials" | "cache" | "file" | "not_kept" | "data_folder" => {
                Self::Storage { code, words }
            }
            "address" | "no_server" | "tls" => Self::Invalid { code, words },
            "busy" | "protocol" | "transfer" | "closed" | "fault" | "outbox_full"
            | "not_refused" => Self::Other { code, words },
            _ => Self::Refused { code, words },
        }
    }
}

/// The app's side of an interface failed in a way that it does not declare.
impl From<uniffi::UnexpectedUniFFICallbackError> for CooeeError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::of("fault", format!("the app has failed: {}", error.reason))
    }
}

impl From<BuildError> for CooeeError {
    fn from(error: BuildError) -> Self {
        let code = match &error {
            BuildError::Address(_) => "address",
            BuildError::NoServer => "no_server",
            BuildError::DataFolder { .. } => "data_folder",
            BuildError::Cache(_) => "cache",
            BuildError::Tls(_) => "tls",
            _ => "fault",
        };
        Self::of(code, error.to_string())
    }
}

impl From<SignInError> for CooeeError {
    fn from(error: SignInError) -> Self {
        Self::of(error.code(), error.to_string())
    }
}

impl From<ActionError> for CooeeError {
    fn from(error: ActionError) -> Self {
        Self::of(error.code(), error.to_string())
    }
}

impl From<CallActionError> for CooeeError {
    fn from(error: CallActionError) -> Self {
        Self::of(error.code(), error.to_string())
    }
}

impl From<MessageError> for CooeeError {
    fn from(error: MessageError) -> Self {
        match &error {
            MessageError::Invalid(_) => Self::invalid(error.code(), &error),
            _ => Self::of(error.code(), error.to_string()),
        }
    }
}
