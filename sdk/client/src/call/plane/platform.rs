//! The platform around a call's sound: its session, and what it tells meanwhile.

use std::sync::Arc;

use cooee_audio::{AudioError, AudioPlatform, Permission, PlatformError, PlatformNews};
use tokio::sync::mpsc;

use super::{Plane, PlaneSignal};

/// News that wait; the plane handles them at once.
const QUEUE: usize = 64;

/// A call's share of the platform.
pub(super) struct Platform {
    audio: Arc<dyn AudioPlatform>,
    news: mpsc::Receiver<PlatformNews>,
    sender: mpsc::Sender<PlatformNews>,
    pub(super) interrupted: bool,
    pub(super) ducked: bool,
}

/// A session with the platform, from before the first device opens until after the last has
/// closed. Dropping it ends it, on the thread that drops it.
pub(super) struct Session {
    audio: Arc<dyn AudioPlatform>,
}

impl Platform {
    pub(super) fn new(audio: Arc<dyn AudioPlatform>) -> Self {
        let (sender, news) = mpsc::channel(QUEUE);
        Self {
            audio,
            news,
            sender,
            interrupted: false,
            ducked: false,
        }
    }

    /// What the platform tells next.
    pub(super) async fn next(&mut self) -> PlatformNews {
        match self.news.recv().await {
            Some(news) => news,
            // One sender is its own.
            None => std::future::pending().await,
        }
    }

    /// What begins a session; call it where it may block.
    pub(super) fn opener(&self) -> impl FnOnce() -> Result<Session, AudioError> + use<> {
        let (audio, sender) = (Arc::clone(&self.audio), self.sender.clone());
        move || {
            let permission = match audio.permission() {
                Permission::Undetermined => audio.ask_permission(),
                known @ (Permission::Granted | Permission::Denied) => known,
            };
            if permission != Permission::Granted {
                return Err(PlatformError::NoPermission.into());
            }
            audio.begin(Box::new(move |news| {
                // So many at once are one change after the other of the same.
                let _ = sender.try_send(news);
            }))?;
            Ok(Session { audio })
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.audio.end();
    }
}

impl Plane {
    /// The platform has told something.
    pub(super) async fn handle_platform(&mut self, news: PlatformNews) {
        match news {
            PlatformNews::Interrupted => self.set_interrupted(true).await,
            PlatformNews::Resumed => self.set_interrupted(false).await,
            PlatformNews::Ducked(ducked) => {
                self.platform.ducked = ducked;
                self.play_all();
            }
            PlatformNews::RoutesChanged => self.tell(PlaneSignal::RoutesChanged).await,
            _ => {}
        }
    }

    async fn set_interrupted(&mut self, interrupted: bool) {
        if std::mem::replace(&mut self.platform.interrupted, interrupted) != interrupted {
            self.apply_controls();
            self.tell(PlaneSignal::Interrupted(interrupted)).await;
        }
    }
}
