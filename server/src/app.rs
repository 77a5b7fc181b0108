//! What the parts of the server share, and how a request is carried out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cooee_protocol::{ErrorCode, ErrorReply, Seq, ServerMessage};
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attachments::Attachments;
use crate::calls::Timing;
use crate::config::Config;
use crate::db::contacts::{Known, Relation};
use crate::db::{self, Db, JobError, JobResult};
use crate::hub::{Hub, State};
use crate::ids::ProfileId;
use crate::limits::{Buckets, Rate, now};
use crate::outbox::Outbox;
use crate::passwords::{PasswordError, Passwords};
use crate::pictures::BODIES_AT_ONCE;
use crate::relay::Relay;

/// The most accounts and addresses whose attempts are remembered.
const MOST_REMEMBERED: usize = 100_000;

/// The shared parts of a server.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) hub: Hub,
    pub(crate) passwords: Passwords,
    /// Failed logins by account (the name's key, whether there is such a profile or not).
    pub(crate) account_logins: Buckets<String>,
    /// Failed logins by address.
    pub(crate) address_logins: Buckets<IpAddr>,
    /// Registrations by address.
    pub(crate) registrations: Buckets<IpAddr>,
    /// Entries posted by a profile.
    pub(crate) posts: Buckets<ProfileId>,
    /// Typing told by a profile.
    pub(crate) typing: Buckets<ProfileId>,
    /// What clients are told of the STUN responder.
    pub(crate) stun: Vec<String>,
    /// What participants of calls may relay through.
    pub(crate) relay: Arc<Relay>,
    /// Bounds the memory of pictures that arrive.
    pub(crate) upload_bodies: Semaphore,
    /// One upload at a time: a picture's quota is checked before its file is written.
    pub(crate) uploads: tokio::sync::Mutex<()>,
    /// There is something to clean away.
    pub(crate) cleaning: tokio::sync::Notify,
    /// What arrives of attachments.
    pub(crate) attachments: Attachments,
    /// Cancelled when the server stops.
    pub(crate) stopping: CancellationToken,
    /// Every connection and every task of the server.
    pub(crate) tasks: TaskTracker,
}

impl App {
    pub(crate) fn new(
        config: Config,
        db: Db,
        stun: Vec<String>,
        relay: Relay,
    ) -> Result<Self, PasswordError> {
        let relay = Arc::new(relay);
        Ok(Self {
            hub: Hub::new(
                Timing {
                    ring: config.ring_timeout,
                    grace: config.resume_grace,
                    info: config.info_timeout,
                },
                Arc::clone(&relay),
            ),
            passwords: Passwords::new(config.hash_parallel, config.hash_waiting)?,
            account_logins: Buckets::new(
                Rate::every(Duration::from_secs(10), config.login_burst_account),
                MOST_REMEMBERED,
            ),
            address_logins: Buckets::new(
                Rate::per_second(1, config.login_burst_address),
                MOST_REMEMBERED,
            ),
            registrations: Buckets::new(
                Rate::per_second(1, config.register_burst_address),
                MOST_REMEMBERED,
            ),
            posts: Buckets::new(
                Rate::per_second(config.post_rate, config.post_burst),
                MOST_REMEMBERED,
            ),
            typing: Buckets::new(
                Rate::per_second(config.typing_rate, config.typing_burst),
                MOST_REMEMBERED,
            ),
            upload_bodies: Semaphore::new(BODIES_AT_ONCE),
            uploads: tokio::sync::Mutex::new(()),
            cleaning: tokio::sync::Notify::new(),
            attachments: Attachments::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            config,
            db,
            stun,
            relay,
        })
    }

