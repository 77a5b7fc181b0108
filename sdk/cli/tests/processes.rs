//! `cooee` as people and scripts meet it: processes, their output and their exit status.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use cooee_server::{Config, Server};
use serde_json::Value;
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery";

/// A server in this process, in a folder of its own.
struct Place {
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
    server: Option<Server>,
    url: String,
}

impl Place {
    fn new() -> Self {
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
        Self {
            folder,
            runtime,
            server: Some(server),
            url,
        }
    }

    fn stop_server(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.shutdown());
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, who: &str, words: &[&str]) -> Command {
        let mut command = cooee();
        command
            .args(["--json", "--credentials", "file", "--server", &self.url])
            .arg("--data")
            .arg(self.path(who))
            .args(words)
            .env("COOEE_PASSWORD", PASSWORD);
        command
    }

    /// Runs a command to its end.
    fn run(&self, who: &str, words: &[&str]) -> Output {
        self.command(who, words).output().unwrap()
    }

    /// Runs a command that must succeed, and gives the one object that it prints.
    fn answer(&self, who: &str, words: &[&str]) -> Value {
        let output = self.run(who, words);
        assert!(output.status.success(), "{who} {words:?}: {output:?}");
        let objects = objects(&output);
        assert_eq!(objects.len(), 1, "{objects:?}");
        objects.into_iter().next().unwrap()
    }

    fn start(&self, who: &str, words: &[&str]) -> Running {
        self.start_with(Stdio::inherit(), who, words)
    }

    fn start_with(&self, stdin: Stdio, who: &str, words: &[&str]) -> Running {
        let mut child = self
            .command(who, words)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    fn befriend(&self, one: &str, other: &str) {
        self.answer(one, &["register", one]);
        self.answer(other, &["register", other]);
        self.answer(one, &["contact", "add", other]);
        self.answer(other, &["contact", "add", one]);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop_server();
    }
}

/// A command that goes on, and what it has said.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
    seen: Vec<Value>,
}

