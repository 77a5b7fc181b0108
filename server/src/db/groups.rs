//! Groups, their members, and the pairs of direct calls in the database.

use cooee_protocol::{ErrorCode, Group, GroupId, GroupName, Username};
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::blocks;
use super::contacts::{self, Relation};
use super::profiles;
use super::{JobError, JobResult, conversations, date, unix_micros};
use crate::ids::{Person, ProfileId};

/// The bounds that requests about groups keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) groups: u32,
    pub(crate) members: u32,
}

/// The same words whether the group is unknown or not theirs, so that ids cannot be probed.
fn not_theirs() -> JobError {
    JobError::refused(ErrorCode::NotAllowed, "you are not a member of that group")
}

fn is_member(db: &Connection, group: &GroupId, profile: ProfileId) -> JobResult<bool> {
    Ok(db
        .prepare_cached("SELECT 1 FROM members WHERE group_id = ?1 AND profile = ?2")?
        .exists(params![group.as_str(), profile.0])?)
}

/// Everybody in the group, the longest first.
pub(crate) fn members(db: &Connection, group: &GroupId) -> JobResult<Vec<Person>> {
    let mut query = db.prepare_cached(
        "SELECT profiles.id, profiles.name FROM members
         JOIN profiles ON profiles.id = members.profile
         WHERE members.group_id = ?1 ORDER BY members.joined",
    )?;
    let rows = query.query_map([group.as_str()], |row| {
        Ok((ProfileId(row.get(0)?), row.get::<_, String>(1)?))
    })?;
    rows.map(|row| {
        let (profile, text) = row?;
        Ok(Person {
            profile,
            name: profiles::name(&text)?,
        })
    })
    .collect()
}

/// A group as it is now, and who is in it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) group: Group,
    pub(crate) members: Vec<ProfileId>,
}

