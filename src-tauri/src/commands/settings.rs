//! What the user chooses, and the devices.

use std::sync::Arc;

use tauri::{AppHandle, async_runtime};

use super::Here;
use crate::convert;
use crate::error::{Answer, AppError, ErrorCode};
use crate::model::event::AppEvent;
use crate::model::settings::{Devices, Settings};
use crate::shell::Shell;
use crate::sounds::Tone;

/// What the user has chosen.
#[tauri::command]
#[specta::specta]
pub(crate) async fn settings(shell: Here<'_>) -> Answer<Settings> {
    Ok(shell.chosen.settings())
}

/// Takes all settings over, at once and also in the call that goes on, and gives what they came
/// to: numbers out of range count as the nearest that make sense. A key that cannot be caught, or
/// a desktop that cannot start the app, is an error, and nothing is changed.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_settings(
    app: AppHandle,
    shell: Here<'_>,
    settings: Settings,
) -> Answer<Settings> {
    let before = shell.chosen.settings();
    crate::system::apply(&app, &before, &settings)?;
    let settings = shell.chosen.replace(settings)?;
    apply(&shell, &before, &settings).await;
    shell.tell(AppEvent::Settings {
        settings: Box::new(settings.clone()),
    });
    Ok(settings)
}

/// The sound devices.
#[tauri::command]
#[specta::specta]
pub(crate) async fn devices() -> Answer<Devices> {
    // The system's sound service may take its time.
    let found = async_runtime::spawn_blocking(cooee_sdk::devices).await;
    let found = found.map_err(|error| AppError::new(ErrorCode::Internal, error))?;
    let found = found.map_err(|error| AppError::new(ErrorCode::Sound, error))?;
    Ok(convert::devices(&found))
}

/// Records two seconds from the chosen microphone and plays them on the chosen loudspeaker; events
/// show the level. Not during a call.
#[tauri::command]
#[specta::specta]
pub(crate) async fn test_sound(shell: Here<'_>) -> Answer<()> {
    if shell.line.is_busy() {
        return Err(ErrorCode::InCall.into());
    }
    Err(ErrorCode::Unsupported.into())
}

/// Ends the test of the microphone.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_sound_test() -> Answer<()> {
    Ok(())
}

/// Plays the ring tone once on the chosen loudspeaker.
#[tauri::command]
#[specta::specta]
pub(crate) async fn play_test_sound(shell: Here<'_>) -> Answer<()> {
    Tone::Ring.once(&shell.chosen.settings());
    Ok(())
}

/// Puts settings in force beyond what the desktop does for them.
async fn apply(shell: &Arc<Shell>, before: &Settings, now: &Settings) {
    if before.addresses != now.addresses {
        for running in shell.running() {
            running.client.set_address_privacy(now.addresses.into());
        }
    }
    let Ok(call) = shell.line.handle() else {
        return;
    };
    // A call that ends meanwhile needs none of it.
    if before.sound.processing != now.sound.processing {
        let _ = call.set_processing(now.sound.processing.into()).await;
    }
    if before.sound.send_mode != now.sound.send_mode {
        let _ = call.set_send_mode(now.sound.send_mode.into()).await;
        shell
            .line
            .amend(|view| view.set_send_mode(now.sound.send_mode));
        shell.tell_call();
    }
    if let Some(bitrate) = now
        .sound
        .bitrate
        .filter(|_| before.sound.bitrate != now.sound.bitrate)
    {
        let _ = call.set_bitrate(bitrate).await;
    }
}
