//! What the app does with the system around it, where systems differ.

#[cfg(not(any(target_os = "android", target_os = "ios")))]
mod desktop;
#[cfg(any(target_os = "android", target_os = "ios"))]
mod mobile;

#[cfg(not(any(target_os = "android", target_os = "ios")))]
pub(crate) use desktop::*;
#[cfg(any(target_os = "android", target_os = "ios"))]
pub(crate) use mobile::*;

use tauri::{AppHandle, WebviewWindow};
use tauri_plugin_opener::OpenerExt;
use url::Url;

use crate::error::{Answer, AppError, ErrorCode};

/// The system's language, as `fr-FR`.
pub(crate) fn locale() -> String {
    sys_locale::get_locale().unwrap_or_else(|| "en".to_owned())
}

/// Opens a link that was checked in the program that the system has for it.
pub(crate) fn open(app: &AppHandle, url: Url) -> Answer<()> {
    let opened = app.opener().open_url(String::from(url), None::<String>);
    opened.map_err(|error| AppError::new(ErrorCode::Unsupported, error))
}

/// Brings the window in front of the others.
pub(crate) fn show(window: &WebviewWindow) {
    let shown = window.show();
    #[cfg(not(any(target_os = "android", target_os = "ios")))]
    let shown = shown
        .and_then(|()| window.unminimize())
        .and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::warn!(%error, "the window cannot be shown");
    }
}
