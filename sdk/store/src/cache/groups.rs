//! The groups and their members.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Cache, CacheError, Group};
use crate::NameKey;

impl Cache {
    /// All groups, in the order of their names.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn groups(&self) -> Result<Vec<Group>, CacheError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id_group, group_name, last_update_date, member.pseudo, creator \
             FROM call_group LEFT JOIN call_group_member AS member USING (id_group) \
             ORDER BY group_name, id_group, member.position",
        )?;
        let mut rows = statement.query([])?;
        let mut groups: Vec<Group> = Vec::new();
        while let Some(row) = rows.next()? {
            let id_group: String = row.get(0)?;
            let member: Option<String> = row.get(3)?;
            match groups.last_mut() {
                Some(group) if group.id_group == id_group => group.members.extend(member),
                _ => groups.push(Group {
                    id_group,
                    group_name: row.get(1)?,
                    members: member.into_iter().collect(),
                    last_update_date: row.get(2)?,
                    creator: row.get(4)?,
                }),
            }
        }
        Ok(groups)
    }

    /// Forgets all groups and writes these. Of several with one id the last one counts.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn replace_groups(&mut self, groups: &[Group]) -> Result<(), CacheError> {
        let name_key = self.name_key;
        let transaction = self.write()?;
        transaction.execute("DELETE FROM call_group", [])?;
        for group in groups {
            write_group(&transaction, name_key, group)?;
        }
        Ok(transaction.commit()?)
    }

    /// Writes one group with all its members, new or known.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn upsert_group(&mut self, group: &Group) -> Result<(), CacheError> {
        let name_key = self.name_key;
        let transaction = self.write()?;
        write_group(&transaction, name_key, group)?;
        Ok(transaction.commit()?)
    }

    /// Adds a member behind the others. Says whether that changed something: not when the group
    /// is unknown or the member in it.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn add_member(&mut self, id_group: &str, pseudo: &str) -> Result<bool, CacheError> {
        let key = self.key(pseudo);
        let transaction = self.write()?;
        let known = transaction
            .prepare_cached("SELECT 1 FROM call_group WHERE id_group = ?1")?
            .query_row([id_group], |_| Ok(()))
            .optional()?
            .is_some();
        let added = known && write_member(&transaction, id_group, &key, pseudo)?;
        transaction.commit()?;
        Ok(added)
    }

    /// Takes a member out of a group; says whether it was in it.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn remove_member(&mut self, id_group: &str, pseudo: &str) -> Result<bool, CacheError> {
        let removed = self
            .connection
            .prepare_cached("DELETE FROM call_group_member WHERE id_group = ?1 AND name_key = ?2")?
            .execute([id_group, &self.key(pseudo)])?;
        Ok(removed > 0)
    }

    /// Forgets a group; says whether there was one.
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn remove_group(&mut self, id_group: &str) -> Result<bool, CacheError> {
        let removed = self
            .connection
            .prepare_cached("DELETE FROM call_group WHERE id_group = ?1")?
            .execute([id_group])?;
        Ok(removed > 0)
    }
}

fn write_group(
    transaction: &Transaction<'_>,
    name_key: NameKey,
    group: &Group,
) -> Result<(), CacheError> {
    transaction
        .prepare_cached(
            "INSERT INTO call_group (id_group, group_name, last_update_date, creator) \
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id_group) DO UPDATE \
             SET group_name = excluded.group_name, last_update_date = excluded.last_update_date, \
                 creator = excluded.creator",
        )?
        .execute(params![
            group.id_group,
            group.group_name,
            group.last_update_date,
            group.creator
        ])?;
    transaction
        .prepare_cached("DELETE FROM call_group_member WHERE id_group = ?1")?
        .execute([&group.id_group])?;
    for member in &group.members {
        write_member(transaction, &group.id_group, &name_key(member), member)?;
    }
    Ok(())
}

fn write_member(
    transaction: &Transaction<'_>,
    id_group: &str,
    key: &str,
    pseudo: &str,
) -> Result<bool, CacheError> {
    let added = transaction
        .prepare_cached(
            "INSERT INTO call_group_member (id_group, position, name_key, pseudo) \
             SELECT ?1, coalesce(max(position) + 1, 0), ?2, ?3 \
             FROM call_group_member WHERE id_group = ?1 \
             ON CONFLICT (id_group, name_key) DO NOTHING",
        )?
        .execute(params![id_group, key, pseudo])?;
    Ok(added > 0)
}
