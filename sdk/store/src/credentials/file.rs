//! Secrets in a file that only its owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{CredentialError, CredentialStore, Secret};
use crate::AccountId;

/// The format of the file.
const FORMAT: u32 = 1;

/// How large the file may be, in bytes. A thousand accounts need a fifth of it.
const LIMIT: u64 = 1024 * 1024;

/// Keeps secrets in one JSON file, in the clear: whoever can read the owner's files can read
/// them. For servers, bots and tests, which have no keyring; a person has to choose it.
///
/// The file has mode 0600 in a folder of its own of mode 0700. It is replaced as a whole, so a
/// crash leaves the old or the new one, and several processes may use it at once. A file that
/// other users can reach is refused. (On Windows the folder's own access rules decide.)
#[derive(Debug, Clone)]
pub struct FileStore {
    folder: PathBuf,
}

impl FileStore {
    /// A store in the folder `credentials` of the data folder. Nothing is made before the first
    /// secret is saved.
    pub fn new(data: &Path) -> Self {
        Self {
            folder: data.join("credentials"),
        }
    }

    /// The file that holds the secrets.
    pub fn path(&self) -> PathBuf {
        self.folder.join("sessions.json")
    }

    fn read(&self) -> Result<Contents, CredentialError> {
        let path = self.path();
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Contents::default());
            }
            other => other.map_err(files_error(&path))?,
        };
        // Of the opened file, so that nobody can swap it in between.
        refuse_exposed(&file, &path)?;
        let mut text = Zeroizing::new(Vec::with_capacity(allocation(&file)));
        (&file)
            .take(LIMIT + 1)
            .read_to_end(&mut text)
            .map_err(files_error(&path))?;
        let malformed = || CredentialError::Malformed {
            what: path.display().to_string(),
        };
        if text.len() as u64 > LIMIT {
            return Err(malformed());
        }
        // The parser's own message might quote a secret.
        let contents: Contents = serde_json::from_slice(&text).map_err(|_| malformed())?;
        if contents.format != FORMAT {
            return Err(malformed());
        }
        Ok(contents)
    }

    /// Replaces the file. The caller holds the lock.
    fn write(&self, contents: &Contents) -> Result<(), CredentialError> {
        let path = self.path();
        let fresh = self.folder.join("sessions.json.new");
        // Large enough for every character escaped: growing would leave copies in memory.
        let size = contents.entries.iter().fold(64_usize, |size, entry| {
            let text = entry.server.len() + entry.pseudo.len() + entry.secret.len();
            size.saturating_add(text.saturating_mul(6))
                .saturating_add(64)
        });
        let mut text = Zeroizing::new(Vec::with_capacity(size));
        serde_json::to_writer(&mut *text, contents).map_err(|error| CredentialError::Files {
            path: path.clone(),
            source: error.into(),
        })?;
        // A temporary file that a crash left behind may have any owner and mode.
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(files_error(&fresh)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        owner_only(&mut options);
        let mut file = options.open(&fresh).map_err(files_error(&fresh))?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&fresh, &path))
            .and_then(|()| sync_folder(&self.folder))
            .map_err(files_error(&path))
    }

    /// Keeps other processes from changing the file between this one's reading and writing.
    fn lock(&self) -> Result<File, CredentialError> {
        make_private_folder(&self.folder).map_err(files_error(&self.folder))?;
        let path = self.folder.join("sessions.lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        owner_only(&mut options);
        let file = options.open(&path).map_err(files_error(&path))?;
        match file.lock() {
            // A system without file locks has one process at a time here.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => {
                Err(files_error(&path)(error))
            }
            Ok(()) | Err(_) => Ok(file),
        }
    }
}

impl CredentialStore for FileStore {
    fn load(&self, account: &AccountId) -> Result<Option<Secret>, CredentialError> {
        let contents = self.read()?;
        let entry = contents.entries.iter().find(|entry| entry.is_of(account));
        Ok(entry.map(|entry| Secret::new(entry.secret.as_str())))
    }

    fn save(&self, account: &AccountId, secret: &Secret) -> Result<(), CredentialError> {
        let _lock = self.lock()?;
        let mut contents = self.read()?;
        contents.entries.retain(|entry| !entry.is_of(account));
        contents.entries.push(Entry {
            server: account.server.clone(),
            pseudo: account.pseudo.clone(),
            secret: secret.expose().to_owned(),
        });
        self.write(&contents)
    }

    fn remove(&self, account: &AccountId) -> Result<(), CredentialError> {
        let path = self.path();
        if !path.try_exists().map_err(files_error(&path))? {
            return Ok(());
        }
        let _lock = self.lock()?;
        let mut contents = self.read()?;
        let before = contents.entries.len();
        contents.entries.retain(|entry| !entry.is_of(account));
        if contents.entries.len() == before {
            return Ok(());
        }
        self.write(&contents)
    }
}

#[derive(Serialize, Deserialize)]
struct Contents {
    format: u32,
    entries: Vec<Entry>,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            format: FORMAT,
            entries: Vec::new(),
        }
    }
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Entry {
    server: String,
    pseudo: String,
    secret: String,
}

impl Entry {
    fn is_of(&self, account: &AccountId) -> bool {
        self.server == account.server && self.pseudo == account.pseudo
    }
}

fn files_error(path: &Path) -> impl Fn(io::Error) -> CredentialError + use<> {
    let path = path.to_owned();
    move |source| CredentialError::Files {
        path: path.clone(),
        source,
    }
}

/// What reading the whole file needs, so that the buffer does not grow and leave copies.
fn allocation(file: &File) -> usize {
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    usize::try_from(length.min(LIMIT)).unwrap_or(0) + 1
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn owner_only(_options: &mut OpenOptions) {}

#[cfg(unix)]
fn refuse_exposed(file: &File, path: &Path) -> Result<(), CredentialError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().map_err(files_error(path))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(CredentialError::ExposedFile {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_exposed(_file: &File, _path: &Path) -> Result<(), CredentialError> {
    Ok(())
}

/// Makes the folder, or makes it private again: it is this store's own.
#[cfg(unix)]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    if fs::metadata(folder)?.permissions().mode() & 0o777 != 0o700 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Makes the renaming itself durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
