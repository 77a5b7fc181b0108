//! Conversations and the places that members have in them.

use cooee_protocol::{
    Conversation, Conversations, ErrorCode, GroupId, ListConversations, MAX_PAGE, Mark,
    MarkEntries, Marks,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::blocks::{self, Standing};
use super::{JobError, JobResult, profiles};
use crate::ids::ProfileId;

/// The longest cursor that is looked at, in bytes.
const LONGEST_CURSOR: usize = 64;

/// A number of the wire as the database has it.
pub(crate) fn to_stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of the database as the wire has it.
pub(crate) fn to_wire(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A conversation as one of its members has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) conversation: i64,
    pub(crate) profile: ProfileId,
    pub(crate) pair: bool,
    /// The last sequence that everybody sees.
    pub(crate) shown: i64,
    pub(crate) joined_after: i64,
    /// The last sequence that this member alone sees.
    pub(crate) own: i64,
    delivered: i64,
    read: i64,
    told_delivered: i64,
    told_read: i64,
}

impl Place {
    /// The last sequence that this member sees.
    pub(crate) fn last(&self) -> i64 {
        self.shown.max(self.own)
    }

    fn read(row: &Row<'_>, profile: ProfileId) -> rusqlite::Result<Self> {
        Ok(Self {
            conversation: row.get(0)?,
            profile,
            pair: row.get(1)?,
            shown: row.get(2)?,
            joined_after: row.get(3)?,
            own: row.get(4)?,
            delivered: row.get(5)?,
            read: row.get(6)?,
            told_delivered: row.get(7)?,
            told_read: row.get(8)?,
        })
    }
}

/// The same words whether the conversation is unknown or not theirs, so that ids cannot be probed.
fn not_theirs() -> JobError {
    JobError::refused(
        ErrorCode::NotAllowed,
        "you have no part in that conversation",
    )
}

/// The place of the profile in a conversation, unless it has none.
pub(crate) fn place(db: &Connection, profile: ProfileId, id: &GroupId) -> JobResult<Option<Place>> {
    Ok(db
        .prepare_cached(
            "SELECT conversations.id, pair, shown, joined_after, own, delivered, read,
                    told_delivered, told_read
             FROM conversations JOIN places ON places.conversation = conversations.id
             WHERE conversations.id_group = ?1 AND places.profile = ?2",
        )?
        .query_row(params![id.as_str(), profile.0], |row| {
            Place::read(row, profile)
        })
        .optional()?)
}

/// The same, or the refusal.
pub(crate) fn own_place(db: &Connection, profile: ProfileId, id: &GroupId) -> JobResult<Place> {
    place(db, profile, id)?.ok_or_else(not_theirs)
}

