//! The app itself.

use tauri::ipc::Channel;
use tauri::{AppHandle, Manager};
use url::Url;

use super::Here;
use crate::diagnostics;
use crate::error::{Answer, AppError, ErrorCode, of_io};
use crate::files;
use crate::media;
use crate::model::account::AccountId;
use crate::model::app::{AppInfo, Storage};
use crate::model::event::{AppEvent, Snapshot};
use crate::system;

/// The most that is copied at once, in bytes.
const MAX_COPIED: usize = 64 * 1024;

/// What a link may say of a mail.
const MAIL: [&str; 5] = ["to", "cc", "bcc", "subject", "body"];

/// The longest address that is opened, in bytes.
const MAX_URL: usize = 2048;

/// Takes the page's event channel and gives everything that there is; what changes from then on
/// comes through the channel, in order.
#[tauri::command]
#[specta::specta]
pub(crate) async fn subscribe(shell: Here<'_>, events: Channel<AppEvent>) -> Answer<Snapshot> {
    // Subscribing first: what changes in between is told twice, and never lost.
    shell.feed.subscribe(events);
    // A page that was there before may have been watching.
    shell.bench.watch(&shell, false);
    tracing::info!("the page is there");
    Ok(shell.snapshot())
}

/// What the UI shows of the app and has to know of the system.
#[tauri::command]
#[specta::specta]
pub(crate) async fn app_info(app: AppHandle, shell: Here<'_>) -> Answer<AppInfo> {
    Ok(AppInfo {
        version: app.package_info().version.to_string(),
        system: std::env::consts::OS.to_owned(),
        locale: system::locale(),
        media_root: media::ROOT.to_owned(),
        data_folder: shell.data.display().to_string(),
        tray: system::has_tray(&app),
        global_keys: system::HAS_GLOBAL_KEYS,
        autostart: system::HAS_AUTOSTART,
    })
}

/// What helps to find a fault: versions, settings, states and the end of the log; no names,
/// addresses, messages or secrets.
#[tauri::command]
#[specta::specta]
pub(crate) async fn diagnostics(app: AppHandle, shell: Here<'_>) -> Answer<String> {
    Ok(diagnostics::report(&app, &shell))
}

/// Puts a text on the clipboard, at most 64 KiB.
#[tauri::command]
#[specta::specta]
pub(crate) async fn copy_text(app: AppHandle, text: String) -> Answer<()> {
    system::copy(&app, copied(text)?)
}

/// Opens a web page or an address for mail in the program that the system has for it. The page
/// asks the user before, showing all of it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_link(app: AppHandle, link: String) -> Answer<()> {
    let refused = || AppError::new(ErrorCode::LinkInvalid, "neither web nor mail, or too long");
    let url = outside_link(&link).ok_or_else(refused)?;
    system::open(&app, url)
}

/// What an account takes on this device.
#[tauri::command]
#[specta::specta]
pub(crate) async fn storage(shell: Here<'_>, account: AccountId) -> Answer<Storage> {
    let running = shell.find(&account)?;
    let (folder, log) = (
        running.id.folder(&shell.data),
        diagnostics::log_folder(&shell.data),
    );
    let sizes = tauri::async_runtime::spawn_blocking(move || {
        let media =
            files::size(&media::folder(&folder)).saturating_add(files::size(&folder.join("files")));
        Storage {
            cache: bytes(files::size(&folder).saturating_sub(media)),
            media: bytes(media),
            log: bytes(files::size(&log)),
        }
    });
    sizes
        .await
        .map_err(|error| AppError::new(ErrorCode::Internal, error))
}

/// Deletes the pictures and files of an account that can be fetched again.
#[tauri::command]
#[specta::specta]
pub(crate) async fn clear_media(shell: Here<'_>, account: AccountId) -> Answer<()> {
    let running = shell.find(&account)?;
    running.client.clear_attachments().await?;
    let folder = media::folder(&running.id.folder(&shell.data));
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(AppError::new(of_io(&error, ErrorCode::DataFolder), error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Ends the app; a call that goes on is hung up.
#[tauri::command]
#[specta::specta]
pub(crate) async fn quit(app: AppHandle) -> Answer<()> {
    crate::end(&app).await;
    Ok(())
}

/// Shows the window in front of the others.
#[tauri::command]
#[specta::specta]
pub(crate) async fn show_window(app: AppHandle) -> Answer<()> {
    if let Some(window) = app.get_webview_window(crate::WINDOW) {
        system::show(&window);
    }
    Ok(())
}

fn copied(text: String) -> Answer<String> {
    if text.len() > MAX_COPIED {
        return Err(ErrorCode::TooLong.into());
    }
    Ok(text)
}

fn bytes(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A link that may leave the app: to the web or to a mail program, without a user or password
/// that would make it look like another one, and without what would make a mail of the user's files:
/// some mail programs attach what a link names.
fn outside_link(text: &str) -> Option<Url> {
    if text.len() > MAX_URL {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    match url.scheme() {
        "https" | "http" if plain && url.has_host() => Some(url),
        "mailto" => {
            let written = |key: &str| MAIL.contains(&key.to_ascii_lowercase().as_str());
            let all = url.query_pairs().all(|(key, _)| written(&key));
            all.then_some(url)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_COPIED, MAX_URL, copied, outside_link};
    use crate::error::ErrorCode;

    #[test]
    fn only_web_and_mail_leave_the_app() {
        for good in [
            "https://example.org/a?b#c",
            "http://[::1]:80/",
            "mailto:a@example.org",
            "mailto:a@example.org?subject=train&body=at%20nine&cc=b@example.org",
        ] {
            assert!(outside_link(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "example.org",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "cooee://add?server=example.org",
            "data:text/html,hello",
            "smb://example.org/share",
            "vscode://x",
            "https://bank.example@evil.example/",
            "https:///",
            "-h",
            "--help",
            "mailto:a@example.org?attach=/etc/passwd",
            "mailto:a@example.org?subject=x&Attachment=~/.ssh/id_ed25519",
        ] {
            assert!(outside_link(bad).is_none(), "{bad}");
        }
        let long = format!("https://example.org/{}", "x".repeat(MAX_URL));
        assert!(outside_link(&long).is_none());
    }

    #[test]
    fn what_is_copied_is_bounded() {
        assert!(copied("x".repeat(MAX_COPIED)).is_ok());
        let refused = copied("x".repeat(MAX_COPIED + 1)).unwrap_err();
        assert_eq!(refused.code, ErrorCode::TooLong);
    }
}
