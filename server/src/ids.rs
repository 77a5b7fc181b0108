//! The server's own names for profiles, sessions and tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cooee_protocol::{Token, Username};
use sha2::{Digest, Sha256};

/// A profile's row in the database; stays the same when the profile is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ProfileId(pub(crate) i64);

/// A session while the server runs: one login, over as many connections as it is resumed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionId(pub(crate) u64);

/// A profile and its name at the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) profile: ProfileId,
    pub(crate) name: Username,
}

/// The SHA-256 of a session token: what the server keeps of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &Token) -> Self {
        Self(Sha256::digest(token.expose().as_bytes()).into())
    }
}

/// A new session token: 256 random bits in URL-safe base64.
pub(crate) fn new_token() -> Option<Token> {
    let bits: [u8; 32] = rand::random();
    Token::parse(&URL_SAFE_NO_PAD.encode(bits)).ok()
}
