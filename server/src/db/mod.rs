//! The database: one SQLite file, one thread that owns it, and one that brings it to the disk.
//!
//! Every request becomes a *job*: what to do inside a transaction, and what to tell afterwards.
//! The thread takes all jobs that wait, runs each under a savepoint of one transaction, and
//! commits once. A second thread brings the commits to the disk, many at a time, and only then
//! runs what each job has to tell, in the order of the jobs; meanwhile the first goes on with the
//! next ones. So whatever anybody is told is durable, and everybody hears of changes in the order
//! of the commits. Reads go the same way: they see everything that was committed before them, and
//! a transaction that wrote nothing costs no write to disk.

pub(crate) mod attachments;
pub(crate) mod blocks;
pub(crate) mod calls;
pub(crate) mod cleaning;
pub(crate) mod contacts;
pub(crate) mod conversations;
pub(crate) mod deletion;
pub(crate) mod entries;
pub(crate) mod groups;
mod migrations;
pub(crate) mod pictures;
pub(crate) mod profiles;
mod threads;
pub(crate) mod tokens;

use std::any::Any;
use std::fs::{File, OpenOptions, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cooee_protocol::{ErrorCode, ErrorReply};
use rusqlite::Connection;
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub(crate) use migrations::{MigrationError, newest};

/// Jobs that wait for the database thread; further requests wait in their connections.
const QUEUE: usize = 1024;

/// The database's name in the data folder.
pub(crate) const FILE: &str = "cooee.sqlite3";

/// The name of its write-ahead log, as SQLite makes it.
const LOG: &str = "cooee.sqlite3-wal";

/// The name of the file that a running server keeps locked.
pub(crate) const LOCK: &str = "lock";

/// The most that SQLite keeps of the database in memory, in its notation for KiB.
const CACHE_KIB: i32 = -16_384;

/// The pages of the write-ahead log after which it is written back: 16 MiB. While that goes on,
/// everybody waits.
const LOG_PAGES: i32 = 4096;

/// Why a data folder could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder or a file in it cannot be used.
    #[error("cannot use the data folder {folder}: {source}")]
    Folder {
        /// The folder.
        folder: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Another server has the folder.
    #[error("the data folder {0} is in use by another server")]
    InUse(String),
    /// A newer server has written the database.
    #[error("{0}")]
    Version(String),
    /// The database cannot be opened.
    #[error("cannot open the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Why a job did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// The request is refused, with what to answer; nothing was changed.
    #[error("refused: {0:?}")]
    Refused(ErrorReply),
    /// The database failed; nothing was changed.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// What is stored cannot be what the server stored.
    #[error("the database holds a malformed {0}")]
    Malformed(&'static str),
    /// The group of jobs could not be committed.
    #[error("commit failed: {0}")]
    Commit(String),
    /// The job panicked, or the database thread is gone.
    #[error("the database is closed")]
    Closed,
}

impl JobError {
    pub(crate) fn refused(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self::Refused(ErrorReply::new(code, detail))
    }
}

/// What a job returns.
pub(crate) type JobResult<T> = Result<T, JobError>;

type Finish = Box<dyn FnOnce(Result<(), String>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> (bool, Finish) + Send>;

/// A handle to the threads of the database.
#[derive(Debug)]
pub(crate) struct Db {
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Db {
    /// Opens the database in `folder`, migrates it and starts its threads.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let lock = lock(folder)?;
        let connection = connect(&folder.join(FILE))?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (committed, commits) = std::sync::mpsc::sync_channel(threads::AHEAD);
        let log = folder.join(LOG);
        // The runtime's blocking pool rather than bare threads: a paused test clock then never
        // runs ahead of the database.
        let (telling_on, all_told) = std::sync::mpsc::channel::<()>();
        let telling = tokio::task::spawn_blocking(move || {
            threads::tell(&log, &commits);
            drop(telling_on);
        });
        let working = tokio::task::spawn_blocking(move || {
            threads::work(&connection, jobs, committed);
            let _all_told = all_told.recv();
            threads::close(connection);
            drop(lock);
        });
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            threads: Mutex::new(vec![working, telling]),
        })
    }

    /// Runs `work` in a transaction and, when it is durable (or has failed), `tell` with its
    /// result, before what any later job has to tell. Waits for both.
    pub(crate) async fn run<T, R>(
        &self,
        work: impl FnOnce(&Connection) -> JobResult<T> + Send + 'static,
        tell: impl FnOnce(JobResult<T>) -> R + Send + 'static,
    ) -> JobResult<R>
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        let told = self.submit(work, tell).await?;
        told.await.map_err(|_| JobError::Closed)
    }

    /// The same, but waits only until the job has its place among the others.
    pub(crate) async fn submit<T, R>(
        &self,
        work: impl FnOnce(&Connection) -> JobResult<T> + Send + 'static,
        tell: impl FnOnce(JobResult<T>) -> R + Send + 'static,
    ) -> JobResult<oneshot::Receiver<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        let (done, told) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
                .unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
            let keep = result.is_ok();
            let finish: Finish = Box::new(move |committed| {
                let result = match committed {
                    Ok(()) => result,
                    Err(error) => result.and(Err(JobError::Commit(error))),
                };
                // The requester may be gone; the others are told all the same.
                let _gone = done.send(tell(result));
            });
            (keep, finish)
        });
        let queue = self
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(JobError::Closed)?;
        queue.send(job).await.map_err(|_| JobError::Closed)?;
        drop(queue);
        Ok(told)
    }

    /// Runs a job that only asks.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    ) -> JobResult<T> {
        self.run(work, |result| result).await?
    }

    /// Finishes what waits, writes the log back into the database and closes it.
    pub(crate) async fn close(&self) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if let Err(error) = thread.await {
                tracing::error!(%error, "a thread of the database failed");
            }
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> JobError {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("?");
    tracing::error!(words, "a database job panicked");
    JobError::Closed
}

/// Takes the folder for this process, as long as the file that it returns is open.
pub(crate) fn lock(folder: &Path) -> Result<File, OpenError> {
    let shown = folder.display().to_string();
    let failed = |source| OpenError::Folder {
        folder: shown.clone(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    restrict(folder).map_err(failed)?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(LOCK))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(shown)),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The folder holds password hashes: only its owner reads it.
#[cfg(unix)]
fn restrict(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn restrict(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Each commit is brought to the disk before anybody is told of it, but not by SQLite, which
    // would make the next one wait.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    // What was erased is not to be found in the file either.
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    connection.set_prepared_statement_cache_capacity(256);
    migrations::migrate(&mut connection).map_err(|error| match error {
        MigrationError::Sqlite(error) => OpenError::Sqlite(error),
        newer @ MigrationError::Newer { .. } => OpenError::Version(newer.to_string()),
    })?;
    Ok(connection)
}

/// RFC 3339 in UTC with microseconds.
pub(crate) fn date(micros: i64) -> JobResult<String> {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .ok()
        .and_then(|date| date.format(&format).ok())
        .ok_or(JobError::Malformed("date"))
}

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> i64 {
    unix(Duration::as_secs)
}

/// Microseconds since 1970.
pub(crate) fn unix_micros() -> i64 {
    unix(|since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

fn unix(unit: impl FnOnce(&Duration) -> u64) -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(unit(&since)).unwrap_or(i64::MAX)
}
