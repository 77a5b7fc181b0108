//! The entries of conversations: posting them and reading them in pages.

mod call;
mod page;
mod post;
#[cfg(test)]
mod tests;

use cooee_protocol::{AttachmentId, Attachments, ContentType, Entry, EntryId, EntryKind, GroupId};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::conversations::{next_change, to_wire};
use super::{JobError, JobResult, date, profiles, unix_micros};
use crate::ids::ProfileId;
pub(crate) use call::record_call;
pub(crate) use page::page;
pub(crate) use post::{not_sent, post};

/// The bytes of a SHA-256.
const HASH: usize = 32;

/// The audience of what everybody sees.
const EVERYBODY: i64 = 0;

/// An entry that is to be pushed.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) id_group: GroupId,
    pub(crate) entry: Entry,
    /// The place before it, for its author.
    pub(crate) previous: u64,
    /// Who else sees it.
    pub(crate) others: Vec<ProfileId>,
    /// The place before it, for them.
    pub(crate) others_previous: u64,
}

/// An entry before it has its place.
struct Draft<'a> {
    id: [u8; 16],
    author: ProfileId,
    kind: EntryKind,
    content_type: Option<&'a str>,
    body: Option<&'a str>,
    reply_to: Option<[u8; 16]>,
    refers_to: Option<[u8; 16]>,
    attachments: &'a [u8],
}

/// Where an entry goes.
struct Target {
    conversation: i64,
    /// Who sees it: everybody, or its author alone.
    audience: i64,
}

