//! Whether the keyring can be used, before anything depends on it.

use cooee_store::{AccountId, CredentialError, CredentialStore, KeyringStore, Secret};

/// Writes something to the operating system's keyring, reads it again and removes it: whether a
/// session can be kept there, asked before there is one. Blocks, also for as long as a person
/// takes to unlock the keyring.
///
/// # Errors
///
/// Why it cannot: there is none, it is locked, or the system does not let this program use it.
pub fn check_keyring() -> Result<(), CredentialError> {
    check(&KeyringStore::new())
}

fn check(store: &dyn CredentialStore) -> Result<(), CredentialError> {
    // No server has such an address, and no profile such a name.
    let account = AccountId::new("cooee:check", format!("check {}", std::process::id()));
    let written = format!("{:016x}", rand::random::<u64>());
    store.save(&account, &Secret::new(written.as_str()))?;
    let read = store.load(&account);
    store.remove(&account)?;
    match read? {
        Some(secret) if secret.expose() == written => Ok(()),
        Some(_) | None => Err(CredentialError::Malformed {
            what: "what was just written to the keyring".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use cooee_store::{AccountId, CredentialError, CredentialStore, MemoryStore, Secret};

    use super::check;

    /// Forgets at once, as a keyring without a collection might.
    struct Forgetful;

    impl CredentialStore for Forgetful {
        fn load(&self, _account: &AccountId) -> Result<Option<Secret>, CredentialError> {
            Ok(None)
        }

        fn save(&self, _account: &AccountId, _secret: &Secret) -> Result<(), CredentialError> {
            Ok(())
        }

        fn remove(&self, _account: &AccountId) -> Result<(), CredentialError> {
            Ok(())
        }
    }

    #[test]
    fn only_a_keyring_that_remembers_will_do() {
        assert!(check(&MemoryStore::new()).is_ok());
        assert!(check(&Forgetful).is_err());
    }
}
