//! What an entry is made of: its id, its body, what it refers to, and why it may not be sent.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::conversations::EntryKind;
use crate::names::{GroupId, Username};

/// The most characters (Unicode scalar values) of a text.
pub const MAX_TEXT_CHARS: usize = 4_000;

/// The most bytes of a body, whatever it is.
pub const MAX_BODY_BYTES: usize = 32 * 1024;

/// The most attachments of one entry.
pub const MAX_ATTACHMENTS: usize = 10;

/// Why a text is not the id or content type that it was meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConversationError {
    /// Not a UUID of version 7.
    #[error("an entry's id is a UUID of version 7 (RFC 9562)")]
    EntryId,
    /// Not a SHA-256.
    #[error("an attachment's id is 64 hexadecimal digits")]
    AttachmentId,
    /// Not a media type.
    #[error("a content type has 1 to 127 printable ASCII characters")]
    ContentType,
    /// Too many of them.
    #[error("an entry has at most 10 attachments")]
    Attachments,
}

macro_rules! parsed_text {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ConversationError;

            fn from_str(text: &str) -> Result<Self, ConversationError> {
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

/// The id of an entry, chosen by its author: a UUID of version 7 (RFC 9562), in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(String);

impl EntryId {
    /// Parses an id; upper case is folded.
    ///
    /// # Errors
    ///
    /// When it is not a hyphenated UUID of version 7.
    pub fn parse(text: &str) -> Result<Self, ConversationError> {
        let shaped = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                14 => byte == b'7',
                19 => matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B'),
                _ => byte.is_ascii_hexdigit(),
            });
        if shaped {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(ConversationError::EntryId)
        }
    }
}

parsed_text!(EntryId);

/// The id of an attachment: the SHA-256 of its bytes in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttachmentId(String);

impl AttachmentId {
    /// Parses an id; upper case is folded.
    ///
    /// # Errors
    ///
    /// When it is not 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, ConversationError> {
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(ConversationError::AttachmentId)
        }
    }
}

parsed_text!(AttachmentId);

/// What a body is: a media type such as `text/plain`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContentType(String);

impl ContentType {
    /// Text as people write it.
    pub const TEXT: &'static str = "text/plain";
    /// Text with attachments.
    pub const FILES: &'static str = "application/vnd.cooee.files+json";
    /// A call that is over.
    pub const CALL: &'static str = "application/vnd.cooee.call+json";

    /// The most characters of a content type.
    pub const MAX_CHARS: usize = 127;

    /// Parses a content type.
    ///
    /// # Errors
    ///
    /// When it is empty, has more than 127 characters or any but printable ASCII.
    pub fn parse(text: &str) -> Result<Self, ConversationError> {
        let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if text.is_empty() || text.len() > Self::MAX_CHARS || !printable {
            return Err(ConversationError::ContentType);
        }
        Ok(Self(text.to_owned()))
    }

    /// [`ContentType::TEXT`].
    pub fn text() -> Self {
        Self(Self::TEXT.to_owned())
    }

    /// [`ContentType::CALL`].
    pub fn call() -> Self {
        Self(Self::CALL.to_owned())
    }
}

parsed_text!(ContentType);

/// What an entry says: an opaque body, and what kind of thing it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What the body is.
    pub content_type: ContentType,
    /// The body: the text itself, JSON, or base64, as the content type has it.
    pub body: String,
}

impl Content {
    /// A text.
    pub fn text(body: impl Into<String>) -> Self {
        Self {
            content_type: ContentType::text(),
            body: body.into(),
        }
    }

    /// Whether it may be sent: a text has 1 to 4,000 characters, every body at most 32 KiB.
    ///
    /// # Errors
    ///
    /// The reason that the server would give.
    pub fn check(&self) -> Result<(), NotSent> {
        let text = self.content_type.as_str() == ContentType::TEXT;
        if text && self.body.is_empty() {
            return Err(NotSent::Empty);
        }
        let long_text = text && self.body.chars().nth(MAX_TEXT_CHARS).is_some();
        if long_text || self.body.len() > MAX_BODY_BYTES {
            return Err(NotSent::TooLong);
        }
        Ok(())
    }
}

