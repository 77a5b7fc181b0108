//! Session tokens in the database: hashes only.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{JobResult, unix_seconds};
use crate::ids::{ProfileId, TokenHash};

/// How long an unused token can be resumed, in seconds.
const LIFETIME: i64 = 90 * 24 * 60 * 60;

/// How exactly the last use is known, in seconds: resuming more often writes nothing.
const GRAIN: i64 = 60 * 60;

/// Keeps a new token; the longest unused of the profile go when there are more than `most`.
pub(crate) fn keep(
    db: &Connection,
    profile: ProfileId,
    token: TokenHash,
    most: u32,
) -> JobResult<()> {
    let now = unix_seconds();
    db.prepare_cached("DELETE FROM tokens WHERE profile = ?1 AND used < ?2")?
        .execute(params![profile.0, now.saturating_sub(LIFETIME)])?;
    db.prepare_cached("INSERT INTO tokens (hash, profile, created, used) VALUES (?1, ?2, ?3, ?3)")?
        .execute(params![token.0, profile.0, now])?;
    db.prepare_cached(
        "DELETE FROM tokens WHERE profile = ?1 AND hash <> ?2 AND hash NOT IN (
             SELECT hash FROM tokens WHERE profile = ?1 AND hash <> ?2
             ORDER BY used DESC, created DESC LIMIT ?3
         )",
    )?
    .execute(params![profile.0, token.0, most.saturating_sub(1)])?;
    Ok(())
}

/// Whose token this is, unless it has expired; counts as a use.
pub(crate) fn resume(db: &Connection, token: TokenHash) -> JobResult<Option<ProfileId>> {
    let now = unix_seconds();
    let found = db
        .prepare_cached("SELECT profile, used FROM tokens WHERE hash = ?1 AND used >= ?2")?
        .query_row(params![token.0, now.saturating_sub(LIFETIME)], |row| {
            Ok((ProfileId(row.get(0)?), row.get::<_, i64>(1)?))
        })
        .optional()?;
    if let Some((_, used)) = found
        && now.saturating_sub(used) > GRAIN
    {
        db.prepare_cached("UPDATE tokens SET used = ?2 WHERE hash = ?1")?
            .execute(params![token.0, now])?;
    }
    Ok(found.map(|(profile, _)| profile))
}

/// Like [`resume`], noting the use to the second.
pub(crate) fn touch(db: &Connection, token: TokenHash) -> JobResult<Option<ProfileId>> {
    let found = resume(db, token)?;
    if found.is_some() {
        db.prepare_cached("UPDATE tokens SET used = ?2 WHERE hash = ?1")?
            .execute(params![token.0, unix_seconds()])?;
    }
    Ok(found)
}

/// Revokes one token.
pub(crate) fn revoke(db: &Connection, token: TokenHash) -> JobResult<()> {
    db.prepare_cached("DELETE FROM tokens WHERE hash = ?1")?
        .execute([token.0])?;
    Ok(())
}

/// Revokes every token of the profile but one.
pub(crate) fn revoke_others(db: &Connection, profile: ProfileId, but: TokenHash) -> JobResult<()> {
    db.prepare_cached("DELETE FROM tokens WHERE profile = ?1 AND hash <> ?2")?
        .execute(params![profile.0, but.0])?;
    Ok(())
}