fn state(db: &Connection, group: &GroupId) -> JobResult<State> {
    let (group_name, creator, updated): (String, i64, i64) = db
        .prepare_cached("SELECT name, creator, updated FROM groups WHERE id = ?1")?
        .query_row([group.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let members = members(db, group)?;
    let creator = members
        .iter()
        .find(|member| member.profile.0 == creator)
        .map(|member| member.name.clone());
    Ok(State {
        members: members.iter().map(|member| member.profile).collect(),
        group: Group {
            id_group: group.clone(),
            group_name: GroupName::parse(&group_name)
                .map_err(|_| JobError::Malformed("group name"))?,
            list_pseudo: members.into_iter().map(|member| member.name).collect(),
            last_update_date: date(updated)?,
            creator,
        },
    })
}

/// Marks a change of the group.
fn touch(db: &Connection, group: &GroupId) -> JobResult<()> {
    db.prepare_cached("UPDATE groups SET updated = max(?2, updated + 1) WHERE id = ?1")?
        .execute(params![group.as_str(), unix_micros()])?;
    Ok(())
}

/// The groups of the profile, in the order in which it joined them.
pub(crate) fn ids_of(db: &Connection, profile: ProfileId) -> JobResult<Vec<GroupId>> {
    let mut query =
        db.prepare_cached("SELECT group_id FROM members WHERE profile = ?1 ORDER BY joined")?;
    let rows = query.query_map([profile.0], |row| row.get::<_, String>(0))?;
    rows.map(|id| group_id(&id?)).collect()
}

fn group_id(text: &str) -> JobResult<GroupId> {
    GroupId::parse(text).map_err(|_| JobError::Malformed("group id"))
}

/// Every group of the profile, in the order in which it joined them.
pub(crate) fn list(db: &Connection, profile: ProfileId) -> JobResult<Vec<Group>> {
    ids_of(db, profile)?
        .iter()
        .map(|group| Ok(state(db, group)?.group))
        .collect()
}

/// Every group of the profile, marked as changed: its name in them is another.
pub(crate) fn renamed_in(db: &Connection, profile: ProfileId) -> JobResult<Vec<State>> {
    ids_of(db, profile)?
        .iter()
        .map(|group| {
            touch(db, group)?;
            state(db, group)
        })
        .collect()
}

fn check_room(db: &Connection, profile: ProfileId, bounds: Bounds) -> JobResult<()> {
    let count: u32 = db
        .prepare_cached("SELECT count(*) FROM members WHERE profile = ?1")?
        .query_row([profile.0], |row| row.get(0))?;
    if count >= bounds.groups {
        return Err(no_room(bounds));
    }
    Ok(())
}

fn no_room(bounds: Bounds) -> JobError {
    JobError::refused(
        ErrorCode::NotAllowed,
        format!("a profile is in at most {} groups", bounds.groups),
    )
}

/// 603: creates a group with one member.
pub(crate) fn create(
    db: &Connection,
    profile: ProfileId,
    name: &GroupName,
    bounds: Bounds,
) -> JobResult<State> {
    check_room(db, profile, bounds)?;
    let group = group_id(&Uuid::now_v7().to_string())?;
    db.prepare_cached("INSERT INTO groups (id, name, creator, updated) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            group.as_str(),
            name.as_str(),
            profile.0,
            unix_micros()
        ])?;
    conversations::begin(db, &group, false)?;
    join(db, &group, profile)?;
    state(db, &group)
}

fn join(db: &Connection, group: &GroupId, profile: ProfileId) -> JobResult<()> {
    db.prepare_cached("INSERT INTO members (group_id, profile) VALUES (?1, ?2)")?
        .execute(params![group.as_str(), profile.0])?;
    conversations::join(db, group, profile)
}

/// 604: adds a contact of a member; returns the group and who was added.
pub(crate) fn add(
    db: &Connection,
    profile: ProfileId,
    group: &GroupId,
    name: &Username,
    bounds: Bounds,
) -> JobResult<(State, Person)> {
    if !is_member(db, group, profile)? {
        return Err(not_theirs());
    }
    let not_added = |detail: String| JobError::refused(ErrorCode::ProfileNotAdded, detail);
    let added = profiles::by_name(db, name)?
        .ok_or_else(|| not_added(format!("there is no profile {} to add", name.as_str())))?;
    if is_member(db, group, added.profile)? {
        return Err(not_added(format!("{} is already a member", name.as_str())));
    }
    if contacts::relation(db, profile, added.profile)? != Some(Relation::Confirmed) {
        return Err(JobError::refused(
            ErrorCode::NotAllowed,
            format!("{} is not a confirmed contact of yours", name.as_str()),
        ));
    }
    // Who blocks looks like somebody whose groups are full.
    let full = if blocks::standing(db, profile, added.profile)?.blocked {
        Err(no_room(bounds))
    } else {
        check_room(db, added.profile, bounds)
    };
    full?;
    let size: u32 = db
        .prepare_cached("SELECT count(*) FROM members WHERE group_id = ?1")?
        .query_row([group.as_str()], |row| row.get(0))?;
    if size >= bounds.members {
        return Err(JobError::refused(
            ErrorCode::NotAllowed,
            format!("a group has at most {} members", bounds.members),
        ));
    }
    join(db, group, added.profile)?;
    touch(db, group)?;
    Ok((state(db, group)?, added.person()))
}

/// What a departure from a group leaves behind.
#[derive(Debug)]
pub(crate) struct Departure {
    /// Who left or was removed.
    pub(crate) gone: Person,
    /// Who is still in it.
    pub(crate) remaining: Vec<ProfileId>,
    /// The group, when it has a new creator.
    pub(crate) inherited: Option<State>,
}

/// 605: leaves, or removes somebody.
pub(crate) fn quit(
    db: &Connection,
    profile: ProfileId,
    group: &GroupId,
    name: &Username,
) -> JobResult<Departure> {
    if !is_member(db, group, profile)? {
        return Err(not_theirs());
    }
    let creator = ProfileId(
        db.prepare_cached("SELECT creator FROM groups WHERE id = ?1")?
            .query_row([group.as_str()], |row| row.get(0))?,
    );
    let gone = members(db, group)?
        .into_iter()
        .find(|member| member.name == *name);
    let gone = match gone {
        Some(gone) if gone.profile == profile || creator == profile => gone,
        Some(_) => {
            return Err(JobError::refused(
                ErrorCode::NotAllowed,
                "only the creator of a group removes its members",
            ));
        }
        None => {
            return Err(JobError::refused(
                ErrorCode::NotAllowed,
                format!("{} is not a member of that group", name.as_str()),
            ));
        }
    };
    db.prepare_cached("DELETE FROM members WHERE group_id = ?1 AND profile = ?2")?
        .execute(params![group.as_str(), gone.profile.0])?;
    conversations::leave(db, group, gone.profile)?;
    let remaining: Vec<_> = members(db, group)?
        .into_iter()
        .map(|member| member.profile)
        .collect();
    let Some(longest) = remaining.first() else {
        db.prepare_cached("DELETE FROM groups WHERE id = ?1")?
            .execute([group.as_str()])?;
        conversations::end(db, group)?;
        return Ok(Departure {
            gone,
            remaining,
            inherited: None,
        });
    };
    touch(db, group)?;
    let inherited = if gone.profile == creator {
        db.prepare_cached("UPDATE groups SET creator = ?2 WHERE id = ?1")?
            .execute(params![group.as_str(), longest.0])?;
        Some(state(db, group)?)
    } else {
        None
    };
    Ok(Departure {
        gone,
        remaining,
        inherited,
    })
}

/// Whom an `id_group` of a call stands for, seen from one profile that has a part in it.
#[derive(Debug, Clone)]
pub(crate) enum Circle {
    /// The direct call with this person.
    Pair(Person),
    /// A group with these members, the profile itself included.
    Group(Vec<Person>),
}

/// What `id` stands for, unless the profile has no part in it.
pub(crate) fn circle(
    db: &Connection,
    profile: ProfileId,
    id: &GroupId,
) -> JobResult<Option<Circle>> {
    if is_member(db, id, profile)? {
        return Ok(Some(Circle::Group(members(db, id)?)));
    }
    let pair: Option<(i64, i64)> = db
        .prepare_cached("SELECT low, high FROM pairs WHERE id = ?1")?
        .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let other = match pair {
        Some((low, high)) if low == profile.0 => high,
        Some((low, high)) if high == profile.0 => low,
        Some(_) | None => return Ok(None),
    };
    let other = profiles::by_id(db, ProfileId(other))?;
    Ok(Some(Circle::Pair(other.person())))
}

/// The lasting id of a pair: of its direct calls and of its conversation.
pub(crate) fn pair(db: &Connection, one: ProfileId, other: ProfileId) -> JobResult<GroupId> {
    if let Some(id) = known_pair(db, one, other)? {
        return Ok(id);
    }
    let (low, high) = (one.0.min(other.0), one.0.max(other.0));
    let id = group_id(&Uuid::new_v4().to_string())?;
    db.prepare_cached("INSERT INTO pairs (id, low, high) VALUES (?1, ?2, ?3)")?
        .execute(params![id.as_str(), low, high])?;
    conversations::begin(db, &id, true)?;
    conversations::join(db, &id, one)?;
    conversations::join(db, &id, other)?;
    Ok(id)
}

/// The same, unless the pair has none yet.
pub(crate) fn known_pair(
    db: &Connection,
    one: ProfileId,
    other: ProfileId,
) -> JobResult<Option<GroupId>> {
    let (low, high) = (one.0.min(other.0), one.0.max(other.0));
    db.prepare_cached("SELECT id FROM pairs WHERE low = ?1 AND high = ?2")?
        .query_row([low, high], |row| row.get::<_, String>(0))
        .optional()?
        .map(|id| group_id(&id))
        .transpose()
}

/// The ids of the pairs that the profile is in.
pub(crate) fn pairs_of(db: &Connection, profile: ProfileId) -> JobResult<Vec<GroupId>> {
    let mut query = db.prepare_cached("SELECT id FROM pairs WHERE low = ?1 OR high = ?1")?;
    let rows = query.query_map([profile.0], |row| row.get::<_, String>(0))?;
    rows.map(|id| group_id(&id?)).collect()
}

/// Everybody who shares a group with the profile.
pub(crate) fn fellows(db: &Connection, profile: ProfileId) -> JobResult<Vec<ProfileId>> {
    let mut query = db.prepare_cached(
        "SELECT DISTINCT fellow.profile FROM members
         JOIN members AS fellow ON fellow.group_id = members.group_id
         WHERE members.profile = ?1 AND fellow.profile <> ?1",
    )?;
    let rows = query.query_map([profile.0], |row| row.get(0).map(ProfileId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
