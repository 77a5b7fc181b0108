//! The format of the database and how older ones become the newest.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::CacheError;

/// Step `n` turns format `n` into format `n + 1`. A step that was published never changes.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_initial.sql"),
    include_str!("../../migrations/0002_messages.sql"),
    include_str!("../../migrations/0003_volume.sql"),
    include_str!("../../migrations/0004_conversations.sql"),
];

/// Brings the database to the newest format, each step in a transaction of its own.
///
/// # Errors
///
/// [`CacheError::Newer`] when a newer version of the program wrote it; nothing is changed then.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), CacheError> {
    migrate_with(connection, path, MIGRATIONS)
}

pub(super) fn migrate_with(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), CacheError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if version(connection)? == known {
        return Ok(());
    }
    loop {
        // The version is read again under the lock: another process may be migrating as well.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = version(&transaction)?;
        if found == known {
            return Ok(());
        }
        if found > known {
            return Err(CacheError::Newer {
                path: path.to_owned(),
                found,
                known,
            });
        }
        let step = usize::try_from(found)
            .ok()
            .and_then(|index| migrations.get(index))
            .ok_or_else(|| CacheError::Corrupt(format!("its format is {found}")))?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", found.saturating_add(1))?;
        transaction.commit()?;
    }
}

fn version(connection: &Connection) -> Result<i64, CacheError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}
