//! The app itself.

use serde::Serialize;
use specta::Type;

/// What the UI shows of the app and has to know of the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppInfo {
    /// The version.
    pub(crate) version: String,
    /// `linux`, `macos`, `windows`, `android` or `ios`.
    pub(crate) system: String,
    /// The system's language, as `fr-FR`.
    pub(crate) locale: String,
    /// What `/picture/ACCOUNT/ID` and `/file/ACCOUNT/ID` go behind to make the address of a
    /// picture: `media://localhost`.
    pub(crate) media_root: String,
    /// Where data and log are.
    pub(crate) data_folder: String,
    /// Whether there is a tray to close to.
    pub(crate) tray: bool,
    /// Whether a key can be caught while another window has the focus.
    pub(crate) global_keys: bool,
    /// Whether the app can start with the desktop.
    pub(crate) autostart: bool,
}

/// What an account takes on the disk, in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Storage {
    /// People, conversations and the history of calls.
    pub(crate) cache: i64,
    /// Pictures and files that can be fetched again.
    pub(crate) media: i64,
    /// The log.
    pub(crate) log: i64,
}
