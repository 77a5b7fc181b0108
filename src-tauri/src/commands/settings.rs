//! What the user chooses, and the devices.

use std::sync::Arc;

use tauri::AppHandle;

use super::Here;
use crate::convert;
use crate::devices;
use crate::error::{Answer, ErrorCode};
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
    devices::list().await
}

/// Whether the user is choosing a device: events tell which come and go until they are not.
#[tauri::command]
#[specta::specta]
pub(crate) async fn watch_devices(shell: Here<'_>, watch: bool) -> Answer<()> {
    shell.bench.watch(&shell, watch);
    Ok(())
}

/// Records two seconds from the chosen microphone and plays them on the chosen loudspeaker; events
/// show the level. Answers when it is over. Not during a call.
#[tauri::command]
#[specta::specta]
pub(crate) async fn test_sound(shell: Here<'_>) -> Answer<()> {
    if shell.line.is_busy() {
        return Err(ErrorCode::InCall.into());
    }
    shell.bench.test(&shell).await
}

/// Ends the test of the microphone.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_sound_test(shell: Here<'_>) -> Answer<()> {
    shell.bench.end_test();
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
    if before.sound.microphone != now.sound.microphone {
        let _ = call.set_input(convert::input(&now.sound)).await;
    }
    if before.sound.loudspeaker != now.sound.loudspeaker {
        let _ = call.set_output(convert::output(&now.sound)).await;
    }
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
