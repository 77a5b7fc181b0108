//! Clients around a [`Relay`], on virtual time. Frames keep their order on each connection, and
//! nothing more: a test says, or draws, which connection moves next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use cooee_protocol::{CallInfo, ClientMessage, GroupId, ServerMessage, Username};

use super::relay::{Answer, Profile, Relay, Session};
use crate::call::{
    CallConfig, CallEvent, CallMachine, CallOutput, CallPhase, CallRequest, EndReason, Target,
};
use crate::path::PeerId;

enum Down {
    Answer(CallRequest, Answer),
    Note(ServerMessage),
}

pub(super) struct Client {
    pub(super) profile: Profile,
    /// The profile's name as the client knows it.
    name: Username,
    pub(super) machine: CallMachine,
    up: VecDeque<(CallRequest, ClientMessage)>,
    down: VecDeque<Down>,
    pub(super) online: bool,
    /// Addresses are told to the machine as soon as they are asked for.
    pub(super) gathers_at_once: bool,
    pub(super) must_gather: bool,
    key: u32,
    /// The others' keys, by their number here.
    pub(super) peers: BTreeMap<PeerId, String>,
    pub(super) selected: BTreeSet<PeerId>,
    pub(super) events: Vec<CallEvent>,
    /// Frames that were sent, for tests that look at them.
    pub(super) said: Vec<ClientMessage>,
    /// The calls that the user has placed or accepted, and those that were permitted to capture.
    pub(super) consents: usize,
    pub(super) permits: usize,
    pub(super) calls: usize,
    pub(super) ended: Vec<EndReason>,
}

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) relay: Relay,
    pub(super) clients: Vec<Client>,
    next_key: u32,
}

pub(super) fn name(text: &str) -> Username {
    text.parse().unwrap()
}

pub(super) fn group() -> GroupId {
    "group".parse().unwrap()
}

impl World {
    /// One client for each name; a name that comes again is another session of the profile. All
    /// are members of [`group`].
    pub(super) fn of(people: &[&str]) -> Self {
        let mut names: Vec<Username> = Vec::new();
        let mut sessions: Vec<Profile> = Vec::new();
        for person in people {
            let person = name(person);
            let known = names.iter().position(|known| *known == person);
            sessions.push(known.unwrap_or_else(|| {
                names.push(person);
                names.len() - 1
            }));
        }
        let clients = sessions
            .iter()
            .map(|profile| Client {
                profile: *profile,
                name: names[*profile].clone(),
                machine: CallMachine::new(names[*profile].clone(), CallConfig::default()),
                up: VecDeque::new(),
                down: VecDeque::new(),
                online: true,
                gathers_at_once: true,
                must_gather: false,
                key: 0,
                peers: BTreeMap::new(),
                selected: BTreeSet::new(),
                events: Vec::new(),
                said: Vec::new(),
                consents: 0,
                permits: 0,
                calls: 0,
                ended: Vec::new(),
            })
            .collect();
        let members = (0..names.len()).collect();
        let mut relay = Relay::new(names, &sessions);
        relay.groups.insert(group(), members);
        Self {
            now: Instant::now(),
            relay,
            clients,
            next_key: 0,
        }
    }

    // What users do.

    pub(super) fn call(&mut self, who: Session, whom: Profile) {
        let target = Target::Contact(self.relay.names[whom].clone());
        self.place(who, target);
    }

    pub(super) fn place(&mut self, who: Session, target: Target) {
        let client = &mut self.clients[who];
        if client.machine.place(self.now, target).is_ok() {
            client.calls += 1;
            client.consents += 1;
        }
        self.drain(who);
    }

    pub(super) fn accept(&mut self, who: Session) {
        let client = &mut self.clients[who];
        if client.machine.accept(self.now).is_ok() {
            client.consents += 1;
        }
        self.drain(who);
    }

    pub(super) fn decline(&mut self, who: Session) {
        self.clients[who].machine.decline().unwrap();
        self.drain(who);
    }

    pub(super) fn hang_up(&mut self, who: Session) {
        let _ = self.clients[who].machine.hang_up();
        self.drain(who);
    }

    // What happens.

