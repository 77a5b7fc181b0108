//! Conversations and the outbox as the cache has them.

use cooee_protocol::{EntryId, GroupId, Username};
use cooee_store::{Cache, CacheError};

use super::shelf;
use super::types::{
    Conversation, ConversationPlace, Outgoing, OutgoingKind, Recipient, body, message,
};
use crate::archive::name_key;
use crate::roster::Roster;

pub(super) fn pair(cache: &Cache, name: &Username) -> Result<Option<GroupId>, CacheError> {
    Ok(held_pair(cache, name)?.and_then(|held| GroupId::parse(&held.id_group).ok()))
}

fn held_pair(
    cache: &Cache,
    name: &Username,
) -> Result<Option<cooee_store::Conversation>, CacheError> {
    let mut conversations = cache.conversations()?.into_iter();
    Ok(conversations.find(|held| !held.pseudo.is_empty() && name_key(&held.pseudo) == name.key()))
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

fn described(
    cache: &Cache,
    title: String,
    held: &cooee_store::Conversation,
    with: Recipient,
    outbox: usize,
) -> Result<Conversation, CacheError> {
    Ok(Conversation {
        title,
        with,
        id_group: GroupId::parse(&held.id_group).ok(),
        last: cache
            .messages(&held.id_group, None, 1)?
            .pop()
            .and_then(message),
        unread: cache.unread(&held.id_group)?,
        read: shelf::sequence(held.read),
        outbox,
    })
}

/// A conversation in which nothing was said yet.
pub(super) fn empty(title: String, with: Recipient) -> Conversation {
    Conversation {
        id_group: match &with {
            Recipient::Contact(_) => None,
            Recipient::Group(id_group) => Some(id_group.clone()),
        },
        title,
        with,
        last: None,
        unread: 0,
        read: 0,
        outbox: 0,
    }
}

/// One conversation as [`list`] has it, given it empty.
pub(super) fn one(cache: &Cache, empty: Conversation) -> Result<Conversation, CacheError> {
    let held = match &empty.with {
        Recipient::Contact(name) => held_pair(cache, name)?,
        Recipient::Group(id_group) => cache.conversation_of(id_group.as_str())?,
    };
    let waiting = |id_group: &str, name: Option<&Username>| -> Result<usize, CacheError> {
        let waiting = cache.outbox_of(id_group)?;
        let theirs = waiting
            .iter()
            .filter(|out| name.is_none_or(|name| name_key(&out.draft.pseudo) == name.key()));
        Ok(theirs.count())
    };
    // First messages to somebody that have not arrived are kept without an id.
    let first = match &empty.with {
        Recipient::Contact(name) => waiting("", Some(name))?,
        Recipient::Group(_) => 0,
    };
    let known = match (&held, &empty.id_group) {
        (Some(held), _) => waiting(&held.id_group, None)?,
        (None, Some(id_group)) => waiting(id_group.as_str(), None)?,
        (None, None) => 0,
    };
    let outbox = known.saturating_add(first);
    match held {
        // With the name as the cache has it: that asked for may be written in another case.
        Some(held) => {
            let with = recipient(&held).unwrap_or(empty.with);
            described(cache, empty.title, &held, with, outbox)
        }
        None => Ok(Conversation { outbox, ..empty }),
    }
}

/// Where each conversation stands.
pub(super) fn places(cache: &Cache) -> Result<Vec<ConversationPlace>, CacheError> {
    let places = cache.conversations()?.into_iter().filter_map(|held| {
        Some(ConversationPlace {
            with: recipient(&held)?,
            id_group: GroupId::parse(&held.id_group).ok()?,
            last: shelf::sequence(held.last),
            read: shelf::sequence(held.read),
        })
    });
    Ok(places.collect())
}

pub(super) fn list(cache: &Cache, roster: &Roster) -> Result<Vec<Conversation>, CacheError> {
    let mut conversations = Vec::new();
    let waiting = cache.outbox()?;
    for held in cache.conversations()? {
        let Some(with) = recipient(&held) else {
            continue;
        };
        let theirs = waiting
            .iter()
            .filter(|out| out.draft.id_group == held.id_group);
        let title = title(&with, roster);
        conversations.push(described(cache, title, &held, with, theirs.count())?);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::time::Instant;

    use cooee_protocol::{GroupId, Username};
    use cooee_store::{Cache, Draft, Entry, EntryKind, Listed, Page};

    use super::{Conversation, Recipient, empty, list, one, places};
    use crate::archive::name_key;
    use crate::roster::Roster;

    fn id(number: usize) -> String {
        format!("0199c3f2-5b1e-7c60-9f0e-{number:012}")
    }

    fn friend(number: usize) -> String {
        format!("friend{number}")
    }

    /// Conversations with so many friends, of so many messages each; half of them are read.
    fn cache(friends: usize, messages: i64) -> Cache {
        let mut cache = Cache::in_memory(name_key).unwrap();
        let listed: Vec<_> = (0..friends)
            .map(|number| Listed {
                id_group: id(number),
                pseudo: friend(number),
                begins_after: 0,
                last: messages,
                delivered: 0,
                read: messages / 2,
            })
            .collect();
        cache.list_conversations(&listed, "1", true).unwrap();
        for number in 0..friends {
            let entry = |sequence: i64| Entry {
                sequence,
                id: format!("0199c3f2-5b1e-7c60-{sequence:04x}-{number:012}"),
                author: friend(number),
                own: false,
                at: sequence * 1_000,
                kind: EntryKind::Message,
                target: None,
                content_type: "text/plain".to_owned(),
                body: format!("message {sequence}"),
                attachments: Vec::new(),
                erased: false,
            };
            let page = Page {
                id_group: id(number),
                first: 1,
                last: messages,
                head: messages,
                entries: (1..=messages).map(entry).collect(),
            };
            cache.write_page(&page).unwrap();
        }
        cache
    }

    fn with(name: &str) -> Recipient {
        Recipient::Contact(Username::parse(name).unwrap())
    }

    fn asked(cache: &Cache, name: &str) -> Conversation {
        one(cache, empty(name.to_owned(), with(name))).unwrap()
    }

    #[test]
    fn one_conversation_is_as_the_list_has_it() {
        let mut cache = cache(3, 4);
        for (number, id_group, pseudo) in [(1, id(1), ""), (2, String::new(), "stranger")] {
            let draft = Draft {
                id: format!("0199c3f2-5b1e-7c60-ffff-{number:012}"),
                id_group,
                pseudo: pseudo.to_owned(),
                kind: EntryKind::Message,
                target: None,
                content_type: "text/plain".to_owned(),
                body: "waits".to_owned(),
                attachments: Vec::new(),
                at: 0,
            };
            cache.add_to_outbox(&draft).unwrap();
        }
        let listed = list(&cache, &Roster::default()).unwrap();
        assert_eq!(listed.len(), 4);
        for conversation in listed {
            assert_eq!(asked(&cache, &conversation.title), conversation);
        }
        let nobody = asked(&cache, "nobody");
        assert_eq!(
            (nobody.last, nobody.outbox, nobody.id_group),
            (None, 0, None)
        );
        // However the name is written, it is the same conversation.
        assert_eq!(asked(&cache, "FRIEND1").with, with("friend1"));
        let left = GroupId::parse(&id(77)).unwrap();
        let group = empty(String::new(), Recipient::Group(left.clone()));
        assert_eq!(one(&cache, group).unwrap().id_group, Some(left));
    }

    #[test]
    fn places_tell_how_far_one_has_read() {
        let mut cache = cache(2, 4);
        cache.set_read(&id(1), 4).unwrap();
        let places = places(&cache).unwrap();
        let places: Vec<_> = places
            .iter()
            .map(|place| (place.last, place.read))
            .collect();
        assert_eq!(places, [(4, 2), (4, 4)]);
    }

    /// What a list costs beside the places and one conversation: run it with `--ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn a_thousand_conversations_and_a_hundred_thousand_messages() {
        let cache = cache(1_000, 100);
        let time = |what: &str, run: &dyn Fn()| {
            let begin = Instant::now();
            run();
            println!("{what}: {:?}", begin.elapsed());
        };
        for _ in 0..3 {
            time("the whole list", &|| {
                assert_eq!(list(&cache, &Roster::default()).unwrap().len(), 1_000);
            });
            time("all places", &|| {
                assert_eq!(places(&cache).unwrap().len(), 1_000)
            });
            time("one conversation", &|| {
                assert_eq!(asked(&cache, "friend500").unread, 50);
            });
        }
    }
}
