//! Secrets in the keyring of the operating system.

use super::{CredentialError, CredentialStore, Secret};
use crate::AccountId;

/// Keeps secrets in the operating system's keyring: the Secret Service on Linux and the BSDs,
/// the Keychain on macOS, the Credential Manager on Windows, a key of the Android Keystore over
/// the app's private preferences, the protected data of iOS. All of them outlive a reboot. On iOS a
/// secret can be read once the phone was unlocked after its start, so that a push can use it, and
/// it stays on this phone.
///
/// The keyring is contacted at the first use in the process. Where that fails, every use fails
/// with [`CredentialError::NoStore`] until the process is started again. On Android the app says
/// first which app it is (`android_context_is_ready`); before, every use says `NoStore`.
///
/// A locked keyring asks its owner for the password, and the call waits for the answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyringStore(());

impl KeyringStore {
    /// The keyring of this user. Contacts nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl CredentialStore for KeyringStore {
    fn load(&self, account: &AccountId) -> Result<Option<Secret>, CredentialError> {
        system::load(account)
    }

    fn save(&self, account: &AccountId, secret: &Secret) -> Result<(), CredentialError> {
        system::save(account, secret)
    }

    fn remove(&self, account: &AccountId) -> Result<(), CredentialError> {
        system::remove(account)
    }
}

mod system {
    #[cfg(not(any(target_os = "android", target_os = "ios")))]
    use keyring::{Entry, Error};
    #[cfg(any(target_os = "android", target_os = "ios"))]
    use keyring_core::{Entry, Error};
    use zeroize::Zeroize;

    use super::{AccountId, CredentialError, Secret};

    pub(super) fn load(account: &AccountId) -> Result<Option<Secret>, CredentialError> {
        match entry(account)?.get_password() {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(explain(error)),
        }
    }

    pub(super) fn save(account: &AccountId, secret: &Secret) -> Result<(), CredentialError> {
        let entry = entry(account)?;
        match entry.set_password(secret.expose()) {
            // The Secret Service lets other programs make a second item with the same attributes.
            Err(Error::Ambiguous(duplicates)) => {
                for duplicate in duplicates {
                    duplicate.delete_credential().map_err(explain)?;
                }
                entry.set_password(secret.expose()).map_err(explain)
            }
            other => other.map_err(explain),
        }
    }

    pub(super) fn remove(account: &AccountId) -> Result<(), CredentialError> {
        match entry(account)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(Error::Ambiguous(duplicates)) => duplicates
                .into_iter()
                .try_for_each(|duplicate| duplicate.delete_credential().map_err(explain)),
            Err(error) => Err(explain(error)),
        }
    }

    #[cfg(not(any(target_os = "android", target_os = "ios")))]
    fn entry(account: &AccountId) -> Result<Entry, CredentialError> {
        if let Err(error) = Entry::store_status() {
            return Err(CredentialError::NoStore {
                reason: error.to_string(),
            });
        }
        Entry::new(&format!("cooee {}", account.server), &account.pseudo).map_err(explain)
    }

    #[cfg(target_os = "android")]
    fn entry(account: &AccountId) -> Result<Entry, CredentialError> {
        use android_native_keyring_store::Store;
        use keyring_core::api::CredentialStoreApi as _;
        // The store would panic without.
        if !super::super::android::is_ready() {
            return Err(CredentialError::NoContext);
        }
        let store = Store::new().map_err(explain)?;
        let service = format!("cooee {}", account.server);
        store
            .build(&service, &account.pseudo, None)
            .map_err(explain)
    }

    #[cfg(target_os = "ios")]
    fn entry(account: &AccountId) -> Result<Entry, CredentialError> {
        use apple_native_keyring_store::protected::Store;
        use keyring_core::api::CredentialStoreApi as _;
        let store = Store::new().map_err(explain)?;
        let service = format!("cooee {}", account.server);
        // A push comes to a locked phone; and a session is one phone's, not that of its backup.
        let policy = [("access-policy", "after-first-unlock-this-device-only")];
        store
            .build(&service, &account.pseudo, Some(&policy.into()))
            .map_err(explain)
    }

    fn explain(error: Error) -> CredentialError {
        match error {
            Error::NoDefaultStore => CredentialError::NoStore {
                reason: error.to_string(),
            },
            // The Secret Service says so for a locked collection, for a missing one and for a
            // dismissed prompt; the other systems for what their access rules forbid.
            Error::NoStorageAccess(source) if cfg!(all(unix, not(target_os = "macos"))) => {
                CredentialError::Locked { source }
            }
            Error::NoStorageAccess(source) => CredentialError::AccessDenied { source },
            Error::PlatformFailure(source) => from_bus(source),
            Error::BadEncoding(mut secret) | Error::BadDataFormat(mut secret, _) => {
                secret.zeroize();
                CredentialError::Malformed {
                    what: "the keyring's entry for this account".to_owned(),
                }
            }
            other => CredentialError::Keyring {
                source: Box::new(other),
            },
        }
    }

    /// D-Bus errors have names that are part of its specification, and they begin the text.
    fn from_bus(source: Box<dyn std::error::Error + Send + Sync>) -> CredentialError {
        let text = source.to_string();
        if text.contains("org.freedesktop.DBus.Error.AccessDenied") {
            CredentialError::AccessDenied { source }
        } else if text.contains("org.freedesktop.Secret.Error.IsLocked") {
            CredentialError::Locked { source }
        } else if text.contains("org.freedesktop.DBus.Error.ServiceUnknown")
            || text.contains("org.freedesktop.DBus.Error.NoReply")
        {
            CredentialError::NoStore { reason: text }
        } else {
            CredentialError::Keyring { source }
        }
    }
}
