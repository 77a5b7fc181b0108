//! Giving back the room that files of messages take.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::files::{file_error, folder};
use super::types::MessageError;
use crate::Client;

impl Client {
    /// Deletes the files of messages that can be fetched again: all but those that wait to be sent.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read, or a file not be deleted.
    pub async fn clear_attachments(&self) -> Result<(), MessageError> {
        // Neither beside a download nor between taking a file in and noting that it is to be sent.
        let _transfer = self.shared.transfers.lock().await;
        let _intake = self.shared.intake.lock().await;
        let read = self.shared.archive.read(|cache| cache.outbox());
        let waiting = read.await?.unwrap_or_default().into_iter();
        let waiting: BTreeSet<String> = waiting.flat_map(|out| out.draft.attachments).collect();
        let folder = folder(&self.shared)?;
        let cleared = tokio::task::spawn_blocking(move || clear(&folder, &waiting));
        cleared.await.map_err(|_| MessageError::Closed)?
    }
}

fn clear(folder: &Path, waiting: &BTreeSet<String>) -> Result<(), MessageError> {
    let failed = |error| file_error(folder, error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A name that is no text is nothing of ours.
        let ours = entry.file_name().into_string().ok();
        if ours.is_some_and(|name| !waiting.contains(&name)) {
            let path = entry.path();
            fs::remove_file(&path).map_err(|error| file_error(&path, error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeSet;

    use super::clear;

    #[test]
    fn what_waits_to_be_sent_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (waits, fetched) = ("ab".repeat(32), "cd".repeat(32));
        let broken_off = format!("{fetched}.part");
        for name in [&waits, &fetched, &broken_off] {
            std::fs::write(folder.path().join(name), b"bytes").unwrap();
        }
        clear(folder.path(), &BTreeSet::from([waits.clone()])).unwrap();
        let left = std::fs::read_dir(folder.path()).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [std::ffi::OsString::from(waits)]);
    }
}
