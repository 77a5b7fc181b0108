//! Calls. Sound never passes through here: the SDK opens the devices itself, and only once the
//! user has placed or accepted a call.

use std::sync::Arc;

use cooee_sdk::{CallId, CallOptions, LatencyProfile};

use super::{Here, group_id, username, usernames};
use crate::convert;
use crate::error::{Answer, AppError, ErrorCode};
use crate::line::Begin;
use crate::model::account::AccountId;
use crate::model::call::{CallRecord, StatsSample};
use crate::model::settings::Settings;
use crate::shell::Shell;

/// Calls a contact.
#[tauri::command]
#[specta::specta]
pub(crate) async fn place_call(shell: Here<'_>, account: AccountId, name: String) -> Answer<()> {
    let who = username(&name)?;
    let client = shell.client(&account)?;
    refuse_while_busy(&shell)?;
    let settings = shell.chosen.settings();
    let call = client.call(who, options(&settings)).await?;
    begin(&shell, &account, false, vec![name], true, &settings, call);
    Ok(())
}

/// Calls members of a group; nobody named means all of them.
#[tauri::command]
#[specta::specta]
pub(crate) async fn place_group_call(
    shell: Here<'_>,
    account: AccountId,
    group: String,
    people: Vec<String>,
) -> Answer<()> {
    let (id_group, named) = (group_id(&group)?, usernames(&people)?);
    let client = shell.client(&account)?;
    refuse_while_busy(&shell)?;
    let settings = shell.chosen.settings();
    let call = client
        .call_group(id_group, named, options(&settings))
        .await?;
    begin(&shell, &account, true, people, true, &settings, call);
    Ok(())
}

/// Accepts the call that rings at an account; a call that goes on is hung up first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn accept_call(shell: Here<'_>, account: AccountId) -> Answer<()> {
    accept(&shell, &account).await
}

/// Declines the call that rings at an account.
#[tauri::command]
#[specta::specta]
pub(crate) async fn decline_call(shell: Here<'_>, account: AccountId) -> Answer<()> {
    decline(&shell, &account).await
}

/// Hangs up, or withdraws a call that still rings.
#[tauri::command]
#[specta::specta]
pub(crate) async fn hang_up(shell: Here<'_>) -> Answer<()> {
    end(&shell).await
}

/// Puts a call that is over out of sight.
#[tauri::command]
#[specta::specta]
pub(crate) async fn dismiss_call(shell: Here<'_>) -> Answer<()> {
    shell.line.dismiss()?;
    shell.tell_call();
    Ok(())
}

/// Mutes the microphone, or opens it again.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_muted(shell: Here<'_>, muted: bool) -> Answer<()> {
    mute(&shell, muted).await
}

/// Silences the loudspeaker, and the microphone with it; or neither any more.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_deafened(shell: Here<'_>, deafened: bool) -> Answer<()> {
    shell.line.handle()?.set_deafened(deafened).await?;
    shell.tell_call();
    Ok(())
}

/// Whether the push-to-talk key is held, when it is a key of the window.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_talking(shell: Here<'_>, talking: bool) -> Answer<()> {
    talk(&shell, talking).await
}

/// Sets how loud somebody is played, in percent: 0 to 200. Remembered for later calls.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_volume(shell: Here<'_>, name: String, percent: u16) -> Answer<()> {
    let who = username(&name)?;
    shell.line.handle()?.set_volume(who, percent).await?;
    tell_volumes(&shell);
    shell.tell_call();
    Ok(())
}

/// Silences a participant here for this call, or no longer. They do not learn of it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_silenced(shell: Here<'_>, name: String, silenced: bool) -> Answer<()> {
    let who = username(&name)?;
    shell.line.handle()?.set_silenced(who, silenced).await?;
    shell.tell_call();
    Ok(())
}

/// Rings more members of the group into the call.
#[tauri::command]
#[specta::specta]
pub(crate) async fn add_to_call(shell: Here<'_>, people: Vec<String>) -> Answer<()> {
    let people = usernames(&people)?;
    shell.line.handle()?.add_people(people).await?;
    shell.tell_call();
    Ok(())
}

