//! Writing down what the server gave of a conversation.

use rusqlite::{OptionalExtension, Transaction, params};

use super::words::{remove_words, searched, write_words};
use super::{Conversation, Entry, EntryKind, Page};
use crate::cache::{Cache, CacheError};

/// Keys that belong to one millisecond of the server's clock.
const KEYS_PER_MS: i64 = 4_096;

/// Times beyond this, some 35,000 years, are cut off: keys have to fit.
const LATEST_MS: i64 = 1 << 50;

/// A message by its id. Ordered by `+sequence`: by `sequence` alone SQLite would rather walk
/// through the conversation than sort the one row that there is.
const MESSAGE: &str = "SELECT row_key, content_type, body, erased FROM entry \
     WHERE conversation = ?1 AND id = ?2 AND kind = 'message' ORDER BY +sequence LIMIT 1";

/// What changed a message last; a deletion beats all. The kinds are those of the index
/// `entry_change`, word for word, or SQLite would not use it.
const LAST_CHANGE: &str = "SELECT kind, content_type, body FROM entry \
     WHERE conversation = ?1 AND target = ?2 AND kind IN ('edit', 'delete', 'reaction') \
     AND kind <> 'reaction' ORDER BY kind = 'delete' DESC, sequence DESC LIMIT 1";

/// Takes away what edits and reactions of a message say.
const EMPTY_CHANGES: &str = "UPDATE entry SET body = '', attachments = '' \
     WHERE conversation = ?1 AND target = ?2 AND kind IN ('edit', 'delete', 'reaction') \
     AND kind <> 'delete'";

impl Cache {
    /// Writes down a page, and takes what arrived with it out of the outbox, in one transaction.
    ///
    /// A page extends what is held at either end, or begins it. Entries that are held already
    /// change nothing, so that a page may come twice.
    ///
    /// # Errors
    ///
    /// [`CacheError::Gap`] for a page that neither touches nor overlaps what is held, or whose
    /// entries lie outside of it; nothing is written then. And what SQLite reports.
    pub fn write_page(&mut self, page: &Page) -> Result<Conversation, CacheError> {
        let gap = || CacheError::Gap {
            id_group: page.id_group.clone(),
            first: page.first,
            last: page.last,
        };
        let within = |entry: &Entry| (page.first..=page.last).contains(&entry.sequence);
        let sound = page.first >= 1
            && page.last >= page.first.saturating_sub(1)
            && page.head >= page.last
            && page.entries.iter().all(within);
        if !sound {
            return Err(gap());
        }
        let transaction = self.write()?;
        let held = held(&transaction, &page.id_group)?;
        let conversation = match held {
            None => begin(&transaction, page)?,
            Some((conversation, first, last, head)) => {
                // A page of nothing at the beginning of an empty conversation touches everything.
                let touches =
                    page.first <= last.saturating_add(1) && page.last.saturating_add(1) >= first;
                if !touches {
                    return Err(gap());
                }
                let run = (
                    first.min(page.first),
                    last.max(page.last),
                    head.max(page.head),
                );
                transaction
                    .prepare_cached(
                        "UPDATE conversation SET first = ?2, last = ?3, head = ?4 WHERE id = ?1",
                    )?
                    .execute(params![conversation, run.0, run.1, run.2])?;
                conversation
            }
        };
        for entry in &page.entries {
            write_entry(&transaction, conversation, entry)?;
        }
        let written = super::list::conversation(&transaction, conversation)?;
        transaction.commit()?;
        Ok(written)
    }
}

type Held = (i64, i64, i64, i64);

