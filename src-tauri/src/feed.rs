//! The one event channel to the UI.

use std::sync::{Mutex, PoisonError};

use tauri::ipc::Channel;

use crate::model::event::AppEvent;

/// Where events go. There is one window, so there is one reader: a page that was loaded anew
/// takes the place of the one before.
#[derive(Default)]
pub(crate) struct Feed {
    reader: Mutex<Option<Channel<AppEvent>>>,
}

impl Feed {
    /// Takes a new reader. What it missed is in the snapshot that it is given.
    pub(crate) fn subscribe(&self, reader: Channel<AppEvent>) {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader);
    }

    /// Tells the reader, if there is one.
    pub(crate) fn tell(&self, event: AppEvent) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = reader.as_ref()
            && let Err(error) = channel.send(event)
        {
            tracing::debug!(%error, "the page is gone");
            *reader = None;
        }
    }
}
