//! What the clients say in calls, 501 aside: 502, 503, 504 and 506.

use std::time::Instant;

use bytes::Bytes;
use cooee_protocol::{
    Data, ErrorCode, ErrorReply, Exchange, GroupId, InfoCall, Join, Quit, ServerMessage, Username,
};

use super::{Calls, From, Kind, Output, Target, Voice, exchange, left_message};
use crate::ids::SessionId;

impl Calls {
    /// 502: accepts, or joins late. `member` says whether the sender is in the call's group.
    pub(crate) fn handle_accept(&mut self, from: &From, member: bool, join: Join, now: Instant) {
        let profile = from.person.profile;
        let Some(call) = self.calls.get(&join.id_group) else {
            self.fail(from, Some(join.id_group), None, "there is no such call");
            return;
        };
        if join.pseudo != from.person.name {
            self.refuse(from, "everybody accepts for themselves only");
            return;
        }
        let place = call
            .participant(profile)
            .map(|place| (place.session, place.away.is_some()));
        let ringing = call.is_ringing(profile);
        match place {
            Some((session, _)) if session == from.session => {}
            Some((_, true)) => {}
            Some((_, false)) => {
                self.refuse(from, "you are in that call with another session");
                return;
            }
            None if self.is_joined(profile) => {
                self.refuse(from, "you are in another call");
                return;
            }
            None if ringing || (member && call.kind == Kind::Group) => {}
            None => {
                self.refuse(from, "nobody has called you there");
                return;
            }
        }
        let Join {
            pseudo,
            id_group,
            info,
        } = join;
        let echo = ServerMessage::Accept(Join {
            pseudo,
            id_group: id_group.clone(),
            info: None,
        });
        self.answer(from, echo);
        self.enter(from, &id_group, info, now);
    }

    /// 503: quits or declines. `theirs` says whether the id is one of the sender's groups or
    /// pairs: then the echo comes even when the call is over.
    pub(crate) fn handle_quit(&mut self, from: &From, theirs: bool, quit: Quit) {
        let profile = from.person.profile;
        if quit.pseudo != from.person.name {
            self.refuse(from, "everybody quits for themselves only");
            return;
        }
        let call = self.calls.get(&quit.id_group);
        let ringing = call.is_some_and(|call| call.is_ringing(profile));
        let place = call
            .and_then(|call| call.participant(profile))
            // Another session of the same person does not hang up a running conversation.
            .map(|place| place.session == from.session || place.away.is_some());
        if !theirs && !ringing && place.is_none() {
            self.fail(from, Some(quit.id_group), None, "there is no such call");
            return;
        }
        self.answer(from, ServerMessage::Quit(quit.clone()));
        let id = quit.id_group;
        if ringing {
            let reason = known_reason(quit.reason.as_deref(), "declined");
            let own = left_message(&id, &from.person.name, "declined_elsewhere");
            self.send(Target::Others(profile, from.session), own);
            self.stop_ringing(&id, profile, reason);
        } else if place == Some(true) {
            let reason = known_reason(quit.reason.as_deref(), "quit");
            self.remove(&id, profile, reason);
        }
    }

    /// 504: passes data on.
    pub(crate) fn handle_exchange(&mut self, from: &From, exchange: Exchange) {
        let Exchange {
            pseudo,
            data,
            id_group,
        } = exchange;
        let targets = self.exchange_targets(from, &pseudo, &id_group);
        if targets.is_empty() {
            self.answer(
                from,
                ServerMessage::Error(ErrorReply {
                    id_group: Some(id_group),
                    ..ErrorReply::new(ErrorCode::MessageNotSent, "not in that call")
                }),
            );
            return;
        }
        for to in targets {
            self.outputs.push_back(Output::Relay {
                to,
                from: from.person.name.clone(),
                id: id_group.clone(),
                voice: Voice::Text(data.clone()),
            });
        }
        if from.seq.is_some() {
            self.answer(from, exchange_message(pseudo, data, &id_group));
        }
    }

    /// A binary frame: passes voice on. What cannot be passed on is dropped, as a network does.
    pub(crate) fn handle_tunnel(&mut self, from: &From, to: &Username, payload: &Bytes) {
        let Some(id) = self.joined.get(&from.person.profile).cloned() else {
            return;
        };
        for to in self.exchange_targets(from, to, &id) {
            self.outputs.push_back(Output::Relay {
                to,
                from: from.person.name.clone(),
                id: id.clone(),
                voice: Voice::Bytes(payload.clone()),
            });
        }
    }

    /// 506: tells addresses.
    pub(crate) fn handle_info(&mut self, from: &From, info: InfoCall) {
        let id = info.id_group.clone();
        let place = self
            .calls
            .get_mut(&id)
            .and_then(|call| call.participant_mut(from.person.profile))
            .filter(|place| place.session == from.session);
        if place.is_none() {
            self.fail(from, Some(id), None, "you are not in that call");
            return;
        }
        let told = info.info.clone();
        self.answer(from, ServerMessage::InfoCall(info));
        if let Some(call) = self.calls.get_mut(&id) {
            exchange::told(call, from.person.profile, told, &mut self.outputs);
        }
        self.settle(&id);
    }

    fn exchange_targets(&self, from: &From, to: &Username, id: &GroupId) -> Vec<SessionId> {
        let Some(call) = self.calls.get(id) else {
            return Vec::new();
        };
        let own = call.participant(from.person.profile);
        if own.is_none_or(|own| own.session != from.session) {
            return Vec::new();
        }
        let everybody = *to == from.person.name;
        call.participants
            .iter()
            .filter(|other| other.person.profile != from.person.profile && other.away.is_none())
            .filter(|other| everybody || other.person.name == *to)
            .map(|other| other.session)
            .collect()
    }
}

pub(super) fn exchange_message(pseudo: Username, data: Data, id: &GroupId) -> ServerMessage {
    ServerMessage::Exchange(Exchange {
        pseudo,
        data,
        id_group: id.clone(),
    })
}

/// The reason that a client gave, if it is one that a client may give.
fn known_reason<'a>(given: Option<&'a str>, otherwise: &'a str) -> &'a str {
    given
        .filter(|reason| ["declined", "busy", "quit", "failed"].contains(reason))
        .unwrap_or(otherwise)
}
