//! Phones: nothing of what a desktop has. Ringing and notifications come with their own code.

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
    builder
}

/// Nothing to set up.
pub(crate) fn set_up(_app: &AppHandle, _shell: &Arc<Shell>) {}

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
