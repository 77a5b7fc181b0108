//! The server's rules for calls, as far as a client can tell them from outside.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use cooee_protocol::{
    CallInfo, ClientMessage, DistributeInfo, ErrorCode, ErrorReply, GroupId, InfoCall, Join,
    ParticipantInfo, Quit, RequestInfo, Ring, ServerMessage, Username,
};

pub(super) const RING: Duration = Duration::from_secs(300);
pub(super) const GRACE: Duration = Duration::from_secs(60);
const INFO: Duration = Duration::from_secs(5);

/// A profile, by its place in [`Relay::names`].
pub(super) type Profile = usize;
/// A session, by its place in [`Relay::sessions`].
pub(super) type Session = usize;

pub(super) type Answer = Result<ServerMessage, ErrorReply>;

#[derive(Debug, Clone, PartialEq)]
enum Asked {
    No,
    Waiting(Instant),
    Done,
}

#[derive(Debug)]
struct Place {
    profile: Profile,
    session: Session,
    away: Option<Instant>,
    info: Option<CallInfo>,
    asked: Asked,
}

#[derive(Debug)]
struct Rung {
    profile: Profile,
    by: Profile,
    until: Instant,
}

#[derive(Debug)]
struct Call {
    direct: bool,
    accepted: bool,
    places: Vec<Place>,
    ringing: Vec<Rung>,
}

#[derive(Debug)]
pub(super) struct Relay {
    pub(super) names: Vec<Username>,
    /// The profile of each session, and whether its connection is there.
    pub(super) sessions: Vec<(Profile, bool)>,
    pub(super) groups: BTreeMap<GroupId, Vec<Profile>>,
    calls: BTreeMap<GroupId, Call>,
    /// What goes to whom without having been asked for.
    pub(super) sent: VecDeque<(Session, ServerMessage)>,
}

fn refused(detail: &str) -> Answer {
    Err(ErrorReply::new(ErrorCode::NotAllowed, detail))
}

fn failed(id: &GroupId, reason: &str) -> ErrorReply {
    ErrorReply {
        id_group: Some(id.clone()),
        reason: Some(reason.to_owned()),
        ..ErrorReply::new(ErrorCode::CallFailed, "the call failed")
    }
}

impl Relay {
    pub(super) fn new(names: Vec<Username>, sessions: &[Profile]) -> Self {
        Self {
            names,
            sessions: sessions.iter().map(|profile| (*profile, true)).collect(),
            groups: BTreeMap::new(),
            calls: BTreeMap::new(),
            sent: VecDeque::new(),
        }
    }

