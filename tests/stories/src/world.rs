//! A server, and those who live on it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

use cooee_sdk::{GroupId, NewPassword, Status, Username};
use cooee_server::{Config, Server, TlsFiles};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::line::Line;
use crate::person::Person;
use crate::voice::Voice;
use crate::wire::Wire;

/// The password of everybody.
const PASSWORD: &str = "correct horse battery";

/// A server of its own, on free ports and a temporary folder, and those who live on it.
#[derive(Debug)]
pub struct World {
    server: Option<Server>,
    /// Where the server is now: lines follow it through restarts.
    address: watch::Sender<SocketAddr>,
    folder: TempDir,
    encrypted: bool,
    lives: u16,
    people: AtomicU16,
}

impl World {
    /// Starts a server.
    pub async fn start() -> Self {
        Self::of(tempfile::tempdir().expect("a temporary folder"), false).await
    }

    /// Starts a server with TLS; everybody trusts its certificate.
    pub async fn start_encrypted() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let made = rcgen::generate_simple_self_signed([Ipv4Addr::LOCALHOST.to_string()]);
        let made = made.expect("a certificate");
        let files = tls_files(folder.path());
        std::fs::write(&files.cert, made.cert.pem()).expect("a file");
        std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("a file");
        Self::of(folder, true).await
    }

    async fn of(folder: TempDir, encrypted: bool) -> Self {
        let tls = encrypted.then(|| tls_files(folder.path()));
        let server = serve(&data(folder.path(), 0), tls).await;
        Self {
            address: watch::Sender::new(server.addr()),
            server: Some(server),
            folder,
            encrypted,
            lives: 0,
            people: AtomicU16::new(0),
        }
    }

    /// Stops the server in order. Everybody is told and disconnected.
    pub async fn stops(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown().await;
        }
    }

    /// Starts the server again on the data that it left, at another address.
    pub async fn starts_again(&mut self) {
        let server = serve(&data(self.folder.path(), self.lives), self.tls()).await;
        self.address.send_replace(server.addr());
        self.server = Some(server);
    }

    /// Kills the server and starts another one.
    ///
    /// A process that is killed leaves the files as they are at that moment. That is what the new
    /// server starts on: a copy, made while the old server runs and before it can tidy up.
    pub async fn is_killed_and_starts_again(&mut self) {
        let left = data(self.folder.path(), self.lives);
        self.lives += 1;
        copy_folder(&left, &data(self.folder.path(), self.lives));
        drop(self.server.take());
        self.starts_again().await;
    }

    /// Somebody with a client who has not signed in.
    pub async fn stranger(&self) -> Person {
        let number = self.people.fetch_add(1, Ordering::Relaxed);
        let scheme = if self.encrypted { "wss" } else { "ws" };
        let line = Line::to(self.address.subscribe(), scheme).await;
        let folder = self.folder.path().join(format!("person-{number}"));
        Person::new(line, folder, self.trusts(), Voice::number(number)).await
    }

    /// The certificate that everybody trusts, where the server has one.
    pub fn trusts(&self) -> Option<PathBuf> {
        self.tls().map(|files| files.cert)
    }

    fn tls(&self) -> Option<TlsFiles> {
        self.encrypted.then(|| tls_files(self.folder.path()))
    }

    /// Somebody of this name: registered and signed in.
    pub async fn person(&self, called: &str) -> Person {
        let person = self.stranger().await;
        let registered = person.client.register(name(called), new_password()).await;
        registered.expect("a name that is free");
        person
    }

    /// Alice, registered and signed in.
    pub async fn alice(&self) -> Person {
        self.person("alice").await
    }

    /// Bob, registered and signed in.
    pub async fn bob(&self) -> Person {
        self.person("bob").await
    }

    /// The same profile on another device: another client that has logged in.
    pub async fn another_session_of(&self, person: &Person) -> Person {
        let other = self.stranger().await;
        let signed_in = other.client.login(person.name(), password()).await;
        signed_in.expect("a profile that is there");
        other
    }

    /// Makes two people contacts.
    pub async fn befriend(&self, one: &mut Person, other: &mut Person) {
        let (name, others_name) = (one.name(), other.name());
        let asked = one.client.add_contact(others_name.clone()).await;
        asked.expect("somebody to ask");
        other.sees(&name, Status::Requested).await;
        let confirmed = other.client.add_contact(name.clone()).await;
        confirmed.expect("somebody who asked");
        one.sees(&others_name, Status::Online).await;
        other.sees(&name, Status::Online).await;
    }

    /// Alice and Bob, who are contacts.
    pub async fn alice_and_bob(&self) -> (Person, Person) {
        let (mut alice, mut bob) = (self.alice().await, self.bob().await);
        self.befriend(&mut alice, &mut bob).await;
        (alice, bob)
    }

    /// Alice, Bob and Carol in a group that Alice has created. Only Alice knows the others.
    pub async fn a_group_of_three(&self) -> (Person, Person, Person, GroupId) {
        let (mut alice, mut bob) = self.alice_and_bob().await;
        let mut carol = self.person("carol").await;
        self.befriend(&mut alice, &mut carol).await;
        let created = alice.client.create_group("choir".parse().expect("a name"));
        let id_group = created.await.expect("a group").id_group;
        for member in [&bob, &carol] {
            let added = alice.client.add_to_group(id_group.clone(), member.name());
            added.await.expect("a contact to add");
        }
        let names = [alice.name(), bob.name(), carol.name()];
        for person in [&mut alice, &mut bob, &mut carol] {
            person.sees_members(&id_group, &names.each_ref()).await;
        }
        (alice, bob, carol, id_group)
    }

    /// A WebSocket that nobody has logged in on.
    pub async fn wire(&self) -> Wire {
        Wire::to(*self.address.borrow()).await
    }

    /// A WebSocket on which a new profile was created.
    pub async fn wire_of(&self, called: &str) -> Wire {
        let mut wire = self.wire().await;
        let args = json!({"pseudo": called, "password": PASSWORD});
        let created = wire.ask(601, args).await;
        assert_eq!(created["type"], json!(202), "{created}");
        wire
    }

    /// Two WebSockets whose profiles are contacts.
    pub async fn wires_of(&self, called: &str, other_called: &str) -> (Wire, Wire) {
        let (mut one, mut other) = (self.wire_of(called).await, self.wire_of(other_called).await);
        one.ask(606, json!({"pseudo": other_called})).await;
        other.notice(205).await;
        other.ask(606, json!({"pseudo": called})).await;
        one.notice(205).await;
        (one, other)
    }
}

/// A name.
pub fn name(text: &str) -> Username {
    text.parse().expect("a name")
}

/// The password of everybody.
pub fn password() -> cooee_sdk::Password {
    cooee_sdk::Password::parse(PASSWORD).expect("a password")
}

fn new_password() -> NewPassword {
    NewPassword::parse(PASSWORD).expect("a password")
}

async fn serve(data: &Path, tls: Option<TlsFiles>) -> Server {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = Config {
        data: data.to_owned(),
        listen: anywhere,
        stun: Some(anywhere),
        tls,
        ..Config::default()
    };
    Server::start(config).await.expect("a server")
}

fn tls_files(folder: &Path) -> TlsFiles {
    TlsFiles {
        cert: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
    }
}

fn data(folder: &Path, life: u16) -> PathBuf {
    folder.join(format!("server-{life}"))
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a kind of file").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
