//! A text that must not be shown.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret, such as the token of a session. It does not print, does not serialise, and its
/// memory is overwritten when it goes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes `text` for a secret. Copies that the caller keeps are the caller's to wipe.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that sends or stores it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
