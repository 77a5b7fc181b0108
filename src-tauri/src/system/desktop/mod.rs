//! Desktops: one instance, a tray, notifications, a key for push-to-talk, and starting with the
//! desktop. None of it is within the page's reach but through commands of our own.

mod keys;
mod notify;
mod tray;
#[cfg(feature = "updater")]
mod update;
mod words;

use std::sync::Arc;

use tauri::{AppHandle, Builder, Manager, WindowEvent, Wry};
use tauri_plugin_autostart::ManagerExt;
use tauri_plugin_clipboard_manager::ClipboardExt;
use tauri_plugin_window_state::StateFlags;

use crate::error::{Answer, AppError, ErrorCode};
use crate::model::account::AccountId;
use crate::model::conversation::Conversation;
use crate::model::event::AppEvent;
use crate::model::settings::Settings;
use crate::options::{HIDDEN, Options};
use crate::shell::{Observer, Ring, Shell};

/// Whether keys can be caught while another window has the focus.
pub(crate) const HAS_GLOBAL_KEYS: bool = true;

/// Whether the app can start with the desktop.
pub(crate) const HAS_AUTOSTART: bool = true;

/// What has to be there before the app is. The first plugin ends a second instance.
pub(crate) fn prepare(builder: Builder<Wry>, options: &Options) -> Builder<Wry> {
    let builder = match options.instance_name() {
        Some(name) => builder.plugin(single_instance(name)),
        None => builder,
    };
    let window_state = tauri_plugin_window_state::Builder::new()
        .with_state_flags(StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED)
        .with_filename(options.window_state_file())
        .build();
    #[cfg(feature = "updater")]
    let builder = builder.plugin(tauri_plugin_updater::Builder::new().build());
    builder
        .plugin(window_state)
        .plugin(tauri_plugin_clipboard_manager::init())
        .plugin(tauri_plugin_global_shortcut::Builder::new().build())
        .plugin(tauri_plugin_autostart::Builder::new().arg(HIDDEN).build())
        .on_window_event(|window, event| {
            if let WindowEvent::CloseRequested { api, .. } = event {
                let app = window.app_handle();
                if stays_in_tray(app) {
                    api.prevent_close();
                    let _ = window.hide();
                } else {
                    let app = app.clone();
                    api.prevent_close();
                    tauri::async_runtime::spawn(async move { crate::end(&app).await });
                }
            }
        })
}

/// Sets up tray, notifications and the key, and lets them follow what the page is told.
pub(crate) fn set_up(app: &AppHandle, shell: &Arc<Shell>) {
    let settings = shell.chosen.settings();
    app.manage(tray::Tray::set_up(app));
    app.manage(notify::Notifications::default());
    let desktop = Desktop { app: app.clone() };
    if shell.observer.set(Box::new(desktop)).is_err() {
        tracing::error!("set up twice");
    }
    #[cfg(feature = "updater")]
    update::watch(app);
    // What was in force the last time; that a key is taken now is told.
    if let Err(problem) = keys::apply(app, None, settings.talk_key.as_deref()) {
        shell.notice(None, problem);
    }
}

/// Follows what the page is told.
struct Desktop {
    app: AppHandle,
}

impl Observer for Desktop {
    fn observe(&self, shell: &Shell, event: &AppEvent) {
        tray::observe(&self.app, shell, event);
        notify::observe(&self.app, shell, event);
    }

    fn missed(&self, shell: &Shell, account: &AccountId, ring: &Ring) {
        notify::missed(&self.app, shell, account, ring);
    }

    fn written(&self, shell: &Shell, account: &AccountId, conversation: &Conversation) {
        notify::written(&self.app, shell, account, conversation);
    }
}

/// Puts settings in force that are the system's; nothing is changed when one cannot be.
pub(crate) fn apply(app: &AppHandle, before: &Settings, now: &Settings) -> Answer<()> {
    if before.start.autostart != now.start.autostart {
        let launcher = app.autolaunch();
        let set = if now.start.autostart {
            launcher.enable()
        } else {
            launcher.disable()
        };
        set.map_err(|error| AppError::new(ErrorCode::Unsupported, error))?;
    }
    keys::apply(app, before.talk_key.as_deref(), now.talk_key.as_deref())
}

/// Whether there is a tray that shows our icon.
pub(crate) fn has_tray(app: &AppHandle) -> bool {
    app.try_state::<tray::Tray>()
        .is_some_and(|tray| tray.is_shown())
}

/// Puts a text on the clipboard.
pub(crate) fn copy(app: &AppHandle, text: String) -> Answer<()> {
    let written = app.clipboard().write_text(text);
    written.map_err(|error| AppError::new(ErrorCode::Unsupported, error))
}

fn stays_in_tray(app: &AppHandle) -> bool {
    let shell = app.state::<Arc<Shell>>();
    shell.chosen.settings().start.close_to_tray && has_tray(app)
}

/// A second start shows the window of the first, and passes its link on.
fn single_instance(name: String) -> tauri::plugin::TauriPlugin<Wry> {
    let again = |app: &AppHandle, arguments: Vec<String>, _folder: String| {
        if let Some(window) = app.get_webview_window(crate::WINDOW) {
            super::show(&window);
        }
        crate::options::open_links(app, arguments.iter().skip(1));
    };
    tauri_plugin_single_instance::Builder::new()
        .callback(again)
        .dbus_id(name)
        .build()
}
