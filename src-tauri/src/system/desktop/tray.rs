//! The tray: how the user stands, and the way to mute, hang up and quit without the window.

use std::sync::{Arc, Mutex, PoisonError};

use tauri::menu::{Menu, MenuEvent, MenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager, Wry};

use super::words::{Words, words};
use crate::commands::calls;
use crate::model::account::SessionState;
use crate::model::call::CallPhase;
use crate::model::event::AppEvent;
use crate::shell::Shell;

/// The icon and what of its menu changes.
pub(crate) struct Tray {
    icon: Option<TrayIcon>,
    items: Option<Items>,
    shown: Mutex<Shown>,
}

struct Items {
    status: MenuItem<Wry>,
    show: MenuItem<Wry>,
    mute: MenuItem<Wry>,
    hang_up: MenuItem<Wry>,
    quit: MenuItem<Wry>,
}

/// What the tray says at the moment.
#[derive(Debug, Clone, PartialEq, Default)]
struct Shown {
    status: &'static str,
    show: &'static str,
    mute: &'static str,
    hang_up: &'static str,
    quit: &'static str,
    in_call: bool,
    muted: bool,
}

impl Tray {
    /// Sets the icon up, where there is a place for it.
    pub(super) fn set_up(app: &AppHandle) -> Self {
        let built = build(app);
        if let Err(error) = &built {
            tracing::warn!(%error, "there is no tray");
        }
        let (icon, items) = built.ok().unzip();
        Self {
            icon,
            items,
            shown: Mutex::default(),
        }
    }

    /// Whether somebody shows the icon.
    pub(super) fn is_shown(&self) -> bool {
        self.icon.is_some() && has_host()
    }

    fn show(&self, shown: Shown) {
        let mut before = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if *before == shown {
            return;
        }
        let Some(items) = &self.items else { return };
        let set = items
            .status
            .set_text(shown.status)
            .and_then(|()| items.show.set_text(shown.show))
            .and_then(|()| items.mute.set_text(shown.mute))
            .and_then(|()| items.mute.set_enabled(shown.in_call))
            .and_then(|()| items.hang_up.set_text(shown.hang_up))
            .and_then(|()| items.hang_up.set_enabled(shown.in_call))
            .and_then(|()| items.quit.set_text(shown.quit));
        if let Err(error) = set {
            tracing::warn!(%error, "the tray shows what was before");
        }
        *before = shown;
    }
}

/// Follows what the page is told.
pub(super) fn observe(app: &AppHandle, shell: &Shell, event: &AppEvent) {
    match event {
        AppEvent::Accounts { .. } | AppEvent::Call { .. } | AppEvent::Settings { .. } => {}
        _ => return,
    }
    if let Some(tray) = app.try_state::<Tray>() {
        tray.show(shown(shell, words(&shell.chosen.settings())));
    }
}

fn shown(shell: &Shell, words: &'static Words) -> Shown {
    let (accounts, _) = shell.accounts();
    let online = accounts
        .iter()
        .any(|account| account.session.state == SessionState::Online);
    let call = shell
        .line
        .call()
        .filter(|call| call.phase != CallPhase::Ended);
    let muted = call.as_ref().is_some_and(|call| call.muted);
    Shown {
        status: match (&call, online) {
            (Some(_), _) => words.in_call,
            (None, true) => words.online,
            (None, false) => words.offline,
        },
        show: words.show,
        mute: if muted { words.unmute } else { words.mute },
        hang_up: words.hang_up,
        quit: words.quit,
        in_call: call.is_some(),
        muted,
    }
}

fn build(app: &AppHandle) -> tauri::Result<(TrayIcon, Items)> {
    let item = |id: &str, enabled| MenuItem::with_id(app, id, id, enabled, None::<&str>);
    let items = Items {
        status: item("status", false)?,
        show: item("show", true)?,
        mute: item("mute", false)?,
        hang_up: item("hang_up", false)?,
        quit: item("quit", true)?,
    };
    let menu = Menu::with_items(
        app,
        &[
            &items.status,
            &items.show,
            &items.mute,
            &items.hang_up,
            &items.quit,
        ],
    )?;
    let mut builder = TrayIconBuilder::with_id("cooee")
        .tooltip("Cooee")
        .menu(&menu)
        .show_menu_on_left_click(false)
        .on_menu_event(chosen)
        .on_tray_icon_event(|icon, event| {
            if let TrayIconEvent::Click {
                button: MouseButton::Left,
                button_state: MouseButtonState::Up,
                ..
            } = event
            {
                show_window(icon.app_handle());
            }
        });
    if let Some(icon) = app.default_window_icon() {
        builder = builder.icon(icon.clone());
    }
    Ok((builder.build(app)?, items))
}

fn chosen(app: &AppHandle, event: MenuEvent) {
    let shell = Arc::clone(&app.state::<Arc<Shell>>());
    let app = app.clone();
    let id = event.id.0;
    tauri::async_runtime::spawn(async move {
        let done = match id.as_str() {
            "mute" => {
                let muted = shell.line.call().is_some_and(|call| call.muted);
                calls::mute(&shell, !muted).await
            }
            "hang_up" => calls::end(&shell).await,
            "quit" => {
                crate::end(&app).await;
                Ok(())
            }
            _ => {
                show_window(&app);
                Ok(())
            }
        };
        if let Err(problem) = done {
            tracing::warn!(%problem, "from the tray");
        }
    });
}

fn show_window(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(crate::WINDOW) {
        crate::system::show(&window);
    }
}

/// On Linux an icon may be offered that no desktop shows: then closing must not hide the window.
#[cfg(target_os = "linux")]
fn has_host() -> bool {
    let asked = zbus::blocking::Connection::session().and_then(|bus| {
        let bus = zbus::blocking::fdo::DBusProxy::new(&bus)?;
        let name = zbus::names::BusName::try_from("org.kde.StatusNotifierWatcher")?;
        Ok(bus.name_has_owner(name)?)
    });
    asked.unwrap_or(false)
}

#[cfg(not(target_os = "linux"))]
fn has_host() -> bool {
    true
}
