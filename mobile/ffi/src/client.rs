//! The client.

use std::sync::Arc;

use cooee_sdk::{Credentials, NewMessage, NewPassword, Password, Woken};

use crate::audio::{AudioRoute, Phone, PlatformAudio};
use crate::call::Call;
use crate::error::CooeeError;
use crate::events::{self, Observer};
use crate::runtime::{self, run};
use crate::types::{
    Connection, Contact, Conversation, CredentialPlace, Group, Message, MessagePage, Profile,
    Recipient, Ring, Settings, Sound, WakeReason, parse,
};

/// A client of one server. Everything that takes time is asynchronous; the other methods are
/// snapshots of what is known right now, with or without a connection.
#[derive(Debug, uniffi::Object)]
pub struct Client {
    /// Gone only while it is dropped.
    client: Option<cooee_sdk::Client>,
}

impl Drop for Client {
    fn drop(&mut self) {
        // The last of a client's handles waits for its files to be closed.
        runtime::let_go(self.client.take());
    }
}

impl Client {
    fn sdk(&self) -> Result<cooee_sdk::Client, CooeeError> {
        let closed = || CooeeError::of("closed", "the client is closed".to_owned());
        self.client.clone().ok_or_else(closed)
    }
}

#[uniffi::export]
impl Client {
    /// Sets a client up and reads what its cache knows. Nothing is sent yet: sign up, sign in or
    /// resume.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Invalid`] for the server's address or the certificates,
    /// [`CooeeError::Storage`] for the folder and what is in it.
    #[uniffi::constructor(default(observer = None, audio = None))]
    pub async fn open(
        settings: Settings,
        observer: Option<Arc<dyn Observer>>,
        audio: Option<Arc<dyn PlatformAudio>>,
    ) -> Result<Arc<Self>, CooeeError> {
        let threads = runtime::handle().ok_or_else(CooeeError::no_threads)?;
        run(async move {
            let mut builder = cooee_sdk::Client::builder()
                .data_folder(settings.folder)
                .quick_start(settings.quick_start)
                .credentials(match settings.credentials {
                    None | Some(CredentialPlace::Keyring) => Credentials::Keyring,
                    Some(CredentialPlace::File) => Credentials::File,
                    Some(CredentialPlace::Memory) => Credentials::Session,
                });
            if let Some(server) = settings.server {
                builder = builder.server(server);
            }
            if let Some(file) = settings.ca_file {
                builder = builder.ca_file(file);
            }
            if let Some(audio) = audio {
                builder = builder.audio_platform(Arc::new(Phone(audio)));
            }
            let client = builder.build().await?;
            if let Some(observer) = observer {
                events::tell(&threads, client.events(), observer);
            }
            Ok::<_, CooeeError>(Arc::new(Self {
                client: Some(client),
            }))
        })
        .await
    }

    // Snapshots.

    /// The own profile, as far as one was ever signed in.
    pub fn profile(&self) -> Option<Profile> {
        let me = self.client.as_ref().and_then(cooee_sdk::Client::profile);
        me.map(Into::into)
    }

    /// Every contact by name, requests included.
    pub fn contacts(&self) -> Vec<Contact> {
        let contacts = self.client.iter().flat_map(cooee_sdk::Client::contacts);
        contacts.map(Into::into).collect()
    }

    /// Every group.
    pub fn groups(&self) -> Vec<Group> {
        let groups = self.client.iter().flat_map(cooee_sdk::Client::groups);
        groups.map(Into::into).collect()
    }

    /// The call that rings here and waits for an answer.
    pub fn ringing(&self) -> Option<Ring> {
        let ring = self.client.as_ref().and_then(cooee_sdk::Client::incoming)?;
        Some(Ring {
            call: ring.id_group().to_string(),
            from: ring.from().to_string(),
        })
    }

    /// How the client stands with the server.
    pub fn connection(&self) -> Connection {
        match &self.client {
            Some(client) => (*client.connectivity().borrow()).into(),
            None => Connection::SignedOut,
        }
    }

    // Sessions.

    /// Creates a profile and signs in to it. The session is kept, the password is not.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Refused`] with `name_taken`, [`CooeeError::Unreachable`],
    /// [`CooeeError::Storage`] when the session cannot be kept.
    pub async fn sign_up(&self, name: String, password: String) -> Result<Profile, CooeeError> {
        let (client, name) = (self.sdk()?, parse(&name, "name")?);
        let password = NewPassword::parse(&password)
            .map_err(|words| CooeeError::invalid("password", &words))?;
        run(async move { client.register(name, password).await.map(Into::into) }).await
    }

