//! The server, as docs/PROTOCOL.md describes it. Everything in [`Server`] is durable: a request is
//! carried out as a whole or not at all, and answers leave only after that.

use std::collections::{BTreeMap, BTreeSet};

use cooee_protocol::{
    ClientMessage, Conversation, Conversations, Destination, Entries, Entry, EntryAccepted,
    EntryId, EntryKind, ErrorCode, ErrorReply, GroupId, ListConversations, Mark, MarkEntries,
    Marks, NewEntry, NotSent, PostEntry, Posting, PullEntries, ServerMessage, Username,
};

pub(super) fn pair_id(one: &Username, other: &Username) -> GroupId {
    let (one, other) = if one < other {
        (one, other)
    } else {
        (other, one)
    };
    GroupId::parse(&format!("pair-{one}-{other}")).unwrap()
}

#[derive(Debug, Clone)]
struct Stored {
    entry: Entry,
    /// Shown to its author alone: the other one blocks them.
    hidden: bool,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) is_pair: bool,
    entries: Vec<Stored>,
    /// Members, and from where on each sees it.
    pub(super) members: BTreeMap<Username, u64>,
    marks: BTreeMap<Username, (u64, u64)>,
    /// For whom it has changed when.
    changed: BTreeMap<Username, u64>,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) logs: BTreeMap<GroupId, Log>,
    pub(super) contacts: BTreeSet<(Username, Username)>,
    /// (who blocks, whom).
    pub(super) blocks: BTreeSet<(Username, Username)>,
    changes: u64,
    epoch: u64,
}

/// To whom something goes beside the answer: every other connection of theirs that follows.
pub(super) type Push = (Username, ServerMessage);

pub(super) type Answer = Result<ServerMessage, ErrorReply>;

impl Server {
    pub(super) fn new() -> Self {
        Self {
            logs: BTreeMap::new(),
            contacts: BTreeSet::new(),
            blocks: BTreeSet::new(),
            changes: 0,
            epoch: 1,
        }
    }

    pub(super) fn befriend(&mut self, one: &Username, other: &Username) {
        self.contacts.insert((one.clone(), other.clone()));
        self.contacts.insert((other.clone(), one.clone()));
    }

    pub(super) fn part(&mut self, one: &Username, other: &Username) {
        self.contacts.remove(&(one.clone(), other.clone()));
        self.contacts.remove(&(other.clone(), one.clone()));
    }

    pub(super) fn join(&mut self, id_group: &GroupId, who: &Username) {
        self.changes += 1;
        let log = self.logs.entry(id_group.clone()).or_default();
        let last = log.entries.len() as u64;
        if log.members.contains_key(who) {
            return;
        }
        log.members.insert(who.clone(), last);
        log.changed.insert(who.clone(), self.changes);
    }

    pub(super) fn leave(&mut self, id_group: &GroupId, who: &Username) {
        if let Some(log) = self.logs.get_mut(id_group) {
            log.members.remove(who);
        }
    }

    /// Another life from a backup: an empty one.
    pub(super) fn lose_everything_said(&mut self) {
        self.epoch += 1;
        for log in self.logs.values_mut() {
            log.entries.clear();
            log.marks.clear();
            for from in log.members.values_mut() {
                *from = 0;
            }
        }
        self.logs.retain(|_, log| !log.is_pair);
    }

    /// Somebody says something, whoever listens.
    pub(super) fn say(&mut self, who: &Username, post: &ClientMessage) {
        let time = "2026-11-23T09:15:02Z".to_owned();
        self.handle(who, post, time).0.unwrap();
    }

