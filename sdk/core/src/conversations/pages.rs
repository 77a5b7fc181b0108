//! Pages of entries: 663 and 264, and 261 between them.

use std::time::Instant;

use cooee_protocol::{
    ClientMessage, Entries, Entry, EntryAccepted, EntryId, EntryKind, ErrorCode, GroupId,
    MAX_BODY_BYTES, NewEntry, PullEntries, ServerMessage,
};

use super::list::is_place;
use super::state::{Conversation, Link, Pull, Purpose, Written};
use super::sync::ConversationSync;
use super::types::{ConversationEvent, Draft, Held, NotKept, Page, PlacedEntry, Write};
use crate::signalling::RequestError;

impl ConversationSync {
    /// Wants the page before what is kept of a conversation.
    /// [`ConversationEvent::Older`] tells how it went, at once where nothing is to be had.
    pub fn fetch_older(&mut self, now: Instant, id_group: &GroupId) {
        let reachable = self.link == Link::Following;
        let (whole, wanted) = match self.conversations.get_mut(id_group) {
            Some(conversation) => {
                let whole = conversation.is_whole();
                let wanted = reachable && !whole && !conversation.closed;
                conversation.older_wanted |= wanted;
                (whole, wanted)
            }
            // Nothing was ever posted to it.
            None => (reachable, false),
        };
        if wanted {
            self.due.insert(id_group.clone());
            self.go_on(now);
        } else {
            self.event(ConversationEvent::Older {
                id_group: id_group.clone(),
                whole,
                failed: !whole,
            });
        }
    }

    /// Asks for what is missing, as far as that is allowed at the same time.
    pub(super) fn pull_due(&mut self, now: Instant) {
        let mut kept = Vec::new();
        while let Some(id_group) = self.due.pop_first() {
            self.tell_due(now, &id_group);
            let Some(conversation) = self.conversations.get_mut(&id_group) else {
                continue;
            };
            if conversation.retry_at.is_some_and(|at| at <= now) {
                conversation.retry_at = None;
            }
            let Some(pull) = wanted(conversation) else {
                continue;
            };
            if self.pulls() >= self.config.max_pulls || !self.may_write() {
                kept.push(id_group);
                break;
            }
            self.pull(id_group, pull);
        }
        self.due.extend(kept);
    }

    fn pull(&mut self, id_group: GroupId, pull: Pull) {
        let Some(conversation) = self.conversations.get_mut(&id_group) else {
            return;
        };
        let limit = match pull {
            Pull::Before(_) if conversation.is_empty() => self.config.first_page,
            Pull::Before(_) | Pull::After(_) => self.config.page,
        };
        conversation.pulling = Some(pull);
        let (after, before) = match pull {
            Pull::After(place) => (Some(place), None),
            Pull::Before(place) => (None, Some(place)),
        };
        self.request(
            Purpose::Pull(id_group.clone(), pull),
            ClientMessage::PullEntries(PullEntries {
                id_group,
                after,
                before,
                limit: Some(limit),
            }),
        );
    }

    pub(super) fn take_page(
        &mut self,
        now: Instant,
        id_group: &GroupId,
        pull: Pull,
        answer: Result<ServerMessage, RequestError>,
    ) {
        let most = self.config.page.max(self.config.first_page);
        let Some(conversation) = self.conversations.get_mut(id_group) else {
            return;
        };
        match answer {
            Ok(ServerMessage::Entries(told)) if told.id_group == *id_group => {
                let span = span(conversation, pull, &told, most);
                let Some((first, last)) = span else {
                    tracing::warn!(%id_group, "a page of the server makes no sense");
                    self.pull_later(now, id_group);
                    return;
                };
                let head = conversation.held.head.max(told.last).max(last);
                conversation.held.head = head;
                let older = match pull {
                    Pull::Before(_) => true,
                    Pull::After(_) => false,
                };
                if last < first {
                    // Nothing new. What was told to be there may come yet; it is not asked for
                    // without a pause.
                    if older {
                        conversation.pulling = None;
                        self.answer_older(id_group, false);
                    } else {
                        self.pull_later(now, id_group);
                    }
                    return;
                }
                conversation.failures = 0;
                self.write_page(id_group, (first, last), told.list_entry, (older, true));
            }
            Err(RequestError::Refused(error)) if error.code == ErrorCode::NotAllowed => {
                conversation.closed = true;
                conversation.pulling = None;
                self.answer_older(id_group, true);
                self.settle_accepted(id_group);
            }
            Ok(_) | Err(_) => self.pull_later(now, id_group),
        }
    }

    pub(super) fn take_new(&mut self, new: &NewEntry) {
        let entry = &new.entry;
        let sound = is_place(entry.sequence) && new.previous < entry.sequence && is_bounded(entry);
        if !sound {
            tracing::warn!("an entry of the server makes no sense");
            return;
        }
        let may_write = self.may_write();
        let Some(conversation) = self.conversations.get_mut(&new.id_group) else {
            // The list says whose it is and from where on it is shown.
            self.list_due = true;
            return;
        };
        conversation.closed = false;
        conversation.held.head = conversation.held.head.max(entry.sequence);
        if entry.sequence <= conversation.last {
            return;
        }
        if new.previous <= conversation.last && may_write {
            let first = conversation.last.saturating_add(1);
            let span = (first, entry.sequence);
            self.write_page(&new.id_group, span, vec![entry.clone()], (false, false));
        } else {
            self.due.insert(new.id_group.clone());
        }
    }

