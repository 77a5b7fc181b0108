//! Writing everything of an account to a folder that the user chose.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cooee_sdk::{ExportProgress, MessageError};
use tauri::async_runtime;
use tokio::sync::Notify;

use crate::accounts::Running;
use crate::dialogs::safe_name;
use crate::error::{Answer, AppError, ErrorCode, of_io};
use crate::model::account::AccountId;
use crate::model::conversation::Export;
use crate::model::event::AppEvent;
use crate::shell::Shell;

/// How often the page is told how far it has come.
const EVERY: Duration = Duration::from_millis(100);

/// The accounts that are being written, each with what calls its export off.
#[derive(Default)]
pub(crate) struct Exports {
    going_on: Mutex<BTreeMap<AccountId, Arc<Notify>>>,
}

impl Exports {
    /// One of an account at a time: two would fetch and write the same.
    fn begin(&self, account: &AccountId) -> Answer<Arc<Notify>> {
        let mut going_on = self.going_on();
        if going_on.contains_key(account) {
            return Err(ErrorCode::Busy.into());
        }
        let off = Arc::<Notify>::default();
        going_on.insert(account.clone(), Arc::clone(&off));
        Ok(off)
    }

    /// Calls an account's export off, if one goes on.
    pub(crate) fn cancel(&self, account: &AccountId) {
        if let Some(off) = self.going_on().get(account) {
            // Kept until it is waited for.
            off.notify_one();
        }
    }

    fn end(&self, account: &AccountId) {
        self.going_on().remove(account);
    }

    fn going_on(&self) -> MutexGuard<'_, BTreeMap<AccountId, Arc<Notify>>> {
        self.going_on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes everything of an account into a new folder in this one, and says what came of it; nothing
/// when it was called off, and then nothing of it stays.
pub(crate) async fn export(
    shell: &Shell,
    running: &Running,
    chosen: &Path,
) -> Answer<Option<Export>> {
    let account = running.id.clone();
    let off = shell.exports.begin(&account)?;
    let tell = |export| {
        let account = account.clone();
        shell.tell(AppEvent::Export { account, export });
    };
    let written = unless(&off, running, chosen, |progress| tell(Some(progress))).await;
    shell.exports.end(&account);
    tell(None);
    written
}

async fn unless(
    off: &Notify,
    running: &Running,
    chosen: &Path,
    tell: impl Fn(Export),
) -> Answer<Option<Export>> {
    let profile = running.client.profile();
    let name = profile.map_or_else(String::new, |me| me.name.to_string());
    let folder = new_folder(chosen, &name)?;
    tokio::select! {
        written = write(running, &folder, tell) => return written.map(Some),
        () = off.notified() => {}
    }
    // A part would pass for the whole. The folder is ours: it was not there before.
    let removed = async_runtime::spawn_blocking(move || std::fs::remove_dir_all(folder)).await;
    removed
        .map_err(|error| AppError::new(ErrorCode::Internal, error))?
        .map_err(|error| AppError::new(of_io(&error, ErrorCode::PlaceUnusable), error))?;
    Ok(None)
}

async fn write(running: &Running, folder: &Path, tell: impl Fn(Export)) -> Answer<Export> {
    let mut told: Option<Instant> = None;
    let done = running.client.export(folder, |progress| {
        if told.is_none_or(|told| told.elapsed() >= EVERY) {
            told = Some(Instant::now());
            tell(described(&progress));
        }
    });
    match done.await {
        Ok(done) => Ok(described(&done)),
        // What could not be written is in the chosen folder.
        Err(MessageError::File { source, .. }) => Err(AppError::new(
            of_io(&source, ErrorCode::PlaceUnusable),
            source,
        )),
        Err(error) => Err(error.into()),
    }
}

/// Makes a folder that was not there, named after whose it is.
fn new_folder(chosen: &Path, name: &str) -> Answer<PathBuf> {
    let name = safe_name(name);
    let mut number = 1_u32;
    loop {
        let folder = chosen.join(match number {
            1 => format!("cooee-{name}"),
            number => format!("cooee-{name}-{number}"),
        });
        match make_private(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < 1_000 => {
                number += 1;
            }
            Err(error) => {
                let code = of_io(&error, ErrorCode::PlaceUnusable);
                return Err(AppError::new(code, error));
            }
        }
    }
}

/// Makes a folder that only the user enters, whatever others may do where it lies.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

fn described(progress: &ExportProgress) -> Export {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Export {
        messages: i64::try_from(progress.messages).unwrap_or(i64::MAX),
        conversations: count(progress.conversations),
        all_conversations: count(progress.all_conversations),
        files: count(progress.files),
        all_files: count(progress.all_files),
        missing_files: count(progress.missing_files),
        incomplete: count(progress.incomplete),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use tokio::sync::Notify;

    use super::{Exports, new_folder};
    use crate::error::ErrorCode;
    use crate::model::account::AccountId;

    #[test]
    fn an_account_is_exported_once_at_a_time() {
        let exports = Exports::default();
        let (one, other) = (AccountId("1".repeat(16)), AccountId("2".repeat(16)));
        exports.begin(&one).unwrap();
        assert_eq!(exports.begin(&one).unwrap_err().code, ErrorCode::Busy);
        exports.begin(&other).unwrap();
        exports.end(&one);
        exports.begin(&one).unwrap();
    }

    #[test]
    fn an_export_is_called_off_by_its_account_alone() {
        let exports = Exports::default();
        let (one, other) = (AccountId("1".repeat(16)), AccountId("2".repeat(16)));
        exports.cancel(&one);
        let (mine, theirs) = (exports.begin(&one).unwrap(), exports.begin(&other).unwrap());
        exports.cancel(&one);
        let called_off = |off: &Notify| {
            let mut asked = Context::from_waker(Waker::noop());
            pin!(off.notified()).poll(&mut asked) == Poll::Ready(())
        };
        assert!(called_off(&mine));
        assert!(!called_off(&theirs));
        // The next one of the same account begins anew.
        exports.end(&one);
        assert!(!called_off(&exports.begin(&one).unwrap()));
    }

    #[test]
    fn what_was_exported_before_stays() {
        let chosen = tempfile::tempdir().unwrap();
        let first = new_folder(chosen.path(), "alice").unwrap();
        let second = new_folder(chosen.path(), "alice").unwrap();
        assert_eq!(first, chosen.path().join("cooee-alice"));
        assert_eq!(second, chosen.path().join("cooee-alice-2"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&first).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_said() {
        let chosen = tempfile::tempdir().unwrap();
        let file = chosen.path().join("file");
        std::fs::write(&file, b"").unwrap();
        for place in [file, chosen.path().join("gone")] {
            let refused = new_folder(&place, "alice").unwrap_err();
            assert_eq!(refused.code, ErrorCode::PlaceUnusable);
        }
    }
}
