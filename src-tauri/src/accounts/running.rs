//! One account at work.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cooee_sdk::{Client, Connectivity, Credentials};

use super::Entry;
use crate::conversations::Told;
use crate::convert;
use crate::error::{Answer, AppError};
use crate::link;
use crate::model::account::{Account, AccountId, Keep, Profile, Session, SessionState};
use crate::model::people::Roster;

/// What the session's events told and the client does not keep.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionFacts {
    /// Attempts to connect again that have failed in a row.
    pub(crate) attempt: u32,
    /// When the next one begins, in milliseconds since the Unix epoch.
    pub(crate) retry_at: Option<i64>,
    /// The kept session is being looked for: the keyring may be asking for its password.
    pub(crate) resuming: bool,
    /// Why there is no session.
    pub(crate) ended: Option<AppError>,
}

/// One account's client.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) id: AccountId,
    pub(crate) client: Client,
    facts: Arc<Mutex<SessionFacts>>,
    told: Arc<Mutex<Told>>,
}

impl Running {
    /// Builds the client over the account's folder. Nothing is sent yet.
    pub(crate) async fn start(entry: &Entry, data: &Path) -> Answer<Self> {
        let credentials = match entry.keep {
            Keep::Keyring => Credentials::Keyring,
            Keep::Session => Credentials::Session,
        };
        let mut builder = Client::builder()
            .server(entry.server.as_str())
            .data_folder(entry.id.folder(data))
            .credentials(credentials)
            .allow_plaintext(entry.allow_plaintext);
        // For servers whose certificate no authority signed, as the terminal client has it.
        if let Some(file) = std::env::var_os("COOEE_CA_FILE") {
            builder = builder.ca_file(file);
        }
        Ok(Self {
            id: entry.id.clone(),
            client: builder.build().await?,
            facts: Arc::default(),
            told: Arc::default(),
        })
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, SessionFacts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the page was told of conversations.
    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account's people.
    pub(crate) fn roster(&self) -> Roster {
        let blocked = self.told().blocked.clone();
        Roster {
            blocked,
            ..convert::roster(&self.client)
        }
    }

    /// The account as the UI sees it.
    pub(crate) fn account(&self, entry: &Entry) -> Account {
        let facts = self.facts().clone();
        let state = match *self.client.connectivity().borrow() {
            Connectivity::SignedOut if facts.resuming => SessionState::Connecting,
            Connectivity::SignedOut => SessionState::SignedOut,
            Connectivity::Connecting => SessionState::Connecting,
            Connectivity::Online => SessionState::Online,
            Connectivity::Reconnecting | Connectivity::Paused => SessionState::Reconnecting,
        };
        let profile = self.client.profile().as_ref().map(convert::profile);
        Account {
            session: Session {
                state,
                attempt: facts.attempt,
                retry_at: facts.retry_at,
                ended: facts.ended,
            },
            ..described(entry, profile)
        }
    }
}

/// An account as far as the index knows it.
pub(crate) fn described(entry: &Entry, profile: Option<Profile>) -> Account {
    Account {
        id: entry.id.clone(),
        server: entry.server.clone(),
        server_name: link::server_name(&entry.server),
        plaintext: entry.allow_plaintext
            && cooee_sdk::ServerAddress::parse(&entry.server, true)
                .is_ok_and(|server| link::is_plaintext(&server)),
        profile: profile.unwrap_or_else(|| Profile {
            name: entry.name.clone(),
            picture: None,
        }),
        keep: entry.keep,
        session: Session {
            state: SessionState::SignedOut,
            attempt: 0,
            retry_at: None,
            ended: None,
        },
    }
}
