//! Contacts in the database.

use cooee_protocol::{ErrorCode, Username};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params};

use super::blocks;
use super::profiles::{self, Stored};
use super::{JobError, JobResult, unix_seconds};
use crate::ids::ProfileId;

/// How one profile stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// It has asked the other.
    Pending,
    /// The other has asked it.
    Requested,
    /// Both have agreed.
    Confirmed,
}

impl ToSql for Relation {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self {
            Self::Pending => "pending",
            Self::Requested => "requested",
            Self::Confirmed => "confirmed",
        }))
    }
}

impl FromSql for Relation {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "pending" => Ok(Self::Pending),
            "requested" => Ok(Self::Requested),
            "confirmed" => Ok(Self::Confirmed),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// How `profile` stands to `other`, if at all.
pub(crate) fn relation(
    db: &Connection,
    profile: ProfileId,
    other: ProfileId,
) -> JobResult<Option<Relation>> {
    Ok(db
        .prepare_cached("SELECT relation FROM contacts WHERE profile = ?1 AND other = ?2")?
        .query_row([profile.0, other.0], |row| row.get(0))
        .optional()?)
}

/// Somebody to whom a profile stands in some relation.
#[derive(Debug, Clone)]
pub(crate) struct Known<T> {
    pub(crate) relation: Relation,
    pub(crate) who: T,
    /// They block the profile, which sees them as away.
    pub(crate) unseen: bool,
    /// The profile blocks them, and tells them nothing.
    pub(crate) blocked: bool,
}

/// Who blocks whom among a contact's two, as two columns.
const BLOCKS: &str = "
    EXISTS (SELECT 1 FROM blocks
            WHERE blocks.profile = contacts.other AND blocks.other = contacts.profile),
    EXISTS (SELECT 1 FROM blocks
            WHERE blocks.profile = contacts.profile AND blocks.other = contacts.other)";

/// Everybody to whom `profile` stands in some relation, by name.
pub(crate) fn list(db: &Connection, profile: ProfileId) -> JobResult<Vec<Known<Stored>>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT contacts.relation, profiles.id, profiles.name, profiles.picture, {BLOCKS}
         FROM contacts JOIN profiles ON profiles.id = contacts.other
         WHERE contacts.profile = ?1 ORDER BY profiles.name_key"
    ))?;
    let rows = query.query_map([profile.0], |row| {
        Ok(Known {
            relation: row.get(0)?,
            who: profiles::stored(row, 1)?,
            unseen: row.get(4)?,
            blocked: row.get(5)?,
        })
    })?;
    rows.map(|row| {
        let row = row?;
        Ok(Known {
            relation: row.relation,
            who: profiles::parse(row.who)?,
            unseen: row.unseen,
            blocked: row.blocked,
        })
    })
    .collect()
}

/// Everybody to whom `profile` stands in some relation, without their names.
pub(crate) fn ids(db: &Connection, profile: ProfileId) -> JobResult<Vec<Known<ProfileId>>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT relation, other, {BLOCKS} FROM contacts WHERE profile = ?1"
    ))?;
    let rows = query.query_map([profile.0], |row| {
        Ok(Known {
            relation: row.get(0)?,
            who: ProfileId(row.get(1)?),
            unseen: row.get(2)?,
            blocked: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Both ends of a contact after a change.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) own: Stored,
    pub(crate) other: Stored,
    pub(crate) confirmed: bool,
    /// Whether the other one hears of it.
    pub(crate) told: bool,
    /// The other one blocks the profile, which sees them as away.
    pub(crate) unseen: bool,
}

fn unknown(name: &Username) -> JobError {
    JobError::refused(
        ErrorCode::ProfileNotAdded,
        format!("there is no profile {} to add", name.as_str()),
    )
}

/// 606: asks, or confirms what the other has asked.
pub(crate) fn ask(
    db: &Connection,
    profile: ProfileId,
    name: &Username,
    most: u32,
) -> JobResult<Pair> {
    let own = profiles::by_id(db, profile)?;
    let other = profiles::by_name(db, name)?.ok_or_else(|| unknown(name))?;
    if other.profile == profile {
        return Err(JobError::refused(
            ErrorCode::ProfileNotAdded,
            "nobody is their own contact",
        ));
    }
    let standing = blocks::standing(db, profile, other.profile)?;
    if standing.blocks {
        return Err(JobError::refused(
            ErrorCode::NotAllowed,
            "you have blocked that person",
        ));
    }
    let confirmed = match relation(db, profile, other.profile)? {
        Some(Relation::Confirmed) => return Err(already("already a contact")),
        Some(Relation::Pending) => return Err(already("already asked")),
        Some(Relation::Requested) => true,
        // A request that was made while the profile blocked the other one: only they know of it.
        None => relation(db, other.profile, profile)? == Some(Relation::Pending),
    };
    let now = unix_seconds();
    let mut keep = db.prepare_cached(
        "INSERT INTO contacts (profile, other, relation, since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (profile, other) DO UPDATE SET relation = ?3, since = ?4",
    )?;
    let (mine, theirs) = if confirmed {
        (Relation::Confirmed, Relation::Confirmed)
    } else {
        // The same for who is blocked: a list that is full looks full.
        for side in [profile, other.profile] {
            if count(db, side)? >= most {
                return Err(JobError::refused(
                    ErrorCode::NotAllowed,
                    format!("a profile has at most {most} contacts"),
                ));
            }
        }
        (Relation::Pending, Relation::Requested)
    };
    // The request of somebody who is blocked reaches nobody.
    let told = confirmed || !standing.blocked;
    keep.execute(params![profile.0, other.profile.0, mine, now])?;
    if told {
        keep.execute(params![other.profile.0, profile.0, theirs, now])?;
    }
    Ok(Pair {
        own,
        other,
        confirmed,
        told,
        unseen: standing.blocked,
    })
}

fn already(detail: &str) -> JobError {
    JobError::refused(ErrorCode::AlreadyContact, detail)
}

fn count(db: &Connection, profile: ProfileId) -> JobResult<u32> {
    Ok(db
        .prepare_cached("SELECT count(*) FROM contacts WHERE profile = ?1")?
        .query_row([profile.0], |row| row.get(0))?)
}

/// 607: withdraws, declines or removes.
pub(crate) fn delete(db: &Connection, profile: ProfileId, name: &Username) -> JobResult<Pair> {
    let missing = || {
        JobError::refused(
            ErrorCode::ContactNotFound,
            format!("{} is not a contact", name.as_str()),
        )
    };
    let own = profiles::by_id(db, profile)?;
    let other = profiles::by_name(db, name)?.ok_or_else(missing)?;
    if relation(db, profile, other.profile)?.is_none() {
        return Err(missing());
    }
    let mut delete = db.prepare_cached("DELETE FROM contacts WHERE profile = ?1 AND other = ?2")?;
    delete.execute([profile.0, other.profile.0])?;
    // Whoever was asked while blocking never knew of it.
    let told = delete.execute([other.profile.0, profile.0])? > 0;
    Ok(Pair {
        own,
        other,
        confirmed: false,
        told,
        unseen: false,
    })
}
