//! What could keep a server from running, or its users from reaching it: `cooee-server doctor`.
//!
//! Changes nothing: the database is opened for reading only, a folder that is missing is not made,
//! and what is bound is let go at once.

mod judge;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::config::{Config, TlsFiles};
use crate::db;
use crate::server::{listen, load_tls};
use crate::udp;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do.
    Ok,
    /// It runs, though not as well as it could.
    Warning,
    /// Something does not work until it is mended.
    Fail,
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

    fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The line of this check for a program: one JSON object.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "event": "check",
            "name": self.name,
            "ok": self.verdict != Verdict::Fail,
            "warning": self.verdict == Verdict::Warning,
            "detail": self.detail,
            "advice": self.advice,
        })
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Fail => "FAIL",
        };
        write!(f, "{mark:<7}  {:<10}  {}", self.name, self.detail)?;
        match &self.advice {
            Some(advice) => write!(f, "\n{:21}{advice}", ""),
            None => Ok(()),
        }
    }
}

/// What became of binding a port.
#[derive(Debug)]
enum Port {
    Free,
    Taken,
    Unusable(String),
}

impl From<io::Result<()>> for Port {
    fn from(bound: io::Result<()>) -> Self {
        match bound {
            Ok(()) => Self::Free,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Self::Taken,
            Err(error) => Self::Unusable(error.to_string()),
        }
    }
}

/// What is known of the database.
#[derive(Debug)]
enum Database {
    /// None yet.
    Missing,
    /// A running server has it.
    InUse,
    /// It opens; its version, and the newest that is known here.
    Opens { found: i64, known: i64 },
    /// The last server did not close it: what it wrote last is still in the log beside it.
    Unclosed,
    /// It does not.
    Broken(String),
}

/// Examines what a server of this configuration would need. Blocks.
pub fn examine(config: &Config) -> Vec<Check> {
    let database = database(&config.data);
    let running = matches!(database, Database::InUse);
    let mut checks = Vec::new();
    if let Err(error) = config.check() {
        let check = Check::new("options", Verdict::Fail, error.to_string());
        checks.push(check.advice("change that option"));
    }
    let tcp = listen(config.listen).map(drop).into();
    checks.push(judge::port("listen", config.listen, &tcp, running));
    checks.push(match config.stun {
        Some(address) => {
            let udp = bind_udp(address).into();
            judge::port("stun", address, &udp, running)
        }
        None => judge::no_stun(),
    });
    checks.push(judge::reach(config.listen));
    checks.push(judge::tls(
        config.tls.as_ref().map(certificate),
        config.listen.ip().is_loopback(),
    ));
    let there = existing(&config.data);
    checks.push(judge::folder(
        &config.data.display().to_string(),
        there == config.data,
        writable(&there),
    ));
    checks.push(judge::database(&database));
    checks.push(judge::disk(free(&there)));
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    checks.push(judge::clock(now.map_or(0, |now| now.as_secs())));
    checks.push(judge::files(open_files(), config.max_connections));
    checks
}

fn bind_udp(address: SocketAddr) -> io::Result<()> {
    let socket: UdpSocket = udp::bound(address)?.into();
    drop(socket);
    Ok(())
}

/// Days that the certificate is good for, once it and its key are known to fit.
fn certificate(files: &TlsFiles) -> Result<Option<i64>, String> {
    load_tls(files).map_err(|error| error.to_string())?;
    let first = CertificateDer::pem_file_iter(&files.cert)
        .ok()
        .and_then(|mut certificates| certificates.next()?.ok());
    Ok(first.and_then(|certificate| days_left(&certificate)))
}

fn days_left(certificate: &[u8]) -> Option<i64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let end = certificate.validity().not_after.timestamp();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    // Rounded down, so that what has ended an hour ago is not good today.
    Some(
        end.saturating_sub(i64::try_from(now).ok()?)
            .div_euclid(24 * 60 * 60),
    )
}

/// The folder, or the nearest one above it that exists.
fn existing(folder: &Path) -> PathBuf {
    let found = folder.ancestors().find(|folder| folder.is_dir());
    match found {
        Some(found) if !found.as_os_str().is_empty() => found.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn writable(folder: &Path) -> Result<(), String> {
    let probe = folder.join(format!(".cooee-doctor.{}", std::process::id()));
    let written = File::create(&probe).and_then(|mut file| {
        file.write_all(b"probe")?;
        file.sync_all()
    });
    let removed = fs::remove_file(&probe);
    written.and(removed).map_err(|error| error.to_string())
}

fn database(folder: &Path) -> Database {
    let path = folder.join(db::FILE);
    // Held while the database is read, so that no server starts beside it.
    let _lock = match OpenOptions::new().write(true).open(folder.join(db::LOCK)) {
        Ok(file) => match file.try_lock() {
            Ok(()) => Some(file),
            Err(TryLockError::WouldBlock) => return Database::InUse,
            Err(TryLockError::Error(error)) => return Database::Broken(error.to_string()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Database::Broken(error.to_string()),
    };
    if !path.exists() {
        return Database::Missing;
    }
    let log = folder.join(format!("{}-wal", db::FILE));
    if fs::metadata(log).is_ok_and(|log| log.len() > 0) {
        return Database::Unclosed;
    }
    match read(&path) {
        Ok((found, None)) => Database::Opens {
            found,
            known: db::newest(),
        },
        Ok((_, Some(damage))) => Database::Broken(damage),
        Err(error) => Database::Broken(error.to_string()),
    }
}

/// The database's version, and what is wrong with it if anything is.
fn read(path: &Path) -> rusqlite::Result<(i64, Option<String>)> {
    // Immutable, which it is while the lock is held: else SQLite would make files beside it, and
    // the server could not use them where the doctor is another user.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let database = Connection::open_with_flags(uri(path), flags)?;
    let version = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let said: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((version, (said != "ok").then_some(said)))
}

/// The path as SQLite takes it in a URI.
fn uri(path: &Path) -> String {
    let mut uri = String::from(if cfg!(windows) { "file:///" } else { "file:" });
    for char in path.to_string_lossy().chars() {
        match char {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            '\\' if cfg!(windows) => uri.push('/'),
            other => uri.push(other),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(folder).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(not(unix))]
fn free(_folder: &Path) -> Option<u64> {
    None
}

/// Files that a process may have open once it has raised its limit, as the server does.
#[cfg(unix)]
fn open_files() -> Option<u64> {
    let (_now, most) = rlimit::Resource::NOFILE.get().ok()?;
    Some(most)
}

#[cfg(not(unix))]
fn open_files() -> Option<u64> {
    None
}
