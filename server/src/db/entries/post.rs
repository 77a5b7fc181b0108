//! 660: an entry gets its place, once.

use cooee_protocol::{
    Attachments, Content, Destination, Entry, EntryAccepted, EntryId, EntryKind, ErrorCode,
    ErrorReply, GroupId, NotSent, PostEntry, Posting,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Draft, EVERYBODY, HASH, News, Target, append, hashes, id_bytes, kind_number};
use crate::db::attachments::{self, Hash};
use crate::db::blocks;
use crate::db::conversations::{self, Place, to_wire};
use crate::db::{JobError, JobResult, date, groups, profiles};
use crate::ids::ProfileId;

/// What a 660 comes to.
#[derive(Debug)]
pub(crate) struct Posted {
    /// What its author is answered.
    pub(crate) accepted: EntryAccepted,
    /// What is pushed; nothing when the entry was there already.
    pub(crate) news: Option<News>,
}

/// 660: posts an entry, or finds it posted.
pub(crate) fn post(db: &Connection, author: ProfileId, args: &PostEntry) -> JobResult<Posted> {
    let attempt = Attempt {
        db,
        author,
        args,
        id: id_bytes(&args.id)?,
        parts: Parts::of(&args.posting)?,
    };
    if let Some(accepted) = attempt.before()? {
        return Ok(Posted {
            accepted,
            news: None,
        });
    }
    args.posting
        .check()
        .map_err(|reason| attempt.refuse(reason))?;
    attempt.post()
}

/// A posting as the columns of an entry.
struct Parts<'a> {
    kind: EntryKind,
    content: Option<&'a Content>,
    reply_to: Option<&'a EntryId>,
    refers_to: Option<&'a EntryId>,
    attachments: Option<&'a Attachments>,
    reply_bytes: Option<[u8; 16]>,
    refers_bytes: Option<[u8; 16]>,
    hashes: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(posting: &'a Posting) -> JobResult<Self> {
        let (content, reply_to, refers_to, attachments) = match posting {
            Posting::Message {
                content,
                reply_to,
                list_attachment,
            } => (
                Some(content),
                reply_to.as_ref(),
                None,
                Some(list_attachment),
            ),
            Posting::Edit { refers_to, content } | Posting::Reaction { refers_to, content } => {
                (Some(content), None, Some(refers_to), None)
            }
            Posting::Deletion { refers_to } => (None, None, Some(refers_to), None),
        };
        Ok(Self {
            kind: posting.kind(),
            content,
            reply_to,
            refers_to,
            attachments,
            reply_bytes: reply_to.map(id_bytes).transpose()?,
            refers_bytes: refers_to.map(id_bytes).transpose()?,
            hashes: attachments.map(hashes).transpose()?.unwrap_or_default(),
        })
    }

    fn content_type(&self) -> Option<&'a str> {
        self.content.map(|content| content.content_type.as_str())
    }

    fn body(&self) -> Option<&'a str> {
        self.content.map(|content| content.body.as_str())
    }
}

/// The entry that another one is about.
struct Meant {
    sequence: i64,
    audience: i64,
    author: Option<i64>,
    kind: i64,
}

/// One attempt to post.
struct Attempt<'a> {
    db: &'a Connection,
    author: ProfileId,
    args: &'a PostEntry,
    id: [u8; 16],
    parts: Parts<'a>,
}

