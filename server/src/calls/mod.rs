//! Calls: who rings, who is in, what each is told. A state machine without I/O.
//!
//! One call, seen from its participants:
//!
//! ```text
//!            501                    502 (or 501)
//!   (none) -------> one in, others ----------------> two or more in ---+
//!     ^             ringing              ^                |     502, 501: one more
//!     |                |                 +----------------+<-----------+
//!     |                | 503, time-out, lost              | 503, lost, left the group
//!     +----------------+----------------------------------+
//!        nobody rings and fewer than two are in
//! ```
//!
//! Methods come in families. `handle_*` take one message of a client and answer it; the others
//! that change something take one event from elsewhere (a session came, went, a name changed).
//! After either, [`Calls::poll_output`] is drained, and [`Calls::poll_timeout`] says when
//! [`Calls::handle_timeout`] is due. Time is always an argument.

mod call;
mod exchange;
mod messages;
mod over;
mod ring;
mod saved;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cooee_protocol::{
    CallInfo, Data, ErrorCode, ErrorReply, GroupId, Join, Quit, Seq, ServerMessage, Username,
};

use crate::ids::{Person, ProfileId, SessionId};
use call::{Call, Participant};
pub(crate) use over::Over;
pub(crate) use ring::{Candidate, Placing};
pub(crate) use saved::{Origin, Restored};

/// Who sent a message, and under which number.
#[derive(Debug, Clone)]
pub(crate) struct From {
    pub(crate) person: Person,
    pub(crate) session: SessionId,
    pub(crate) seq: Option<Seq>,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// One session.
    Session(SessionId),
    /// Every session of a profile.
    Profile(ProfileId),
    /// Every session of a profile but one.
    Others(ProfileId, SessionId),
}

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Output {
    /// Send a message.
    Send {
        to: Target,
        re: Option<Seq>,
        message: ServerMessage,
    },
    /// Relay voice: the first to give way when a queue fills.
    Relay {
        to: SessionId,
        from: Username,
        id: GroupId,
        voice: Voice,
    },
    /// Give a participant access to the relay anew, if there is one.
    LendRelay(GroupId, SessionId),
    /// The presence of a profile may have changed.
    Presence(ProfileId),
    /// A session is no longer in a call.
    Left(GroupId, SessionId),
    /// A call is over.
    Ended(GroupId),
    /// Remember a call that is over, or that reached nobody.
    Over(Over),
}

/// A sealed datagram, as its sender encoded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Voice {
    /// From a 504.
    Text(Data),
    /// From a binary frame.
    Bytes(Bytes),
}

/// The time limits of calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// How long somebody is rung.
    pub(crate) ring: Duration,
    /// How long a participant, or the last session of somebody who is rung, may be away.
    pub(crate) grace: Duration,
    /// How long the answers to 505 are waited for.
    pub(crate) info: Duration,
}

/// The kind of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Between two contacts.
    Direct,
    /// Among the members of a group.
    Group,
}

/// All calls of the server.
#[derive(Debug)]
pub(crate) struct Calls {
    timing: Timing,
    calls: HashMap<GroupId, Call>,
    /// The call that each profile is in.
    joined: HashMap<ProfileId, GroupId>,
    /// The calls that ring each profile.
    rung: HashMap<ProfileId, HashSet<GroupId>>,
    /// The next instant at which each call has something to do.
    timers: BTreeSet<(Instant, GroupId)>,
    outputs: VecDeque<Output>,
    /// Calls that differ from what was noted of them.
    changed: BTreeSet<GroupId>,
}

impl Calls {
    pub(crate) fn new(timing: Timing) -> Self {
        Self {
            timing,
            calls: HashMap::new(),
            joined: HashMap::new(),
            rung: HashMap::new(),
            timers: BTreeSet::new(),
            outputs: VecDeque::new(),
            changed: BTreeSet::new(),
        }
    }

    // Getters.

    /// Whether the profile is in a call.
    pub(crate) fn is_joined(&self, profile: ProfileId) -> bool {
        self.joined.contains_key(&profile)
    }

    /// Whether this session holds its profile's place in a call.
    pub(crate) fn holds_place(&self, profile: ProfileId, session: SessionId) -> bool {
        self.call_held(profile, session).is_some()
    }

    /// The call in which this session holds its profile's place.
    pub(crate) fn call_held(&self, profile: ProfileId, session: SessionId) -> Option<&GroupId> {
        let (call, place) = self.place(profile)?;
        (place.session == session).then_some(&call.id)
    }

    /// Everybody who is in a call with the profile.
    pub(crate) fn fellows(&self, profile: ProfileId) -> Vec<ProfileId> {
        self.place(profile).map_or_else(Vec::new, |(call, _)| {
            let everybody = call.participants.iter().map(|other| other.person.profile);
            everybody.filter(|other| *other != profile).collect()
        })
    }