/// The user has compared the safety codes of everybody in the call, and they are right.
#[tauri::command]
#[specta::specta]
pub(crate) async fn confirm_safety_codes(shell: Here<'_>) -> Answer<()> {
    shell.line.handle()?.set_verified().await?;
    shell.line.amend(|view| view.verified = true);
    shell.tell_call();
    Ok(())
}

/// Every second of the call so far, or of the one that is just over.
#[tauri::command]
#[specta::specta]
pub(crate) async fn call_statistics(shell: Here<'_>) -> Answer<Vec<StatsSample>> {
    Ok(shell.line.samples())
}

/// A page of the history of calls on this device, latest first; `before` continues after the last
/// of a page. At most 200.
#[tauri::command]
#[specta::specta]
pub(crate) async fn call_history(
    shell: Here<'_>,
    account: AccountId,
    limit: u32,
    before: Option<i64>,
) -> Answer<Vec<CallRecord>> {
    let client = shell.client(&account)?;
    let before = before.map(CallId);
    let records = client
        .history(limit.min(200), before)
        .await
        .map_err(|error| AppError::new(ErrorCode::Cache, error))?;
    Ok(records
        .iter()
        .map(|record| convert::record(&client, record))
        .collect())
}

// The same, for the tray and for notifications.

pub(crate) async fn accept(shell: &Arc<Shell>, account: &AccountId) -> Answer<()> {
    let client = shell.client(account)?;
    let ring = client.incoming().ok_or(ErrorCode::NoCall)?;
    if let Ok(current) = shell.line.handle() {
        current.hang_up().await?;
        current.ended().await;
    }
    let group = crate::shell::is_group(&client, ring.id_group());
    let with = vec![ring.from().to_string()];
    let settings = shell.chosen.settings();
    let call = ring.accept(options(&settings)).await?;
    begin(shell, account, group, with, false, &settings, call);
    Ok(())
}

pub(crate) async fn decline(shell: &Shell, account: &AccountId) -> Answer<()> {
    let client = shell.client(account)?;
    let ring = client.incoming().ok_or(ErrorCode::NoCall)?;
    Ok(ring.decline().await?)
}

pub(crate) async fn end(shell: &Shell) -> Answer<()> {
    Ok(shell.line.handle()?.hang_up().await?)
}

pub(crate) async fn mute(shell: &Shell, muted: bool) -> Answer<()> {
    shell.line.handle()?.set_muted(muted).await?;
    shell.tell_call();
    Ok(())
}

pub(crate) async fn talk(shell: &Shell, talking: bool) -> Answer<()> {
    shell.line.handle()?.set_talking(talking).await?;
    shell.line.amend(|view| view.talking = talking);
    shell.tell_call();
    Ok(())
}

fn refuse_while_busy(shell: &Shell) -> Answer<()> {
    if shell.line.is_busy() {
        return Err(ErrorCode::InCall.into());
    }
    Ok(())
}

fn begin(
    shell: &Arc<Shell>,
    account: &AccountId,
    group: bool,
    with: Vec<String>,
    outgoing: bool,
    settings: &Settings,
    call: cooee_sdk::Call,
) {
    let begin = Begin {
        account: account.clone(),
        group,
        with,
        outgoing,
        send_mode: settings.sound.send_mode,
    };
    shell.line.begin(shell, begin, call);
    tell_volumes(shell);
}

/// The volumes of the call's account, as the SDK remembers them.
fn tell_volumes(shell: &Shell) {
    let Some(client) = shell
        .line
        .call()
        .and_then(|call| shell.client(&call.account).ok())
    else {
        return;
    };
    let volumes = client.volumes();
    let volumes = volumes
        .into_iter()
        .map(|(who, percent)| (who.to_string(), percent));
    shell.line.set_volumes(volumes);
}

fn options(settings: &Settings) -> CallOptions {
    let sound = &settings.sound;
    CallOptions {
        input: convert::input(sound),
        output: convert::output(sound),
        processing: Some(sound.processing.into()),
        latency: if sound.low_latency {
            LatencyProfile::Low
        } else {
            LatencyProfile::Balanced
        },
        send_mode: sound.send_mode.into(),
        bitrate: sound.bitrate,
    }
}
