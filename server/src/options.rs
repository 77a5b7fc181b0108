//! The binary's options: arguments, environment, a TOML file, in this order.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::config::{Config, DEFAULT_STUN_PORT, TlsFiles};
use crate::relay::{Cidr, OutsideRelay, PortRange, RelayConfig, RelaySecret};

/// The form of the log on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object in each line.
    Json,
}

/// Where to answer STUN, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stun {
    /// Nowhere.
    Off,
    /// On this UDP address.
    On(SocketAddr),
}

impl FromStr for Stun {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse()
            .map(Self::On)
            .map_err(|_| "an address such as 0.0.0.0:3478 or [::]:3478, or `off`".to_owned())
    }
}

impl<'de> Deserialize<'de> for Stun {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

const AFTER_HELP: &str = "\
Every option can also be given as an environment variable (COOEE_DATA, COOEE_LISTEN, …) or as a
key of the --config file (data = \"…\", listen = \"…\", ring-timeout = 300). Arguments win over the
environment, the environment over the file.

A first server on this machine:
  cooee-server --data ./cooee-data
For others to reach, with a certificate:
  cooee-server --data /var/lib/cooee --listen '[::]:443' --stun '[::]:3478' \\
      --tls-cert fullchain.pem --tls-key privkey.pem
Behind a proxy that does TLS and passes WebSockets on:
  cooee-server --data /var/lib/cooee --listen 10.0.0.5:4400 --stun 0.0.0.0:3478 --allow-plaintext

Everything in one file, while it runs: `cooee-server backup FILE`; back again: `cooee-server restore`.
What could keep it from working, and what to do about it: `cooee-server doctor` with its options.

When it is ready it prints one line on stdout, `listening on ws://…/v1/ws  stun ADDR:PORT`. Logs go
to stderr. SIGTERM and SIGINT stop it within five seconds. GET /healthz answers 200 while the
database does.";

const BACKUP_HELP: &str = "\
The file is a tar archive of the database, as of one moment, and of all pictures and attachments.
The server may run meanwhile and nobody waits for it. The file must not exist. It holds password
hashes and what people wrote: keep it as safe as the server.

  cooee-server backup --data /var/lib/cooee /backup/cooee-$(date +%F).tar";

const RESTORE_HELP: &str = "\
The folder must not hold a database: move the old one away, or name a new folder. Everything is
compared with its checksum before the database comes to its place. Whoever logged in or uploaded
after the backup was made does so again; clients notice, and bring what they have not sent yet.

  systemctl stop cooee-server
  mv /var/lib/cooee /var/lib/cooee.before
  cooee-server restore --data /var/lib/cooee /backup/cooee-2026-11-23.tar
  systemctl start cooee-server";

macro_rules! options {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident: $type:ty = $value_name:literal $env:literal ($($extra:tt)*);
    )+) => {
        /// The options as given; nothing where an option was not.
        #[derive(Debug, Clone, Default, PartialEq, clap::Parser, Deserialize)]
        #[command(
            name = "cooee-server",
            version,
            about = "The Cooee server: profiles, contacts, groups, call signalling and STUN",
            after_help = AFTER_HELP
        )]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub struct Options {
            $(
                $(#[doc = $doc])*
                #[arg(long, env = $env, hide_env_values = true, value_name = $value_name $($extra)*)]
                pub $name: Option<$type>,
            )+
            /// A TOML file with options; its keys are their names without the dashes in front
            #[arg(long, env = "COOEE_CONFIG", value_name = "FILE")]
            #[serde(skip)]
            pub config: Option<PathBuf>,
        }

        impl Options {
            /// These options, and where there is none the other ones.
            fn or(self, other: Self) -> Self {
                Self {
                    $($name: self.$name.or(other.$name),)+
                    config: self.config.or(other.config),
                }
            }
        }
    };
}

