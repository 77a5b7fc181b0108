//! Files that the user chose and did not send yet. The page names one by its token; the path behind
//! it stays here.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::dialogs::safe_name;
use crate::error::{Answer, AppError, ErrorCode, of_io};
use crate::files;
use crate::media::Kind;
use crate::model::account::AccountId;
use crate::model::conversation::PickedFile;

/// Files that are kept; of more, those that were chosen first are forgotten.
const MAX_PICKED: usize = 100;

/// The largest picture that the page may hand over, in bytes.
pub(crate) const MAX_PASTED: usize = 8 * 1024 * 1024;

/// The largest file that any server takes, in bytes.
const MAX_FILE: u64 = 1024 * 1024 * 1024;

/// Where pictures that were pasted are until they are sent, in the account's folder.
const FOLDER: &str = "picked";

/// All of them, in the order in which they were chosen.
#[derive(Default)]
pub(crate) struct Picked {
    files: Mutex<Vec<One>>,
}

struct One {
    token: String,
    account: AccountId,
    path: PathBuf,
    /// Written by this app, in a folder of its own, to be removed.
    own: bool,
}

impl Picked {
    /// Takes in a file that the user chose in the system's dialog.
    pub(crate) fn take(&self, account: &AccountId, path: PathBuf) -> Answer<PickedFile> {
        let failed =
            |error: io::Error| AppError::new(of_io(&error, ErrorCode::NoAttachment), error);
        // Opening a pipe or a device could wait for ever.
        let metadata = std::fs::metadata(&path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(AppError::new(ErrorCode::NoAttachment, "not a file"));
        }
        if metadata.len() > MAX_FILE {
            return Err(ErrorCode::FileTooLarge.into());
        }
        let mut begin = Vec::new();
        let file = std::fs::File::open(&path).map_err(failed)?;
        file.take(16).read_to_end(&mut begin).map_err(failed)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(self
            .keep(One {
                token: token(),
                account: account.clone(),
                path: path.clone(),
                own: false,
            })
            .described(&name, metadata.len(), &begin))
    }

    /// Takes in a picture that was pasted or dropped, for which there is no path. `data` is the
    /// account's folder.
    pub(crate) fn paste(
        &self,
        account: &AccountId,
        data: &Path,
        name: &str,
        bytes: &[u8],
    ) -> Answer<PickedFile> {
        if bytes.len() > MAX_PASTED {
            return Err(ErrorCode::FileTooLarge.into());
        }
        let Some(kind) = Kind::of(bytes) else {
            return Err(ErrorCode::PictureInvalid.into());
        };
        let name = match Path::new(&safe_name(name)).file_stem() {
            Some(stem) => format!("{}.{}", stem.to_string_lossy(), kind.ending()),
            None => format!("picture.{}", kind.ending()),
        };
        let token = token();
        let folder = data.join(FOLDER).join(&token);
        let path = folder.join(&name);
        let written = files::make_private_folder(&folder).and_then(|()| files::write(&path, bytes));
        written.map_err(|error| AppError::new(of_io(&error, ErrorCode::DataFolder), error))?;
        let one = One {
            token,
            account: account.clone(),
            path,
            own: true,
        };
        Ok(self.keep(one).described(&name, bytes.len() as u64, bytes))
    }

    /// The paths behind tokens that this account was given.
    pub(crate) fn paths(&self, account: &AccountId, tokens: &[String]) -> Answer<Vec<PathBuf>> {
        let files = self.files();
        let path = |token: &String| {
            let mut files = files.iter();
            let found = files.find(|one| one.token == *token && one.account == *account);
            found.map(|one| one.path.clone())
        };
        let paths: Option<Vec<PathBuf>> = tokens.iter().map(path).collect();
        paths.ok_or_else(|| AppError::new(ErrorCode::NoAttachment, "not chosen, or sent already"))
    }

    /// Forgets files that were sent: the SDK has them.
    pub(crate) fn sent(&self, tokens: &[String]) {
        self.forget(|one| tokens.contains(&one.token));
    }

    /// Forgets what was chosen for an account that is no more.
    pub(crate) fn left(&self, account: &AccountId) {
        self.forget(|one| one.account == *account);
    }

    fn keep(&self, one: One) -> Token {
        let token = Token(one.token.clone());
        let mut files = self.files();
        files.push(one);
        let many = files.len().saturating_sub(MAX_PICKED);
        files.drain(..many).for_each(One::remove);
        token
    }

    fn forget(&self, which: impl Fn(&One) -> bool) {
        self.files()
            .extract_if(.., |one| which(one))
            .for_each(One::remove);
    }

