//! When sessions get access to the relay anew: at most one instant for each.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crate::ids::SessionId;

#[derive(Debug, Default)]
pub(super) struct Renewals {
    due: BTreeSet<(Instant, SessionId)>,
    by_session: HashMap<SessionId, Instant>,
}

impl Renewals {
    /// Notes when it is the session's turn, in place of what was noted before.
    pub(super) fn note(&mut self, session: SessionId, at: Instant) {
        self.forget(session);
        self.by_session.insert(session, at);
        self.due.insert((at, session));
    }

    pub(super) fn forget(&mut self, session: SessionId) {
        if let Some(at) = self.by_session.remove(&session) {
            self.due.remove(&(at, session));
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// A session whose turn it is; it is noted no more.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<SessionId> {
        let (at, session) = self.due.first().copied()?;
        if at > now {
            return None;
        }
        self.forget(session);
        Some(session)
    }
}
