//! `cooee-server backup` beside a server that is written to, and `restore`.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::client::{Client, PASSWORD, befriend, http};
use crate::conversations::{text, text_to};
use crate::process::Process;

/// Runs a subcommand on a folder; whether it went well, and what it said.
async fn run(subcommand: &str, data: &Path, file: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cooee-server"))
        .arg(subcommand)
        .arg("--data")
        .arg(data)
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

async fn register(process: &Process, name: &str) -> Client {
    let mut client = Client::connect(process.url()).await;
    let args = json!({"pseudo": name, "password": PASSWORD});
    let told = client.must(601, args, 202).await;
    client.keep(name, &told);
    client
}

async fn resume(process: &Process, token: &str) -> Client {
    let mut client = Client::connect(process.url()).await;
    let told = client.must(650, json!({"token": token}), 202).await;
    client.keep("resumed", &told);
    client.expect(208).await;
    client.expect(207).await;
    client
}

fn address(process: &Process) -> std::net::SocketAddr {
    let host = process.url().strip_prefix("ws://").unwrap();
    host.strip_suffix("/v1/ws").unwrap().parse().unwrap()
}

/// Everything of a conversation from the start.
async fn everything(client: &mut Client, id: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let after = all
            .last()
            .map_or(json!(0), |entry| entry["sequence"].clone());
        let page = client.pull(id, json!({ "after": after })).await;
        all.extend(page["list_entry"].as_array().unwrap().iter().cloned());
        if page["more"] == false {
            return all;
        }
    }
}

#[tokio::test]
async fn a_backup_under_writes_is_one_moment_and_comes_back_whole() {
    let (data, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let process = Process::start(&data).await;
    let mut alice = register(&process, "alice").await;
    let mut bob = register(&process, "bob").await;
    befriend(&mut alice, &mut bob).await;
    let first = alice.post(text_to("bob", "before")).await;
    let id = first["id_group"].as_str().unwrap().to_owned();
    let photo = b"the bytes of a photo";
    let hash = {
        use sha2::Digest as _;
        use std::fmt::Write as _;
        let mut hex = String::new();
        for byte in sha2::Sha256::digest(photo) {
            write!(hex, "{byte:02x}").unwrap();
        }
        hex
    };
    let path = format!("/v1/attachments/{hash}");
    let put = http(address(&process), "PUT", &path, Some(&alice.token), photo).await;
    assert_eq!(put.0, 201);
    let mut args = text(&id, "with a photo");
    args["list_attachment"] = json!([hash]);
    alice.post(args).await;
    let mut other = Client::connect(process.url()).await;
    other
        .must(650, json!({"token": bob.token, "another": true}), 202)
        .await;
    other.expect(208).await;
    other.expect(207).await;
    let cursor = other.follow().await["cursor"].clone();
    other.vanish();

    let file = elsewhere.path().join("cooee.tar");
    let data_path = data.path().to_owned();
    let copied = file.clone();
    let backup = tokio::spawn(async move { run("backup", &data_path, &copied).await });
    let mut acknowledged = 2;
    while !backup.is_finished() || acknowledged < 50 {
        alice
            .post(text(&id, &format!("number {acknowledged}")))
            .await;
        acknowledged += 1;
    }
    let (good, said) = backup.await.unwrap();
    assert!(
        good && said.contains("1 pictures and attachments"),
        "{said}"
    );
    let names: Vec<_> = std::fs::read_dir(elsewhere.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["cooee.tar"], "nothing else is left behind");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it holds password hashes");
    }
    let (good, said) = run("backup", data.path(), &file).await;
    assert!(!good && said.contains("is there already"), "{said}");
    // The server has gone on, and goes on.
    assert_eq!(everything(&mut bob, &id).await.len(), acknowledged);

    let restored = elsewhere.path().join("restored");
    let (good, said) = run("restore", &restored, &file).await;
    assert!(good, "{said}");
    let (good, said) = run("restore", &restored, &file).await;
    assert!(!good && said.contains("is there already"), "{said}");
    let (good, said) = run("restore", data.path(), &file).await;
    assert!(!good && said.contains("in use"), "{said}");
    let folder = TempDir::new_in(elsewhere.path()).unwrap();
    std::fs::remove_dir(folder.path()).unwrap();
    std::fs::rename(&restored, folder.path()).unwrap();
    let again = Process::start(&folder).await;
    let mut bob = resume(&again, &bob.token).await;
    let entries = everything(&mut bob, &id).await;
    assert!(
        (2..=acknowledged).contains(&entries.len()),
        "{}",
        entries.len()
    );
    for (number, entry) in (1..).zip(&entries) {
        assert_eq!(entry["sequence"], number, "no entry is missing in between");
    }
    let got = http(address(&again), "GET", &path, Some(&bob.token), b"").await;
    assert_eq!((got.0, got.2.as_slice()), (200, &photo[..]));
    // Clients learn that it is another server than the one that they knew.
    let told = bob.must(664, json!({"since": cursor}), 265).await;
    assert_eq!(told["args"]["restart"], true);
    // What was sent after that moment is sent again, under its own id, and counts once.
    let mut alice = resume(&again, &alice.token).await;
    assert_eq!(
        alice.post(text(&id, "again")).await["sequence"],
        entries.len() + 1
    );
}

#[tokio::test]
async fn what_is_no_backup_makes_no_server() {
    let folder = TempDir::new().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("file"));
    let (good, said) = run("backup", &data, &file).await;
    assert!(!good && said.contains("there is no database"), "{said}");
    assert!(!file.exists());
    for bytes in [&b""[..], b"not an archive", &[0; 4096]] {
        std::fs::write(&file, bytes).unwrap();
        let (good, said) = run("restore", &data, &file).await;
        assert!(!good && said.contains("is no backup"), "{said}");
    }
    // A whole one with one byte changed in a file.
    let origin = TempDir::new().unwrap();
    let process = Process::start(&origin).await;
    let alice = register(&process, "alice").await;
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0, 0, 0, 0, 0]);
    let put = http(
        address(&process),
        "PUT",
        "/v1/pictures",
        Some(&alice.token),
        &png,
    )
    .await;
    assert_eq!(put.0, 201);
    std::fs::remove_file(&file).unwrap();
    let (good, said) = run("backup", origin.path(), &file).await;
    assert!(good, "{said}");
    let whole = std::fs::read(&file).unwrap();
    let at = whole.windows(4).position(|four| four == b"IHDR").unwrap();
    let mut changed = whole.clone();
    changed[at + 4] ^= 1;
    std::fs::write(&file, &changed).unwrap();
    let (good, said) = run("restore", &data, &file).await;
    assert!(!good && said.contains("has other bytes"), "{said}");
    for length in [whole.len() / 2, 700] {
        std::fs::write(&file, &whole[..length]).unwrap();
        let (good, said) = run("restore", &data, &file).await;
        assert!(!good && said.contains("is no backup"), "{length}: {said}");
    }
    assert!(!data.join("cooee.sqlite3").exists());
    std::fs::write(&file, &whole).unwrap();
    assert!(run("restore", &data, &file).await.0);
}
