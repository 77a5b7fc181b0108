//! Who is here: the sessions, what each profile's contacts were told of it, and the calls.
//!
//! One lock over all of it, held for moments and never across an await. What is told to clients
//! is queued while the lock is held, so that every client hears of things in one order.

mod delivery;
mod presence;
mod renewals;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use cooee_protocol::{CallEntry, GroupId, PictureId, Seq, ServerMessage, Status, Username};
use tokio::sync::Notify;

use crate::calls::{Calls, From, Timing};
use crate::db::profiles::Stored;
use crate::ids::{Person, ProfileId, SessionId, TokenHash};
use crate::outbox::{Close, Outbox};
use crate::relay::Relay;
use renewals::Renewals;

/// The most messages that are kept for a participant whose connection is gone.
const MOST_MISSED: usize = 256;

/// Where a session can be reached.
#[derive(Debug)]
enum Link {
    Here(Arc<Outbox>),
    /// In a call, without a connection: its place is kept until then. What it must hear of the
    /// end of calls waits for it.
    Away {
        until: Instant,
        missed: Vec<Utf8Bytes>,
    },
}

#[derive(Debug)]
struct Session {
    profile: ProfileId,
    token: TokenHash,
    link: Link,
}

/// A profile with a session, or one whose contacts have not yet been told that it has none.
#[derive(Debug)]
struct Online {
    name: Username,
    picture: PictureId,
    sessions: Vec<SessionId>,
    /// What its contacts were told last.
    announced: Status,
}

impl Online {
    /// Before its first session.
    fn offline(profile: &Stored) -> Self {
        Self {
            name: profile.name.clone(),
            picture: profile.picture.clone(),
            sessions: Vec::new(),
            announced: Status::Offline,
        }
    }
}

/// Everything behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) calls: Calls,
    relay: Arc<Relay>,
    grace: Duration,
    sessions: HashMap<SessionId, Session>,
    by_token: HashMap<TokenHash, SessionId>,
    online: HashMap<ProfileId, Online>,
    /// Profiles whose presence may differ from what was announced.
    unannounced: BTreeSet<ProfileId>,
    /// Sessions without a connection, by the end of their time.
    away: VecDeque<(Instant, SessionId)>,
    /// Who gets access to the relay anew, and when.
    renewals: Renewals,
    last_session: u64,
    /// Calls that are over and not written down yet.
    over: Vec<(GroupId, ProfileId, CallEntry)>,
}

/// The lock, and what wakes the tasks that follow the state.
#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State>,
    /// The next time-out may be another.
    pub(crate) timer: Notify,
    /// There is presence to announce.
    pub(crate) presence: Notify,
    /// There are calls to note.
    pub(crate) calls_changed: Notify,
}

impl Hub {
    pub(crate) fn new(timing: Timing, relay: Arc<Relay>) -> Self {
        Self {
            state: Mutex::new(State {
                calls: Calls::new(timing),
                relay,
                grace: timing.grace,
                sessions: HashMap::new(),
                by_token: HashMap::new(),
                online: HashMap::new(),
                unannounced: BTreeSet::new(),
                away: VecDeque::new(),
                renewals: Renewals::default(),
                last_session: 0,
                over: Vec::new(),
            }),
            timer: Notify::new(),
            presence: Notify::new(),
            calls_changed: Notify::new(),
        }
    }

    /// Changes the state, then sends what the calls have to say.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.poll_timeout();
        let result = change(&mut state);
        while let Some(output) = state.calls.poll_output() {
            state.deliver(output);
        }
        if state.poll_timeout() != before {
            self.timer.notify_one();
        }
        if !state.unannounced.is_empty() {
            self.presence.notify_one();
        }
        if state.calls.has_changed() || !state.over.is_empty() {
            self.calls_changed.notify_one();
        }
        result
    }
}

/// A login, or a resumption, as the state sees it.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) session: SessionId,
    /// What the session has missed, to be sent after the state of everything.
    pub(crate) missed: Vec<Utf8Bytes>,
}

impl State {
    // Sessions.

    /// A connection has logged in, or resumed a session by its token. Nothing when it is gone.
    pub(crate) fn attach(
        &mut self,
        profile: &Stored,
        token: TokenHash,
        outbox: &Arc<Outbox>,
    ) -> Option<Attached> {
        if outbox.is_finished() {
            return None;
        }
        let link = Link::Here(Arc::clone(outbox));
        let online = self
            .online
            .entry(profile.profile)
            .or_insert_with(|| Online::offline(profile));
        let mut missed = Vec::new();
        let known = self.by_token.get(&token).copied();
        let session = match known.and_then(|id| Some((id, self.sessions.get_mut(&id)?))) {
            Some((id, session)) => {
                match std::mem::replace(&mut session.link, link) {
                    Link::Here(before) if Arc::ptr_eq(&before, outbox) => {}
                    Link::Here(before) => before.close(Close::RESUMED),
                    Link::Away { missed: kept, .. } => missed = kept,
                }
                id
            }
            None => {
                self.last_session += 1;
                let id = SessionId(self.last_session);
                self.sessions.insert(
                    id,
                    Session {
                        profile: profile.profile,
                        token,
                        link,
                    },
                );
                self.by_token.insert(token, id);
                online.sessions.push(id);
                id
            }
        };
        outbox.bind(session);
        Some(Attached { session, missed })
    }