/// Gives an entry the next sequence; says which, and when. Nothing when its id is taken: the job
/// that asked is to fail then, for half of its work is done.
fn append(db: &Connection, target: &Target, draft: &Draft<'_>) -> JobResult<Option<(i64, i64)>> {
    let change = next_change(db)?;
    let sequence = db
        .prepare_cached("SELECT last + 1 FROM conversations WHERE id = ?1")?
        .query_row([target.conversation], |row| row.get::<_, i64>(0))?;
    if target.audience == EVERYBODY {
        db.prepare_cached(
            "UPDATE conversations SET last = ?2, shown = ?2, changed = ?3 WHERE id = ?1",
        )?
        .execute([target.conversation, sequence, change])?;
    } else {
        db.prepare_cached("UPDATE conversations SET last = ?2 WHERE id = ?1")?
            .execute([target.conversation, sequence])?;
        db.prepare_cached(
            "UPDATE places SET own = ?3, changed = ?4 WHERE conversation = ?1 AND profile = ?2",
        )?
        .execute([target.conversation, target.audience, sequence, change])?;
    }
    let time = unix_micros();
    let kind = kind_number(draft.kind)?;
    let mut insert = db.prepare_cached(
        "INSERT INTO entries (conversation, audience, sequence, id, time, author, kind,
                              content_type, body, reply_to, refers_to, attachments)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    let inserted = insert.execute(params![
        target.conversation,
        target.audience,
        sequence,
        draft.id,
        time,
        draft.author.0,
        kind,
        draft.content_type,
        draft.body,
        draft.reply_to,
        draft.refers_to,
        draft.attachments,
    ]);
    match inserted {
        Ok(_) => Ok(Some((sequence, time))),
        Err(error) if is_taken(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a row could not be added because another one has its key.
fn is_taken(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
}

fn kind_number(kind: EntryKind) -> JobResult<i64> {
    match kind {
        EntryKind::Message => Ok(0),
        EntryKind::Edit => Ok(1),
        EntryKind::Deletion => Ok(2),
        EntryKind::Reaction => Ok(3),
        EntryKind::Call => Ok(4),
        EntryKind::Unknown => Err(JobError::Malformed("kind")),
    }
}

fn kind(number: i64) -> JobResult<EntryKind> {
    match number {
        0 => Ok(EntryKind::Message),
        1 => Ok(EntryKind::Edit),
        2 => Ok(EntryKind::Deletion),
        3 => Ok(EntryKind::Reaction),
        4 => Ok(EntryKind::Call),
        _ => Err(JobError::Malformed("kind")),
    }
}

fn id_bytes(id: &EntryId) -> JobResult<[u8; 16]> {
    let id = Uuid::try_parse(id.as_str()).map_err(|_| JobError::Malformed("entry id"))?;
    Ok(id.into_bytes())
}

fn entry_id(bytes: [u8; 16]) -> JobResult<EntryId> {
    let mut text = Uuid::encode_buffer();
    let text = Uuid::from_bytes(bytes).hyphenated().encode_lower(&mut text);
    EntryId::parse(text).map_err(|_| JobError::Malformed("entry id"))
}

/// The SHA-256s of a list, one after the other.
fn hashes(list: &Attachments) -> JobResult<Vec<u8>> {
    let mut bytes = Vec::with_capacity(list.as_slice().len() * HASH);
    for id in list.as_slice() {
        bytes.extend(hash(id)?);
    }
    Ok(bytes)
}

/// The SHA-256 that is an attachment's id.
pub(crate) fn hash(id: &AttachmentId) -> JobResult<[u8; HASH]> {
    let mut bytes = [0; HASH];
    for (byte, digits) in bytes.iter_mut().zip(id.as_str().as_bytes().chunks(2)) {
        *byte = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or(JobError::Malformed("attachment id"))?;
    }
    Ok(bytes)
}

/// A SHA-256 as the id of an attachment.
pub(crate) fn attachment_id(hash: &[u8]) -> JobResult<AttachmentId> {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * HASH);
    for byte in hash {
        write!(text, "{byte:02x}").map_err(|_| JobError::Malformed("attachment id"))?;
    }
    AttachmentId::parse(&text).map_err(|_| JobError::Malformed("attachment id"))
}

fn attachments(bytes: &[u8]) -> JobResult<Attachments> {
    let ids: JobResult<_> = bytes.chunks(HASH).map(attachment_id).collect();
    Attachments::new(ids?).map_err(|_| JobError::Malformed("attachments"))
}

/// The columns that make an [`Entry`], for [`Stored`].
const COLUMNS: &str = "sequence, entries.id, time, profiles.name, kind, content_type, body,
                       reply_to, refers_to, attachments, erased";

/// An entry as the database has it.
struct Stored {
    sequence: i64,
    id: [u8; 16],
    time: i64,
    /// Nothing when the author's profile is gone.
    author: Option<String>,
    kind: i64,
    content_type: Option<String>,
    body: Option<String>,
    reply_to: Option<[u8; 16]>,
    refers_to: Option<[u8; 16]>,
    attachments: Vec<u8>,
    erased: bool,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sequence: row.get(0)?,
            id: row.get(1)?,
            time: row.get(2)?,
            author: row.get(3)?,
            kind: row.get(4)?,
            content_type: row.get(5)?,
            body: row.get(6)?,
            reply_to: row.get(7)?,
            refers_to: row.get(8)?,
            attachments: row.get(9)?,
            erased: row.get(10)?,
        })
    }

    /// The entry as it is shown: whose author is gone says nothing any more.
    fn entry(self) -> JobResult<Entry> {
        let erased = self.erased || self.author.is_none();
        let content_type = self.content_type.filter(|_| !erased);
        Ok(Entry {
            sequence: to_wire(self.sequence),
            id: entry_id(self.id)?,
            time: date(self.time)?,
            pseudo: self.author.as_deref().map(profiles::name).transpose()?,
            kind: kind(self.kind)?,
            content_type: content_type
                .map(|text| ContentType::parse(&text))
                .transpose()
                .map_err(|_| JobError::Malformed("content type"))?,
            body: self.body.filter(|_| !erased),
            reply_to: self.reply_to.map(entry_id).transpose()?,
            refers_to: self.refers_to.map(entry_id).transpose()?,
            list_attachment: if erased {
                Attachments::default()
            } else {
                attachments(&self.attachments)?
            },
            erased,
        })
    }
}
