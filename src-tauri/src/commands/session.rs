//! Accounts and their sessions.

use std::sync::Arc;

use cooee_sdk::{NewPassword, Password, Username};
use tauri::async_runtime;

use super::{Here, username};
use crate::accounts::{Entry, MAX_ACCOUNTS, Running};
use crate::error::{Answer, AppError, ErrorCode};
use crate::link;
use crate::model::account::{AccountId, KeyringStatus, NewSession, ServerAddress};
use crate::shell::Shell;

/// How a session begins.
enum How {
    Register(NewPassword),
    Login(Password),
}

/// Understands a server's address as a person types it. Contacts nobody.
#[tauri::command]
#[specta::specta]
pub(crate) async fn check_server(server: String) -> Answer<ServerAddress> {
    let address = cooee_sdk::ServerAddress::parse(server.trim(), true)?;
    let server = address.to_string();
    Ok(ServerAddress {
        server_name: link::server_name(&server),
        plaintext: link::is_plaintext(&address),
        server,
    })
}

/// Whether the keyring can be used: writes something there, reads it and removes it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn keyring_status() -> Answer<KeyringStatus> {
    let checked = async_runtime::spawn_blocking(cooee_sdk::check_keyring).await;
    let checked = checked.map_err(|error| AppError::new(ErrorCode::Internal, error))?;
    let problem = checked.err().map(AppError::from);
    Ok(KeyringStatus {
        available: problem.is_none(),
        problem,
    })
}

/// Creates a profile, signs in to it and shows the account.
#[tauri::command]
#[specta::specta]
pub(crate) async fn sign_up(shell: Here<'_>, session: NewSession) -> Answer<AccountId> {
    let password = NewPassword::parse(&session.password)
        .map_err(|why| AppError::new(ErrorCode::PasswordInvalid, why))?;
    begin(&shell, &session, How::Register(password)).await
}

/// Signs in and shows the account.
#[tauri::command]
#[specta::specta]
pub(crate) async fn sign_in(shell: Here<'_>, session: NewSession) -> Answer<AccountId> {
    let password = Password::parse(&session.password)
        .map_err(|why| AppError::new(ErrorCode::PasswordInvalid, why))?;
    begin(&shell, &session, How::Login(password)).await
}

/// Shows another account.
#[tauri::command]
#[specta::specta]
pub(crate) async fn switch_account(shell: Here<'_>, account: AccountId) -> Answer<()> {
    if shell.index().find(&account).is_none() {
        return Err(ErrorCode::NoAccount.into());
    }
    shell.change_index(|index| index.active = Some(account));
    Ok(())
}

/// Continues the kept session, after what ended it was put right: a keyring that is unlocked now, a
/// disk that has room again.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resume_account(shell: Here<'_>, account: AccountId) -> Answer<()> {
    let _changing = shell.changing.lock().await;
    let Ok(running) = shell.find(&account) else {
        // It could not even be started.
        let index = shell.index();
        let entry = index.find(&account).ok_or(ErrorCode::NoAccount)?;
        return start(&shell, entry).await;
    };
    running.facts().ended = None;
    resume(&shell, &running).await
}

/// Tries a lost connection again at once.
#[tauri::command]
#[specta::specta]
pub(crate) async fn reconnect_now(shell: Here<'_>, account: AccountId) -> Answer<()> {
    shell.client(&account)?.network_changed();
    Ok(())
}

/// Signs out. The account stays, with what this device has cached.
#[tauri::command]
#[specta::specta]
pub(crate) async fn sign_out(shell: Here<'_>, account: AccountId) -> Answer<()> {
    let _changing = shell.changing.lock().await;
    let running = shell.find(&account)?;
    let revoked = running.client.logout().await;
    running.facts().ended = None;
    shell.tell_accounts();
    // The session is forgotten here in any case.
    revoked.map_err(AppError::from)
}

/// Signs out and deletes everything of the account from this device. The profile on the server
/// stays.
#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_account(shell: Here<'_>, account: AccountId) -> Answer<()> {
    let _changing = shell.changing.lock().await;
    if shell.index().find(&account).is_none() {
        return Err(ErrorCode::NoAccount.into());
    }
    // Without a connection the server keeps the session until it expires; its token is gone.
    if let Ok(client) = shell.client(&account)
        && let Err(error) = client.logout().await
    {
        tracing::warn!(%error, "the server may still know the session");
    }
    forget(&shell, &account).await
}

