//! Rows of the cache, and what they are in the protocol's types.

use cooee_protocol::{GroupId, Status, Username};
use cooee_store::{Cache, CacheError};

use crate::roster::{Me, Roster};

pub(super) fn read(cache: &Cache) -> Result<Roster, CacheError> {
    let mut roster = Roster::default();
    if let Some(profile) = cache.profile()? {
        roster.me = loaded_profile(&profile);
    }
    for contact in cache.contacts()? {
        if let Some(contact) = loaded_contact(&contact) {
            roster.contacts.insert(contact.pseudo.clone(), contact);
        }
    }
    for group in cache.groups()? {
        if let Some(group) = loaded_group(group) {
            roster.groups.insert(group.id_group.clone(), group);
        }
    }
    for (name, percent) in cache.volumes()? {
        if let Ok(name) = Username::parse(&name) {
            roster.volumes.insert(name, percent);
        }
    }
    Ok(roster)
}

fn stored_status(status: Status) -> cooee_store::Status {
    match status {
        Status::Online => cooee_store::Status::Online,
        Status::Offline => cooee_store::Status::Offline,
        Status::InCall => cooee_store::Status::InCall,
        Status::Pending => cooee_store::Status::Pending,
        Status::Requested => cooee_store::Status::Requested,
    }
}

fn loaded_status(status: cooee_store::Status) -> Status {
    match status {
        cooee_store::Status::Online => Status::Online,
        cooee_store::Status::Offline => Status::Offline,
        cooee_store::Status::InCall => Status::InCall,
        cooee_store::Status::Pending => Status::Pending,
        cooee_store::Status::Requested => Status::Requested,
    }
}

pub(super) fn stored_profile(me: &Me) -> cooee_store::Profile {
    cooee_store::Profile {
        pseudo: me.name.to_string(),
        pp: me.picture.as_str().to_owned(),
        status: stored_status(me.status),
    }
}

fn loaded_profile(profile: &cooee_store::Profile) -> Option<Me> {
    Some(Me {
        name: Username::parse(&profile.pseudo).ok()?,
        picture: cooee_protocol::PictureId::parse(&profile.pp)?,
        status: loaded_status(profile.status),
    })
}

pub(super) fn stored_contact(contact: &cooee_protocol::Contact) -> cooee_store::Contact {
    cooee_store::Contact {
        pseudo: contact.pseudo.to_string(),
        pp: contact.pp.as_str().to_owned(),
        status: stored_status(contact.status),
    }
}

fn loaded_contact(contact: &cooee_store::Contact) -> Option<cooee_protocol::Contact> {
    Some(cooee_protocol::Contact {
        pseudo: Username::parse(&contact.pseudo).ok()?,
        pp: cooee_protocol::PictureId::parse(&contact.pp)?,
        status: loaded_status(contact.status),
    })
}

pub(super) fn stored_group(group: &cooee_protocol::Group) -> cooee_store::Group {
    cooee_store::Group {
        id_group: group.id_group.to_string(),
        group_name: group.group_name.to_string(),
        members: group.list_pseudo.iter().map(ToString::to_string).collect(),
        last_update_date: group.last_update_date.clone(),
        creator: group
            .creator
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

fn loaded_group(group: cooee_store::Group) -> Option<cooee_protocol::Group> {
    Some(cooee_protocol::Group {
        id_group: GroupId::parse(&group.id_group).ok()?,
        group_name: cooee_protocol::GroupName::parse(&group.group_name).ok()?,
        list_pseudo: group
            .members
            .iter()
            .filter_map(|name| Username::parse(name).ok())
            .collect(),
        last_update_date: group.last_update_date,
        creator: Username::parse(&group.creator).ok(),
    })
}