    fn place(&self, profile: ProfileId) -> Option<(&Call, &Participant)> {
        let call = self.calls.get(self.joined.get(&profile)?)?;
        Some((call, call.participant(profile)?))
    }

    /// The next thing to do.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Calls::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    // Events from elsewhere.

    /// A participant's connection is gone; its place is kept for a while.
    pub(crate) fn session_away(&mut self, profile: ProfileId, session: SessionId, now: Instant) {
        let Some(id) = self.joined.get(&profile).cloned() else {
            return;
        };
        let until = now + self.timing.grace;
        if let Some(place) = self
            .calls
            .get_mut(&id)
            .and_then(|call| call.participant_mut(profile))
            .filter(|place| place.session == session)
        {
            place.away = Some(until);
        }
        self.settle(&id);
    }

    /// A session is there (new, resumed, or asking again): it hears of what concerns it.
    pub(crate) fn session_here(&mut self, profile: ProfileId, session: SessionId) {
        if let Some(id) = self.joined.get(&profile).cloned() {
            if let Some(call) = self.calls.get_mut(&id) {
                exchange::resumed(call, profile, session, &mut self.outputs);
            }
            self.settle(&id);
        }
        for id in self.rung_by(profile) {
            if let Some(call) = self.calls.get_mut(&id)
                && let Some(message) = call.reachable_again(profile)
            {
                self.send(Target::Session(session), message);
            }
            self.settle(&id);
        }
    }

    /// The last session of a profile is gone: what rings it goes on for a while.
    pub(crate) fn profile_away(&mut self, profile: ProfileId, now: Instant) {
        let until = now + self.timing.grace;
        for id in self.rung_by(profile) {
            if let Some(rung) = self
                .calls
                .get_mut(&id)
                .and_then(|call| call.ringing_mut(profile))
            {
                rung.unreachable = Some(until);
            }
            self.settle(&id);
        }
    }

    /// A session has logged out: it leaves its call.
    pub(crate) fn session_over(&mut self, profile: ProfileId, session: SessionId) {
        if self.holds_place(profile, session)
            && let Some(id) = self.joined.get(&profile).cloned()
        {
            self.remove(&id, profile, "quit");
        }
    }

