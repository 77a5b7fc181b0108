//! Somebody with a client.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use cooee_sdk::{
    Call, CallActionError, CallEvent, Client, Contact, Credentials, Event, EventOrGap, Events,
    Group, GroupId, IncomingCall, RouteKind, Status, Username,
};
use futures_util::FutureExt as _;

use crate::line::Line;
use crate::patience::within;
use crate::talk::Talk;
use crate::voice::Voice;

/// Somebody with a client of their own, a folder, a line to the server, and a voice.
#[derive(Debug)]
pub struct Person {
    /// Their client.
    pub client: Client,
    /// Their way to the server.
    pub line: Line,
    /// How they sound.
    pub voice: Voice,
    events: Events,
    /// What happened and was not waited for yet.
    happened: VecDeque<Event>,
    folder: PathBuf,
    /// A certificate.
    trusts: Option<PathBuf>,
}

impl Person {
    pub(crate) async fn new(
        line: Line,
        folder: PathBuf,
        trusts: Option<PathBuf>,
        voice: Voice,
    ) -> Self {
        let client = client(&line, &folder, trusts.as_deref()).await;
        Self {
            events: client.events(),
            client,
            line,
            voice,
            happened: VecDeque::new(),
            folder,
            trusts,
        }
    }

    /// Ends the client and starts another one with the same folder, which is not signed in yet.
    pub async fn restarts(self) -> Self {
        let Self {
            client: ended,
            line,
            voice,
            folder,
            trusts,
            ..
        } = self;
        within(ended.close(), || "for a client to close".to_owned()).await;
        Self::new(line, folder, trusts, voice).await
    }

    /// Ends the client, and leaves the line to the server and what is in the folder.
    pub async fn ends(self) -> (PathBuf, Line) {
        let Self {
            client,
            line,
            folder,
            ..
        } = self;
        within(client.close(), || "for a client to close".to_owned()).await;
        (folder, line)
    }

    /// Their name.
    pub fn name(&self) -> Username {
        let me = self.client.profile().expect("somebody who has signed in");
        me.name
    }

    /// The folder of their client.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    // What happens to them.

