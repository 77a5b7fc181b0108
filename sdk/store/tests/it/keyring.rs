//! The keyring of the operating system, in sessions of their own: a private D-Bus, a keyring
//! daemon and a home folder for each test. Where those programs are missing the tests say so.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use cooee_store::{AccountId, CredentialError, CredentialStore, KeyringStore, Secret};
use tempfile::TempDir;

use crate::child;
use crate::credentials::suite;

const CHILD: &str = "keyring::with_a_keyring";
const UNLOCK: &str = "printf '\\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null";

fn alice() -> AccountId {
    AccountId::new("wss://one.example/v1/ws", "alice")
}

/// Whether the session's programs are here; says why not.
fn programs_present(test: &str) -> bool {
    for program in ["timeout", "dbus-run-session", "gnome-keyring-daemon"] {
        if Command::new(program).arg("--version").output().is_err() {
            eprintln!("skipped: {test}: there is no {program} on this machine");
            return false;
        }
    }
    true
}

/// A D-Bus session that does not wait for ever for a keyring that does not answer.
fn session() -> Command {
    let mut command = Command::new("timeout");
    command.args(["60", "dbus-run-session"]);
    command
}

/// Runs the child's `task` in this home; fails when the child does, or did not run.
fn run(mut command: Command, home: &Path, task: &str) {
    // A file and not a pipe: the session's daemons may outlive it and would keep a pipe open.
    let log = home.join(format!("{task}.log"));
    let output = File::create(&log).unwrap();
    let runtime = home.join("run");
    fs::create_dir_all(&runtime).unwrap();
    let status = command
        .env(child::variable(), task)
        .env("HOME", home)
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_RUNTIME_DIR", &runtime)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .env_remove("GNOME_KEYRING_CONTROL")
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .status()
        .unwrap();
    let printed = fs::read_to_string(&log).unwrap_or_default();
    assert!(status.success(), "{task}: {status}\n{printed}");
    assert!(
        printed.contains("1 passed"),
        "{task} did not run:\n{printed}"
    );
}

/// The child in a D-Bus session of its own, after the shell commands `first`.
fn in_session(home: &Path, first: &str, task: &str) {
    let mut command = session();
    command
        .args(["--", "bash", "-c", &format!("{first}\nexec \"$@\""), "bash"])
        .arg(std::env::current_exe().unwrap())
        .args(child::arguments(CHILD));
    run(command, home, task);
}

#[test]
fn keyring_store() {
    if programs_present("keyring_store") {
        let home = TempDir::new().unwrap();
        in_session(home.path(), UNLOCK, "suite");
    }
}

#[test]
fn a_secret_outlives_process_and_session() {
    if programs_present("a_secret_outlives_process_and_session") {
        let home = TempDir::new().unwrap();
        in_session(home.path(), UNLOCK, "write");
        in_session(home.path(), UNLOCK, "read");
    }
}

#[test]
fn a_locked_keyring_says_so() {
    if programs_present("a_locked_keyring_says_so") {
        let home = TempDir::new().unwrap();
        in_session(home.path(), UNLOCK, "write");
        let start = "gnome-keyring-daemon --start --components=secrets >/dev/null";
        in_session(home.path(), start, "locked");
    }
}

#[test]
fn without_a_bus_there_is_no_store() {
    let home = TempDir::new().unwrap();
    run(child::command(CHILD, "no-bus"), home.path(), "no-bus");
}

#[test]
fn a_bus_without_a_keyring_is_no_store() {
    if programs_present("a_bus_without_a_keyring_is_no_store") {
        let home = TempDir::new().unwrap();
        // A bus that knows no services, so that none is started on demand.
        let configuration = home.path().join("bus.conf");
        fs::write(
            &configuration,
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\
             <busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>\
             <policy context=\"default\"><allow send_destination=\"*\"/>\
             <allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>",
        )
        .unwrap();
        let mut command = session();
        command
            .arg("--config-file")
            .arg(&configuration)
            .arg("--")
            .arg(std::env::current_exe().unwrap())
            .args(child::arguments(CHILD));
        run(command, home.path(), "no-service");
    }
}

#[test]
#[ignore = "other tests run it in sessions of their own"]
fn with_a_keyring() {
    let Some(task) = child::task() else { return };
    let store = KeyringStore::new();
    match task.as_str() {
        "suite" => suite(&store),
        "write" => store.save(&alice(), &Secret::new("kept")).unwrap(),
        "read" => {
            let secret = store.load(&alice()).unwrap().unwrap();
            assert_eq!(secret.expose(), "kept");
        }
        "locked" => {
            for error in [
                store.load(&alice()).unwrap_err(),
                store.save(&alice(), &Secret::new("new")).unwrap_err(),
                store.remove(&alice()).unwrap_err(),
            ] {
                assert!(matches!(error, CredentialError::Locked { .. }), "{error:?}");
                assert!(error.to_string().contains("unlock it"), "{error}");
            }
        }
        "no-bus" | "no-service" => {
            for error in [
                store.load(&alice()).unwrap_err(),
                store.save(&alice(), &Secret::new("new")).unwrap_err(),
                store.remove(&alice()).unwrap_err(),
            ] {
                assert!(
                    matches!(error, CredentialError::NoStore { .. }),
                    "{error:?}"
                );
                assert!(error.to_string().contains("in a file"), "{error}");
                println!("{error}");
            }
        }
        other => panic!("no such task: {other}"),
    }
}
