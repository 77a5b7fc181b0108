//! Who blocks whom.

use rusqlite::Connection;

use super::JobResult;
use crate::ids::ProfileId;

/// How two profiles stand to each other, seen from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// They are confirmed contacts.
    pub(crate) contact: bool,
    /// The first blocks the second.
    pub(crate) blocks: bool,
    /// The second blocks the first.
    pub(crate) blocked: bool,
}

/// How `profile` stands to `other`.
pub(crate) fn standing(
    db: &Connection,
    profile: ProfileId,
    other: ProfileId,
) -> JobResult<Standing> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM contacts
                            WHERE profile = ?1 AND other = ?2 AND relation = 'confirmed'),
                    EXISTS (SELECT 1 FROM blocks WHERE profile = ?1 AND other = ?2),
                    EXISTS (SELECT 1 FROM blocks WHERE profile = ?2 AND other = ?1)",
        )?
        .query_row([profile.0, other.0], |row| {
            Ok(Standing {
                contact: row.get(0)?,
                blocks: row.get(1)?,
                blocked: row.get(2)?,
            })
        })?)
}