/// Everybody in the conversation.
pub(crate) fn members(db: &Connection, conversation: i64) -> JobResult<Vec<ProfileId>> {
    let mut query = db.prepare_cached("SELECT profile FROM places WHERE conversation = ?1")?;
    let rows = query.query_map([conversation], |row| row.get(0).map(ProfileId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The other one of a pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Other {
    pub(crate) profile: ProfileId,
    /// The last sequence that the other one sees.
    pub(crate) last: i64,
    /// How the two stand to each other, seen from the place's own.
    pub(crate) standing: Standing,
}

/// The other one of the pair in which `place` is.
pub(crate) fn other(db: &Connection, place: &Place) -> JobResult<Other> {
    let (profile, own): (i64, i64) = db
        .prepare_cached(
            "SELECT profile, own FROM places WHERE conversation = ?1 AND profile <> ?2",
        )?
        .query_row(params![place.conversation, place.profile.0], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let profile = ProfileId(profile);
    Ok(Other {
        profile,
        last: place.shown.max(own),
        standing: blocks::standing(db, place.profile, profile)?,
    })
}

/// The number of the next change.
pub(crate) fn next_change(db: &Connection) -> JobResult<i64> {
    // Not by RETURNING, for which SQLite makes a table each time.
    db.prepare_cached("UPDATE server SET change = change + 1")?
        .execute([])?;
    Ok(db
        .prepare_cached("SELECT change FROM server")?
        .query_row([], |row| row.get(0))?)
}

/// A conversation begins.
pub(crate) fn begin(db: &Connection, id: &GroupId, pair: bool) -> JobResult<()> {
    db.prepare_cached("INSERT INTO conversations (id_group, pair) VALUES (?1, ?2)")?
        .execute(params![id.as_str(), pair])?;
    Ok(())
}

/// Somebody reads along from now on.
pub(crate) fn join(db: &Connection, id: &GroupId, profile: ProfileId) -> JobResult<()> {
    let change = next_change(db)?;
    db.prepare_cached(
        "INSERT INTO places (conversation, profile, joined_after, changed)
         SELECT id, ?2, shown, ?3 FROM conversations WHERE id_group = ?1",
    )?
    .execute(params![id.as_str(), profile.0, change])?;
    Ok(())
}

/// Somebody reads nothing any more.
pub(crate) fn leave(db: &Connection, id: &GroupId, profile: ProfileId) -> JobResult<()> {
    db.prepare_cached(
        "DELETE FROM places WHERE profile = ?2
         AND conversation = (SELECT id FROM conversations WHERE id_group = ?1)",
    )?
    .execute(params![id.as_str(), profile.0])?;
    Ok(())
}

/// A conversation ends; its entries are cleaned away later.
pub(crate) fn end(db: &Connection, id: &GroupId) -> JobResult<()> {
    db.prepare_cached(
        "INSERT INTO ended_conversations (conversation)
         SELECT id FROM conversations WHERE id_group = ?1",
    )?
    .execute([id.as_str()])?;
    db.prepare_cached("DELETE FROM conversations WHERE id_group = ?1")?
        .execute([id.as_str()])?;
    Ok(())
}

/// 664: the conversations that have changed since a cursor, in the order of their changes.
pub(crate) fn list(
    db: &Connection,
    profile: ProfileId,
    asked: &ListConversations,
) -> JobResult<Conversations> {
    let (epoch, change): (String, i64) = db
        .prepare_cached("SELECT epoch, change FROM server")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let since = match &asked.since {
        None => Some(0),
        Some(cursor) if cursor.len() > LONGEST_CURSOR => {
            return Err(JobError::refused(
                ErrorCode::Invalid,
                "a cursor has at most 64 characters",
            ));
        }
        Some(cursor) => cursor
            .split_once('.')
            .filter(|(known, _)| *known == epoch)
            .and_then(|(_, at)| at.parse().ok())
            .filter(|at| (0..=change).contains(at)),
    };
    let limit = asked.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let mut query = db.prepare_cached(
        "SELECT conversations.id_group, other.name, places.joined_after,
                max(shown, places.own), places.delivered, places.read,
                max(conversations.changed, places.changed) AS changes
         FROM places JOIN conversations ON conversations.id = places.conversation
         LEFT JOIN places AS theirs ON pair = 1 AND theirs.conversation = places.conversation
             AND theirs.profile <> places.profile
         LEFT JOIN profiles AS other ON other.id = theirs.profile
         WHERE places.profile = ?1 AND max(conversations.changed, places.changed) > ?2
             AND max(shown, places.own) > 0
         ORDER BY changes LIMIT ?3",
    )?;
    let rows = query.query_map(
        params![profile.0, since.unwrap_or(0), i64::from(limit) + 1],
        |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, Option<String>>(1)?,
                [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?],
                row.get::<_, i64>(6)?,
            ))
        },
    )?;
    let mut found = Vec::new();
    for row in rows {
        let (id, other, [joined_after, last, delivered, read], changed) = row?;
        let conversation = Conversation {
            id_group: GroupId::parse(&id).map_err(|_| JobError::Malformed("conversation"))?,
            pseudo: other.as_deref().map(profiles::name).transpose()?,
            joined_after: to_wire(joined_after),
            last: to_wire(last),
            delivered: to_wire(delivered),
            read: to_wire(read),
        };
        found.push((conversation, changed));
    }
    let page = usize::try_from(limit).unwrap_or(1);
    let more = found.len() > page;
    found.truncate(page);
    let at = match found.last() {
        Some((_, changed)) if more => *changed,
        Some(_) | None => change,
    };
    Ok(Conversations {
        list_conversation: found.into_iter().map(|(found, _)| found).collect(),
        cursor: format!("{epoch}.{at}"),
        more,
        restart: since.is_none(),
    })
}

/// What a 661 comes to.
#[derive(Debug)]
pub(crate) struct Marked {
    /// Everybody's marks, as the sender may see them.
    pub(crate) all: Marks,
    /// The sender's own, when they have grown.
    pub(crate) grown: Option<Mark>,
    /// Who else hears of it.
    pub(crate) others: Vec<ProfileId>,
}

/// 661: tells, or only asks, how far members have come.
pub(crate) fn mark(db: &Connection, profile: ProfileId, args: &MarkEntries) -> JobResult<Marked> {
    let place = own_place(db, profile, &args.id_group)?;
    let standing = match place.pair {
        true => Some(other(db, &place)?.standing),
        false => None,
    };
    let blocks = standing.is_some_and(|standing| standing.blocks);
    let blocked = standing.is_some_and(|standing| standing.blocked);
    let given = |number: Option<u64>| number.map_or(0, to_stored).min(place.last());
    let read = place.read.max(given(args.read));
    let delivered = place.delivered.max(given(args.delivered)).max(read);
    let grows = !blocks && (read > place.read || delivered > place.delivered);
    let mut others = Vec::new();
    if grows {
        let change = next_change(db)?;
        let (told_delivered, told_read) = if blocked {
            (place.told_delivered, place.told_read)
        } else {
            (delivered, read)
        };
        db.prepare_cached(
            "UPDATE places SET delivered = ?3, read = ?4, told_delivered = ?5, told_read = ?6,
                    changed = ?7
             WHERE conversation = ?1 AND profile = ?2",
        )?
        .execute(params![
            place.conversation,
            profile.0,
            delivered,
            read,
            told_delivered,
            told_read,
            change
        ])?;
        if !blocked {
            db.prepare_cached("UPDATE conversations SET changed = ?2 WHERE id = ?1")?
                .execute(params![place.conversation, change])?;
            others = members(db, place.conversation)?;
            others.retain(|member| *member != profile);
        }
    }
    let own = profiles::by_id(db, profile)?.name;
    let list_mark = marks(db, &place)?;
    Ok(Marked {
        grown: grows.then(|| Mark {
            pseudo: own,
            delivered: to_wire(delivered),
            read: to_wire(read),
        }),
        all: Marks {
            id_group: args.id_group.clone(),
            list_mark,
        },
        others,
    })
}

/// The marks of all members who have any: one's own as they are, the others' as they are told.
fn marks(db: &Connection, place: &Place) -> JobResult<Vec<Mark>> {
    let mut query = db.prepare_cached(
        "SELECT profiles.id, profiles.name, delivered, read, told_delivered, told_read
         FROM places JOIN profiles ON profiles.id = places.profile
         WHERE conversation = ?1 ORDER BY profiles.name_key",
    )?;
    let rows = query.query_map([place.conversation], |row| {
        let own = row.get::<_, i64>(0)? == place.profile.0;
        let (delivered, read) = if own { (2, 3) } else { (4, 5) };
        Ok((
            row.get::<_, String>(1)?,
            row.get(delivered)?,
            row.get(read)?,
        ))
    })?;
    let mut marks = Vec::new();
    for row in rows {
        let (name, delivered, read) = row?;
        if delivered > 0 {
            marks.push(Mark {
                pseudo: profiles::name(&name)?,
                delivered: to_wire(delivered),
                read: to_wire(read),
            });
        }
    }
    Ok(marks)
}

/// 662: who is told that the profile types.
pub(crate) fn watchers(
    db: &Connection,
    profile: ProfileId,
    id: &GroupId,
) -> JobResult<Vec<ProfileId>> {
    let place = own_place(db, profile, id)?;
    if place.pair {
        let Other {
            profile: other,
            standing,
            ..
        } = other(db, &place)?;
        if !standing.contact {
            return Err(JobError::refused(
                ErrorCode::NotAllowed,
                "you are no contacts any more",
            ));
        }
        let hidden = standing.blocks || standing.blocked;
        return Ok(if hidden { Vec::new() } else { vec![other] });
    }
    let mut others = members(db, place.conversation)?;
    others.retain(|member| *member != profile);
    Ok(others)
}
