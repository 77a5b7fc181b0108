//! Ringing: 501, and how it ends without an answer.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Instant;

use cooee_protocol::{CallInfo, ErrorCode, ErrorReply, GroupId, Ring, ServerMessage, Username};

use super::call::{Call, Participant, Rung};
use super::{Calls, From, Kind, Output, Target, left_message};
use crate::ids::{Person, ProfileId};

/// Somebody who may be rung.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) person: Person,
    /// Whether a session of theirs is there.
    pub(crate) reachable: bool,
}

/// 501, with its names looked up and found to be allowed.
#[derive(Debug, Clone)]
pub(crate) struct Placing {
    pub(crate) id: GroupId,
    pub(crate) kind: Kind,
    /// Whom to ring, the sender not among them.
    pub(crate) candidates: Vec<Candidate>,
    /// Whether they were named one by one: who has declined already is rung again only then.
    pub(crate) named: bool,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) info: Option<CallInfo>,
}

/// What a 501 comes to.
enum Step {
    Begin,
    RingMore,
    Enter,
    Refuse(&'static str),
}

impl Calls {
    /// 501: rings. In a call that rings the sender, or that a group has already, it joins.
    pub(crate) fn handle_ring(&mut self, from: &From, placing: Placing, now: Instant) {
        match self.step(from, &placing) {
            Step::Begin => self.begin(from, placing, now),
            Step::RingMore => {
                let id = placing.id.clone();
                self.ring_more(from, placing, now);
                self.settle(&id);
            }
            Step::Enter => {
                let (id, info) = (placing.id.clone(), placing.info.clone());
                self.ring_more(from, placing, now);
                self.enter(from, &id, info, now);
            }
            Step::Refuse(detail) => self.refuse(from, detail),
        }
    }

    fn step(&self, from: &From, placing: &Placing) -> Step {
        let profile = from.person.profile;
        let Some(call) = self.calls.get(&placing.id) else {
            return if self.is_joined(profile) {
                Step::Refuse("you are in another call")
            } else {
                Step::Begin
            };
        };
        match call.participant(profile) {
            Some(place) if place.session == from.session => match call.kind {
                Kind::Direct => Step::Refuse("you are in that call already"),
                Kind::Group => Step::RingMore,
            },
            Some(place) if place.away.is_some() => Step::Enter,
            Some(_) => Step::Refuse("you are in that call with another session"),
            None if self.is_joined(profile) => Step::Refuse("you are in another call"),
            None => Step::Enter,
        }
    }

    fn begin(&mut self, from: &From, placing: Placing, now: Instant) {
        let ringable = self.ringable(&placing);
        if ringable.is_empty() {
            let busy = placing
                .candidates
                .iter()
                .any(|candidate| self.is_joined(candidate.person.profile));
            let (reason, detail) = if busy {
                ("busy", "everybody called is in another call")
            } else {
                ("offline", "nobody called is online")
            };
            self.reached_nobody(&placing.id, from.person.profile);
            self.fail(from, Some(placing.id), Some(reason), detail);
            return;
        }
        let profile = from.person.profile;
        let id = placing.id.clone();
        let caller = Participant::new(from.person.clone(), from.session, placing.info.clone());
        let call = Call::new(id.clone(), placing.kind, caller);
        self.calls.insert(id.clone(), call);
        self.joined.insert(profile, id.clone());
        self.outputs.push_back(Output::Presence(profile));
        self.ring_more(from, placing, now);
        self.settle(&id);
        self.decline_others(&from.person);
    }

    /// Those of the candidates who can be rung now.
    fn ringable(&self, placing: &Placing) -> Vec<Person> {
        let ringing = |profile| {
            self.calls
                .get(&placing.id)
                .is_some_and(|call| call.is_ringing(profile))
        };
        let mut seen = HashSet::new();
        let declined = |profile| {
            self.calls
                .get(&placing.id)
                .is_some_and(|call| call.declined.contains(&profile))
        };
        placing
            .candidates
            .iter()
            .filter(|candidate| {
                let profile = candidate.person.profile;
                candidate.reachable
                    && seen.insert(profile)
                    && !self.is_joined(profile)
                    && !ringing(profile)
                    && (placing.named || !declined(profile))
            })
            .map(|candidate| candidate.person.clone())
            .collect()
    }

