//! Names of people and groups.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not the name that it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Empty, or longer than allowed.
    #[error("a {what} has 1 to {max} characters")]
    Length {
        /// What was being named.
        what: &'static str,
        /// The most characters (Unicode scalar values) that it may have.
        max: usize,
    },
    /// A character that the name may not hold.
    #[error("a {0} holds no spaces, control characters or symbols that look like others")]
    Character(&'static str),
}

/// The name of a profile (`pseudo` on the wire): shown as chosen, compared without regard to
/// case by the UsernameCaseMapped profile of RFC 8265, section 3.3.
#[derive(Clone)]
pub struct Username {
    shown: String,
    key: String,
}

impl Username {
    /// The most characters in a name.
    pub const MAX_CHARS: usize = 32;

    /// Parses a name.
    ///
    /// # Errors
    ///
    /// When it is empty, has more than 32 characters, or holds characters that a username may
    /// not hold (RFC 8265, section 3.3).
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let what = "name";
        let length = NameError::Length {
            what,
            max: Self::MAX_CHARS,
        };
        if text.is_empty() || text.chars().nth(Self::MAX_CHARS).is_some() {
            return Err(length);
        }
        // Of the graphic characters of ASCII the profile allows each, and only maps their case.
        let key = if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            text.to_ascii_lowercase()
        } else {
            let key = UsernameCaseMapped::enforce(text).map_err(|_| NameError::Character(what))?;
            key.into_owned()
        };
        if key.is_empty() {
            return Err(length);
        }
        Ok(Self {
            shown: text.to_owned(),
            key,
        })
    }

    /// The name as its owner chose it.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The form that comparisons use: two names are the same exactly when their keys are.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl PartialEq for Username {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Username {}

impl Hash for Username {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl PartialOrd for Username {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Username {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, f)
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown)
    }
}

impl std::str::FromStr for Username {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl Serialize for Username {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown)
    }
}

impl<'de> Deserialize<'de> for Username {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Implements the traits of a text that is checked once, when it is parsed.
macro_rules! checked_text {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, f)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// The opaque id of a group or of a pair of contacts (`id_group` on the wire), at most 64
/// characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(String);

impl GroupId {
    /// The most characters in an id.
    pub const MAX_CHARS: usize = 64;

    /// Parses an id.
    ///
    /// # Errors
    ///
    /// When it is empty, has more than 64 characters or holds control characters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        bounded(text, "group id", Self::MAX_CHARS).map(|()| Self(text.to_owned()))
    }
}

checked_text!(GroupId);

/// The name of a group (`group_name` on the wire): 1 to 64 characters, not unique.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(String);

impl GroupName {
    /// The most characters in a group's name.
    pub const MAX_CHARS: usize = 64;

    /// Parses a group's name; white space around it is dropped.
    ///
    /// # Errors
    ///
    /// When nothing is left, it has more than 64 characters or holds control characters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        bounded(text, "group name", Self::MAX_CHARS).map(|()| Self(text.to_owned()))
    }
}

checked_text!(GroupName);

fn bounded(text: &str, what: &'static str, max: usize) -> Result<(), NameError> {
    if text.is_empty() || text.chars().nth(max).is_some() {
        return Err(NameError::Length { what, max });
    }
    if text.chars().any(char::is_control) {
        return Err(NameError::Character(what));
    }
    Ok(())
}