/// The attachments of an entry: at most [`MAX_ATTACHMENTS`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Attachments(Vec<AttachmentId>);

impl Attachments {
    /// Takes the ids.
    ///
    /// # Errors
    ///
    /// When there are too many.
    pub fn new(ids: Vec<AttachmentId>) -> Result<Self, ConversationError> {
        if ids.len() > MAX_ATTACHMENTS {
            return Err(ConversationError::Attachments);
        }
        Ok(Self(ids))
    }

    /// The ids.
    pub fn as_slice(&self) -> &[AttachmentId] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Attachments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ids = Option::<Vec<AttachmentId>>::deserialize(deserializer)?;
        Self::new(ids.unwrap_or_default()).map_err(serde::de::Error::custom)
    }
}

/// Which conversation an entry is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Destination {
    /// By its id.
    Conversation {
        /// The group's, or the pair's own lasting id.
        id_group: GroupId,
    },
    /// The one with this contact, whose id need not be known yet.
    Contact {
        /// The contact.
        pseudo: Username,
    },
}

/// What is posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Posting {
    /// Something new.
    Message {
        /// What it says.
        #[serde(flatten)]
        content: Content,
        /// The entry that it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<EntryId>,
        /// What is attached.
        #[serde(default, skip_serializing_if = "Attachments::is_empty")]
        list_attachment: Attachments,
    },
    /// Another body for a message of one's own.
    Edit {
        /// The message.
        refers_to: EntryId,
        /// What it says from now on.
        #[serde(flatten)]
        content: Content,
    },
    /// A message of one's own is taken back.
    Deletion {
        /// The message.
        refers_to: EntryId,
    },
    /// What one thinks of an entry; replaces what one thought of it before, and an empty body
    /// takes it back.
    Reaction {
        /// The entry.
        refers_to: EntryId,
        /// The reaction.
        #[serde(flatten)]
        content: Content,
    },
}

impl Posting {
    /// The kind of the entry that it becomes.
    pub const fn kind(&self) -> EntryKind {
        match self {
            Self::Message { .. } => EntryKind::Message,
            Self::Edit { .. } => EntryKind::Edit,
            Self::Deletion { .. } => EntryKind::Deletion,
            Self::Reaction { .. } => EntryKind::Reaction,
        }
    }

    /// Whether it may be sent, as far as that can be seen from itself.
    ///
    /// # Errors
    ///
    /// The reason that the server would give.
    pub fn check(&self) -> Result<(), NotSent> {
        match self {
            Self::Message { content, .. } | Self::Edit { content, .. } => content.check(),
            Self::Deletion { .. } => Ok(()),
            // An empty one takes a reaction back.
            Self::Reaction { content, .. } if content.body.is_empty() => Ok(()),
            Self::Reaction { content, .. } => content.check(),
        }
    }
}

macro_rules! not_sent {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// Why an entry was not taken: the `reason` of 403.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum NotSent {
            $($(#[$doc])* $name,)+
        }

        impl NotSent {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

not_sent! {
    /// One is not a member of the group, or there is no such conversation.
    NotMember = "not_member",
    /// The other one is no confirmed contact (any more).
    NotContact = "not_contact",
    /// Longer than allowed.
    TooLong = "too_long",
    /// Nothing in it.
    Empty = "empty",
    /// Too many in a short time: to be sent again later.
    TooMany = "too_many",
    /// What it refers to is not there, or was deleted.
    NoTarget = "no_target",
    /// Only the author edits and deletes.
    NotAuthor = "not_author",
    /// An attachment is not there, or not one's own to pass on.
    NoAttachment = "no_attachment",
    /// One has blocked the other person oneself.
    Blocked = "blocked",
    /// That id is taken: by somebody else's entry there, or one's own that says something else.
    Duplicate = "duplicate",
}

impl NotSent {
    /// The reason of that word, if it is known.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == word)
    }
}
