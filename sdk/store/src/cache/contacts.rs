//! The own profile and the contacts.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Cache, CacheError, Contact, Profile, Status, unexpected_text};

/// How a contact stands in the table: presence is not written down.
fn relation(status: Status) -> &'static str {
    match status {
        Status::Online | Status::Offline | Status::InCall => "confirmed",
        Status::Pending => "pending",
        Status::Requested => "requested",
    }
}

impl Cache {
    /// The own profile; `None` before it was ever written.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn profile(&self) -> Result<Option<Profile>, CacheError> {
        let profile = self
            .connection
            .prepare_cached("SELECT pseudo, pp FROM profile")?
            .query_row([], |row| {
                Ok(Profile {
                    pseudo: row.get(0)?,
                    pp: row.get(1)?,
                    status: self.own_status,
                })
            })
            .optional()?;
        Ok(profile)
    }

    /// Writes the own profile. A new name takes the place of the old one in the groups as well;
    /// the file itself follows by [`ClosedCache::rename`](crate::ClosedCache::rename).
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn set_profile(&mut self, profile: &Profile) -> Result<(), CacheError> {
        let name_key = self.name_key;
        let transaction = self.write()?;
        let before: Option<String> = transaction
            .query_row("SELECT pseudo FROM profile", [], |row| row.get(0))
            .optional()?;
        if let Some(before) = before.filter(|before| *before != profile.pseudo) {
            transaction.execute(
                "UPDATE OR REPLACE call_group_member SET name_key = ?2, pseudo = ?3 \
                 WHERE name_key = ?1",
                params![name_key(&before), name_key(&profile.pseudo), profile.pseudo],
            )?;
        }
        transaction.execute(
            "INSERT INTO profile (only_row, pseudo, pp) VALUES (1, ?1, ?2) \
             ON CONFLICT (only_row) DO UPDATE SET pseudo = excluded.pseudo, pp = excluded.pp",
            params![profile.pseudo, profile.pp],
        )?;
        transaction.commit()?;
        self.own_status = profile.status;
        Ok(())
    }

    /// All contacts, in the order of their folded names.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn contacts(&self) -> Result<Vec<Contact>, CacheError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name_key, pseudo, pp, relation FROM contact ORDER BY name_key",
        )?;
        let mut rows = statement.query([])?;
        let mut contacts = Vec::new();
        while let Some(row) = rows.next()? {
            let key: String = row.get(0)?;
            let relation: String = row.get(3)?;
            let status = match relation.as_str() {
                "confirmed" => self.presence.get(&key).copied().unwrap_or(Status::Offline),
                "pending" => Status::Pending,
                "requested" => Status::Requested,
                other => return Err(unexpected_text("contact.relation", other)),
            };
            contacts.push(Contact {
                pseudo: row.get(1)?,
                pp: row.get(2)?,
                status,
            });
        }
        Ok(contacts)
    }

    /// Forgets all contacts and writes these. Of several with one name the last one counts.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn replace_contacts(&mut self, contacts: &[Contact]) -> Result<(), CacheError> {
        let name_key = self.name_key;
        let transaction = self.write()?;
        transaction.execute("DELETE FROM contact", [])?;
        for contact in contacts {
            write_contact(&transaction, &name_key(&contact.pseudo), contact)?;
        }
        transaction.commit()?;
        self.presence.clear();
        for contact in contacts {
            self.note_presence(contact);
        }
        Ok(())
    }

    /// Writes one contact, new or known.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn upsert_contact(&mut self, contact: &Contact) -> Result<(), CacheError> {
        let key = self.key(&contact.pseudo);
        let transaction = self.write()?;
        write_contact(&transaction, &key, contact)?;
        transaction.commit()?;
        self.note_presence(contact);
        Ok(())
    }

    /// Forgets a contact; says whether there was one. Groups and history keep the name.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn remove_contact(&mut self, pseudo: &str) -> Result<bool, CacheError> {
        let key = self.key(pseudo);
        let removed = self
            .connection
            .prepare_cached("DELETE FROM contact WHERE name_key = ?1")?
            .execute([&key])?;
        self.presence.remove(&key);
        Ok(removed > 0)
    }

    /// Follows somebody to a new name: as a contact, in groups and conversations, in the history
    /// and with the volume. Says whether the old name was a contact.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn rename_contact(&mut self, old: &str, new: &str) -> Result<bool, CacheError> {
        let (old_key, new_key) = (self.key(old), self.key(new));
        let transaction = self.write()?;
        let mut renamed = 0;
        // OR REPLACE: names are unique on the server, so whoever is still written down under the
        // new name has lost it.
        for (table, count) in [
            ("contact", true),
            ("call_group_member", false),
            ("call_peer", false),
            ("volume", false),
            ("mark", false),
            ("blocked", false),
        ] {
            let changed = transaction
                .prepare_cached(&format!(
                    "UPDATE OR REPLACE {table} SET name_key = ?2, pseudo = ?3 WHERE name_key = ?1"
                ))?
                .execute(params![old_key, new_key, new])?;
            if count {
                renamed = changed;
            }
        }
        // What was written keeps the spelling that the server gave.
        for column in ["entry.author", "conversation.pseudo", "outbox.pseudo"] {
            if let Some((table, column)) = column.split_once('.') {
                transaction
                    .prepare_cached(&format!(
                        "UPDATE {table} SET {column} = ?2 WHERE {column} = ?1"
                    ))?
                    .execute([old, new])?;
            }
        }
        transaction.commit()?;
        if renamed > 0 && old_key != new_key {
            match self.presence.remove(&old_key) {
                Some(status) => self.presence.insert(new_key, status),
                None => self.presence.remove(&new_key),
            };
        }
        Ok(renamed > 0)
    }

    fn note_presence(&mut self, contact: &Contact) {
        let key = self.key(&contact.pseudo);
        match contact.status {
            Status::Online | Status::InCall => self.presence.insert(key, contact.status),
            Status::Offline | Status::Pending | Status::Requested => self.presence.remove(&key),
        };
    }
}

fn write_contact(
    transaction: &Transaction<'_>,
    key: &str,
    contact: &Contact,
) -> Result<(), CacheError> {
    // A change of presence alone, the most frequent one, does not touch the disk.
    transaction
        .prepare_cached(
            "INSERT INTO contact (name_key, pseudo, pp, relation) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (name_key) DO UPDATE \
             SET pseudo = excluded.pseudo, pp = excluded.pp, relation = excluded.relation \
             WHERE (pseudo, pp, relation) <> (excluded.pseudo, excluded.pp, excluded.relation)",
        )?
        .execute(params![
            key,
            contact.pseudo,
            contact.pp,
            relation(contact.status)
        ])?;
    Ok(())
}
