//! Secrets for as long as the process lives.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{CredentialError, CredentialStore, Secret};
use crate::AccountId;

/// Keeps secrets in memory only: they are gone with the store.
#[derive(Debug, Default)]
pub struct MemoryStore {
    secrets: Mutex<BTreeMap<AccountId, Secret>>,
}

impl MemoryStore {
    /// A store without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    fn secrets(&self) -> MutexGuard<'_, BTreeMap<AccountId, Secret>> {
        // No operation leaves the map half-changed, so a panic elsewhere does not matter.
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CredentialStore for MemoryStore {
    fn load(&self, account: &AccountId) -> Result<Option<Secret>, CredentialError> {
        Ok(self.secrets().get(account).cloned())
    }

    fn save(&self, account: &AccountId, secret: &Secret) -> Result<(), CredentialError> {
        self.secrets().insert(account.clone(), secret.clone());
        Ok(())
    }

    fn remove(&self, account: &AccountId) -> Result<(), CredentialError> {
        self.secrets().remove(account);
        Ok(())
    }
}
