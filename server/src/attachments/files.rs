//! Where the bytes of attachments are.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::db::attachments::Hash;
use crate::db::entries::attachment_id;
use crate::ids::ProfileId;

/// The folder of attachments in the data folder.
pub(crate) const FOLDER: &str = "attachments";

fn hex(hash: &Hash) -> String {
    attachment_id(hash).map_or_else(|_| "malformed".to_owned(), |id| id.as_str().to_owned())
}

/// The file of an attachment.
pub(crate) fn place(data: &Path, hash: &Hash) -> PathBuf {
    data.join(FOLDER).join(hex(hash))
}

fn parts(data: &Path) -> PathBuf {
    data.join(FOLDER).join("parts")
}

/// The file of an upload that is not complete.
pub(crate) fn part_place(data: &Path, profile: ProfileId, hash: &Hash) -> PathBuf {
    parts(data).join(format!("{}-{}", profile.0, hex(hash)))
}

/// The names of all files of uploads that are not complete.
pub(crate) fn part_names(data: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(parts(data)) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Opens an upload's file at its end, or anew; says how much is there.
pub(super) fn open(place: &Path, anew: bool) -> io::Result<(File, u64)> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = File::options().create(true).append(true).open(place)?;
    if anew {
        file.set_len(0)?;
    }
    let length = file.metadata()?.len();
    Ok((file, length))
}

/// How much of an upload is there.
pub(super) fn length(place: &Path) -> io::Result<u64> {
    match fs::metadata(place) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Whether the file has these bytes, which are on disk then.
pub(super) fn verify(place: &Path, hash: &Hash) -> io::Result<bool> {
    let mut file = File::open(place)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => hasher.update(piece.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.sync_all()?;
    Ok(hasher.finalize().as_slice() == hash)
}

/// Brings a complete upload to its place, also for after a crash.
pub(super) fn finish(part: &Path, place: &Path) -> io::Result<()> {
    fs::rename(part, place)?;
    let folder = place.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    // The folder itself may be new.
    match folder.parent() {
        Some(above) => File::open(above)?.sync_all(),
        None => Ok(()),
    }
}

/// Removes a file that may be gone already.
pub(crate) fn remove(place: &Path) -> io::Result<()> {
    match fs::remove_file(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
