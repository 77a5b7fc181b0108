//! The system's own dialogs for files: the only way to a path. The page asks for one, and never
//! learns what was chosen but a name.

use std::path::{Path, PathBuf};

use tauri::AppHandle;
use tauri_plugin_dialog::{DialogExt, FileDialogBuilder, FilePath};
use tokio::sync::oneshot;

use crate::error::{Answer, AppError, ErrorCode};
use crate::options::Options;

/// The longest name that is suggested, in characters.
const MAX_NAME: usize = 120;

/// Where answers come from.
#[derive(Debug, Default)]
pub(crate) enum Dialogs {
    /// The user, in the system's dialog.
    #[default]
    System,
    /// A folder that a test of the window has put them into: `--dialogs`, in debug builds only.
    #[cfg(debug_assertions)]
    Folder(PathBuf),
}

impl Dialogs {
    #[cfg(debug_assertions)]
    pub(crate) fn new(options: &Options) -> Self {
        options.dialogs.clone().map_or(Self::System, Self::Folder)
    }

    #[cfg(not(debug_assertions))]
    pub(crate) fn new(_options: &Options) -> Self {
        Self::System
    }

    /// Lets the user choose files to read; none when they changed their mind.
    pub(crate) async fn files(&self, app: &AppHandle) -> Answer<Vec<PathBuf>> {
        #[cfg(debug_assertions)]
        if let Self::Folder(folder) = self {
            return Ok(prepared(folder, "open"));
        }
        let chosen = ask(app, FileDialogBuilder::pick_files).await?;
        chosen
            .unwrap_or_default()
            .into_iter()
            .map(path_of)
            .collect()
    }

    /// Lets the user choose where to save a file of this name.
    pub(crate) async fn save(&self, app: &AppHandle, name: &str) -> Answer<Option<PathBuf>> {
        #[cfg(debug_assertions)]
        if let Self::Folder(folder) = self {
            let place = prepared(folder, "save").pop();
            return Ok(place.map(|place| place.join(safe_name(name))));
        }
        let name = safe_name(name);
        let ask = ask(app, |dialog, answer| {
            dialog.set_file_name(name).save_file(answer);
        });
        ask.await?.map(path_of).transpose()
    }

    /// Lets the user choose a folder to write to.
    pub(crate) async fn folder(&self, app: &AppHandle) -> Answer<Option<PathBuf>> {
        #[cfg(debug_assertions)]
        if let Self::Folder(folder) = self {
            return Ok(prepared(folder, "folder").pop());
        }
        #[cfg(not(any(target_os = "android", target_os = "ios")))]
        {
            let chosen = ask(app, FileDialogBuilder::pick_folder).await?;
            chosen.map(path_of).transpose()
        }
        // Phones let nobody choose a folder that a program may write files into by their paths.
        #[cfg(any(target_os = "android", target_os = "ios"))]
        {
            let _ = app;
            Err(ErrorCode::Unsupported.into())
        }
    }
}

/// Shows a dialog before the window and waits for its answer.
async fn ask<T: Send + 'static>(
    app: &AppHandle,
    show: impl FnOnce(FileDialogBuilder<tauri::Wry>, Box<dyn FnOnce(Option<T>) + Send>),
) -> Answer<Option<T>> {
    let (chosen, answer) = oneshot::channel();
    let dialog = app.dialog().file();
    #[cfg(not(any(target_os = "android", target_os = "ios")))]
    let dialog = match tauri::Manager::get_webview_window(app, crate::WINDOW) {
        Some(window) => dialog.set_parent(&window),
        None => dialog,
    };
    // Nobody waits any more when the app is closing.
    show(dialog, Box::new(move |answer| drop(chosen.send(answer))));
    answer.await.map_err(|_| ErrorCode::Closed.into())
}

fn path_of(chosen: FilePath) -> Answer<PathBuf> {
    chosen
        .into_path()
        .map_err(|error| AppError::new(ErrorCode::Unsupported, error))
}

/// The paths in a file, one a line. It answers once: without it the user has changed their mind.
#[cfg(debug_assertions)]
fn prepared(folder: &Path, dialog: &str) -> Vec<PathBuf> {
    let file = folder.join(dialog);
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(file);
    text.lines()
        .filter(|line| !line.is_empty())
        .map(PathBuf::from)
        .collect()
}

/// A name that somebody else gave a file, as one that may be suggested: without separators,
/// without what hides how it ends, not hidden itself, and not too long.
pub(crate) fn safe_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .filter(|char| !is_invisible(*char))
        .map(|char| match char {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            char if char.is_control() => '_',
            char => char,
        })
        .collect();
    let plain = plain
        .trim_start_matches(['.', ' ', '-'])
        .trim_end_matches(['.', ' ']);
    let short = match plain.chars().nth(MAX_NAME) {
        None => plain.to_owned(),
        Some(_) => shortened(plain),
    };
    if short.is_empty() {
        "file".to_owned()
    } else {
        short
    }
}

/// Keeps how it ends, since systems go by that.
fn shortened(name: &str) -> String {
    let ending = Path::new(name)
        .extension()
        .and_then(|ending| ending.to_str())
        .filter(|ending| ending.chars().count() <= 10);
    let ending = ending
        .map(|ending| format!(".{ending}"))
        .unwrap_or_default();
    let room = MAX_NAME.saturating_sub(ending.chars().count());
    let begin: String = name.chars().take(room).collect();
    format!("{begin}{ending}")
}

/// Turns the direction of writing, or has no width.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{MAX_NAME, prepared, safe_name};

    #[test]
    fn names_of_others_lead_nowhere_and_hide_nothing() {
        for (name, safe) in [
            ("ridge.webp", "ridge.webp"),
            ("../../.bashrc", "_.._.bashrc"),
            ("/etc/passwd", "_etc_passwd"),
            ("C:\\Windows\\x.dll", "C__Windows_x.dll"),
            (".profile", "profile"),
            ("-rf", "rf"),
            ("photo\u{202e}gnp.exe", "photognp.exe"),
            ("a\u{0}\nb", "a__b"),
            ("", "file"),
            ("...", "file"),
            ("name. ", "name"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let long = format!("{}.tar.gz", "é".repeat(500));
        let safe = safe_name(&long);
        assert_eq!(safe.chars().count(), MAX_NAME);
        assert!(safe.ends_with("é.gz"), "{safe}");
        assert_eq!(safe_name(&"x".repeat(500)).len(), MAX_NAME);
    }

    #[test]
    #[cfg(debug_assertions)]
    fn an_answer_of_a_test_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("open"), "/tmp/a\n/tmp/b\n").unwrap();
        let files: Vec<std::path::PathBuf> = vec!["/tmp/a".into(), "/tmp/b".into()];
        assert_eq!(prepared(folder.path(), "open"), files);
        assert!(prepared(folder.path(), "open").is_empty());
    }
}
