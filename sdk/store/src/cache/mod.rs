//! The client's cache: one SQLite file for each account on each server.

mod calls;
mod contacts;
mod error;
mod files;
mod groups;
mod messages;
mod records;
mod schema;
mod session;
mod volumes;

#[cfg(test)]
mod schema_tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub use self::error::CacheError;
pub use self::messages::{
    Conversation, Draft, Entry, EntryKind, Found, Listed, Mark, Message, Outgoing, Page, Reaction,
};
pub use self::records::{
    CallDirection, CallId, CallRecord, Contact, Group, INTERRUPTED, NewCall, Profile, Status,
};
use self::session::Session;
use crate::{AccountId, NameKey};

/// How long a statement waits for another process to finish its own.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements that are kept: more than this crate has.
const STATEMENTS: usize = 128;

/// An account's cache, open.
///
/// Owned by one task of the client: it is `Send`, and every call blocks for as long as the disk
/// takes. Every method that changes something is one transaction, durable when it returns, and
/// no transaction outlives the call. While the cache is open SQLite keeps a shared lock on its
/// file; [`close`](Self::close) gives everything back, as a phone that goes to the background has
/// to, and [`ClosedCache::reopen`] continues where it was.
///
/// Presence is not written to disk. After opening, confirmed contacts and the own profile read
/// as [`Status::Offline`] until they are written again.
///
/// The methods come in families: `open`, `close`; what the server says (`replace_*`, `upsert_*`,
/// `set_*`, `rename_*`, `add_*`, `remove_*`); what this device experiences (`record_call_*`);
/// and getters (`profile`, `contacts`, `groups`, `calls`), which see everything written before.
#[derive(Debug)]
pub struct Cache {
    connection: Connection,
    folder: PathBuf,
    path: PathBuf,
    name_key: NameKey,
    session: Session,
    /// By name key: the presence of confirmed contacts, as heard since opening.
    presence: HashMap<String, Status>,
    own_status: Status,
}

/// A cache that holds no lock and no file. Dropping it leaves the cache on the disk.
#[derive(Debug)]
pub struct ClosedCache {
    folder: PathBuf,
    path: PathBuf,
    name_key: NameKey,
    session: Session,
}

impl Cache {
    /// Opens the cache of `account` in `folder`, making both where they are missing.
    ///
    /// A damaged database is moved aside, with a warning in the log, and replaced by an empty
    /// one. A call whose process died is closed with the reason [`INTERRUPTED`].
    ///
    /// # Errors
    ///
    /// [`CacheError::Newer`] for a database of a newer version, which stays as it is;
    /// [`CacheError::Files`], [`CacheError::Busy`], [`CacheError::Full`].
    pub fn open(folder: &Path, account: &AccountId, name_key: NameKey) -> Result<Self, CacheError> {
        Self::open_after(folder, account, name_key, Check::Whole)
    }

    /// Opens the cache without looking through all of it for damage, which takes the longer the
    /// larger it is: for a process that a call has woken. What is damaged is found where it is
    /// used.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_quickly(
        folder: &Path,
        account: &AccountId,
        name_key: NameKey,
    ) -> Result<Self, CacheError> {
        Self::open_after(folder, account, name_key, Check::Header)
    }

    fn open_after(
        folder: &Path,
        account: &AccountId,
        name_key: NameKey,
        check: Check,
    ) -> Result<Self, CacheError> {
        files::create_folder(folder)?;
        let path = files::database_path(folder, account, name_key);
        let connection = match prepare(&path, check) {
            Err(CacheError::Corrupt(reason)) => {
                let aside = files::move_aside(&path)?;
                tracing::warn!(
                    %reason,
                    moved_to = %aside.display(),
                    "the cache was damaged and starts empty; the history of calls is lost"
                );
                prepare(&path, Check::Whole)?
            }
            other => other?,
        };
        let id = connection.query_row("SELECT lower(hex(randomblob(16)))", [], |row| row.get(0))?;
        let closed = ClosedCache {
            folder: folder.to_owned(),
            path,
            name_key,
            session: Session::new(id),
        };
        closed.over(connection)
    }

    /// A cache without a file, gone with the value: for simulations.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn in_memory(name_key: NameKey) -> Result<Self, CacheError> {
        let mut connection = Connection::open_in_memory()?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut connection, Path::new(":memory:"))?;
        let closed = ClosedCache {
            folder: PathBuf::new(),
            path: PathBuf::new(),
            name_key,
            session: Session::new(String::new()),
        };
        closed.over(connection)
    }

    /// Closes every file and releases every lock.
    ///
    /// # Errors
    ///
    /// What SQLite reports. The files are closed and the locks released even then.
    pub fn close(self) -> Result<ClosedCache, CacheError> {
        let (closed, outcome) = self.close_anyhow();
        outcome.map(|()| closed)
    }

    /// As [`close`](Self::close), and gives what is needed to open it again even where SQLite
    /// reports an error.
    pub fn close_anyhow(mut self) -> (ClosedCache, Result<(), CacheError>) {
        self.session.release();
        let closed = ClosedCache {
            folder: self.folder,
            path: self.path,
            name_key: self.name_key,
            session: self.session,
        };
        let outcome = self.connection.close().map_err(|(_, error)| error.into());
        (closed, outcome)
    }

    /// Gives back memory that only makes the next calls quicker.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn shrink(&mut self) -> Result<(), CacheError> {
        self.connection.flush_prepared_statement_cache();
        self.connection.execute_batch("PRAGMA shrink_memory")?;
        Ok(())
    }

    fn key(&self, pseudo: &str) -> String {
        (self.name_key)(pseudo)
    }

    /// A transaction that takes the write lock at once, so that it cannot fail half-way because
    /// another process took it in between.
    fn write(&mut self) -> Result<Transaction<'_>, CacheError> {
        Ok(self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?)
    }
}

