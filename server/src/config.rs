//! What a server can be told, with the defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::relay::RelayConfig;

/// The port of the HTTP and WebSocket listener unless told otherwise.
pub const DEFAULT_PORT: u16 = 4400;

/// The port of the STUN responder unless told otherwise (RFC 8489, section 18.6).
pub const DEFAULT_STUN_PORT: u16 = 3478;

/// No time that is configured may be longer: instants stay far from their end.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The certificate and key for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// A PEM file with the certificate, followed by those of its issuers.
    pub cert: PathBuf,
    /// A PEM file with the certificate's private key.
    pub key: PathBuf,
}

/// Everything that a server can be told.
///
/// The binary fills it from its arguments, the environment and a TOML file; tests write it as
/// `Config { data, listen, ..Config::default() }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The folder of the database and the pictures; created if it is not there.
    pub data: PathBuf,
    /// Where to listen for HTTP and WebSocket; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where to answer STUN over UDP; nothing turns it off.
    pub stun: Option<SocketAddr>,
    /// Whether STUN moves to a free port when its own is taken: clients are told which it is.
    pub stun_may_move: bool,
    /// The STUN responder's address as clients reach it, `host:port`; without it they are told
    /// the port beside the host that they already know.
    pub stun_advertise: Option<String>,
    /// The relay for calls.
    pub relay: RelayConfig,
    /// The certificate for TLS.
    pub tls: Option<TlsFiles>,
    /// Whether to speak plain HTTP on an address that is not loopback.
    pub allow_plaintext: bool,

    /// How long somebody is rung.
    pub ring_timeout: Duration,
    /// How long a participant of a call may be without a connection.
    pub resume_grace: Duration,
    /// How long the server waits for the answers to its 505.
    pub info_timeout: Duration,
    /// How long a connection may be without a login.
    pub login_timeout: Duration,
    /// How often a connection is pinged.
    pub ping_interval: Duration,
    /// How long a connection may be silent, pongs included.
    pub idle_timeout: Duration,

    /// The most connections at once.
    pub max_connections: usize,
    /// The most connections at once from one address (IPv6: one /64).
    pub max_connections_per_address: usize,
    /// The frames that wait for one slow client before it is dropped.
    pub queue_frames: usize,
    /// The bytes that wait for one slow client before it is dropped.
    pub queue_bytes: usize,
    /// Failed logins that an account takes before they are slowed to one in ten seconds.
    pub login_burst_account: u32,
    /// Failed logins that an address takes before they are slowed to one a second.
    pub login_burst_address: u32,
    /// Registrations that an address takes before they are slowed to one a second.
    pub register_burst_address: u32,
    /// Messages that a connection takes at once.
    pub message_burst: u32,
    /// Messages a second that a connection takes sustained.
    pub message_rate: u32,
    /// Data frames (504) that a connection takes at once.
    pub data_burst: u32,
    /// Data frames (504) a second that a connection takes sustained.
    pub data_rate: u32,
    /// Bytes of data frames (504) a second that a connection takes sustained; twice as many at
    /// once.
    pub data_bytes_rate: u32,
    /// Entries that a profile posts at once.
    pub post_burst: u32,
    /// Entries a second that a profile posts sustained.
    pub post_rate: u32,
    /// Times at once that a profile tells that it types.
    pub typing_burst: u32,
    /// Times a second, sustained, that a profile tells that it types.
    pub typing_rate: u32,
    /// The most people whom one profile blocks.
    pub max_blocked: u32,
    /// The most contacts, requests included, of one profile.
    pub max_contacts: u32,
    /// The most groups of one profile.
    pub max_groups: u32,
    /// The most members of one group.
    pub max_members: u32,
    /// The most sessions of one profile that can be resumed.
    pub max_tokens: u32,
    /// The bytes of pictures that one profile may upload.
    pub picture_quota: u64,
    /// The bytes of the largest attachment.
    pub attachment_limit: u64,
    /// The bytes of attachments that one profile may upload, unfinished ones included.
    pub attachment_quota: u64,
    /// Password hashes computed at once; each takes 19 MiB.
    pub hash_parallel: usize,
    /// Password hashes that wait for their turn; more are refused.
    pub hash_waiting: usize,
}

