//! How long the stories wait.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

/// The longest that anything may take. It asserts nothing about speed: only a story that would
/// otherwise hang for ever comes this far.
const LIMIT: Duration = Duration::from_secs(40);

/// Waits for `future`; panics with the sentence that `story` tells when it does not come.
///
/// The limit is one of the real clock, kept by a thread: the runtime's clock may be stopped.
pub(crate) async fn within<T>(
    future: impl Future<Output = T>,
    story: impl FnOnce() -> String,
) -> T {
    let (waiting, waiter) = mpsc::channel::<()>();
    let (expire, expired) = oneshot::channel();
    thread::spawn(move || {
        if waiter.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            let _nobody_waits = expire.send(());
        }
    });
    let value = tokio::select! {
        biased;
        value = future => Some(value),
        _ = expired => None,
    };
    drop(waiting);
    value.unwrap_or_else(|| panic!("waited in vain: {}", story()))
}
