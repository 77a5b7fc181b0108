//! The client's picture of itself, its contacts and its groups.

use cooee_core::signalling::Synchronised;
use cooee_protocol::{
    Contact, Group, GroupId, PictureId, Profile, ServerMessage, Status, Username,
};
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// The own profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Me {
    /// Its name.
    pub name: Username,
    /// Its picture.
    pub picture: PictureId,
    /// Its presence, as contacts see it.
    pub status: Status,
}

impl From<&Profile> for Me {
    fn from(profile: &Profile) -> Self {
        Self {
            name: profile.pseudo.clone(),
            picture: profile.pp.clone(),
            status: profile.status,
        }
    }
}

/// What a message changed; the cache and the events follow from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    Me(Me),
    Contact {
        contact: Contact,
        previous: Option<Username>,
    },
    ContactRemoved(Username),
    Group(Group),
    GroupRemoved(GroupId),
}

/// Profile, contacts and groups as the server last told them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster {
    pub(crate) me: Option<Me>,
    pub(crate) contacts: BTreeMap<Username, Contact>,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    /// How loud people are played whose volume was changed, in percent. The server knows nothing
    /// of it.
    pub(crate) volumes: BTreeMap<Username, u16>,
}

impl Roster {
    /// Takes over everything that a sign-in told.
    pub(crate) fn replace(&mut self, sync: &Synchronised) {
        self.me = Some(Me::from(&sync.profile));
        self.contacts = sync
            .contacts
            .iter()
            .map(|contact| (contact.pseudo.clone(), contact.clone()))
            .collect();
        self.groups = sync
            .groups
            .iter()
            .map(|group| (group.id_group.clone(), group.clone()))
            .collect();
    }

    /// Nobody's presence is known without a connection.
    pub(crate) fn forget_presence(&mut self) {
        if let Some(me) = &mut self.me {
            me.status = Status::Offline;
        }
        for contact in self.contacts.values_mut() {
            match contact.status {
                Status::Online | Status::InCall => contact.status = Status::Offline,
                Status::Offline | Status::Pending | Status::Requested => {}
            }
        }
    }

    /// Applies one message and says what it changed.
    pub(crate) fn apply(&mut self, message: &ServerMessage) -> Vec<Change> {
        match message {
            ServerMessage::Profile(profile) => self.apply_profile(profile),
            ServerMessage::ContactAdded(contact) => {
                self.contacts.remove(&contact.pseudo);
                self.contacts
                    .insert(contact.pseudo.clone(), contact.clone());
                vec![Change::Contact {
                    contact: contact.clone(),
                    previous: None,
                }]
            }
            ServerMessage::ContactDeleted(person) => match self.contacts.remove(&person.pseudo) {
                Some(_) => vec![Change::ContactRemoved(person.pseudo.clone())],
                None => Vec::new(),
            },
            ServerMessage::Group(group) => {
                self.groups.insert(group.id_group.clone(), group.clone());
                vec![Change::Group(group.clone())]
            }
            ServerMessage::MemberAdded(member) => {
                let Some(group) = self.groups.get_mut(&member.id_group) else {
                    // The 201 that follows brings the whole group.
                    return Vec::new();
                };
                if !group.list_pseudo.contains(&member.pseudo) {
                    group.list_pseudo.push(member.pseudo.clone());
                }
                vec![Change::Group(group.clone())]
            }
            ServerMessage::MemberLeft(member) => {
                if self.me.as_ref().is_some_and(|me| me.name == member.pseudo) {
                    return match self.groups.remove(&member.id_group) {
                        Some(_) => vec![Change::GroupRemoved(member.id_group.clone())],
                        None => Vec::new(),
                    };
                }
                let Some(group) = self.groups.get_mut(&member.id_group) else {
                    return Vec::new();
                };
                group.list_pseudo.retain(|name| *name != member.pseudo);
                vec![Change::Group(group.clone())]
            }
            ServerMessage::Groups(_)
            | ServerMessage::Contacts(_)
            | ServerMessage::Error(_)
            | ServerMessage::Ring(_)
            | ServerMessage::Accept(_)
            | ServerMessage::Quit(_)
            | ServerMessage::Exchange(_)
            | ServerMessage::RequestInfo(_)
            | ServerMessage::InfoCall(_)
            | ServerMessage::DistributeInfo(_)
            | ServerMessage::EntryAccepted(_)
            | ServerMessage::NewEntry(_)
            | ServerMessage::Marks(_)
            | ServerMessage::Typing(_)
            | ServerMessage::Entries(_)
            | ServerMessage::Conversations(_)
            | ServerMessage::Blocked(_)
            | ServerMessage::DeleteProfile(_)
            | ServerMessage::Logout(_) => Vec::new(),
        }
    }

    fn apply_profile(&mut self, profile: &Profile) -> Vec<Change> {
        let was = profile.previous_pseudo.as_ref().unwrap_or(&profile.pseudo);
        let mut changes = Vec::new();
        if self
            .me
            .as_ref()
            .is_some_and(|me| me.name == *was || me.name == profile.pseudo)
        {
            let me = Me::from(profile);
            self.me = Some(me.clone());
            changes.push(Change::Me(me));
        } else if let Some(known) = self
            .contacts
            .remove(was)
            .or_else(|| self.contacts.remove(&profile.pseudo))
        {
            // A request that is not confirmed shows no presence.
            let status = match known.status {
                Status::Pending | Status::Requested => known.status,
                Status::Online | Status::Offline | Status::InCall => profile.status,
            };
            let contact = Contact {
                pp: profile.pp.clone(),
                pseudo: profile.pseudo.clone(),
                status,
            };
            self.contacts
                .insert(contact.pseudo.clone(), contact.clone());
            changes.push(Change::Contact {
                contact,
                previous: profile.previous_pseudo.clone(),
            });
        }
        if let Some(previous) = &profile.previous_pseudo {
            if let Some(percent) = self.volumes.remove(previous) {
                self.volumes.insert(profile.pseudo.clone(), percent);
            }
            for group in self.groups.values_mut() {
                let mut renamed = false;
                for name in group.list_pseudo.iter_mut().chain(&mut group.creator) {
                    if name == previous {
                        *name = profile.pseudo.clone();
                        renamed = true;
                    }
                }
                if renamed {
                    changes.push(Change::Group(group.clone()));
                }
            }
        }
        changes
    }
}

impl Roster {
    /// Who one was last, where the cache has lost it.
    pub(crate) fn remember(&mut self, name: Username) {
        self.me.get_or_insert(Me {
            name,
            picture: PictureId::NONE,
            status: Status::Offline,
        });
    }
}
