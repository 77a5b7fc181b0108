//! Contacts in the database.

use cooee_protocol::{ErrorCode, Username};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params};

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

/// Everybody to whom `profile` stands in some relation, by name.
pub(crate) fn list(db: &Connection, profile: ProfileId) -> JobResult<Vec<(Relation, Stored)>> {
    let mut query = db.prepare_cached(
        "SELECT contacts.relation, profiles.id, profiles.name, profiles.picture
         FROM contacts JOIN profiles ON profiles.id = contacts.other
         WHERE contacts.profile = ?1 ORDER BY profiles.name_key",
    )?;
    let rows = query.query_map([profile.0], |row| {
        Ok((row.get(0)?, profiles::stored(row, 1)?))
    })?;
    rows.map(|row| {
        let (relation, stored) = row?;
        Ok((relation, profiles::parse(stored)?))
    })
    .collect()
}

/// Everybody to whom `profile` stands in some relation, without their names.
pub(crate) fn ids(db: &Connection, profile: ProfileId) -> JobResult<Vec<(Relation, ProfileId)>> {
    let mut query = db.prepare_cached("SELECT relation, other FROM contacts WHERE profile = ?1")?;
    let rows = query.query_map([profile.0], |row| Ok((row.get(0)?, ProfileId(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Both ends of a contact after a change.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) own: Stored,
    pub(crate) other: Stored,
    pub(crate) confirmed: bool,
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
    let confirmed = match relation(db, profile, other.profile)? {
        Some(Relation::Confirmed) => return Err(already("already a contact")),
        Some(Relation::Pending) => return Err(already("already asked")),
        Some(Relation::Requested) => true,
        None => false,
    };
    let now = unix_seconds();
    if confirmed {
        let mut confirm = db.prepare_cached(
            "UPDATE contacts SET relation = 'confirmed', since = ?3
             WHERE profile = ?1 AND other = ?2",
        )?;
        confirm.execute(params![profile.0, other.profile.0, now])?;
        confirm.execute(params![other.profile.0, profile.0, now])?;
    } else {
        for side in [profile, other.profile] {
            if count(db, side)? >= most {
                return Err(JobError::refused(
                    ErrorCode::NotAllowed,
                    format!("a profile has at most {most} contacts"),
                ));
            }
        }
        let mut insert = db.prepare_cached(
            "INSERT INTO contacts (profile, other, relation, since) VALUES (?1, ?2, ?3, ?4)",
        )?;
        insert.execute(params![profile.0, other.profile.0, Relation::Pending, now])?;
        insert.execute(params![
            other.profile.0,
            profile.0,
            Relation::Requested,
            now
        ])?;
    }
    Ok(Pair {
        own,
        other,
        confirmed,
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
    let gone = db
        .prepare_cached(
            "DELETE FROM contacts
             WHERE (profile = ?1 AND other = ?2) OR (profile = ?2 AND other = ?1)",
        )?
        .execute([profile.0, other.profile.0])?;
    if gone == 0 {
        return Err(missing());
    }
    Ok(Pair {
        own,
        other,
        confirmed: false,
    })
}
