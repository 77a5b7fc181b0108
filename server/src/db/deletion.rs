//! 668: a profile goes, and everything that is its own with it.

use cooee_protocol::{ErrorCode, GroupId, PictureId};
use rusqlite::{Connection, params};

use super::groups::{self, Departure};
use super::profiles::{self, Stored};
use super::{JobError, JobResult, conversations};
use crate::ids::ProfileId;

/// What a profile has left behind.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) own: Stored,
    /// Everybody who had it in their contacts.
    pub(crate) contacts: Vec<ProfileId>,
    /// The groups that it was in.
    pub(crate) groups: Vec<(GroupId, Departure)>,
    /// The pictures that nobody has any more.
    pub(crate) pictures: Vec<PictureId>,
}

/// Deletes the profile, whose password was found to have this hash.
pub(crate) fn delete(db: &Connection, profile: ProfileId, hash: &str) -> JobResult<Gone> {
    // The password may have been changed while this one was looked at.
    if profiles::password_of(db, profile)? != hash {
        return Err(JobError::refused(ErrorCode::AuthFailed, "wrong password"));
    }
    let own = profiles::by_id(db, profile)?;
    let contacts = db
        .prepare_cached("SELECT profile FROM contacts WHERE other = ?1")?
        .query_map([profile.0], |row| row.get(0).map(ProfileId))?
        .collect::<Result<_, _>>()?;
    let mut groups = Vec::new();
    for group in groups::ids_of(db, profile)? {
        let departure = groups::quit(db, profile, &group, &own.name)?;
        groups.push((group, departure));
    }
    for pair in groups::pairs_of(db, profile)? {
        conversations::end(db, &pair)?;
    }
    db.prepare_cached("INSERT INTO departed_authors (profile) VALUES (?1)")?
        .execute([profile.0])?;
    let pictures = forget_pictures(db, profile)?;
    db.prepare_cached("DELETE FROM profiles WHERE id = ?1")?
        .execute([profile.0])?;
    Ok(Gone {
        own,
        contacts,
        groups,
        pictures,
    })
}

/// Forgets the profile's uploads; says which pictures nobody has any more.
fn forget_pictures(db: &Connection, profile: ProfileId) -> JobResult<Vec<PictureId>> {
    let unused: Vec<String> = db
        .prepare_cached(
            "SELECT picture FROM uploads WHERE profile = ?1
             AND NOT EXISTS (SELECT 1 FROM uploads AS others
                             WHERE others.picture = uploads.picture AND others.profile <> ?1)
             AND NOT EXISTS (SELECT 1 FROM profiles
                             WHERE profiles.picture = uploads.picture
                                 AND profiles.picture <> '' AND profiles.id <> ?1)",
        )?
        .query_map([profile.0], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    db.prepare_cached("DELETE FROM uploads WHERE profile = ?1")?
        .execute([profile.0])?;
    let mut forget = db.prepare_cached("DELETE FROM pictures WHERE id = ?1")?;
    let mut pictures = Vec::with_capacity(unused.len());
    for id in unused {
        forget.execute(params![id])?;
        pictures.push(PictureId::parse(&id).ok_or(JobError::Malformed("picture"))?);
    }
    Ok(pictures)
}
