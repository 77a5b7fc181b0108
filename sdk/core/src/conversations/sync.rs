//! The machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use cooee_protocol::{ClientMessage, Empty, GroupId, ServerMessage, Username};

use super::outbox::{OutLetter, State};
use super::state::{Conversation, Link, Purpose, Written};
use super::types::{
    ConversationEvent, Held, Loaded, NotKept, RequestTag, SyncConfig, SyncOutput, Write, WriteId,
};
use crate::signalling::RequestError;

/// Keeps conversations in step with the server, and sends what waits.
///
/// ```text
///   Down ──handle_online──▶ Listing ──265, no more──▶ Following
///     ▲                        │ 450                     │
///     │                        ▼                         │
///     └──handle_offline── Unsupported ◀──────────────────┘
/// ```
///
/// Of each conversation one unbroken run is kept. A notification that joins its end extends it;
/// one that does not shows a gap, which is pulled in pages. What is at or before the end is a
/// duplicate. A draft is durable in the outbox before it is sent, at most one of a conversation is
/// on its way at a time, so that what one person writes here keeps its order, and it leaves the
/// outbox in the same transaction that puts its entry into the conversation.
///
/// Inputs are `handle_*` and what the user does ([`post`](Self::post), [`retry`](Self::retry),
/// [`discard`](Self::discard), [`read`](Self::read), [`set_typing`](Self::set_typing),
/// [`fetch_older`](Self::fetch_older)); then [`poll_output`](Self::poll_output) until empty, then
/// wait until [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct ConversationSync {
    pub(super) config: SyncConfig,
    pub(super) own: Option<Username>,
    pub(super) link: Link,
    pub(super) cursor: Option<String>,
    /// Something was told of a conversation that is not known.
    pub(super) list_due: bool,
    pub(super) list_at: Option<Instant>,
    pub(super) list_not_before: Option<Instant>,
    pub(super) list_failures: u32,
    pub(super) listing: bool,
    pub(super) conversations: BTreeMap<GroupId, Conversation>,
    pub(super) pairs: BTreeMap<Username, GroupId>,
    pub(super) letters: VecDeque<OutLetter>,
    pub(super) post_at: Option<Instant>,
    pub(super) post_failures: u32,
    requests: BTreeMap<RequestTag, Purpose>,
    writes: BTreeMap<WriteId, Written>,
    /// Conversations with something to do.
    pub(super) due: BTreeSet<GroupId>,
    pub(super) alarms: BTreeSet<(Instant, GroupId)>,
    pub(super) typing: BTreeMap<(GroupId, Username), Instant>,
    pub(super) own_typing: BTreeMap<GroupId, Instant>,
    caught_up: bool,
    next: u64,
    outputs: VecDeque<SyncOutput>,
}

impl ConversationSync {
    /// A machine that knows what the cache knows.
    pub fn new(config: SyncConfig, loaded: Loaded) -> Self {
        let mut machine = Self {
            config,
            own: loaded.own,
            link: Link::Down,
            cursor: loaded.cursor,
            list_due: false,
            list_at: None,
            list_not_before: None,
            list_failures: 0,
            listing: false,
            conversations: BTreeMap::new(),
            pairs: BTreeMap::new(),
            letters: loaded.outbox.into_iter().map(OutLetter::loaded).collect(),
            post_at: None,
            post_failures: 0,
            requests: BTreeMap::new(),
            writes: BTreeMap::new(),
            due: BTreeSet::new(),
            alarms: BTreeSet::new(),
            typing: BTreeMap::new(),
            own_typing: BTreeMap::new(),
            caught_up: false,
            next: 1,
            outputs: VecDeque::new(),
        };
        for held in loaded.conversations {
            machine.know(held);
        }
        machine
    }

    // Getters.

    /// Whether everything new is told, and all that was missed is kept.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// Whether something is on its way to the disk.
    pub fn is_writing(&self) -> bool {
        !self.writes.is_empty()
    }

    /// How many drafts have not arrived, refused ones included.
    pub fn outbox_len(&self) -> usize {
        self.letters.len()
    }

    /// How much is kept track of: conversations, and what is under way or waits for a time. The
    /// configuration bounds both, whatever a server sends.
    pub fn load(&self) -> (usize, usize) {
        let under_way = [
            self.requests.len(),
            self.writes.len(),
            self.due.len(),
            self.alarms.len(),
            self.typing.len(),
            self.outputs.len(),
        ];
        (self.conversations.len(), under_way.iter().sum())
    }

    /// The conversation with somebody, as far as its id is known.
    pub fn pair(&self, name: &Username) -> Option<&GroupId> {
        self.pairs.get(name)
    }

    // Inputs.

    /// Signed in and in step otherwise.
    pub fn handle_online(&mut self) {
        self.handle_offline();
        self.link = Link::Listing(0);
        self.list_failures = 0;
        self.post_failures = 0;
        self.post_at = None;
        for (id, conversation) in &mut self.conversations {
            conversation.retry_at = None;
            conversation.tell_at = None;
            conversation.failures = 0;
            self.due.insert(id.clone());
        }
        self.alarms.clear();
        self.ask_list();
        self.request(Purpose::Blocked, ClientMessage::ListBlocked(Empty {}));
    }

