//! The client's methods for an app's life: background, foreground, pushes, and what the phone
//! asks to be spared.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use std::time::Duration;

use cooee_audio::AudioRoute;
use cooee_core::signalling::SignIn;
use cooee_protocol::{ClientMessage, Empty};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::call::IncomingCall;
use crate::client::Client;
use crate::driver::Command;
use crate::error::SignInError;
use crate::event::Event;
use crate::events::{EventOrGap, Events};
use crate::messages::MessageEvent;
use crate::roster::Me;
use crate::shared::Connectivity;

/// How long a push keeps trying to reach the server: phones give a process some 30 s.
const WAKE_LIMIT: Duration = Duration::from_secs(25);
/// How long after the sign-in a ring may come by itself before the server is asked.
const RING_FOLLOWS: Duration = Duration::from_millis(500);

/// What a push was about, as far as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum WakeReason {
    /// Somebody calls: messages wait until it has rung.
    #[default]
    Call,
    /// Something was written.
    Message,
}

/// What a push has led to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Woken {
    /// A call rings.
    Ringing(IncomingCall),
    /// No call rings (any more). For [`WakeReason::Message`], messages are up to date.
    Quiet,
}

impl Client {
    /// Goes to the background, as an app on a phone must: lets what is under way come to its end,
    /// for a second or so, then gives back the connection, every file and every lock, and stops
    /// every timer. A call that rings or runs keeps all of it; the pause then begins by itself
    /// when the call is over.
    ///
    /// A paused client answers requests with [`ActionError::Offline`], keeps no message, and reads
    /// an empty cache. [`resume`](Self::resume), [`unpause`](Self::unpause), [`wake`](Self::wake)
    /// and signing in end the pause.
    ///
    /// [`ActionError::Offline`]: crate::ActionError::Offline
    pub async fn pause(&self) {
        let (reply, answer) = oneshot::channel();
        if self.tell(Command::Pause { reply }).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// Comes back from a [`pause`](Self::pause): opens the cache at once, and is in step with the
    /// server as soon as it can be reached, which events tell. [`resume`](Self::resume) waits for
    /// that.
    pub async fn unpause(&self) {
        let (reply, answer) = oneshot::channel();
        if self.tell(Command::ComeBack { reply }).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// A push has come: gets from wherever the client is, cold, paused or running, to the call
    /// that rings, with as little work as possible. Asks the server only for what a sign-in tells,
    /// and a ring comes with that. A cold process builds its client with
    /// [`quick_start`](crate::ClientBuilder::quick_start).
    ///
    /// The client is awake afterwards: [`pause`](Self::pause) it when it is no longer needed.
    ///
    /// # Errors
    ///
    /// [`SignInError::NoSession`] and [`SignInError::Credentials`]; [`SignInError::Refused`] when
    /// the session is over; [`SignInError::Unreachable`] after 25 s without the server. It is
    /// still tried after that.
    pub async fn wake(&self, reason: WakeReason) -> Result<Woken, SignInError> {
        let mut events = self.events();
        let by_call = reason == WakeReason::Call;
        let (reply, answer) = oneshot::channel();
        self.order(Command::Woken { by_call, reply }).await?;
        let goes_on = answer.await.map_err(|_| SignInError::Closed)?;
        if let Some(incoming) = self.incoming() {
            return Ok(Woken::Ringing(incoming));
        }
        if !goes_on {
            let token = self.kept_token().await?;
            let how = self.resume_by(token);
            self.sign_in_unwatched(how).await?;
        }
        let looking = async {
            if !self.is_online() {
                self.online(&mut events, true).await?;
            }
            match reason {
                WakeReason::Call => self.ring_or_fence(&mut events).await,
                WakeReason::Message => self.caught_up(&mut events).await,
            }
        };
        match timeout(WAKE_LIMIT, looking).await {
            Ok(outcome) => outcome?,
            Err(_) if self.is_online() => {}
            Err(_) => {
                let words = "the server does not answer".to_owned();
                return Err(SignInError::Unreachable(words));
            }
        }
        Ok(self.incoming().map_or(Woken::Quiet, Woken::Ringing))
    }

    /// The network may have changed: a lost connection is tried again at once.
    pub fn network_changed(&self) {
        self.hint(Command::NetworkChanged);
    }

    /// The system is short of memory: gives back what only makes things quicker, which is the
    /// cache's pages and prepared statements and the idle connections for files.
    pub fn low_memory(&self) {
        self.shared.archive.shrink();
        self.http.release();
    }

    /// How often a timer has woken the client's own task so far: what an idle hour costs a battery.
    pub fn timer_wakes(&self) -> u64 {
        self.shared.timer_wakes.load(Ordering::Relaxed)
    }

    /// The battery is low, or is not any more. While it is, a server that cannot be reached is
    /// tried every five minutes at the longest instead of every half minute, and one that falls
    /// silent is asked after 75 s instead of 35 s. [`network_changed`](Self::network_changed) and
    /// [`wake`](Self::wake) try at once as ever.
    pub async fn set_low_battery(&self, low: bool) {
        // A client that is being dropped spares the battery anyway.
        let _ = self.tell(Command::Battery { low }).await;
    }

    /// The ways for sound that the device has, such as earpiece, loudspeaker and headsets.
    pub async fn audio_routes(&self) -> Vec<AudioRoute> {
        let audio = Arc::clone(&self.shared.audio);
        let routes = tokio::task::spawn_blocking(move || audio.routes()).await;
        routes.unwrap_or_default()
    }

    /// Ends a pause; the profile when a session goes on in step, nothing when there is none.
    pub(crate) async fn come_back(&self) -> Result<Option<Me>, SignInError> {
        let mut events = self.events();
        let (reply, answer) = oneshot::channel();
        self.order(Command::ComeBack { reply }).await?;
        if !answer.await.map_err(|_| SignInError::Closed)? {
            return Ok(None);
        }
        if !self.is_online() {
            self.online(&mut events, false).await?;
        }
        self.profile().map(Some).ok_or(SignInError::NoSession)
    }

    pub(crate) async fn sign_in_unwatched(&self, how: SignIn) -> Result<(), SignInError> {
        // Nobody waits for the reply, so a failure is tried again instead of reported.
        let (reply, _) = oneshot::channel();
        self.order(Command::SignIn { how, reply }).await
    }

    async fn order(&self, command: Command) -> Result<(), SignInError> {
        let told = self.tell(command).await;
        told.map_err(|_| SignInError::Closed)
    }

    fn is_online(&self) -> bool {
        *self.connectivity().borrow() == Connectivity::Online
    }

    /// Waits until the client is in step with the server, or until that fails.
    async fn online(&self, events: &mut Events, patient: bool) -> Result<(), SignInError> {
        loop {
            match events.recv().await {
                Some(EventOrGap::Event(event)) => match *event {
                    Event::Online { .. } => return Ok(()),
                    Event::SignedOut {
                        reason: Some(reason),
                    } => return Err(SignInError::Refused(reason)),
                    Event::SignedOut { reason: None } => return Err(SignInError::NoSession),
                    Event::Reconnecting { .. } if !patient => {
                        let words = "it is being tried again".to_owned();
                        return Err(SignInError::Unreachable(words));
                    }
                    _ => {}
                },
                Some(EventOrGap::Missed(_)) if self.is_online() => return Ok(()),
                Some(EventOrGap::Missed(_)) => {}
                None => return Err(SignInError::Closed),
            }
        }
    }

    /// Waits for a ring, which follows a sign-in at once; or for an answer of the server, behind
    /// which none can be any more.
    async fn ring_or_fence(&self, events: &mut Events) -> Result<(), SignInError> {
        let ring = async {
            while self.incoming().is_none() {
                if events.recv().await.is_none() {
                    return;
                }
            }
        };
        tokio::pin!(ring);
        if timeout(RING_FOLLOWS, &mut ring).await.is_err() {
            tokio::select! {
                () = ring => {}
                // Whatever it answers: it is the place in the order of frames that counts.
                _ = self.request(ClientMessage::ListBlocked(Empty {})) => {}
            }
        }
        Ok(())
    }

    async fn caught_up(&self, events: &mut Events) -> Result<(), SignInError> {
        while self.incoming().is_none() && !self.is_caught_up().await {
            match events.recv().await {
                Some(EventOrGap::Event(event)) => {
                    if let Event::Messages(MessageEvent::CaughtUp | MessageEvent::Unsupported) =
                        *event
                    {
                        break;
                    }
                }
                Some(EventOrGap::Missed(_)) => {}
                None => return Err(SignInError::Closed),
            }
        }
        Ok(())
    }
}
