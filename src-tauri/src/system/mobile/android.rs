//! Android's side of calls: what `CallPlugin.kt` is told.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tauri::plugin::{PluginHandle, TauriPlugin};
use tauri::{AppHandle, Manager, Wry};

use crate::model::account::AccountId;
use crate::model::call::{Call, CallPhase, IncomingCall};
use crate::model::conversation::Conversation;
use crate::model::event::AppEvent;
use crate::shell::{Observer, Ring, Shell};

/// Whom something is about; empty for nobody any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Who {
    name: String,
}

/// The Kotlin side.
struct Calls(PluginHandle<Wry>);

/// Tells the Kotlin side what changes.
struct Phone {
    app: AppHandle,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    ring: Who,
    talk: Who,
}

/// Brings the Kotlin side in.
pub(super) fn plugin() -> TauriPlugin<Wry> {
    tauri::plugin::Builder::new("call")
        .setup(|app, api| {
            let handle = api.register_android_plugin("org.cooee.app", "CallPlugin")?;
            app.manage(Calls(handle));
            Ok(())
        })
        .build()
}

/// Follows what the page is told. The runtime has told the libraries which app this is before it
/// called any of ours.
pub(super) fn set_up(app: &AppHandle, shell: &Arc<Shell>) {
    cooee_sdk::android_context_is_ready();
    let phone = Phone {
        app: app.clone(),
        told: Mutex::default(),
    };
    phone.run("prepare", Who::default());
    if shell.observer.set(Box::new(phone)).is_err() {
        tracing::error!("set up twice");
    }
}

impl Observer for Phone {
    fn observe(&self, _shell: &Shell, event: &AppEvent) {
        match event {
            AppEvent::Incoming { incoming } => {
                let ring = rings(incoming);
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                if told.ring != ring {
                    told.ring = ring.clone();
                    self.run("ring", ring);
                }
            }
            AppEvent::Call { call } => {
                let talk = talks(call.as_deref());
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                if told.talk != talk {
                    told.talk = talk.clone();
                    self.run("talk", talk);
                }
            }
            _ => {}
        }
    }

    // Notifications of what was missed and written come with pushes.

    fn missed(&self, _shell: &Shell, _account: &AccountId, _ring: &Ring) {}

    fn written(&self, _shell: &Shell, _account: &AccountId, _conversation: &Conversation) {}
}

impl Phone {
    fn run(&self, command: &'static str, who: Who) {
        let app = self.app.clone();
        tauri::async_runtime::spawn(async move {
            let calls = app.state::<Calls>();
            let done = calls.0.run_mobile_plugin_async::<()>(command, who).await;
            if let Err(error) = done {
                tracing::warn!(command, %error, "the phone does not follow a call");
            }
        });
    }
}

fn rings(incoming: &[IncomingCall]) -> Who {
    let name = incoming.first().map(|call| call.from.clone());
    Who {
        name: name.unwrap_or_default(),
    }
}

fn talks(call: Option<&Call>) -> Who {
    let goes_on = call.filter(|call| call.phase != CallPhase::Ended);
    let name = goes_on.map(|call| call.with.join(", "));
    Who {
        name: name.unwrap_or_default(),
    }
}