impl Attempt<'_> {
    fn refuse(&self, reason: NotSent) -> JobError {
        JobError::Refused(not_sent(&self.args.id, &self.args.destination, reason))
    }

    /// The answer to the same entry, when it was posted before.
    fn before(&self) -> JobResult<Option<EntryAccepted>> {
        let found = self
            .db
            .prepare_cached(
                "SELECT id_group, pair, conversation, sequence, time,
                        kind = ?3 AND (erased OR (content_type IS ?4 AND body IS ?5
                        AND reply_to IS ?6 AND refers_to IS ?7 AND attachments = ?8))
                 FROM entries JOIN conversations ON conversations.id = entries.conversation
                 WHERE author = ?1 AND entries.id = ?2",
            )?
            .query_row(
                params![
                    self.author.0,
                    self.id,
                    kind_number(self.parts.kind)?,
                    self.parts.content_type(),
                    self.parts.body(),
                    self.parts.reply_bytes,
                    self.parts.refers_bytes,
                    self.parts.hashes,
                ],
                |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, bool>(1)?,
                        [row.get(2)?, row.get(3)?, row.get::<_, i64>(4)?],
                        row.get::<_, bool>(5)?,
                    ))
                },
            )
            .optional()?;
        let Some((id_group, pair, [conversation, sequence, time], same)) = found else {
            return Ok(None);
        };
        // A name may be somebody else's by now; the entry stays where it went first.
        let elsewhere = match &self.args.destination {
            Destination::Conversation { id_group: given } => given.as_str() != id_group,
            Destination::Contact { .. } => false,
        };
        if !same || elsewhere {
            return Err(self.refuse(NotSent::Duplicate));
        }
        let previous = if pair {
            previous(self.db, conversation, self.author, sequence)?
        } else {
            sequence - 1
        };
        Ok(Some(EntryAccepted {
            id: self.args.id.clone(),
            id_group: GroupId::parse(&id_group).map_err(|_| JobError::Malformed("conversation"))?,
            sequence: to_wire(sequence),
            previous: to_wire(previous),
            time: date(time)?,
        }))
    }

    fn post(&self) -> JobResult<Posted> {
        let (id_group, place) = self.place()?;
        let mut hidden = false;
        let mut others;
        let mut others_previous = place.shown;
        if place.pair {
            let other = conversations::other(self.db, &place)?;
            if !other.standing.contact {
                return Err(self.refuse(NotSent::NotContact));
            }
            if other.standing.blocks {
                return Err(self.refuse(NotSent::Blocked));
            }
            hidden = other.standing.blocked;
            others_previous = other.last;
            others = vec![other.profile];
        } else {
            others = conversations::members(self.db, place.conversation)?;
            others.retain(|member| *member != self.author);
        }
        let meant = self.meant(&place)?;
        let audience = self.audience(hidden, meant.as_ref());
        self.check_attachments()?;
        if audience != EVERYBODY {
            others.clear();
        }
        let target = Target {
            conversation: place.conversation,
            audience,
        };
        let appended = append(self.db, &target, &self.draft())?;
        let Some((sequence, time)) = appended else {
            return Err(self.refuse(NotSent::Duplicate));
        };
        let entry = [target.conversation, target.audience, sequence];
        attachments::attach(self.db, entry, self.author, self.attachments())?;
        if let (Posting::Deletion { .. }, Some(meant)) = (&self.args.posting, meant) {
            self.erase([place.conversation, meant.audience, meant.sequence])?;
        }
        let accepted = EntryAccepted {
            id: self.args.id.clone(),
            id_group: id_group.clone(),
            sequence: to_wire(sequence),
            previous: to_wire(place.last()),
            time: date(time)?,
        };
        Ok(Posted {
            news: Some(News {
                id_group,
                entry: self.entry(&accepted)?,
                previous: accepted.previous,
                others,
                others_previous: to_wire(others_previous),
            }),
            accepted,
        })
    }

    /// Who is shown the entry. `hidden` says whether the other one of a pair blocks the author.
    fn audience(&self, hidden: bool, meant: Option<&Meant>) -> i64 {
        match (meant, &self.args.posting) {
            // Who does not see a message sees nothing of what is said about it.
            (Some(meant), _) if meant.audience != EVERYBODY => meant.audience,
            // What was shown to both goes for both, or their devices would differ.
            (Some(_), Posting::Deletion { .. }) => EVERYBODY,
            _ if hidden => self.author.0,
            _ => EVERYBODY,
        }
    }

    /// The conversation that is meant, and the author's place in it.
    fn place(&self) -> JobResult<(GroupId, Place)> {
        let id_group = match &self.args.destination {
            Destination::Conversation { id_group } => id_group.clone(),
            Destination::Contact { pseudo } => {
                let other = profiles::by_name(self.db, pseudo)?
                    .filter(|other| other.profile != self.author)
                    .ok_or_else(|| self.refuse(NotSent::NotContact))?;
                match groups::known_pair(self.db, self.author, other.profile)? {
                    Some(pair) => pair,
                    // Before the pair gets an id that it need not have.
                    None if !blocks::standing(self.db, self.author, other.profile)?.contact => {
                        return Err(self.refuse(NotSent::NotContact));
                    }
                    None => groups::pair(self.db, self.author, other.profile)?,
                }
            }
        };
        let place = conversations::place(self.db, self.author, &id_group)?
            .ok_or_else(|| self.refuse(NotSent::NotMember))?;
        Ok((id_group, place))
    }

    /// Looks up what the entry answers and what it is about; says what it is about.
    fn meant(&self, place: &Place) -> JobResult<Option<Meant>> {
        const MESSAGE: i64 = 0;
        const CALL: i64 = 4;
        if let Some(id) = self.parts.reply_bytes {
            let answered = self.find(place, id)?;
            if answered.kind != MESSAGE && answered.kind != CALL {
                return Err(self.refuse(NotSent::NoTarget));
            }
        }
        let Some(id) = self.parts.refers_bytes else {
            return Ok(None);
        };
        let meant = self.find(place, id)?;
        match self.args.posting {
            Posting::Message { .. } => {}
            Posting::Reaction { .. } if meant.kind == MESSAGE || meant.kind == CALL => {}
            Posting::Edit { .. } | Posting::Deletion { .. } if meant.kind == MESSAGE => {
                if meant.author != Some(self.author.0) {
                    return Err(self.refuse(NotSent::NotAuthor));
                }
            }
            Posting::Reaction { .. } | Posting::Edit { .. } | Posting::Deletion { .. } => {
                return Err(self.refuse(NotSent::NoTarget));
            }
        }
        Ok(Some(meant))
    }

    /// An entry that the author sees and that was not deleted.
    fn find(&self, place: &Place, id: [u8; 16]) -> JobResult<Meant> {
        self.db
            .prepare_cached(
                "SELECT sequence, audience, author, kind FROM entries
                 WHERE conversation = ?1 AND id = ?2 AND audience IN (0, ?3)
                     AND sequence > ?4 AND erased = 0
                     AND EXISTS (SELECT 1 FROM profiles WHERE profiles.id = author)",
            )?
            .query_row(
                params![place.conversation, id, self.author.0, place.joined_after],
                |row| {
                    Ok(Meant {
                        sequence: row.get(0)?,
                        audience: row.get(1)?,
                        author: row.get(2)?,
                        kind: row.get(3)?,
                    })
                },
            )
            .optional()?
            .ok_or_else(|| self.refuse(NotSent::NoTarget))
    }

    fn attachments(&self) -> impl Iterator<Item = Hash> + use<'_> {
        let hashes = self.parts.hashes.chunks_exact(HASH);
        hashes.filter_map(|hash| hash.try_into().ok())
    }

    /// One passes on what one may read oneself.
    fn check_attachments(&self) -> JobResult<()> {
        for hash in self.attachments() {
            if attachments::readable(self.db, self.author, &hash)?.is_none() {
                return Err(self.refuse(NotSent::NoAttachment));
            }
        }
        Ok(())
    }

    fn draft(&self) -> Draft<'_> {
        Draft {
            id: self.id,
            author: self.author,
            kind: self.parts.kind,
            content_type: self.parts.content_type(),
            body: self.parts.body(),
            reply_to: self.parts.reply_bytes,
            refers_to: self.parts.refers_bytes,
            attachments: &self.parts.hashes,
        }
    }

    /// Erases what was deleted, its edits and what was thought of it.
    fn erase(&self, entry: [i64; 3]) -> JobResult<()> {
        attachments::detach(self.db, entry)?;
        let [conversation, ..] = entry;
        let Some(id) = self.parts.refers_bytes else {
            return Ok(());
        };
        for sql in [
            "UPDATE entries SET content_type = NULL, body = NULL, attachments = x'', erased = 1
             WHERE conversation = ?1 AND id = ?2",
            "UPDATE entries SET content_type = NULL, body = NULL, erased = 1
             WHERE conversation = ?1 AND refers_to = ?2 AND kind IN (1, 3)",
        ] {
            self.db
                .prepare_cached(sql)?
                .execute(params![conversation, id])?;
        }
        Ok(())
    }

    fn entry(&self, accepted: &EntryAccepted) -> JobResult<Entry> {
        Ok(Entry {
            sequence: accepted.sequence,
            id: accepted.id.clone(),
            time: accepted.time.clone(),
            pseudo: Some(profiles::by_id(self.db, self.author)?.name),
            kind: self.parts.kind,
            content_type: self
                .parts
                .content
                .map(|content| content.content_type.clone()),
            body: self.parts.body().map(str::to_owned),
            reply_to: self.parts.reply_to.cloned(),
            refers_to: self.parts.refers_to.cloned(),
            list_attachment: self.parts.attachments.cloned().unwrap_or_default(),
            erased: false,
        })
    }
}