    /// Signs in. The session is kept, the password is not.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Refused`] with `auth_failed`, [`CooeeError::Unreachable`],
    /// [`CooeeError::Storage`] when the session cannot be kept.
    pub async fn sign_in(&self, name: String, password: String) -> Result<Profile, CooeeError> {
        let (client, name) = (self.sdk()?, parse(&name, "name")?);
        let password =
            Password::parse(&password).map_err(|words| CooeeError::invalid("password", &words))?;
        run(async move { client.login(name, password).await.map(Into::into) }).await
    }

    /// Continues the session of the last sign-in, also after a pause.
    ///
    /// # Errors
    ///
    /// [`CooeeError::NoSession`], [`CooeeError::Refused`] when it is over,
    /// [`CooeeError::Unreachable`].
    pub async fn resume(&self) -> Result<Profile, CooeeError> {
        let client = self.sdk()?;
        run(async move { client.resume().await.map(Into::into) }).await
    }

    /// Signs out: the server forgets the session, and so does this device. The cache stays.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Unreachable`]: forgotten here, but not at the server.
    pub async fn sign_out(&self) -> Result<(), CooeeError> {
        let client = self.sdk()?;
        run(async move { client.logout().await }).await
    }

    // Contacts and groups.

    /// Asks somebody to become a contact, or confirms that they asked.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Refused`] with `no_contact` for an unknown name.
    pub async fn add_contact(&self, name: String) -> Result<Contact, CooeeError> {
        let (client, name) = (self.sdk()?, parse(&name, "name")?);
        run(async move { client.add_contact(name).await.map(Into::into) }).await
    }

    /// Withdraws a request, declines one, or removes a contact.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Refused`] when there is nothing to remove.
    pub async fn remove_contact(&self, name: String) -> Result<(), CooeeError> {
        let (client, name) = (self.sdk()?, parse(&name, "name")?);
        run(async move { client.remove_contact(name).await }).await
    }

    /// Creates a group.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Refused`], [`CooeeError::Unreachable`].
    pub async fn create_group(&self, name: String) -> Result<Group, CooeeError> {
        let (client, name) = (self.sdk()?, parse(&name, "group")?);
        run(async move { client.create_group(name).await.map(Into::into) }).await
    }

    /// Adds a confirmed contact to a group.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Refused`], [`CooeeError::Unreachable`].
    pub async fn add_to_group(&self, group: String, name: String) -> Result<Group, CooeeError> {
        let (client, name) = (self.sdk()?, parse(&name, "name")?);
        let group = parse(&group, "group")?;
        run(async move { client.add_to_group(group, name).await.map(Into::into) }).await
    }

    /// Leaves a group.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Refused`], [`CooeeError::Unreachable`].
    pub async fn leave_group(&self, group: String) -> Result<(), CooeeError> {
        let (client, group) = (self.sdk()?, parse(&group, "group")?);
        run(async move { client.leave_group(group).await }).await
    }

    // Messages.

    /// Every conversation that has something in it, the latest first.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Storage`].
    pub async fn conversations(&self) -> Result<Vec<Conversation>, CooeeError> {
        let client = self.sdk()?;
        let all = run(async move { client.conversations().await }).await?;
        Ok(all.into_iter().map(Into::into).collect())
    }

    /// The last messages (1,000 at most), or those just before a sequence.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Storage`].
    #[uniffi::method(default(before = None, limit = 50))]
    pub async fn messages(
        &self,
        with: Recipient,
        before: Option<u64>,
        limit: u32,
    ) -> Result<MessagePage, CooeeError> {
        let (client, with) = (self.sdk()?, with.parsed()?);
        let page = run(async move { client.messages(&with, before, limit).await }).await?;
        Ok(MessagePage {
            messages: page.messages.into_iter().map(Message::from).collect(),
            more: page.more,
        })
    }

    /// Writes a text, and gives its id as soon as it is kept: it is sent when the server can be
    /// reached.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Invalid`] for a text that is too long, [`CooeeError::Storage`].
    pub async fn send(&self, with: Recipient, text: String) -> Result<String, CooeeError> {
        let (client, with) = (self.sdk()?, with.parsed()?);
        let sent = run(async move { client.send(&with, NewMessage::text(text)).await });
        sent.await.map(|id| id.to_string())
    }

