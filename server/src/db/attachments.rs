//! Which attachments there are, who uploaded them, and who may read them.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{JobResult, unix_seconds};
use crate::ids::ProfileId;

/// The SHA-256 of an attachment.
pub(crate) type Hash = [u8; 32];

/// The size of an attachment that the profile may read: it uploaded it, or sees an entry with it.
pub(crate) fn readable(
    db: &Connection,
    profile: ProfileId,
    attachment: &Hash,
) -> JobResult<Option<i64>> {
    Ok(db
        .prepare_cached(
            "SELECT bytes FROM attachments WHERE id = ?2 AND (
                 EXISTS (SELECT 1 FROM attachment_uploads
                         WHERE profile = ?1 AND attachment = ?2)
                 OR EXISTS (SELECT 1 FROM entry_attachments AS entry
                            JOIN places ON places.conversation = entry.conversation
                                AND places.profile = ?1
                            WHERE entry.attachment = ?2 AND entry.audience IN (0, ?1)
                                AND entry.sequence > places.joined_after))",
        )?
        .query_row(params![profile.0, attachment], |row| row.get(0))
        .optional()?)
}

/// Whether there is room for an upload of so many bytes; notes it if there is.
pub(crate) fn begin(
    db: &Connection,
    profile: ProfileId,
    attachment: &Hash,
    bytes: i64,
    quota: i64,
) -> JobResult<bool> {
    let used: i64 = db
        .prepare_cached(
            "SELECT (SELECT coalesce(sum(bytes), 0) FROM attachment_uploads
                     JOIN attachments ON attachments.id = attachment WHERE profile = ?1)
                  + (SELECT coalesce(sum(bytes), 0) FROM unfinished_uploads
                     WHERE profile = ?1 AND attachment <> ?2)",
        )?
        .query_row(params![profile.0, attachment], |row| row.get(0))?;
    if used.saturating_add(bytes) > quota {
        return Ok(false);
    }
    db.prepare_cached(
        "INSERT INTO unfinished_uploads (profile, attachment, bytes, touched)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (profile, attachment) DO UPDATE SET bytes = ?3, touched = ?4",
    )?
    .execute(params![profile.0, attachment, bytes, unix_seconds()])?;
    Ok(true)
}

/// What an upload of the profile's that is not complete will come to.
pub(crate) fn unfinished(
    db: &Connection,
    profile: ProfileId,
    attachment: &Hash,
) -> JobResult<Option<i64>> {
    Ok(db
        .prepare_cached(
            "SELECT bytes FROM unfinished_uploads WHERE profile = ?1 AND attachment = ?2",
        )?
        .query_row(params![profile.0, attachment], |row| row.get(0))
        .optional()?)
}

/// An upload is complete.
pub(crate) fn finish(
    db: &Connection,
    profile: ProfileId,
    attachment: &Hash,
    bytes: i64,
) -> JobResult<()> {
    forget(db, profile, attachment)?;
    db.prepare_cached(
        "INSERT INTO attachments (id, bytes) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
    )?
    .execute(params![attachment, bytes])?;
    db.prepare_cached(
        "INSERT INTO attachment_uploads (profile, attachment, since) VALUES (?1, ?2, ?3)
         ON CONFLICT (profile, attachment) DO UPDATE SET since = ?3",
    )?
    .execute(params![profile.0, attachment, unix_seconds()])?;
    Ok(())
}

/// An upload comes to nothing.
pub(crate) fn forget(db: &Connection, profile: ProfileId, attachment: &Hash) -> JobResult<()> {
    db.prepare_cached("DELETE FROM unfinished_uploads WHERE profile = ?1 AND attachment = ?2")?
        .execute(params![profile.0, attachment])?;
    Ok(())
}

/// Every upload that is not complete.
pub(crate) fn all_unfinished(db: &Connection) -> JobResult<Vec<(ProfileId, Hash)>> {
    let mut query = db.prepare_cached("SELECT profile, attachment FROM unfinished_uploads")?;
    let rows = query.query_map([], |row| Ok((ProfileId(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// An entry has these attachments.
pub(crate) fn attach(
    db: &Connection,
    entry: [i64; 3],
    author: ProfileId,
    attachments: impl Iterator<Item = Hash>,
) -> JobResult<()> {
    let [conversation, audience, sequence] = entry;
    let mut insert = db.prepare_cached(
        "INSERT INTO entry_attachments (attachment, conversation, audience, sequence, author)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?;
    for hash in attachments {
        insert.execute(params![hash, conversation, audience, sequence, author.0])?;
    }
    Ok(())
}

/// An entry has no attachments any more.
pub(crate) fn detach(db: &Connection, entry: [i64; 3]) -> JobResult<()> {
    db.prepare_cached(
        "DELETE FROM entry_attachments
         WHERE conversation = ?1 AND audience = ?2 AND sequence = ?3",
    )?
    .execute(entry)?;
    Ok(())
}

/// Forgets uploads that nobody went on with since `before` (in seconds), and the attachments that
/// no entry has; says which these are.
pub(crate) fn forget_stale(db: &Connection, before: i64) -> JobResult<Vec<Hash>> {
    db.prepare_cached("DELETE FROM unfinished_uploads WHERE touched < ?1")?
        .execute([before])?;
    db.prepare_cached(
        "DELETE FROM attachment_uploads WHERE since < ?1
         AND NOT EXISTS (SELECT 1 FROM entry_attachments AS entry
                         WHERE entry.author = attachment_uploads.profile
                             AND entry.attachment = attachment_uploads.attachment)",
    )?
    .execute([before])?;
    let gone = db
        .prepare_cached(
            "DELETE FROM attachments
             WHERE NOT EXISTS (SELECT 1 FROM attachment_uploads AS upload
                               WHERE upload.attachment = attachments.id)
                 AND NOT EXISTS (SELECT 1 FROM entry_attachments AS entry
                                 WHERE entry.attachment = attachments.id)
             RETURNING id",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(gone)
}
