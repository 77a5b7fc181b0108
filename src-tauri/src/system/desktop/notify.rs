//! Notifications: of calls, with answer and decline where the desktop has buttons, and of what
//! happens while nobody looks.
//!
//! What others wrote is a guest here: it is cut short and escaped, since some desktops take
//! markup in a notification.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify_rust::Notification;
use tauri::{AppHandle, Manager};

use super::words::words;
use crate::commands::calls;
use crate::model::account::AccountId;
use crate::model::call::IncomingCall;
use crate::model::conversation::Conversation;
use crate::model::event::{AppEvent, Destination};
use crate::model::people::{Contact, Presence};
use crate::shell::{Ring, Shell};
use crate::sounds::Tone;

/// The most characters of somebody else's text in a notification.
const MAX_TEXT: usize = 200;

/// A call that rings, by account and conversation.
type Key = (AccountId, String);

/// What is shown of the calls that ring.
#[derive(Default)]
pub(crate) struct Notifications {
    rings: Mutex<BTreeMap<Key, Option<u32>>>,
}

/// Follows what the page is told.
pub(super) fn observe(app: &AppHandle, shell: &Shell, event: &AppEvent) {
    match event {
        AppEvent::Incoming { incoming } => ring(app, shell, incoming),
        AppEvent::Contact {
            account, contact, ..
        } if contact.presence == Presence::Requested => request(app, shell, account, contact),
        _ => {}
    }
}

/// Shows each call that begins to ring, and takes back those that stopped.
fn ring(app: &AppHandle, shell: &Shell, incoming: &[IncomingCall]) {
    let notifications = app.state::<Notifications>();
    let key = |call: &IncomingCall| (call.account.clone(), call.conversation.clone());
    let mut gone = Vec::new();
    {
        let mut rings = notifications.rings();
        rings.retain(|ring, id| {
            let rings_on = incoming.iter().any(|call| key(call) == *ring);
            if !rings_on {
                gone.push(*id);
            }
            rings_on
        });
    }
    gone.into_iter().flatten().for_each(close);
    if gone_silent(shell) {
        return;
    }
    for call in incoming {
        let ring = key(call);
        if notifications.rings().contains_key(&ring) {
            continue;
        }
        notifications.rings().insert(ring.clone(), None);
        show_ring(app, shell, call, ring);
    }
}

fn gone_silent(shell: &Shell) -> bool {
    !shell.chosen.settings().notifications.calls
}

fn show_ring(app: &AppHandle, shell: &Shell, call: &IncomingCall, ring: Key) {
    let words = words(&shell.chosen.settings());
    let mut notification = Notification::new();
    notification
        .appname("Cooee")
        .icon("cooee-app")
        .summary(&cut(&call.from))
        .body(if call.group {
            words.calls_group
        } else {
            words.calls_you
        })
        .action("default", words.show)
        .action("answer", words.answer)
        .action("decline", words.decline);
    #[cfg(all(unix, not(target_os = "macos")))]
    notification
        .urgency(notify_rust::Urgency::Critical)
        .hint(notify_rust::Hint::Category("call.incoming".to_owned()))
        .timeout(notify_rust::Timeout::Never);
    let app = app.clone();
    let account = call.account.clone();
    let act = move |app: &AppHandle, action: &str| {
        let shell = Arc::clone(&app.state::<Arc<Shell>>());
        let (app, account) = (app.clone(), account.clone());
        match action {
            "answer" => {
                show_window(&app);
                tauri::async_runtime::spawn(async move {
                    if let Err(problem) = calls::accept(&shell, &account).await {
                        shell.notice(Some(account), problem);
                    }
                });
            }
            "decline" => {
                tauri::async_runtime::spawn(async move {
                    if let Err(problem) = calls::decline(&shell, &account).await {
                        tracing::warn!(%problem, "from a notification");
                    }
                });
            }
            "default" => show_window(&app),
            _ => {}
        }
    };
    let shown = move |app: &AppHandle, id: u32| {
        let notifications = app.state::<Notifications>();
        let still = {
            let mut rings = notifications.rings();
            rings.get_mut(&ring).map(|slot| *slot = Some(id)).is_some()
        };
        if !still {
            close(id);
        }
    };
    present(app, notification, shown, act);
}

fn request(app: &AppHandle, shell: &Shell, account: &AccountId, contact: &Contact) {
    let settings = shell.chosen.settings();
    if !settings.notifications.messages || is_looked_at(app) {
        return;
    }
    let words = words(&settings);
    let destination = Destination::People {
        account: account.clone(),
    };
    tell(app, &contact.name, words.asks, words.show, destination);
}

/// A call that came in and was not answered.
pub(super) fn missed(app: &AppHandle, shell: &Shell, account: &AccountId, ring: &Ring) {
    let settings = shell.chosen.settings();
    if !settings.notifications.calls || is_looked_at(app) {
        return;
    }
    let words = words(&settings);
    let destination = Destination::Conversation {
        account: account.clone(),
        conversation: shell.conversation_of(account, ring),
    };
    tell(app, &ring.from, words.missed_call, words.show, destination);
}

