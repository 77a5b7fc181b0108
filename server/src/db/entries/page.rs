//! Reading a conversation in pages.

use cooee_protocol::{Entries, Entry, ErrorCode, MAX_PAGE, PullEntries};
use rusqlite::{Connection, params};

use super::{COLUMNS, EVERYBODY, Stored};
use crate::db::conversations::{Place, own_place, to_stored, to_wire};
use crate::db::{JobError, JobResult};
use crate::ids::ProfileId;

/// The most bytes of a page, as JSON.
const MOST_BYTES: usize = 512 * 1024;

/// Which entries a page has.
#[derive(Debug, Clone, Copy)]
enum Side {
    /// The first after a sequence.
    After(i64),
    /// The last before a sequence.
    Before(i64),
}

/// 663: a page of the entries that the profile may see.
pub(crate) fn page(db: &Connection, profile: ProfileId, asked: &PullEntries) -> JobResult<Entries> {
    let side = match (asked.after, asked.before) {
        (Some(after), None) => Side::After(to_stored(after)),
        (None, Some(before)) => Side::Before(to_stored(before)),
        (None, None) => Side::Before(i64::MAX),
        (Some(_), Some(_)) => {
            return Err(JobError::refused(
                ErrorCode::Invalid,
                "either `after` or `before`",
            ));
        }
    };
    let place = own_place(db, profile, &asked.id_group)?;
    let limit = asked.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let limit = usize::try_from(limit).unwrap_or(1);
    let (list_entry, more) = read(db, &place, side, limit)?;
    Ok(Entries {
        id_group: asked.id_group.clone(),
        list_entry,
        more,
        last: to_wire(place.last()),
    })
}

/// The query of one audience's entries on one side of a place.
pub(super) fn query(side_is_after: bool) -> String {
    let (order, bounds) = if side_is_after {
        ("ASC", "sequence > max(?3, ?4)")
    } else {
        ("DESC", "sequence > ?3 AND sequence < ?4")
    };
    format!(
        "SELECT {COLUMNS} FROM entries LEFT JOIN profiles ON profiles.id = entries.author
         WHERE conversation = ?1 AND audience = ?2 AND {bounds}
         ORDER BY sequence {order} LIMIT ?5"
    )
}

fn read(db: &Connection, place: &Place, side: Side, limit: usize) -> JobResult<(Vec<Entry>, bool)> {
    let (after, bound) = match side {
        Side::After(bound) => (true, bound),
        Side::Before(bound) => (false, bound),
    };
    let mut found = Vec::new();
    let audiences = [EVERYBODY, place.profile.0];
    // Most members see nothing that others do not.
    let audiences = &audiences[..if place.own > 0 { 2 } else { 1 }];
    for audience in audiences {
        let mut query = db.prepare_cached(&query(after))?;
        let rows = query.query_map(
            params![
                place.conversation,
                audience,
                place.joined_after,
                bound,
                i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
            ],
            Stored::read,
        )?;
        for row in rows {
            found.push(row?);
        }
    }
    if audiences.len() > 1 {
        found.sort_by_key(|entry| {
            if after {
                entry.sequence
            } else {
                -entry.sequence
            }
        });
    }
    let mut more = found.len() > limit;
    found.truncate(limit);
    let mut page = Vec::with_capacity(found.len());
    let mut bytes = 0;
    for stored in found {
        let entry = stored.entry()?;
        let length = serde_json::to_string(&entry).map_or(MOST_BYTES, |text| text.len() + 1);
        if !page.is_empty() && bytes + length > MOST_BYTES {
            more = true;
            break;
        }
        bytes += length;
        page.push(entry);
    }
    if !after {
        page.reverse();
    }
    Ok((page, more))
}
