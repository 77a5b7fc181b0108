//! `cooee-server doctor`: what it finds, and its exit status.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use cooee_server::{Config, Server};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;

fn doctor(data: &Path, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cooee-server"))
        .arg("doctor")
        .args(["--stun", "127.0.0.1:0", "--data"])
        .arg(data)
        .args(options)
        .output()
        .unwrap()
}

fn checks(output: &Output) -> HashMap<String, Value> {
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|check| (check["name"].as_str().unwrap().to_owned(), check))
        .collect()
}

#[tokio::test]
async fn the_doctor_finds_a_healthy_place_and_what_ails_another() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let healthy = doctor(&data, &["--listen", "127.0.0.1:0"]);
    let text = String::from_utf8(healthy.stdout.clone()).unwrap();
    assert!(healthy.status.success(), "{healthy:?}");
    assert!(text.contains("ok       database    none yet"), "{text}");
    assert!(!data.exists(), "looking changes nothing");

    // A running server over the folder is fine, and its port with it.
    let server = Process::start(&folder).await;
    let url = server.url().to_owned();
    let address = url.trim_start_matches("ws://");
    let address = address.trim_end_matches("/v1/ws");
    let beside = doctor(folder.path(), &["--listen", address, "--json"]);
    assert!(beside.status.success(), "{beside:?}");
    let found = checks(&beside);
    let detail = |name: &str| found[name]["detail"].as_str().unwrap().to_owned();
    assert!(detail("database").contains("running server"), "{found:?}");
    assert!(detail("listen").contains("running"), "{found:?}");
    assert!(detail("reach").contains("this machine only"), "{found:?}");
    // Killed, it leaves its log.
    let mut server = server;
    server.child.kill().await.unwrap();
    let after = doctor(folder.path(), &["--listen", address, "--json"]);
    let found = checks(&after);
    assert_eq!(found["database"]["ok"], true, "{found:?}");

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let chain = folder.path().join("chain.pem");
    let key = folder.path().join("key.pem");
    let one = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let wrong = rcgen::KeyPair::generate().unwrap();
    std::fs::write(&chain, one.cert.pem()).unwrap();
    std::fs::write(&key, wrong.serialize_pem()).unwrap();
    let tls = [
        "--listen",
        &taken,
        "--json",
        "--tls-cert",
        chain.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ];
    let ill = doctor(&data, &tls);
    assert_eq!(ill.status.code(), Some(1));
    let found = checks(&ill);
    for name in ["listen", "tls"] {
        assert_eq!(found[name]["ok"], false, "{found:?}");
        assert!(found[name]["advice"].is_string(), "{found:?}");
    }

    std::fs::write(&key, one.signing_key.serialize_pem()).unwrap();
    let found = checks(&doctor(&data, &tls));
    assert_eq!(found["tls"]["ok"], true, "{found:?}");
    let detail = found["tls"]["detail"].as_str().unwrap();
    assert!(detail.contains("days are left"), "{detail}");
}

#[tokio::test]
async fn the_doctor_reads_a_closed_database_and_leaves_no_file_behind() {
    let folder = TempDir::new().unwrap();
    // A name that a URI would take apart.
    let data = folder.path().join("da?ta #1%");
    let config = Config {
        data: data.clone(),
        listen: "127.0.0.1:0".parse().unwrap(),
        stun: None,
        ..Config::default()
    };
    let server = Server::start(config).await.unwrap();
    server.shutdown().await;
    let files = || {
        let mut names: Vec<_> = std::fs::read_dir(&data)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = files();
    let found = checks(&doctor(&data, &["--listen", "127.0.0.1:0", "--json"]));
    let detail = found["database"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("opens, version"), "{detail}");
    assert_eq!(files(), before);

    std::fs::write(data.join("cooee.sqlite3"), "no database, this").unwrap();
    let ill = doctor(&data, &["--listen", "127.0.0.1:0", "--json"]);
    assert_eq!(ill.status.code(), Some(1));
    assert_eq!(checks(&ill)["database"]["ok"], false);
}
