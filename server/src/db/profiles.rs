//! Profiles in the database.

use cooee_protocol::{ErrorCode, PictureId, Username};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{JobError, JobResult, unix_seconds};
use crate::ids::{Person, ProfileId};

/// A profile without its password.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) profile: ProfileId,
    pub(crate) name: Username,
    pub(crate) picture: PictureId,
}

impl Stored {
    pub(crate) fn person(&self) -> Person {
        Person {
            profile: self.profile,
            name: self.name.clone(),
        }
    }
}

pub(crate) fn name(text: &str) -> JobResult<Username> {
    Username::parse(text).map_err(|_| JobError::Malformed("name"))
}

/// Reads the columns `id, name, picture` from `first` on.
pub(crate) fn stored(row: &Row<'_>, first: usize) -> rusqlite::Result<(ProfileId, String, String)> {
    Ok((
        ProfileId(row.get(first)?),
        row.get(first + 1)?,
        row.get(first + 2)?,
    ))
}

pub(crate) fn parse((profile, text, picture): (ProfileId, String, String)) -> JobResult<Stored> {
    Ok(Stored {
        profile,
        name: name(&text)?,
        picture: PictureId::parse(&picture).ok_or(JobError::Malformed("picture"))?,
    })
}

pub(crate) fn by_id(db: &Connection, profile: ProfileId) -> JobResult<Stored> {
    let row = db
        .prepare_cached("SELECT id, name, picture FROM profiles WHERE id = ?1")?
        .query_row([profile.0], |row| stored(row, 0))?;
    parse(row)
}

pub(crate) fn is_there(db: &Connection, profile: ProfileId) -> JobResult<bool> {
    Ok(db
        .prepare_cached("SELECT 1 FROM profiles WHERE id = ?1")?
        .exists([profile.0])?)
}

pub(crate) fn by_name(db: &Connection, name: &Username) -> JobResult<Option<Stored>> {
    db.prepare_cached("SELECT id, name, picture FROM profiles WHERE name_key = ?1")?
        .query_row([name.key()], |row| stored(row, 0))
        .optional()?
        .map(parse)
        .transpose()
}

/// The profile of that name and the hash of its password.
pub(crate) fn password(db: &Connection, name: &Username) -> JobResult<Option<(ProfileId, String)>> {
    Ok(db
        .prepare_cached("SELECT id, password FROM profiles WHERE name_key = ?1")?
        .query_row([name.key()], |row| {
            Ok((ProfileId(row.get(0)?), row.get(1)?))
        })
        .optional()?)
}

pub(crate) fn password_of(db: &Connection, profile: ProfileId) -> JobResult<String> {
    Ok(db
        .prepare_cached("SELECT password FROM profiles WHERE id = ?1")?
        .query_row([profile.0], |row| row.get(0))?)
}

pub(crate) fn taken(name: &Username) -> JobError {
    JobError::refused(
        ErrorCode::PseudoExists,
        format!("the name {} is taken", name.as_str()),
    )
}

/// Creates a profile.
pub(crate) fn create(db: &Connection, name: &Username, password: &str) -> JobResult<ProfileId> {
    if by_name(db, name)?.is_some() {
        return Err(taken(name));
    }
    // Not SQLite's choice, which would give the id of a profile that is gone a second time.
    let profile = db
        .prepare_cached("UPDATE server SET last_profile = last_profile + 1 RETURNING last_profile")?
        .query_row([], |row| row.get(0).map(ProfileId))?;
    db.prepare_cached(
        "INSERT INTO profiles (id, name, name_key, password, created)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        profile.0,
        name.as_str(),
        name.key(),
        password,
        unix_seconds()
    ])?;
    Ok(profile)
}

/// Renames a profile.
pub(crate) fn rename(db: &Connection, profile: ProfileId, name: &Username) -> JobResult<()> {
    let holder = by_name(db, name)?;
    if holder.is_some_and(|holder| holder.profile != profile) {
        return Err(taken(name));
    }
    db.prepare_cached("UPDATE profiles SET name = ?2, name_key = ?3 WHERE id = ?1")?
        .execute(params![profile.0, name.as_str(), name.key()])?;
    Ok(())
}

pub(crate) fn set_password(db: &Connection, profile: ProfileId, hash: &str) -> JobResult<()> {
    db.prepare_cached("UPDATE profiles SET password = ?2 WHERE id = ?1")?
        .execute(params![profile.0, hash])?;
    Ok(())
}

pub(crate) fn set_picture(
    db: &Connection,
    profile: ProfileId,
    picture: &PictureId,
) -> JobResult<()> {
    let known = picture.is_none()
        || db
            .prepare_cached("SELECT 1 FROM pictures WHERE id = ?1")?
            .exists([picture.as_str()])?;
    if !known {
        return Err(JobError::refused(
            ErrorCode::Invalid,
            "that picture was never uploaded",
        ));
    }
    db.prepare_cached("UPDATE profiles SET picture = ?2 WHERE id = ?1")?
        .execute(params![profile.0, picture.as_str()])?;
    Ok(())
}
