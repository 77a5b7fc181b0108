//! How loud people are played.

use std::collections::BTreeMap;

use rusqlite::params;

use super::{Cache, CacheError};

/// The volume of people whose volume was never changed, in percent.
const UNCHANGED: u16 = 100;

/// The loudest that somebody can be played, in percent.
const LOUDEST: u16 = 200;

impl Cache {
    /// The people whose volume was changed, by name, in percent from 0 to 200.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn volumes(&self) -> Result<BTreeMap<String, u16>, CacheError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT pseudo, percent FROM volume")?;
        let mut rows = statement.query([])?;
        let mut volumes = BTreeMap::new();
        while let Some(row) = rows.next()? {
            volumes.insert(row.get(0)?, row.get(1)?);
        }
        Ok(volumes)
    }

    /// Remembers how loud somebody is played, in percent; more than 200 counts as 200.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn set_volume(&mut self, pseudo: &str, percent: u16) -> Result<(), CacheError> {
        let key = self.key(pseudo);
        if percent == UNCHANGED {
            self.connection
                .prepare_cached("DELETE FROM volume WHERE name_key = ?1")?
                .execute([&key])?;
        } else {
            self.connection
                .prepare_cached(
                    "INSERT INTO volume (name_key, pseudo, percent) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (name_key) DO UPDATE \
                     SET pseudo = excluded.pseudo, percent = excluded.percent",
                )?
                .execute(params![key, pseudo, percent.min(LOUDEST)])?;
        }
        Ok(())
    }
}