options! {
    /// Folder for the database, pictures and attachments, made if needed [default: cooee-data]
    data: PathBuf = "DIR" "COOEE_DATA" ();
    /// Where to listen for HTTP and WebSocket; port 0 picks a free one [default: 127.0.0.1:4400]
    listen: SocketAddr = "ADDR:PORT" "COOEE_LISTEN" ();
    /// Where to answer STUN over UDP, or `off` [default: on the host of --listen, port 3478 or a free one if that is taken]
    stun: Stun = "ADDR:PORT|off" "COOEE_STUN" ();
    /// What clients are told of STUN [default: the port, on the host that they connected to]
    stun_advertise: String = "HOST:PORT" "COOEE_STUN_ADVERTISE" ();
    /// Relay calls that find no direct path, or `off` [default: on, on the port of STUN]
    relay: Switch = "on|off" "COOEE_RELAY" ();
    /// The address that the relay is reached on, one of each family, where it is not the machine's own (1:1 NAT) [default: the address of --stun, or the one that a client is talked to from]
    relay_address: Vec<IpAddr> = "IP" "COOEE_RELAY_ADDRESS" (, value_delimiter = ',');
    /// UDP ports of the relay [default: 49152-65535]
    relay_ports: PortRange = "FIRST-LAST" "COOEE_RELAY_PORTS" ();
    /// Peers that the relay may send to beyond the public internet, such as 10.0.0.0/8
    relay_allow: Vec<Cidr> = "CIDR" "COOEE_RELAY_ALLOW" (, value_delimiter = ',');
    /// Kilobits a second of one allocation, each way [default: 512]
    relay_kilobits: u32 = "N" "COOEE_RELAY_KILOBITS" ();
    /// Allocations of one participant of a call [default: 4]
    relay_allocations: usize = "N" "COOEE_RELAY_ALLOCATIONS" ();
    /// Allocations altogether [default: 4096]
    relay_max_allocations: usize = "N" "COOEE_RELAY_MAX_ALLOCATIONS" ();
    /// A TURN server such as coturn to hand out instead of the built-in relay
    turn_url: Vec<String> = "turn:HOST:PORT" "COOEE_TURN_URL" (, value_delimiter = ',');
    /// The secret shared with it (coturn: static-auth-secret); as an argument every user of the machine can see it, so prefer COOEE_TURN_SECRET or --turn-secret-file
    turn_secret: RelaySecret = "SECRET" "COOEE_TURN_SECRET" ();
    /// A file with the secret shared with it
    turn_secret_file: PathBuf = "FILE" "COOEE_TURN_SECRET_FILE" ();
    /// Certificate chain for TLS, PEM
    tls_cert: PathBuf = "FILE" "COOEE_TLS_CERT" ();
    /// Private key of the certificate, PEM
    tls_key: PathBuf = "FILE" "COOEE_TLS_KEY" ();
    /// Allow plain ws:// on an address other than loopback: passwords travel in the clear
    allow_plaintext: bool = "BOOL" "COOEE_ALLOW_PLAINTEXT" (, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = clap::builder::BoolishValueParser::new());
    /// Seconds that somebody is rung [default: 300]
    ring_timeout: u64 = "S" "COOEE_RING_TIMEOUT" ();
    /// Seconds that a participant of a call may be without a connection [default: 60]
    resume_grace: u64 = "S" "COOEE_RESUME_GRACE" ();
    /// Seconds that a connection may be without a login [default: 60]
    login_timeout: u64 = "S" "COOEE_LOGIN_TIMEOUT" ();
    /// Seconds between the pings of a connection [default: 30]
    ping_interval: u64 = "S" "COOEE_PING_INTERVAL" ();
    /// Seconds of silence, pongs included, after which a connection is dropped [default: 90]
    idle_timeout: u64 = "S" "COOEE_IDLE_TIMEOUT" ();
    /// Connections at once [default: 50000]
    max_connections: usize = "N" "COOEE_MAX_CONNECTIONS" ();
    /// Connections at once from one address, or one IPv6 /64 [default: 12000]
    max_connections_per_address: usize = "N" "COOEE_MAX_CONNECTIONS_PER_ADDRESS" ();
    /// Frames that may wait for a client that does not read [default: 4096]
    queue_frames: usize = "N" "COOEE_QUEUE_FRAMES" ();
    /// Bytes that may wait for a client that does not read [default: 4194304]
    queue_bytes: usize = "N" "COOEE_QUEUE_BYTES" ();
    /// Failed logins of an account before one in ten seconds [default: 10]
    login_burst_account: u32 = "N" "COOEE_LOGIN_BURST_ACCOUNT" ();
    /// Failed logins from an address before one a second [default: 50]
    login_burst_address: u32 = "N" "COOEE_LOGIN_BURST_ADDRESS" ();
    /// New profiles from an address before one a second [default: 200]
    register_burst_address: u32 = "N" "COOEE_REGISTER_BURST_ADDRESS" ();
    /// Messages of a connection at once [default: 1000]
    message_burst: u32 = "N" "COOEE_MESSAGE_BURST" ();
    /// Messages of a connection a second, sustained [default: 250]
    message_rate: u32 = "N" "COOEE_MESSAGE_RATE" ();
    /// Data frames (504) of a connection at once [default: 900]
    data_burst: u32 = "N" "COOEE_DATA_BURST" ();
    /// Data frames (504) of a connection a second, sustained [default: 450]
    data_rate: u32 = "N" "COOEE_DATA_RATE" ();
    /// Bytes of data frames (504) of a connection a second, sustained [default: 1048576]
    data_bytes_rate: u32 = "N" "COOEE_DATA_BYTES_RATE" ();
    /// Entries that one profile posts at once [default: 1000]
    post_burst: u32 = "N" "COOEE_POST_BURST" ();
    /// Entries that one profile posts a second, sustained [default: 100]
    post_rate: u32 = "N" "COOEE_POST_RATE" ();
    /// Times at once that one profile tells that it types [default: 20]
    typing_burst: u32 = "N" "COOEE_TYPING_BURST" ();
    /// Times a second, sustained, that one profile tells that it types [default: 2]
    typing_rate: u32 = "N" "COOEE_TYPING_RATE" ();
    /// People whom one profile may block [default: 1000]
    max_blocked: u32 = "N" "COOEE_MAX_BLOCKED" ();
    /// Contacts of one profile, requests included [default: 5000]
    max_contacts: u32 = "N" "COOEE_MAX_CONTACTS" ();
    /// Groups of one profile [default: 1000]
    max_groups: u32 = "N" "COOEE_MAX_GROUPS" ();
    /// Members of one group [default: 1000]
    max_members: u32 = "N" "COOEE_MAX_MEMBERS" ();
    /// Sessions of one profile that can be resumed [default: 50]
    max_tokens: u32 = "N" "COOEE_MAX_TOKENS" ();
    /// Bytes of pictures that one profile may upload [default: 67108864]
    picture_quota: u64 = "N" "COOEE_PICTURE_QUOTA" ();
    /// Bytes of the largest attachment [default: 104857600]
    attachment_limit: u64 = "N" "COOEE_ATTACHMENT_LIMIT" ();
    /// Bytes of attachments that one profile may upload [default: 1073741824]
    attachment_quota: u64 = "N" "COOEE_ATTACHMENT_QUOTA" ();
    /// Password hashes at once, 19 MiB each [default: the number of processors]
    hash_parallel: usize = "N" "COOEE_HASH_PARALLEL" ();
    /// Password hashes that wait for their turn; more are refused [default: 64]
    hash_waiting: usize = "N" "COOEE_HASH_WAITING" ();
    /// Form of the log on stderr [default: text]
    log_format: LogFormat = "FORMAT" "COOEE_LOG_FORMAT" ();
    /// What to log: error, warn, info, debug, or a filter such as cooee_server=debug [default: info]
    log: String = "FILTER" "COOEE_LOG" ();
}

