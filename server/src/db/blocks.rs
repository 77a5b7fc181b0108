//! Who blocks whom.

use cooee_protocol::{ErrorCode, Username};
use rusqlite::Connection;

use super::profiles::{self, Stored};
use super::{JobError, JobResult};
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

/// A change of whom somebody blocks.
#[derive(Debug)]
pub(crate) struct Blocking {
    /// Everybody whom they block now, by name.
    pub(crate) list: Vec<Username>,
    /// What has changed, if anything.
    pub(crate) changed: Option<Changed>,
}

/// Two people between whom a block began or ended.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) own: Stored,
    pub(crate) other: Stored,
    /// Whether they are confirmed contacts.
    pub(crate) contact: bool,
    /// Whether a request of the other's has gone from the list.
    pub(crate) request_gone: bool,
}

/// 665: blocks somebody.
pub(crate) fn block(
    db: &Connection,
    profile: ProfileId,
    name: &Username,
    most: u32,
) -> JobResult<Blocking> {
    let not_found = |detail: &str| JobError::refused(ErrorCode::ProfileNotAdded, detail);
    let other = profiles::by_name(db, name)?
        .ok_or_else(|| not_found("there is no profile of that name"))?;
    if other.profile == profile {
        return Err(not_found("nobody blocks themselves"));
    }
    let standing = standing(db, profile, other.profile)?;
    if standing.blocks {
        return blocking(db, profile, None);
    }
    let count: u32 = db
        .prepare_cached("SELECT count(*) FROM blocks WHERE profile = ?1")?
        .query_row([profile.0], |row| row.get(0))?;
    if count >= most {
        return Err(JobError::refused(
            ErrorCode::NotAllowed,
            format!("a profile blocks at most {most} people"),
        ));
    }
    db.prepare_cached("INSERT INTO blocks (profile, other) VALUES (?1, ?2)")?
        .execute([profile.0, other.profile.0])?;
    let requests = db
        .prepare_cached(
            "DELETE FROM contacts WHERE profile = ?1 AND other = ?2 AND relation = 'requested'",
        )?
        .execute([profile.0, other.profile.0])?;
    let changed = Changed {
        own: profiles::by_id(db, profile)?,
        other,
        contact: standing.contact,
        request_gone: requests > 0,
    };
    blocking(db, profile, Some(changed))
}

/// 666: blocks somebody no longer.
pub(crate) fn unblock(db: &Connection, profile: ProfileId, name: &Username) -> JobResult<Blocking> {
    let Some(other) = profiles::by_name(db, name)? else {
        return blocking(db, profile, None);
    };
    let ended = db
        .prepare_cached("DELETE FROM blocks WHERE profile = ?1 AND other = ?2")?
        .execute([profile.0, other.profile.0])?;
    if ended == 0 {
        return blocking(db, profile, None);
    }
    let changed = Changed {
        own: profiles::by_id(db, profile)?,
        contact: standing(db, profile, other.profile)?.contact,
        other,
        request_gone: false,
    };
    blocking(db, profile, Some(changed))
}

fn blocking(db: &Connection, profile: ProfileId, changed: Option<Changed>) -> JobResult<Blocking> {
    Ok(Blocking {
        list: list(db, profile)?,
        changed,
    })
}

/// 667: everybody whom the profile blocks, by name.
pub(crate) fn list(db: &Connection, profile: ProfileId) -> JobResult<Vec<Username>> {
    let mut query = db.prepare_cached(
        "SELECT profiles.name FROM blocks JOIN profiles ON profiles.id = blocks.other
         WHERE blocks.profile = ?1 ORDER BY profiles.name_key",
    )?;
    let names = query.query_map([profile.0], |row| row.get::<_, String>(0))?;
    names.map(|name| profiles::name(&name?)).collect()
}

/// Whether one of the two blocks the other.
pub(crate) fn between(db: &Connection, one: ProfileId, other: ProfileId) -> JobResult<bool> {
    let standing = standing(db, one, other)?;
    Ok(standing.blocks || standing.blocked)
}
