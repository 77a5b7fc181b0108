//! The relay as coturn's own tools see it, and coturn in its place.
//!
//! The tools come with Debian's package `coturn`. Where it is not installed these tests say so and
//! pass, unless `COOEE_SKIP_NOTHING` is set, as `script/test` does.

#![allow(clippy::unwrap_used)]

#[path = "../wire/client.rs"]
#[allow(dead_code, reason = "shared with the other tests of the server")]
mod client;
mod options;
mod outside;
mod tools;

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::process::{Child, Command};

use client::{Client, Running, start_with};

/// A call of two, and what each was told of the relay.
pub(crate) struct Call {
    pub(crate) running: Running,
    pub(crate) alice: Client,
    pub(crate) bob: Client,
    pub(crate) id: String,
    pub(crate) for_alice: Value,
    pub(crate) for_bob: Value,
}

impl Call {
    pub(crate) async fn start(change: impl FnOnce(&mut cooee_server::Config)) -> Self {
        let running = start_with(change).await;
        let (mut alice, mut bob) = running.pair("alice", "bob").await;
        let place = json!({"list_pseudo": ["bob"], "address": "0.0.0.0", "port": 0});
        let echo = alice.must(501, place, 501).await;
        let id = echo["args"]["id_group"].as_str().unwrap().to_owned();
        bob.expect(501).await;
        bob.must(502, json!({"pseudo": "bob", "id_group": id}), 502)
            .await;
        alice.expect(502).await;
        let for_alice = alice.expect(505).await["args"]["relay"].clone();
        let for_bob = bob.expect(505).await["args"]["relay"].clone();
        let info = json!({"id_group": id, "address": "0.0.0.0", "port": 0});
        alice.must(506, info.clone(), 506).await;
        bob.must(506, info, 506).await;
        alice.expect(507).await;
        bob.expect(507).await;
        Self {
            running,
            alice,
            bob,
            id,
            for_alice,
            for_bob,
        }
    }

    pub(crate) fn stun(&self) -> SocketAddr {
        self.running.server.stun_addr().unwrap()
    }
}

/// A tool of coturn's, if it is there.
pub(crate) fn tool(name: &str) -> Option<Command> {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    if !found {
        let may_skip = std::env::var_os("COOEE_SKIP_NOTHING").is_none();
        assert!(
            may_skip,
            "{name} is not installed (Debian's package coturn)"
        );
        eprintln!("skipped: {name} is not installed (Debian's package coturn)");
        return None;
    }
    let mut command = Command::new(name);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Some(command)
}

/// `turnutils_uclient` with these credentials, through the relay to the peer.
pub(crate) fn uclient(
    relay: SocketAddr,
    access: &Value,
    peer: SocketAddr,
    options: &[&str],
) -> Option<Command> {
    let mut command = tool("turnutils_uclient")?;
    let text = |field: &str| access[field].as_str().unwrap().to_owned();
    command
        .args(["-c", "-u", &text("username"), "-w", &text("credential")])
        .args(["-p", &relay.port().to_string()])
        .args(["-e", &peer.ip().to_string()])
        .args(["-r", &peer.port().to_string()])
        .args(options)
        .arg(relay.ip().to_string());
    Some(command)
}

/// Runs a tool to its end: whether it was content, and what it said.
pub(crate) async fn said(mut command: Command) -> (bool, String) {
    let run = tokio::time::timeout(std::time::Duration::from_secs(60), command.output());
    let output = run.await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Stops a tool that would go on.
pub(crate) async fn stop(mut child: Child) {
    child.kill().await.unwrap();
}

/// A peer that sends everything back.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    heard: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Echo {
    pub(crate) async fn start() -> Self {
        Self::on("127.0.0.1:0").await
    }

    pub(crate) async fn on(address: &str) -> Self {
        let socket = UdpSocket::bind(address).await.unwrap();
        let address = socket.local_addr().unwrap();
        let heard = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                count.fetch_add(1, Ordering::Relaxed);
                let _gone = socket.send_to(&buffer[..length], from).await;
            }
        });
        Self {
            address,
            heard,
            task,
        }
    }

    pub(crate) fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The number after a word in a tool's last report.
pub(crate) fn number(said: &str, word: &str) -> Option<usize> {
    let (_, rest) = said.rsplit_once(word)?;
    let digits = rest.trim_start_matches(['=', ':', ' ']);
    let end = digits
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok()
}
