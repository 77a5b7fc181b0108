//! Which accounts this app has: a small file beside their data.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;
use crate::model::account::{AccountId, Keep};

/// The most accounts that one app holds.
pub(crate) const MAX_ACCOUNTS: usize = 32;

/// What is written down of an account. No secret is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) id: AccountId,
    pub(crate) server: String,
    pub(crate) name: String,
    pub(crate) keep: Keep,
    pub(crate) allow_plaintext: bool,
}

/// The accounts in the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) active: Option<AccountId>,
    pub(crate) accounts: Vec<Entry>,
}

impl Index {
    /// Reads it. What cannot be read is set aside and begun anew: accounts can be signed in to
    /// again, and their data is still there.
    pub(crate) fn load(data: &Path) -> io::Result<Self> {
        let index: Self = files::read_json(&path(data))?;
        Ok(index.checked())
    }

    /// Writes it, whole or not at all.
    pub(crate) fn save(&self, data: &Path) -> io::Result<()> {
        files::write_json(&path(data), self)
    }

    pub(crate) fn find(&self, id: &AccountId) -> Option<&Entry> {
        self.accounts.iter().find(|entry| entry.id == *id)
    }

    pub(crate) fn find_mut(&mut self, id: &AccountId) -> Option<&mut Entry> {
        self.accounts.iter_mut().find(|entry| entry.id == *id)
    }

    /// Drops what would lead out of the data folder or is there twice.
    fn checked(mut self) -> Self {
        let mut seen = std::collections::BTreeSet::new();
        self.accounts
            .retain(|entry| entry.id.is_sound() && seen.insert(entry.id.clone()));
        self.accounts.truncate(MAX_ACCOUNTS);
        let known = |id: &AccountId| self.accounts.iter().any(|entry| entry.id == *id);
        if !self.active.as_ref().is_some_and(known) {
            self.active = self.accounts.first().map(|entry| entry.id.clone());
        }
        self
    }
}

impl AccountId {
    /// An id that no account has had before.
    pub(crate) fn draw() -> Self {
        Self(format!("{:016x}", rand::random::<u64>()))
    }

    /// Whether it is of the form that [`draw`](Self::draw) gives, and so a name for a folder.
    pub(crate) fn is_sound(&self) -> bool {
        self.0.len() == 16 && self.0.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// The folder with everything of this account.
    pub(crate) fn folder(&self, data: &Path) -> PathBuf {
        data.join("accounts").join(&self.0)
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("accounts.json")
}

#[cfg(test)]
mod tests {
    use super::{Entry, Index};
    use crate::model::account::{AccountId, Keep};

    fn entry(id: &str) -> Entry {
        Entry {
            id: AccountId(id.to_owned()),
            server: "wss://example.org".to_owned(),
            name: "alice".to_owned(),
            keep: Keep::Keyring,
            allow_plaintext: false,
        }
    }

    #[test]
    fn nothing_in_the_file_leads_out_of_the_data_folder() {
        let good = "0123456789abcdef";
        let index = Index {
            active: Some(AccountId("../../etc".to_owned())),
            accounts: vec![entry("../../etc"), entry(""), entry(good), entry(good)],
        };
        let checked = index.checked();
        assert_eq!(checked.accounts, vec![entry(good)]);
        assert_eq!(checked.active, Some(AccountId(good.to_owned())));
    }

    #[test]
    fn a_damaged_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(super::path(folder.path()), b"{\"accounts\": 7").unwrap();
        assert_eq!(Index::load(folder.path()).unwrap(), Index::default());
        assert!(folder.path().join("accounts.json.damaged").exists());
        let index = Index {
            active: Some(AccountId("0123456789abcdef".to_owned())),
            accounts: vec![entry("0123456789abcdef")],
        };
        index.save(folder.path()).unwrap();
        assert_eq!(Index::load(folder.path()).unwrap(), index);
    }

    #[test]
    fn ids_that_are_drawn_are_sound() {
        assert!(AccountId::draw().is_sound());
        assert_ne!(AccountId::draw(), AccountId::draw());
    }
}
