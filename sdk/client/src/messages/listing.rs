//! Conversations and the outbox as the cache has them.

use cooee_protocol::{EntryId, GroupId, Username};
use cooee_store::{Cache, CacheError};

use super::shelf;
use super::types::{Conversation, Outgoing, OutgoingKind, Recipient, body, message};
use crate::archive::name_key;
use crate::roster::Roster;

pub(super) fn pair(cache: &Cache, name: &Username) -> Result<Option<GroupId>, CacheError> {
    let mut conversations = cache.conversations()?.into_iter();
    let found =
        conversations.find(|held| !held.pseudo.is_empty() && name_key(&held.pseudo) == name.key());
    Ok(found.and_then(|held| GroupId::parse(&held.id_group).ok()))
}

pub(super) fn recipient(held: &cooee_store::Conversation) -> Option<Recipient> {
    if held.pseudo.is_empty() {
        return GroupId::parse(&held.id_group).ok().map(Recipient::Group);
    }
    Username::parse(&held.pseudo).ok().map(Recipient::Contact)
}

pub(super) fn title(with: &Recipient, roster: &Roster) -> String {
    match with {
        Recipient::Contact(name) => {
            let known = roster.contacts.get(name);
            known.map_or_else(|| name.to_string(), |contact| contact.pseudo.to_string())
        }
        Recipient::Group(id_group) => {
            let known = roster.groups.get(id_group);
            known
                .map(|group| group.group_name.to_string())
                .unwrap_or_default()
        }
    }
}

pub(super) fn list(cache: &Cache, roster: &Roster) -> Result<Vec<Conversation>, CacheError> {
    let mut conversations = Vec::new();
    let waiting = cache.outbox()?;
    for held in cache.conversations()? {
        let Some(with) = recipient(&held) else {
            continue;
        };
        let last = cache.messages(&held.id_group, None, 1)?.pop();
        conversations.push(Conversation {
            title: title(&with, roster),
            with,
            id_group: GroupId::parse(&held.id_group).ok(),
            last: last.and_then(message),
            unread: cache.unread(&held.id_group)?,
            read: shelf::sequence(held.read),
            outbox: waiting
                .iter()
                .filter(|out| out.draft.id_group == held.id_group)
                .count(),
        });
    }
    // First messages to somebody that have not arrived.
    for out in waiting.iter().filter(|out| out.draft.id_group.is_empty()) {
        let Ok(name) = Username::parse(&out.draft.pseudo) else {
            continue;
        };
        let with = Recipient::Contact(name);
        match conversations.iter_mut().find(|one| one.with == with) {
            Some(known) => known.outbox += 1,
            None => conversations.push(Conversation {
                title: title(&with, roster),
                with,
                id_group: None,
                last: None,
                unread: 0,
                read: 0,
                outbox: 1,
            }),
        }
    }
    let last_said = |one: &Conversation| one.last.as_ref().map_or(i64::MAX, |last| last.at);
    conversations.sort_by_key(|one| std::cmp::Reverse(last_said(one)));
    Ok(conversations)
}

pub(super) fn outgoing(out: cooee_store::Outgoing, known: Option<Recipient>) -> Option<Outgoing> {
    let cooee_store::Outgoing { draft, refusal } = out;
    let target = draft.target.as_deref().map(EntryId::parse);
    let target = target.transpose().ok()?;
    let with = match Username::parse(&draft.pseudo) {
        Ok(name) => Some(Recipient::Contact(name)),
        Err(_) => known.or_else(|| GroupId::parse(&draft.id_group).ok().map(Recipient::Group)),
    };
    Some(Outgoing {
        id: EntryId::parse(&draft.id).ok()?,
        with,
        what: match draft.kind {
            cooee_store::EntryKind::Message | cooee_store::EntryKind::Call => {
                OutgoingKind::Message {
                    body: body(&draft.content_type, draft.body),
                    reply_to: target,
                }
            }
            cooee_store::EntryKind::Edit => OutgoingKind::Edit {
                of: target?,
                text: draft.body,
            },
            cooee_store::EntryKind::Delete => OutgoingKind::Deletion { of: target? },
            cooee_store::EntryKind::Reaction => OutgoingKind::Reaction {
                to: target?,
                body: draft.body,
            },
        },
        written_at: draft.at,
        refusal,
    })
}
