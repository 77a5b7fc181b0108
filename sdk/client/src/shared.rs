//! What the driver writes and every client handle reads.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cooee_audio::AudioPlatform;
use cooee_core::signalling::Synchronised;
use cooee_protocol::{GroupId, ServerMessage, Token, Username};
use cooee_store::{AccountId, CredentialStore};
use tokio::sync::{broadcast, watch};

use crate::account;
use crate::address::ServerAddress;
use crate::archive::Archive;
use crate::call::AddressPrivacy;
use crate::event::Event;
use crate::roster::{Change, Roster};

/// How the client stands with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Not signed in, and not trying to.
    SignedOut,
    /// Connecting or signing in.
    Connecting,
    /// In step with the server.
    Online,
    /// The connection is lost; it is being tried again.
    Reconnecting,
    /// In the background ([`Client::pause`](crate::Client::pause)), with everything given back.
    Paused,
}

/// Events that a reader may lag behind before it misses some.
const EVENTS: usize = 1024;

/// Shared by the driver and the handles. No lock is held across a wait.
pub(crate) struct Shared {
    pub(crate) server: ServerAddress,
    pub(crate) data: PathBuf,
    /// Other programs may use the data folder at the same time.
    pub(crate) own_session: bool,
    pub(crate) credentials: Arc<dyn CredentialStore>,
    pub(crate) archive: Archive,
    /// What a call's sound needs from the system around the devices.
    pub(crate) audio: Arc<dyn AudioPlatform>,
    /// Whoever fetches a file has it.
    pub(crate) transfers: tokio::sync::Mutex<()>,
    /// Files are taken in for a message that is not kept yet.
    pub(crate) intake: tokio::sync::Mutex<()>,
    roster: RwLock<Roster>,
    address_privacy: RwLock<AddressPrivacy>,
    session: RwLock<SessionFacts>,
    connectivity: watch::Sender<Connectivity>,
    events: broadcast::Sender<Event>,
    /// Times that a timer of the driver's ran out.
    pub(crate) timer_wakes: AtomicU64,
}

#[derive(Default)]
struct SessionFacts {
    token: Option<Token>,
    stun: Vec<String>,
    incoming: Option<(GroupId, Username)>,
}

impl Shared {
    pub(crate) fn new(
        server: ServerAddress,
        data: PathBuf,
        own_session: bool,
        credentials: Arc<dyn CredentialStore>,
        archive: Archive,
        audio: Arc<dyn AudioPlatform>,
        roster: Roster,
    ) -> Self {
        let (events, _) = broadcast::channel(EVENTS);
        Self {
            server,
            data,
            own_session,
            credentials,
            archive,
            audio,
            transfers: tokio::sync::Mutex::default(),
            intake: tokio::sync::Mutex::default(),
            roster: RwLock::new(roster),
            address_privacy: RwLock::default(),
            session: RwLock::new(SessionFacts::default()),
            connectivity: watch::Sender::new(Connectivity::SignedOut),
            events,
            timer_wakes: AtomicU64::new(0),
        }
    }

    pub(crate) fn roster(&self) -> RwLockReadGuard<'_, Roster> {
        self.roster.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn address_privacy(&self) -> AddressPrivacy {
        let privacy = self.address_privacy.read();
        *privacy.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_address_privacy(&self, privacy: AddressPrivacy) {
        let now = self.address_privacy.write();
        *now.unwrap_or_else(PoisonError::into_inner) = privacy;
    }

    pub(crate) fn own_name(&self) -> Option<Username> {
        self.roster().me.as_ref().map(|me| me.name.clone())
    }

    pub(crate) fn token(&self) -> Option<Token> {
        self.session().token.clone()
    }

    pub(crate) fn incoming(&self) -> Option<(GroupId, Username)> {
        self.session().incoming.clone()
    }

    pub(crate) fn connectivity(&self) -> watch::Receiver<Connectivity> {
        self.connectivity.subscribe()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// The account of a name on this server.
    pub(crate) fn account(&self, name: &Username) -> AccountId {
        AccountId::new(self.server.to_string(), name.key())
    }

    /// The server's STUN responders, with the host of the WebSocket where they name none.
    pub(crate) fn stun_servers(&self, server: &ServerAddress) -> Vec<String> {
        let stun = &self.session().stun;
        stun.iter().map(|entry| server.complete(entry)).collect()
    }

    pub(crate) fn emit(&self, event: Event) {
        // Nobody listening is no fault.
        let _ = self.events.send(event);
    }

    pub(crate) fn set_connectivity(&self, connectivity: Connectivity) {
        self.connectivity.send_replace(connectivity);
    }

    pub(crate) fn set_incoming(&self, incoming: Option<(GroupId, Username)>) {
        self.session_mut().incoming = incoming;
    }

    pub(crate) fn apply(&self, message: &ServerMessage) -> Vec<Change> {
        self.roster_mut().apply(message)
    }

    pub(crate) fn synchronised(&self, sync: &Synchronised) {
        {
            let mut session = self.session_mut();
            session.stun.clone_from(&sync.profile.stun);
            if sync.profile.token.is_some() {
                session.token.clone_from(&sync.profile.token);
            }
        }
        let mut roster = self.roster_mut();
        roster.replace(sync);
        self.archive.replace(roster.clone());
    }

    /// Another account has its own volumes.
    pub(crate) fn replace_volumes(&self, volumes: BTreeMap<Username, u16>) {
        self.roster_mut().volumes = volumes;
    }

    pub(crate) fn forget_presence(&self) {
        self.roster_mut().forget_presence();
    }

    /// The account is no more.
    pub(crate) fn forget_everything(&self) {
        self.forget_session();
        *self.roster_mut() = Roster::default();
    }

    pub(crate) fn forget_session(&self) {
        *self.session_mut() = SessionFacts::default();
    }

    /// Keeps the session's secret under the new name. Blocks.
    pub(crate) fn rename_account(&self, previous: &Username, name: &Username) {
        let moved = account::rename(self, previous, name);
        if let Err(why) = moved {
            self.emit(Event::CredentialsNotKept { why });
        }
    }

    pub(crate) fn roster_mut(&self) -> RwLockWriteGuard<'_, Roster> {
        self.roster.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self) -> RwLockReadGuard<'_, SessionFacts> {
        self.session.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn session_mut(&self) -> RwLockWriteGuard<'_, SessionFacts> {
        self.session.write().unwrap_or_else(PoisonError::into_inner)
    }
}