    /// Echoes the 501 and rings those who can be rung.
    fn ring_more(&mut self, from: &From, placing: Placing, now: Instant) {
        let ringable = self.ringable(&placing);
        let list: Vec<Username> = ringable.iter().map(|person| person.name.clone()).collect();
        self.answer(
            from,
            ServerMessage::Ring(Ring {
                id_group: placing.id.clone(),
                list_pseudo: list.clone(),
                address: placing.address,
                port: placing.port,
                pseudo: None,
            }),
        );
        for person in ringable {
            let profile = person.profile;
            let rung = Rung {
                person,
                by: from.person.clone(),
                list: list.clone(),
                address: placing.address,
                port: placing.port,
                until: now + self.timing.ring,
                unreachable: None,
            };
            self.send(Target::Profile(profile), rung.message(&placing.id));
            if let Some(call) = self.calls.get_mut(&placing.id) {
                call.ringing.push(rung);
                self.rung
                    .entry(profile)
                    .or_default()
                    .insert(placing.id.clone());
            }
        }
    }

    /// The calls that ring a profile.
    pub(super) fn rung_by(&self, profile: ProfileId) -> Vec<GroupId> {
        self.rung
            .get(&profile)
            .map_or_else(Vec::new, |ids| ids.iter().cloned().collect())
    }

    pub(super) fn forget_ring(&mut self, profile: ProfileId, id: &GroupId) {
        if let Some(ids) = self.rung.get_mut(&profile) {
            ids.remove(id);
            if ids.is_empty() {
                self.rung.remove(&profile);
            }
        }
    }

    /// Somebody who was rung does not come; the participants are told why.
    pub(super) fn stop_ringing(&mut self, id: &GroupId, profile: ProfileId, reason: &str) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let Some(rung) = call.take_ringing(profile) else {
            return;
        };
        call.declined.insert(profile);
        call.refused |= reason == "declined";
        self.forget_ring(profile, id);
        self.tell_left(id, &rung.person.name, reason);
        self.settle(id);
    }

    /// Somebody has joined a call: what else rings them is told that they are busy.
    pub(super) fn decline_others(&mut self, person: &Person) {
        for id in self.rung_by(person.profile) {
            let own = left_message(&id, &person.name, "busy");
            self.send(Target::Profile(person.profile), own);
            self.stop_ringing(&id, person.profile, "busy");
        }
    }

    /// The last participant has gone: nobody is rung any more.
    pub(super) fn cancel(&mut self, id: &GroupId, gone: &Username) {
        let rung: Vec<_> = self.calls.get(id).map_or_else(Vec::new, |call| {
            call.ringing
                .iter()
                .map(|rung| rung.person.profile)
                .collect()
        });
        for profile in rung {
            let message = left_message(id, gone, "cancelled");
            self.send(Target::Profile(profile), message);
        }
        self.end(id);
    }

    /// Ends the rings whose time is up.
    pub(super) fn expire_rings(&mut self, id: &GroupId, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let (expired, ringing): (Vec<_>, Vec<_>) = std::mem::take(&mut call.ringing)
            .into_iter()
            .partition(|rung| rung.end().0 <= now);
        call.ringing = ringing;
        call.declined
            .extend(expired.iter().map(|rung| rung.person.profile));
        let caller = call
            .participants
            .first()
            .filter(|_| {
                call.participants.len() == 1 && !call.is_accepted() && call.ringing.is_empty()
            })
            .map(|caller| caller.session);
        let Some(reason) = expired.last().map(|rung| rung.end().1) else {
            return;
        };
        for rung in &expired {
            let profile = rung.person.profile;
            self.forget_ring(profile, id);
            let own = left_message(id, &rung.person.name, rung.end().1);
            self.send(Target::Profile(profile), own);
        }
        if let Some(session) = caller {
            let error = ErrorReply {
                id_group: Some(id.clone()),
                reason: Some(reason.to_owned()),
                ..ErrorReply::new(ErrorCode::CallFailed, "nobody has answered")
            };
            self.send(Target::Session(session), ServerMessage::Error(error));
            self.end(id);
        } else {
            for rung in &expired {
                self.tell_left(id, &rung.person.name, rung.end().1);
            }
        }
    }
}
