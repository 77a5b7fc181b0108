//! Contacts and groups.

use cooee_sdk::GroupName;

use super::{Here, group_id, username, usernames};
use crate::convert;
use crate::error::{Answer, AppError, ErrorCode};
use crate::link;
use crate::model::account::AccountId;
use crate::model::people::{Contact, Group, Invitation, Roster};

/// Everything about people that an account has.
#[tauri::command]
#[specta::specta]
pub(crate) async fn roster(shell: Here<'_>, account: AccountId) -> Answer<Roster> {
    Ok(shell.find(&account)?.roster())
}

/// Asks somebody to become a contact, or confirms that they asked.
#[tauri::command]
#[specta::specta]
pub(crate) async fn add_contact(
    shell: Here<'_>,
    account: AccountId,
    name: String,
) -> Answer<Contact> {
    let name = username(&name)?;
    let contact = shell.client(&account)?.add_contact(name).await?;
    Ok(convert::contact(&contact))
}

/// Withdraws a request, declines one, or removes a contact.
#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_contact(
    shell: Here<'_>,
    account: AccountId,
    name: String,
) -> Answer<()> {
    let name = username(&name)?;
    Ok(shell.client(&account)?.remove_contact(name).await?)
}

/// Creates a group with contacts in it. Who could not be added is missing among its members.
#[tauri::command]
#[specta::specta]
pub(crate) async fn create_group(
    shell: Here<'_>,
    account: AccountId,
    name: String,
    members: Vec<String>,
) -> Answer<Group> {
    let name = GroupName::parse(&name)
        .map_err(|error| AppError::new(ErrorCode::GroupNameInvalid, error))?;
    let members = usernames(&members)?;
    let client = shell.client(&account)?;
    let mut group = client.create_group(name).await?;
    for member in members {
        match client.add_to_group(group.id_group.clone(), member).await {
            Ok(grown) => group = grown,
            Err(error) => tracing::warn!(%error, "a contact could not be added to the group"),
        }
    }
    Ok(convert::group(&group))
}

/// Adds a contact to a group.
#[tauri::command]
#[specta::specta]
pub(crate) async fn add_to_group(
    shell: Here<'_>,
    account: AccountId,
    group: String,
    name: String,
) -> Answer<Group> {
    let (group, name) = (group_id(&group)?, username(&name)?);
    let group = shell.client(&account)?.add_to_group(group, name).await?;
    Ok(convert::group(&group))
}

/// Removes somebody from a group that the account created.
#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_from_group(
    shell: Here<'_>,
    account: AccountId,
    group: String,
    name: String,
) -> Answer<()> {
    let (group, name) = (group_id(&group)?, username(&name)?);
    Ok(shell
        .client(&account)?
        .remove_from_group(group, name)
        .await?)
}

/// Leaves a group.
#[tauri::command]
#[specta::specta]
pub(crate) async fn leave_group(shell: Here<'_>, account: AccountId, group: String) -> Answer<()> {
    let group = group_id(&group)?;
    Ok(shell.client(&account)?.leave_group(group).await?)
}

/// Blocks somebody, who is not told.
#[tauri::command]
#[specta::specta]
pub(crate) async fn block(shell: Here<'_>, account: AccountId, name: String) -> Answer<()> {
    let name = username(&name)?;
    // Whom the account blocks now comes as an event.
    shell.client(&account)?.block(name).await?;
    Ok(())
}

/// Ends a block.
#[tauri::command]
#[specta::specta]
pub(crate) async fn unblock(shell: Here<'_>, account: AccountId, name: String) -> Answer<()> {
    let name = username(&name)?;
    // Whom the account blocks now comes as an event.
    shell.client(&account)?.unblock(name).await?;
    Ok(())
}

/// Understands an invitation link that was pasted or scanned. Nothing follows from it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn parse_link(text: String) -> Answer<Invitation> {
    link::parse(&text)
}

/// The user has decided about the link that was opened, one way or the other.
#[tauri::command]
#[specta::specta]
pub(crate) async fn dismiss_invitation(shell: Here<'_>) -> Answer<()> {
    shell.set_invitation(None);
    Ok(())
}