    fn files(&self) -> MutexGuard<'_, Vec<One>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what an earlier run did not send. `data` is the account's folder.
pub(crate) fn clean(data: &Path) {
    match std::fs::remove_dir_all(data.join(FOLDER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "pictures that were pasted cannot be removed");
        }
        Ok(()) | Err(_) => {}
    }
}

impl One {
    fn remove(self) {
        if !self.own {
            return;
        }
        let removed = std::fs::remove_file(&self.path);
        let removed = removed.and_then(|()| match self.path.parent() {
            Some(folder) => std::fs::remove_dir(folder),
            None => Ok(()),
        });
        if let Err(error) = removed {
            tracing::warn!(%error, "a picture that was pasted cannot be removed");
        }
    }
}

struct Token(String);

impl Token {
    fn described(self, name: &str, size: u64, begin: &[u8]) -> PickedFile {
        PickedFile {
            token: self.0,
            name: name.to_owned(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            media_type: Kind::of(begin)
                .map_or("application/octet-stream", Kind::media_type)
                .to_owned(),
        }
    }
}

fn token() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::{MAX_PASTED, MAX_PICKED, Picked, clean};
    use crate::error::ErrorCode;
    use crate::model::account::AccountId;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and the rest";

    fn account(digit: char) -> AccountId {
        AccountId(digit.to_string().repeat(16))
    }

    #[test]
    fn a_token_is_good_for_its_account_and_until_it_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("timetable.pdf");
        std::fs::write(&path, b"%PDF").unwrap();
        let picked = Picked::default();
        let file = picked.take(&account('a'), path.clone()).unwrap();
        assert_eq!((file.name.as_str(), file.size), ("timetable.pdf", 4));
        let tokens = [file.token];
        let paths = picked.paths(&account('a'), &tokens).unwrap();
        assert_eq!(paths, std::slice::from_ref(&path));
        let refused = |account: AccountId, token: &str| {
            let refused = picked.paths(&account, &[token.to_owned()]);
            assert_eq!(
                refused.unwrap_err().code,
                ErrorCode::NoAttachment,
                "{token}"
            );
        };
        refused(account('b'), &tokens[0]);
        for hostile in [
            "",
            "/etc/passwd",
            "../../accounts.json",
            &path.display().to_string(),
        ] {
            refused(account('a'), hostile);
        }
        picked.sent(&tokens);
        refused(account('a'), &tokens[0]);
        assert!(path.exists(), "it is the user's own");
    }

    #[test]
    fn folders_and_what_is_gone_are_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let picked = Picked::default();
        for path in [
            folder.path().to_owned(),
            folder.path().join("gone"),
            "/dev/zero".into(),
        ] {
            let refused = picked.take(&account('a'), path).unwrap_err();
            assert_eq!(refused.code, ErrorCode::NoAttachment);
        }
    }

    #[test]
    fn what_is_pasted_is_a_picture_under_a_name_of_ours_and_goes_when_it_was_sent() {
        let folder = tempfile::tempdir().unwrap();
        let picked = Picked::default();
        let paste =
            |name: &str, bytes: &[u8]| picked.paste(&account('a'), folder.path(), name, bytes);
        let file = paste("../../evil.desktop", PNG).unwrap();
        assert_eq!(file.name, "_.._evil.png");
        assert_eq!(file.media_type, "image/png");
        let path = picked
            .paths(&account('a'), std::slice::from_ref(&file.token))
            .unwrap()
            .remove(0);
        assert!(path.starts_with(folder.path().join("picked")));
        assert_eq!(std::fs::read(&path).unwrap(), PNG);
        picked.sent(&[file.token]);
        assert!(!path.exists());
        for hostile in [&b"<svg onload='alert(1)'/>"[..], b"", b"#!/bin/sh"] {
            assert_eq!(
                paste("x.png", hostile).unwrap_err().code,
                ErrorCode::PictureInvalid
            );
        }
        let large = [PNG, &vec![0; MAX_PASTED]].concat();
        assert_eq!(
            paste("x.png", &large).unwrap_err().code,
            ErrorCode::FileTooLarge
        );
    }

    #[test]
    fn what_is_chosen_and_never_sent_is_bounded_and_cleaned_away() {
        let folder = tempfile::tempdir().unwrap();
        let picked = Picked::default();
        for _ in 0..MAX_PICKED + 5 {
            picked
                .paste(&account('a'), folder.path(), "x", PNG)
                .unwrap();
        }
        let left = std::fs::read_dir(folder.path().join("picked"))
            .unwrap()
            .count();
        assert_eq!(left, MAX_PICKED);
        picked.left(&account('a'));
        let left = std::fs::read_dir(folder.path().join("picked"))
            .unwrap()
            .count();
        assert_eq!(left, 0);
        clean(folder.path());
        assert!(!folder.path().join("picked").exists());
    }
}