/// The command line: the server with its options, or the doctor with the same.
#[derive(Debug, clap::Parser)]
#[command(
    name = "cooee-server",
    version,
    about = "The Cooee server: profiles, contacts, groups, call signalling and STUN",
    long_about = None,
    after_help = AFTER_HELP,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// The server's options.
    #[command(flatten)]
    pub options: Options,
    /// Something else to do than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the binary does besides serving.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Look at ports, certificate, data folder, disk and clock, and say what to do
    Doctor(Box<Doctor>),
    /// Copy everything that the server keeps into one file, also while it runs
    #[command(after_help = BACKUP_HELP)]
    Backup(Stored),
    /// Make a data folder out of a backup
    #[command(after_help = RESTORE_HELP)]
    Restore(Stored),
}

/// A data folder and the file of a backup.
#[derive(Debug, clap::Args)]
pub struct Stored {
    /// The file of the backup
    pub file: PathBuf,
    /// The server's data folder [default: cooee-data]
    #[arg(long, env = "COOEE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The server's TOML file, for the data folder that it names
    #[arg(long, env = "COOEE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Stored {
    /// The data folder: as given, from the TOML file, or the default.
    ///
    /// # Errors
    ///
    /// When the TOML file cannot be read or holds anything but options.
    pub fn data(&self) -> Result<PathBuf, OptionsError> {
        let options = Options {
            data: self.data.clone(),
            config: self.config.clone(),
            ..Options::default()
        };
        let data = options.with_file()?.data;
        Ok(data.unwrap_or_else(|| Config::default().data))
    }
}

/// The doctor's options: those of the server that it is about.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// The server's options.
    #[command(flatten)]
    pub options: Options,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// Why the options make no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or has keys that are no options.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// One of the two is missing.
    #[error("--tls-cert and --tls-key go together")]
    HalfTls,
    /// One of the two is missing.
    #[error(
        "--turn-url goes together with a secret: COOEE_TURN_SECRET, --turn-secret-file or --turn-secret"
    )]
    HalfTurn,
}

impl Options {
    /// Fills what was not given from the file, if there is one.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or holds anything but options.
    pub fn with_file(self) -> Result<Self, OptionsError> {
        let Some(path) = self.config.clone() else {
            return Ok(self);
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(OptionsError::Read { path, source }),
        };
        let file = toml::from_str(&text).map_err(|source| OptionsError::Parse {
            path,
            source: Box::new(source),
        })?;
        Ok(self.or(file))
    }

