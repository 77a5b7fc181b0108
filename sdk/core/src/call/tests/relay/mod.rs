//! The server's rules for calls, as far as a client can tell them from outside.

mod exchange;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use cooee_protocol::{
    CallInfo, ClientMessage, ErrorCode, ErrorReply, GroupId, Join, Quit, Ring, ServerMessage,
    Username,
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

    /// The sessions that are in a call, and the call.
    pub(super) fn participants(&self) -> impl Iterator<Item = (Session, &GroupId)> {
        self.calls
            .iter()
            .flat_map(|(id, call)| call.places.iter().map(move |place| (place.session, id)))
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
                        (
                            id.clone(),
                            false,
                            members.into_iter().filter(wanted).collect(),
                        )
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
            list_pseudo: ringable
                .iter()
                .map(|person| names[*person].clone())
                .collect(),
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
    fn remove(&mut self, id: &GroupId, who: Profile, reason: &str) {
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

    pub(super) fn leave_group(&mut self, id: &GroupId, who: Profile) {
        let own = self.quit_message(id, who, "left_group");
        self.tell_profile(who, None, &own);
        self.remove(id, who, "left_group");
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
