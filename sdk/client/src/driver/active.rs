//! The call that is there: its media plane, its handle's snapshot, and its end.

use std::collections::BTreeMap;
use std::time::Duration;

use cooee_core::call::CallEvent;
use cooee_core::path::PeerId;
use cooee_protocol::Username;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::call::plane::{PlaneCommand, PlaneHandle, PlaneSignal};
use crate::call::{CallOptions, CallSnapshot, Live};
use crate::event::Event;
use crate::shared::Shared;

/// The call that is there, as the driver sees it.
pub(super) struct ActiveCall {
    pub(super) id: u64,
    pub(super) plane: Option<PlaneHandle>,
    /// Why no socket could be opened for it.
    pub(super) broken: Option<std::io::Error>,
    /// Taken when the voice is opened.
    pub(super) options: Option<CallOptions>,
    /// The participants' names towards the media plane's signals.
    pub(super) names: BTreeMap<PeerId, Username>,
    pub(super) snapshot: watch::Sender<CallSnapshot>,
    pub(super) live: Live,
    /// Set when the machine has ended the call.
    pub(super) ended: Option<CallEvent>,
}

/// What a media plane woke the driver for.
pub(super) enum PlaneWake {
    Signal(PlaneSignal),
    /// The statistics were renewed.
    Stats,
    /// The task is gone.
    Gone,
}

/// How long files and devices of a call that ended may take to close; the next call waits.
const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// Waits for the end of the call that ended last; for ever if there is none.
pub(super) async fn finished(finishing: &mut Option<JoinHandle<()>>) {
    match finishing {
        Some(task) => {
            let _ = task.await;
        }
        None => std::future::pending().await,
    }
}

/// Waits for the active call's media plane.
pub(super) async fn next(active: &mut Option<ActiveCall>) -> PlaneWake {
    let Some(ActiveCall {
        plane: Some(plane),
        live,
        ..
    }) = active
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        signal = plane.signals.recv() => match signal {
            Some(signal) => PlaneWake::Signal(signal),
            None => PlaneWake::Gone,
        },
        changed = live.stats.changed() => match changed {
            Ok(()) => PlaneWake::Stats,
            Err(_) => PlaneWake::Gone,
        },
    }
}

impl ActiveCall {
    /// Waits until files are finished and devices closed, then tells that the call is over.
    pub(super) async fn finish(self, shared: &Shared) {
        let mut failure = None;
        if let Some(plane) = self.plane {
            drop(plane.commands);
            drop(plane.signals);
            failure = match timeout(FINISH_LIMIT, plane.finished).await {
                Ok(finished) => finished.ok().flatten(),
                Err(_) => {
                    tracing::warn!("the sound of a call does not close");
                    None
                }
            };
        }
        let Some(CallEvent::Ended {
            id_group,
            reason,
            detail,
        }) = self.ended
        else {
            return;
        };
        let detail = detail.or_else(|| failure.as_ref().map(describe));
        let stats = self.live.stats.borrow().clone();
        self.snapshot.send_modify(|snapshot| {
            snapshot.phase = None;
            snapshot.ended = Some((reason, detail.clone()));
        });
        shared.emit(Event::Stats(stats));
        shared.emit(Event::Call(CallEvent::Ended {
            id_group,
            reason,
            detail,
        }));
    }
}

impl ActiveCall {
    /// Never waits: the plane may itself be waiting for the driver. What does not fit any more
    /// is one of hundreds of changes within an instant.
    pub(super) fn tell(&self, command: PlaneCommand) {
        if let Some(plane) = &self.plane
            && plane.commands.try_send(command).is_err()
        {
            tracing::warn!("the media plane does not keep up; a change is lost");
        }
    }
}

/// An error with its causes, in one line.
pub(super) fn describe(error: &cooee_audio::AudioError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
