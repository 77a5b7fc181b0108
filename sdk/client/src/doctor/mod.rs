//! What could keep a call from working on this machine: checks, findings, and advice.
//!
//! ```text
//! examine ──▶ network, udp, device ──▶ facts ──▶ judge ──▶ Check, one at a time
//! ```
//!
//! Works signed in and signed out. No microphone is opened: capturing needs a call.

mod device;
mod judge;
mod network;
mod udp;

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout;

use crate::account::LastAccount;
use crate::address::ServerAddress;
use crate::builder::Credentials;
use crate::client::Client;
use crate::error::BuildError;
use crate::tls;

/// The port that STUN has where nobody says otherwise (RFC 8489 section 8.1).
const STUN_PORT: u16 = 3478;
/// How long resuming the session may take; it only tells where STUN is.
const RESUMING: Duration = Duration::from_secs(10);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do.
    Ok,
    /// Calls work, though not as well as they could.
    Warning,
    /// Something does not work until it is mended.
    Fail,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fail => "FAIL",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// What, in a stable word.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was found, for a person.
    pub detail: String,
    /// What to do about it; none where there is nothing to do.
    pub advice: Option<String>,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self {
            name,
            verdict,
            detail: detail.into(),
            advice: None,
        }
    }

    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Verdict::Ok, detail)
    }

    fn warning(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warning, detail)
    }

    fn fail(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, detail)
    }

    fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// What to examine.
#[derive(Debug, Default)]
pub struct Checkup {
    /// The server; without one, that of the last sign-in.
    pub server: Option<String>,
    /// The data folder.
    pub data: PathBuf,
    /// Where the session is kept.
    pub credentials: Credentials,
    /// Allows `ws://` to other machines.
    pub allow_plaintext: bool,
    /// Trusts the certificates in this PEM file instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// A STUN server as `host:port`, instead of those that the server names.
    pub stun: Option<String>,
}

/// Where STUN is, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
enum StunPlaces {
    /// The user or the server.
    Told(Vec<String>),
    /// Nobody: the usual port on the server's host.
    Guessed(String),
    /// The server says that it has none.
    None,
}

/// Examines this machine and its way to the server, and tells each finding as it is made.
///
/// Takes some 20 seconds at most where everything fails by silence, and longer only while the
/// system asks its user to unlock the keyring. Where a session is kept it is resumed once, beside
/// others, to learn where the server's STUN is.
pub async fn examine(checkup: Checkup, mut found: impl FnMut(Check)) {
    let folder = device::folder(&checkup.data);
    let server = match address(&checkup) {
        Ok(server) => Some(server),
        Err(check) => {
            found(check);
            None
        }
    };
    let in_keyring = matches!(checkup.credentials, Credentials::Keyring);
    let keyring = device::keyring(in_keyring).await;
    if let Some(server) = server {
        let reached = match tls::client_config(checkup.ca_file.as_deref()) {
            Ok(config) => network::examine(&server, config, &mut found).await,
            Err(error) => {
                found(
                    Check::fail("tls", error.to_string())
                        .advice("name a readable PEM file with --ca, or leave it out"),
                );
                false
            }
        };
        let usable = reached
            && folder.verdict != Verdict::Fail
            && (!in_keyring || keyring.verdict != Verdict::Fail);
        let places = stun_places(checkup, &server, usable).await;
        udp::examine(&places, &mut found).await;
        network::ipv6(&server, &mut found).await;
    }
    found(judge::relay());
    for check in device::sound().await {
        found(check);
    }
    found(keyring);
    found(folder);
}

fn address(checkup: &Checkup) -> Result<ServerAddress, Check> {
    let last = LastAccount::load(&checkup.data).ok().flatten();
    let text = match (&checkup.server, last) {
        (Some(server), _) => server.clone(),
        (None, Some(last)) => last.server,
        (None, None) => {
            return Err(Check::fail("server", BuildError::NoServer.to_string())
                .advice("name one with --server URL"));
        }
    };
    ServerAddress::parse(&text, checkup.allow_plaintext).map_err(|error| {
        Check::fail("server", error.to_string()).advice("write the address with --server URL")
    })
}

/// Asks the server where its STUN is, if a session can be resumed.
async fn stun_places(checkup: Checkup, server: &ServerAddress, usable: bool) -> StunPlaces {
    if let Some(stun) = checkup.stun {
        return StunPlaces::Told(vec![server.complete(&stun)]);
    }
    let guessed = StunPlaces::Guessed(server.complete(&format!(":{STUN_PORT}")));
    let signed_in = LastAccount::load(&checkup.data)
        .ok()
        .flatten()
        .is_some_and(|last| last.server == server.to_string());
    if !usable || !signed_in {
        return guessed;
    }
    let mut builder = Client::builder()
        .server(server.to_string())
        .data_folder(checkup.data)
        .credentials(checkup.credentials)
        .allow_plaintext(checkup.allow_plaintext)
        .own_session(true);
    if let Some(file) = checkup.ca_file {
        builder = builder.ca_file(file);
    }
    let Ok(client) = builder.build().await else {
        return guessed;
    };
    let resumed = timeout(RESUMING, client.resume()).await;
    let told = client.shared.stun_servers(server);
    client.close().await;
    match resumed {
        Ok(Ok(_)) if told.is_empty() => StunPlaces::None,
        Ok(Ok(_)) => StunPlaces::Told(told),
        Ok(Err(_)) | Err(_) => guessed,
    }
}