    /// Carries out a request: `work` in a transaction, then, when it is durable, `tell` under the
    /// hub's lock. A refusal or a failure is answered, and nothing is returned.
    pub(crate) async fn commit<T, R>(
        self: &Arc<Self>,
        request: &Request,
        work: impl FnOnce(&Connection) -> JobResult<T> + Send + 'static,
        tell: impl FnOnce(&mut State, &Request, T) -> R + Send + 'static,
    ) -> Option<R>
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        let app = Arc::clone(self);
        let asked = request.clone();
        let told = self
            .db
            .run(work, move |result| match result {
                Ok(value) => Some(app.hub.with(|state| tell(state, &asked, value))),
                Err(error) => {
                    asked.fail(error);
                    None
                }
            })
            .await;
        told.unwrap_or_else(|error| {
            request.fail(error);
            None
        })
    }

    /// The same without waiting for it: the next request may be carried out meanwhile. `place` is
    /// given back when this one was answered.
    pub(crate) async fn commit_soon<T: Send + 'static>(
        self: &Arc<Self>,
        request: Request,
        place: OwnedSemaphorePermit,
        work: impl FnOnce(&Connection) -> JobResult<T> + Send + 'static,
        tell: impl FnOnce(&mut State, &Request, T) + Send + 'static,
    ) {
        let app = Arc::clone(self);
        let pending = Pending {
            request: Some(request),
            _place: place,
        };
        let tell = move |result| {
            let request = pending.take();
            match (result, request) {
                (Ok(value), Some(request)) => app.hub.with(|state| tell(state, &request, value)),
                (Err(error), Some(request)) => request.fail(error),
                (_, None) => {}
            }
        };
        // What is dropped on the way refuses its request itself.
        let _answered_when_it_is_told = self.db.submit(work, tell).await;
    }

    /// Follows the time-outs of calls and of sessions that are away.
    pub(crate) async fn follow_time(self: Arc<Self>) {
        loop {
            let changed = self.hub.timer.notified();
            match self.hub.with(|state| state.poll_timeout()) {
                Some(at) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep_until(at.into()) => {
                            self.hub.with(|state| state.handle_timeout(now()));
                        }
                        () = self.stopping.cancelled() => return,
                    }
                }
                None => {
                    tokio::select! {
                        () = changed => {}
                        () = self.stopping.cancelled() => return,
                    }
                }
            }
        }
    }

    /// Tells contacts of presence that has changed.
    pub(crate) async fn follow_presence(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.hub.presence.notified() => {}
                () = self.stopping.cancelled() => return,
            }
            let changed = self.hub.with(State::take_unannounced);
            for profile in changed {
                let news = self.hub.with(|state| {
                    state.tidy(profile);
                    state.is_unannounced(profile)
                });
                if !news {
                    continue;
                }
                let app = Arc::clone(&self);
                let told = self.db.run(
                    move |db| db::contacts::ids(db, profile),
                    move |contacts| match contacts {
                        Ok(contacts) => app
                            .hub
                            .with(|state| state.announce(profile, watching(contacts))),
                        Err(error) => tracing::error!(%error, "presence was not announced"),
                    },
                );
                if told.await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Only those who may see where one is: they have agreed, and are not blocked.
pub(crate) fn watching<T>(contacts: Vec<Known<T>>) -> impl Iterator<Item = T> {
    contacts
        .into_iter()
        .filter(|known| known.relation == Relation::Confirmed && !known.blocked)
        .map(|known| known.who)
}

/// A request that is answered later; dropped without an answer it is refused.
#[derive(Debug)]
struct Pending {
    request: Option<Request>,
    _place: OwnedSemaphorePermit,
}

impl Pending {
    fn take(mut self) -> Option<Request> {
        self.request.take()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            request.fail(JobError::Closed);
        }
    }
}

/// Where the answer to a request goes, and under which number.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) seq: Option<Seq>,
}

impl Request {
    pub(crate) fn answer(&self, message: ServerMessage) {
        self.outbox.send(self.seq.clone(), message);
    }

    pub(crate) fn refuse(&self, code: ErrorCode, detail: impl Into<String>) {
        self.answer(ServerMessage::Error(ErrorReply::new(code, detail)));
    }

    pub(crate) fn fail(&self, error: JobError) {
        match error {
            JobError::Refused(reply) => self.answer(ServerMessage::Error(reply)),
            JobError::Closed => {
                self.refuse(ErrorCode::ServerFault, "the server is stopping");
            }
            error @ (JobError::Sqlite(_) | JobError::Malformed(_) | JobError::Commit(_)) => {
                tracing::error!(%error, "a request failed");
                self.refuse(ErrorCode::ServerFault, "the server could not store that");
            }
        }
    }
}
