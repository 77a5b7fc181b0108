//! What is attached to a message.

use cooee_protocol::{Attachments, Content};

use super::types::{MessageError, NewMessage};
use crate::Client;

impl Client {
    /// The content of a new message, with its files put where they are uploaded from.
    pub(super) async fn content(
        &self,
        new: &NewMessage,
    ) -> Result<(Content, Attachments), MessageError> {
        if new.files.is_empty() {
            return Ok((Content::text(new.text.clone()), Attachments::default()));
        }
        Err(MessageError::Transfer("no files yet".to_owned()))
    }
}