    /// The connection is gone, and with it the answers on their way.
    pub fn handle_offline(&mut self) {
        self.link = Link::Down;
        self.requests.clear();
        self.listing = false;
        self.list_due = false;
        self.list_at = None;
        self.caught_up = false;
        self.own_typing.clear();
        for (id_group, who) in std::mem::take(&mut self.typing).into_keys() {
            self.tell_typing(id_group, who, false);
        }
        for (id, conversation) in &mut self.conversations {
            conversation.telling = false;
            if conversation.pulling.take().is_some() || conversation.older_wanted {
                conversation.older_wanted = false;
                let event = ConversationEvent::Older {
                    id_group: id.clone(),
                    whole: conversation.is_whole(),
                    failed: true,
                };
                self.outputs.push_back(SyncOutput::Event(event));
            }
        }
        for letter in &mut self.letters {
            letter.lose_connection();
        }
        for written in self.writes.values_mut() {
            written.lose_connection();
        }
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(alarm) = self.alarms.first().filter(|(at, _)| *at <= now).cloned() {
            self.alarms.remove(&alarm);
            self.due.insert(alarm.1);
        }
        let over: Vec<_> = self
            .typing
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in over {
            self.typing.remove(&key);
            self.tell_typing(key.0, key.1, false);
        }
        if self.list_at.is_some_and(|at| at <= now) {
            self.list_at = None;
            self.ask_list();
        }
        self.go_on(now);
    }

    /// A notification arrived, or an answer that tells the same.
    pub fn handle_message(&mut self, now: Instant, message: &ServerMessage) {
        if self.link == Link::Down {
            return;
        }
        match message {
            ServerMessage::NewEntry(new) => self.take_new(new),
            ServerMessage::Marks(marks) => self.take_marks(marks),
            ServerMessage::Typing(typing) => self.take_typing(now, typing),
            ServerMessage::Blocked(blocked) => {
                self.write(
                    Written::Blocked,
                    Write::Blocked(blocked.list_pseudo.clone()),
                );
            }
            ServerMessage::Group(_)
            | ServerMessage::Profile(_)
            | ServerMessage::MemberAdded(_)
            | ServerMessage::MemberLeft(_)
            | ServerMessage::ContactAdded(_)
            | ServerMessage::ContactDeleted(_)
            | ServerMessage::Groups(_)
            | ServerMessage::Contacts(_)
            | ServerMessage::Error(_)
            | ServerMessage::Ring(_)
            | ServerMessage::Accept(_)
            | ServerMessage::Quit(_)
            | ServerMessage::Exchange(_)
            | ServerMessage::RequestInfo(_)
            | ServerMessage::InfoCall(_)
            | ServerMessage::DistributeInfo(_)
            | ServerMessage::EntryAccepted(_)
            | ServerMessage::Entries(_)
            | ServerMessage::Conversations(_)
            | ServerMessage::DeleteProfile(_)
            | ServerMessage::Logout(_) => {}
        }
        self.go_on(now);
    }

    /// A request was answered, or was not.
    pub fn handle_answer(
        &mut self,
        now: Instant,
        tag: RequestTag,
        answer: Result<ServerMessage, RequestError>,
    ) {
        // One of an earlier connection is none any more.
        let Some(purpose) = self.requests.remove(&tag) else {
            return;
        };
        match purpose {
            Purpose::List => self.take_list(now, answer),
            Purpose::Pull(id_group, pull) => self.take_page(now, &id_group, pull, answer),
            Purpose::Post(id) => self.take_posted(now, &id, answer),
            Purpose::Mark(id_group) => self.take_told(now, &id_group, answer),
            Purpose::Typing => {}
            Purpose::Blocked => {
                if let Ok(message @ ServerMessage::Blocked(_)) = answer {
                    self.handle_message(now, &message);
                }
            }
        }
        self.go_on(now);
    }

    /// A write is durable, or failed. A page's outcome says what is kept of its conversation.
    pub fn handle_written(
        &mut self,
        now: Instant,
        id: WriteId,
        outcome: Result<Option<Held>, NotKept>,
    ) {
        let Some(written) = self.writes.remove(&id) else {
            return;
        };
        match written {
            Written::Keep(id) => self.kept(&id, outcome),
            Written::Refuse(id, reason) => {
                self.event(ConversationEvent::Refused { id, reason });
            }
            Written::Retry(id) => self.retried(&id, outcome.is_ok()),
            Written::Arrived(id, id_group) => {
                if self.left(&id) {
                    self.event(ConversationEvent::Arrived { id, id_group });
                }
            }
            Written::Page {
                id_group,
                arrived,
                changed,
                older,
                pulled,
            } => self.page_written(now, &id_group, arrived, changed, (older, pulled), outcome),
            Written::LostPage { id_group, arrived } => {
                if outcome.is_ok() {
                    self.letters_arrived(&id_group, &arrived);
                }
            }
            Written::List { more, cursor } => {
                self.list_written(now, more, cursor, outcome.is_ok());
            }
            Written::EarlierList(cursor) => {
                if outcome.is_ok() {
                    self.cursor = Some(cursor);
                }
            }
            Written::Marks(id_group) => self.event(ConversationEvent::Marks { id_group }),
            Written::Read => self.event(ConversationEvent::List),
            Written::Blocked => self.event(ConversationEvent::Blocked),
            Written::Other => {}
        }
        self.go_on(now);
    }

