//! The store as its users see it, in one test binary.
#![allow(clippy::unwrap_used)]

mod cache;
mod child;
mod credentials;
mod history;
mod keyring;
mod messages;
mod model;

use cooee_store::{AccountId, Cache, Contact, Group, Status};
use tempfile::TempDir;

fn fold(name: &str) -> String {
    name.to_lowercase()
}

fn alice() -> AccountId {
    AccountId::new("wss://example.org/v1/ws", "alice")
}

fn open(folder: &TempDir) -> Cache {
    Cache::open(folder.path(), &alice(), fold).unwrap()
}

fn contact(pseudo: &str, status: Status) -> Contact {
    Contact {
        pseudo: pseudo.into(),
        pp: String::new(),
        status,
    }
}

fn group(id_group: &str, members: &[&str]) -> Group {
    Group {
        id_group: id_group.into(),
        group_name: format!("name of {id_group}"),
        members: members.iter().map(|&member| member.into()).collect(),
        last_update_date: "2026-11-23T09:00:00Z".into(),
        creator: "alice".into(),
    }
}
