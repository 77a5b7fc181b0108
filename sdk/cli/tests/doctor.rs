//! `cooee doctor` against a server in this process, signed out and signed in.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::process::{Command, Output};

use cooee_server::{Config, Server};
use serde_json::Value;
use tempfile::TempDir;

fn cooee(folder: &TempDir, url: &str, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cooee"))
        .args(["--json", "--credentials", "file", "--server", url, "--data"])
        .arg(folder.path().join("alice"))
        .args(words)
        .env("COOEE_PASSWORD", "correct horse battery")
        .output()
        .unwrap()
}

/// The checks by their names, and whether the command succeeded.
fn doctor(folder: &TempDir, url: &str, words: &[&str]) -> (HashMap<String, Value>, bool) {
    let output = cooee(folder, url, words);
    let text = String::from_utf8(output.stdout).unwrap();
    let checks = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|object| object["event"] == "check")
        .map(|check| (check["name"].as_str().unwrap().to_owned(), check))
        .collect();
    (checks, output.status.success())
}

#[test]
fn every_check_is_told_and_the_exit_status_follows() {
    let folder = TempDir::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config {
        data: folder.path().join("server"),
        listen: "127.0.0.1:0".parse().unwrap(),
        stun: Some("127.0.0.1:0".parse().unwrap()),
        ..Config::default()
    };
    let server = runtime.block_on(Server::start(config)).unwrap();
    let url = format!("ws://{}", server.addr());
    let stun = server.stun_addr().unwrap().to_string();

    let signed_out = doctor(&folder, &url, &["doctor", "--stun", &stun]);
    let registered = cooee(&folder, &url, &["register", "alice"]);
    assert!(registered.status.success(), "{registered:?}");
    // The server says where its STUN is.
    let signed_in = doctor(&folder, &url, &["doctor"]);
    for (checks, succeeded) in [signed_out, signed_in] {
        for name in [
            "server", "tls", "clock", "udp", "nat", "ipv6", "relay", "keyring", "folder",
        ] {
            assert_eq!(checks[name]["ok"], true, "{checks:?}");
            assert_eq!(checks[name]["warning"], false, "{checks:?}");
        }
        let detail = checks["udp"]["detail"].as_str().unwrap();
        assert!(detail.contains(&stun), "{detail}");
        // Whether there is a sound card is this machine's business; the rest follows from it.
        let failed = checks.values().any(|check| check["ok"] == false);
        assert_eq!(succeeded, !failed, "{checks:?}");
        for name in ["microphone", "speaker"] {
            let fine = checks[name]["ok"] == true && checks[name]["warning"] == false;
            assert_eq!(checks[name]["advice"].is_null(), fine, "{checks:?}");
        }
    }

    runtime.block_on(server.shutdown());
    let (checks, succeeded) = doctor(&folder, &url, &["doctor", "--stun", &stun]);
    assert!(!succeeded);
    assert_eq!(checks["server"]["ok"], false);
    assert_eq!(checks["udp"]["ok"], false);
    assert!(checks["server"]["advice"].is_string());
}
