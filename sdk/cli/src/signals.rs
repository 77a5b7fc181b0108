//! Ctrl-C and SIGTERM.

use tokio::sync::mpsc;

/// The wish of the user, or of the system, that the command ends.
#[derive(Debug)]
pub(crate) struct Interrupts {
    signals: mpsc::Receiver<()>,
}

impl Interrupts {
    /// Listens from now on. The first signal is told by [`recv`](Self::recv); the second ends
    /// the process at once.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let (sender, signals) = mpsc::channel(1);
        let mut source = Source::new()?;
        tokio::spawn(async move {
            source.recv().await;
            // A command that does not ask any more is ending already.
            let _ = sender.try_send(());
            source.recv().await;
            std::process::exit(130);
        });
        Ok(Self { signals })
    }

    /// Waits for the first signal.
    pub(crate) async fn recv(&mut self) {
        if self.signals.recv().await.is_none() {
            std::future::pending().await
        }
    }
}

#[cfg(unix)]
struct Source {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Source;

#[cfg(not(unix))]
impl Source {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn recv(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
