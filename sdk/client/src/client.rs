//! The client.

use std::future::Future;
use std::sync::Arc;

use cooee_core::call::Target;
use cooee_core::signalling::SignIn;
use cooee_protocol::{
    AddContact, AddToGroup, AmendProfile, ClientMessage, Contact, CreateGroup, Group, GroupId,
    GroupMember, GroupName, NewPassword, Password, PictureId, ServerMessage, Username,
};
use cooee_store::{CacheError, CallId, CallRecord};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::account::{self, LastAccount};
use crate::builder::ClientBuilder;
use crate::call::{AddressPrivacy, Call, CallOptions, IncomingCall};
use crate::driver::{Command, SignedIn};
use crate::error::{ActionError, CallActionError, SignInError};
use crate::events::Events;
use crate::http::Http;
use crate::pictures;
use crate::roster::Me;
use crate::shared::{Connectivity, Shared};

/// A client of one server: sign in, then act; look at snapshots whenever it suits, and read the
/// events to know when to look again. Cheap to clone; the connection ends with the last clone.
///
/// Every method is safe to cancel: what was sent is carried out all the same, and its effect
/// shows in the snapshots.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    pub(crate) http: Arc<Http>,
    driver: Arc<std::sync::Mutex<Option<JoinHandle<()>>>>,
}