    /// Carries out what a machine wants.
    pub(super) fn drain(&mut self, who: Session) {
        while let Some(output) = self.clients[who].machine.poll_output() {
            let client = &mut self.clients[who];
            match output {
                CallOutput::Request(request, message) => {
                    client.said.push(message.clone());
                    assert!(client.online, "{message:?} without a connection");
                    client.up.push_back((request, message));
                }
                CallOutput::Prepare => {
                    if client.gathers_at_once {
                        self.gather(who);
                    } else {
                        client.must_gather = true;
                    }
                }
                CallOutput::OpenVoice(_permit) => {
                    client.permits += 1;
                    assert!(
                        client.permits <= client.consents,
                        "a permit without the user's consent"
                    );
                }
                CallOutput::AddPeer { peer, info, .. } => {
                    let key = info.extra["key"].as_str().unwrap().to_owned();
                    assert!(client.peers.insert(peer, key).is_none());
                }
                CallOutput::UpdatePeer { peer, .. } | CallOutput::RenamePeer { peer, .. } => {
                    assert!(client.peers.contains_key(&peer));
                }
                CallOutput::RemovePeer(peer) => {
                    assert!(client.peers.remove(&peer).is_some());
                    client.selected.remove(&peer);
                }
                CallOutput::Close => {
                    client.peers.clear();
                    client.selected.clear();
                    client.must_gather = false;
                    client.key = 0;
                }
                CallOutput::Event(event) => {
                    match &event {
                        CallEvent::RingingIn { .. } => client.calls += 1,
                        CallEvent::Ended { reason, .. } => {
                            client.ended.push(*reason);
                            assert!(client.ended.len() <= client.calls, "ended twice");
                        }
                        _ => {}
                    }
                    client.events.push(event);
                }
            }
        }
    }

    /// The local addresses are found, under a key of their own.
    pub(super) fn gather(&mut self, who: Session) {
        self.next_key += 1;
        let client = &mut self.clients[who];
        client.must_gather = false;
        client.key = self.next_key;
        let info = info(&self.next_key.to_string(), 1);
        client.machine.handle_local_info(info);
        self.drain(who);
    }

    /// The server takes the next frame of this client.
    pub(super) fn deliver_up(&mut self, from: Session) -> bool {
        let Some((request, message)) = self.clients[from].up.pop_front() else {
            return false;
        };
        let queued = self.relay.sent.len();
        assert_eq!(queued, 0);
        let answer = self.relay.handle(self.now, from, message);
        // An answer goes out before what the request leads to.
        self.clients[from]
            .down
            .push_back(Down::Answer(request, answer));
        self.pass_on();
        true
    }

    /// This client takes the next frame of the server.
    pub(super) fn deliver_down(&mut self, to: Session) -> bool {
        let now = self.now;
        let client = &mut self.clients[to];
        match client.down.pop_front() {
            None => return false,
            Some(Down::Answer(request, answer)) => {
                client.machine.handle_answer(&request, answer.as_ref());
            }
            Some(Down::Note(message)) => {
                client.machine.handle_message(now, &message);
                if let ServerMessage::Profile(profile) = message
                    && profile.previous_pseudo.as_ref() == Some(&client.name)
                {
                    client.name = profile.pseudo;
                }
            }
        }
        self.drain(to);
        true
    }

    /// Frames of the server go on their way.
    fn pass_on(&mut self) {
        while let Some((to, message)) = self.relay.sent.pop_front() {
            if self.relay.sessions[to].1 {
                self.clients[to].down.push_back(Down::Note(message));
            }
        }
    }

    pub(super) fn note(&mut self, to: Session, message: ServerMessage) {
        self.clients[to].down.push_back(Down::Note(message));
    }

    pub(super) fn disconnect(&mut self, who: Session) {
        let client = &mut self.clients[who];
        client.online = false;
        client.up.clear();
        client.down.clear();
        client.machine.handle_disconnected(self.now);
        self.relay.disconnected(self.now, who);
        self.drain(who);
    }

    pub(super) fn resume(&mut self, who: Session) {
        // The sign-in tells the profile's own name.
        let name = self.relay.names[self.clients[who].profile].clone();
        let client = &mut self.clients[who];
        client.online = true;
        let known = std::mem::replace(&mut client.name, name.clone());
        client.machine.handle_rename(&known, &name);
        client.machine.handle_resumed(self.now);
        self.relay.resumed(who);
        self.pass_on();
        self.drain(who);
    }

