//! 660, as docs/PROTOCOL.md describes it.

use cooee_protocol::{
    Destination, Entry, EntryId, EntryKind, NotSent, PostEntry, Posting, ServerMessage, Username,
};

use super::log::Log;
use super::{Answer, Push, Server, pair_id, refused};

impl Server {
    pub(super) fn post(
        &mut self,
        who: &Username,
        post: &PostEntry,
        time: String,
    ) -> (Answer, Vec<Push>) {
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
        if let Some(known) = log.find(&post.id) {
            if known.entry.pseudo.as_ref() != Some(who) {
                return (refused(NotSent::Duplicate), Vec::new());
            }
            let accepted = log.accepted(&id_group, known, who);
            return (Ok(ServerMessage::EntryAccepted(accepted)), Vec::new());
        }
        let hidden = match self.hides(log, who, &post.posting) {
            Ok(hidden) => hidden,
            Err(reason) => return (refused(reason), Vec::new()),
        };
        let entry = entry(who, post, time);
        if let Posting::Deletion { refers_to } = &post.posting {
            self.logs.get_mut(&id_group).unwrap().erase(refers_to);
        }
        let (_, pushes) = self.append(&id_group, entry, hidden);
        let log = &self.logs[&id_group];
        let accepted = log.accepted(&id_group, log.find(&post.id).unwrap(), who);
        (Ok(ServerMessage::EntryAccepted(accepted)), pushes)
    }

    /// Whether an entry is shown to its author alone, or why it is not taken.
    fn hides(&self, log: &Log, who: &Username, posting: &Posting) -> Result<bool, NotSent> {
        if !log.members.contains_key(who) {
            return Err(NotSent::NotMember);
        }
        let mut hidden = false;
        if log.is_pair {
            let other = log.other(who);
            if self.blocks.contains(&(who.clone(), other.clone())) {
                return Err(NotSent::Blocked);
            }
            if !self.contacts.contains(&(who.clone(), other.clone())) {
                return Err(NotSent::NotContact);
            }
            hidden = self.blocks.contains(&(other.clone(), who.clone()));
        }
        posting.check()?;
        let Some(target) = about(posting) else {
            return Ok(hidden);
        };
        let from = log.members.get(who).copied().unwrap_or(0);
        let target = log
            .find(target)
            .filter(|stored| {
                stored.entry.sequence > from && stored.is_shown(who) && !stored.entry.erased
            })
            .filter(|stored| {
                stored.entry.kind == EntryKind::Message
                    || (stored.entry.kind == EntryKind::Call && !changes(posting))
            })
            .ok_or(NotSent::NoTarget)?;
        if changes(posting) && target.entry.pseudo.as_ref() != Some(who) {
            return Err(NotSent::NotAuthor);
        }
        Ok(match posting {
            // What is erased is erased for everybody who was shown it.
            Posting::Deletion { .. } => target.hidden,
            Posting::Edit { .. } | Posting::Reaction { .. } => hidden || target.hidden,
            Posting::Message { .. } => hidden,
        })
    }
}

/// What an entry changes, thinks of, or answers.
fn about(posting: &Posting) -> Option<&EntryId> {
    match posting {
        Posting::Message { reply_to, .. } => reply_to.as_ref(),
        Posting::Edit { refers_to, .. }
        | Posting::Reaction { refers_to, .. }
        | Posting::Deletion { refers_to } => Some(refers_to),
    }
}

/// Whether it changes the message that it refers to.
fn changes(posting: &Posting) -> bool {
    match posting {
        Posting::Edit { .. } | Posting::Deletion { .. } => true,
        Posting::Message { .. } | Posting::Reaction { .. } => false,
    }
}

fn entry(who: &Username, post: &PostEntry, time: String) -> Entry {
    let (content, reply_to, refers_to) = match &post.posting {
        Posting::Message {
            content, reply_to, ..
        } => (Some(content), reply_to.clone(), None),
        Posting::Edit { refers_to, content } | Posting::Reaction { refers_to, content } => {
            (Some(content), None, Some(refers_to.clone()))
        }
        Posting::Deletion { refers_to } => (None, None, Some(refers_to.clone())),
    };
    Entry {
        sequence: 0,
        id: post.id.clone(),
        time,
        pseudo: Some(who.clone()),
        kind: post.posting.kind(),
        content_type: content.map(|content| content.content_type.clone()),
        body: content.map(|content| content.body.clone()),
        reply_to,
        refers_to,
        list_attachment: Default::default(),
        erased: false,
    }
}
