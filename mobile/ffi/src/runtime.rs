//! The threads on which everything runs.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::CooeeError;

static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();

/// The runtime, started at the first use; nothing where the system has no threads to spare.
pub(crate) fn handle() -> Option<Handle> {
    let started = RUNTIME.get_or_init(|| {
        let built = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("cooee")
            .enable_all()
            .build();
        match built {
            Ok(runtime) => Some(runtime),
            Err(error) => {
                tracing::error!(%error, "the library's threads could not be started");
                None
            }
        }
    });
    started.as_ref().map(|runtime| runtime.handle().clone())
}

/// Runs work to its end on the runtime, whether the caller goes on waiting or not.
pub(crate) async fn run<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, CooeeError>
where
    T: Send + 'static,
    E: Into<CooeeError> + Send + 'static,
{
    let runtime = handle().ok_or_else(CooeeError::no_threads)?;
    match runtime.spawn(work).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(error) => Err(CooeeError::fault(&error)),
    }
}

/// Lets go of something whose end may take time, on a thread that may wait.
pub(crate) fn let_go<T: Send + 'static>(what: T) {
    if let Some(runtime) = handle() {
        runtime.spawn_blocking(move || drop(what));
    }
}
