//! The exchange of addresses, sessions that come and go, and time.

use std::time::Instant;

use cooee_protocol::{
    CallInfo, DistributeInfo, GroupId, InfoCall, ParticipantInfo, RequestInfo, Ring, ServerMessage,
};

use super::{Answer, Asked, Call, GRACE, INFO, Profile, Relay, Session, failed};

impl Relay {
    pub(super) fn ask(&mut self, now: Instant, id: &GroupId) {
        let call = self.calls.get_mut(id).unwrap();
        if call.places.len() < 2 {
            return;
        }
        let mut asked = Vec::new();
        for place in call
            .places
            .iter_mut()
            .filter(|place| place.asked == Asked::No)
        {
            asked.push(place.session);
            place.asked = match place.info {
                Some(_) => Asked::Done,
                None => Asked::Waiting(now + INFO),
            };
        }
        for session in &asked {
            let request = RequestInfo {
                id_group: id.clone(),
                relay: None,
            };
            self.tell(*session, ServerMessage::RequestInfo(request));
        }
        if !asked.is_empty() {
            self.distribute_if_complete(id, None);
        }
    }

    fn distribute_if_complete(&mut self, id: &GroupId, but: Option<Profile>) {
        let call = &self.calls[id];
        if call
            .places
            .iter()
            .any(|place| matches!(place.asked, Asked::Waiting(_)))
        {
            return;
        }
        let to: Vec<Session> = call
            .places
            .iter()
            .filter(|place| Some(place.profile) != but)
            .map(|place| place.session)
            .collect();
        for session in to {
            let message = self.list(id, session);
            self.tell(session, message);
        }
    }

    fn list(&self, id: &GroupId, to: Session) -> ServerMessage {
        let list_info = self.calls[id]
            .places
            .iter()
            .filter(|place| place.session != to)
            .map(|place| {
                let info = place.info.clone().unwrap_or_else(CallInfo::untold);
                ParticipantInfo::new(self.names[place.profile].clone(), info)
            })
            .collect();
        ServerMessage::DistributeInfo(DistributeInfo {
            id_group: id.clone(),
            list_info,
        })
    }

    pub(super) fn info(&mut self, from: Session, info: InfoCall) -> Answer {
        let id = info.id_group.clone();
        let place = self
            .calls
            .get_mut(&id)
            .and_then(|call| call.places.iter_mut().find(|place| place.session == from));
        let Some(place) = place else {
            return Err(failed(&id, "over"));
        };
        let profile = place.profile;
        place.info = Some(info.info.clone());
        match place.asked {
            Asked::No => {}
            Asked::Waiting(_) => {
                place.asked = Asked::Done;
                self.distribute_if_complete(&id, None);
            }
            Asked::Done => self.distribute_if_complete(&id, Some(profile)),
        }
        Ok(ServerMessage::InfoCall(info))
    }

    /// A connection broke.
    pub(in super::super) fn disconnected(&mut self, now: Instant, session: Session) {
        self.sessions[session].1 = false;
        for call in self.calls.values_mut() {
            for place in call
                .places
                .iter_mut()
                .filter(|place| place.session == session)
            {
                place.away = Some(now + GRACE);
            }
        }
    }

    /// A session was resumed, and told what it may have missed.
    pub(in super::super) fn resumed(&mut self, session: Session) {
        self.sessions[session].1 = true;
        let me = self.sessions[session].0;
        for id in self.calls.keys().cloned().collect::<Vec<_>>() {
            let call = self.calls.get_mut(&id).unwrap();
            if let Some(place) = call
                .places
                .iter_mut()
                .find(|place| place.session == session)
            {
                place.away = None;
                let message = match place.asked {
                    Asked::No => continue,
                    Asked::Waiting(_) => ServerMessage::RequestInfo(RequestInfo {
                        id_group: id,
                        relay: None,
                    }),
                    Asked::Done => self.list(&id, session),
                };
                self.tell(session, message);
            } else if let Some(rung) = call.ringing.iter().find(|rung| rung.profile == me) {
                let ring = Ring {
                    id_group: id,
                    list_pseudo: vec![self.names[me].clone()],
                    address: CallInfo::untold().address,
                    port: 0,
                    pseudo: Some(self.names[rung.by].clone()),
                };
                self.tell(session, ServerMessage::Ring(ring));
            }
        }
    }

    pub(in super::super) fn next_timeout(&self) -> Option<Instant> {
        let of_call = |call: &Call| {
            let rings = call.ringing.iter().map(|rung| rung.until);
            let places = call.places.iter().flat_map(|place| {
                let asked = match place.asked {
                    Asked::Waiting(until) => Some(until),
                    Asked::No | Asked::Done => None,
                };
                [place.away, asked]
            });
            rings.chain(places.flatten()).min()
        };
        self.calls.values().filter_map(of_call).min()
    }

    pub(in super::super) fn handle_timeout(&mut self, now: Instant) {
        for id in self.calls.keys().cloned().collect::<Vec<_>>() {
            let call = self.calls.get_mut(&id).unwrap();
            let mut silent = false;
            for place in &mut call.places {
                if matches!(place.asked, Asked::Waiting(until) if until <= now) {
                    place.asked = Asked::Done;
                    silent = true;
                }
            }
            if silent {
                self.distribute_if_complete(&id, None);
            }
            self.expire_rings(now, &id);
            let lost: Vec<Profile> = self.calls.get(&id).map_or_else(Vec::new, |call| {
                let lost = call
                    .places
                    .iter()
                    .filter(|place| place.away.is_some_and(|at| at <= now));
                lost.map(|place| place.profile).collect()
            });
            for profile in lost {
                self.remove(&id, profile, "lost");
            }
        }
    }

    fn expire_rings(&mut self, now: Instant, id: &GroupId) {
        let call = self.calls.get_mut(id).unwrap();
        let expired: Vec<Profile> = call
            .ringing
            .iter()
            .filter(|rung| rung.until <= now)
            .map(|rung| rung.profile)
            .collect();
        call.ringing.retain(|rung| rung.until > now);
        let unanswered = !call.accepted && call.ringing.is_empty();
        let caller = call.places.first().map(|place| place.session);
        for profile in &expired {
            let own = self.quit_message(id, *profile, "timeout");
            self.tell_profile(*profile, None, &own);
        }
        match caller {
            Some(session) if unanswered && !expired.is_empty() => {
                self.tell(session, ServerMessage::Error(failed(id, "timeout")));
                self.calls.remove(id);
            }
            Some(_) | None => {
                for profile in expired {
                    if self.calls.contains_key(id) {
                        let message = self.quit_message(id, profile, "timeout");
                        self.tell_places(id, &message);
                        self.settle(id);
                    }
                }
            }
        }
    }
}