    /// A person is no longer in a group, and so not in its call either.
    pub(crate) fn left_group(&mut self, profile: ProfileId, id: &GroupId) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        if let Some(place) = call.participant(profile) {
            let (session, name) = (place.session, place.person.name.clone());
            let message = left_message(id, &name, "left_group");
            self.send(Target::Session(session), message);
            self.remove(id, profile, "left_group");
        } else if let Some(rung) = call.ringing(profile) {
            let name = rung.person.name.clone();
            let message = left_message(id, &name, "left_group");
            self.send(Target::Profile(profile), message);
            self.stop_ringing(id, profile, "left_group");
        }
    }

    /// A profile has another name.
    pub(crate) fn rename(&mut self, profile: ProfileId, name: &Username) {
        for call in self.calls.values_mut() {
            call.rename(profile, name);
        }
    }

    // Time.

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, id)) = self.timers.first().cloned() {
            if at > now {
                break;
            }
            self.expire_rings(&id, now);
            self.expire_places(&id, now);
            if let Some(call) = self.calls.get_mut(&id) {
                exchange::expire(call, now, &mut self.outputs);
            }
            self.settle(&id);
            // A timer that is not moved by what is due would never let this loop end.
            self.timers.remove(&(at, id));
        }
    }

    fn expire_places(&mut self, id: &GroupId, now: Instant) {
        let lost: Vec<_> = self.calls.get(id).map_or_else(Vec::new, |call| {
            call.participants
                .iter()
                .filter(|place| place.away.is_some_and(|until| until <= now))
                .map(|place| place.person.profile)
                .collect()
        });
        for profile in lost {
            self.remove(id, profile, "lost");
        }
    }

    // Changes.

    /// Makes the sender a participant, or gives it the place of a session that is away.
    fn enter(&mut self, from: &From, id: &GroupId, info: Option<CallInfo>, now: Instant) {
        let profile = from.person.profile;
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        if let Some(place) = call.participant_mut(profile) {
            if place.session != from.session {
                let gone = Output::Left(id.clone(), place.session);
                self.outputs.push_back(gone);
                *place = Participant::new(from.person.clone(), from.session, info);
                exchange::ask(call, now + self.timing.info, &mut self.outputs);
            }
            self.settle(id);
            return;
        }
        let others: Vec<_> = call.participants.iter().map(|p| p.session).collect();
        let was_ringing = call.take_ringing(profile).is_some();
        call.answered.get_or_insert(now);
        let newcomer = Participant::new(from.person.clone(), from.session, info);
        call.participants.push(newcomer);
        if was_ringing {
            self.forget_ring(profile, id);
        }
        self.joined.insert(profile, id.clone());
        self.outputs.push_back(Output::Presence(profile));
        for session in others {
            let accepted = ServerMessage::Accept(Join {
                pseudo: from.person.name.clone(),
                id_group: id.clone(),
                info: None,
            });
            self.send(Target::Session(session), accepted);
        }
        if was_ringing {
            let own = left_message(id, &from.person.name, "answered_elsewhere");
            self.send(Target::Others(profile, from.session), own);
        }
        if let Some(call) = self.calls.get_mut(id) {
            exchange::ask(call, now + self.timing.info, &mut self.outputs);
        }
        self.settle(id);
        self.decline_others(&from.person);
    }

    /// Takes a participant out and tells the others why.
    fn remove(&mut self, id: &GroupId, profile: ProfileId, reason: &str) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let Some(gone) = call.take_participant(profile) else {
            return;
        };
        self.joined.remove(&profile);
        self.outputs.push_back(Output::Presence(profile));
        self.outputs
            .push_back(Output::Left(id.clone(), gone.session));
        self.tell_left(id, &gone.person.name, reason);
        let deserted = self
            .calls
            .get(id)
            .is_some_and(|call| call.participants.is_empty());
        if deserted {
            self.cancel(id, &gone.person.name);
        }
        self.settle(id);
    }

    /// Ends a call that is over, and notes when the others have something to do.
    fn settle(&mut self, id: &GroupId) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        if call.is_accepted() {
            self.changed.insert(id.clone());
        }
        if call.ringing.is_empty() && call.participants.len() < 2 {
            if let Some(last) = call.participants.first() {
                let (session, name) = (last.session, last.person.name.clone());
                let message = left_message(id, &name, "ended");
                self.send(Target::Session(session), message);
            }
            self.end(id);
            return;
        }
        let next = call.next_timeout();
        if let Some(call) = self.calls.get_mut(id)
            && call.timer != next
        {
            if let Some(at) = call.timer.take() {
                self.timers.remove(&(at, id.clone()));
            }
            if let Some(at) = next {
                self.timers.insert((at, id.clone()));
            }
            call.timer = next;
        }
    }

    /// Forgets a call.
    fn end(&mut self, id: &GroupId) {
        let Some(call) = self.calls.remove(id) else {
            return;
        };
        if call.is_accepted() {
            self.changed.insert(id.clone());
        }
        if let Some(at) = call.timer {
            self.timers.remove(&(at, id.clone()));
        }
        self.outputs.push_back(Output::Over(Over::of(&call)));
        self.outputs.push_back(Output::Ended(id.clone()));
        for place in call.participants {
            self.joined.remove(&place.person.profile);
            self.outputs
                .push_back(Output::Presence(place.person.profile));
        }
        for rung in call.ringing {
            self.forget_ring(rung.person.profile, id);
        }
    }

    // Outputs.

    fn send(&mut self, to: Target, message: ServerMessage) {
        self.outputs.push_back(Output::Send {
            to,
            re: None,
            message,
        });
    }

    fn answer(&mut self, from: &From, message: ServerMessage) {
        self.outputs.push_back(Output::Send {
            to: Target::Session(from.session),
            re: from.seq.clone(),
            message,
        });
    }

    fn refuse(&mut self, from: &From, detail: &str) {
        let error = ErrorReply::new(ErrorCode::NotAllowed, detail);
        self.answer(from, ServerMessage::Error(error));
    }

    fn fail(&mut self, from: &From, id: Option<GroupId>, reason: Option<&str>, detail: &str) {
        let error = ErrorReply {
            id_group: id,
            reason: reason.map(str::to_owned),
            ..ErrorReply::new(ErrorCode::CallFailed, detail)
        };
        self.answer(from, ServerMessage::Error(error));
    }

    /// Tells every participant that somebody is gone.
    fn tell_left(&mut self, id: &GroupId, name: &Username, reason: &str) {
        let message = left_message(id, name, reason);
        let sessions: Vec<_> = self.calls.get(id).map_or_else(Vec::new, |call| {
            call.participants.iter().map(|p| p.session).collect()
        });
        for session in sessions {
            self.send(Target::Session(session), message.clone());
        }
    }
}

/// 503 with a reason.
fn left_message(id: &GroupId, name: &Username, reason: &str) -> ServerMessage {
    ServerMessage::Quit(Quit {
        pseudo: name.clone(),
        id_group: id.clone(),
        reason: Some(reason.to_owned()),
    })
}
