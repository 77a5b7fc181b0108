//! One call: who is in it and who rings.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Instant;

use cooee_protocol::{CallInfo, GroupId, Ring, ServerMessage, Username};

use super::Kind;
use crate::ids::{Person, ProfileId, SessionId};

/// How far the exchange of addresses has come for one participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// No 505 yet.
    No,
    /// 505 was sent; the answer is waited for until then.
    Waiting(Instant),
    /// Its addresses are known.
    Answered,
    /// It did not answer in time.
    Silent,
}

/// Somebody who is in the call.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) person: Person,
    pub(crate) session: SessionId,
    /// Until when the place is kept, while its connection is gone.
    pub(crate) away: Option<Instant>,
    pub(crate) info: Option<CallInfo>,
    pub(crate) asked: Asked,
}

impl Participant {
    pub(crate) fn new(person: Person, session: SessionId, info: Option<CallInfo>) -> Self {
        Self {
            person,
            session,
            away: None,
            info,
            asked: Asked::No,
        }
    }
}

/// Somebody who is rung.
#[derive(Debug)]
pub(crate) struct Rung {
    pub(crate) person: Person,
    /// Who rings.
    pub(crate) by: Person,
    /// Everybody who was rung at the same time.
    pub(crate) list: Vec<Username>,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// When the ringing ends.
    pub(crate) until: Instant,
    /// When it ends because no session is there.
    pub(crate) unreachable: Option<Instant>,
}

impl Rung {
    /// The 501 that the rung sessions get.
    pub(crate) fn message(&self, id: &GroupId) -> ServerMessage {
        ServerMessage::Ring(Ring {
            id_group: id.clone(),
            list_pseudo: self.list.clone(),
            address: self.address,
            port: self.port,
            pseudo: Some(self.by.name.clone()),
        })
    }

    /// When and why it ends, if nothing else happens.
    pub(crate) fn end(&self) -> (Instant, &'static str) {
        match self.unreachable {
            Some(at) if at < self.until => (at, "offline"),
            Some(_) | None => (self.until, "timeout"),
        }
    }
}

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: GroupId,
    pub(crate) kind: Kind,
    /// Who has placed it.
    pub(crate) caller: ProfileId,
    /// When somebody accepted first.
    pub(crate) answered: Option<Instant>,
    /// Whether somebody has declined.
    pub(crate) refused: bool,
    /// In the order in which they joined.
    pub(crate) participants: Vec<Participant>,
    pub(crate) ringing: Vec<Rung>,
    /// Who was rung and did not come.
    pub(crate) declined: HashSet<ProfileId>,
    /// The instant that is noted for this call.
    pub(crate) timer: Option<Instant>,
}

impl Call {
    pub(crate) fn new(id: GroupId, kind: Kind, caller: Participant) -> Self {
        Self {
            id,
            kind,
            caller: caller.person.profile,
            answered: None,
            refused: false,
            participants: vec![caller],
            ringing: Vec::new(),
            declined: HashSet::new(),
            timer: None,
        }
    }

    /// Whether anybody has ever accepted.
    pub(crate) fn is_accepted(&self) -> bool {
        self.answered.is_some()
    }

    pub(crate) fn participant(&self, profile: ProfileId) -> Option<&Participant> {
        self.participants
            .iter()
            .find(|place| place.person.profile == profile)
    }

    pub(crate) fn participant_mut(&mut self, profile: ProfileId) -> Option<&mut Participant> {
        self.participants
            .iter_mut()
            .find(|place| place.person.profile == profile)
    }

    pub(crate) fn take_participant(&mut self, profile: ProfileId) -> Option<Participant> {
        let index = self
            .participants
            .iter()
            .position(|place| place.person.profile == profile)?;
        Some(self.participants.remove(index))
    }

    pub(crate) fn is_ringing(&self, profile: ProfileId) -> bool {
        self.ringing(profile).is_some()
    }

    pub(crate) fn ringing(&self, profile: ProfileId) -> Option<&Rung> {
        self.ringing
            .iter()
            .find(|rung| rung.person.profile == profile)
    }

    pub(crate) fn ringing_mut(&mut self, profile: ProfileId) -> Option<&mut Rung> {
        self.ringing
            .iter_mut()
            .find(|rung| rung.person.profile == profile)
    }

    pub(crate) fn take_ringing(&mut self, profile: ProfileId) -> Option<Rung> {
        let index = self
            .ringing
            .iter()
            .position(|rung| rung.person.profile == profile)?;
        Some(self.ringing.remove(index))
    }

    /// A session of somebody who is rung is there: what it gets.
    pub(crate) fn reachable_again(&mut self, profile: ProfileId) -> Option<ServerMessage> {
        let id = self.id.clone();
        let rung = self.ringing_mut(profile)?;
        rung.unreachable = None;
        Some(rung.message(&id))
    }

    pub(crate) fn rename(&mut self, profile: ProfileId, name: &Username) {
        let mut before = None;
        if let Some(place) = self.participant_mut(profile) {
            before = Some(std::mem::replace(&mut place.person.name, name.clone()));
        }
        if let Some(rung) = self.ringing_mut(profile) {
            before = Some(std::mem::replace(&mut rung.person.name, name.clone()));
        }
        for rung in &mut self.ringing {
            if rung.by.profile == profile {
                rung.by.name = name.clone();
            }
            for listed in &mut rung.list {
                if before.as_ref() == Some(listed) {
                    *listed = name.clone();
                }
            }
        }
    }

    /// When the call next has something to do by itself.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let rings = self.ringing.iter().map(|rung| rung.end().0);
        let places = self.participants.iter().filter_map(|place| place.away);
        let answers = self
            .participants
            .iter()
            .filter_map(|place| match place.asked {
                Asked::Waiting(until) => Some(until),
                Asked::No | Asked::Answered | Asked::Silent => None,
            });
        rings.chain(places).chain(answers).min()
    }
}
