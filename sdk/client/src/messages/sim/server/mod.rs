//! The server, as docs/PROTOCOL.md describes it. Everything in [`Server`] is durable: a request is
//! carried out as a whole or not at all, and answers leave only after that.

mod log;
mod post;

use std::collections::{BTreeMap, BTreeSet};

use cooee_protocol::{
    ClientMessage, Conversation, Conversations, Entries, Entry, EntryId, EntryKind, ErrorCode,
    ErrorReply, GroupId, ListConversations, Mark, MarkEntries, Marks, NewEntry, NotSent,
    PullEntries, ServerMessage, Username,
};

use self::log::{Log, Stored};

pub(super) fn pair_id(one: &Username, other: &Username) -> GroupId {
    let (one, other) = if one < other {
        (one, other)
    } else {
        (other, one)
    };
    GroupId::parse(&format!("pair-{one}-{other}")).unwrap()
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
        let last = log.last();
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
            log.lose_everything_said();
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
        let known = self.logs.get(id_group).is_some_and(|log| !log.is_empty());
        if !known {
            return Vec::new();
        }
        self.append(id_group, entry, false).1
    }

    /// What somebody is shown of a conversation.
    pub(super) fn shown(&self, id_group: &GroupId, who: &Username) -> Vec<Entry> {
        let log = self.logs.get(id_group);
        log.map(|log| log.shown(who, 0, u64::MAX).cloned().collect())
            .unwrap_or_default()
    }

    pub(super) fn everything(&self, id_group: &GroupId) -> Vec<Entry> {
        let log = self.logs.get(id_group);
        log.map(|log| log.everything().cloned().collect())
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

    fn append(&mut self, id_group: &GroupId, mut entry: Entry, hidden: bool) -> (u64, Vec<Push>) {
        self.changes += 1;
        let log = self.logs.get_mut(id_group).unwrap();
        let last = log.last();
        let sequence = last + 1;
        entry.sequence = sequence;
        let stored = Stored { entry, hidden };
        let mut pushes = Vec::new();
        for member in log.members.keys() {
            if !stored.is_shown(member) {
                continue;
            }
            log.changed.insert(member.clone(), self.changes);
            let new = NewEntry {
                id_group: id_group.clone(),
                previous: log.last_shown(member, last),
                entry: stored.entry.clone(),
            };
            pushes.push((member.clone(), ServerMessage::NewEntry(new)));
        }
        log.push(stored);
        (sequence, pushes)
    }

    fn pull(&self, who: &Username, pull: &PullEntries) -> Answer {
        let log = self.logs.get(&pull.id_group);
        let Some(log) = log.filter(|log| log.members.contains_key(who)) else {
            return Err(ErrorReply::new(ErrorCode::NotAllowed, "not a member"));
        };
        if pull.after.is_some() && pull.before.is_some() {
            return Err(ErrorReply::new(ErrorCode::Invalid, "both"));
        }
        let (list_entry, more) = log.page(who, pull);
        Ok(ServerMessage::Entries(Entries {
            id_group: pull.id_group.clone(),
            list_entry,
            more,
            last: log.last_shown(who, u64::MAX),
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
            .filter(|(_, log)| log.members.contains_key(who) && !log.is_empty())
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
                    pseudo: log.is_pair.then(|| log.other(who).clone()),
                    joined_after: log.members[who],
                    last: log.last_shown(who, u64::MAX),
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
        let last = log.last_shown(who, u64::MAX);
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

pub(super) fn refused(reason: NotSent) -> Answer {
    let mut error = ErrorReply::new(ErrorCode::MessageNotSent, reason.as_str());
    error.reason = Some(reason.as_str().to_owned());
    Err(error)
}
