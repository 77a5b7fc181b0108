//! Which pictures there are and who uploaded them.

use cooee_protocol::PictureId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::JobResult;
use crate::ids::ProfileId;

/// The bytes that the profile has uploaded, without those of `but`.
pub(crate) fn uploaded(db: &Connection, profile: ProfileId, but: &PictureId) -> JobResult<i64> {
    Ok(db
        .prepare_cached(
            "SELECT coalesce(sum(pictures.bytes), 0) FROM uploads
             JOIN pictures ON pictures.id = uploads.picture
             WHERE uploads.profile = ?1 AND pictures.id <> ?2",
        )?
        .query_row(params![profile.0, but.as_str()], |row| row.get(0))?)
}

/// Notes an upload; says whether the picture was new to the server.
pub(crate) fn add(
    db: &Connection,
    profile: ProfileId,
    picture: &PictureId,
    media_type: &str,
    bytes: i64,
) -> JobResult<bool> {
    let new = db
        .prepare_cached(
            "INSERT INTO pictures (id, media_type, bytes) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![picture.as_str(), media_type, bytes])?;
    db.prepare_cached(
        "INSERT INTO uploads (profile, picture) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?
    .execute(params![profile.0, picture.as_str()])?;
    Ok(new > 0)
}

/// The media type of a picture, if there is one of that id.
pub(crate) fn media_type(db: &Connection, picture: &PictureId) -> JobResult<Option<String>> {
    Ok(db
        .prepare_cached("SELECT media_type FROM pictures WHERE id = ?1")?
        .query_row([picture.as_str()], |row| row.get(0))
        .optional()?)
}
