//! A call that is over, as an entry.

use cooee_protocol::{CallEntry, CallOutcome, ContentType, Entry, EntryKind, GroupId};
use rusqlite::{Connection, OptionalExtension as _};
use uuid::Uuid;

use super::{Draft, EVERYBODY, News, Target, append, entry_id};
use crate::db::conversations::{self, to_wire};
use crate::db::{JobError, JobResult, blocks, date, profiles};
use crate::ids::ProfileId;

/// Writes down a call that is over; nothing when its conversation or its caller is gone.
pub(crate) fn record_call(
    db: &Connection,
    id_group: &GroupId,
    caller: ProfileId,
    call: &CallEntry,
) -> JobResult<Option<News>> {
    let found: Option<(i64, bool, i64)> = db
        .prepare_cached("SELECT id, pair, shown FROM conversations WHERE id_group = ?1")?
        .query_row([id_group.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((conversation, pair, shown)) = found else {
        return Ok(None);
    };
    if !profiles::is_there(db, caller)? {
        return Ok(None);
    }
    let mut others = conversations::members(db, conversation)?;
    others.retain(|member| *member != caller);
    let mut audience = EVERYBODY;
    let mut others_previous = shown;
    if pair && let Some(other) = others.first().copied() {
        // Whoever blocks the caller was never rung, and misses nothing.
        if call.outcome != CallOutcome::Finished && blocks::standing(db, caller, other)?.blocked {
            audience = caller.0;
            others.clear();
        }
        let theirs = conversations::place(db, other, id_group)?;
        others_previous = theirs.map_or(shown, |theirs| theirs.last());
    }
    let previous = conversations::place(db, caller, id_group)?.map_or(shown, |own| own.last());
    let body = serde_json::to_string(call).map_err(|_| JobError::Malformed("call"))?;
    let id = Uuid::now_v7().into_bytes();
    let target = Target {
        conversation,
        audience,
    };
    let draft = Draft {
        id,
        author: caller,
        kind: EntryKind::Call,
        content_type: Some(ContentType::CALL),
        body: Some(&body),
        reply_to: None,
        refers_to: None,
        attachments: &[],
    };
    let (sequence, time) = append(db, &target, &draft)?.ok_or(JobError::Malformed("entry id"))?;
    let entry = Entry {
        sequence: to_wire(sequence),
        id: entry_id(id)?,
        time: date(time)?,
        pseudo: Some(profiles::by_id(db, caller)?.name),
        kind: EntryKind::Call,
        content_type: Some(ContentType::call()),
        body: Some(body),
        reply_to: None,
        refers_to: None,
        list_attachment: cooee_protocol::Attachments::default(),
        erased: false,
    };
    Ok(Some(News {
        id_group: id_group.clone(),
        entry,
        previous: to_wire(previous),
        others,
        others_previous: to_wire(others_previous),
    }))
}
