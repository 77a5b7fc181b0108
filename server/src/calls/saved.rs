//! What is noted of a call, and a call that is taken up again.

use std::time::Instant;

use cooee_protocol::{CallInfo, GroupId};

use super::call::{Asked, Call, Participant};
use super::{Calls, Kind, Output};
use crate::ids::{Person, ProfileId, SessionId};

/// A participant whose session may come back.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) person: Person,
    pub(crate) session: SessionId,
    pub(crate) info: Option<CallInfo>,
}

/// Where a call comes from.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) id: GroupId,
    pub(crate) caller: Option<ProfileId>,
    /// When somebody accepted first.
    pub(crate) answered: Option<Instant>,
}

/// A participant as it is to be noted.
pub(crate) type Member = (ProfileId, SessionId, Option<CallInfo>);

impl Calls {
    /// Whether there is anything to note.
    pub(crate) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The calls that differ from what was noted of them; they count as noted from now on.
    pub(crate) fn take_changed(&mut self) -> Vec<GroupId> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }

    /// Who has placed a call, and when somebody answered first.
    pub(crate) fn origin(&self, id: &GroupId) -> Option<(ProfileId, Option<Instant>)> {
        let call = self.calls.get(id)?;
        Some((call.caller, call.answered))
    }

    /// Who is in a call; nothing when it is over or nobody has accepted yet.
    pub(crate) fn members(&self, id: &GroupId) -> Option<(Kind, Vec<Member>)> {
        let call = self.calls.get(id).filter(|call| call.is_accepted())?;
        let member =
            |place: &Participant| (place.person.profile, place.session, place.info.clone());
        Some((call.kind, call.participants.iter().map(member).collect()))
    }

    /// Takes up a call whose participants are all away for now. Whoever has told its addresses
    /// has been asked for them; the others are asked when they come back.
    pub(crate) fn restore(
        &mut self,
        origin: Origin,
        kind: Kind,
        places: Vec<Restored>,
        now: Instant,
    ) {
        let id = origin.id;
        let until = now + self.timing.grace;
        let asked_until = now + self.timing.info;
        let mut participants = places.into_iter().map(|place| {
            let asked = match place.info {
                Some(_) => Asked::Answered,
                None => Asked::Waiting(asked_until),
            };
            let mut participant = Participant::new(place.person, place.session, place.info);
            participant.away = Some(until);
            participant.asked = asked;
            participant
        });
        let Some(first) = participants.next() else {
            return;
        };
        let mut call = Call::new(id.clone(), kind, first);
        call.participants.extend(participants);
        call.caller = origin.caller.unwrap_or(call.caller);
        call.answered = Some(origin.answered.unwrap_or(now));
        for place in &call.participants {
            self.joined.insert(place.person.profile, id.clone());
            self.outputs
                .push_back(Output::Presence(place.person.profile));
        }
        self.calls.insert(id.clone(), call);
        self.settle(&id);
    }
}
