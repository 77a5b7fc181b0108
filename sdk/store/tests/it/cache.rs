use std::fs;
use std::path::PathBuf;

use cooee_store::{AccountId, Cache, CacheError, CallDirection, NewCall, Profile, Status};
use tempfile::TempDir;

use crate::{alice, contact, fold, group, open};

fn databases(folder: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn profile(pseudo: &str) -> Profile {
    Profile {
        pseudo: pseudo.into(),
        pp: String::new(),
        status: Status::Online,
    }
}

#[test]
fn a_cache_moves_between_threads() {
    fn send<T: Send>() {}
    send::<Cache>();
}

#[test]
fn presence_reads_as_offline_after_opening_again() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache.set_profile(&profile("Alice")).unwrap();
    let contacts = [
        contact("Bob", Status::Online),
        contact("carol", Status::InCall),
        contact("dave", Status::Pending),
        contact("erin", Status::Requested),
    ];
    cache.replace_contacts(&contacts).unwrap();
    assert_eq!(cache.contacts().unwrap(), contacts);
    assert_eq!(cache.profile().unwrap(), Some(profile("Alice")));

    let mut cache = cache.close().unwrap().reopen().unwrap();
    let statuses = |cache: &Cache| -> Vec<Status> {
        let contacts = cache.contacts().unwrap();
        contacts.iter().map(|contact| contact.status).collect()
    };
    assert_eq!(
        statuses(&cache),
        [
            Status::Offline,
            Status::Offline,
            Status::Pending,
            Status::Requested
        ]
    );
    assert_eq!(cache.profile().unwrap().unwrap().status, Status::Offline);

    cache
        .upsert_contact(&contact("carol", Status::Online))
        .unwrap();
    assert_eq!(statuses(&cache)[..2], [Status::Offline, Status::Online]);
}

#[test]
fn names_compare_by_their_folded_form() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache
        .upsert_contact(&contact("Bob", Status::Online))
        .unwrap();
    cache
        .upsert_contact(&contact("BOB", Status::InCall))
        .unwrap();
    assert_eq!(cache.contacts().unwrap(), [contact("BOB", Status::InCall)]);
    cache
        .upsert_group(&group("g", &["Bob", "bob", "carol"]))
        .unwrap();
    assert_eq!(cache.groups().unwrap(), [group("g", &["Bob", "carol"])]);
    assert!(!cache.add_member("g", "CAROL").unwrap());
    assert!(cache.remove_member("g", "bOB").unwrap());
    assert!(cache.remove_contact("bob").unwrap());
    assert!(!cache.remove_contact("bob").unwrap());
}

#[test]
fn somebody_renamed_keeps_presence_places_and_calls() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache
        .replace_contacts(&[
            contact("bob", Status::InCall),
            contact("Robert", Status::Online),
        ])
        .unwrap();
    cache
        .replace_groups(&[group("g", &["alice", "bob", "robert", "carol"])])
        .unwrap();
    let call = NewCall {
        id_group: "p".into(),
        direction: CallDirection::Outgoing,
        peers: vec!["bob".into()],
        started_at: 1,
    };
    cache.record_call_started(&call).unwrap();

    assert!(cache.rename_contact("Bob", "robert").unwrap());
    assert_eq!(
        cache.contacts().unwrap(),
        [contact("robert", Status::InCall)]
    );
    assert_eq!(
        cache.groups().unwrap(),
        [group("g", &["alice", "robert", "carol"])]
    );
    assert_eq!(cache.calls(1, None).unwrap()[0].peers, ["robert"]);

    // Only the spelling changes.
    assert!(cache.rename_contact("robert", "ROBERT").unwrap());
    assert_eq!(
        cache.contacts().unwrap(),
        [contact("ROBERT", Status::InCall)]
    );
    assert!(!cache.rename_contact("nobody", "somebody").unwrap());
}

#[test]
fn the_own_new_name_takes_groups_and_history_along() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache.set_profile(&profile("alice")).unwrap();
    cache.upsert_group(&group("g", &["alice", "bob"])).unwrap();
    // Somebody had the new name before, on this device.
    let alicia = AccountId::new(alice().server, "Alicia");
    Cache::open(folder.path(), &alicia, fold)
        .unwrap()
        .upsert_contact(&contact("stranger", Status::Online))
        .unwrap();

    cache.set_profile(&profile("Alicia")).unwrap();
    let cache = cache.close().unwrap().rename(&alicia).unwrap();
    let cache = cache.reopen().unwrap();
    assert_eq!(cache.groups().unwrap(), [group("g", &["Alicia", "bob"])]);
    assert!(cache.contacts().unwrap().is_empty());
    drop(cache);

    let old = open(&folder);
    assert_eq!(old.profile().unwrap(), None);
}

