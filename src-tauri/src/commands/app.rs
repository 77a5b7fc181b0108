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
    if text.len() > MAX_COPIED {
        return Err(ErrorCode::TooLong.into());
    }
    system::copy(&app, text)
}

/// Opens a web page or an address for mail in the program that the system has for it. The page
/// asks the user before, showing all of it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_link(app: AppHandle, link: String) -> Answer<()> {
    let refused = |why: &str| AppError::new(ErrorCode::LinkInvalid, why);
    if link.len() > MAX_URL {
        return Err(refused("too long"));
    }
    let url = outside_link(&link).ok_or_else(|| refused("neither web nor mail"))?;
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

fn bytes(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A link that may leave the app: to the web or to a mail program, without a user or password
/// that would make it look like another one.
fn outside_link(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    match url.scheme() {
        "https" | "http" if plain && url.has_host() => Some(url),
        "mailto" => Some(url),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::outside_link;

    #[test]
    fn only_web_and_mail_leave_the_app() {
        for good in [
            "https://example.org/a?b#c",
            "http://[::1]:80/",
            "mailto:a@example.org",
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
        ] {
            assert!(outside_link(bad).is_none(), "{bad}");
        }
    }
}
