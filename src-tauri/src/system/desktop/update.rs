//! Updates, in programs that a release job made for systems without a package manager of their own.
//!
//! The library takes an update only if its signature fits the public key in the program, whatever
//! the server says that it comes from. Nothing is installed before the user has said so.

use std::sync::Arc;
use std::time::Duration;

use tauri::{AppHandle, Manager};
use tauri_plugin_updater::{Update, UpdaterExt};

use super::{notify, words};
use crate::error::{AppError, ErrorCode};
use crate::shell::Shell;

/// After the start, so that it is not in the way of a call that comes in.
const FIRST: Duration = Duration::from_secs(60);

/// From then on.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks for updates as long as the app runs.
pub(super) fn watch(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let mut next = FIRST;
        loop {
            tokio::time::sleep(next).await;
            next = EVERY;
            match look(&app).await {
                Ok(Some(update)) => offer(&app, update),
                Ok(None) => {}
                Err(error) => tracing::info!(%error, "no news of updates"),
            }
        }
    });
}

async fn look(app: &AppHandle) -> tauri_plugin_updater::Result<Option<Update>> {
    app.updater()?.check().await
}

/// Says that there is one; it is installed when the user clicks on that.
fn offer(app: &AppHandle, update: Update) {
    let shell = app.state::<Arc<Shell>>();
    let words = words::words(&shell.chosen.settings());
    let text = format!("{} {}", words.update, update.version);
    notify::offer(app, &text, words.install, move |app| {
        let (app, update) = (app.clone(), update.clone());
        tauri::async_runtime::spawn(async move {
            match update.download_and_install(|_, _| {}, || {}).await {
                Ok(()) => {
                    crate::close(&app).await;
                    app.restart();
                }
                Err(error) => {
                    let shell = app.state::<Arc<Shell>>();
                    shell.notice(None, AppError::new(ErrorCode::Transfer, error));
                }
            }
        });
    });
}