    /// The configuration that these options make, with the defaults.
    ///
    /// # Errors
    ///
    /// When one of certificate and key, or of an outside relay and its secret, is missing, or the
    /// file of the secret cannot be read.
    pub fn into_config(mut self) -> Result<Config, OptionsError> {
        let default = Config::default();
        let relay = self.take_relay()?;
        let seconds = |given: Option<u64>, otherwise| given.map_or(otherwise, Duration::from_secs);
        let listen = self.listen.unwrap_or(default.listen);
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(OptionsError::HalfTls),
        };
        // Who asks for a free port runs several servers beside each other, or tests.
        let stun_port = match listen.port() {
            0 => 0,
            _ => DEFAULT_STUN_PORT,
        };
        Ok(Config {
            stun_may_move: self.stun.is_none(),
            data: self.data.unwrap_or(default.data),
            listen,
            stun: match self.stun {
                Some(Stun::Off) => None,
                Some(Stun::On(address)) => Some(address),
                None => Some(SocketAddr::new(listen.ip(), stun_port)),
            },
            stun_advertise: self.stun_advertise,
            relay,
            tls,
            allow_plaintext: self.allow_plaintext.unwrap_or(default.allow_plaintext),
            ring_timeout: seconds(self.ring_timeout, default.ring_timeout),
            resume_grace: seconds(self.resume_grace, default.resume_grace),
            info_timeout: default.info_timeout,
            login_timeout: seconds(self.login_timeout, default.login_timeout),
            ping_interval: seconds(self.ping_interval, default.ping_interval),
            idle_timeout: seconds(self.idle_timeout, default.idle_timeout),
            max_connections: self.max_connections.unwrap_or(default.max_connections),
            max_connections_per_address: self
                .max_connections_per_address
                .unwrap_or(default.max_connections_per_address),
            queue_frames: self.queue_frames.unwrap_or(default.queue_frames),
            queue_bytes: self.queue_bytes.unwrap_or(default.queue_bytes),
            login_burst_account: self
                .login_burst_account
                .unwrap_or(default.login_burst_account),
            login_burst_address: self
                .login_burst_address
                .unwrap_or(default.login_burst_address),
            register_burst_address: self
                .register_burst_address
                .unwrap_or(default.register_burst_address),
            message_burst: self.message_burst.unwrap_or(default.message_burst),
            message_rate: self.message_rate.unwrap_or(default.message_rate),
            data_burst: self.data_burst.unwrap_or(default.data_burst),
            data_rate: self.data_rate.unwrap_or(default.data_rate),
            data_bytes_rate: self.data_bytes_rate.unwrap_or(default.data_bytes_rate),
            post_burst: self.post_burst.unwrap_or(default.post_burst),
            post_rate: self.post_rate.unwrap_or(default.post_rate),
            typing_burst: self.typing_burst.unwrap_or(default.typing_burst),
            typing_rate: self.typing_rate.unwrap_or(default.typing_rate),
            max_blocked: self.max_blocked.unwrap_or(default.max_blocked),
            max_contacts: self.max_contacts.unwrap_or(default.max_contacts),
            max_groups: self.max_groups.unwrap_or(default.max_groups),
            max_members: self.max_members.unwrap_or(default.max_members),
            max_tokens: self.max_tokens.unwrap_or(default.max_tokens),
            picture_quota: self.picture_quota.unwrap_or(default.picture_quota),
            attachment_limit: self.attachment_limit.unwrap_or(default.attachment_limit),
            attachment_quota: self.attachment_quota.unwrap_or(default.attachment_quota),
            hash_parallel: self.hash_parallel.unwrap_or(default.hash_parallel),
            hash_waiting: self.hash_waiting.unwrap_or(default.hash_waiting),
        })
    }

    /// What the options say about relaying.
    fn take_relay(&mut self) -> Result<RelayConfig, OptionsError> {
        let default = RelayConfig::default();
        let secret = match self.turn_secret_file.take() {
            Some(path) => match fs::read_to_string(&path) {
                Ok(text) => Some(RelaySecret::new(&zeroize::Zeroizing::new(text))),
                Err(source) => return Err(OptionsError::Read { path, source }),
            },
            None => self.turn_secret.take(),
        };
        let outside = match (self.turn_url.take(), secret) {
            (Some(urls), Some(secret)) => Some(OutsideRelay { urls, secret }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(OptionsError::HalfTurn),
        };
        Ok(RelayConfig {
            on: self.relay != Some(Switch::Off),
            outside: outside.filter(|_| self.relay != Some(Switch::Off)),
            addresses: self.relay_address.take().unwrap_or(default.addresses),
            ports: self.relay_ports.unwrap_or(default.ports),
            allow: self.relay_allow.take().unwrap_or(default.allow),
            kilobits: self.relay_kilobits.unwrap_or(default.kilobits),
            allocations: self.relay_allocations.unwrap_or(default.allocations),
            max_allocations: self
                .relay_max_allocations
                .unwrap_or(default.max_allocations),
        })
    }
}