#[test]
fn accounts_do_not_see_each_other() {
    let folder = TempDir::new().unwrap();
    let accounts = [
        ("wss://one", "alice"),
        ("wss://two", "alice"),
        ("wss://one", "bob"),
        ("wss://on", "ealice"),
    ];
    for (server, pseudo) in accounts {
        let account = AccountId::new(server, pseudo);
        let mut cache = Cache::open(folder.path(), &account, fold).unwrap();
        assert!(cache.contacts().unwrap().is_empty());
        cache.upsert_contact(&contact("x", Status::Online)).unwrap();
    }
    let spelled = AccountId::new("wss://one", "ALICE");
    let cache = Cache::open(folder.path(), &spelled, fold).unwrap();
    assert_eq!(cache.contacts().unwrap().len(), 1);
}

#[test]
fn closing_leaves_one_file_and_deleting_none() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache
        .record_call_started(&NewCall {
            id_group: String::new(),
            direction: CallDirection::Incoming,
            peers: Vec::new(),
            started_at: 0,
        })
        .unwrap();
    assert!(databases(&folder).len() > 1);
    let closed = cache.close().unwrap();
    assert_eq!(databases(&folder).len(), 1);
    closed.delete().unwrap();
    assert!(databases(&folder).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn closing_gives_every_file_descriptor_back() {
    let folder = TempDir::new().unwrap();
    let inside = || {
        fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
            .filter(|target| target.starts_with(folder.path()))
            .count()
    };
    let cache = open(&folder);
    assert!(inside() > 0);
    let closed = cache.close().unwrap();
    assert_eq!(inside(), 0);
    drop(closed.reopen().unwrap());
    assert_eq!(inside(), 0);
}

#[cfg(unix)]
#[test]
fn other_users_cannot_read_any_of_it() {
    use std::os::unix::fs::PermissionsExt;
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("made").join("here");
    let mut cache = Cache::open(&folder, &alice(), fold).unwrap();
    cache
        .upsert_contact(&contact("bob", Status::Online))
        .unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// Turns the bytes of a database into those of a damaged one.
type Damage<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

#[test]
fn a_damaged_cache_is_moved_aside_and_starts_empty() {
    let overwrite = |bytes: &[u8]| bytes.iter().map(|_| b'x').collect::<Vec<u8>>();
    let damage_inside = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        for byte in bytes.iter_mut().skip(4096) {
            *byte = 0x55;
        }
        bytes
    };
    let cut = |bytes: &[u8]| bytes[..5000].to_vec();
    let damages: [Damage<'_>; 3] = [&overwrite, &damage_inside, &cut];

    let folder = TempDir::new().unwrap();
    for damage in damages {
        let mut cache = open(&folder);
        assert!(cache.contacts().unwrap().is_empty());
        cache
            .upsert_contact(&contact("bob", Status::Online))
            .unwrap();
        cache.close().unwrap();
        let path = databases(&folder)
            .into_iter()
            .find(|path| path.extension().unwrap() == "sqlite3")
            .unwrap();
        let damaged = damage(&fs::read(&path).unwrap());
        fs::write(&path, &damaged).unwrap();

        let cache = open(&folder);
        assert!(cache.contacts().unwrap().is_empty());
        drop(cache);
        assert_eq!(fs::read(path.with_extension("corrupt")).unwrap(), damaged);
        // One damaged cache is kept, not one more each time.
        assert_eq!(databases(&folder).len(), 2);
    }
}

#[test]
fn a_data_folder_that_is_none_is_named_in_the_error() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    let error = Cache::open(&file, &alice(), fold).unwrap_err();
    assert!(matches!(error, CacheError::Files { .. }));
    assert!(error.to_string().contains("a-file"), "{error}");
}

#[test]
fn volumes_are_remembered_by_name_and_follow_a_rename() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache
        .upsert_contact(&contact("Bob", Status::Online))
        .unwrap();
    cache.set_volume("Bob", 150).unwrap();
    cache.set_volume("BOB", 60).unwrap();
    cache.set_volume("carol", 999).unwrap();
    cache.set_volume("dave", 0).unwrap();
    cache.set_volume("dave", 100).unwrap();
    let expected = [("BOB".to_owned(), 60), ("carol".to_owned(), 200)];
    assert_eq!(cache.volumes().unwrap(), expected.into());

    cache.rename_contact("Bob", "robert").unwrap();
    cache.remove_contact("robert").unwrap();
    let cache = cache.close().unwrap().reopen().unwrap();
    let expected = [("carol".to_owned(), 200), ("robert".to_owned(), 60)];
    assert_eq!(cache.volumes().unwrap(), expected.into());
}
