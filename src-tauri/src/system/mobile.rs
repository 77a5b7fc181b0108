//! Phones: nothing of what a desktop has. On Android a call has a service that keeps it alive and
//! a notification that shows it (`gen/android`, `CallPlugin.kt`); iOS gets its own with CallKit.

#[cfg(target_os = "android")]
mod android;

use std::sync::Arc;

use tauri::{AppHandle, Builder, Wry};

use crate::error::{Answer, ErrorCode};
use crate::model::settings::Settings;
use crate::shell::Shell;

/// Whether keys can be caught while another window has the focus.
pub(crate) const HAS_GLOBAL_KEYS: bool = false;

/// Whether the app can start with the desktop.
pub(crate) const HAS_AUTOSTART: bool = false;

/// What has to be there before the app is.
pub(crate) fn prepare(builder: Builder<Wry>, _options: &crate::options::Options) -> Builder<Wry> {
    #[cfg(target_os = "android")]
    let builder = builder.plugin(android::plugin());
    #[cfg(target_os = "ios")]
    let builder = builder.on_window_event(ios::live);
    builder
}

/// iOS ends an app that holds a lock on a file in the background. Android leaves one alone that
/// is not in front, and as long as no push wakes it, a connection is how it hears of a call.
#[cfg(target_os = "ios")]
mod ios {
    use std::sync::Arc;

    use tauri::{Manager, Window, WindowEvent};

    use crate::shell::Shell;

    pub(super) fn live(window: &Window, event: &WindowEvent) {
        let pauses = match event {
            WindowEvent::Suspended => true,
            WindowEvent::Resumed => false,
            _ => return,
        };
        // Before the app is set up there is nothing to pause.
        let Some(shell) = window.try_state::<Arc<Shell>>() else {
            return;
        };
        for running in shell.running() {
            tauri::async_runtime::spawn(async move {
                if pauses {
                    running.client.pause().await;
                } else {
                    running.client.unpause().await;
                }
            });
        }
    }
}

/// Lets the phone follow what the page is told.
pub(crate) fn set_up(app: &AppHandle, shell: &Arc<Shell>) {
    #[cfg(target_os = "android")]
    android::set_up(app, shell);
    #[cfg(not(target_os = "android"))]
    let _ = (app, shell);
}

/// Nothing to put in force.
pub(crate) fn apply(_app: &AppHandle, _before: &Settings, _now: &Settings) -> Answer<()> {
    Ok(())
}

/// Phones have no tray.
pub(crate) fn has_tray(_app: &AppHandle) -> bool {
    false
}

/// The page does it itself.
pub(crate) fn copy(_app: &AppHandle, _text: String) -> Answer<()> {
    Err(ErrorCode::Unsupported.into())
}
