//! A device: the real machine over the real cache, with a disk and a connection that can fail.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use cooee_core::conversations::{
    ConversationEvent, ConversationSync, Draft, Held, NotKept, PostError, RequestTag, SyncConfig,
    SyncOutput, Write, WriteId,
};
use cooee_core::signalling::RequestError;
use cooee_protocol::{ClientMessage, EntryId, GroupId, ServerMessage, Username};
use cooee_store::Cache;

use super::chance::Chance;
use crate::archive::name_key;
use crate::messages::shelf;

/// From the server: an answer, or a notification.
#[derive(Debug, Clone)]
pub(super) enum Down {
    Answer(RequestTag, Result<ServerMessage, RequestError>),
    Notification(ServerMessage),
}

/// What has become of a draft, as this device was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Durable in the outbox, in this order, with their conversations.
    pub(super) kept: Vec<EntryId>,
    pub(super) arrived: BTreeMap<EntryId, u32>,
    pub(super) refused: BTreeSet<EntryId>,
    pub(super) discarded: BTreeSet<EntryId>,
    pub(super) retried: BTreeSet<EntryId>,
    pub(super) not_kept: BTreeSet<EntryId>,
}

#[derive(Debug)]
pub(super) struct Device {
    pub(super) who: Username,
    pub(super) cache: Cache,
    pub(super) machine: ConversationSync,
    pub(super) online: bool,
    /// Whether this connection follows, as the server sees it.
    pub(super) follows: bool,
    pub(super) up: VecDeque<(RequestTag, ClientMessage)>,
    pub(super) down: VecDeque<Down>,
    disk: VecDeque<(WriteId, Write)>,
    written: VecDeque<(WriteId, Result<Option<Held>, NotKept>)>,
    pub(super) told: Told,
    /// How wrong its clock is, in milliseconds.
    pub(super) clock_error: i64,
    pub(super) pulls: u32,
}

impl Device {
    /// With a cache that may have belonged to another device: making one is most of the work.
    pub(super) fn new(who: Username, cache: Option<Cache>) -> Self {
        let mut cache = cache.unwrap_or_else(|| Cache::in_memory(name_key).unwrap());
        cache.forget_conversations().unwrap();
        let machine = machine(&cache, &who);
        Self {
            who,
            cache,
            machine,
            online: false,
            follows: false,
            up: VecDeque::new(),
            down: VecDeque::new(),
            disk: VecDeque::new(),
            written: VecDeque::new(),
            told: Told::default(),
            clock_error: 0,
            pulls: 0,
        }
    }

    pub(super) fn connect(&mut self) {
        self.online = true;
        self.machine.handle_online();
        self.drain();
    }

    pub(super) fn disconnect(&mut self) {
        self.online = false;
        self.follows = false;
        self.up.clear();
        self.down.clear();
        self.machine.handle_offline();
        self.drain();
    }

    /// `kill -9`: what is not durable is lost.
    pub(super) fn kill(&mut self) {
        self.online = false;
        self.follows = false;
        self.up.clear();
        self.down.clear();
        self.disk.clear();
        self.written.clear();
        self.machine = machine(&self.cache, &self.who);
        // A draft may be durable although nobody was told.
        for out in self.cache.outbox().unwrap() {
            let id = EntryId::parse(&out.draft.id).unwrap();
            if !self.told.kept.contains(&id) {
                self.told.kept.push(id);
            }
        }
    }

    pub(super) fn has_writes(&self) -> bool {
        !self.disk.is_empty() || !self.written.is_empty()
    }

