//! One suite for every credential store, and what the file store promises beyond it.

use std::fs;

use cooee_store::{AccountId, CredentialError, CredentialStore, FileStore, MemoryStore, Secret};
use tempfile::TempDir;

fn account(server: &str, pseudo: &str) -> AccountId {
    AccountId::new(server, pseudo)
}

fn loaded(store: &dyn CredentialStore, account: &AccountId) -> Option<String> {
    let secret = store.load(account).unwrap();
    secret.map(|secret| secret.expose().to_owned())
}

/// What every store does, starting without any of these accounts.
pub(crate) fn suite(store: &dyn CredentialStore) {
    let one = account("wss://one.example/v1/ws", "alice");
    let other_server = account("wss://two.example/v1/ws", "alice");
    let other_name = account("wss://one.example/v1/ws", "bob");
    let odd = account("ws://[::1]:4\"1\\\n/v1/ws", "élodie\u{1F600} \"x\"");
    assert_eq!(loaded(store, &one), None);
    store.remove(&one).unwrap();

    store.save(&one, &Secret::new("first")).unwrap();
    store.save(&other_server, &Secret::new("second")).unwrap();
    store.save(&other_name, &Secret::new("third")).unwrap();
    let long = "\u{1}\"é".repeat(500);
    store.save(&odd, &Secret::new(long.as_str())).unwrap();
    assert_eq!(loaded(store, &one).as_deref(), Some("first"));
    assert_eq!(loaded(store, &other_server).as_deref(), Some("second"));
    assert_eq!(loaded(store, &other_name).as_deref(), Some("third"));
    assert_eq!(loaded(store, &odd).as_deref(), Some(long.as_str()));

    store.save(&one, &Secret::new("again")).unwrap();
    assert_eq!(loaded(store, &one).as_deref(), Some("again"));
    assert_eq!(loaded(store, &other_name).as_deref(), Some("third"));

    store.remove(&one).unwrap();
    assert_eq!(loaded(store, &one), None);
    assert_eq!(loaded(store, &other_server).as_deref(), Some("second"));
    store.remove(&one).unwrap();
    for account in [&other_server, &other_name, &odd] {
        store.remove(account).unwrap();
        assert_eq!(loaded(store, account), None);
    }
}

#[test]
fn memory_store() {
    suite(&MemoryStore::new());
}

#[test]
fn file_store() {
    let data = TempDir::new().unwrap();
    suite(&FileStore::new(data.path()));
}

#[test]
fn a_secret_does_not_print() {
    let secret = Secret::new("hunter2");
    assert_eq!(
        format!("{secret:?} {:?}", Some(&secret)),
        "Secret(..) Some(Secret(..))"
    );
    let store = MemoryStore::new();
    store.save(&account("s", "p"), &secret).unwrap();
    assert!(!format!("{store:?}").contains("hunter2"));
}

#[test]
fn a_file_outlives_its_store() {
    let data = TempDir::new().unwrap();
    let alice = account("s", "alice");
    FileStore::new(data.path())
        .save(&alice, &Secret::new("token"))
        .unwrap();
    let store = FileStore::new(data.path());
    assert_eq!(loaded(&store, &alice).as_deref(), Some("token"));
}

#[test]
fn looking_makes_no_file() {
    let data = TempDir::new().unwrap();
    let store = FileStore::new(data.path());
    assert_eq!(loaded(&store, &account("s", "alice")), None);
    store.remove(&account("s", "alice")).unwrap();
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
}

#[test]
fn stores_that_save_at_once_lose_nothing() {
    let data = TempDir::new().unwrap();
    let name = |number: usize| account("s", &format!("user{number}"));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let store = FileStore::new(data.path());
            scope.spawn(move || store.save(&name(number), &Secret::new("token")).unwrap());
        }
    });
    let store = FileStore::new(data.path());
    assert!((0..8).all(|number| loaded(&store, &name(number)).is_some()));
}

#[test]
fn a_damaged_file_is_neither_read_nor_replaced() {
    let data = TempDir::new().unwrap();
    let store = FileStore::new(data.path());
    let alice = account("s", "alice");
    store.save(&alice, &Secret::new("hunter2")).unwrap();
    for damaged in [
        "",
        "{\"format\":1,\"entries\":[{\"secret\":\"hunter2\"",
        "{\"format\":2,\"entries\":[]}",
        "[]",
    ] {
        fs::write(store.path(), damaged).unwrap();
        for error in [
            store.load(&alice).unwrap_err(),
            store.save(&alice, &Secret::new("new")).unwrap_err(),
            store.remove(&alice).unwrap_err(),
        ] {
            assert!(matches!(error, CredentialError::Malformed { .. }));
            assert!(!error.to_string().contains("hunter2"));
        }
        assert_eq!(fs::read_to_string(store.path()).unwrap(), damaged);
    }
}

#[cfg(unix)]
mod permissions {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn file_and_folder_are_the_owners_alone() {
        let data = TempDir::new().unwrap();
        let store = FileStore::new(data.path());
        let folder = data.path().join("credentials");
        fs::create_dir(&folder).unwrap();
        set_mode(&folder, 0o755);
        // Left behind by a crash, or laid there by somebody.
        let temporary = folder.join("sessions.json.new");
        fs::write(&temporary, "old").unwrap();
        set_mode(&temporary, 0o666);

        store
            .save(&account("s", "alice"), &Secret::new("token"))
            .unwrap();
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&store.path()), 0o600);
        assert!(!temporary.exists());
    }

    #[test]
    fn a_file_that_others_can_reach_is_refused() {
        let data = TempDir::new().unwrap();
        let store = FileStore::new(data.path());
        let alice = account("s", "alice");
        store.save(&alice, &Secret::new("token")).unwrap();
        for exposed in [0o640, 0o604, 0o620, 0o602] {
            set_mode(&store.path(), exposed);
            for error in [
                store.load(&alice).unwrap_err(),
                store.save(&alice, &Secret::new("new")).unwrap_err(),
            ] {
                assert!(
                    matches!(error, CredentialError::ExposedFile { mode, .. } if mode == exposed)
                );
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
        set_mode(&store.path(), 0o600);
        assert_eq!(loaded(&store, &alice).as_deref(), Some("token"));
    }
}