/// The place before `sequence` in a pair, as the profile sees it.
fn previous(
    db: &Connection,
    conversation: i64,
    profile: ProfileId,
    sequence: i64,
) -> JobResult<i64> {
    let mut last = 0;
    for audience in [EVERYBODY, profile.0] {
        let found: Option<i64> = db
            .prepare_cached(
                "SELECT max(sequence) FROM entries
                 WHERE conversation = ?1 AND audience = ?2 AND sequence < ?3",
            )?
            .query_row([conversation, audience, sequence], |row| row.get(0))?;
        last = last.max(found.unwrap_or(0));
    }
    Ok(last)
}

/// The refusal of an entry.
pub(crate) fn not_sent(id: &EntryId, to: &Destination, reason: NotSent) -> ErrorReply {
    ErrorReply {
        id: Some(id.clone()),
        id_group: match to {
            Destination::Conversation { id_group } => Some(id_group.clone()),
            Destination::Contact { .. } => None,
        },
        reason: Some(reason.as_str().to_owned()),
        ..ErrorReply::new(ErrorCode::MessageNotSent, words(reason))
    }
}

fn words(reason: NotSent) -> &'static str {
    match reason {
        NotSent::NotMember => "you are not a member of that conversation",
        NotSent::NotContact => "that is not a contact of yours",
        NotSent::TooLong => "that is longer than allowed",
        NotSent::Empty => "there is nothing in it",
        NotSent::TooMany => "too many in a short time; send it again later",
        NotSent::NoTarget => "what it refers to is not there",
        NotSent::NotAuthor => "only the author changes a message",
        NotSent::NoAttachment => "an attachment is not there, or not yours to pass on",
        NotSent::Blocked => "you have blocked that person",
        NotSent::Duplicate => "that id was used already",
        _ => "that cannot be sent",
    }
}
