//! A call as the UI sees it: the SDK's snapshot, and what its events told beside it.

use std::collections::{BTreeMap, BTreeSet};

use cooee_sdk::{CallEvent, CallSnapshot, DeviceNews, DeviceReason, Direction, Event};

use super::Begin;
use crate::conversations;
use crate::convert;
use crate::model::account::AccountId;
use crate::model::call::{
    Call, CallDevice, CallEnd, CallPhase, CallSound, Participant, ParticipantState, Quality,
};
use crate::model::settings::SendMode;

/// What the events told, by name.
pub(crate) struct View {
    id: u32,
    begin: Begin,
    since: i64,
    connected_at: Option<i64>,
    ringing: BTreeSet<String>,
    people: BTreeMap<String, Person>,
    volumes: BTreeMap<String, u16>,
    speaking: bool,
    pub(crate) talking: bool,
    pub(crate) verified: bool,
    no_microphone: bool,
    no_loudspeaker: bool,
    ended: Option<CallEnd>,
}

#[derive(Default)]
struct Person {
    safety_code: Option<String>,
    speaking: bool,
    quality: Option<Quality>,
    trouble: Option<String>,
}

impl View {
    pub(crate) fn new(id: u32, begin: Begin) -> Self {
        let ringing = if begin.outgoing {
            begin.with.iter().cloned().collect()
        } else {
            BTreeSet::new()
        };
        Self {
            id,
            begin,
            since: convert::now(),
            connected_at: None,
            ringing,
            people: BTreeMap::new(),
            volumes: BTreeMap::new(),
            speaking: false,
            talking: false,
            verified: false,
            no_microphone: false,
            no_loudspeaker: false,
            ended: None,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    pub(crate) fn is_of(&self, account: &AccountId) -> bool {
        self.begin.account == *account
    }

    pub(crate) fn set_send_mode(&mut self, mode: SendMode) {
        self.begin.send_mode = mode;
    }

    pub(crate) fn set_volumes(&mut self, volumes: BTreeMap<String, u16>) {
        self.volumes = volumes;
    }

    /// The call is over, if it is this one.
    pub(crate) fn end(&mut self, id: u32, reason: cooee_sdk::EndReason, detail: Option<String>) {
        if self.id == id && self.ended.is_none() {
            self.ended = Some(CallEnd {
                reason: convert::end_reason(reason),
                detail,
                at: convert::now(),
            });
        }
    }

    /// Whether the event changed what is shown.
    pub(crate) fn handle_event(&mut self, event: &Event) -> bool {
        match event {
            Event::Call(event) => self.handle_call(event),
            Event::Route {
                who, safety_code, ..
            } => {
                let person = self.person(who);
                person.safety_code = Some(safety_code.clone());
                person.trouble = None;
            }
            Event::SpeakingChanged { who, speaking } => match who {
                Some(who) => self.person(who).speaking = *speaking,
                None => self.speaking = *speaking,
            },
            Event::QualityChanged { who, estimate } => {
                self.person(who).quality = Some(convert::quality(estimate));
            }
            Event::Unreachable { who, why } => {
                self.person(who).trouble = Some(why.clone());
            }
            // Of the account, not of its call; the type is non-exhaustive.
            _ => return false,
        }
        true
    }

    /// Another device is used, or none.
    pub(crate) fn handle_device(&mut self, news: &DeviceNews) {
        // One that was refused leaves the other as it was.
        if news.reason != DeviceReason::Refused {
            let missing = news.device.is_none();
            match news.direction {
                Direction::Output => self.no_loudspeaker = missing,
                _ => self.no_microphone = missing,
            }
        }
    }

    fn handle_call(&mut self, event: &CallEvent) {
        match event {
            CallEvent::RingingOut { ringing, .. } => {
                self.ringing.extend(ringing.iter().map(ToString::to_string));
            }
            CallEvent::Joined { who, .. } => {
                self.ringing.remove(who.as_str());
            }
            CallEvent::Left { who, .. } => {
                self.ringing.remove(who.as_str());
                self.people.remove(who.as_str());
            }
            CallEvent::Connected { .. } => {
                self.connected_at.get_or_insert_with(convert::now);
            }
            CallEvent::RingingIn { .. }
            | CallEvent::Connecting { .. }
            | CallEvent::Reconnecting { .. }
            | CallEvent::Reconnected { .. }
            | CallEvent::Ended { .. } => {}
        }
    }

    fn person(&mut self, who: &cooee_sdk::Username) -> &mut Person {
        self.people.entry(who.to_string()).or_default()
    }

    /// The call, given where the SDK says that it is.
    pub(crate) fn show(&self, snapshot: &CallSnapshot) -> Call {
        let mut participants: Vec<Participant> = snapshot
            .participants
            .iter()
            .map(|name| {
                let route = snapshot.routes.get(name).copied().map(convert::route);
                let silenced = snapshot.silenced.contains(name);
                self.participant(name.as_str(), route, silenced)
            })
            .collect();
        for name in &self.ringing {
            if participants.iter().all(|other| other.name != *name) {
                participants.push(Participant {
                    state: ParticipantState::Ringing,
                    ..self.participant(name, None, false)
                });
            }
        }
        Call {
            id: self.id,
            account: self.begin.account.clone(),
            conversation: self.conversation(snapshot),
            group: self.begin.group,
            with: self.begin.with.clone(),
            outgoing: self.begin.outgoing,
            phase: self.phase(snapshot),
            since: self.since,
            connected_at: self.connected_at,
            participants,
            muted: snapshot.muted,
            deafened: snapshot.deafened,
            send_mode: self.begin.send_mode,
            talking: self.talking,
            speaking: self.speaking,
            verified: self.verified,
            sound: CallSound {
                microphone: CallDevice {
                    name: snapshot.microphone.clone(),
                    missing: self.no_microphone,
                },
                loudspeaker: CallDevice {
                    name: snapshot.loudspeaker.clone(),
                    missing: self.no_loudspeaker,
                },
            },
            ended: self.ended.clone(),
        }
    }

    fn conversation(&self, snapshot: &CallSnapshot) -> Option<String> {
        match self.begin.with.as_slice() {
            [other] if !self.begin.group => Some(conversations::pair(other)),
            _ => snapshot.id_group.as_ref().map(ToString::to_string),
        }
    }

    fn phase(&self, snapshot: &CallSnapshot) -> CallPhase {
        if self.ended.is_some() {
            return CallPhase::Ended;
        }
        match snapshot.phase {
            Some(cooee_sdk::CallPhase::RingingOut) => CallPhase::RingingOut,
            Some(cooee_sdk::CallPhase::Connected) => CallPhase::Connected,
            Some(cooee_sdk::CallPhase::Reconnecting) => CallPhase::Reconnecting,
            // An end that is about to be told is not shown before its reason is known.
            Some(cooee_sdk::CallPhase::RingingIn | cooee_sdk::CallPhase::Connecting) | None => {
                if self.connected_at.is_some() {
                    CallPhase::Connected
                } else {
                    CallPhase::Connecting
                }
            }
        }
    }

    fn participant(
        &self,
        name: &str,
        route: Option<crate::model::call::Route>,
        silenced: bool,
    ) -> Participant {
        let person = self.people.get(name);
        let trouble = person.and_then(|person| person.trouble.clone());
        Participant {
            name: name.to_owned(),
            state: match (route, &trouble) {
                (Some(_), _) => ParticipantState::Connected,
                (None, Some(_)) => ParticipantState::Unreachable,
                (None, None) => ParticipantState::Connecting,
            },
            route,
            safety_code: person.and_then(|person| person.safety_code.clone()),
            speaking: person.is_some_and(|person| person.speaking),
            silenced,
            volume: self.volumes.get(name).copied().unwrap_or(100),
            quality: person.and_then(|person| person.quality),
            trouble,
        }
    }
}
