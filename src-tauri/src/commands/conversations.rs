//! What people write to each other.

use super::{Here, username};
use crate::conversations::{self, entry_id, recipient};
use crate::error::{Answer, ErrorCode};
use crate::model::account::AccountId;
use crate::model::conversation::{
    Conversation, Found, Message, NewMessage, Page, PageFrom, PickedFile,
};
use crate::model::event::AppEvent;

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
    let with = cooee_sdk::Recipient::Contact(username(&name)?);
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
    // Files are chosen by commands of this app only, and those do not give any yet.
    if !message.files.is_empty() {
        return Err(ErrorCode::NoAttachment.into());
    }
    let new = cooee_sdk::NewMessage {
        text: message.text,
        reply_to: message.reply_to.as_deref().map(entry_id).transpose()?,
        ..cooee_sdk::NewMessage::default()
    };
    let id = client.send(&with, new).await?;
    conversations::written(&client, &with, &id).await
}

/// Puts other words in one's own message.
#[tauri::command]
#[specta::specta]
pub(crate) async fn edit_message(
    shell: Here<'_>,
    account: AccountId,
    conversation: String,
    message: String,
    text: String,
) -> Answer<()> {
    let (with, id) = (recipient(&conversation)?, entry_id(&message)?);
    shell.client(&account)?.edit(&with, &id, text).await?;
    Ok(())
}

/// Deletes one's own message for everybody.
#[tauri::command]
#[specta::specta]
pub(crate) async fn delete_message(
    shell: Here<'_>,
    account: AccountId,
    conversation: String,
    message: String,
) -> Answer<()> {
    let (with, id) = (recipient(&conversation)?, entry_id(&message)?);
    shell.client(&account)?.delete(&with, &id).await?;
    Ok(())
}

/// Sets one's reaction to a message; an empty one takes it back.
#[tauri::command]
#[specta::specta]
pub(crate) async fn react(
    shell: Here<'_>,
    account: AccountId,
    conversation: String,
    message: String,
    reaction: String,
) -> Answer<()> {
    let (with, id) = (recipient(&conversation)?, entry_id(&message)?);
    shell.client(&account)?.react(&with, &id, reaction).await?;
    Ok(())
}

/// Sends a message again that was refused.
#[tauri::command]
#[specta::specta]
pub(crate) async fn retry_message(
    shell: Here<'_>,
    account: AccountId,
    conversation: String,
    message: String,
) -> Answer<()> {
    recipient(&conversation)?;
    Ok(shell.client(&account)?.retry(&entry_id(&message)?).await?)
}

/// Drops a message that was not sent.
#[tauri::command]
#[specta::specta]
pub(crate) async fn discard_message(
    shell: Here<'_>,
    account: AccountId,
    conversation: String,
    message: String,
) -> Answer<()> {
    recipient(&conversation)?;
    shell
        .client(&account)?
        .discard(&entry_id(&message)?)
        .await?;
    shell.tell(AppEvent::Messages {
        account,
        conversation,
        messages: Vec::new(),
        removed: vec![message],
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
    conversations::tell_list(&shell, &running).await
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
pub(crate) async fn pick_files(shell: Here<'_>, account: AccountId) -> Answer<Vec<PickedFile>> {
    let _ = shell.client(&account)?;
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, name, picture);
    Err(ErrorCode::Unsupported.into())
}

/// Fetches a file and writes it where the user says, in the system's dialog. False when they
/// changed their mind.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_file(
    shell: Here<'_>,
    account: AccountId,
    conversation: String,
    message: String,
    file: String,
) -> Answer<bool> {
    let _ = (shell.client(&account)?, conversation, message, file);
    Err(ErrorCode::Unsupported.into())
}

/// Writes everything of an account where the user says, in the system's dialog. False when they
/// changed their mind.
#[tauri::command]
#[specta::specta]
pub(crate) async fn export_data(shell: Here<'_>, account: AccountId) -> Answer<bool> {
    let _ = shell.client(&account)?;
    Err(ErrorCode::Unsupported.into())
}