impl Running {
    /// Reads on until this event.
    fn wait_for(&mut self, event: &str) -> Value {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "it ended before {event}: {:?}", self.seen);
            let object: Value = serde_json::from_str(&line).unwrap();
            self.seen.push(object.clone());
            if object["event"] == event {
                return object;
            }
        }
    }

    /// Writes to what reads its stdin.
    fn types(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Reads to the end and gives the exit status.
    fn end(mut self) -> (Option<i32>, Vec<Value>) {
        drop(self.child.stdin.take());
        for line in self.lines.by_ref().lines() {
            let object = serde_json::from_str(&line.unwrap()).unwrap();
            self.seen.push(object);
        }
        let status = self.child.wait().unwrap().code();
        (status, std::mem::take(&mut self.seen))
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only a test that failed leaves one behind.
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The program, free of the settings of whoever runs the tests.
fn cooee() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cooee"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COOEE_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

fn objects(output: &Output) -> Vec<Value> {
    let lines = output.stdout.lines();
    lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

fn speech(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../script/demo-speech");
    folder.join(name).to_str().unwrap().to_owned()
}

fn events(objects: &[Value], event: &str) -> usize {
    objects
        .iter()
        .filter(|object| object["event"] == event)
        .count()
}

fn correlation(said: &str, heard: &Path) -> f64 {
    let output = cooee()
        .args(["--json", "compare", said])
        .arg(heard)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    objects(&output)[0]["correlation"].as_f64().unwrap()
}

#[test]
fn two_processes_talk() {
    let place = Place::new();
    place.befriend("alice", "bob");
    let (alice_heard, bob_heard) = (place.path("alice.wav"), place.path("bob.wav"));
    let mut bob = place.start(
        "bob",
        &[
            "answer",
            "--from",
            "alice",
            "--input",
            &speech("bob.wav"),
            "--output",
            bob_heard.to_str().unwrap(),
        ],
    );
    bob.wait_for("ready");
    let mut alice = place.start(
        "alice",
        &[
            "call",
            "bob",
            "--input",
            &speech("alice.wav"),
            "--output",
            alice_heard.to_str().unwrap(),
            "--for",
            "5.2",
        ],
    );
    alice.wait_for("ready");
    let ringing = alice.wait_for("ringing");
    assert_eq!(ringing["to"], serde_json::json!(["bob"]));
    let rung = bob.wait_for("ringing");
    assert_eq!(rung["from"], "alice");
    assert_eq!(rung["id_group"], ringing["id_group"]);
    let at_alice = alice.wait_for("connected");
    let at_bob = bob.wait_for("connected");
    for connected in [&at_alice, &at_bob] {
        assert_eq!(connected["route"], "direct");
        assert!(connected["ms_since_accept"].as_f64().unwrap() < 5000.0);
    }
    assert_eq!(at_alice["safety_code"], at_bob["safety_code"]);
    assert!(at_alice["safety_code"].as_str().unwrap().len() > 20);

    let (status, said) = alice.end();
    assert_eq!(status, Some(0), "{said:?}");
    assert!(events(&said, "stats") >= 4, "{said:?}");
    let ended = said.last().unwrap();
    assert_eq!(ended["event"], "ended");
    assert_eq!(ended["reason"], "hung_up");
    assert_eq!(ended["id_group"], ringing["id_group"]);
    assert!((5.0..7.0).contains(&ended["seconds"].as_f64().unwrap()));
    let (status, said) = bob.end();
    assert_eq!(status, Some(0), "{said:?}");
    let ended_at_bob = said.last().unwrap();
    assert_eq!(ended_at_bob["reason"], "remote_hung_up");
    for totals in [ended, ended_at_bob] {
        let received = totals["received"].as_u64().unwrap();
        assert!(received > 200, "{totals}");
        assert!(
            totals["lost"].as_u64().unwrap() * 20 <= received,
            "{totals}"
        );
        assert_eq!(totals["dropped"], 0, "{totals}");
    }

    let to_bob = correlation(&speech("alice.wav"), &bob_heard);
    let to_alice = correlation(&speech("bob.wav"), &alice_heard);
    assert!(to_bob > 0.9 && to_alice > 0.9, "{to_bob} {to_alice}");
    let swapped = correlation(&speech("bob.wav"), &bob_heard);
    assert!(swapped < 0.5, "{swapped}");

    let history = place.answer("alice", &["history"]);
    let call = &history["calls"][0];
    assert_eq!(call["direction"], "outgoing");
    assert_eq!(call["peers"], serde_json::json!(["bob"]));
    assert_eq!(call["reason"], "hung_up");
}

#[test]
fn what_was_known_is_readable_without_the_server() {
    let mut place = Place::new();
    place.befriend("alice", "bob");
    let group = place.answer("alice", &["group", "create", "friends"]);
    let id = group["group"]["id_group"].as_str().unwrap().to_owned();
    place.answer("alice", &["group", "add", "friends", "bob"]);
    let online = place.answer("alice", &["group", "list"]);
    assert_eq!(online["online"], true);
    place.stop_server();

    let contacts = place.run("alice", &["contact", "list"]);
    assert!(contacts.status.success());
    let said = String::from_utf8(contacts.stderr.clone()).unwrap();
    assert!(said.starts_with("not connected: "), "{said}");
    let contacts = &objects(&contacts)[0];
    assert_eq!(contacts["online"], false);
    assert_eq!(contacts["contacts"][0]["pseudo"], "bob");
    let groups = place.answer("alice", &["group", "list"]);
    assert_eq!(groups["groups"][0]["id_group"], id.as_str());
    assert_eq!(
        groups["groups"][0]["list_pseudo"],
        serde_json::json!(["alice", "bob"])
    );
    let me = place.answer("alice", &["whoami"]);
    assert_eq!(me["pseudo"], "alice");
    assert_eq!(me["online"], false);
    place.answer("alice", &["history"]);

    let refused = place.run("alice", &["contact", "add", "carol"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(objects(&refused)[0]["code"], "unreachable");
}

#[test]
fn failures_have_a_code_a_reason_and_a_status() {
    let place = Place::new();
    place.befriend("alice", "bob");
    let wav = speech("alice.wav");
    for (words, code) in [
        (&["register", "bob"][..], "name_taken"),
        (&["register", "a b"][..], "invalid"),
        (&["contact", "add", "nobody"][..], "not_added"),
        (&["contact", "add", "bob"][..], "already_contact"),
        (&["contact", "remove", "carol"][..], "no_contact"),
        (&["group", "quit", "club"][..], "no_group"),
        (
            &["call", "carol", "--input", &wav, "--output", "none"][..],
            "unknown",
        ),
        (
            &["call", "bob", "--input", &wav, "--output", "none"][..],
            "offline",
        ),
        (&["call", "bob", "--input", "missing.wav"][..], "audio"),
    ] {
        let output = place.run("alice", words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        let objects = objects(&output);
        let last = objects.last().unwrap();
        assert_eq!(last["event"], "error", "{words:?}");
        assert_eq!(last["code"], code, "{words:?}: {last}");
        let reason = String::from_utf8(output.stderr).unwrap();
        assert!(reason.starts_with("cooee: "), "{words:?}: {reason}");
    }
    let wrong = place
        .command("mallory", &["login", "alice"])
        .env("COOEE_PASSWORD", "correct horse cemetery")
        .output()
        .unwrap();
    assert_eq!(objects(&wrong)[0]["code"], "auth_failed");

    place.answer("bob", &["logout"]);
    let gone = place.run("bob", &["contact", "list"]);
    assert_eq!(objects(&gone)[0]["code"], "no_session");
}

#[cfg(unix)]
#[test]
fn ctrl_c_hangs_up_in_order() {
    let place = Place::new();
    place.befriend("alice", "bob");
    let heard = place.path("heard.wav");
    let mut bob = place.start(
        "bob",
        &[
            "answer",
            "--input",
            &speech("bob.wav"),
            "--output",
            heard.to_str().unwrap(),
        ],
    );
    bob.wait_for("ready");
    let words = [
        "call",
        "bob",
        "--input",
        &speech("alice.wav"),
        "--output",
        "none",
    ];
    let mut alice = place.start("alice", &words);
    alice.wait_for("stats");
    alice.signal("-INT");
    let (status, said) = alice.end();
    assert_eq!(status, Some(0), "{said:?}");
    assert_eq!(said.last().unwrap()["reason"], "hung_up");
    let (status, said) = bob.end();
    assert_eq!(status, Some(0), "{said:?}");
    assert_eq!(said.last().unwrap()["reason"], "remote_hung_up");
    // Finished: the header says how much there is.
    let length = std::fs::metadata(&heard).unwrap().len();
    let header = std::fs::read(&heard).unwrap();
    let data = u32::from_le_bytes(header.get(40..44).unwrap().try_into().unwrap());
    assert_eq!(u64::from(data) + 44, length);

    let mut waiting = place.start("bob", &["answer", "--output", "none"]);
    waiting.wait_for("ready");
    waiting.signal("-TERM");
    let (status, said) = waiting.end();
    assert_eq!(status, Some(1));
    assert_eq!(said.last().unwrap()["code"], "interrupted");
}

#[cfg(unix)]
#[test]
fn watch_tells_what_happens() {
    let place = Place::new();
    place.answer("alice", &["register", "alice"]);
    place.answer("bob", &["register", "bob"]);
    let mut watch = place.start("bob", &["watch"]);
    watch.wait_for("online");
    place.answer("alice", &["contact", "add", "bob"]);
    let asked = watch.wait_for("contact");
    assert_eq!(asked["contact"]["pseudo"], "alice");
    assert_eq!(asked["contact"]["status"], "requested");
    place.answer("alice", &["contact", "remove", "bob"]);
    let removed = watch.wait_for("contact_removed");
    assert_eq!(removed["pseudo"], "alice");
    watch.signal("-INT");
    assert_eq!(watch.end().0, Some(0));
}

#[test]
fn a_chat_tells_who_types_and_how_far_ones_words_have_come() {
    let place = Place::new();
    place.befriend("alice", "bob");
    let mut alice = place.start_with(Stdio::piped(), "alice", &["chat", "bob"]);
    let mut bob = place.start_with(Stdio::piped(), "bob", &["chat", "alice"]);
    for one in [&mut alice, &mut bob] {
        one.wait_for("caught_up");
    }
    bob.types("hello\n");
    assert_eq!(alice.wait_for("message")["message"]["text"], "hello");
    assert_eq!(bob.wait_for("read")["sequence"], 1);
    // The beginning of a line.
    alice.types("are ");
    let types = bob.wait_for("typing");
    assert_eq!(
        (&types["pseudo"], &types["typing"]),
        (&"alice".into(), &true.into())
    );
    alice.types("you there?\n");
    assert_eq!(bob.wait_for("typing")["typing"], false);
    assert_eq!(bob.wait_for("message")["message"]["text"], "are you there?");
    assert_eq!(alice.wait_for("read")["sequence"], 2);
    for one in [alice, bob] {
        let (status, said) = one.end();
        assert_eq!(status, Some(0), "{said:?}");
    }
}

#[test]
fn wrong_usage_exits_with_2_and_help_with_0() {
    for (words, status) in [
        (&["dance"][..], 2),
        (&["call"][..], 2),
        (&["call", "bob", "--for", "soon"][..], 2),
        (&[][..], 2),
        (&["--help"][..], 0),
        (&["call", "--help"][..], 0),
        (&["--version"][..], 0),
    ] {
        let output = cooee().args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{words:?}");
    }
    let help = cooee().args(["answer", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("cooee answer --from alice"), "{help}");
}
