//! `cooee-server backup` and `restore`: everything that a server keeps, in one file.
//!
//! The file is a tar archive: `pictures/…` and `attachments/…` under the SHA-256 of their bytes, and
//! `cooee.sqlite3` last. The database comes from SQLite's online backup, a consistent view of one
//! moment, taken beside a server that goes on writing. Files never change once they have their
//! name; one that was removed since that moment is taken out of the copy as well.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use crate::db::{self, OpenError};

/// The folders of files that are named by the SHA-256 of their bytes.
const FOLDERS: [&str; 2] = ["pictures", "attachments"];

/// Why a backup was not made, or not restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is nothing to back up.
    #[error("there is no database in {0}: is that the server's --data folder?")]
    NoData(PathBuf),
    /// What is there is not overwritten.
    #[error("{0} is there already; name another, or move it away")]
    Exists(PathBuf),
    /// Another version of the server wrote the database.
    #[error(
        "the database has version {found}, this cooee-server knows {known}: use the version that wrote it"
    )]
    Version {
        /// The database's version.
        found: i64,
        /// The newest that this server knows.
        known: i64,
    },
    /// The file is no backup, or not a whole one.
    #[error("{file} is no backup of a Cooee server, or damaged: {what}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The database cannot be read or written.
    #[error("the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Pictures and attachments.
    pub files: usize,
    /// Bytes of all, the database included.
    pub bytes: u64,
}

fn at<'a>(path: &'a Path) -> impl FnOnce(io::Error) -> BackupError + 'a {
    |source| BackupError::File {
        path: path.to_owned(),
        source,
    }
}

/// A file that goes away again unless it is kept.
struct Draft(PathBuf);

impl Draft {
    fn beside(path: &Path, ending: &str) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        Self(name.into())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _kept_or_never_made = fs::remove_file(&self.0);
    }
}

/// Creates a file that only its owner reads: it holds password hashes and what people write.
fn create(path: &Path) -> Result<File, BackupError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(at(path))
}

/// Copies everything in the data folder into one file, also while a server runs on it.
///
/// # Errors
///
/// When there is no database, the file exists already, or something cannot be read or written; no
/// half a backup is left behind.
pub fn backup(data: &Path, file: &Path) -> Result<Summary, BackupError> {
    if file.exists() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let copy = Draft::beside(file, ".db.part");
    let copied = copy_database(data, &copy.0)?;
    let draft = Draft::beside(file, ".part");
    let _stale = fs::remove_file(&draft.0);
    let mut archive = Builder::new(create(&draft.0)?);
    let mut summary = Summary { files: 0, bytes: 0 };
    for folder in FOLDERS {
        for name in names(&copied, folder)? {
            let path = data.join(folder).join(&name);
            match File::open(&path) {
                Ok(mut bytes) => {
                    summary.files += 1;
                    let entry = format!("{folder}/{name}");
                    summary.bytes += append(&mut archive, &entry, &mut bytes).map_err(at(&path))?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    forget(&copied, folder, &name)?;
                }
                Err(error) => return Err(at(&path)(error)),
            }
        }
    }
    copied.close().map_err(|(_, error)| error)?;
    let mut bytes = File::open(&copy.0).map_err(at(&copy.0))?;
    summary.bytes += append(&mut archive, db::FILE, &mut bytes).map_err(at(&copy.0))?;
    let done = archive.into_inner().and_then(|mut done| {
        done.flush()?;
        done.sync_all()
    });
    done.map_err(at(&draft.0))?;
    // Never over a file that came meanwhile.
    fs::hard_link(&draft.0, file)
        .or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Err(error),
            // A file system without links.
            _ => fs::rename(&draft.0, file),
        })
        .map_err(at(file))?;
    Ok(summary)
}

