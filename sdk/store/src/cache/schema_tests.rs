#![allow(clippy::unwrap_used)]

use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use super::schema::{MIGRATIONS, migrate, migrate_with};
use super::{
    Cache, CacheError, CallDirection, CallId, CallRecord, Contact, Group, INTERRUPTED, Profile,
    Status, files,
};
use crate::AccountId;

/// What a client of each format left behind, from format 1 on.
const FIXTURES: &[&str] = &[
    include_str!("../../migrations/fixtures/v1.sql"),
    include_str!("../../migrations/fixtures/v2.sql"),
    include_str!("../../migrations/fixtures/v3.sql"),
    include_str!("../../migrations/fixtures/v4.sql"),
];

fn fold(name: &str) -> String {
    name.to_lowercase()
}

fn alice() -> AccountId {
    AccountId::new("wss://example.org", "Alice")
}

fn database(folder: &TempDir) -> std::path::PathBuf {
    files::database_path(folder.path(), &alice(), fold)
}

fn user_version(path: &Path) -> i64 {
    Connection::open(path)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

fn tables(connection: &Connection) -> Vec<(String, String)> {
    connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn every_older_format_opens_with_everything_in_it() {
    assert_eq!(
        FIXTURES.len(),
        MIGRATIONS.len(),
        "a format lacks its fixture"
    );
    for (index, fixture) in FIXTURES.iter().enumerate() {
        let folder = TempDir::new().unwrap();
        let path = database(&folder);
        let mut old = Connection::open(&path).unwrap();
        migrate_with(&mut old, &path, &MIGRATIONS[..=index]).unwrap();
        old.execute_batch(fixture).unwrap();
        old.close().unwrap();

        let cache = Cache::open(folder.path(), &alice(), fold).unwrap();
        assert_eq!(
            cache.profile().unwrap().unwrap(),
            Profile {
                pseudo: "Alice".into(),
                pp: "aa".into(),
                status: Status::Offline,
            }
        );
        let contact = |pseudo: &str, pp: &str, status| Contact {
            pseudo: pseudo.into(),
            pp: pp.into(),
            status,
        };
        assert_eq!(
            cache.contacts().unwrap(),
            [
                contact("Bob", "bb", Status::Offline),
                contact("carol", "", Status::Pending),
                contact("Dave", "", Status::Requested),
            ]
        );
        assert_eq!(
            cache.groups().unwrap(),
            [Group {
                id_group: "g1".into(),
                group_name: "friends".into(),
                members: vec!["Bob".into(), "Alice".into()],
                last_update_date: "2026-11-20T10:00:00Z".into(),
                creator: String::new(),
            }]
        );
        assert_eq!(
            cache.calls(10, None).unwrap(),
            [
                CallRecord {
                    id: CallId(2),
                    id_group: "g1".into(),
                    direction: CallDirection::Incoming,
                    peers: vec!["Bob".into(), "Erin".into()],
                    started_at: 5000,
                    accepted_at: Some(6000),
                    ended_at: Some(6000),
                    end_reason: Some(INTERRUPTED.into()),
                },
                CallRecord {
                    id: CallId(1),
                    id_group: "p1".into(),
                    direction: CallDirection::Outgoing,
                    peers: vec!["Bob".into()],
                    started_at: 1000,
                    accepted_at: Some(2000),
                    ended_at: Some(3000),
                    end_reason: Some("hung_up".into()),
                },
            ]
        );
        let volumes = cache.volumes().unwrap();
        let expected = if index >= 2 { Some(150) } else { None };
        assert_eq!(volumes.get("Bob").copied(), expected);
        assert_messages(&cache, index);
        cache.close().unwrap();
        assert_eq!(user_version(&path), MIGRATIONS.len() as i64);
    }
}

/// What the fixture of this format holds of conversations.
fn assert_messages(cache: &Cache, index: usize) {
    let messages = cache.messages("g1", None, 10).unwrap();
    let bodies: Vec<_> = messages.iter().map(|one| one.body.as_str()).collect();
    let waiting: Vec<_> = cache.outbox().unwrap();
    let waiting: Vec<_> = waiting
        .iter()
        .map(|one| (one.draft.id.as_str(), one.draft.pseudo.as_str()))
        .collect();
    let held: Vec<_> = cache.conversations().unwrap();
    let held: Vec<_> = held
        .iter()
        .map(|one| (one.id_group.as_str(), one.pseudo.as_str(), one.read))
        .collect();
    match index {
        0 => assert!(bodies.is_empty() && waiting.is_empty() && held.is_empty()),
        1 | 2 => {
            assert_eq!(bodies, ["hello"]);
            assert_eq!(waiting, [("m2", "")]);
            assert_eq!(held, [("g1", "", 0)]);
            assert_eq!(cache.cursor().unwrap(), None);
        }
        _ => {
            assert_eq!(bodies, ["hello"]);
            assert_eq!(waiting, [("m2", ""), ("m3", "Dave")]);
            assert_eq!(held, [("g1", "", 1), ("p1", "Bob", 0)]);
            assert_eq!(cache.cursor().unwrap().as_deref(), Some("c.7"));
            assert_eq!(cache.blocked().unwrap(), ["Mallory"]);
        }
    }
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    Cache::open(folder.path(), &alice(), fold)
        .unwrap()
        .close()
        .unwrap();
    let newer = MIGRATIONS.len() as i64 + 1;
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", newer)
        .unwrap();

    let error = Cache::open(folder.path(), &alice(), fold).unwrap_err();
    assert!(
        matches!(error, CacheError::Newer { found, known, .. } if found == newer && known == newer - 1)
    );
    assert!(error.to_string().contains("update this program"), "{error}");
    assert_eq!(user_version(&path), newer);
    assert!(!path.with_extension("corrupt").exists());
}

#[test]
fn a_step_that_fails_changes_nothing() {
    let mut connection = Connection::open_in_memory().unwrap();
    let broken = [
        MIGRATIONS[0],
        "CREATE TABLE half (a INTEGER NOT NULL) STRICT; INSERT INTO absent VALUES (1);",
    ];
    assert!(migrate_with(&mut connection, Path::new("memory"), &broken).is_err());
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 1);
    assert!(tables(&connection).iter().all(|(name, _)| name != "half"));
}

#[test]
fn processes_that_start_together_migrate_once() {
    let folder = TempDir::new().unwrap();
    std::thread::scope(|scope| {
        let opening: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| Cache::open(folder.path(), &alice(), fold).map(drop)))
            .collect();
        for thread in opening {
            thread.join().unwrap().unwrap();
        }
    });
}

#[test]
fn every_table_is_strict_and_every_column_not_null() {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection, Path::new("memory")).unwrap();
    let lax: Vec<String> = connection
        .prepare(
            "SELECT list.name || '.' || info.name \
             FROM pragma_table_list AS list, pragma_table_info(list.name) AS info \
             WHERE list.schema = 'main' AND list.name NOT LIKE 'sqlite_%' \
               AND list.name NOT LIKE 'entry_words%' \
               AND (NOT list.strict OR NOT info.\"notnull\")",
        )
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(lax.is_empty(), "{lax:?}");
}
