//! Between the machine and the cache: what it wants written, and what the cache knows at the start.

use std::time::Duration;

use cooee_core::conversations::{Draft, Held, Letter, Listed, Loaded, Page, PlacedEntry, Write};
use cooee_protocol::{
    AttachmentId, Attachments, Content, ContentType, Destination, EntryId, EntryKind, GroupId,
    Posting, Username,
};
use cooee_store::{Cache, CacheError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Everything that the machine needs to know of the cache.
pub(crate) fn load(cache: &Cache) -> Result<Loaded, CacheError> {
    let own = cache
        .profile()?
        .and_then(|profile| Username::parse(&profile.pseudo).ok());
    let conversations = cache.conversations()?.into_iter().filter_map(held);
    let outbox = cache.outbox()?.into_iter().filter_map(letter);
    Ok(Loaded {
        own,
        cursor: cache.cursor()?,
        conversations: conversations.collect(),
        outbox: outbox.collect(),
    })
}

/// Writes; for a page, says what is held of its conversation now.
pub(crate) fn carry_out(cache: &mut Cache, write: Write) -> Result<Option<Held>, CacheError> {
    match write {
        Write::Keep { draft, id_group } => {
            cache.add_to_outbox(&stored_draft(&draft, id_group.as_ref()))?;
        }
        Write::Refuse { id, reason } => cache.refuse_in_outbox(id.as_str(), &reason)?,
        Write::Retry(id) => {
            cache.retry_in_outbox(id.as_str())?;
        }
        Write::Discard(id) => {
            cache.discard_from_outbox(id.as_str())?;
        }
        Write::Arrived(id) => cache.arrived_from_outbox(id.as_str())?,
        Write::Learn { pair, id_group } => cache.learn_pair(pair.as_str(), id_group.as_str())?,
        Write::Page(page) => return Ok(held(cache.write_page(&stored_page(page))?)),
        Write::List {
            restart,
            listed,
            cursor,
        } => {
            let listed: Vec<_> = listed.into_iter().map(stored_listed).collect();
            cache.list_conversations(&listed, &cursor, restart)?;
        }
        Write::Marks { id_group, marks } => {
            let marks: Vec<_> = marks
                .into_iter()
                .map(|mark| cooee_store::Mark {
                    pseudo: mark.pseudo.to_string(),
                    delivered: place(mark.delivered),
                    read: place(mark.read),
                })
                .collect();
            cache.set_marks(id_group.as_str(), &marks)?;
        }
        Write::Read { id_group, read } => cache.set_read(id_group.as_str(), place(read))?,
        Write::Told {
            id_group,
            delivered,
            read,
        } => cache.set_told(id_group.as_str(), place(delivered), place(read))?,
        Write::Blocked(names) => {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            cache.replace_blocked(&names)?;
        }
    }
    Ok(None)
}

/// Milliseconds since the Unix epoch of a time of the server; 0 for what is none.
pub(crate) fn millis(time: &str) -> i64 {
    let parsed = OffsetDateTime::parse(time, &Rfc3339);
    parsed.map_or(0, |time| {
        let millis = time.unix_timestamp_nanos() / 1_000_000;
        i64::try_from(millis).unwrap_or(0)
    })
}

/// Milliseconds since the Unix epoch, by this device's clock.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(i64::MAX)
}

