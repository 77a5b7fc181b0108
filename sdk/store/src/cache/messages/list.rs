//! The list of conversations, how far people have come in them, and who is blocked.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Conversation, Listed, Mark};
use crate::cache::{Cache, CacheError};

const COLUMNS: &str =
    "id_group, pseudo, first, last, head, begins_after, read, told_delivered, told_read";

/// More unread messages than this are not counted: nobody reads the number any more.
const MOST_UNREAD: i64 = 1_000;

impl Cache {
    /// Every conversation, and how much of it is held.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn conversations(&self) -> Result<Vec<Conversation>, CacheError> {
        Ok(self
            .connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM conversation ORDER BY id"))?
            .query_map([], row)?
            .collect::<Result<_, _>>()?)
    }

    /// One conversation, if it is known.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn conversation_of(&self, id_group: &str) -> Result<Option<Conversation>, CacheError> {
        Ok(self
            .connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM conversation WHERE id_group = ?1"
            ))?
            .query_row([id_group], row)
            .optional()?)
    }

    /// Up to where the list of conversations is known; `None` before the first page of it.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn cursor(&self) -> Result<Option<String>, CacheError> {
        Ok(self
            .connection
            .prepare_cached("SELECT cursor FROM conversation_cursor")?
            .query_row([], |row| row.get(0))
            .optional()?)
    }

    /// Writes down a page of the list of conversations and the cursor behind it, in one
    /// transaction. With `restart`, forgets all conversations before; what waits in the outbox
    /// stays.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn list_conversations(
        &mut self,
        listed: &[Listed],
        cursor: &str,
        restart: bool,
    ) -> Result<(), CacheError> {
        let transaction = self.write()?;
        if restart {
            for table in ["entry_words", "conversation", "mark"] {
                transaction
                    .prepare_cached(&format!("DELETE FROM {table}"))?
                    .execute([])?;
            }
            transaction.execute("UPDATE outbox SET id_group = '' WHERE pseudo != ''", [])?;
        }
        for one in listed {
            // Where nothing is held yet, what there is is fetched from its end backwards.
            transaction
                .prepare_cached(
                    "INSERT INTO conversation (id_group, pseudo, first, last, head, begins_after, \
                     read, told_delivered, told_read) \
                     VALUES (?1, ?2, ?3 + 1, ?3, ?3, ?4, ?6, ?5, ?6) \
                     ON CONFLICT (id_group) DO UPDATE SET \
                     pseudo = iif(excluded.pseudo = '', pseudo, excluded.pseudo), \
                     first = iif(first > last AND ?3 > last, ?3 + 1, first), \
                     last = iif(first > last AND ?3 > last, ?3, last), \
                     head = max(head, ?3), \
                     begins_after = max(begins_after, excluded.begins_after), \
                     read = max(read, excluded.read), \
                     told_delivered = max(told_delivered, excluded.told_delivered), \
                     told_read = max(told_read, excluded.told_read)",
                )?
                .execute(params![
                    one.id_group,
                    one.pseudo,
                    one.last,
                    one.begins_after,
                    one.delivered,
                    one.read
                ])?;
        }
        transaction
            .prepare_cached(
                "INSERT INTO conversation_cursor (only_row, cursor) VALUES (1, ?1) \
                 ON CONFLICT (only_row) DO UPDATE SET cursor = excluded.cursor",
            )?
            .execute([cursor])?;
        Ok(transaction.commit()?)
    }

    /// Writes down how far the user has read, which never goes back.
    ///
    /// # Errors
    ///
    /// What SQLite reports. A conversation that is not known is no error.
    pub fn set_read(&mut self, id_group: &str, read: i64) -> Result<(), CacheError> {
        self.connection
            .prepare_cached("UPDATE conversation SET read = max(read, ?2) WHERE id_group = ?1")?
            .execute(params![id_group, read])?;
        Ok(())
    }

    /// Writes down how far the server knows that this account has received and read.
    ///
    /// # Errors
    ///
    /// What SQLite reports. A conversation that is not known is no error.
    pub fn set_told(
        &mut self,
        id_group: &str,
        delivered: i64,
        read: i64,
    ) -> Result<(), CacheError> {
        self.connection
            .prepare_cached(
                "UPDATE conversation SET told_delivered = max(told_delivered, ?2), \
                 told_read = max(told_read, ?3), read = max(read, ?3) WHERE id_group = ?1",
            )?
            .execute(params![id_group, delivered, read])?;
        Ok(())
    }

    /// How many messages of others the user has not read; counted up to a thousand.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn unread(&self, id_group: &str) -> Result<u32, CacheError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM (SELECT 1 FROM entry \
                 JOIN conversation ON conversation.id = entry.conversation \
                 WHERE conversation.id_group = ?1 AND sequence > conversation.read \
                 AND kind NOT IN ('edit', 'delete', 'reaction') AND NOT own AND NOT erased \
                 LIMIT ?2)",
            )?
            .query_row(params![id_group, MOST_UNREAD], |row| row.get(0))?)
    }

    /// Forgets every conversation, the cursor, and what was to be sent.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is forgotten then.
    pub fn forget_conversations(&mut self) -> Result<(), CacheError> {
        let transaction = self.write()?;
        for table in [
            "entry_words",
            "conversation",
            "mark",
            "outbox",
            "conversation_cursor",
        ] {
            transaction
                .prepare_cached(&format!("DELETE FROM {table}"))?
                .execute([])?;
        }
        Ok(transaction.commit()?)
    }

    /// Writes down how far members have received and read, in one transaction. Marks never go back.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn set_marks(&mut self, id_group: &str, marks: &[Mark]) -> Result<(), CacheError> {
        let name_key = self.name_key;
        let transaction = self.write()?;
        for mark in marks {
            write_mark(&transaction, id_group, &name_key(&mark.pseudo), mark)?;
        }
        Ok(transaction.commit()?)
    }

    /// How far the members of a conversation have received and read.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn marks(&self, id_group: &str) -> Result<Vec<Mark>, CacheError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT pseudo, delivered, read FROM mark WHERE id_group = ?1 ORDER BY name_key",
            )?
            .query_map([id_group], |row| {
                Ok(Mark {
                    pseudo: row.get(0)?,
                    delivered: row.get(1)?,
                    read: row.get(2)?,
                })
            })?
            .collect::<Result<_, _>>()?)
    }

    /// Whom this account blocks, by name.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn blocked(&self) -> Result<Vec<String>, CacheError> {
        Ok(self
            .connection
            .prepare_cached("SELECT pseudo FROM blocked ORDER BY name_key")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?)
    }

    /// Writes down whom this account blocks, in place of what was known.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn replace_blocked(&mut self, names: &[String]) -> Result<(), CacheError> {
        let name_key = self.name_key;
        let transaction = self.write()?;
        transaction.execute("DELETE FROM blocked", [])?;
        for name in names {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO blocked (name_key, pseudo) VALUES (?1, ?2)",
                )?
                .execute([name_key(name).as_str(), name])?;
        }
        Ok(transaction.commit()?)
    }
}

/// One conversation by its row.
pub(super) fn conversation(connection: &Connection, id: i64) -> Result<Conversation, CacheError> {
    Ok(connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM conversation WHERE id = ?1"))?
        .query_row([id], row)?)
}

fn row(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id_group: row.get(0)?,
        pseudo: row.get(1)?,
        first: row.get(2)?,
        last: row.get(3)?,
        head: row.get(4)?,
        begins_after: row.get(5)?,
        read: row.get(6)?,
        told_delivered: row.get(7)?,
        told_read: row.get(8)?,
    })
}

fn write_mark(
    connection: &Connection,
    id_group: &str,
    key: &str,
    mark: &Mark,
) -> Result<(), CacheError> {
    connection
        .prepare_cached(
            "INSERT INTO mark (id_group, name_key, pseudo, delivered, read) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id_group, name_key) DO UPDATE SET \
             pseudo = excluded.pseudo, delivered = max(delivered, excluded.delivered), \
             read = max(read, excluded.read)",
        )?
        .execute(params![
            id_group,
            key,
            mark.pseudo,
            mark.delivered,
            mark.read
        ])?;
    Ok(())
}