    /// A draft of ours has its place; says whether what is kept reaches up to it, or will.
    pub(super) fn take_own(&mut self, accepted: &EntryAccepted, draft: &Draft) -> bool {
        let EntryAccepted {
            id_group,
            sequence,
            previous,
            ..
        } = accepted;
        if !self.conversations.contains_key(id_group) {
            // Whose it is and what came before, the list tells.
            self.list_due = true;
            self.know(Held {
                id_group: id_group.clone(),
                pair: None,
                first: previous.saturating_add(1),
                last: *previous,
                head: *sequence,
                begins_after: 0,
                read: 0,
                told_delivered: 0,
                told_read: 0,
            });
        }
        let may_write = self.may_write();
        let own = self.own.clone();
        let Some(conversation) = self.conversations.get_mut(id_group) else {
            return false;
        };
        conversation.held.head = conversation.held.head.max(*sequence);
        if *sequence <= conversation.last {
            return true;
        }
        if *previous <= conversation.last && may_write {
            let span = (conversation.last.saturating_add(1), *sequence);
            let entry = own_entry(accepted, draft, own);
            self.write_page(id_group, span, vec![entry], (false, false));
        } else {
            self.due.insert(id_group.clone());
        }
        false
    }

    /// Writes a run down. `(older, pulled)`: what it is.
    fn write_page(
        &mut self,
        id_group: &GroupId,
        (first, last): (u64, u64),
        entries: Vec<Entry>,
        (older, pulled): (bool, bool),
    ) {
        let own = self.own.clone();
        let Some(conversation) = self.conversations.get_mut(id_group) else {
            return;
        };
        let mut arrived = Vec::new();
        let mut changed = Vec::new();
        let mut placed = Vec::with_capacity(entries.len());
        for entry in entries {
            let is_own = entry.pseudo.is_some() && entry.pseudo == own;
            let known = entry.sequence >= conversation.first && entry.sequence <= conversation.last;
            match (entry.kind, &entry.refers_to) {
                // In its place, and not shown.
                (EntryKind::Unknown, _) => continue,
                (EntryKind::Message | EntryKind::Call, _) if !known => {
                    changed.push(entry.id.clone());
                }
                (EntryKind::Edit | EntryKind::Deletion | EntryKind::Reaction, Some(target))
                    if !known =>
                {
                    changed.push(target.clone());
                }
                (EntryKind::Message | EntryKind::Call, _)
                | (EntryKind::Edit | EntryKind::Deletion | EntryKind::Reaction, _) => {}
            }
            if is_own
                && self
                    .letters
                    .iter()
                    .any(|letter| letter.draft.id == entry.id)
            {
                arrived.push(entry.id.clone());
            }
            placed.push(PlacedEntry { entry, own: is_own });
        }
        conversation.first = conversation.first.min(first);
        conversation.last = conversation.last.max(last);
        conversation.writing = conversation.writing.saturating_add(1);
        let head = conversation.held.head.max(last);
        self.write(
            Written::Page {
                id_group: id_group.clone(),
                arrived,
                changed,
                older,
                pulled,
            },
            Write::Page(Page {
                id_group: id_group.clone(),
                first,
                last,
                head,
                entries: placed,
            }),
        );
    }

    pub(super) fn page_written(
        &mut self,
        now: Instant,
        id_group: &GroupId,
        arrived: Vec<EntryId>,
        changed: Vec<EntryId>,
        (older, pulled): (bool, bool),
        outcome: Result<Option<Held>, NotKept>,
    ) {
        let Some(conversation) = self.conversations.get_mut(id_group) else {
            return;
        };
        conversation.writing = conversation.writing.saturating_sub(1);
        if pulled {
            conversation.pulling = None;
        }
        match outcome {
            Ok(state) => {
                if let Some(state) = state {
                    conversation.held.first = state.first;
                    conversation.held.last = state.last;
                    conversation.held.head = conversation.held.head.max(state.head);
                    // Another program may have written more.
                    conversation.first = conversation.first.min(state.first);
                    conversation.last = conversation.last.max(state.last);
                }
                if conversation.writing == 0 {
                    conversation.first = conversation.held.first;
                    conversation.last = conversation.held.last;
                }
                self.letters_arrived(id_group, &arrived);
                if !changed.is_empty() {
                    self.event(ConversationEvent::Changed {
                        id_group: id_group.clone(),
                        ids: changed,
                        older,
                    });
                }
                if older {
                    self.answer_older(id_group, false);
                }
                self.settle_accepted(id_group);
                self.due.insert(id_group.clone());
                self.tell_later(now, id_group);
            }
            Err(why) => {
                tracing::warn!(%id_group, %why, "a page was not kept");
                conversation.first = conversation.held.first;
                conversation.last = conversation.held.last;
                if conversation.is_empty() && conversation.writing == 0 {
                    conversation.last = conversation.held.head;
                    conversation.first = conversation.last.saturating_add(1);
                }
                self.pull_later(now, id_group);
            }
        }
    }