impl Default for Config {
    fn default() -> Self {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            data: PathBuf::from("cooee-data"),
            listen: SocketAddr::new(loopback, DEFAULT_PORT),
            stun: Some(SocketAddr::new(loopback, DEFAULT_STUN_PORT)),
            stun_may_move: false,
            stun_advertise: None,
            relay: RelayConfig::default(),
            tls: None,
            allow_plaintext: false,
            ring_timeout: Duration::from_secs(300),
            resume_grace: Duration::from_secs(60),
            info_timeout: Duration::from_secs(5),
            login_timeout: Duration::from_secs(60),
            ping_interval: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            max_connections: 50_000,
            max_connections_per_address: 12_000,
            queue_frames: 4096,
            queue_bytes: 4 << 20,
            login_burst_account: 10,
            login_burst_address: 50,
            register_burst_address: 200,
            message_burst: 1000,
            message_rate: 250,
            data_burst: 900,
            data_rate: 450,
            data_bytes_rate: 1 << 20,
            post_burst: 1000,
            post_rate: 100,
            typing_burst: 20,
            typing_rate: 2,
            max_blocked: 1000,
            max_contacts: 5000,
            max_groups: 1000,
            max_members: 1000,
            max_tokens: 50,
            picture_quota: 64 << 20,
            attachment_limit: 100 << 20,
            attachment_quota: 1 << 30,
            hash_parallel: std::thread::available_parallelism().map_or(1, usize::from),
            hash_waiting: 64,
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Passwords and messages would travel in the clear.
    #[error(
        "refusing to listen on {0} without TLS: passwords would travel in the clear; \
         give --tls-cert and --tls-key, or --allow-plaintext if a proxy in front does TLS"
    )]
    Plaintext(SocketAddr),
    /// A number that cannot work.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// A time that is longer than any server runs.
    #[error("{0} must be less than ten years")]
    Long(&'static str),
    /// The outside relay cannot be handed out as it is.
    #[error("--turn-url takes addresses like turn:turn.example.org:3478 and needs a secret")]
    OutsideRelay,
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.tls.is_none() && !self.allow_plaintext && !self.listen.ip().is_loopback() {
            return Err(ConfigError::Plaintext(self.listen));
        }
        let numbers = [
            ("max-connections", self.max_connections),
            (
                "max-connections-per-address",
                self.max_connections_per_address,
            ),
            ("queue-frames", self.queue_frames),
            ("queue-bytes", self.queue_bytes),
            ("hash-parallel", self.hash_parallel),
            ("message-rate", self.message_rate as usize),
            ("message-burst", self.message_burst as usize),
            ("data-rate", self.data_rate as usize),
            ("data-burst", self.data_burst as usize),
            ("data-bytes-rate", self.data_bytes_rate as usize),
            ("post-rate", self.post_rate as usize),
            ("post-burst", self.post_burst as usize),
            ("typing-rate", self.typing_rate as usize),
            ("typing-burst", self.typing_burst as usize),
            ("login-burst-account", self.login_burst_account as usize),
            ("login-burst-address", self.login_burst_address as usize),
            (
                "register-burst-address",
                self.register_burst_address as usize,
            ),
            ("max-tokens", self.max_tokens as usize),
            ("relay-kilobits", self.relay.kilobits as usize),
            ("relay-allocations", self.relay.allocations),
            ("relay-max-allocations", self.relay.max_allocations),
        ];
        for (name, number) in numbers {
            if number == 0 {
                return Err(ConfigError::Zero(name));
            }
        }
        let spans = [
            ("ring-timeout", self.ring_timeout, false),
            ("resume-grace", self.resume_grace, true),
            ("info-timeout", self.info_timeout, true),
            ("login-timeout", self.login_timeout, false),
            ("ping-interval", self.ping_interval, false),
            ("idle-timeout", self.idle_timeout, false),
        ];
        for (name, span, may_be_zero) in spans {
            if span.is_zero() && !may_be_zero {
                return Err(ConfigError::Zero(name));
            }
            if span > LONGEST {
                return Err(ConfigError::Long(name));
            }
        }
        if let Some(outside) = &self.relay.outside
            && !outside.is_complete()
        {
            return Err(ConfigError::OutsideRelay);
        }
        Ok(())
    }
}