impl Client {
    /// Starts to build a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: mpsc::Sender<Command>,
        http: Arc<Http>,
        driver: JoinHandle<()>,
    ) -> Self {
        Self {
            shared,
            commands,
            http,
            driver: Arc::new(std::sync::Mutex::new(Some(driver))),
        }
    }

    // Snapshots: what is known right now, with or without a connection.

    /// The server's address.
    pub fn server(&self) -> String {
        self.shared.server.to_string()
    }

    /// The own profile, as far as one was ever signed in.
    pub fn profile(&self) -> Option<Me> {
        self.shared.roster().me.clone()
    }

    /// Every contact, by name, requests included.
    pub fn contacts(&self) -> Vec<Contact> {
        self.shared.roster().contacts.values().cloned().collect()
    }

    /// Every group.
    pub fn groups(&self) -> Vec<Group> {
        self.shared.roster().groups.values().cloned().collect()
    }

    /// The call that rings here and waits for an answer.
    pub fn incoming(&self) -> Option<IncomingCall> {
        let (id_group, from) = self.shared.incoming()?;
        Some(IncomingCall::new(id_group, from, self.commands.downgrade()))
    }

    /// A page of the call history, latest first; `before` continues after the last of a page.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub async fn history(
        &self,
        limit: u32,
        before: Option<CallId>,
    ) -> Result<Vec<CallRecord>, CacheError> {
        self.shared.archive.calls(limit, before).await
    }

    /// How the client stands with the server, to look at or to wait for.
    pub fn connectivity(&self) -> watch::Receiver<Connectivity> {
        self.shared.connectivity()
    }

    /// A new reader of events, from now on.
    pub fn events(&self) -> Events {
        Events::new(self.shared.subscribe())
    }

    // Sessions.

    /// Creates a profile and signs in to it. The session's token is kept; the password is not.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses, or the token cannot be kept.
    pub async fn register(&self, name: Username, password: NewPassword) -> Result<Me, SignInError> {
        self.sign_in(SignIn::Register(name, password)).await
    }

    /// Signs in. The session's token is kept; the password is not.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses, or the token cannot be kept.
    pub async fn login(&self, name: Username, password: Password) -> Result<Me, SignInError> {
        self.sign_in(SignIn::Login(name, password)).await
    }

    /// Continues the session of the last sign-in with this data folder. After a
    /// [`pause`](Self::pause) the session from before it goes on, and also goes on trying where
    /// the server cannot be reached yet.
    ///
    /// # Errors
    ///
    /// [`SignInError::NoSession`] when there is none, [`SignInError::Refused`] when it is over on
    /// the server, [`SignInError::Unreachable`] without a network:
    /// [`resume_when_possible`](Self::resume_when_possible) keeps trying instead.
    pub async fn resume(&self) -> Result<Me, SignInError> {
        if let Some(back) = self.come_back().await? {
            return Ok(back);
        }
        let token = self.kept_token().await?;
        let (reply, answer) = oneshot::channel();
        let how = self.resume_by(token);
        self.tell(Command::SignIn { how, reply })
            .await
            .map_err(|_| SignInError::Closed)?;
        let signed_in = answer.await.map_err(|_| SignInError::Closed)??;
        Ok(signed_in.me)
    }

    /// Continues the session of the last sign-in as soon as the server can be reached, and says
    /// so in events.
    ///
    /// # Errors
    ///
    /// [`SignInError::NoSession`] and [`SignInError::Credentials`].
    pub async fn resume_when_possible(&self) -> Result<(), SignInError> {
        let token = self.kept_token().await?;
        let how = self.resume_by(token);
        self.sign_in_unwatched(how).await
    }

    /// Signs out: the server forgets the session, and so does this device. The cache stays.
    ///
    /// # Errors
    ///
    /// [`ActionError::Offline`] and [`ActionError::Interrupted`]: the session is forgotten here,
    /// but the server may still accept its token.
    pub async fn logout(&self) -> Result<(), ActionError> {
        let name = self.shared.own_name();
        let (reply, answer) = oneshot::channel();
        self.tell(Command::SignOut { reply }).await?;
        let revoked = answer.await.map_err(|_| ActionError::Closed)?;
        self.shared.forget_session();
        let shared = Arc::clone(&self.shared);
        let forgotten = tokio::task::spawn_blocking(move || {
            if let Some(name) = name
                && let Err(error) = shared.credentials.remove(&shared.account(&name))
            {
                tracing::warn!(%error, "the session's token could not be forgotten");
            }
            LastAccount::forget(&shared.data)
        })
        .await;
        if let Ok(Err(error)) = forgotten {
            tracing::warn!(%error, "the last account could not be forgotten");
        }
        revoked
    }

    async fn sign_in(&self, how: SignIn) -> Result<Me, SignInError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::SignIn { how, reply })
            .await
            .map_err(|_| SignInError::Closed)?;
        let SignedIn { me, token } = answer.await.map_err(|_| SignInError::Closed)??;
        let Some(token) = token else { return Ok(me) };
        let (shared, name) = (Arc::clone(&self.shared), me.name.clone());
        let kept = tokio::task::spawn_blocking(move || {
            let account = shared.account(&name);
            account::keep(shared.credentials.as_ref(), &account, &token)?;
            let last = LastAccount {
                server: shared.server.to_string(),
                pseudo: name,
            };
            if let Err(error) = last.save(&shared.data) {
                tracing::warn!(%error, "the account could not be written to the data folder");
            }
            Ok(())
        })
        .await
        .map_err(|_| SignInError::Closed)?;
        if let Err(error) = kept {
            // A session that cannot be kept is not left behind on the server either.
            let (reply, answer) = oneshot::channel();
            if self.tell(Command::SignOut { reply }).await.is_ok() {
                let _ = answer.await;
            }
            return Err(SignInError::Credentials(error));
        }
        Ok(me)
    }

    pub(crate) fn resume_by(&self, token: cooee_protocol::Token) -> SignIn {
        if self.shared.own_session {
            SignIn::Another(token)
        } else {
            SignIn::Resume(token)
        }
    }

    pub(crate) async fn kept_token(&self) -> Result<cooee_protocol::Token, SignInError> {
        let name = self.shared.own_name().ok_or(SignInError::NoSession)?;
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || {
            account::token(shared.credentials.as_ref(), &shared.account(&name))
        })
        .await
        .map_err(|_| SignInError::Closed)??
        .ok_or(SignInError::NoSession)
    }

    // Profile and pictures.

    /// Changes name, password or picture: what is `None` stays.
    ///
    /// # Errors
    ///
    /// See [`ActionError`]; a name that is taken changes nothing at all.
    pub async fn amend_profile(&self, changes: AmendProfile) -> Result<(), ActionError> {
        self.request(ClientMessage::AmendProfile(changes)).await?;
        Ok(())
    }

    /// Uploads a picture (PNG, JPEG or WebP, at most 1 MiB and 2048x2048) and gives its id, to be
    /// set with [`amend_profile`](Self::amend_profile).
    ///
    /// # Errors
    ///
    /// See [`ActionError`].
    pub async fn upload_picture(&self, bytes: Vec<u8>) -> Result<PictureId, ActionError> {
        let token = self.shared.token().ok_or(ActionError::Offline)?;
        pictures::upload(&self.http(), &self.shared.server, &token, bytes).await
    }

    /// Downloads a picture.
    ///
    /// # Errors
    ///
    /// See [`ActionError`].
    pub async fn picture(&self, id: &PictureId) -> Result<Vec<u8>, ActionError> {
        let token = self.shared.token().ok_or(ActionError::Offline)?;
        pictures::download(&self.http(), &self.shared.server, &token, id).await
    }

    // Contacts.

    /// Asks somebody to become a contact, or confirms that they asked.
    ///
    /// # Errors
    ///
    /// See [`ActionError`]; refused with 405 for an unknown name and 407 for one that was asked.
    pub async fn add_contact(&self, name: Username) -> Result<Contact, ActionError> {
        let message = ClientMessage::AddContact(AddContact { pseudo: name });
        match self.request(message).await? {
            ServerMessage::ContactAdded(contact) => Ok(contact),
            _ => Err(ActionError::Protocol),
        }
    }

    /// Withdraws a request, declines one, or removes a contact.
    ///
    /// # Errors
    ///
    /// See [`ActionError`]; refused with 406 when there is nothing to remove.
    pub async fn remove_contact(&self, name: Username) -> Result<(), ActionError> {
        let message = ClientMessage::DeleteContact(AddContact { pseudo: name });
        self.request(message).await?;
        Ok(())
    }

    // Groups.

    /// Creates a group.
    ///
    /// # Errors
    ///
    /// See [`ActionError`].
    pub async fn create_group(&self, name: GroupName) -> Result<Group, ActionError> {
        let message = ClientMessage::CreateGroup(CreateGroup { group_name: name });
        match self.request(message).await? {
            ServerMessage::Group(group) => Ok(group),
            _ => Err(ActionError::Protocol),
        }
    }

    /// Adds a confirmed contact to a group.
    ///
    /// # Errors
    ///
    /// See [`ActionError`]; refused with 405 for an unknown name or a member, with 451 otherwise.
    pub async fn add_to_group(
        &self,
        id_group: GroupId,
        name: Username,
    ) -> Result<Group, ActionError> {
        let message = ClientMessage::AddToGroup(AddToGroup {
            id_group,
            pseudo: name,
        });
        match self.request(message).await? {
            ServerMessage::Group(group) => Ok(group),
            _ => Err(ActionError::Protocol),
        }
    }

    /// Leaves a group.
    ///
    /// # Errors
    ///
    /// See [`ActionError`].
    pub async fn leave_group(&self, id_group: GroupId) -> Result<(), ActionError> {
        let own = self.shared.own_name().ok_or(ActionError::Offline)?;
        self.remove_from_group(id_group, own).await
    }

    /// Removes somebody from a group that the own profile created.
    ///
    /// # Errors
    ///
    /// See [`ActionError`]; refused with 451 for everybody but the group's creator.
    pub async fn remove_from_group(
        &self,
        id_group: GroupId,
        name: Username,
    ) -> Result<(), ActionError> {
        let message = ClientMessage::QuitGroup(GroupMember {
            id_group,
            pseudo: name,
        });
        self.request(message).await?;
        Ok(())
    }

    // Calls.

    /// Decides who learns this machine's addresses in the calls that start or ring from now on.
    pub fn set_address_privacy(&self, privacy: AddressPrivacy) {
        self.shared.set_address_privacy(privacy);
    }

    /// Calls a confirmed contact.
    ///
    /// # Errors
    ///
    /// When there is a call already or no connection; everything later is told by the handle.
    pub async fn call(
        &self,
        contact: Username,
        options: CallOptions,
    ) -> Result<Call, CallActionError> {
        self.place(Target::Contact(contact), options).await
    }

    /// Calls the members of a group; nobody named means all of them.
    ///
    /// # Errors
    ///
    /// When there is a call already or no connection; everything later is told by the handle.
    pub async fn call_group(
        &self,
        id_group: GroupId,
        people: Vec<Username>,
        options: CallOptions,
    ) -> Result<Call, CallActionError> {
        self.place(Target::Group(id_group, people), options).await
    }

    async fn place(&self, target: Target, options: CallOptions) -> Result<Call, CallActionError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Place {
            target,
            options,
            reply,
        };
        self.tell(command)
            .await
            .map_err(|_| CallActionError::Closed)?;
        answer.await.map_err(|_| CallActionError::Closed)?
    }

    // Life cycle: the rest of it is in `lifecycle`.

    /// Ends the client in order: hangs up, closes files and connections. Clones of this client
    /// answer [`ActionError::Closed`] afterwards... once the last of them is dropped.
    pub fn close(self) -> impl Future<Output = ()> {
        let driver = match self.driver.lock() {
            Ok(mut driver) => driver.take(),
            Err(poisoned) => poisoned.into_inner().take(),
        };
        drop(self.commands);
        async move {
            if let Some(driver) = driver {
                let _ = driver.await;
            }
        }
    }

    pub(crate) fn http(&self) -> reqwest::Client {
        self.http.client()
    }

    pub(crate) async fn request(
        &self,
        message: ClientMessage,
    ) -> Result<ServerMessage, ActionError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Request { message, reply }).await?;
        answer.await.map_err(|_| ActionError::Closed)?
    }

    /// Tells the driver without waiting: a queue full of commands means that it is about to look
    /// anyway.
    pub(crate) fn hint(&self, command: Command) {
        let _ = self.commands.try_send(command);
    }

    pub(crate) async fn tell(&self, command: Command) -> Result<(), ActionError> {
        self.commands
            .send(command)
            .await
            .map_err(|_| ActionError::Closed)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server())
            .field("profile", &self.profile().map(|me| me.name))
            .finish_non_exhaustive()
    }
}
