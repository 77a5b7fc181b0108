//! The call that the user is in: one at most, whichever account it belongs to.

mod view;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cooee_sdk::Event;

use crate::convert;
use crate::error::{Answer, AppError, ErrorCode};
use crate::model::account::AccountId;
use crate::model::call::{Call, CallPhase, Levels, StatsSample};
use crate::model::event::AppEvent;
use crate::model::settings::SendMode;
use crate::shell::Shell;
use view::View;

/// How often the meters are renewed.
const METERS: Duration = Duration::from_millis(100);

/// Samples of one a second that are kept of a call: four hours.
const MAX_SAMPLES: usize = 4 * 60 * 60;

/// Where the call is kept.
#[derive(Default)]
pub(crate) struct Line {
    current: Mutex<Option<Current>>,
    calls: AtomicU32,
}

/// What is known of a call as it begins.
pub(crate) struct Begin {
    pub(crate) account: AccountId,
    pub(crate) group: bool,
    pub(crate) with: Vec<String>,
    pub(crate) outgoing: bool,
    pub(crate) send_mode: SendMode,
}

struct Current {
    handle: cooee_sdk::Call,
    view: View,
    samples: Vec<StatsSample>,
}

impl Line {
    /// The call as the UI sees it.
    pub(crate) fn call(&self) -> Option<Call> {
        self.current().as_ref().map(Current::call)
    }

    /// Whether the user is in a call that is not over.
    pub(crate) fn is_busy(&self) -> bool {
        self.call()
            .is_some_and(|call| call.phase != CallPhase::Ended)
    }

    /// The handle of the call that goes on.
    pub(crate) fn handle(&self) -> Answer<cooee_sdk::Call> {
        let current = self.current();
        let running = current.as_ref().filter(|current| !current.view.is_over());
        running
            .map(|current| current.handle.clone())
            .ok_or_else(|| ErrorCode::NoCall.into())
    }

    /// Every second of the call so far.
    pub(crate) fn samples(&self) -> Vec<StatsSample> {
        let current = self.current();
        current
            .as_ref()
            .map(|current| current.samples.clone())
            .unwrap_or_default()
    }

    /// Takes a call over that was placed or accepted, and follows it to its end.
    pub(crate) fn begin(&self, shell: &Arc<Shell>, begin: Begin, handle: cooee_sdk::Call) {
        let id = self.calls.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        *self.current() = Some(Current {
            view: View::new(id, begin),
            handle: handle.clone(),
            samples: Vec::new(),
        });
        // The devices are the call's now.
        shell.bench.end_test();
        shell.tell_call();
        tauri::async_runtime::spawn(follow(Arc::clone(shell), id, handle));
    }

    /// Forgets a call that is over.
    pub(crate) fn dismiss(&self) -> Answer<()> {
        let mut current = self.current();
        if current
            .as_ref()
            .is_some_and(|current| !current.view.is_over())
        {
            return Err(AppError::from(ErrorCode::InCall));
        }
        *current = None;
        Ok(())
    }

    /// Changes what the user sees at once, without waiting for the SDK to say it again.
    pub(crate) fn amend(&self, change: impl FnOnce(&mut View)) {
        if let Some(current) = self.current().as_mut() {
            change(&mut current.view);
        }
    }

    /// Takes an event of an account in; true when the call is to be shown anew.
    pub(crate) fn handle_event(&self, account: &AccountId, event: &Event) -> Change {
        let mut current = self.current();
        let Some(current) = current
            .as_mut()
            .filter(|current| current.view.is_of(account) && !current.view.is_over())
        else {
            return Change::Nothing;
        };
        if let Event::Stats(stats) = event {
            let sample = convert::sample(stats);
            if current.samples.len() < MAX_SAMPLES {
                current.samples.push(sample.clone());
            }
            return Change::Sample(sample);
        }
        if let Event::DeviceChanged(news) = event {
            current.view.handle_device(news);
            return Change::Device(convert::device_change(
                news.direction,
                news.reason,
                news.device.clone(),
            ));
        }
        if current.view.handle_event(event) {
            Change::Call
        } else {
            Change::Nothing
        }
    }

    /// Volumes of an account's people, for the one whose call this is.
    pub(crate) fn set_volumes(&self, volumes: impl IntoIterator<Item = (String, u16)>) {
        self.amend(|view| view.set_volumes(volumes.into_iter().collect()));
    }

    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an event changed about the call.
pub(crate) enum Change {
    /// Nothing that is shown.
    Nothing,
    /// Something.
    Call,
    /// Another second of it is there.
    Sample(StatsSample),
    /// One of its devices, and what the user is told of that.
    Device(Option<AppEvent>),
}

impl Current {
    fn call(&self) -> Call {
        self.view.show(&self.handle.snapshot())
    }
}

/// Renews the meters as long as the call goes on, and says why it ended.
async fn follow(shell: Arc<Shell>, id: u32, handle: cooee_sdk::Call) {
    let mut meters = tokio::time::interval(METERS);
    meters.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let ended = handle.ended();
    tokio::pin!(ended);
    let (reason, detail) = loop {
        tokio::select! {
            end = &mut ended => break end,
            _ = meters.tick() => {
                if handle.snapshot().since_accept.is_some() {
                    let levels = handle.levels();
                    let levels = Levels { input: levels.input, output: levels.output };
                    shell.tell(AppEvent::Levels { levels });
                }
            }
        }
    };
    shell.line.amend(|view| view.end(id, reason, detail));
    shell.tell_call();
}
