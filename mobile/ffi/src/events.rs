//! What the observer hears.

use std::sync::Arc;

use cooee_sdk::{CallEvent, EventOrGap, Events, MessageEvent};
use tokio::runtime::Handle;

use crate::types::{Contact, Group, Ring};

/// Hears of everything that happens with a client.
#[uniffi::export(with_foreign)]
pub trait Observer: Send + Sync {
    /// Something has happened. One at a time, in order, on a thread of the library's that may be
    /// kept waiting; an observer that falls a thousand events behind hears [`Event::Missed`].
    fn happened(&self, event: Event);
}

/// One thing that happened: a hint to look again, the client's snapshots hold the truth.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
#[non_exhaustive]
pub enum Event {
    /// Signed in and in step with the server.
    Online,
    /// The connection is lost; the client tries again by itself.
    Reconnecting {
        /// Until the next attempt, in milliseconds.
        retry_in_ms: u64,
    },
    /// The session is over; sign in again.
    SignedOut {
        /// What the server said; nothing when the user signed out.
        words: Option<String>,
    },
    /// The own profile has changed.
    ProfileChanged,
    /// A contact is new or has changed.
    ContactChanged {
        /// The contact as they are now.
        contact: Contact,
        /// Their name before, after a rename.
        previous: Option<String>,
    },
    /// A contact is none any more.
    ContactRemoved {
        /// Who.
        name: String,
    },
    /// A group is new or has changed.
    GroupChanged {
        /// The group as it is now.
        group: Group,
    },
    /// The own profile is not in this group any more.
    GroupRemoved {
        /// The group.
        id: String,
    },
    /// The list of conversations has changed.
    ConversationsChanged,
    /// Messages are new, or read differently now.
    MessagesChanged {
        /// The conversation's id.
        conversation: String,
        /// The messages.
        ids: Vec<String>,
    },
    /// A message from here has arrived at the server.
    MessageArrived {
        /// Its id.
        id: String,
    },
    /// A message from here was refused.
    MessageRefused {
        /// Its id.
        id: String,
        /// Why, in a stable word.
        code: String,
    },
    /// Everything that the server had for this device is here.
    CaughtUp,
    /// A call rings here.
    Ringing {
        /// The call.
        ring: Ring,
    },
    /// Something has changed in the call: its state is to be looked at.
    CallChanged,
    /// The call is over, answered or not.
    CallEnded {
        /// The call, when the server had given it an id.
        call: Option<String>,
        /// Why, in a stable word: `hung_up`, `remote_hung_up`, `declined`, `busy`, `timeout` and so
        /// on.
        reason: String,
    },
    /// Somebody began or stopped speaking.
    Speaking {
        /// Who; nothing is the local user.
        name: Option<String>,
        /// Whether they speak now.
        speaking: bool,
    },
    /// The statistics of the call are renewed.
    StatisticsRenewed,
    /// Something else has the device's sound, such as a telephone call, or has it no more.
    SoundInterrupted {
        /// Whether it has the sound now.
        interrupted: bool,
    },
    /// Sound goes another way now, or may.
    AudioRoutesChanged,
    /// The call has another microphone or loudspeaker, or none.
    DeviceChanged,
    /// Something cannot be kept for the next start, or somebody cannot be reached, in words.
    Trouble {
        /// What.
        words: String,
    },
    /// So many events were missed: look at all snapshots again.
    Missed {
        /// How many.
        count: u64,
    },
}

impl Event {
    fn of(event: cooee_sdk::Event) -> Option<Self> {
        use cooee_sdk::Event as Sdk;
        Some(match event {
            Sdk::Online { .. } => Self::Online,
            Sdk::Reconnecting { retry_in, .. } => Self::Reconnecting {
                retry_in_ms: retry_in.as_millis().try_into().unwrap_or(u64::MAX),
            },
            Sdk::SignedOut { reason } => Self::SignedOut {
                words: reason.map(|reply| reply.detail.unwrap_or_default()),
            },
            Sdk::ProfileChanged => Self::ProfileChanged,
            Sdk::ContactChanged { contact, previous } => Self::ContactChanged {
                contact: contact.into(),
                previous: previous.map(|name| name.to_string()),
            },
            Sdk::ContactRemoved { name } => Self::ContactRemoved {
                name: name.to_string(),
            },
            Sdk::GroupChanged { group } => Self::GroupChanged {
                group: group.into(),
            },
            Sdk::GroupRemoved { id_group } => Self::GroupRemoved {
                id: id_group.to_string(),
            },
            Sdk::Messages(event) => return Self::of_messages(event),
            Sdk::Call(event) => Self::of_call(event),
            Sdk::Route { .. } | Sdk::QualityChanged { .. } => Self::CallChanged,
            Sdk::SpeakingChanged { who, speaking } => Self::Speaking {
                name: who.map(|name| name.to_string()),
                speaking,
            },
            Sdk::SoundInterrupted { interrupted } => Self::SoundInterrupted { interrupted },
            Sdk::AudioRoutesChanged => Self::AudioRoutesChanged,
            Sdk::DeviceChanged(_) => Self::DeviceChanged,
            Sdk::Stats(_) => Self::StatisticsRenewed,
            Sdk::Unreachable { who, why } => Self::Trouble {
                words: format!("{who} cannot be reached: {why}"),
            },
            Sdk::CredentialsNotKept { why } => Self::Trouble { words: why },
            _ => return None,
        })
    }

    fn of_messages(event: MessageEvent) -> Option<Self> {
        Some(match event {
            MessageEvent::ConversationsChanged => Self::ConversationsChanged,
            MessageEvent::Changed { id_group, ids, .. } => Self::MessagesChanged {
                conversation: id_group.to_string(),
                ids: ids.iter().map(ToString::to_string).collect(),
            },
            MessageEvent::Arrived { id, .. } => Self::MessageArrived { id: id.to_string() },
            MessageEvent::Refused { id, reason } => Self::MessageRefused {
                id: id.to_string(),
                code: reason,
            },
            MessageEvent::CaughtUp => Self::CaughtUp,
            _ => return None,
        })
    }

    fn of_call(event: CallEvent) -> Self {
        match event {
            CallEvent::RingingIn { id_group, from } => Self::Ringing {
                ring: Ring {
                    call: id_group.to_string(),
                    from: from.to_string(),
                },
            },
            CallEvent::RingingOut { .. }
            | CallEvent::Connecting { .. }
            | CallEvent::Connected { .. }
            | CallEvent::Joined { .. }
            | CallEvent::Left { .. }
            | CallEvent::Reconnecting { .. }
            | CallEvent::Reconnected { .. } => Self::CallChanged,
            CallEvent::Ended {
                id_group, reason, ..
            } => Self::CallEnded {
                call: id_group.map(|id| id.to_string()),
                reason: reason.as_str().to_owned(),
            },
        }
    }
}

/// Tells the observer until the client is gone.
pub(crate) fn tell(runtime: &Handle, mut events: Events, observer: Arc<dyn Observer>) {
    runtime.spawn(async move {
        loop {
            let event = match events.recv().await {
                Some(EventOrGap::Event(event)) => Event::of(*event),
                Some(EventOrGap::Missed(count)) => Some(Event::Missed { count }),
                None => return,
            };
            let Some(event) = event else { continue };
            let observer = Arc::clone(&observer);
            // It is foreign code: it may wait, and it may throw, which ends only this call.
            let told = tokio::task::spawn_blocking(move || observer.happened(event)).await;
            if let Err(error) = told {
                tracing::warn!(%error, "the observer has failed");
            }
        }
    });
}
