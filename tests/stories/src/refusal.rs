//! What the server refuses.

use std::fmt::Debug;

use cooee_sdk::{ActionError, ErrorCode, SignInError};

/// The result of something that the server should refuse.
pub trait Refusal {
    /// The code with which it did. Panics when it did not.
    fn refused(self) -> ErrorCode;
}

impl<T: Debug> Refusal for Result<T, ActionError> {
    fn refused(self) -> ErrorCode {
        match self {
            Err(ActionError::Refused(reply)) => reply.code,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

impl<T: Debug> Refusal for Result<T, SignInError> {
    fn refused(self) -> ErrorCode {
        match self {
            Err(SignInError::Refused(reply)) => reply.code,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}
