//! Stories that wait for minutes.

use std::sync::mpsc;
use std::time::Duration;

use tokio::task::JoinHandle;

/// The runtime's clock, stopped: minutes pass in an instant, and only when the story says so.
///
/// Server and clients read the runtime's clock for everything that they wait for, and all of them
/// run on the one thread of the test's runtime. A stopped clock alone is not enough: tokio moves
/// it by itself whenever no task is ready, which is also the case while a frame is on its way
/// through a socket, so that a time-out could overtake an answer. It does not while a blocking
/// task runs, so one is kept waiting as long as this lives. Sockets, threads and disks go on as
/// ever meanwhile.
#[derive(Debug)]
pub struct Clock {
    _holding: mpsc::Sender<()>,
    _held: JoinHandle<()>,
}

impl Clock {
    /// Stops the clock. For tests on one thread, the default of `#[tokio::test]`.
    pub async fn stop() -> Self {
        let (holding, hold) = mpsc::channel::<()>();
        let (begun, begin) = tokio::sync::oneshot::channel();
        let held = tokio::task::spawn_blocking(move || {
            let _nobody_waits = begun.send(());
            let _dropped = hold.recv();
        });
        begin.await.expect("the blocking task begins");
        tokio::time::pause();
        Self {
            _holding: holding,
            _held: held,
        }
    }

    /// Lets a span of time pass at once.
    ///
    /// Whatever it sets off still has its way through sockets to go: a caller who lets much time
    /// pass takes several steps and lets everybody exchange a message with the server after each.
    pub async fn pass(&self, span: Duration) {
        tokio::time::advance(span).await;
    }
}
