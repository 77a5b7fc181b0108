//! Reading conversations, as they read now.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Row, params};

use super::outbox::ids;
use super::words::query;
use super::{EntryKind, Found, Message, Reaction};
use crate::cache::{Cache, CacheError, unexpected_text};

/// How many messages one page has at most.
const PAGE: u32 = 1_000;

const COLUMNS: &str = "entry.sequence, entry.id, entry.author, entry.at, entry.kind, entry.target, \
     entry.content_type, entry.body, entry.conversation, entry.own, entry.erased, \
     entry.attachments";

impl Cache {
    /// The latest `limit` messages (1000 at most) of what is held of a conversation, in their
    /// order; with `before`, those just before that sequence.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn messages(
        &self,
        id_group: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Message>, CacheError> {
        let Some(conversation) = self.conversation(id_group)? else {
            return Ok(Vec::new());
        };
        let mut messages = self
            .connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM entry WHERE conversation = ?1 AND sequence < ?2 \
                 AND kind NOT IN ('edit', 'delete', 'reaction') ORDER BY sequence DESC LIMIT ?3"
            ))?
            .query_and_then(
                params![conversation, before.unwrap_or(i64::MAX), limit.min(PAGE)],
                message,
            )?
            .collect::<Result<Vec<_>, _>>()?;
        messages.reverse();
        for message in &mut messages {
            self.change(conversation, message)?;
        }
        Ok(messages)
    }

    /// One message of a conversation by its id, if it is held.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn message(&self, id_group: &str, id: &str) -> Result<Option<Message>, CacheError> {
        let Some(conversation) = self.conversation(id_group)? else {
            return Ok(None);
        };
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM entry WHERE conversation = ?1 AND id = ?2 \
             AND kind NOT IN ('edit', 'delete', 'reaction') ORDER BY +sequence LIMIT 1"
        ))?;
        let found = statement
            .query_and_then(params![conversation, id], message)?
            .next()
            .transpose()?;
        let Some(mut message) = found else {
            return Ok(None);
        };
        self.change(conversation, &mut message)?;
        Ok(Some(message))
    }

    /// Messages that have every word of `typed`, the latest first, at most `limit` (1000 at most).
    /// Letters count without their accents and case; the last word may be the beginning of one.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn search_messages(
        &self,
        typed: &str,
        id_group: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Found>, CacheError> {
        let Some(query) = query(typed) else {
            return Ok(Vec::new());
        };
        let rows = self
            .connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS}, conversation.id_group FROM entry_words \
                 CROSS JOIN entry ON entry.row_key = entry_words.rowid \
                 JOIN conversation ON conversation.id = entry.conversation \
                 WHERE entry_words MATCH ?1 AND (?2 IS NULL OR conversation.id_group = ?2) \
                 ORDER BY entry_words.rowid DESC LIMIT ?3"
            ))?
            .query_and_then(params![query, id_group, limit.min(PAGE)], |row| {
                let conversation: i64 = row.get(8)?;
                let id_group: String = row.get(12)?;
                Ok::<_, CacheError>((conversation, id_group, message(row)?))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        rows.into_iter()
            .map(|(conversation, id_group, mut message)| {
                self.change(conversation, &mut message)?;
                Ok(Found { id_group, message })
            })
            .collect()
    }

    fn conversation(&self, id_group: &str) -> Result<Option<i64>, CacheError> {
        Ok(self
            .connection
            .prepare_cached("SELECT id FROM conversation WHERE id_group = ?1")?
            .query_row([id_group], |row| row.get(0))
            .optional()?)
    }

    /// Does to a message what later entries say of it.
    fn change(&self, conversation: i64, message: &mut Message) -> Result<(), CacheError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT kind, author, at, body, content_type, erased FROM entry \
             WHERE conversation = ?1 AND target = ?2 \
             AND kind IN ('edit', 'delete', 'reaction') ORDER BY sequence",
        )?;
        let mut rows = statement.query(params![conversation, message.id])?;
        // By name key: where the person's reaction stands.
        let mut places: HashMap<String, usize> = HashMap::new();
        while let Some(row) = rows.next()? {
            let (kind, author): (String, String) = (row.get(0)?, row.get(1)?);
            let (at, body): (i64, String) = (row.get(2)?, row.get(3)?);
            match EntryKind::parse(&kind) {
                // One that was erased says nothing; what it changed is erased as well.
                Some(EntryKind::Edit | EntryKind::Reaction) if row.get(5)? => {}
                Some(EntryKind::Edit) => {
                    message.body = body;
                    message.content_type = row.get(4)?;
                    message.edited_at = Some(at);
                }
                Some(EntryKind::Delete) => message.deleted = true,
                Some(EntryKind::Reaction) => {
                    let place = *places
                        .entry(self.key(&author))
                        .or_insert(message.reactions.len());
                    match message.reactions.get_mut(place) {
                        Some(reaction) => reaction.body = body,
                        None => message.reactions.push(Reaction { author, body }),
                    }
                }
                Some(EntryKind::Message | EntryKind::Call) | None => {}
            }
        }
        message
            .reactions
            .retain(|reaction| !reaction.body.is_empty());
        if message.deleted {
            message.body.clear();
            message.attachments.clear();
            message.reactions.clear();
            message.edited_at = None;
        }
        Ok(())
    }
}

fn message(row: &Row<'_>) -> Result<Message, CacheError> {
    let (kind, target): (String, String) = (row.get(4)?, row.get(5)?);
    let attachments: String = row.get(11)?;
    Ok(Message {
        sequence: row.get(0)?,
        id: row.get(1)?,
        author: row.get(2)?,
        at: row.get(3)?,
        kind: EntryKind::parse(&kind).ok_or_else(|| unexpected_text("entry.kind", &kind))?,
        reply_to: Some(target).filter(|id| !id.is_empty()),
        content_type: row.get(6)?,
        body: row.get(7)?,
        own: row.get(9)?,
        attachments: ids(&attachments),
        edited_at: None,
        deleted: row.get(10)?,
        reactions: Vec::new(),
    })
}
