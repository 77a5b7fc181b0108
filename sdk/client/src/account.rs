//! Which account a data folder belongs to, and the secret of its session.

use std::fs;
use std::io;
use std::path::Path;

use cooee_protocol::{Token, Username};
use cooee_store::{AccountId, CredentialError, CredentialStore, Secret};
use serde::{Deserialize, Serialize};

use crate::shared::Shared;

const FILE: &str = "account.json";

/// The account that a data folder was last signed in to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastAccount {
    pub(crate) server: String,
    pub(crate) pseudo: Username,
}

impl LastAccount {
    /// Reads it; `None` when there is none, or none that this version understands.
    pub(crate) fn load(data: &Path) -> io::Result<Option<Self>> {
        match fs::read(data.join(FILE)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it, whole or not at all.
    pub(crate) fn save(&self, data: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        let partial = data.join(format!("{FILE}.{}.partial", std::process::id()));
        fs::write(&partial, text)?;
        fs::rename(partial, data.join(FILE))
    }

    pub(crate) fn forget(data: &Path) -> io::Result<()> {
        match fs::remove_file(data.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Keeps a session for the next start. Blocks.
pub(crate) fn keep(
    credentials: &dyn CredentialStore,
    account: &AccountId,
    token: &Token,
) -> Result<(), CredentialError> {
    credentials.save(account, &Secret::new(token.expose()))
}

/// The token of a session that was kept. Blocks.
pub(crate) fn token(
    credentials: &dyn CredentialStore,
    account: &AccountId,
) -> Result<Option<Token>, CredentialError> {
    let secret = credentials.load(account)?;
    Ok(secret.and_then(|secret| Token::parse(secret.expose()).ok()))
}

/// Moves what is kept under one name to another. Blocks.
pub(crate) fn rename(shared: &Shared, previous: &Username, name: &Username) -> Result<(), String> {
    let server = shared.server.to_string();
    let last = LastAccount {
        server,
        pseudo: name.clone(),
    };
    last.save(&shared.data).map_err(|error| error.to_string())?;
    let (old, new) = (shared.account(previous), shared.account(name));
    if old == new {
        return Ok(());
    }
    let moved = shared.credentials.load(&old).and_then(|secret| {
        if let Some(secret) = secret {
            shared.credentials.save(&new, &secret)?;
            shared.credentials.remove(&old)?;
        }
        Ok(())
    });
    moved.map_err(|error| error.to_string())
}
