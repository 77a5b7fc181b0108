//! Files of messages, to be saved where the user wants them.

use std::io;
use std::path::{Path, PathBuf};

use cooee_sdk::{Body, Client, EntryId, FileInfo, MessageError, Recipient};

use super::tell_transfer;
use crate::accounts::Running;
use crate::error::{Answer, AppError, ErrorCode, of_io};
use crate::shell::Shell;

/// A file of this message.
pub(crate) async fn file(
    client: &Client,
    with: &Recipient,
    message: &EntryId,
    id: &str,
) -> Answer<FileInfo> {
    let id_group = client.conversation(with).await?.id_group;
    let found = match &id_group {
        Some(id_group) => client.message(id_group, message).await?,
        None => None,
    };
    let body = found.map(|found| found.body);
    let Some(Body::Files { files, .. }) = body else {
        return Err(ErrorCode::NoTarget.into());
    };
    let mut files = files.into_iter();
    files
        .find(|file| file.id.as_str() == id)
        .ok_or_else(|| ErrorCode::NoAttachment.into())
}

/// Fetches a file and writes it to this place.
pub(crate) async fn save(
    shell: &Shell,
    running: &Running,
    file: &FileInfo,
    place: &Path,
) -> Answer<()> {
    let from = match running.client.fetch_attachment(&file.id).await {
        Ok(from) => from,
        Err(error) => {
            let problem = match error {
                // It is in the app's own folder that nothing could be written.
                MessageError::File { source, .. } => {
                    AppError::new(of_io(&source, ErrorCode::DataFolder), source)
                }
                error => AppError::from(error),
            };
            tell_transfer(shell, running, &file.id, (0, file.size), Some(problem.code));
            return Err(problem);
        }
    };
    let place = place.to_owned();
    let copied = tauri::async_runtime::spawn_blocking(move || copy(&from, &place)).await;
    copied
        .map_err(|error| AppError::new(ErrorCode::Internal, error))?
        .map_err(|error| AppError::new(of_io(&error, ErrorCode::PlaceUnusable), error))
}

/// Copies whole or not at all: what was there before is there until then.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut partial = PathBuf::from(to).into_os_string();
    partial.push(format!(".{:08x}.part", rand::random::<u32>()));
    let partial = PathBuf::from(partial);
    let copied = write(from, &partial).and_then(|()| std::fs::rename(&partial, to));
    if copied.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    copied
}

/// Writes a file as this user's files are: the app's own are closed to everybody else, and this one
/// is not the app's any more.
fn write(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = std::fs::File::open(from)?;
    let mut to = std::fs::File::create_new(to)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}

#[cfg(test)]
mod tests {
    use super::copy;

    #[test]
    fn a_file_is_saved_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("id"), folder.path().join("ridge.webp"));
        std::fs::write(&from, b"picture").unwrap();
        std::fs::write(&to, b"what was there before").unwrap();
        assert!(copy(&folder.path().join("gone"), &to).is_err());
        assert_eq!(std::fs::read(&to).unwrap(), b"what was there before");
        copy(&from, &to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"picture");
        assert_eq!(std::fs::read(&from).unwrap(), b"picture");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        // To a place that is not there, or is a folder.
        assert!(copy(&from, &folder.path().join("no/such")).is_err());
        assert!(copy(&from, folder.path()).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