impl ClosedCache {
    /// Opens the cache again. Calls that this cache was writing down go on.
    ///
    /// # Errors
    ///
    /// Those of [`Cache::open`], and [`CacheError::Corrupt`]: the file is not checked and not
    /// moved aside here, so that opening again is quick.
    pub fn reopen(self) -> Result<Cache, CacheError> {
        self.reopen_or_keep().map_err(|(_, error)| error)
    }

    /// As [`reopen`](Self::reopen), and gives the closed cache back where that fails, so that it
    /// can be tried again.
    ///
    /// # Errors
    ///
    /// Those of [`reopen`](Self::reopen).
    #[allow(
        clippy::result_large_err,
        reason = "the caller goes on with what it gets back"
    )]
    pub fn reopen_or_keep(self) -> Result<Cache, (Self, CacheError)> {
        let opened = connect(&self.path).and_then(|mut connection| {
            schema::migrate(&mut connection, &self.path)?;
            Ok(connection)
        });
        match opened {
            Ok(connection) => self.settled(connection),
            Err(error) => Err((self, error)),
        }
    }

    /// Gives the cache to the account's new name, replacing what may be left there of an account
    /// that had this name before.
    ///
    /// # Errors
    ///
    /// [`CacheError::Files`]; the cache then still belongs to the old name.
    pub fn rename(mut self, account: &AccountId) -> Result<Self, CacheError> {
        let path = files::database_path(&self.folder, account, self.name_key);
        if path != self.path {
            files::rename_database(&self.path, &path)?;
            self.path = path;
        }
        Ok(self)
    }

    /// Removes the cache from the disk, with the history of calls.
    ///
    /// # Errors
    ///
    /// [`CacheError::Files`].
    pub fn delete(self) -> Result<(), CacheError> {
        files::remove_database(&self.path)
    }

    fn over(self, connection: Connection) -> Result<Cache, CacheError> {
        self.settled(connection).map_err(|(_, error)| error)
    }

    #[allow(
        clippy::result_large_err,
        reason = "the caller goes on with what it gets back"
    )]
    fn settled(self, connection: Connection) -> Result<Cache, (Self, CacheError)> {
        let mut cache = Cache {
            connection,
            folder: self.folder,
            path: self.path,
            name_key: self.name_key,
            session: self.session,
            presence: HashMap::new(),
            own_status: Status::Offline,
        };
        match cache.settle_calls() {
            Ok(()) => Ok(cache),
            Err(error) => Err((cache.close_anyhow().0, error)),
        }
    }
}

/// How closely a database is looked at before it is used.
#[derive(Clone, Copy)]
enum Check {
    Whole,
    Header,
}

/// Opens a database that may be damaged, of an older format, or missing.
fn prepare(path: &Path, check: Check) -> Result<Connection, CacheError> {
    drop(files::create_private(path)?);
    let mut connection = connect(path)?;
    if matches!(check, Check::Whole) {
        let verdict: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(CacheError::Corrupt(verdict));
        }
    }
    schema::migrate(&mut connection, path)?;
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection, CacheError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // The history cannot be fetched again, so it is to survive a loss of power too.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // What was withdrawn or forgotten does not stay in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

/// A column whose text is none of those that the table allows.
fn unexpected_text(column: &str, text: &str) -> CacheError {
    CacheError::Corrupt(format!("{column} is {text:?}"))
}
