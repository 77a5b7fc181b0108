//! Small files of the app's own, written whole or not at all, for their owner's eyes only.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest file that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// Reads a file; the default when there is none. One that cannot be understood is set aside with
/// `.damaged` behind its name, and counts as none.
pub(crate) fn read_json<T: DeserializeOwned + Default>(path: &Path) -> io::Result<T> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
        other => other?,
    };
    let mut text = Vec::new();
    file.take(LIMIT).read_to_end(&mut text)?;
    serde_json::from_slice(&text).or_else(|error| {
        tracing::warn!(%error, file = %path.display(), "damaged; set aside");
        fs::rename(path, beside(path, "damaged"))?;
        Ok(T::default())
    })
}

/// Replaces a file.
pub(crate) fn write_json(path: &Path, contents: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(contents)?;
    let partial = beside(path, "partial");
    let mut file = private().create(true).truncate(true).open(&partial)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(partial, path)
}

/// Writes a new file, for its owner's eyes only.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    private().create_new(true).open(path)?.write_all(bytes)
}

/// Makes a folder that only its owner can enter.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// How much a folder holds, in bytes; what cannot be read counts as nothing.
pub(crate) fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}
