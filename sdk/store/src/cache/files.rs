//! The files of a cache: their names, who may read them, and what happens to damaged ones.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::CacheError;
use crate::{AccountId, NameKey};

/// The database of `account`. Server and name are hashed: both may hold anything, and be longer
/// than a file name may be.
pub(super) fn database_path(folder: &Path, account: &AccountId, name_key: NameKey) -> PathBuf {
    let mut hash = Sha256::new();
    // The length keeps ("ab", "c") apart from ("a", "bc").
    hash.update((account.server.len() as u64).to_be_bytes());
    hash.update(&account.server);
    hash.update(name_key(&account.pseudo));
    let name: String = hash
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    folder.join(format!("cache-{name}.sqlite3"))
}

/// Makes the data folder, closed to other users; one that exists stays as it is.
pub(super) fn create_folder(folder: &Path) -> Result<(), CacheError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder
        .create(folder)
        .map_err(|source| files_error(folder, source))
}

/// Makes the file where it is missing, readable by its owner only: SQLite gives its other files
/// the same permissions.
pub(super) fn create_private(path: &Path) -> Result<File, CacheError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
        .open(path)
        .map_err(|source| files_error(path, source))
}

/// Puts a damaged database out of the way, in place of the one that was damaged before it.
pub(super) fn move_aside(path: &Path) -> Result<PathBuf, CacheError> {
    let aside = path.with_extension("corrupt");
    remove_database(&aside)?;
    rename_database(path, &aside)?;
    Ok(aside)
}

/// Renames a closed database over whatever has the new name.
pub(super) fn rename_database(from: &Path, to: &Path) -> Result<(), CacheError> {
    remove_database(to)?;
    for suffix in ["-wal", ""] {
        let source = with_suffix(from, suffix);
        unless_missing(fs::rename(&source, with_suffix(to, suffix)))
            .map_err(|error| files_error(&source, error))?;
    }
    remove(&with_suffix(from, "-shm"))
}

/// Removes a closed database with the files that belong to it.
pub(super) fn remove_database(path: &Path) -> Result<(), CacheError> {
    for suffix in ["", "-wal", "-shm"] {
        remove(&with_suffix(path, suffix))?;
    }
    Ok(())
}

/// Removes a file, or nothing when it is not there.
pub(super) fn remove(path: &Path) -> Result<(), CacheError> {
    unless_missing(fs::remove_file(path)).map_err(|error| files_error(path, error))
}

pub(super) fn files_error(path: &Path, source: io::Error) -> CacheError {
    CacheError::Files {
        path: path.to_owned(),
        source,
    }
}

fn unless_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
