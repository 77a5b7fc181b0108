//! What was written here and has not arrived yet.

use rusqlite::{Row, params};

use super::{Draft, EntryKind, Outgoing};
use crate::cache::{Cache, CacheError, unexpected_text};

const COLUMNS: &str =
    "id, id_group, kind, target, content_type, body, at, refusal, pseudo, attachments";

impl Cache {
    /// Keeps what was written until it has arrived. The same id again changes nothing.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is kept then, and nothing must be sent.
    pub fn add_to_outbox(&mut self, draft: &Draft) -> Result<(), CacheError> {
        self.connection
            .prepare_cached(
                "INSERT INTO outbox (id, id_group, kind, target, content_type, body, at, pseudo, \
                 attachments) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
                 ON CONFLICT (id) DO NOTHING",
            )?
            .execute(params![
                draft.id,
                draft.id_group,
                draft.kind.as_str(),
                draft.target.as_deref().unwrap_or_default(),
                draft.content_type,
                draft.body,
                draft.at,
                draft.pseudo,
                draft.attachments.join(" ")
            ])?;
        Ok(())
    }

    /// Everything that has not arrived, in the order in which it was written.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn outbox(&self) -> Result<Vec<Outgoing>, CacheError> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM outbox ORDER BY position"))?
            .query_and_then([], outgoing)?
            .collect()
    }

    /// What of one conversation has not arrived, in the order in which it was written.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn outbox_of(&self, id_group: &str) -> Result<Vec<Outgoing>, CacheError> {
        self.connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM outbox WHERE id_group = ?1 ORDER BY position"
            ))?
            .query_and_then([id_group], outgoing)?
            .collect()
    }

    /// What is kept under this id, if it has not arrived.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn outgoing(&self, id: &str) -> Result<Option<Outgoing>, CacheError> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM outbox WHERE id = ?1"))?
            .query_and_then([id], outgoing)?
            .next()
            .transpose()
    }

    /// Forgets a draft that has arrived, and whose entry is held.
    ///
    /// # Errors
    ///
    /// What SQLite reports. A draft that is not there (any more) is no error.
    pub fn arrived_from_outbox(&mut self, id: &str) -> Result<(), CacheError> {
        self.connection
            .prepare_cached("DELETE FROM outbox WHERE id = ?1")?
            .execute([id])?;
        Ok(())
    }

    /// Gives what waits for a person to the conversation with them, whose id is known now, and
    /// that conversation to the person.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn learn_pair(&mut self, pseudo: &str, id_group: &str) -> Result<(), CacheError> {
        let key = self.key(pseudo);
        let waiting: Vec<String> = self
            .connection
            .prepare_cached("SELECT DISTINCT pseudo FROM outbox WHERE id_group = ''")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for spelling in waiting.iter().filter(|waiting| self.key(waiting) == key) {
            self.connection
                .prepare_cached(
                    "UPDATE outbox SET id_group = ?2 WHERE pseudo = ?1 AND id_group = ''",
                )?
                .execute([spelling.as_str(), id_group])?;
        }
        self.connection
            .prepare_cached(
                "UPDATE conversation SET pseudo = ?1 WHERE id_group = ?2 AND pseudo = ''",
            )?
            .execute([pseudo, id_group])?;
        Ok(())
    }

    /// Marks a draft as refused by the server, with a reason that says something. It stays until it is sent again or discarded.
    ///
    /// # Errors
    ///
    /// What SQLite reports. A draft that is not there (any more) is no error.
    pub fn refuse_in_outbox(&mut self, id: &str, reason: &str) -> Result<(), CacheError> {
        self.connection
            .prepare_cached("UPDATE outbox SET refusal = ?2 WHERE id = ?1")?
            .execute([id, reason])?;
        Ok(())
    }

    /// Lets a refused draft wait to be sent again; says whether there is one.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn retry_in_outbox(&mut self, id: &str) -> Result<bool, CacheError> {
        let changed = self
            .connection
            .prepare_cached("UPDATE outbox SET refusal = '' WHERE id = ?1 AND refusal != ''")?
            .execute([id])?;
        Ok(changed == 1)
    }

    /// Forgets a refused draft; says whether there was one. One that waits may be on its way and
    /// stays.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn discard_from_outbox(&mut self, id: &str) -> Result<bool, CacheError> {
        let changed = self
            .connection
            .prepare_cached("DELETE FROM outbox WHERE id = ?1 AND refusal != ''")?
            .execute([id])?;
        Ok(changed == 1)
    }
}

/// The ids in a column of them.
pub(super) fn ids(column: &str) -> Vec<String> {
    column.split_whitespace().map(ToOwned::to_owned).collect()
}

fn outgoing(row: &Row<'_>) -> Result<Outgoing, CacheError> {
    let kind: String = row.get(2)?;
    let (target, refusal): (String, String) = (row.get(3)?, row.get(7)?);
    let attachments: String = row.get(9)?;
    Ok(Outgoing {
        draft: Draft {
            id: row.get(0)?,
            id_group: row.get(1)?,
            kind: EntryKind::parse(&kind).ok_or_else(|| unexpected_text("outbox.kind", &kind))?,
            target: Some(target).filter(|id| !id.is_empty()),
            content_type: row.get(4)?,
            body: row.get(5)?,
            at: row.get(6)?,
            pseudo: row.get(8)?,
            attachments: ids(&attachments),
        },
        refusal: Some(refusal).filter(|reason| !reason.is_empty()),
    })
}
