//! Calls in the database: what a server that comes back has to know of them.

use cooee_protocol::{CallInfo, GroupId};
use rusqlite::{Connection, params};

use super::profiles::{self, Stored};
use super::{JobError, JobResult};
use crate::ids::{ProfileId, TokenHash};

/// A participant as it was noted.
#[derive(Debug, Clone)]
pub(crate) struct SavedPlace {
    pub(crate) profile: ProfileId,
    pub(crate) token: TokenHash,
    pub(crate) info: Option<CallInfo>,
}

/// A call as it was noted.
#[derive(Debug, Clone)]
pub(crate) struct SavedCall {
    pub(crate) id: GroupId,
    pub(crate) direct: bool,
    pub(crate) caller: Option<ProfileId>,
    /// When somebody answered first, in microseconds since 1970.
    pub(crate) answered: Option<i64>,
    pub(crate) places: Vec<SavedPlace>,
}

/// Notes a call in place of what was noted before; one without places is forgotten.
pub(crate) fn save(db: &Connection, call: &SavedCall) -> JobResult<()> {
    let id = call.id.as_str();
    db.prepare_cached("DELETE FROM calls WHERE id = ?1")?
        .execute([id])?;
    if call.places.is_empty() {
        return Ok(());
    }
    db.prepare_cached("INSERT INTO calls (id, direct, caller, answered) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            id,
            call.direct,
            call.caller.map(|caller| caller.0),
            call.answered
        ])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO participants (call, place, profile, token, info) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (place, saved) in (0_i64..).zip(&call.places) {
        let info = serde_json::to_string(&saved.info).map_err(|_| JobError::Malformed("info"))?;
        insert.execute(params![id, place, saved.profile.0, saved.token.0, info])?;
    }
    Ok(())
}

/// Every call that was noted, with the profiles as they are now.
pub(crate) fn load(db: &Connection) -> JobResult<Vec<(SavedCall, Vec<Stored>)>> {
    let mut calls = Vec::new();
    let mut ids = db.prepare("SELECT id, direct, caller, answered FROM calls")?;
    let ids = ids
        .query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get(1)?,
                row.get::<_, Option<i64>>(2)?.map(ProfileId),
                row.get(3)?,
            ))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut participants =
        db.prepare("SELECT profile, token, info FROM participants WHERE call = ?1 ORDER BY place")?;
    for (id, direct, caller, answered) in ids {
        let rows = participants
            .query_map([&id], |row| {
                Ok((
                    ProfileId(row.get(0)?),
                    TokenHash(row.get(1)?),
                    row.get::<_, String>(2)?,
                ))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let mut places = Vec::with_capacity(rows.len());
        let mut people = Vec::with_capacity(rows.len());
        for (profile, token, info) in rows {
            people.push(profiles::by_id(db, profile)?);
            places.push(SavedPlace {
                profile,
                token,
                info: serde_json::from_str(&info).map_err(|_| JobError::Malformed("info"))?,
            });
        }
        let id = GroupId::parse(&id).map_err(|_| JobError::Malformed("call"))?;
        let call = SavedCall {
            id,
            direct,
            caller,
            answered,
            places,
        };
        calls.push((call, people));
    }
    Ok(calls)
}
