//! Numbered migrations: each runs once, in its own transaction, and is never edited afterwards.

use rusqlite::Connection;

const MIGRATIONS: &[&str] = &[
    include_str!("0001_first.sql"),
    include_str!("0002_calls.sql"),
    include_str!("0003_conversations.sql"),
    include_str!("0004_attachments.sql"),
];

/// The version that this server brings a database to.
pub(crate) fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Why a database could not be brought to the version of this server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MigrationError {
    #[error(
        "the database has version {found}, this server knows versions up to {known}: \
         a newer server has written it"
    )]
    Newer { found: i64, known: i64 },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Brings the database to the newest version.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), MigrationError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = newest();
    if found > known {
        return Err(MigrationError::Newer { found, known });
    }
    for (number, sql) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
        tracing::info!(number, "database migrated");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_database_gets_every_migration_once() -> Result<(), MigrationError> {
        let mut connection = Connection::open_in_memory()?;
        migrate(&mut connection)?;
        migrate(&mut connection)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        assert_eq!(version, newest());
        Ok(())
    }

    #[test]
    fn a_newer_database_is_refused() -> Result<(), MigrationError> {
        let mut connection = Connection::open_in_memory()?;
        connection.pragma_update(None, "user_version", 99)?;
        assert!(matches!(
            migrate(&mut connection),
            Err(MigrationError::Newer { found: 99, .. })
        ));
        Ok(())
    }

    #[test]
    fn groups_and_pairs_of_before_get_their_conversations() -> Result<(), MigrationError> {
        let mut connection = Connection::open_in_memory()?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        for (number, sql) in (1..).zip(&MIGRATIONS[..2]) {
            connection.execute_batch(sql)?;
            connection.pragma_update(None, "user_version", number)?;
        }
        connection.execute_batch(
            "INSERT INTO profiles (id, name, name_key, password, created)
             VALUES (3, 'a', 'a', '', 0), (7, 'b', 'b', '', 0);
             INSERT INTO groups (id, name, creator, updated) VALUES ('g', 'g', 3, 0);
             INSERT INTO members (group_id, profile) VALUES ('g', 3), ('g', 7);
             INSERT INTO pairs (id, low, high) VALUES ('p', 3, 7);",
        )?;
        migrate(&mut connection)?;
        let mut query = connection.prepare(
            "SELECT id_group, pair, profile FROM conversations
             JOIN places ON places.conversation = conversations.id
             ORDER BY id_group, profile",
        )?;
        let found = query
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<Vec<(String, bool, i64)>, _>>()?;
        let place = |id: &str, pair, profile| (id.to_owned(), pair, profile);
        let expected = [
            place("g", false, 3),
            place("g", false, 7),
            place("p", true, 3),
            place("p", true, 7),
        ];
        assert_eq!(found, expected);
        let last: i64 =
            connection.query_row("SELECT last_profile FROM server", [], |row| row.get(0))?;
        assert_eq!(last, 7);
        Ok(())
    }

    #[test]
    fn every_table_is_strict() -> Result<(), MigrationError> {
        let mut connection = Connection::open_in_memory()?;
        migrate(&mut connection)?;
        let lax: i64 = connection.query_row(
            "SELECT count(*) FROM pragma_table_list
             WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'",
            [],
            |row| row.get(0),
        )?;
        assert_eq!(lax, 0);
        Ok(())
    }
}
