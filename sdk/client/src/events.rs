//! Reading the stream of events.

use tokio::sync::broadcast;

use crate::event::Event;

/// The stream of events of one reader.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<Event>,
}

/// An event, or the news that some were missed.
#[derive(Debug, Clone)]
pub enum EventOrGap {
    /// The next event.
    Event(Box<Event>),
    /// The reader was too slow: this many events are lost. Read the snapshots again.
    Missed(u64),
}

impl Events {
    pub(crate) fn new(receiver: broadcast::Receiver<Event>) -> Self {
        Self { receiver }
    }

    /// The next event; `None` when the client is gone.
    pub async fn recv(&mut self) -> Option<EventOrGap> {
        match self.receiver.recv().await {
            Ok(event) => Some(EventOrGap::Event(Box::new(event))),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(EventOrGap::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