/// The database as of this moment, as a file of its own.
fn copy_database(data: &Path, copy: &Path) -> Result<Connection, BackupError> {
    let source = data.join(db::FILE);
    if !source.exists() {
        return Err(BackupError::NoData(data.to_owned()));
    }
    let source = Connection::open_with_flags(source, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    source.busy_timeout(std::time::Duration::from_secs(30))?;
    let found: i64 = source.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = db::newest();
    if found != known {
        return Err(BackupError::Version { found, known });
    }
    let _stale = fs::remove_file(copy);
    drop(create(copy)?);
    let mut copied = Connection::open(copy)?;
    // All in one step: one reader's view, which the server's writing neither disturbs nor waits for.
    Backup::new(&source, &mut copied)?.step(-1)?;
    copied.pragma_update(None, "journal_mode", "DELETE")?;
    // The bytes of uploads that are not complete stay behind; their clients begin again.
    copied.execute_batch("DELETE FROM unfinished_uploads")?;
    Ok(copied)
}

/// The files that the database knows in a folder.
fn names(db: &Connection, folder: &str) -> Result<Vec<String>, BackupError> {
    let sql = match folder {
        "pictures" => "SELECT id FROM pictures",
        _ => "SELECT lower(hex(id)) FROM attachments",
    };
    let mut query = db.prepare(sql)?;
    let names = query.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// Takes a file that is gone out of the copy.
fn forget(db: &Connection, folder: &str, name: &str) -> Result<(), BackupError> {
    let statements: &[&str] = match folder {
        "pictures" => &[
            "UPDATE profiles SET picture = '' WHERE picture = ?1",
            "DELETE FROM uploads WHERE picture = ?1",
            "DELETE FROM pictures WHERE id = ?1",
        ],
        _ => &[
            "DELETE FROM entry_attachments WHERE attachment = unhex(?1)",
            "DELETE FROM attachment_uploads WHERE attachment = unhex(?1)",
            "DELETE FROM attachments WHERE id = unhex(?1)",
        ],
    };
    for sql in statements {
        db.execute(sql, [name])?;
    }
    Ok(())
}

fn append(archive: &mut Builder<File>, name: &str, bytes: &mut File) -> io::Result<u64> {
    let size = bytes.metadata()?.len();
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_entry_type(EntryType::Regular);
    archive.append_data(&mut header, name, bytes)?;
    Ok(size)
}

/// Makes a data folder out of a backup. The folder must not hold a database.
///
/// # Errors
///
/// When a server runs on the folder or has run on it, the file is no whole backup, or something
/// cannot be written; the folder has no database then.
pub fn restore(file: &Path, data: &Path) -> Result<Summary, BackupError> {
    let mut archive = Archive::new(File::open(file).map_err(at(file))?);
    let _lock = db::lock(data)?;
    let place = data.join(db::FILE);
    if place.exists() {
        return Err(BackupError::Exists(place));
    }
    for folder in FOLDERS {
        let folder = data.join(folder);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
    }
    let damaged = |what: &str| BackupError::Damaged {
        file: file.to_owned(),
        what: what.to_owned(),
    };
    let draft = Draft::beside(&place, ".part");
    let mut summary = Summary { files: 0, bytes: 0 };
    let mut database = false;
    let unreadable = |error: io::Error| damaged(&error.to_string());
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry.path().map_err(unreadable)?.into_owned();
        let name = name.to_str().ok_or_else(|| damaged("a name is not text"))?;
        if entry.header().entry_type() != EntryType::Regular {
            return Err(damaged("it holds something else than files"));
        }
        let hash = name.split_once('/').filter(|(folder, hash)| {
            let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            FOLDERS.contains(folder) && hash.len() == 64 && hash.bytes().all(hex)
        });
        let to = match hash {
            Some(_) => Draft(data.join(name).with_extension("part")),
            None if name == db::FILE => Draft(draft.0.clone()),
            None => return Err(damaged("it holds a file that does not belong to it")),
        };
        let _stale = fs::remove_file(&to.0);
        let mut out = create(&to.0)?;
        let (bytes, found) = copy(&mut entry, &mut out).map_err(at(&to.0))?;
        out.sync_all().map_err(at(&to.0))?;
        summary.bytes += bytes;
        match hash {
            Some((_, hash)) if hash != found => {
                return Err(damaged(&format!("{name} has other bytes")));
            }
            Some(_) => {
                summary.files += 1;
                let place = data.join(name);
                fs::rename(&to.0, &place).map_err(at(&place))?;
            }
            None => {
                database = true;
                std::mem::forget(to);
            }
        }
    }
    if !database {
        return Err(damaged("it ends before the database"));
    }
    prepare(&draft.0, data).map_err(|what| damaged(&what))?;
    for folder in FOLDERS.map(|folder| data.join(folder)) {
        sync(&folder)?;
    }
    fs::rename(&draft.0, &place).map_err(at(&place))?;
    sync(data)?;
    Ok(summary)
}

fn sync(folder: &Path) -> Result<(), BackupError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(at(folder))
}

/// Copies everything; says how much it was, and its SHA-256 in hex.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    use std::fmt::Write as _;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        let count = from.read(&mut piece)?;
        let bytes = piece.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        hasher.update(bytes);
        to.write_all(bytes)?;
        length += u64::try_from(count).unwrap_or(0);
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        write!(hex, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok((length, hex))
}

/// Looks whether the database is whole, and tells clients by a new epoch that it is another one.
fn prepare(place: &Path, data: &Path) -> Result<(), String> {
    let words = |error: rusqlite::Error| error.to_string();
    let db = Connection::open(place).map_err(words)?;
    let found: i64 = db
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(words)?;
    let known = db::newest();
    if found > known {
        return Err(format!(
            "a newer server wrote it ({found}, this one knows {known})"
        ));
    }
    let check: String = db
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(words)?;
    if check != "ok" {
        return Err(check);
    }
    for folder in FOLDERS {
        for name in names(&db, folder).map_err(|error| error.to_string())? {
            if !data.join(folder).join(&name).exists() {
                return Err(format!("{folder}/{name} is missing"));
            }
        }
    }
    // The calls of that time are long over.
    db.execute_batch("UPDATE server SET epoch = lower(hex(randomblob(4))); DELETE FROM calls;")
        .map_err(words)?;
    db.close().map_err(|(_, error)| words(error))
}