    fn pull_later(&mut self, now: Instant, id_group: &GroupId) {
        let failures = match self.conversations.get_mut(id_group) {
            Some(conversation) => {
                conversation.pulling = None;
                let failures = conversation.failures;
                conversation.failures = failures.saturating_add(1);
                failures
            }
            None => return,
        };
        let at = now + self.backoff(failures);
        if let Some(conversation) = self.conversations.get_mut(id_group) {
            if let Some(earlier) = conversation.retry_at.replace(at) {
                self.alarms.remove(&(earlier, id_group.clone()));
            }
            self.alarms.insert((at, id_group.clone()));
        }
        self.answer_older(id_group, true);
    }

    /// Whoever waits for older entries is told how that went.
    fn answer_older(&mut self, id_group: &GroupId, failed: bool) {
        let Some(conversation) = self.conversations.get_mut(id_group) else {
            return;
        };
        if std::mem::take(&mut conversation.older_wanted) {
            let whole = conversation.is_whole();
            self.event(ConversationEvent::Older {
                id_group: id_group.clone(),
                whole,
                failed,
            });
        }
    }
}

/// The page that is missing of a conversation.
fn wanted(conversation: &Conversation) -> Option<Pull> {
    if conversation.pulling.is_some() || conversation.closed || conversation.retry_at.is_some() {
        return None;
    }
    if conversation.held.head > conversation.last {
        return Some(Pull::After(conversation.last));
    }
    let first_look = conversation.is_empty() && !conversation.is_whole();
    (first_look || conversation.older_wanted).then_some(Pull::Before(conversation.first))
}

/// Which sequences a page speaks for; `None` for one that is not what was asked for.
fn span(conversation: &Conversation, pull: Pull, told: &Entries, most: u32) -> Option<(u64, u64)> {
    let entries = &told.list_entry;
    let rising = entries
        .windows(2)
        .all(|pair| matches!(pair, [one, next] if one.sequence < next.sequence));
    let sound = u32::try_from(entries.len()).is_ok_and(|count| count <= most)
        && rising
        && is_place(told.last)
        && entries
            .iter()
            .all(|entry| entry.sequence >= 1 && is_place(entry.sequence) && is_bounded(entry));
    if !sound {
        return None;
    }
    let ends = entries.first().zip(entries.last());
    match (pull, ends) {
        (Pull::After(after), Some((first, last))) => {
            if first.sequence <= after || last.sequence > told.last {
                return None;
            }
            let end = if told.more { last.sequence } else { told.last };
            Some((after.saturating_add(1), end))
        }
        // Nothing, and yet more.
        (Pull::After(_) | Pull::Before(_), None) if told.more => None,
        (Pull::After(after), None) => Some((after.saturating_add(1), told.last.max(after))),
        (Pull::Before(before), ends) => {
            let last = before.saturating_sub(1);
            let beginning = conversation
                .held
                .begins_after
                .saturating_add(1)
                .min(before)
                .max(1);
            let Some((oldest, newest)) = ends else {
                return Some((beginning, last));
            };
            if newest.sequence > last {
                return None;
            }
            let first = if told.more {
                oldest.sequence
            } else {
                beginning.min(oldest.sequence)
            };
            Some((first, last))
        }
    }
}

/// Whether an entry has no more in it than the protocol allows.
fn is_bounded(entry: &Entry) -> bool {
    let body = entry.body.as_ref().map_or(0, String::len);
    body <= MAX_BODY_BYTES && entry.time.len() <= 64
}

/// The entry that a draft of ours has become.
fn own_entry(
    accepted: &EntryAccepted,
    draft: &Draft,
    own: Option<cooee_protocol::Username>,
) -> Entry {
    use cooee_protocol::{Attachments, Posting};
    let (content, reply_to, refers_to, list_attachment) = match &draft.posting {
        Posting::Message {
            content,
            reply_to,
            list_attachment,
        } => (
            Some(content),
            reply_to.clone(),
            None,
            list_attachment.clone(),
        ),
        Posting::Edit { refers_to, content } | Posting::Reaction { refers_to, content } => (
            Some(content),
            None,
            Some(refers_to.clone()),
            Attachments::default(),
        ),
        Posting::Deletion { refers_to } => {
            (None, None, Some(refers_to.clone()), Attachments::default())
        }
    };
    Entry {
        sequence: accepted.sequence,
        id: accepted.id.clone(),
        time: accepted.time.clone(),
        pseudo: own,
        kind: draft.posting.kind(),
        content_type: content.map(|content| content.content_type.clone()),
        body: content.map(|content| content.body.clone()),
        reply_to,
        refers_to,
        list_attachment,
        erased: false,
    }
}