/// The machine lets nothing through that does not fit.
pub(crate) fn place(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

pub(crate) fn sequence(place: i64) -> u64 {
    u64::try_from(place).unwrap_or(0)
}

pub(crate) fn stored_kind(kind: EntryKind) -> cooee_store::EntryKind {
    match kind {
        // The machine drops what it does not know.
        EntryKind::Message | EntryKind::Unknown => cooee_store::EntryKind::Message,
        EntryKind::Edit => cooee_store::EntryKind::Edit,
        EntryKind::Deletion => cooee_store::EntryKind::Delete,
        EntryKind::Reaction => cooee_store::EntryKind::Reaction,
        EntryKind::Call => cooee_store::EntryKind::Call,
    }
}

fn held(one: cooee_store::Conversation) -> Option<Held> {
    Some(Held {
        id_group: GroupId::parse(&one.id_group).ok()?,
        pair: Username::parse(&one.pseudo).ok(),
        first: sequence(one.first),
        last: sequence(one.last),
        head: sequence(one.head),
        begins_after: sequence(one.begins_after),
        read: sequence(one.read),
        told_delivered: sequence(one.told_delivered),
        told_read: sequence(one.told_read),
    })
}

fn stored_listed(listed: Listed) -> cooee_store::Listed {
    let one = listed.conversation;
    cooee_store::Listed {
        id_group: one.id_group.to_string(),
        pseudo: one
            .pseudo
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        begins_after: place(one.joined_after),
        last: place(one.last),
        delivered: place(one.delivered),
        read: place(one.read),
    }
}

fn stored_page(page: Page) -> cooee_store::Page {
    cooee_store::Page {
        id_group: page.id_group.to_string(),
        first: place(page.first),
        last: place(page.last),
        head: place(page.head),
        entries: page.entries.into_iter().map(stored_entry).collect(),
    }
}

fn stored_entry(PlacedEntry { entry, own }: PlacedEntry) -> cooee_store::Entry {
    let target = entry.refers_to.or(entry.reply_to);
    let attachments = entry.list_attachment.as_slice().iter();
    cooee_store::Entry {
        sequence: place(entry.sequence),
        id: entry.id.to_string(),
        author: entry
            .pseudo
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        own,
        at: millis(&entry.time),
        kind: stored_kind(entry.kind),
        target: target.as_ref().map(ToString::to_string),
        content_type: entry
            .content_type
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        body: entry.body.unwrap_or_default(),
        attachments: attachments.map(ToString::to_string).collect(),
        erased: entry.erased,
    }
}

fn stored_draft(draft: &Draft, id_group: Option<&GroupId>) -> cooee_store::Draft {
    let pseudo = match &draft.destination {
        Destination::Conversation { .. } => String::new(),
        Destination::Contact { pseudo } => pseudo.to_string(),
    };
    let (content, target) = match &draft.posting {
        Posting::Message {
            content, reply_to, ..
        } => (Some(content), reply_to.as_ref()),
        Posting::Edit { refers_to, content } | Posting::Reaction { refers_to, content } => {
            (Some(content), Some(refers_to))
        }
        Posting::Deletion { refers_to } => (None, Some(refers_to)),
    };
    cooee_store::Draft {
        id: draft.id.to_string(),
        id_group: id_group.map(ToString::to_string).unwrap_or_default(),
        pseudo,
        kind: stored_kind(draft.posting.kind()),
        target: target.map(ToString::to_string),
        content_type: content
            .map(|content| content.content_type.to_string())
            .unwrap_or_default(),
        body: content
            .map(|content| content.body.clone())
            .unwrap_or_default(),
        attachments: draft
            .attachments()
            .iter()
            .map(ToString::to_string)
            .collect(),
        at: draft.written_at,
    }
}

/// What of an outbox can be sent; a draft that this version cannot read stays where it is.
pub(crate) fn letter(out: cooee_store::Outgoing) -> Option<Letter> {
    let cooee_store::Outgoing { draft, refusal } = out;
    // Another server, or one from a backup, may give the pair another id.
    let destination = match Username::parse(&draft.pseudo) {
        Ok(pseudo) => Destination::Contact { pseudo },
        Err(_) => Destination::Conversation {
            id_group: GroupId::parse(&draft.id_group).ok()?,
        },
    };
    let target = draft.target.as_deref().map(EntryId::parse);
    let target = target.transpose().ok()?;
    let content = || -> Option<Content> {
        Some(Content {
            content_type: ContentType::parse(&draft.content_type).ok()?,
            body: draft.body.clone(),
        })
    };
    let posting = match draft.kind {
        cooee_store::EntryKind::Message => {
            let ids = draft.attachments.iter().map(|id| AttachmentId::parse(id));
            let ids = ids.collect::<Result<Vec<_>, _>>().ok()?;
            Posting::Message {
                content: content()?,
                reply_to: target,
                list_attachment: Attachments::new(ids).ok()?,
            }
        }
        cooee_store::EntryKind::Edit => Posting::Edit {
            refers_to: target?,
            content: content()?,
        },
        cooee_store::EntryKind::Delete => Posting::Deletion { refers_to: target? },
        cooee_store::EntryKind::Reaction => Posting::Reaction {
            refers_to: target?,
            content: content()?,
        },
        cooee_store::EntryKind::Call => return None,
    };
    Some(Letter {
        draft: Draft {
            id: EntryId::parse(&draft.id).ok()?,
            destination,
            posting,
            written_at: draft.at,
        },
        refusal,
    })
}
