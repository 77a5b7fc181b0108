//! Blocking, and the end of an account.

use cooee_protocol::{AddContact, ClientMessage, DeleteProfile, Password, ServerMessage, Username};

use super::types::MessageError;
use crate::Client;
use crate::error::ActionError;

impl Client {
    /// Blocks somebody: they can neither call, write, ask again nor see presence, and are not
    /// told. Gives everybody whom the account blocks now.
    ///
    /// # Errors
    ///
    /// See [`ActionError`]; refused with 405 for an unknown name.
    pub async fn block(&self, name: Username) -> Result<Vec<Username>, ActionError> {
        let message = ClientMessage::Block(AddContact { pseudo: name });
        self.blocked_after(message).await
    }

    /// Ends that. Gives everybody whom the account blocks now.
    ///
    /// # Errors
    ///
    /// See [`ActionError`].
    pub async fn unblock(&self, name: Username) -> Result<Vec<Username>, ActionError> {
        let message = ClientMessage::Unblock(AddContact { pseudo: name });
        self.blocked_after(message).await
    }

    /// Whom the account blocks, as far as is known here.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub async fn blocked(&self) -> Result<Vec<Username>, MessageError> {
        let read = self.shared.archive.read(|cache| cache.blocked());
        let names = read.await?.unwrap_or_default();
        Ok(names
            .iter()
            .filter_map(|name| Username::parse(name).ok())
            .collect())
    }

    /// Deletes the account, for good: the server forgets the profile, its contacts, memberships
    /// and messages, and tells the contacts; this device forgets the session and the cache.
    ///
    /// # Errors
    ///
    /// See [`ActionError`]; refused with 402 for a wrong password.
    pub async fn delete_account(&self, password: Password) -> Result<(), ActionError> {
        let message = ClientMessage::DeleteProfile(DeleteProfile { password });
        match self.request(message).await? {
            ServerMessage::DeleteProfile(_) => {}
            _ => return Err(ActionError::Protocol),
        }
        // The server knows the session no more; what is kept of it here goes too.
        match self.logout().await {
            Ok(())
            | Err(ActionError::Refused(_) | ActionError::Offline | ActionError::Interrupted) => {}
            Err(error) => return Err(error),
        }
        if let Err(error) = self.shared.archive.delete().await {
            tracing::warn!(%error, "the cache of a deleted account could not be removed");
        }
        self.shared.forget_everything();
        Ok(())
    }

    async fn blocked_after(&self, message: ClientMessage) -> Result<Vec<Username>, ActionError> {
        match self.request(message).await? {
            ServerMessage::Blocked(blocked) => Ok(blocked.list_pseudo),
            _ => Err(ActionError::Protocol),
        }
    }
}
