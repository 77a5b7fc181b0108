//! The key for push-to-talk, also while another window has the focus.

use std::sync::Arc;

use tauri::{AppHandle, Manager};
use tauri_plugin_global_shortcut::{GlobalShortcutExt, Shortcut, ShortcutState};

use crate::commands::calls;
use crate::error::{Answer, AppError, ErrorCode};
use crate::shell::Shell;

/// Catches another key than before.
pub(super) fn apply(app: &AppHandle, before: Option<&str>, now: Option<&str>) -> Answer<()> {
    if before == now {
        return Ok(());
    }
    if let Some(key) = now {
        catch(app, parse(key)?)?;
    }
    if let Some(before) = before.and_then(|key| parse(key).ok()) {
        let released = app.global_shortcut().unregister(before);
        if let Err(error) = released {
            tracing::warn!(%error, "the former key stays caught");
        }
    }
    Ok(())
}

fn parse(key: &str) -> Answer<Shortcut> {
    key.parse()
        .map_err(|error| AppError::new(ErrorCode::KeyInvalid, error))
}

fn catch(app: &AppHandle, key: Shortcut) -> Answer<()> {
    let pressed =
        |app: &AppHandle, _key: &Shortcut, event: tauri_plugin_global_shortcut::ShortcutEvent| {
            let talking = event.state() == ShortcutState::Pressed;
            let shell = Arc::clone(&app.state::<Arc<Shell>>());
            tauri::async_runtime::spawn(async move {
                // Without a call there is nothing to say.
                let _ = calls::talk(&shell, talking).await;
            });
        };
    app.global_shortcut()
        .on_shortcut(key, pressed)
        .map_err(|error| AppError::new(ErrorCode::KeyUnavailable, error))
}