    /// Waits for an event, and takes it out of what happened: earlier or later ones of other
    /// kinds are left for whoever waits for them.
    pub async fn expect_event(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&Event) -> bool,
    ) -> Event {
        if let Some(at) = self.happened.iter().position(&mut wanted) {
            return self.happened.remove(at).expect("the position is its own");
        }
        let (events, happened) = (&mut self.events, &mut self.happened);
        let mut passed = Vec::new();
        let waiting = async {
            loop {
                let event = next(events).await;
                if wanted(&event) {
                    return event;
                }
                passed.push(format!("{event:?}"));
                happened.push_back(event);
            }
        };
        let event = within(waiting, || what.to_owned());
        event.await
    }

    /// Whether something has happened that nobody has waited for, up to now.
    pub fn has_happened(&mut self, wanted: impl FnMut(&Event) -> bool) -> bool {
        while let Some(event) = next(&mut self.events).now_or_never() {
            self.happened.push_back(event);
        }
        self.happened.iter().any(wanted)
    }

    /// Waits until something is so, looking again after each event.
    pub async fn until(&mut self, what: &str, mut so: impl FnMut(&Client) -> bool) {
        let (client, events, happened) = (&self.client, &mut self.events, &mut self.happened);
        let waiting = async {
            while !so(client) {
                happened.push_back(next(events).await);
            }
        };
        let found = within(waiting, || format!("{what}; {client:?}"));
        found.await;
    }

    /// Waits until a contact has this status.
    pub async fn sees(&mut self, other: &Username, status: Status) {
        let what = format!("{other} to be {status:?}");
        self.until(&what, |client| {
            let is = |contact: &Contact| contact.pseudo == *other && contact.status == status;
            client.contacts().iter().any(is)
        })
        .await;
    }

    /// Waits until somebody goes by this name now: as a contact, or as a member of a group.
    pub async fn sees_rename(&mut self, name: &Username) {
        let what = format!("somebody to be called {name}");
        self.until(&what, |client| {
            let groups = client.groups();
            let mut members = groups.iter().flat_map(|group| &group.list_pseudo);
            contact_of(client, name).is_some() || members.any(|member| member == name)
        })
        .await;
    }

    /// Waits until somebody is neither a contact nor about to be one.
    pub async fn sees_no_more_of(&mut self, other: &Username) {
        let what = format!("{other} to be gone");
        self.until(&what, |client| contact_of(client, other).is_none())
            .await;
    }

    /// Waits until a group has exactly these members, in this order.
    pub async fn sees_members(&mut self, id_group: &GroupId, members: &[&Username]) {
        let what = format!("{id_group} to have {members:?}");
        self.until(&what, |client| {
            let groups = client.groups();
            let group = groups.iter().find(|group| group.id_group == *id_group);
            group.is_some_and(|group| group.list_pseudo.iter().eq(members.iter().copied()))
        })
        .await;
    }

    /// The contact of that name, requests included.
    pub fn contact(&self, name: &Username) -> Option<Contact> {
        contact_of(&self.client, name)
    }

    /// The group with that id.
    pub fn group(&self, id_group: &GroupId) -> Option<Group> {
        let groups = self.client.groups();
        groups.into_iter().find(|group| group.id_group == *id_group)
    }

    /// Exchanges a message with the server and takes in everything that came before the answer.
    pub async fn exchanges_a_message(&mut self) {
        // Nobody can be their own contact: the server says no, and nothing changes.
        let answer = self.client.add_contact(self.name());
        let answer = within(answer, || "for any answer of the server".to_owned());
        answer.await.expect_err("nobody is their own contact");
    }

    // Calls.

    /// Calls a contact.
    pub async fn calls(&self, other: &Self) -> Talk {
        self.calls_by_name(other.name()).await
    }

    /// Calls a contact from another device.
    pub async fn calls_from(&self, device: &Client, other: &Self) -> Talk {
        let (options, hearing) = Talk::options(&self.voice);
        let placed = device.call(other.name(), options).await;
        Talk::new(placed.expect("a call"), self.voice.clone(), hearing)
    }

    /// Calls everybody in a group from another device.
    pub async fn calls_group_from(&self, device: &Client, id_group: &GroupId) -> Talk {
        let (options, hearing) = Talk::options(&self.voice);
        let placed = device.call_group(id_group.clone(), Vec::new(), options);
        Talk::new(placed.await.expect("a call"), self.voice.clone(), hearing)
    }

    /// Calls the contact of a name, wherever they are.
    pub async fn calls_by_name(&self, other: Username) -> Talk {
        let (options, hearing) = Talk::options(&self.voice);
        let placed = self.client.call(other, options).await;
        Talk::new(placed.expect("a call"), self.voice.clone(), hearing)
    }

    /// Calls everybody in a group, or joins the group's call.
    pub async fn calls_group(&self, id_group: &GroupId) -> Talk {
        self.calls_some_of(id_group, &[]).await
    }

    /// Calls these members of a group; nobody means everybody.
    pub async fn calls_some_of(&self, id_group: &GroupId, members: &[&Self]) -> Talk {
        let (options, hearing) = Talk::options(&self.voice);
        let people = members.iter().map(|member| member.name()).collect();
        let placed = self.client.call_group(id_group.clone(), people, options);
        let call = placed.await.expect("a call");
        Talk::new(call, self.voice.clone(), hearing)
    }

    /// Waits until somebody rings.
    pub async fn rings(&mut self) -> IncomingCall {
        let ringing = |event: &Event| matches!(event, Event::Call(CallEvent::RingingIn { .. }));
        self.expect_event("somebody to ring", ringing).await;
        self.client.incoming().expect("a call that rings")
    }

    /// Waits until voice goes straight to somebody, over UDP from one socket to the other.
    pub async fn reaches_directly(&mut self, other: &Username) {
        let direct = |event: &Event| match event {
            Event::Route { who, route, .. } => who == other && *route == RouteKind::Direct,
            _ => false,
        };
        let what = format!("a direct way to {other}");
        self.expect_event(&what, direct).await;
    }

    /// Waits until their own call rings at somebody.
    pub async fn hears_it_ring(&mut self) {
        let ringing = |event: &Event| matches!(event, Event::Call(CallEvent::RingingOut { .. }));
        self.expect_event("the call to ring", ringing).await;
    }

    /// Accepts.
    pub async fn accepts(&self, ring: IncomingCall) -> Talk {
        let (options, hearing) = Talk::options(&self.voice);
        let accepted: Result<Call, CallActionError> = ring.accept(options).await;
        let call = accepted.expect("a call that still rings");
        Talk::new(call, self.voice.clone(), hearing)
    }

    /// Waits for the end of a call that was never accepted here, and says why it ended.
    pub async fn ring_ends(&mut self) -> cooee_sdk::EndReason {
        let ended = |event: &Event| matches!(event, Event::Call(CallEvent::Ended { .. }));
        match self.expect_event("the ringing to end", ended).await {
            Event::Call(CallEvent::Ended { reason, .. }) => reason,
            other => panic!("not the end of a call: {other:?}"),
        }
    }
}

async fn client(line: &Line, folder: &Path, trusts: Option<&Path>) -> Client {
    let mut builder = Client::builder()
        .server(line.url())
        .data_folder(folder)
        .credentials(Credentials::File);
    if let Some(certificate) = trusts {
        builder = builder.ca_file(certificate);
    }
    builder.build().await.expect("a client")
}

fn contact_of(client: &Client, name: &Username) -> Option<Contact> {
    let contacts = client.contacts();
    contacts.into_iter().find(|contact| contact.pseudo == *name)
}

async fn next(events: &mut Events) -> Event {
    match events.recv().await {
        Some(EventOrGap::Event(event)) => *event,
        Some(EventOrGap::Missed(missed)) => panic!("{missed} events were missed"),
        None => panic!("the client is gone"),
    }
}