    /// Somebody, perhaps oneself, has another name.
    pub fn handle_renamed(&mut self, previous: &Username, name: &Username) {
        if self.own.as_ref() == Some(previous) {
            self.own = Some(name.clone());
            return;
        }
        if let Some(id_group) = self.pairs.remove(previous) {
            if let Some(conversation) = self.conversations.get_mut(&id_group) {
                conversation.held.pair = Some(name.clone());
            }
            self.pairs.insert(name.clone(), id_group);
        }
        for letter in &mut self.letters {
            letter.rename(previous, name);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let alarm = self.alarms.first().map(|(at, _)| *at);
        let typing = self.typing.values().min().copied();
        let post = self.post_at.filter(|_| self.may_post());
        [alarm, typing, self.list_at, post]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<SyncOutput> {
        self.outputs.pop_front()
    }

    // What the parts share.

    /// Does what can be done now.
    pub(super) fn go_on(&mut self, now: Instant) {
        if self.link == Link::Following {
            self.pull_due(now);
            if self.list_due && !self.listing && self.list_at.is_none() {
                // However many conversations are new, they are asked for together.
                match self.list_not_before.filter(|at| now < *at) {
                    Some(at) => self.list_at = Some(at),
                    None => self.ask_list(),
                }
            }
        }
        self.send_waiting(now);
        let busy = self.link != Link::Following
            || self.listing
            || self.list_due
            || !self.due.is_empty()
            || self.requests.values().any(|purpose| match purpose {
                Purpose::List | Purpose::Pull(..) => true,
                Purpose::Post(_) | Purpose::Mark(_) | Purpose::Typing | Purpose::Blocked => false,
            })
            || self.writes.values().any(|written| match written {
                Written::Page { .. } | Written::List { .. } => true,
                Written::Keep(_)
                | Written::LostPage { .. }
                | Written::EarlierList(_)
                | Written::Refuse(..)
                | Written::Retry(_)
                | Written::Arrived(..)
                | Written::Marks(_)
                | Written::Read
                | Written::Blocked
                | Written::Other => false,
            });
        if !busy && !std::mem::replace(&mut self.caught_up, true) {
            self.event(ConversationEvent::CaughtUp);
        }
    }

    pub(super) fn know(&mut self, held: Held) {
        if self.conversations.len() >= self.config.max_conversations {
            tracing::warn!("the server names more conversations than are kept track of");
            return;
        }
        if let Some(pair) = &held.pair {
            self.pairs.insert(pair.clone(), held.id_group.clone());
        }
        self.due.insert(held.id_group.clone());
        self.conversations
            .insert(held.id_group.clone(), Conversation::new(held));
    }

    /// What was known of conversations is worth nothing any more, nor what of it is being written.
    pub(super) fn forget_conversations(&mut self) {
        self.conversations.clear();
        self.pairs.clear();
        self.due.clear();
        self.alarms.clear();
        for written in self.writes.values_mut() {
            written.lose_places();
        }
    }

    pub(super) fn request(&mut self, purpose: Purpose, message: ClientMessage) -> RequestTag {
        let tag = RequestTag(self.number());
        self.requests.insert(tag, purpose);
        self.outputs.push_back(SyncOutput::Request(tag, message));
        tag
    }

    pub(super) fn write(&mut self, written: Written, write: Write) {
        let id = WriteId(self.number());
        self.writes.insert(id, written);
        self.outputs.push_back(SyncOutput::Write(id, write));
    }

    /// Whether the disk keeps up.
    pub(super) fn may_write(&self) -> bool {
        self.writes.len() < self.config.max_writes
    }

    pub(super) fn pulls(&self) -> usize {
        let is_pull = |purpose: &&Purpose| matches!(purpose, Purpose::Pull(..));
        self.requests.values().filter(is_pull).count()
    }

    pub(super) fn event(&mut self, event: ConversationEvent) {
        self.outputs.push_back(SyncOutput::Event(event));
    }

    pub(super) fn upload(&mut self, letter: usize) {
        if let Some(letter) = self.letters.get_mut(letter) {
            letter.state = State::Uploading;
            self.outputs.push_back(SyncOutput::Upload {
                id: letter.draft.id.clone(),
                attachments: letter.draft.attachments().to_vec(),
            });
        }
    }

    /// How long to wait after this many failures in a row.
    pub(super) fn backoff(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.min(16)).unwrap_or(u32::MAX);
        let wait = self.config.retry_first.saturating_mul(factor);
        wait.min(self.config.retry_ceiling)
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        number
    }

    fn tell_typing(&mut self, id_group: GroupId, who: Username, typing: bool) {
        self.event(ConversationEvent::Typing {
            id_group,
            who,
            typing,
        });
    }
}