    /// The token of a session.
    pub(crate) fn token(&self, session: SessionId) -> Option<TokenHash> {
        self.sessions.get(&session).map(|session| session.token)
    }

    /// A session of before the server's start that may come back to its call.
    pub(crate) fn expect(&mut self, profile: &Stored, token: TokenHash, now: Instant) -> SessionId {
        let until = now + self.grace;
        self.last_session += 1;
        let id = SessionId(self.last_session);
        let link = Link::Away {
            until,
            missed: Vec::new(),
        };
        self.sessions.insert(
            id,
            Session {
                profile: profile.profile,
                token,
                link,
            },
        );
        self.by_token.insert(token, id);
        self.away.push_back((until, id));
        let online = self
            .online
            .entry(profile.profile)
            .or_insert_with(|| Online::offline(profile));
        online.sessions.push(id);
        id
    }

    /// A connection is gone: its session goes too, unless it is in a call.
    pub(crate) fn detach(&mut self, outbox: &Arc<Outbox>, now: Instant) {
        let grace = self.grace;
        let Some(id) = outbox.finish() else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        match &session.link {
            Link::Here(current) if Arc::ptr_eq(current, outbox) => {}
            Link::Here(_) | Link::Away { .. } => return,
        }
        let profile = session.profile;
        if self.calls.holds_place(profile, id) {
            let until = now + grace;
            session.link = Link::Away {
                until,
                missed: Vec::new(),
            };
            self.away.push_back((until, id));
            self.calls.session_away(profile, id, now);
        } else {
            self.forget(id);
        }
        self.gone(profile, now);
    }

    /// A session is over: logged out or revoked. Its connection stays as it is.
    pub(crate) fn end_session(&mut self, id: SessionId, now: Instant) {
        let Some(profile) = self.sessions.get(&id).map(|session| session.profile) else {
            return;
        };
        self.calls.session_over(profile, id);
        self.forget(id);
        self.gone(profile, now);
    }

    /// Ends every session of the profile but one; its connections are told why and closed.
    pub(crate) fn end_others(
        &mut self,
        profile: ProfileId,
        but: SessionId,
        message: &ServerMessage,
        close: Close,
        now: Instant,
    ) {
        for id in self.sessions_of(profile) {
            if id == but {
                continue;
            }
            if let Some(Link::Here(outbox)) = self.sessions.get(&id).map(|session| &session.link) {
                outbox.send(None, message.clone());
                outbox.close(close);
            }
            self.end_session(id, now);
        }
    }

    fn forget(&mut self, id: SessionId) {
        self.renewals.forget(id);
        if let Some(session) = self.sessions.remove(&id) {
            self.by_token.remove(&session.token);
            if let Some(online) = self.online.get_mut(&session.profile) {
                online.sessions.retain(|other| *other != id);
            }
        }
    }

    /// After a session of the profile has gone.
    fn gone(&mut self, profile: ProfileId, now: Instant) {
        if !self.is_here(profile) {
            self.calls.profile_away(profile, now);
        }
        self.unannounced.insert(profile);
    }

    fn sessions_of(&self, profile: ProfileId) -> Vec<SessionId> {
        self.online
            .get(&profile)
            .map_or_else(Vec::new, |online| online.sessions.clone())
    }

    /// Whether a session of the profile has a connection.
    pub(crate) fn is_here(&self, profile: ProfileId) -> bool {
        self.online.get(&profile).is_some_and(|online| {
            online.sessions.iter().any(|id| {
                let link = self.sessions.get(id).map(|session| &session.link);
                matches!(link, Some(Link::Here(_)))
            })
        })
    }

    /// The sender of a message, under the name that it has now.
    pub(crate) fn from(
        &self,
        profile: ProfileId,
        session: SessionId,
        seq: Option<Seq>,
    ) -> Option<From> {
        self.sessions.get(&session)?;
        Some(From {
            person: Person {
                profile,
                name: self.online.get(&profile)?.name.clone(),
            },
            session,
            seq,
        })
    }

    /// A profile has another name or picture.
    pub(crate) fn amend(&mut self, profile: &Stored) {
        if let Some(online) = self.online.get_mut(&profile.profile) {
            online.name = profile.name.clone();
            online.picture = profile.picture.clone();
        }
        self.calls.rename(profile.profile, &profile.name);
    }

    /// The calls that are over and not written down yet.
    pub(crate) fn take_over(&mut self) -> Vec<(GroupId, ProfileId, CallEntry)> {
        std::mem::take(&mut self.over)
    }

    // Time.

    /// When [`State::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let away = self.away.front().map(|(until, _)| *until);
        [
            self.calls.poll_timeout(),
            away,
            self.renewals.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.calls.handle_timeout(now);
        while let Some((until, id)) = self.away.front().copied() {
            if until > now {
                break;
            }
            self.away.pop_front();
            let over = self.sessions.get(&id).is_some_and(
                |session| matches!(session.link, Link::Away { until: own, .. } if own == until),
            );
            if over {
                self.end_session(id, now);
            }
        }
        while let Some(id) = self.renewals.take_due(now) {
            // Who is away is lent the relay when it comes back.
            let Some(session) = self.sessions.get(&id) else {
                continue;
            };
            let call = self.calls.call_held(session.profile, id);
            if let (Link::Here(_), Some(call)) = (&session.link, call) {
                let call = call.clone();
                self.lend_relay_anew(call, id);
            }
        }
    }
}
