//! What people write to each other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cooee_sdk::{Client, EntryId, Recipient};
use tauri::AppHandle;

use super::{Here, username};
use crate::conversations::{self, entry_id, recipient};
use crate::error::{Answer, AppError, ErrorCode};
use crate::export;
use crate::model::account::AccountId;
use crate::model::conversation::{
    Conversation, Export, Found, Message, MessageAt, NewMessage, Page, PageFrom, PickedFile,
};
use crate::model::event::AppEvent;
use crate::picked::MAX_PASTED;
use crate::shell::Shell;

/// Every conversation that anything was said in, the latest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn conversations(
    shell: Here<'_>,
    account: AccountId,
) -> Answer<Vec<Conversation>> {
    conversations::list(&shell, &shell.find(&account)?).await
}

/// The conversation with a contact, also before anything was said in it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn conversation_with(
    shell: Here<'_>,
    account: AccountId,
    name: String,
) -> Answer<Conversation> {
    let with = Recipient::Contact(username(&name)?);
    conversations::one(&shell, &shell.find(&account)?, &with).await
}

/// A page of a conversation, from this device as far as it is there, else from the server. At most
/// 200 messages.
#[tauri::command]
#[specta::specta]
pub(crate) async fn messages(
    shell: Here<'_>,
    account: AccountId,
    conversation: String,
    from: PageFrom,
    limit: u32,
) -> Answer<Page> {
    let with = recipient(&conversation)?;
    conversations::page(&shell.find(&account)?, &with, from, limit).await
}

/// Writes a message: it is kept on this device before anything is sent, and goes out by itself.
#[tauri::command]
#[specta::specta]
pub(crate) async fn send_message(
    shell: Here<'_>,
    account: AccountId,
    conversation: String,
    message: NewMessage,
) -> Answer<Message> {
    let client = shell.client(&account)?;
    let with = recipient(&conversation)?;
    let new = cooee_sdk::NewMessage {
        text: message.text,
        reply_to: message.reply_to.as_deref().map(entry_id).transpose()?,
        files: shell.picked.paths(&account, &message.files)?,
    };
    let id = client.send(&with, new).await?;
    // The SDK has copies of its own now.
    shell.picked.sent(&message.files);
    conversations::written(&client, &with, &id).await
}

/// Puts other words in one's own message.
#[tauri::command]
#[specta::specta]
pub(crate) async fn edit_message(shell: Here<'_>, at: MessageAt, text: String) -> Answer<()> {
    let (client, with, id) = target(&shell, &at)?;
    client.edit(&with, &id, text).await?;
    Ok(())
}

/// Deletes one's own message for everybody.
#[tauri::command]
#[specta::specta]
pub(crate) async fn delete_message(shell: Here<'_>, at: MessageAt) -> Answer<()> {
    let (client, with, id) = target(&shell, &at)?;
    client.delete(&with, &id).await?;
    Ok(())
}

/// Sets one's reaction to a message; an empty one takes it back.
#[tauri::command]
#[specta::specta]
pub(crate) async fn react(shell: Here<'_>, at: MessageAt, reaction: String) -> Answer<()> {
    let (client, with, id) = target(&shell, &at)?;
    client.react(&with, &id, reaction).await?;
    Ok(())
}

/// Sends a message again that was refused.
#[tauri::command]
#[specta::specta]
pub(crate) async fn retry_message(shell: Here<'_>, at: MessageAt) -> Answer<()> {
    let (client, _, id) = target(&shell, &at)?;
    Ok(client.retry(&id).await?)
}

/// Drops a message that was not sent.
#[tauri::command]
#[specta::specta]
pub(crate) async fn discard_message(shell: Here<'_>, at: MessageAt) -> Answer<()> {
    let (client, _, id) = target(&shell, &at)?;
    client.discard(&id).await?;
    shell.tell(AppEvent::Messages {
        account: at.account,
        conversation: at.conversation,
        messages: Vec::new(),
        removed: vec![at.message],
    });
    Ok(())
}

/// The user has read up to this sequence. Others learn it if the settings allow.
#[tauri::command]
#[specta::specta]
pub(crate) async fn mark_read(
    shell: Here<'_>,
    account: AccountId,
    conversation: String,
    sequence: i64,
) -> Answer<()> {
    let (running, with) = (shell.find(&account)?, recipient(&conversation)?);
    if shell.chosen.settings().conversations.read_marks {
        let sequence = u64::try_from(sequence).unwrap_or(0);
        running.client.mark_read(&with, sequence).await?;
        return Ok(());
    }
    running.told().set_read_here(conversation, sequence);
    conversations::tell_one(&shell, &running, &with).await
}

