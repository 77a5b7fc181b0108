//! The own profile.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cooee_sdk::{AmendProfile, NewPassword, Password, PictureId};

use super::{Here, username};
use crate::error::{Answer, AppError, ErrorCode};
use crate::link;
use crate::media::Kind;
use crate::model::account::AccountId;
use crate::model::people::OwnInvitation;

/// The largest picture that servers take, in bytes.
const MAX_PICTURE: usize = 1024 * 1024;

/// Gives the profile another name.
#[tauri::command]
#[specta::specta]
pub(crate) async fn rename_profile(
    shell: Here<'_>,
    account: AccountId,
    name: String,
) -> Answer<()> {
    let changes = AmendProfile {
        pseudo: Some(username(&name)?),
        ..AmendProfile::default()
    };
    Ok(shell.client(&account)?.amend_profile(changes).await?)
}

/// Sets another password; the profile's other sessions end.
#[tauri::command]
#[specta::specta]
pub(crate) async fn change_password(
    shell: Here<'_>,
    account: AccountId,
    password: String,
) -> Answer<()> {
    let password = NewPassword::parse(&password)
        .map_err(|why| AppError::new(ErrorCode::PasswordInvalid, why))?;
    let changes = AmendProfile {
        password: Some(password),
        ..AmendProfile::default()
    };
    Ok(shell.client(&account)?.amend_profile(changes).await?)
}

/// Sets the profile's picture: PNG, JPEG or WebP in base64, at most 1 MiB and 2048 x 2048 pixels.
/// `null` removes it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_picture(
    shell: Here<'_>,
    account: AccountId,
    picture: Option<String>,
) -> Answer<()> {
    let client = shell.client(&account)?;
    let id = match picture {
        None => PictureId::NONE,
        Some(text) => {
            if text.len() > MAX_PICTURE.div_ceil(3) * 4 {
                return Err(ErrorCode::PictureTooLarge.into());
            }
            let bytes = STANDARD
                .decode(text)
                .map_err(|error| AppError::new(ErrorCode::PictureInvalid, error))?;
            if Kind::of(&bytes).is_none() {
                return Err(ErrorCode::PictureInvalid.into());
            }
            client.upload_picture(bytes).await?
        }
    };
    let changes = AmendProfile {
        pp: Some(id),
        ..AmendProfile::default()
    };
    Ok(client.amend_profile(changes).await?)
}

/// The link and QR code by which others add this profile.
#[tauri::command]
#[specta::specta]
pub(crate) async fn own_invitation(shell: Here<'_>, account: AccountId) -> Answer<OwnInvitation> {
    let client = shell.client(&account)?;
    let me = client
        .profile()
        .ok_or_else(|| AppError::from(ErrorCode::NoSession))?;
    link::invite(&client.server(), me.name.as_str())
}

/// Deletes the profile from the server, with everything of it there and here.
#[tauri::command]
#[specta::specta]
pub(crate) async fn delete_profile(
    shell: Here<'_>,
    account: AccountId,
    password: String,
) -> Answer<()> {
    let password =
        Password::parse(&password).map_err(|why| AppError::new(ErrorCode::PasswordInvalid, why))?;
    shell.client(&account)?.delete_account(password).await?;
    super::session::forget(&shell, &account).await
}