    /// Forgets every call, as a server does that was started anew.
    pub(super) fn restart(&mut self) {
        self.calls.clear();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn pair(&self, one: Profile, other: Profile) -> GroupId {
        let (low, high) = (one.min(other), one.max(other));
        format!("pair-{low}-{high}").parse().unwrap()
    }

    fn profile(&self, name: &Username) -> Option<Profile> {
        self.names.iter().position(|known| known == name)
    }

    fn is_joined(&self, profile: Profile) -> bool {
        self.calls
            .values()
            .any(|call| call.places.iter().any(|place| place.profile == profile))
    }

    fn is_here(&self, profile: Profile) -> bool {
        self.sessions.contains(&(profile, true))
    }

    fn tell(&mut self, session: Session, message: ServerMessage) {
        self.sent.push_back((session, message));
    }

    fn tell_profile(&mut self, profile: Profile, but: Option<Session>, message: &ServerMessage) {
        for session in 0..self.sessions.len() {
            if self.sessions[session].0 == profile && Some(session) != but {
                self.tell(session, message.clone());
            }
        }
    }

    fn quit_message(&self, id: &GroupId, who: Profile, reason: &str) -> ServerMessage {
        ServerMessage::Quit(Quit {
            pseudo: self.names[who].clone(),
            id_group: id.clone(),
            reason: Some(reason.to_owned()),
        })
    }

    fn tell_places(&mut self, id: &GroupId, message: &ServerMessage) {
        let sessions: Vec<Session> = self.calls.get(id).map_or_else(Vec::new, |call| {
            call.places.iter().map(|place| place.session).collect()
        });
        for session in sessions {
            self.tell(session, message.clone());
        }
    }

    /// A frame of a client.
    pub(super) fn handle(&mut self, now: Instant, from: Session, message: ClientMessage) -> Answer {
        match message {
            ClientMessage::Ring(place) => {
                let me = self.sessions[from].0;
                let named: Vec<Profile> = place
                    .list_pseudo
                    .iter()
                    .filter_map(|name| self.profile(name))
                    .collect();
                let (id, direct, people) = match &place.id_group {
                    None => match named[..] {
                        [other] => (self.pair(me, other), true, vec![other]),
                        _ => return refused("one person"),
                    },
                    Some(id) => {
                        let Some(members) = self.groups.get(id).cloned() else {
                            return refused("no such group");
                        };
                        let wanted = |profile: &Profile| {
                            *profile != me && (named.is_empty() || named.contains(profile))
                        };
                        (id.clone(), false, members.into_iter().filter(wanted).collect())
                    }
                };
                self.ring(now, from, id, direct, people, place.info)
            }
            ClientMessage::Accept(join) => self.accept(now, from, join),
            ClientMessage::Quit(quit) => self.quit(from, quit),
            ClientMessage::InfoCall(info) => self.info(from, info),
            other => panic!("not of a call: {other:?}"),
        }
    }

    fn ring(
        &mut self,
        now: Instant,
        from: Session,
        id: GroupId,
        direct: bool,
        people: Vec<Profile>,
        info: Option<CallInfo>,
    ) -> Answer {
        let me = self.sessions[from].0;
        let ringable: Vec<Profile> = people
            .iter()
            .copied()
            .filter(|person| self.is_here(*person) && !self.is_joined(*person))
            .filter(|person| {
                let ringing = |call: &Call| call.ringing.iter().any(|rung| rung.profile == *person);
                !self.calls.get(&id).is_some_and(ringing)
            })
            .collect();
        let place = self.calls.get(&id).and_then(|call| {
            let place = call.places.iter().find(|place| place.profile == me)?;
            Some((place.session, place.away.is_some()))
        });
        let enters = match (self.calls.contains_key(&id), place) {
            (_, Some((session, _))) if session == from && direct => {
                return refused("in it already");
            }
            (_, Some((session, _))) if session == from => false,
            (_, Some((_, true))) => true,
            (_, Some((_, false))) => return refused("in it with another session"),
            (_, None) if self.is_joined(me) => return refused("in another call"),
            (true, None) => true,
            (false, None) => {
                if ringable.is_empty() {
                    let busy = people.iter().any(|person| self.is_joined(*person));
                    return Err(failed(&id, if busy { "busy" } else { "offline" }));
                }
                let call = Call {
                    direct,
                    accepted: false,
                    places: vec![Place::new(me, from, info.clone())],
                    ringing: Vec::new(),
                };
                self.calls.insert(id.clone(), call);
                false
            }
        };
        let ring = |pseudo, names: &[Username]| Ring {
            id_group: id.clone(),
            list_pseudo: ringable.iter().map(|person| names[*person].clone()).collect(),
            address: CallInfo::untold().address,
            port: 0,
            pseudo,
        };
        let echo = ring(None, &self.names);
        let notice = ServerMessage::Ring(ring(Some(self.names[me].clone()), &self.names));
        for person in &ringable {
            self.tell_profile(*person, None, &notice);
            self.calls.get_mut(&id).unwrap().ringing.push(Rung {
                profile: *person,
                by: me,
                until: now + RING,
            });
        }
        // The echo goes out before what entering leads to: the caller of this queues it first.
        if enters {
            self.enter(now, from, &id, info);
        }
        self.decline_others(me, &id);
        Ok(ServerMessage::Ring(echo))
    }

    fn accept(&mut self, now: Instant, from: Session, join: Join) -> Answer {
        let me = self.sessions[from].0;
        let id = join.id_group.clone();
        let Some(call) = self.calls.get(&id) else {
            return Err(failed(&id, "over"));
        };
        if join.pseudo != self.names[me] {
            return refused("not you");
        }
        let place = call.places.iter().find(|place| place.profile == me);
        let rung = call.ringing.iter().any(|rung| rung.profile == me);
        match place {
            Some(place) if place.session == from || place.away.is_some() => {}
            Some(_) => return refused("in it with another session"),
            None if self.is_joined(me) => return refused("in another call"),
            None if rung || self.groups.get(&id).is_some_and(|all| all.contains(&me)) => {}
            None => return refused("not rung"),
        }
        self.enter(now, from, &id, join.info.clone());
        self.decline_others(me, &id);
        Ok(ServerMessage::Accept(Join { info: None, ..join }))
    }

    fn enter(&mut self, now: Instant, from: Session, id: &GroupId, info: Option<CallInfo>) {
        let me = self.sessions[from].0;
        let call = self.calls.get_mut(id).unwrap();
        if let Some(place) = call.places.iter_mut().find(|place| place.profile == me) {
            if place.session != from {
                *place = Place::new(me, from, info);
                self.ask(now, id);
            }
            return;
        }
        let rung = call.ringing.iter().position(|rung| rung.profile == me);
        if let Some(index) = rung {
            call.ringing.remove(index);
        }
        call.accepted = true;
        let accepted = ServerMessage::Accept(Join {
            pseudo: self.names[me].clone(),
            id_group: id.clone(),
            info: None,
        });
        self.tell_places(id, &accepted);
        if rung.is_some() {
            let own = self.quit_message(id, me, "answered_elsewhere");
            self.tell_profile(me, Some(from), &own);
        }
        let call = self.calls.get_mut(id).unwrap();
        call.places.push(Place::new(me, from, info));
        self.ask(now, id);
    }

    fn ask(&mut self, now: Instant, id: &GroupId) {
        let call = self.calls.get_mut(id).unwrap();
        if call.places.len() < 2 {
            return;
        }
        let mut asked = Vec::new();
        for place in call.places.iter_mut().filter(|place| place.asked == Asked::No) {
            asked.push(place.session);
            place.asked = match place.info {
                Some(_) => Asked::Done,
                None => Asked::Waiting(now + INFO),
            };
        }
        for session in &asked {
            let request = RequestInfo { id_group: id.clone() };
            self.tell(*session, ServerMessage::RequestInfo(request));
        }
        if !asked.is_empty() {
            self.distribute_if_complete(id, None);
        }
    }

    fn distribute_if_complete(&mut self, id: &GroupId, but: Option<Profile>) {
        let call = &self.calls[id];
        if call.places.iter().any(|place| matches!(place.asked, Asked::Waiting(_))) {
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

    fn info(&mut self, from: Session, info: InfoCall) -> Answer {
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

    fn quit(&mut self, from: Session, quit: Quit) -> Answer {
        let me = self.sessions[from].0;
        if quit.pseudo != self.names[me] {
            return refused("not you");
        }
        let id = quit.id_group.clone();
        let word = |otherwise: &'static str| match quit.reason.as_deref() {
            Some("declined") => "declined",
            Some("busy") => "busy",
            Some("quit") => "quit",
            _ => otherwise,
        };
        if let Some(call) = self.calls.get(&id) {
            if call.ringing.iter().any(|rung| rung.profile == me) {
                let own = self.quit_message(&id, me, "declined_elsewhere");
                self.tell_profile(me, Some(from), &own);
                self.stop_ringing(&id, me, word("declined"));
            } else if call.places.iter().any(|place| place.session == from) {
                self.remove(&id, me, word("quit"));
            }
        }
        Ok(ServerMessage::Quit(quit))
    }

    fn stop_ringing(&mut self, id: &GroupId, who: Profile, reason: &str) {
        let call = self.calls.get_mut(id).unwrap();
        call.ringing.retain(|rung| rung.profile != who);
        let message = self.quit_message(id, who, reason);
        self.tell_places(id, &message);
        self.settle(id);
    }

    /// Takes a participant out.
    pub(super) fn remove(&mut self, id: &GroupId, who: Profile, reason: &str) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.places.retain(|place| place.profile != who);
        let deserted = call.places.is_empty();
        let message = self.quit_message(id, who, reason);
        self.tell_places(id, &message);
        if deserted {
            let call = self.calls.remove(id).unwrap();
            let message = self.quit_message(id, who, "cancelled");
            for rung in call.ringing {
                self.tell_profile(rung.profile, None, &message);
            }
            return;
        }
        self.settle(id);
    }

    fn settle(&mut self, id: &GroupId) {
        let call = &self.calls[id];
        if let [last] = &call.places[..]
            && call.ringing.is_empty()
        {
            let (session, profile) = (last.session, last.profile);
            let message = self.quit_message(id, profile, "ended");
            self.tell(session, message);
            self.calls.remove(id);
        }
    }

    fn decline_others(&mut self, me: Profile, but: &GroupId) {
        let rings = |call: &Call| call.ringing.iter().any(|rung| rung.profile == me);
        let others: Vec<GroupId> = self
            .calls
            .iter()
            .filter(|(id, call)| *id != but && rings(call))
            .map(|(id, _)| id.clone())
            .collect();
        for id in others {
            let own = self.quit_message(&id, me, "busy");
            self.tell_profile(me, None, &own);
            self.stop_ringing(&id, me, "busy");
        }
    }

    /// A connection broke.
    pub(super) fn disconnected(&mut self, now: Instant, session: Session) {
        self.sessions[session].1 = false;
        for call in self.calls.values_mut() {
            for place in call.places.iter_mut().filter(|place| place.session == session) {
                place.away = Some(now + GRACE);
            }
        }
    }

    /// A session was resumed, and told what it may have missed.
    pub(super) fn resumed(&mut self, session: Session) {
        self.sessions[session].1 = true;
        let me = self.sessions[session].0;
        for id in self.calls.keys().cloned().collect::<Vec<_>>() {
            let call = self.calls.get_mut(&id).unwrap();
            if let Some(place) = call.places.iter_mut().find(|place| place.session == session) {
                place.away = None;
                let message = match place.asked {
                    Asked::No => continue,
                    Asked::Waiting(_) => ServerMessage::RequestInfo(RequestInfo { id_group: id }),
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

    pub(super) fn next_timeout(&self) -> Option<Instant> {
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

    pub(super) fn handle_timeout(&mut self, now: Instant) {
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
                let lost = call.places.iter().filter(|place| place.away.is_some_and(|at| at <= now));
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

    /// A profile takes another name; everybody is told.
    pub(super) fn rename(&mut self, profile: Profile, name: Username) {
        let previous = std::mem::replace(&mut self.names[profile], name.clone());
        let message = ServerMessage::Profile(cooee_protocol::Profile {
            pp: cooee_protocol::PictureId::NONE,
            pseudo: name,
            status: cooee_protocol::Status::Online,
            previous_pseudo: Some(previous),
            token: None,
            stun: Vec::new(),
        });
        for session in 0..self.sessions.len() {
            self.tell(session, message.clone());
        }
    }
}

impl Place {
    fn new(profile: Profile, session: Session, info: Option<CallInfo>) -> Self {
        Self {
            profile,
            session,
            away: None,
            info,
            asked: Asked::No,
        }
    }
}
