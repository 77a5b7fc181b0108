//! The cache against the simplest thing that behaves like it.

use std::collections::BTreeMap;

use cooee_store::{Contact, Group, Status};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::{fold, open};

#[derive(Debug, Clone)]
enum Step {
    ReplaceContacts(Vec<Contact>),
    UpsertContact(Contact),
    RemoveContact(String),
    Rename(String, String),
    ReplaceGroups(Vec<Group>),
    UpsertGroup(Group),
    AddMember(String, String),
    RemoveMember(String, String),
    RemoveGroup(String),
    Reopen,
}

#[derive(Default)]
struct Model {
    contacts: BTreeMap<String, Contact>,
    groups: BTreeMap<String, Group>,
}

impl Model {
    fn upsert_contact(&mut self, contact: &Contact) {
        self.contacts.insert(fold(&contact.pseudo), contact.clone());
    }

    fn upsert_group(&mut self, group: &Group) {
        let mut members: Vec<String> = Vec::new();
        for member in &group.members {
            if !members.iter().any(|known| fold(known) == fold(member)) {
                members.push(member.clone());
            }
        }
        let group = Group {
            members,
            ..group.clone()
        };
        self.groups.insert(group.id_group.clone(), group);
    }

    fn rename(&mut self, old: &str, new: &str) {
        let (old, new_key) = (fold(old), fold(new));
        if let Some(mut contact) = self.contacts.remove(&old) {
            new.clone_into(&mut contact.pseudo);
            self.contacts.insert(new_key.clone(), contact);
        }
        for group in self.groups.values_mut() {
            if group.members.iter().any(|member| fold(member) == old) {
                group
                    .members
                    .retain(|member| fold(member) == old || fold(member) != new_key);
                for member in &mut group.members {
                    if fold(member) == old {
                        new.clone_into(member);
                    }
                }
            }
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::ReplaceContacts(contacts) => {
                self.contacts.clear();
                for contact in contacts {
                    self.upsert_contact(contact);
                }
            }
            Step::UpsertContact(contact) => self.upsert_contact(contact),
            Step::RemoveContact(pseudo) => {
                self.contacts.remove(&fold(pseudo));
            }
            Step::Rename(old, new) => self.rename(old, new),
            Step::ReplaceGroups(groups) => {
                self.groups.clear();
                for group in groups {
                    self.upsert_group(group);
                }
            }
            Step::UpsertGroup(group) => self.upsert_group(group),
            Step::AddMember(id, pseudo) => {
                if let Some(group) = self.groups.get_mut(id)
                    && !group
                        .members
                        .iter()
                        .any(|member| fold(member) == fold(pseudo))
                {
                    group.members.push(pseudo.clone());
                }
            }
            Step::RemoveMember(id, pseudo) => {
                if let Some(group) = self.groups.get_mut(id) {
                    group.members.retain(|member| fold(member) != fold(pseudo));
                }
            }
            Step::RemoveGroup(id) => {
                self.groups.remove(id);
            }
            Step::Reopen => {
                for contact in self.contacts.values_mut() {
                    if matches!(contact.status, Status::Online | Status::InCall) {
                        contact.status = Status::Offline;
                    }
                }
            }
        }
    }

    fn contacts(&self) -> Vec<Contact> {
        self.contacts.values().cloned().collect()
    }

    fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<_> = self.groups.values().cloned().collect();
        groups.sort_by(|a, b| (&a.group_name, &a.id_group).cmp(&(&b.group_name, &b.id_group)));
        groups
    }
}

/// Few names, in several spellings, so that they meet.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "A", "b", "B", "c", "é", "É"]).prop_map(str::to_owned)
}

fn id() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["1", "2", "3"]).prop_map(str::to_owned)
}

fn contact() -> impl Strategy<Value = Contact> {
    let status = prop::sample::select(vec![
        Status::Online,
        Status::Offline,
        Status::InCall,
        Status::Pending,
        Status::Requested,
    ]);
    (name(), "[xy]?", status).prop_map(|(pseudo, pp, status)| Contact { pseudo, pp, status })
}

fn group() -> impl Strategy<Value = Group> {
    let members = prop::collection::vec(name(), 0..5);
    (id(), "[xy]?", members, "[0-9]").prop_map(|(id_group, group_name, members, date)| Group {
        id_group,
        group_name,
        members,
        creator: date.clone(),
        last_update_date: date,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => prop::collection::vec(contact(), 0..5).prop_map(Step::ReplaceContacts),
        4 => contact().prop_map(Step::UpsertContact),
        2 => name().prop_map(Step::RemoveContact),
        4 => (name(), name()).prop_map(|(old, new)| Step::Rename(old, new)),
        1 => prop::collection::vec(group(), 0..4).prop_map(Step::ReplaceGroups),
        3 => group().prop_map(Step::UpsertGroup),
        3 => (id(), name()).prop_map(|(id, pseudo)| Step::AddMember(id, pseudo)),
        2 => (id(), name()).prop_map(|(id, pseudo)| Step::RemoveMember(id, pseudo)),
        1 => id().prop_map(Step::RemoveGroup),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_cache_does_what_the_model_does(steps in prop::collection::vec(step(), 1..30)) {
        let folder = TempDir::new().unwrap();
        let mut cache = open(&folder);
        let mut model = Model::default();
        for step in &steps {
            match step {
                Step::ReplaceContacts(contacts) => cache.replace_contacts(contacts).unwrap(),
                Step::UpsertContact(contact) => cache.upsert_contact(contact).unwrap(),
                Step::RemoveContact(pseudo) => {
                    let known = model.contacts.contains_key(&fold(pseudo));
                    prop_assert_eq!(cache.remove_contact(pseudo).unwrap(), known);
                }
                Step::Rename(old, new) => {
                    let known = model.contacts.contains_key(&fold(old));
                    prop_assert_eq!(cache.rename_contact(old, new).unwrap(), known);
                }
                Step::ReplaceGroups(groups) => cache.replace_groups(groups).unwrap(),
                Step::UpsertGroup(group) => cache.upsert_group(group).unwrap(),
                Step::AddMember(id, pseudo) => {
                    cache.add_member(id, pseudo).unwrap();
                }
                Step::RemoveMember(id, pseudo) => {
                    cache.remove_member(id, pseudo).unwrap();
                }
                Step::RemoveGroup(id) => {
                    cache.remove_group(id).unwrap();
                }
                Step::Reopen => cache = cache.close().unwrap().reopen().unwrap(),
            }
            model.apply(step);
            prop_assert_eq!(cache.contacts().unwrap(), model.contacts());
            prop_assert_eq!(cache.groups().unwrap(), model.groups());
        }
    }
}