/// The user types in a conversation, or no longer. Others learn it if the settings allow. May be
/// told with every key: no more is sent than needed.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_typing(
    shell: Here<'_>,
    account: AccountId,
    conversation: String,
    typing: bool,
) -> Answer<()> {
    let (client, with) = (shell.client(&account)?, recipient(&conversation)?);
    if shell.chosen.settings().conversations.typing {
        client.set_typing(&with, typing).await?;
    }
    Ok(())
}

/// Keeps what the user has begun to write, as long as the app runs.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_draft(
    shell: Here<'_>,
    account: AccountId,
    conversation: String,
    text: String,
) -> Answer<()> {
    recipient(&conversation)?;
    let running = shell.find(&account)?;
    running.told().set_draft(conversation, text);
    Ok(())
}

/// Messages that hold all these words, latest first; in one conversation or all. At most 100.
#[tauri::command]
#[specta::specta]
pub(crate) async fn search_messages(
    shell: Here<'_>,
    account: AccountId,
    conversation: Option<String>,
    words: String,
    limit: u32,
) -> Answer<Vec<Found>> {
    let within = conversation.as_deref().map(recipient).transpose()?;
    let client = shell.client(&account)?;
    conversations::search(&client, &words, within.as_ref(), limit).await
}

/// Lets the user choose files to send, in the system's dialog. Empty when they chose none.
#[tauri::command]
#[specta::specta]
pub(crate) async fn pick_files(
    app: AppHandle,
    shell: Here<'_>,
    account: AccountId,
) -> Answer<Vec<PickedFile>> {
    let _ = shell.client(&account)?;
    let paths = shell.dialogs.files(&app).await?;
    paths
        .into_iter()
        .map(|path| shell.picked.take(&account, path))
        .collect()
}

/// Takes a picture that was pasted or dropped: PNG, JPEG or WebP in base64, at most 8 MiB.
#[tauri::command]
#[specta::specta]
pub(crate) async fn add_picture(
    shell: Here<'_>,
    account: AccountId,
    name: String,
    picture: String,
) -> Answer<PickedFile> {
    let _ = shell.client(&account)?;
    if picture.len() > MAX_PASTED.div_ceil(3) * 4 {
        return Err(ErrorCode::FileTooLarge.into());
    }
    let bytes = STANDARD
        .decode(picture)
        .map_err(|error| AppError::new(ErrorCode::PictureInvalid, error))?;
    let folder = account.folder(&shell.data);
    shell.picked.paste(&account, &folder, &name, &bytes)
}

/// Fetches a file and writes it where the user says, in the system's dialog. False when they
/// changed their mind.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_file(
    app: AppHandle,
    shell: Here<'_>,
    at: MessageAt,
    file: String,
) -> Answer<bool> {
    let running = shell.find(&at.account)?;
    let (_, with, id) = target(&shell, &at)?;
    let file = conversations::file(&running.client, &with, &id, &file).await?;
    let Some(place) = shell.dialogs.save(&app, &file.name).await? else {
        return Ok(false);
    };
    conversations::save(&shell, &running, &file, &place).await?;
    Ok(true)
}

/// Writes everything of an account into a new folder where the user says, in the system's dialog;
/// events tell how far it is. `null` when they changed their mind, before or meanwhile.
#[tauri::command]
#[specta::specta]
pub(crate) async fn export_data(
    app: AppHandle,
    shell: Here<'_>,
    account: AccountId,
) -> Answer<Option<Export>> {
    let running = shell.find(&account)?;
    let Some(chosen) = shell.dialogs.folder(&app).await? else {
        return Ok(None);
    };
    export::export(&shell, &running, &chosen).await
}

/// Calls an export off, if one goes on; what it had written goes.
#[tauri::command]
#[specta::specta]
pub(crate) async fn cancel_export(shell: Here<'_>, account: AccountId) -> Answer<()> {
    shell.exports.cancel(&account);
    Ok(())
}

/// What a command about one message needs.
fn target(shell: &Shell, at: &MessageAt) -> Answer<(Client, Recipient, EntryId)> {
    let (with, id) = (recipient(&at.conversation)?, entry_id(&at.message)?);
    Ok((shell.client(&at.account)?, with, id))
}