    pub(super) fn rename(&mut self, who: Profile, to: &str) {
        self.relay.rename(who, name(to));
        self.pass_on();
    }

    /// A profile is taken out of the group, and so of its call.
    pub(super) fn leave_group(&mut self, who: Profile) {
        self.relay.leave_group(&group(), who);
        self.pass_on();
    }

    /// Opens the paths between clients that know each other's present keys.
    pub(super) fn open_paths(&mut self) -> bool {
        let mut opened = false;
        for one in 0..self.clients.len() {
            let own = self.clients[one].key.to_string();
            let known: Vec<(PeerId, String)> = self.clients[one]
                .peers
                .iter()
                .filter(|(peer, _)| !self.clients[one].selected.contains(peer))
                .map(|(peer, key)| (*peer, key.clone()))
                .collect();
            for (peer, key) in known {
                let mutual = self.clients.iter().any(|other| {
                    other.key.to_string() == key && other.peers.values().any(|known| *known == own)
                });
                if mutual {
                    let client = &mut self.clients[one];
                    client.selected.insert(peer);
                    client.machine.handle_path_selected(self.now, peer);
                    self.drain(one);
                    opened = true;
                }
            }
        }
        opened
    }

    /// Loses the paths to clients that have left.
    pub(super) fn lose_paths(&mut self) {
        for one in 0..self.clients.len() {
            for peer in self.clients[one].selected.clone() {
                let Some(key) = self.clients[one].peers.get(&peer).cloned() else {
                    continue;
                };
                let there = self
                    .clients
                    .iter()
                    .any(|other| other.key.to_string() == key);
                if !there {
                    let client = &mut self.clients[one];
                    client.selected.remove(&peer);
                    client.machine.handle_path_lost(self.now, peer);
                    self.drain(one);
                }
            }
        }
    }

    /// Lets everything happen that needs no time.
    pub(super) fn settle(&mut self) {
        let mut moved = true;
        while moved {
            moved = false;
            for who in 0..self.clients.len() {
                moved |= self.deliver_up(who) | self.deliver_down(who);
            }
            moved = moved || self.open_paths();
        }
    }

    /// Lets time pass, and everything happen in it.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        self.settle();
        self.lose_paths();
        self.settle();
        while let Some(due) = self.next_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.expire();
            self.settle();
            self.lose_paths();
            self.settle();
        }
        self.now = until;
    }

    /// Everybody whose time has come acts.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        self.relay.handle_timeout(now);
        self.pass_on();
        self.lose_paths();
        for who in 0..self.clients.len() {
            let machine = &mut self.clients[who].machine;
            machine.handle_timeout(now);
            assert!(
                machine.poll_timeout().is_none_or(|next| next > now),
                "a spin"
            );
            self.drain(who);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let machines = self
            .clients
            .iter()
            .map(|client| client.machine.poll_timeout());
        machines.chain([self.relay.next_timeout()]).flatten().min()
    }

    pub(super) fn phases(&self) -> Vec<Option<CallPhase>> {
        self.clients
            .iter()
            .map(|client| client.machine.phase())
            .collect()
    }

    pub(super) fn ended(&self, who: Session) -> &[EndReason] {
        &self.clients[who].ended
    }

    /// The names of events, for stories that look at their order.
    pub(super) fn story(&self, who: Session) -> Vec<String> {
        let word = |event: &CallEvent| match event {
            CallEvent::RingingIn { from, .. } => format!("ringing from {from}"),
            CallEvent::RingingOut { .. } => "ringing".to_owned(),
            CallEvent::Connecting { .. } => "connecting".to_owned(),
            CallEvent::Connected { .. } => "connected".to_owned(),
            CallEvent::Joined { who, .. } => format!("{who} joined"),
            CallEvent::Left { who, reason, .. } => format!("{who} left: {reason}"),
            CallEvent::Reconnecting { .. } => "reconnecting".to_owned(),
            CallEvent::Reconnected { .. } => "reconnected".to_owned(),
            CallEvent::Ended { reason, .. } => format!("ended: {reason}"),
        };
        self.clients[who].events.iter().map(word).collect()
    }
}

/// Addresses under a key; `network` tells one set of them from another.
pub(super) fn info(key: &str, network: u16) -> CallInfo {
    let mut info = CallInfo::untold();
    info.port = network;
    info.extra.insert("key".to_owned(), key.into());
    info
}
