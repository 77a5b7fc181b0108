//! The binary itself: its one line, its signals, its refusals; and TLS.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cooee_server::TlsFiles;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::UdpSocket;
use tokio::process::{Child, Command};

use crate::client::{Client, PASSWORD, start_with};

pub(crate) struct Process {
    pub(crate) child: Child,
    line: String,
}

impl Process {
    pub(crate) async fn start(data: &TempDir) -> Self {
        Self::start_with(data, &[]).await
    }

    pub(crate) async fn start_with(data: &TempDir, options: &[&str]) -> Self {
        let places = ["--listen", "127.0.0.1:0", "--stun", "127.0.0.1:0"];
        Self::run(data, &[&places, options].concat()).await
    }

    async fn run(data: &TempDir, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cooee-server"))
            .arg("--data")
            .arg(data.path())
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).await.unwrap();
        Self { child, line }
    }

    pub(crate) fn url(&self) -> &str {
        let words: Vec<_> = self.line.split_whitespace().collect();
        assert_eq!(words[..2], ["listening", "on"], "{}", self.line);
        assert_eq!(words[3], "stun");
        words[2]
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }
}

#[tokio::test]
async fn servers_beside_each_other_find_ports_by_themselves() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let one = Process::run(&one, &["--listen", "127.0.0.1:0"]).await;
    let other = Process::run(&other, &["--listen", "127.0.0.1:0"]).await;
    assert_ne!(one.url(), other.url());
}

#[tokio::test]
async fn a_signal_stops_it_politely_and_soon() {
    for signal in ["-TERM", "-INT"] {
        let data = TempDir::new().unwrap();
        let mut process = Process::start(&data).await;
        let mut alice = Client::connect(process.url()).await;
        let args = json!({"pseudo": "alice", "password": PASSWORD});
        alice.must(601, args, 202).await;
        // One that does not read must not hold it up.
        let _deaf = Client::connect(process.url()).await;
        let before = Instant::now();
        process.signal(signal);
        let close = alice.closed().await.unwrap();
        assert_eq!(u16::from(close.code), 1001);
        assert_eq!(close.reason.as_str(), "server is stopping");
        let status = process.child.wait().await.unwrap();
        assert!(before.elapsed() < Duration::from_secs(5));
        assert_eq!(status.code(), Some(0));
        let mut log = String::new();
        process
            .child
            .stderr
            .unwrap()
            .read_to_string(&mut log)
            .await
            .unwrap();
        assert!(log.contains("stopped") && !log.contains(PASSWORD), "{log}");
        // The log was written back into the database.
        assert!(!data.path().join("cooee.sqlite3-wal").exists());
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let data = TempDir::new().unwrap();
    let mut process = Process::start(&data).await;
    let mut alice = Client::connect(process.url()).await;
    let args = json!({"pseudo": "alice", "password": PASSWORD});
    let told = alice.must(601, args, 202).await;
    alice.keep("alice", &told);
    let mut groups = Vec::new();
    for number in 0..20 {
        let name = format!("group {number}");
        let made = alice.must(603, json!({"group_name": name}), 201).await;
        groups.push(made["args"].clone());
    }
    process.child.kill().await.unwrap();
    let process = Process::start(&data).await;
    let mut again = Client::connect(process.url()).await;
    again.must(650, json!({"token": alice.token}), 202).await;
    again.expect(208).await;
    assert_eq!(again.expect(207).await["args"]["list_group"], json!(groups));
}

#[tokio::test]
async fn it_refuses_what_would_be_unsafe_or_senseless() {
    let data = TempDir::new().unwrap();
    let folder = data.path().to_str().unwrap();
    for (args, words) in [
        (vec!["--listen", "0.0.0.0:0"], "--allow-plaintext"),
        (vec!["--tls-cert", "cert.pem"], "--tls-key"),
        (
            vec!["--config", "/nowhere/cooee.toml"],
            "/nowhere/cooee.toml",
        ),
        (
            vec!["--tls-cert", "/nowhere", "--tls-key", "/nowhere"],
            "/nowhere",
        ),
        (
            vec!["--ring-timeout", "0", "--listen", "127.0.0.1:0"],
            "ring-timeout",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_cooee-server"))
            .args(["--data", folder, "--stun", "off"])
            .args(&args)
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(output.stdout.is_empty());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(words), "{args:?}: {error}");
    }
}

#[tokio::test]
async fn options_come_from_arguments_environment_and_file() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("cooee.toml");
    std::fs::write(
        &file,
        "listen = \"127.0.0.1:1\"\nstun = \"off\"\nring-timeout = 7\n",
    )
    .unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_cooee-server"))
        .arg("--config")
        .arg(&file)
        .args(["--listen", "127.0.0.1:0"])
        .env("COOEE_DATA", data.path().join("inside"))
        .env("COOEE_LOG_FORMAT", "json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .await
        .unwrap();
    assert!(line.starts_with("listening on ws://127.0.0.1:"), "{line}");
    assert!(line.ends_with("/v1/ws  stun off\n"), "{line}");
    assert!(data.path().join("inside/cooee.sqlite3").exists());
    child.kill().await.unwrap();
    let mut log = String::new();
    child
        .stderr
        .unwrap()
        .read_to_string(&mut log)
        .await
        .unwrap();
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[tokio::test]
async fn stun_answers_over_udp() {
    let running = start_with(|_| {}).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket
        .connect(running.server.stun_addr().unwrap())
        .await
        .unwrap();
    let request = [
        0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ];
    socket.send(&request).await.unwrap();
    let mut answer = [0; 100];
    let length = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(length, 32);
    assert_eq!(answer[..2], [1, 1]);
    let port = u16::from_be_bytes([answer[26] ^ 0x21, answer[27] ^ 0x12]);
    assert_eq!(port, socket.local_addr().unwrap().port());
}

#[tokio::test]
async fn tls() {
    let data = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (data.path().join("cert.pem"), data.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let running = start_with(|config| config.tls = Some(TlsFiles { cert, key })).await;
    let url = running.server.url();
    assert!(url.starts_with("wss://127.0.0.1:"));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_tungstenite::Connector::Rustls(Arc::new(client));
    let url = url.replace("127.0.0.1", "localhost");
    let (socket, _) =
        tokio_tungstenite::connect_async_tls_with_config(url, None, true, Some(connector))
            .await
            .unwrap();
    let mut alice = Client::over(socket);
    let args = json!({"pseudo": "alice", "password": PASSWORD});
    alice.must(601, args, 202).await;
    running.server.shutdown().await;
    assert_eq!(alice.closed_with().await, 1001);
}