    /// The disk does its next work; now and then it fails.
    pub(super) fn turn_disk(&mut self, chance: Option<&mut Chance>) {
        let Some((id, write)) = self.disk.pop_front() else {
            return;
        };
        let may_fail = match &write {
            Write::Page(_) | Write::List { .. } | Write::Keep { .. } => true,
            Write::Refuse { .. }
            | Write::Retry(_)
            | Write::Discard(_)
            | Write::Arrived(_)
            | Write::Learn { .. }
            | Write::Marks { .. }
            | Write::Read { .. }
            | Write::Told { .. }
            | Write::Blocked(_) => false,
        };
        let fails = may_fail && chance.is_some_and(|chance| chance.once_in(40));
        let outcome = if fails {
            Err(NotKept("the disk is full".to_owned()))
        } else {
            shelf::carry_out(&mut self.cache, write).map_err(|error| NotKept(error.to_string()))
        };
        self.written.push_back((id, outcome));
    }

    pub(super) fn report_written(&mut self, now: Instant) {
        if let Some((id, outcome)) = self.written.pop_front() {
            self.machine.handle_written(now, id, outcome);
            self.drain();
        }
    }

    pub(super) fn receive(&mut self, now: Instant, down: Down) {
        match down {
            Down::Answer(tag, answer) => self.machine.handle_answer(now, tag, answer),
            Down::Notification(message) => self.machine.handle_message(now, &message),
        }
        self.drain();
    }

    pub(super) fn time_out(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
        self.drain();
    }

    pub(super) fn post(&mut self, now: Instant, draft: Draft) -> Result<(), PostError> {
        let posted = self.machine.post(now, draft);
        self.drain();
        posted
    }

    pub(super) fn retry(&mut self, now: Instant, id: &EntryId) {
        if self.machine.retry(now, id).is_ok() {
            self.told.retried.insert(id.clone());
        }
        self.drain();
    }

    pub(super) fn discard(&mut self, id: &EntryId) {
        if self.machine.discard(id).is_ok() {
            self.told.discarded.insert(id.clone());
        }
        self.drain();
    }

    pub(super) fn read(&mut self, now: Instant, id_group: &GroupId) {
        let held = self.cache.conversation_of(id_group.as_str()).unwrap();
        if let Some(held) = held {
            self.machine.read(now, id_group, shelf::sequence(held.last));
        }
        self.drain();
    }

    pub(super) fn fetch_older(&mut self, now: Instant, id_group: &GroupId) {
        self.machine.fetch_older(now, id_group);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                SyncOutput::Request(tag, message) => {
                    self.pulls += u32::from(matches!(message, ClientMessage::PullEntries(_)));
                    if self.online {
                        self.up.push_back((tag, message));
                    }
                }
                SyncOutput::Write(id, write) => self.disk.push_back((id, write)),
                SyncOutput::Upload { .. } => panic!("nothing is attached"),
                SyncOutput::Event(event) => self.note(event),
            }
        }
    }

    fn note(&mut self, event: ConversationEvent) {
        match event {
            ConversationEvent::Kept { id } => self.told.kept.push(id),
            ConversationEvent::NotKept { id, .. } => {
                self.told.not_kept.insert(id);
            }
            ConversationEvent::Arrived { id, .. } => {
                *self.told.arrived.entry(id).or_default() += 1;
            }
            ConversationEvent::Refused { id, .. } => {
                self.told.refused.insert(id);
            }
            ConversationEvent::List
            | ConversationEvent::Changed { .. }
            | ConversationEvent::Older { .. }
            | ConversationEvent::Marks { .. }
            | ConversationEvent::Typing { .. }
            | ConversationEvent::Blocked
            | ConversationEvent::CaughtUp
            | ConversationEvent::Unsupported => {}
        }
    }
}

fn machine(cache: &Cache, who: &Username) -> ConversationSync {
    let config = SyncConfig {
        // Small pages, so that a few entries take several.
        page: 3,
        first_page: 2,
        max_writes: 6,
        tell_pair_after: Duration::from_millis(100),
        tell_group_after: Duration::from_millis(200),
        ..SyncConfig::default()
    };
    let mut loaded = shelf::load(cache).unwrap();
    loaded.own = Some(who.clone());
    ConversationSync::new(config, loaded)
}
