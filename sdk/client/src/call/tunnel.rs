//! The tunnel: voice through the server, where nothing better is open.
//!
//! Two short queues between the media plane and whatever connection there is to the server. Both
//! keep the latest and drop the oldest: voice that is late helps nobody, and a connection that is
//! congested or gone must not make it pile up.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use cooee_protocol::Username;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Datagrams that wait in each direction: 80 ms of seven people.
const ROOM: usize = 28;

/// A sealed datagram and the other end's name.
#[derive(Debug)]
pub(crate) struct Tunnelled {
    pub(crate) name: Username,
    pub(crate) payload: Vec<u8>,
    /// When it was queued: on the way in, its arrival.
    pub(crate) at: Instant,
}

/// The two directions of the tunnel.
#[derive(Debug, Default)]
pub(crate) struct Tunnel {
    pub(crate) outgoing: LatestFirst,
    pub(crate) incoming: LatestFirst,
}

/// A queue that keeps the latest.
#[derive(Debug, Default)]
pub(crate) struct LatestFirst {
    queue: Mutex<VecDeque<Tunnelled>>,
    news: Notify,
}

impl LatestFirst {
    /// Queues a datagram; when there is no room the oldest one goes.
    pub(crate) fn push(&self, name: Username, payload: Vec<u8>) {
        let at = Instant::now();
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.len() >= ROOM {
                queue.pop_front();
            }
            queue.push_back(Tunnelled { name, payload, at });
        }
        self.news.notify_one();
    }

    /// The next datagram. Safe to cancel.
    pub(crate) async fn pop(&self) -> Tunnelled {
        loop {
            let next = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                queue.pop_front()
            };
            if let Some(next) = next {
                return next;
            }
            self.news.notified().await;
        }
    }

    /// Forgets what waits.
    pub(crate) fn clear(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.clear();
    }
}

#[cfg(test)]
mod tests {
    use cooee_protocol::{NameError, Username};

    use super::{LatestFirst, ROOM};

    #[tokio::test]
    async fn the_oldest_gives_way() -> Result<(), NameError> {
        let queue = LatestFirst::default();
        let name = Username::parse("alice")?;
        for number in 0..=ROOM {
            queue.push(name.clone(), number.to_be_bytes().to_vec());
        }
        assert_eq!(queue.pop().await.payload, 1_usize.to_be_bytes());
        queue.clear();
        queue.push(name, vec![7]);
        assert_eq!(queue.pop().await.payload, [7]);
        Ok(())
    }
}
