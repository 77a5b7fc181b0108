//! What people write to each other.

use super::Here;
use crate::error::{Answer, ErrorCode};
use crate::model::account::AccountId;
use crate::model::conversation::{
    Conversation, Found, Message, NewMessage, Page, PageFrom, PickedFile,
};

/// Every conversation that anything was said in, the latest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn conversations(
    shell: Here<'_>,
    account: AccountId,
) -> Answer<Vec<Conversation>> {
    shell.client(&account)?;
    Ok(Vec::new())
}

/// The conversation with a contact, also before anything was said in it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn conversation_with(
    shell: Here<'_>,
    account: AccountId,
    name: String,
) -> Answer<Conversation> {
    let (_client, _name) = (shell.client(&account)?, super::username(&name)?);
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, conversation, from, limit);
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, conversation, message);
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, conversation, message, text);
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, conversation, message);
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, conversation, message, reaction);
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, conversation, message);
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, conversation, message);
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, conversation, sequence);
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, conversation, typing);
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, conversation, text);
    Err(ErrorCode::Unsupported.into())
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
    let _ = (shell.client(&account)?, conversation, words, limit);
    Err(ErrorCode::Unsupported.into())
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
