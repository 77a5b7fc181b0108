//! Why a command failed: a stable word for programs, a sentence for people.

use cooee_sdk::{
    ActionError, BuildError, CallActionError, CredentialError, ErrorReply, MessageError,
    SignInError,
};

/// A failed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The stable word.
    pub(crate) code: &'static str,
    /// The sentence.
    pub(crate) message: String,
}

/// How a command ends.
pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The session is over, for what the server said.
    pub(crate) fn signed_out(reason: Option<&ErrorReply>) -> Self {
        let detail = reason.and_then(|reply| reply.detail.as_deref());
        Self::new(
            "signed_out",
            match detail {
                Some(detail) => format!("the session is over: {detail}"),
                None => "the session is over: log in again".to_owned(),
            },
        )
    }

    /// An argument that the command line's grammar allows and Cooee does not.
    pub(crate) fn invalid(message: impl std::fmt::Display) -> Self {
        Self::new("invalid", message.to_string())
    }
}

/// An error and its causes in one line, none said twice.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new("system", chain(&error))
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let code = match &error {
            BuildError::Address(_) => "address",
            BuildError::NoServer => {
                return Self::new(
                    "no_server",
                    "no server is known yet: name one with --server URL, and register or log in",
                );
            }
            BuildError::DataFolder { .. } => "data_folder",
            BuildError::Cache(_) => "cache",
            BuildError::Tls(_) => "tls",
            _ => "failed",
        };
        Self::new(code, chain(&error))
    }
}

impl From<SignInError> for Failure {
    fn from(error: SignInError) -> Self {
        let mut message = chain(&error);
        let without_keyring = matches!(
            error,
            SignInError::Credentials(
                CredentialError::NoStore { .. }
                    | CredentialError::Locked { .. }
                    | CredentialError::AccessDenied { .. }
            )
        );
        if without_keyring {
            message.push_str(" (--credentials file)");
        }
        Self::new(error.code(), message)
    }
}

impl From<ActionError> for Failure {
    fn from(error: ActionError) -> Self {
        Self::new(error.code(), chain(&error))
    }
}

impl From<CallActionError> for Failure {
    fn from(error: CallActionError) -> Self {
        Self::new(error.code(), chain(&error))
    }
}

impl From<MessageError> for Failure {
    fn from(error: MessageError) -> Self {
        Self::new(error.code(), chain(&error))
    }
}

#[cfg(test)]
mod tests {
    use cooee_sdk::{ActionError, BuildError, SignInError};

    use super::Failure;

    #[test]
    fn errors_keep_their_stable_word() {
        assert_eq!(Failure::from(ActionError::Offline).code, "offline");
        assert_eq!(Failure::from(SignInError::NoSession).code, "no_session");
        assert_eq!(Failure::from(BuildError::NoServer).code, "no_server");
    }

    #[test]
    fn a_missing_server_says_what_to_do() {
        let failure = Failure::from(BuildError::NoServer);
        assert!(failure.message.contains("--server"), "{failure:?}");
    }
}
