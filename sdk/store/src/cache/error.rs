//! What can go wrong with the cache.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;

use super::CallId;

/// Why an operation on the cache failed. None of these is the fault of a person's input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The data folder or a file in it cannot be made, read, renamed or removed.
    #[error("cannot use {}: {source}", path.display())]
    Files {
        /// What could not be used.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A newer version of the program wrote the database. It is left as it is.
    #[error(
        "{} was written by a newer version (format {found}, this version knows up to {known}): \
         update this program, or use another data folder", path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The format of the file.
        found: i64,
        /// The newest format that this version understands.
        known: i64,
    },
    /// The database is damaged. Opening the cache again replaces it by an empty one.
    #[error("the cache is damaged: {0}")]
    Corrupt(String),
    /// Another process held the database for longer than this one was willing to wait.
    #[error("the cache is in use by another process")]
    Busy(#[source] rusqlite::Error),
    /// The disk is full.
    #[error("no space left for the cache")]
    Full(#[source] rusqlite::Error),
    /// The history has no such call (any more).
    #[error("the history has no call {0}")]
    UnknownCall(CallId),
    /// A page of a conversation that does not join what is held of it, or is not what it says.
    #[error("the page {first} to {last} of {id_group} does not join what is held of it")]
    Gap {
        /// The conversation.
        id_group: String,
        /// The first sequence of the page.
        first: i64,
        /// The last one.
        last: i64,
    },
    /// Anything else that SQLite reports.
    #[error("the cache cannot be used: {0}")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for CacheError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(error),
            Some(ErrorCode::DiskFull) => Self::Full(error),
            _ => Self::Sqlite(error),
        }
    }
}