    /// Everything up to this sequence was read.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Storage`].
    pub async fn mark_read(&self, with: Recipient, sequence: u64) -> Result<(), CooeeError> {
        let (client, with) = (self.sdk()?, with.parsed()?);
        run(async move { client.mark_read(&with, sequence).await }).await
    }

    // Calls.

    /// Calls a contact.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Call`] when there is a call already, [`CooeeError::Unreachable`],
    /// [`CooeeError::Audio`].
    pub async fn place(&self, name: String, sound: Sound) -> Result<Arc<Call>, CooeeError> {
        let (client, name) = (self.sdk()?, parse(&name, "name")?);
        let options = sound.options()?;
        run(async move { client.call(name, options).await.map(Call::new) }).await
    }

    /// Calls these members of a group; nobody means everybody.
    ///
    /// # Errors
    ///
    /// As for [`place`](Self::place).
    pub async fn place_in_group(
        &self,
        group: String,
        people: Vec<String>,
        sound: Sound,
    ) -> Result<Arc<Call>, CooeeError> {
        let (client, group) = (self.sdk()?, parse(&group, "group")?);
        let people: Result<_, _> = people.iter().map(|name| parse(name, "name")).collect();
        let (people, options) = (people?, sound.options()?);
        run(async move {
            client
                .call_group(group, people, options)
                .await
                .map(Call::new)
        })
        .await
    }

    /// Answers the call that rings.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Call`] when none rings (any more), [`CooeeError::Audio`].
    pub async fn answer(&self, sound: Sound) -> Result<Arc<Call>, CooeeError> {
        let ring = self.sdk()?.incoming().ok_or_else(CooeeError::no_call)?;
        let options = sound.options()?;
        run(async move { ring.accept(options).await.map(Call::new) }).await
    }

    /// Declines the call that rings.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Call`] when none rings (any more).
    pub async fn decline(&self) -> Result<(), CooeeError> {
        let ring = self.sdk()?.incoming().ok_or_else(CooeeError::no_call)?;
        run(async move { ring.decline().await }).await
    }

    /// The ways for sound that the device has: [`Call::set_route`] takes one.
    ///
    /// # Errors
    ///
    /// A fault in the library.
    pub async fn audio_routes(&self) -> Result<Vec<AudioRoute>, CooeeError> {
        let client = self.sdk()?;
        let routes = run(async move { Ok::<_, CooeeError>(client.audio_routes().await) }).await?;
        Ok(routes.into_iter().map(Into::into).collect())
    }

    // The app's life.

    /// Goes to the background: gives back the connection, every file and every lock, and stops
    /// every timer. A call that rings or runs keeps them until it is over.
    ///
    /// # Errors
    ///
    /// A fault in the library.
    pub async fn pause(&self) -> Result<(), CooeeError> {
        let client = self.sdk()?;
        run(async move {
            client.pause().await;
            Ok::<_, CooeeError>(())
        })
        .await
    }

    /// A push has come: gets to the call that rings with as little work as possible, and gives it;
    /// nothing when none rings (any more). Pause again when the work is done.
    ///
    /// # Errors
    ///
    /// [`CooeeError::NoSession`], [`CooeeError::Refused`] when the session is over,
    /// [`CooeeError::Unreachable`] after 25 s.
    pub async fn wake(&self, reason: WakeReason) -> Result<Option<Ring>, CooeeError> {
        let client = self.sdk()?;
        let reason = match reason {
            WakeReason::Call => cooee_sdk::WakeReason::Call,
            WakeReason::Message => cooee_sdk::WakeReason::Message,
        };
        let woken = run(async move { client.wake(reason).await }).await?;
        Ok(match woken {
            Woken::Ringing(ring) => Some(Ring {
                call: ring.id_group().to_string(),
                from: ring.from().to_string(),
            }),
            _ => None,
        })
    }

    /// The network may have changed: a lost connection is tried again at once.
    pub fn network_changed(&self) {
        if let Some(client) = &self.client {
            client.network_changed();
        }
    }

    /// The system is short of memory: gives back what only makes things quicker.
    pub fn low_memory(&self) {
        if let Some(client) = &self.client {
            client.low_memory();
        }
    }

    /// The battery is low, or is not any more: reconnects wait longer.
    ///
    /// # Errors
    ///
    /// A fault in the library.
    pub async fn set_low_battery(&self, low: bool) -> Result<(), CooeeError> {
        let client = self.sdk()?;
        run(async move {
            client.set_low_battery(low).await;
            Ok::<_, CooeeError>(())
        })
        .await
    }
}
