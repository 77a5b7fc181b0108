//! Where the secret of a session is kept.

#[cfg(target_os = "android")]
mod android;
mod file;
mod keyring;
mod memory;
mod secret;

use std::io;
use std::path::PathBuf;

#[cfg(target_os = "android")]
pub use self::android::android_context_is_ready;
pub use self::file::FileStore;
pub use self::keyring::KeyringStore;
pub use self::memory::MemoryStore;
pub use self::secret::Secret;
use crate::AccountId;

/// Keeps one secret for each account.
///
/// Every method blocks: on the disk, on D-Bus, or for as long as a person takes to type the
/// password of their keyring. Call it on a thread that may block (`spawn_blocking`), never in an
/// asynchronous task. Accounts are compared exactly, so the caller passes folded names.
pub trait CredentialStore: Send + Sync {
    /// The account's secret; `None` when none is kept.
    ///
    /// # Errors
    ///
    /// Why the store cannot tell. That there is no secret is not an error.
    fn load(&self, account: &AccountId) -> Result<Option<Secret>, CredentialError>;

    /// Keeps the account's secret in place of the one before.
    ///
    /// # Errors
    ///
    /// Why the store cannot keep it; the one before is kept then.
    fn save(&self, account: &AccountId, secret: &Secret) -> Result<(), CredentialError>;

    /// Forgets the account's secret. Nothing to forget is a success.
    ///
    /// # Errors
    ///
    /// Why the store cannot forget it.
    fn remove(&self, account: &AccountId) -> Result<(), CredentialError>;
}

/// Why a credential store failed, in words for the person at the device. None holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// This system has no credential store, or it is not running.
    #[error(
        "this system offers no keyring ({reason}): start one (on Linux a Secret Service such as \
         GNOME Keyring or KWallet, in a desktop session), then start this program again; or \
         choose to keep credentials in a file"
    )]
    NoStore {
        /// What was missing.
        reason: String,
    },
    /// On Android, the app has not said which app it is.
    #[error(
        "the app's credential store cannot be reached: the Android context was not initialised \
         (call Native.initialise(context) before the first client)"
    )]
    NoContext,
    /// The keyring is there and locked, and nobody unlocked it.
    #[error(
        "the keyring is locked, or was never set up: unlock it (logging in to the desktop does, \
         or the keyring's own program) and try again; or choose to keep credentials in a file"
    )]
    Locked {
        /// What the keyring said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system does not let this program use its keyring.
    #[error(
        "the system refused access to the keyring: allow it for this program in the system's \
         settings (or the permissions of its sandbox) and try again; or choose to keep \
         credentials in a file"
    )]
    AccessDenied {
        /// What the keyring said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Other users of this machine can reach the credential file, so it is not used.
    #[error(
        "{} can be read or changed by other users (mode {mode:o}): if nobody did, make it \
         private (chmod 600); if in doubt, remove it and log in again", path.display()
    )]
    ExposedFile {
        /// The credential file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The credential file or the keyring's entry is not what this program wrote.
    #[error("{what} is damaged: remove it and log in again")]
    Malformed {
        /// What is damaged.
        what: String,
    },
    /// The credential file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Files {
        /// What could not be used.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The keyring failed in another way.
    #[error("the keyring failed: {source}")]
    Keyring {
        /// What the keyring said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
