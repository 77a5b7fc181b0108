//! Which opened cache writes a call down, and whether it is still alive.
//!
//! Several processes may have one cache open: a client that is in a call, and a second one that
//! only lists the contacts. The second must not take the first one's call for one that was lost,
//! so a cache holds a locked file for as long as it has a call that goes on. The operating system
//! gives the lock back when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::{CacheError, files};

/// One opened cache, as the writer of calls.
#[derive(Debug)]
pub(super) struct Session {
    id: String,
    lock: Option<(PathBuf, File)>,
}

impl Session {
    /// A session that has no call yet. `id` is its own, of hexadecimal digits.
    pub(super) fn new(id: String) -> Self {
        Self { id, lock: None }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Shows other processes that a call of this session goes on.
    pub(super) fn hold(&mut self, database: &Path) -> Result<(), CacheError> {
        if self.lock.is_none() {
            let path = lock_path(database, &self.id);
            let file = files::create_private(&path)?;
            // The id is this session's alone, so this waits at most while another process looks.
            match file.lock() {
                // Where files cannot be locked (phones), no second process opens the cache.
                Err(error) if error.kind() != io::ErrorKind::Unsupported => {
                    return Err(files::files_error(&path, error));
                }
                Ok(()) | Err(_) => {}
            }
            self.lock = Some((path, file));
        }
        Ok(())
    }

    /// Ends what [`hold`](Self::hold) began.
    pub(super) fn release(&mut self) {
        if let Some((path, file)) = self.lock.take() {
            drop(file);
            // A file that stays behind is found unlocked, which says the same as none.
            let _ = files::remove(&path);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.release();
    }
}

/// Whether another opened cache with this id is alive and in a call.
pub(super) fn is_alive(database: &Path, id: &str) -> bool {
    // The id comes out of a file, and becomes part of a path only if it is one of ours.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return false;
    }
    let path = lock_path(database, id);
    let Ok(file) = OpenOptions::new().write(true).open(&path) else {
        return false;
    };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => true,
        Ok(()) | Err(TryLockError::Error(_)) => {
            drop(file);
            let _ = files::remove(&path);
            false
        }
    }
}

fn lock_path(database: &Path, id: &str) -> PathBuf {
    database.with_extension(format!("call-{id}"))
}