/// Somebody wrote something.
pub(super) fn written(
    app: &AppHandle,
    shell: &Shell,
    account: &AccountId,
    conversation: &Conversation,
) {
    let settings = shell.chosen.settings();
    let Some(last) = conversation.last.as_ref().filter(|last| !last.own) else {
        return;
    };
    // A call that was missed was announced when it was.
    if !settings.notifications.messages || last.call.is_some() || is_looked_at(app) {
        return;
    }
    let words = words(&settings);
    let text = if settings.notifications.preview && !last.text.is_empty() {
        last.text.as_str()
    } else {
        words.new_message
    };
    let from = last.author.as_deref().unwrap_or("Cooee");
    let destination = Destination::Conversation {
        account: account.clone(),
        conversation: conversation.id.clone(),
    };
    if settings.notifications.sounds {
        Tone::Message.once(&settings);
    }
    tell(app, from, text, words.show, destination);
}

fn tell(app: &AppHandle, from: &str, text: &str, show: &str, destination: Destination) {
    let mut notification = Notification::new();
    notification
        .appname("Cooee")
        .icon("cooee-app")
        .summary(&cut(from))
        .body(&escape(&cut(text)))
        .action("default", show);
    let go = move |app: &AppHandle, action: &str| {
        if action == "default" {
            show_window(app);
            app.state::<Arc<Shell>>().tell(AppEvent::Go {
                destination: destination.clone(),
            });
        }
    };
    present(app.clone(), notification, |_, _| {}, go);
}

/// Offers something that happens when the user clicks on it.
#[cfg(feature = "updater")]
pub(super) fn offer(
    app: &AppHandle,
    text: &str,
    label: &str,
    accept: impl Fn(&AppHandle) + Send + 'static,
) {
    let mut notification = Notification::new();
    notification
        .appname("Cooee")
        .icon("cooee-app")
        .summary("Cooee")
        .body(&escape(&cut(text)))
        .action("default", label);
    let act = move |app: &AppHandle, action: &str| {
        if action == "default" {
            accept(app);
        }
    };
    present(app.clone(), notification, |_, _| {}, act);
}

/// Shows a notification and waits for what the user does with it, on a thread of its own: the
/// library blocks.
fn present(
    app: AppHandle,
    notification: Notification,
    shown: impl FnOnce(&AppHandle, u32) + Send + 'static,
    act: impl Fn(&AppHandle, &str) + Send + 'static,
) {
    let thread = std::thread::Builder::new().name("notification".to_owned());
    let waiting = thread.spawn(move || match notification.show() {
        #[cfg(all(unix, not(target_os = "macos")))]
        Ok(handle) => {
            shown(&app, handle.id());
            handle.wait_for_action(|action| act(&app, action));
        }
        #[cfg(not(all(unix, not(target_os = "macos"))))]
        Ok(_) => {
            let _ = (shown, act);
        }
        // Without a desktop, or one that shows none.
        Err(error) => tracing::debug!(%error, "no notification"),
    });
    if let Err(error) = waiting {
        tracing::warn!(%error, "no notification");
    }
}

/// Takes a notification back.
#[cfg(all(unix, not(target_os = "macos")))]
fn close(id: u32) {
    const PLACE: &str = "org.freedesktop.Notifications";
    let closed = zbus::blocking::Connection::session().and_then(|bus| {
        bus.call_method(
            Some(PLACE),
            "/org/freedesktop/Notifications",
            Some(PLACE),
            "CloseNotification",
            &id,
        )
    });
    if let Err(error) = closed {
        tracing::debug!(%error, "a notification stays");
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn close(_id: u32) {}

fn is_looked_at(app: &AppHandle) -> bool {
    app.get_webview_window(crate::WINDOW)
        .is_some_and(|window| window.is_focused().unwrap_or(false))
}

fn show_window(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(crate::WINDOW) {
        crate::system::show(&window);
    }
}

fn cut(text: &str) -> String {
    let one_line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = one_line.take(MAX_TEXT).collect();
    if text.chars().nth(MAX_TEXT).is_some() {
        short.push('…');
    }
    short
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

impl Notifications {
    fn rings(&self) -> MutexGuard<'_, BTreeMap<Key, Option<u32>>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_TEXT, cut, escape};

    #[test]
    fn others_texts_are_short_plain_and_on_one_line() {
        let hostile = format!("<a href='x'>&\n{}", "x".repeat(5000));
        let shown = escape(&cut(&hostile));
        assert!(shown.starts_with("&lt;a href='x'&gt;&amp; xxx"), "{shown}");
        assert!(cut(&hostile).chars().count() <= MAX_TEXT + 1);
    }
}
