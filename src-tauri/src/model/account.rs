//! Accounts on servers, and their sessions.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::error::AppError;

/// Names one account in this app. Given by the shell, never shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(transparent)]
pub(crate) struct AccountId(pub(crate) String);

/// Where the secret of a session is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Keep {
    /// In the keyring of the operating system: the next start signs in by itself.
    Keyring,
    /// In memory only: the next start asks for the password.
    Session,
}

/// What it takes to sign up or to sign in.
#[derive(Clone, Deserialize, Type)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewSession {
    /// As the user typed it, or as `parse_link` gave it.
    pub(crate) server: String,
    /// The name of the profile.
    pub(crate) name: String,
    /// Kept nowhere.
    pub(crate) password: String,
    /// Where the session's secret is kept.
    pub(crate) keep: Keep,
    /// Whether the user accepted that the way to the server is not encrypted.
    pub(crate) allow_plaintext: bool,
}

/// How an account stands with its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionState {
    /// No session: the user has to sign in, or `resume` after what `ended` says was put right.
    SignedOut,
    /// Connecting for the first time since the start.
    Connecting,
    /// In step with the server.
    Online,
    /// The connection is lost and is being tried again.
    Reconnecting,
}

/// The session of an account.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    /// Where it stands.
    pub(crate) state: SessionState,
    /// While reconnecting: attempts that have failed in a row.
    pub(crate) attempt: u32,
    /// While reconnecting: when the next attempt begins.
    pub(crate) retry_at: Option<i64>,
    /// Why there is no session, when it was not the user who ended it.
    pub(crate) ended: Option<AppError>,
}

/// The own profile.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Profile {
    /// Its name.
    pub(crate) name: String,
    /// The id of its picture; `null` for none.
    pub(crate) picture: Option<String>,
}

/// An account of this app.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    /// Names it in commands and events.
    pub(crate) id: AccountId,
    /// Its server, in the one form that the app uses for it: `wss://cooee.example.org`.
    pub(crate) server: String,
    /// The same for eyes: `cooee.example.org`.
    pub(crate) server_name: String,
    /// Whether the way to the server is not encrypted and leaves this machine.
    pub(crate) plaintext: bool,
    /// Its profile, as it was last known.
    pub(crate) profile: Profile,
    /// Where the session's secret is kept.
    pub(crate) keep: Keep,
    /// Its session.
    pub(crate) session: Session,
}

/// Whether the keyring can be used.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyringStatus {
    /// Something can be written and read again.
    pub(crate) available: bool,
    /// Why not: `keyring_missing`, `keyring_locked`, `keyring_denied` or `keyring_failed`.
    pub(crate) problem: Option<AppError>,
}

/// An address of a server, as it was understood.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerAddress {
    /// The one form that the app uses for it.
    pub(crate) server: String,
    /// The same for eyes.
    pub(crate) server_name: String,
    /// Whether it is not encrypted and leaves this machine; `sign_in` needs `allowPlaintext` then.
    pub(crate) plaintext: bool,
}
