//! What the UI may ask for. Each command is thin: it checks what it was given, passes it on, and
//! answers with a stable code where that fails. docs/SECURITY.md goes through them one by one.

pub(crate) mod app;
pub(crate) mod calls;
pub(crate) mod conversations;
pub(crate) mod people;
pub(crate) mod profile;
pub(crate) mod session;
pub(crate) mod settings;

use std::sync::Arc;

use cooee_sdk::{GroupId, Username};

use crate::error::{Answer, AppError, ErrorCode};
use crate::shell::Shell;

/// The shell, as commands are given it.
pub(crate) type Here<'a> = tauri::State<'a, Arc<Shell>>;

/// A person's name from the UI.
fn username(text: &str) -> Answer<Username> {
    Username::parse(text).map_err(|error| AppError::new(ErrorCode::NameInvalid, error))
}

/// Several of them.
fn usernames(texts: &[String]) -> Answer<Vec<Username>> {
    texts.iter().map(|text| username(text)).collect()
}

/// A group's or a pair's id from the UI.
fn group_id(text: &str) -> Answer<GroupId> {
    GroupId::parse(text).map_err(|error| AppError::new(ErrorCode::NoGroup, error))
}