    /// A call that is over.
    pub(super) fn call(
        &mut self,
        id_group: &GroupId,
        who: &Username,
        id: EntryId,
        time: String,
    ) -> Vec<Push> {
        let entry = Entry {
            sequence: 0,
            id,
            time,
            pseudo: Some(who.clone()),
            kind: EntryKind::Call,
            content_type: Some(cooee_protocol::ContentType::call()),
            body: Some(r#"{"outcome":"finished","duration":7}"#.to_owned()),
            reply_to: None,
            refers_to: None,
            list_attachment: Default::default(),
            erased: false,
        };
        let known = self
            .logs
            .get(id_group)
            .is_some_and(|log| !log.entries.is_empty());
        if !known {
            return Vec::new();
        }
        self.append(id_group, entry, false).1
    }

    /// What somebody is shown of a conversation.
    pub(super) fn shown(&self, id_group: &GroupId, who: &Username) -> Vec<Entry> {
        let Some(log) = self.logs.get(id_group) else {
            return Vec::new();
        };
        let Some(from) = log.members.get(who) else {
            return Vec::new();
        };
        log.entries
            .iter()
            .filter(|stored| stored.entry.sequence > *from && is_shown(stored, who))
            .map(|stored| stored.entry.clone())
            .collect()
    }

    pub(super) fn everything(&self, id_group: &GroupId) -> Vec<Entry> {
        let log = self.logs.get(id_group);
        log.map(|log| {
            log.entries
                .iter()
                .map(|stored| stored.entry.clone())
                .collect()
        })
        .unwrap_or_default()
    }

    pub(super) fn last_mark(&self, id_group: &GroupId, who: &Username) -> Option<(u64, u64)> {
        self.logs.get(id_group)?.marks.get(who).copied()
    }

    pub(super) fn handle(
        &mut self,
        who: &Username,
        message: &ClientMessage,
        time: String,
    ) -> (Answer, Vec<Push>) {
        match message {
            ClientMessage::PostEntry(post) => self.post(who, post, time),
            ClientMessage::PullEntries(pull) => (self.pull(who, pull), Vec::new()),
            ClientMessage::ListConversations(list) => (Ok(self.list(who, list)), Vec::new()),
            ClientMessage::MarkEntries(marks) => self.mark(who, marks),
            ClientMessage::ListBlocked(_) => {
                let mine = self.blocks.iter().filter(|(blocker, _)| blocker == who);
                let list_pseudo = mine.map(|(_, whom)| whom.clone()).collect();
                (
                    Ok(ServerMessage::Blocked(cooee_protocol::Blocked {
                        list_pseudo,
                    })),
                    Vec::new(),
                )
            }
            other => panic!("the model does not know {other:?}"),
        }
    }

    fn post(&mut self, who: &Username, post: &PostEntry, time: String) -> (Answer, Vec<Push>) {
        let id_group = match &post.destination {
            Destination::Conversation { id_group } => id_group.clone(),
            Destination::Contact { pseudo } => {
                if !self.contacts.contains(&(who.clone(), pseudo.clone())) {
                    return (refused(NotSent::NotContact), Vec::new());
                }
                let id_group = pair_id(who, pseudo);
                let log = self.logs.entry(id_group.clone()).or_default();
                log.is_pair = true;
                log.members.entry(who.clone()).or_insert(0);
                log.members.entry(pseudo.clone()).or_insert(0);
                id_group
            }
        };
        let Some(log) = self.logs.get(&id_group) else {
            return (refused(NotSent::NotMember), Vec::new());
        };
        // Again: the same answer, whatever has changed since.
        if let Some(known) = log.entries.iter().find(|stored| stored.entry.id == post.id) {
            if known.entry.pseudo.as_ref() != Some(who) {
                return (refused(NotSent::Duplicate), Vec::new());
            }
            let accepted = accepted(log, known, &id_group, who);
            return (Ok(ServerMessage::EntryAccepted(accepted)), Vec::new());
        }
        if !log.members.contains_key(who) {
            return (refused(NotSent::NotMember), Vec::new());
        }
        let mut hidden = false;
        if log.is_pair {
            let other = log.members.keys().find(|name| *name != who).unwrap();
            if self.blocks.contains(&(who.clone(), other.clone())) {
                return (refused(NotSent::Blocked), Vec::new());
            }
            if !self.contacts.contains(&(who.clone(), other.clone())) {
                return (refused(NotSent::NotContact), Vec::new());
            }
            hidden = self.blocks.contains(&(other.clone(), who.clone()));
        }
        if let Err(reason) = post.posting.check() {
            return (refused(reason), Vec::new());
        }
        let (content, reply_to, refers_to) = match &post.posting {
            Posting::Message {
                content, reply_to, ..
            } => (Some(content), reply_to.clone(), None),
            Posting::Edit { refers_to, content } | Posting::Reaction { refers_to, content } => {
                (Some(content), None, Some(refers_to.clone()))
            }
            Posting::Deletion { refers_to } => (None, None, Some(refers_to.clone())),
        };
        if let Some(target) = refers_to.as_ref().or(reply_to.as_ref()) {
            let from = log.members.get(who).copied().unwrap_or(0);
            let target = log.entries.iter().find(|stored| stored.entry.id == *target);
            let target = target.filter(|stored| {
                stored.entry.sequence > from && is_shown(stored, who) && !stored.entry.erased
            });
            let Some(target) = target.filter(|stored| {
                stored.entry.kind == EntryKind::Message
                    || (stored.entry.kind == EntryKind::Call && !changes(&post.posting))
            }) else {
                return (refused(NotSent::NoTarget), Vec::new());
            };
            if changes(&post.posting) && target.entry.pseudo.as_ref() != Some(who) {
                return (refused(NotSent::NotAuthor), Vec::new());
            }
            match &post.posting {
                // What is erased is erased for everybody who was shown it.
                Posting::Deletion { .. } => hidden = target.hidden,
                Posting::Edit { .. } | Posting::Reaction { .. } => hidden |= target.hidden,
                Posting::Message { .. } => {}
            }
        }
        let entry = Entry {
            sequence: 0,
            id: post.id.clone(),
            time,
            pseudo: Some(who.clone()),
            kind: post.posting.kind(),
            content_type: content.map(|content| content.content_type.clone()),
            body: content.map(|content| content.body.clone()),
            reply_to,
            refers_to: refers_to.clone(),
            list_attachment: Default::default(),
            erased: false,
        };
        if let (Posting::Deletion { .. }, Some(target)) = (&post.posting, &refers_to) {
            let log = self.logs.get_mut(&id_group).unwrap();
            for stored in &mut log.entries {
                let entry = &mut stored.entry;
                if entry.id == *target || entry.refers_to.as_ref() == Some(target) {
                    entry.body = None;
                    entry.content_type = None;
                    entry.erased = true;
                }
            }
        }
        let (sequence, pushes) = self.append(&id_group, entry, hidden);
        let log = &self.logs[&id_group];
        let stored = &log.entries[usize::try_from(sequence - 1).unwrap()];
        let accepted = accepted(log, stored, &id_group, who);
        (Ok(ServerMessage::EntryAccepted(accepted)), pushes)
    }

    fn append(&mut self, id_group: &GroupId, mut entry: Entry, hidden: bool) -> (u64, Vec<Push>) {
        self.changes += 1;
        let log = self.logs.get_mut(id_group).unwrap();
        entry.sequence = log.entries.len() as u64 + 1;
        let sequence = entry.sequence;
        let stored = Stored { entry, hidden };
        let mut pushes = Vec::new();
        for member in log.members.keys() {
            if !is_shown(&stored, member) {
                continue;
            }
            log.changed.insert(member.clone(), self.changes);
            let new = NewEntry {
                id_group: id_group.clone(),
                previous: previous(&log.entries, member),
                entry: stored.entry.clone(),
            };
            pushes.push((member.clone(), ServerMessage::NewEntry(new)));
        }
        log.entries.push(stored);
        (sequence, pushes)
    }

    fn pull(&self, who: &Username, pull: &PullEntries) -> Answer {
        let log = self.logs.get(&pull.id_group);
        let Some((log, from)) = log.and_then(|log| Some((log, *log.members.get(who)?))) else {
            return Err(ErrorReply::new(ErrorCode::NotAllowed, "not a member"));
        };
        let limit = usize::try_from(pull.limit.unwrap_or(200).clamp(1, 200)).unwrap();
        let shown: Vec<Entry> = log
            .entries
            .iter()
            .filter(|stored| stored.entry.sequence > from && is_shown(stored, who))
            .map(|stored| stored.entry.clone())
            .collect();
        let (list_entry, more) = match (pull.after, pull.before) {
            (Some(_), Some(_)) => return Err(ErrorReply::new(ErrorCode::Invalid, "both")),
            (Some(after), None) => {
                let found: Vec<_> = shown
                    .into_iter()
                    .filter(|entry| entry.sequence > after)
                    .collect();
                let more = found.len() > limit;
                (found.into_iter().take(limit).collect::<Vec<_>>(), more)
            }
            (None, before) => {
                let before = before.unwrap_or(u64::MAX);
                let found: Vec<_> = shown
                    .into_iter()
                    .filter(|entry| entry.sequence < before)
                    .collect();
                let skip = found.len().saturating_sub(limit);
                (found.into_iter().skip(skip).collect(), skip > 0)
            }
        };
        Ok(ServerMessage::Entries(Entries {
            id_group: pull.id_group.clone(),
            list_entry,
            more,
            last: last_shown(log, who),
        }))
    }

    fn list(&self, who: &Username, list: &ListConversations) -> ServerMessage {
        let known = list.since.as_deref().and_then(|cursor| {
            let (epoch, place) = cursor.split_once('.')?;
            (epoch.parse::<u64>().ok()? == self.epoch).then_some(place.parse::<u64>().ok()?)
        });
        let restart = list.since.is_some() && known.is_none();
        let since = known.unwrap_or(0);
        let mut changed: Vec<_> = self
            .logs
            .iter()
            .filter(|(_, log)| log.members.contains_key(who) && !log.entries.is_empty())
            .filter_map(|(id, log)| Some((*log.changed.get(who)?, id, log)))
            .filter(|(at, _, _)| *at > since)
            .collect();
        changed.sort_by_key(|(at, _, _)| *at);
        // Small pages, so that there are several.
        let more = changed.len() > 2;
        changed.truncate(2);
        let cursor = changed.last().map_or(since, |(at, _, _)| *at);
        let list_conversation = changed
            .into_iter()
            .map(|(_, id, log)| {
                let (delivered, read) = log.marks.get(who).copied().unwrap_or((0, 0));
                Conversation {
                    id_group: id.clone(),
                    pseudo: log.is_pair.then(|| {
                        log.members
                            .keys()
                            .find(|name| *name != who)
                            .unwrap()
                            .clone()
                    }),
                    joined_after: log.members[who],
                    last: last_shown(log, who),
                    delivered,
                    read,
                }
            })
            .collect();
        ServerMessage::Conversations(Conversations {
            list_conversation,
            cursor: format!("{}.{cursor}", self.epoch),
            more,
            restart,
        })
    }

    fn mark(&mut self, who: &Username, told: &MarkEntries) -> (Answer, Vec<Push>) {
        let Some(log) = self
            .logs
            .get_mut(&told.id_group)
            .filter(|log| log.members.contains_key(who))
        else {
            return (
                Err(ErrorReply::new(ErrorCode::NotAllowed, "not a member")),
                Vec::new(),
            );
        };
        let last = last_shown(log, who);
        let (delivered, read) = log.marks.get(who).copied().unwrap_or((0, 0));
        let new_read = told.read.unwrap_or(0).min(last).max(read);
        let new_delivered = told
            .delivered
            .unwrap_or(0)
            .min(last)
            .max(delivered)
            .max(new_read);
        let mark = |name: &Username, (delivered, read): (u64, u64)| Mark {
            pseudo: name.clone(),
            delivered,
            read,
        };
        let mut pushes = Vec::new();
        if (new_delivered, new_read) != (delivered, read) {
            self.changes += 1;
            log.marks.insert(who.clone(), (new_delivered, new_read));
            log.changed.insert(who.clone(), self.changes);
            for member in log.members.keys() {
                let marks = Marks {
                    id_group: told.id_group.clone(),
                    list_mark: vec![mark(who, (new_delivered, new_read))],
                };
                pushes.push((member.clone(), ServerMessage::Marks(marks)));
            }
        }
        let all = Marks {
            id_group: told.id_group.clone(),
            list_mark: log
                .marks
                .iter()
                .map(|(name, place)| mark(name, *place))
                .collect(),
        };
        (Ok(ServerMessage::Marks(all)), pushes)
    }
}

/// Whether it changes the message that it refers to.
fn changes(posting: &Posting) -> bool {
    match posting {
        Posting::Edit { .. } | Posting::Deletion { .. } => true,
        Posting::Message { .. } | Posting::Reaction { .. } => false,
    }
}

fn is_shown(stored: &Stored, who: &Username) -> bool {
    !stored.hidden || stored.entry.pseudo.as_ref() == Some(who)
}

/// The last entry before the end that somebody is shown.
fn previous(entries: &[Stored], who: &Username) -> u64 {
    entries
        .iter()
        .rev()
        .find(|stored| is_shown(stored, who))
        .map_or(0, |stored| stored.entry.sequence)
}

fn last_shown(log: &Log, who: &Username) -> u64 {
    previous(&log.entries, who)
}

fn accepted(log: &Log, stored: &Stored, id_group: &GroupId, who: &Username) -> EntryAccepted {
    let place = usize::try_from(stored.entry.sequence - 1).unwrap();
    EntryAccepted {
        id: stored.entry.id.clone(),
        id_group: id_group.clone(),
        sequence: stored.entry.sequence,
        previous: previous(&log.entries[..place], who),
        time: stored.entry.time.clone(),
    }
}

pub(super) fn refused(reason: NotSent) -> Answer {
    let mut error = ErrorReply::new(ErrorCode::MessageNotSent, reason.as_str());
    error.reason = Some(reason.as_str().to_owned());
    Err(error)
}
