//! Building a client.

use std::path::PathBuf;
use std::sync::Arc;

use cooee_audio::{AudioPlatform, DesktopAudio};
use cooee_store::{AccountId, CredentialStore, FileStore, KeyringStore, MemoryStore};
use tokio::sync::mpsc;

use crate::account::LastAccount;
use crate::address::ServerAddress;
use crate::archive::Archive;
use crate::client::Client;
use crate::driver::{self, Driver};
use crate::error::BuildError;
use crate::http::Http;
use crate::roster::Roster;
use crate::shared::Shared;
use crate::tls;

/// Where the session's token is kept between starts. The password is kept nowhere.
#[derive(Default)]
#[non_exhaustive]
pub enum Credentials {
    /// In the keyring of the operating system.
    #[default]
    Keyring,
    /// In a file in the data folder that only its owner can read (0600): for servers and tests.
    File,
    /// Only in memory: gone with the process.
    Session,
    /// In a store of the program's own.
    Custom(Arc<dyn CredentialStore>),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Keyring => "Keyring",
            Self::File => "File",
            Self::Session => "Session",
            Self::Custom(_) => "Custom",
        })
    }
}

/// Builds a [`Client`].
#[derive(Debug, Default)]
pub struct ClientBuilder {
    server: Option<String>,
    data: Option<PathBuf>,
    credentials: Credentials,
    allow_plaintext: bool,
    ca_file: Option<PathBuf>,
    own_session: bool,
    quick_start: bool,
    audio: Option<Arc<dyn AudioPlatform>>,
}

impl ClientBuilder {
    /// The server: `cooee.example.org`, `wss://cooee.example.org`, `ws://127.0.0.1:4400`. Without
    /// one, the server that the data folder was last signed in to.
    #[must_use]
    pub fn server(mut self, server: impl Into<String>) -> Self {
        self.server = Some(server.into());
        self
    }

    /// The folder for cache and settings; made if it is missing. Required.
    #[must_use]
    pub fn data_folder(mut self, data: impl Into<PathBuf>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Where the session's token is kept; the operating system's keyring if not said otherwise.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// Allows `ws://` to other machines, unencrypted.
    #[must_use]
    pub fn allow_plaintext(mut self, allow: bool) -> Self {
        self.allow_plaintext = allow;
        self
    }

    /// Trusts the certificates in this PEM file instead of those that the operating system trusts.
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// Resumes into a session of its own instead of taking over the one that the last sign-in
    /// began, and ends it when the client closes: for programs that several of may run at once
    /// over one data folder.
    #[must_use]
    pub fn own_session(mut self, own: bool) -> Self {
        self.own_session = own;
        self
    }

    /// What calls ask of the system around the devices: permission, session, routes. A computer's
    /// if not said otherwise; the app of a phone brings its own.
    #[must_use]
    pub fn audio_platform(mut self, audio: Arc<dyn AudioPlatform>) -> Self {
        self.audio = Some(audio);
        self
    }

    /// Opens the cache without looking through all of it for damage first: for a process that a
    /// push has woken ([`Client::wake`]). The next start without this looks as ever.
    #[must_use]
    pub fn quick_start(mut self, quick: bool) -> Self {
        self.quick_start = quick;
        self
    }

    /// Builds the client and reads what the cache knows. Nothing is sent yet: sign in, or
    /// [`Client::resume`].
    ///
    /// # Errors
    ///
    /// When the address, the data folder, the cache or TLS cannot be used.
    pub async fn build(self) -> Result<Client, BuildError> {
        let data = self.data.unwrap_or_else(|| PathBuf::from("."));
        let in_folder = |source| BuildError::DataFolder {
            folder: data.display().to_string(),
            source,
        };
        std::fs::create_dir_all(&data).map_err(in_folder)?;
        let last = LastAccount::load(&data).map_err(in_folder)?;
        let server = match (&self.server, &last) {
            (Some(server), _) => server.clone(),
            (None, Some(last)) => last.server.clone(),
            (None, None) => return Err(BuildError::NoServer),
        };
        let server = ServerAddress::parse(&server, self.allow_plaintext)?;
        let last = last.filter(|last| last.server == server.to_string());
        let tls = Arc::new(tls::client_config(self.ca_file.as_deref())?);
        let credentials: Arc<dyn CredentialStore> = match self.credentials {
            Credentials::Keyring => Arc::new(KeyringStore::new()),
            Credentials::File => Arc::new(FileStore::new(&data)),
            Credentials::Session => Arc::new(MemoryStore::new()),
            Credentials::Custom(store) => store,
        };
        let archive = Archive::start(data.clone()).map_err(in_folder)?;
        let roster = match last {
            Some(last) => {
                let account = AccountId::new(server.to_string(), last.pseudo.key());
                let mut roster = archive.open(account, self.quick_start).await?;
                roster.remember(last.pseudo);
                roster
            }
            None => Roster::default(),
        };
        let http =
            Http::new(Arc::clone(&tls)).map_err(|error| BuildError::Tls(error.to_string()))?;
        let http = Arc::new(http);
        let shared = Arc::new(Shared::new(
            server.clone(),
            data,
            self.own_session,
            credentials,
            archive,
            self.audio
                .unwrap_or_else(|| Arc::new(DesktopAudio::default())),
            roster,
        ));
        let (commands, queue) = mpsc::channel(driver::QUEUE);
        let mut loaded = shared.archive.load_messages().await;
        loaded.own = shared.own_name();
        let driver = Driver::new(
            server,
            tls,
            Arc::clone(&http),
            loaded,
            Arc::clone(&shared),
            queue,
            commands.downgrade(),
        );
        let driver = tokio::spawn(driver.run());
        Ok(Client::new(shared, commands, http, driver))
    }
}
