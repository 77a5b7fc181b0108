//! Calls that outlive the server.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::calls::info;
use crate::client::{Client, PASSWORD, group};
use crate::process::Process;

/// Waits until so many participants with addresses are noted.
async fn noted(data: &Path, participants: i64) {
    let look = async {
        loop {
            let db = rusqlite::Connection::open(data.join("cooee.sqlite3")).unwrap();
            let sql = "SELECT count(*) FROM participants WHERE info <> 'null'";
            let found: i64 = db.query_row(sql, [], |row| row.get(0)).unwrap();
            if found == participants {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), look)
        .await
        .expect("the call is noted");
}

async fn register(process: &Process, name: &str) -> Client {
    let mut client = Client::connect(process.url()).await;
    let args = json!({"pseudo": name, "password": PASSWORD});
    let told = client.must(601, args, 202).await;
    client.keep(name, &told);
    client
}

async fn come_back(process: &Process, before: &Client) -> Client {
    let mut client = Client::connect(process.url()).await;
    let told = client.must(650, json!({"token": before.token}), 202).await;
    client.keep(&before.name, &told);
    client.expect(208).await;
    client.expect(207).await;
    client
}

#[tokio::test]
async fn a_killed_server_knows_its_calls_again() {
    let data = TempDir::new().unwrap();
    let mut process = Process::start(&data).await;
    let mut alice = register(&process, "alice").await;
    let mut bob = register(&process, "bob").await;
    let mut carol = register(&process, "carol").await;
    crate::client::befriend(&mut alice, &mut bob).await;
    crate::client::befriend(&mut alice, &mut carol).await;
    let id = group(&mut [&mut alice, &mut bob, &mut carol]).await;
    let id = id.as_str();
    let place = json!({"id_group": id, "list_pseudo": ["bob"], "address": "0.0.0.0", "port": 0});
    alice.must(501, place, 501).await;
    bob.expect(501).await;
    bob.must(502, json!({"pseudo": "bob", "id_group": id}), 502)
        .await;
    alice.expect(502).await;
    alice.expect(505).await;
    bob.expect(505).await;
    alice.must(506, info(id, 1), 506).await;
    bob.must(506, info(id, 2), 506).await;
    bob.expect(507).await;
    noted(data.path(), 2).await;

    process.child.kill().await.unwrap();
    let process = Process::start(&data).await;
    let mut alice = come_back(&process, &alice).await;
    let told = alice.expect(507).await;
    assert_eq!(told["args"]["list_info"][0]["pseudo"], "bob");
    assert_eq!(told["args"]["list_info"][0]["port"], 2);
    // The relay has a new secret, and has forgotten everybody.
    let lent = alice.expect(505).await;
    assert!(lent["args"]["relay"]["credential"].is_string(), "{lent}");
    let mut bob = come_back(&process, &bob).await;
    assert_eq!(bob.expect(507).await["args"]["list_info"][0]["port"], 1);
    bob.expect(505).await;

    // A third person can join.
    let mut carol = come_back(&process, &carol).await;
    carol
        .must(502, json!({"pseudo": "carol", "id_group": id}), 502)
        .await;
    assert_eq!(alice.expect(502).await["args"]["pseudo"], "carol");
    assert_eq!(bob.expect(502).await["args"]["pseudo"], "carol");
    carol.expect(505).await;
    carol.must(506, info(id, 3), 506).await;
    assert_eq!(carol.expect(507).await["args"]["list_info"][1]["port"], 2);
    alice.expect(507).await;
    bob.expect(507).await;

    // And the call can be quit, until nothing is noted of it any more.
    alice
        .must(503, json!({"pseudo": "alice", "id_group": id}), 503)
        .await;
    assert_eq!(bob.expect(503).await["args"]["pseudo"], "alice");
    assert_eq!(carol.expect(503).await["args"]["pseudo"], "alice");
    carol
        .must(503, json!({"pseudo": "carol", "id_group": id}), 503)
        .await;
    noted(data.path(), 0).await;
}

#[tokio::test]
async fn who_does_not_come_back_is_lost() {
    let data = TempDir::new().unwrap();
    let mut process = Process::start(&data).await;
    let mut alice = register(&process, "alice").await;
    let mut bob = register(&process, "bob").await;
    crate::client::befriend(&mut alice, &mut bob).await;
    let id = crate::calls::connect(&mut alice, &mut bob).await;
    noted(data.path(), 2).await;
    process.child.kill().await.unwrap();
    let process = Process::start_with(&data, &["--resume-grace", "1"]).await;
    let mut alice = come_back(&process, &alice).await;
    alice.expect(507).await;
    alice.expect(505).await;
    let lost = alice.expect(503).await;
    assert_eq!(
        lost["args"],
        json!({"pseudo": "bob", "id_group": id, "reason": "lost"})
    );
    assert_eq!(alice.expect(503).await["args"]["reason"], "ended");
}
