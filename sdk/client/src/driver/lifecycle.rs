//! The driver's part for an app's life: to the background and back, and woken by a push.

use std::time::Duration;

use cooee_core::signalling::{SignIn, SignallingState};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::{ConnectionEvent, next_event};
use super::messages::MessageWake;
use super::{Driver, Waiter, now, sleep_to};
use crate::shared::Connectivity;

/// How long a pause waits for answers that somebody waits for: phones give a few seconds in all.
const ANSWERS: Duration = Duration::from_secs(1);
/// How much later than the sign-in a process that a call has woken looks after messages.
const AFTER_THE_RING: Duration = Duration::from_secs(1);

/// Where the app is.
pub(super) enum Life {
    /// In front, or on a machine that does not ask.
    Awake,
    /// A pause was asked for during a call, and begins after it.
    PauseDue,
    /// In the background, with what signs in again.
    Paused(Option<SignIn>),
}

/// What wakes the driver while it drains.
enum Drain {
    Connection(Option<ConnectionEvent>),
    Message(MessageWake),
    TooLong,
}

impl Driver {
    pub(super) fn is_paused(&self) -> bool {
        matches!(self.life, Life::Paused(_))
    }

    /// Lets what is under way come to its end, then gives back connection, files and timers.
    pub(super) async fn pause(&mut self) {
        if self.is_paused() {
            return;
        }
        self.messages_due = None;
        self.uploads.cancel();
        self.drain(Self::awaits_answers, Some(Instant::now() + ANSWERS))
            .await;
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
        let sign_in = self.signalling.suspend();
        if sign_in.is_some() {
            self.offline();
        }
        self.life = Life::Paused(sign_in);
        // What the end of the connection has set off is still to be written down.
        self.drain(|driver| driver.messages.sync.is_writing(), None)
            .await;
        self.http.release();
        if let Err(error) = self.shared.archive.close().await {
            tracing::warn!(%error, "the cache was not closed cleanly");
        }
        self.shared.set_connectivity(Connectivity::Paused);
    }

    /// Ends a pause, if there is one, and gives what continues the session from before it.
    pub(super) async fn end_pause(&mut self) -> Option<SignIn> {
        let Life::Paused(sign_in) = std::mem::replace(&mut self.life, Life::Awake) else {
            return None;
        };
        self.uploads = CancellationToken::new();
        if let Err(error) = self.shared.archive.reopen().await {
            tracing::warn!(%error, "the cache cannot be opened again yet");
        }
        if sign_in.is_none() {
            self.shared.set_connectivity(Connectivity::SignedOut);
        }
        sign_in
    }

    /// The app is in front again. `true` when a session goes on: one that paused, or one that a
    /// call has kept.
    pub(super) async fn come_back(&mut self) -> bool {
        let kept = matches!(self.life, Life::PauseDue);
        self.catch_up();
        let sign_in = self.end_pause().await;
        kept || self.go_on(sign_in)
    }

    /// A push has come. `true` when there is a session that hears what it is about.
    pub(super) async fn woken(&mut self, by_call: bool) -> bool {
        match self.life {
            Life::Paused(_) => {
                let sign_in = self.end_pause().await;
                self.late_messages = by_call;
                self.go_on(sign_in)
            }
            Life::Awake | Life::PauseDue => {
                let signed_out = self.signalling.state() == SignallingState::SignedOut;
                // A cold process is about to sign in.
                self.late_messages = by_call && signed_out;
                self.signalling.retry_now(now());
                !signed_out
            }
        }
    }

    fn go_on(&mut self, sign_in: Option<SignIn>) -> bool {
        let Some(how) = sign_in else { return false };
        self.by_token = matches!(how, SignIn::Resume(_) | SignIn::Another(_));
        self.signalling.sign_in(now(), how);
        true
    }

    /// Signed in: conversations are brought up to date, now or when it has rung.
    pub(super) fn messages_online(&mut self) {
        if std::mem::take(&mut self.late_messages) {
            self.messages_due = Some(Instant::now() + AFTER_THE_RING);
        } else {
            self.messages_due = None;
            self.messages.sync.handle_online();
        }
    }

    /// What was put off is done now.
    pub(super) fn catch_up(&mut self) {
        self.late_messages = false;
        if self.messages_due.take().is_some() && self.is_online() {
            self.messages.sync.handle_online();
        }
    }

    fn awaits_answers(&self) -> bool {
        self.is_online()
            && self.waiters.values().any(|waiter| match waiter {
                // A goodbye to a call is one: the others wait for it.
                Waiter::Action(_) | Waiter::SignOut(_) | Waiter::Call(_) => true,
                Waiter::Conversation(_) => false,
            })
    }

    /// Carries on with connection and disk, and with nothing else, as long as something is so.
    async fn drain(&mut self, so: impl Fn(&Self) -> bool, until: Option<Instant>) {
        loop {
            self.carry_out().await;
            if !so(self) {
                return;
            }
            let wake = tokio::select! {
                event = next_event(&mut self.connection) => Drain::Connection(event),
                wake = self.messages.next() => Drain::Message(wake),
                () = sleep_to(until) => Drain::TooLong,
            };
            match wake {
                Drain::Connection(event) => self.handle_connection(event),
                Drain::Message(wake) => self.handle_message_wake(wake),
                Drain::TooLong => return,
            }
        }
    }
}
