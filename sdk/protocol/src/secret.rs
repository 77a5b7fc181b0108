//! Secrets on the wire: they redact themselves, are wiped when dropped and do not serialise by
//! themselves; only the messages that carry them to the server spell them out.

use std::fmt;

use serde::{Deserialize, Deserializer, Serializer};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const MAX_PASSWORD_CHARS: usize = 256;
const MIN_PASSWORD_CHARS: usize = 8;
const MAX_TOKEN_CHARS: usize = 256;

macro_rules! secret {
    ($name:ident) => {
        impl $name {
            /// The secret itself; keep it out of logs, arguments and files.
            pub fn expose(&self) -> &str {
                &self.0
            }

            pub(crate) fn serialize_exposed<S: Serializer>(
                secret: &Self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&secret.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // serde's own words would repeat a value of the wrong type, such as a number.
                let text = String::deserialize(deserializer)
                    .map_err(|_| serde::de::Error::custom("a secret is a string"))?;
                let text = Zeroizing::new(text);
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A password that somebody tries to log in with: at most 256 characters.
///
/// A short one is not malformed here, only wrong: see [`NewPassword`] for one that is set.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Takes a password as typed.
    ///
    /// # Errors
    ///
    /// The sentence to show when it has more than 256 characters.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().nth(MAX_PASSWORD_CHARS).is_some() {
            return Err("a password has at most 256 characters");
        }
        Ok(Self(text.to_owned()))
    }
}

secret!(Password);

/// A password that is being set: 8 to 256 characters.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct NewPassword(String);

impl NewPassword {
    /// Takes a new password as typed.
    ///
    /// # Errors
    ///
    /// The sentence to show when it has fewer than 8 or more than 256 characters.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let chars = text.chars().take(MAX_PASSWORD_CHARS + 1).count();
        if !(MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS).contains(&chars) {
            return Err("a password has 8 to 256 characters");
        }
        Ok(Self(text.to_owned()))
    }
}

secret!(NewPassword);

/// A session token: proves a login without the password.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Token(String);

impl Token {
    /// Takes a token.
    ///
    /// # Errors
    ///
    /// The sentence to show when it is empty, longer than 256 characters or not printable ASCII.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty()
            || text.len() > MAX_TOKEN_CHARS
            || !text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err("a token has 1 to 256 printable ASCII characters");
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn serialize_optional<S: Serializer>(
        token: &Option<Self>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match token {
            Some(token) => serializer.serialize_some(token.expose()),
            None => serializer.serialize_none(),
        }
    }
}

secret!(Token);

/// The password of a relay.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct RelayCredential(String);

impl RelayCredential {
    /// Takes a password.
    ///
    /// # Errors
    ///
    /// The sentence to show when it is empty, longer than 256 characters or not printable ASCII.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty()
            || text.len() > MAX_TOKEN_CHARS
            || !text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err("a relay's password has 1 to 256 printable ASCII characters");
        }
        Ok(Self(text.to_owned()))
    }
}

secret!(RelayCredential);