fn held(transaction: &Transaction<'_>, id_group: &str) -> Result<Option<Held>, CacheError> {
    Ok(transaction
        .prepare_cached("SELECT id, first, last, head FROM conversation WHERE id_group = ?1")?
        .query_row([id_group], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?)
}

fn begin(transaction: &Transaction<'_>, page: &Page) -> Result<i64, CacheError> {
    transaction
        .prepare_cached(
            "INSERT INTO conversation (id_group, first, last, head) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![page.id_group, page.first, page.last, page.head])?;
    Ok(transaction.last_insert_rowid())
}

fn write_entry(
    transaction: &Transaction<'_>,
    conversation: i64,
    entry: &Entry,
) -> Result<(), CacheError> {
    if entry.own {
        transaction
            .prepare_cached("DELETE FROM outbox WHERE id = ?1")?
            .execute([&entry.id])?;
    }
    let key = free_key(transaction, entry.at)?;
    let written = transaction
        .prepare_cached(
            "INSERT INTO entry (row_key, conversation, sequence, id, author, at, kind, target, \
             content_type, body, own, erased, attachments) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
             ON CONFLICT (conversation, sequence) DO NOTHING",
        )?
        .execute(params![
            key,
            conversation,
            entry.sequence,
            entry.id,
            entry.author,
            entry.at,
            entry.kind.as_str(),
            entry.target.as_deref().unwrap_or_default(),
            entry.content_type,
            entry.body,
            entry.own,
            entry.erased,
            entry.attachments.join(" ")
        ])?;
    if written == 0 {
        return Ok(());
    }
    // What changes a message may be fetched before it, when one reads backwards, and after it.
    let message = match (entry.kind, &entry.target) {
        (EntryKind::Message, _) => Some(&entry.id),
        (EntryKind::Edit | EntryKind::Delete, target) => target.as_ref(),
        (EntryKind::Reaction | EntryKind::Call, _) => None,
    };
    if let Some(id) = message {
        renew(transaction, conversation, id)?;
    }
    Ok(())
}

/// A key that is free, and among those of the entry's time if there is room.
fn free_key(transaction: &Transaction<'_>, at: i64) -> Result<i64, CacheError> {
    let base = at.clamp(0, LATEST_MS).saturating_mul(KEYS_PER_MS);
    let end = base.saturating_add(KEYS_PER_MS);
    let next: i64 = transaction
        .prepare_cached(
            "SELECT coalesce(max(row_key) + 1, ?1) FROM entry WHERE row_key >= ?1 AND row_key < ?2",
        )?
        .query_row([base, end], |row| row.get(0))?;
    if next < end {
        return Ok(next);
    }
    // So many in one millisecond were not written by people: their order in a search is lost.
    Ok(transaction
        .prepare_cached("SELECT max(row_key) + 1 FROM entry")?
        .query_row([], |row| row.get(0))?)
}

/// Makes the words of a message those that it has now, and its body nothing once it was deleted.
fn renew(transaction: &Transaction<'_>, conversation: i64, id: &str) -> Result<(), CacheError> {
    let message: Option<(i64, String, String, bool)> = transaction
        .prepare_cached(MESSAGE)?
        .query_row(params![conversation, id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((key, content_type, body, erased)) = message else {
        return Ok(());
    };
    let change: Option<(String, String, String)> = transaction
        .prepare_cached(LAST_CHANGE)?
        .query_row(params![conversation, id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    remove_words(transaction, key)?;
    match change {
        Some((kind, _, _)) if erased || kind == EntryKind::Delete.as_str() => {
            // What was withdrawn does not stay on the disk either.
            transaction
                .prepare_cached("UPDATE entry SET body = '', attachments = '' WHERE row_key = ?1")?
                .execute([key])?;
            transaction
                .prepare_cached(EMPTY_CHANGES)?
                .execute(params![conversation, id])?;
            Ok(())
        }
        _ if erased => Ok(()),
        Some((_, content_type, edited)) => {
            write_words(transaction, key, &searched(&content_type, &edited))
        }
        None => write_words(transaction, key, &searched(&content_type, &body)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, EMPTY_CHANGES, LAST_CHANGE, MESSAGE};

    #[test]
    fn an_entry_is_written_without_a_walk_through_its_conversation()
    -> Result<(), Box<dyn std::error::Error>> {
        let cache = Cache::in_memory(str::to_lowercase)?;
        for (sql, index) in [
            (MESSAGE, "entry_by_id (conversation=? AND id=?)"),
            (LAST_CHANGE, "entry_change (conversation=? AND target=?)"),
            (EMPTY_CHANGES, "entry_change (conversation=? AND target=?)"),
        ] {
            let mut plan = cache
                .connection
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let steps = plan.query_map([1, 1], |row| row.get::<_, String>(3))?;
            let steps = steps.collect::<Result<Vec<_>, _>>()?;
            let first = steps.first().map(String::as_str).unwrap_or_default();
            assert!(first.ends_with(index), "{sql}: {steps:?}");
        }
        Ok(())
    }
}
