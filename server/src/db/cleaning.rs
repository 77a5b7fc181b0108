//! Cleaning away what is gone already, a piece at a time.

use rusqlite::{Connection, OptionalExtension as _};

use super::JobResult;

/// Entries of one piece.
const PIECE: i64 = 500;

/// Cleans one piece away; says whether there is more.
pub(crate) fn entries(db: &Connection) -> JobResult<bool> {
    let ended: Option<i64> = db
        .prepare_cached("SELECT conversation FROM ended_conversations LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if let Some(conversation) = ended {
        let cleaned = db
            .prepare_cached(
                "DELETE FROM entries WHERE (conversation, audience, sequence) IN (
                     SELECT conversation, audience, sequence FROM entries
                     WHERE conversation = ?1 LIMIT ?2)",
            )?
            .execute([conversation, PIECE])?;
        if cleaned == 0 {
            db.prepare_cached("DELETE FROM ended_conversations WHERE conversation = ?1")?
                .execute([conversation])?;
        }
        return Ok(true);
    }
    let departed: Option<i64> = db
        .prepare_cached("SELECT profile FROM departed_authors LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(author) = departed else {
        return Ok(false);
    };
    let cleaned = db
        .prepare_cached(
            "UPDATE entries SET author = NULL, content_type = NULL, body = NULL,
                    attachments = x'', erased = 1
             WHERE (conversation, audience, sequence) IN (
                 SELECT conversation, audience, sequence FROM entries
                 WHERE author = ?1 LIMIT ?2)",
        )?
        .execute([author, PIECE])?;
    if cleaned == 0 {
        db.prepare_cached("DELETE FROM departed_authors WHERE profile = ?1")?
            .execute([author])?;
    }
    Ok(true)
}