/// Deletes everything of an account from this device.
pub(crate) async fn forget(shell: &Shell, account: &AccountId) -> Answer<()> {
    if let Some(running) = shell.release(account) {
        running.client.close().await;
    }
    shell.picked.left(account);
    shell.change_index(|index| {
        index.accounts.retain(|entry| entry.id != *account);
        if index.active.as_ref() == Some(account) {
            index.active = index.accounts.first().map(|entry| entry.id.clone());
        }
    });
    remove_folder(shell, account).await
}

/// Continues the kept session of an account as soon as that is possible.
pub(crate) async fn resume(shell: &Shell, running: &Running) -> Answer<()> {
    running.facts().resuming = true;
    shell.tell_accounts();
    let resumed = running.client.resume_when_possible().await;
    let problem = resumed.err().map(AppError::from);
    // That there is no session is no news.
    let ended = problem
        .clone()
        .filter(|problem| problem.code != ErrorCode::NoSession);
    {
        let mut facts = running.facts();
        facts.resuming = false;
        facts.ended = ended;
    }
    shell.tell_accounts();
    problem.map_or(Ok(()), Err)
}

async fn begin(shell: &Arc<Shell>, session: &NewSession, how: How) -> Answer<AccountId> {
    let name = username(&session.name)?;
    let server = cooee_sdk::ServerAddress::parse(session.server.trim(), session.allow_plaintext)?;
    let server = server.to_string();
    let _changing = shell.changing.lock().await;
    let index = shell.index();
    let known = index
        .accounts
        .iter()
        .find(|entry| entry.server == server && is_same(&entry.name, &name));
    if known.is_none() && index.accounts.len() >= MAX_ACCOUNTS {
        return Err(ErrorCode::TooMany.into());
    }
    let entry = Entry {
        id: known.map_or_else(AccountId::draw, |entry| entry.id.clone()),
        server,
        name: name.to_string(),
        keep: session.keep,
        allow_plaintext: session.allow_plaintext,
    };
    // One client at a time has the account's folder.
    if let Some(before) = shell.release(&entry.id) {
        before.client.close().await;
    }
    let begun = sign_in_with(shell, &entry, name, how).await;
    match begun {
        Ok(()) => {
            let id = entry.id.clone();
            shell.change_index(|index| {
                index.active = Some(id.clone());
                match index.find_mut(&id) {
                    Some(known) => *known = entry,
                    None => index.accounts.push(entry),
                }
            });
            Ok(id)
        }
        Err(problem) => {
            match known {
                // As it was before: perhaps a session goes on.
                Some(known) => drop(start(shell, known).await),
                None => remove_folder(shell, &entry.id).await?,
            }
            Err(problem)
        }
    }
}

async fn sign_in_with(shell: &Arc<Shell>, entry: &Entry, name: Username, how: How) -> Answer<()> {
    let running = Running::start(entry, &shell.data).await?;
    let events = running.client.events();
    let client = &running.client;
    let signed_in = match how {
        How::Register(password) => client.register(name, password).await,
        How::Login(password) => client.login(name, password).await,
    };
    match signed_in {
        Ok(_) => {
            let told = running.clone();
            shell.adopt(running, events);
            shell.tell_roster(&told);
            Ok(())
        }
        Err(error) => {
            running.client.close().await;
            Err(error.into())
        }
    }
}

/// Starts the client of an account that is known, and continues its session. What went wrong is in the
/// account's session, too.
pub(crate) async fn start(shell: &Arc<Shell>, entry: &Entry) -> Answer<()> {
    let running = match Running::start(entry, &shell.data).await {
        Ok(running) => running,
        Err(problem) => {
            shell.set_failed(&entry.id, problem.clone());
            return Err(problem);
        }
    };
    let events = running.client.events();
    shell.adopt(running.clone(), events);
    shell.tell_roster(&running);
    resume(shell, &running).await
}

fn is_same(name: &str, other: &Username) -> bool {
    Username::parse(name).is_ok_and(|name| name == *other)
}

async fn remove_folder(shell: &Shell, account: &AccountId) -> Answer<()> {
    let folder = account.folder(&shell.data);
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(AppError::new(ErrorCode::DataFolder, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
