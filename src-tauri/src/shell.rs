//! What the app holds: its accounts, the call, the settings; and how the UI learns of changes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use cooee_sdk::{Client, Connectivity, Event, EventOrGap, Events, GroupId};
use tokio::sync::watch;

use crate::accounts::{Entry, Index, Running, described};
use crate::conversations;
use crate::convert;
use crate::devices::Bench;
use crate::dialogs::Dialogs;
use crate::error::{Answer, AppError, ErrorCode};
use crate::export::Exports;
use crate::feed::Feed;
use crate::line::{Change, Line};
use crate::model::account::{Account, AccountId};
use crate::model::call::IncomingCall;
use crate::model::conversation::Conversation;
use crate::model::event::{AccountRoster, AppEvent, Notice, Snapshot};
use crate::model::people::Invitation;
use crate::picked::Picked;
use crate::settings::Chosen;
use crate::sounds::Sounds;

/// The desktop around the page: tray and notifications.
pub(crate) trait Observer: Send + Sync {
    /// Sees every event that the page sees.
    fn observe(&self, shell: &Shell, event: &AppEvent);

    /// A call came in and was not answered.
    fn missed(&self, shell: &Shell, account: &AccountId, ring: &Ring);

    /// Somebody wrote something that was not read.
    fn written(&self, shell: &Shell, account: &AccountId, conversation: &Conversation);
}

/// A call that rings, or rang.
#[derive(Debug, Clone)]
pub(crate) struct Ring {
    pub(crate) id_group: String,
    pub(crate) from: String,
    pub(crate) since: i64,
}

/// Everything that the app holds. Locks are short and never held across a wait.
pub(crate) struct Shell {
    pub(crate) data: PathBuf,
    pub(crate) feed: Feed,
    pub(crate) line: Line,
    pub(crate) sounds: Sounds,
    pub(crate) bench: Bench,
    pub(crate) dialogs: Dialogs,
    pub(crate) picked: Picked,
    pub(crate) exports: Exports,
    pub(crate) chosen: Chosen,
    pub(crate) observer: OnceLock<Box<dyn Observer>>,
    /// Signing in and out changes one account at a time.
    pub(crate) changing: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    index: Index,
    running: BTreeMap<AccountId, Running>,
    /// Why the client of an account could not be started.
    failed: BTreeMap<AccountId, AppError>,
    /// The call that rings at each account.
    ringing: BTreeMap<AccountId, Ring>,
    invitation: Option<Invitation>,
}

impl Shell {
    pub(crate) fn new(data: PathBuf, index: Index, chosen: Chosen, dialogs: Dialogs) -> Self {
        Self {
            data,
            feed: Feed::default(),
            line: Line::default(),
            sounds: Sounds::default(),
            bench: Bench::default(),
            dialogs,
            picked: Picked::default(),
            exports: Exports::default(),
            chosen,
            observer: OnceLock::new(),
            changing: tokio::sync::Mutex::new(()),
            state: Mutex::new(State {
                index,
                running: BTreeMap::new(),
                failed: BTreeMap::new(),
                ringing: BTreeMap::new(),
                invitation: None,
            }),
        }
    }

    // What there is.

    /// Everything that the UI mirrors.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let (accounts, active) = self.accounts();
        let rosters = self
            .running()
            .iter()
            .map(|running| AccountRoster {
                account: running.id.clone(),
                roster: running.roster(),
            })
            .collect();
        Snapshot {
            accounts,
            active,
            rosters,
            incoming: self.incoming(),
            call: self.line.call(),
            settings: self.chosen.settings(),
            invitation: self.state().invitation.clone(),
        }
    }

    /// The accounts in their order, and the one that is shown.
    pub(crate) fn accounts(&self) -> (Vec<Account>, Option<AccountId>) {
        let state = self.state();
        let accounts = state
            .index
            .accounts
            .iter()
            .map(|entry| match state.running.get(&entry.id) {
                Some(running) => running.account(entry),
                None => {
                    let mut account = described(entry, None);
                    account.session.ended = state.failed.get(&entry.id).cloned();
                    account
                }
            })
            .collect();
        (accounts, state.index.active.clone())
    }

    /// The calls that ring.
    pub(crate) fn incoming(&self) -> Vec<IncomingCall> {
        let state = self.state();
        let ringing = state.running.values().filter_map(|running| {
            let rung = running.client.incoming()?;
            let group = is_group(&running.client, rung.id_group());
            let from = rung.from().to_string();
            let since = state
                .ringing
                .get(&running.id)
                .filter(|ring| ring.id_group == rung.id_group().as_str())
                .map(|ring| ring.since);
            Some(IncomingCall {
                account: running.id.clone(),
                conversation: if group {
                    rung.id_group().to_string()
                } else {
                    conversations::pair(&from)
                },
                group,
                from,
                since: since.unwrap_or_else(convert::now),
            })
        });
        ringing.collect()
    }

    /// The conversation that a call which rings, or rang, belongs to.
    pub(crate) fn conversation_of(&self, account: &AccountId, ring: &Ring) -> String {
        let group = GroupId::parse(&ring.id_group).ok().filter(|id| {
            self.client(account)
                .is_ok_and(|client| is_group(&client, id))
        });
        group.map_or_else(
            || conversations::pair(&ring.from),
            |group| group.to_string(),
        )
    }

    /// The client of an account.
    pub(crate) fn client(&self, id: &AccountId) -> Answer<Client> {
        Ok(self.find(id)?.client)
    }

    pub(crate) fn find(&self, id: &AccountId) -> Answer<Running> {
        let running = self.state().running.get(id).cloned();
        running.ok_or_else(|| ErrorCode::NoAccount.into())
    }

    pub(crate) fn running(&self) -> Vec<Running> {
        self.state().running.values().cloned().collect()
    }

    pub(crate) fn index(&self) -> Index {
        self.state().index.clone()
    }

    // What changes.

    /// Changes the index of accounts and writes it down.
    pub(crate) fn change_index(&self, change: impl FnOnce(&mut Index)) {
        let index = {
            let mut state = self.state();
            change(&mut state.index);
            state.index.clone()
        };
        if let Err(error) = index.save(&self.data) {
            self.notice(
                None,
                AppError::new(crate::error::of_io(&error, ErrorCode::DataFolder), error),
            );
        }
        self.tell_accounts();
    }

    /// Takes an account's client in and follows its events, those since `events` began.
    pub(crate) fn adopt(self: &Arc<Self>, running: Running, events: Events) {
        {
            let mut state = self.state();
            state.failed.remove(&running.id);
            state.running.insert(running.id.clone(), running.clone());
        }
        let privacy = self.chosen.settings().addresses.into();
        running.client.set_address_privacy(privacy);
        let connectivity = running.client.connectivity();
        let follow = follow(Arc::clone(self), running.id, events, connectivity);
        tauri::async_runtime::spawn(follow);
    }

    /// Lets an account's client go.
    pub(crate) fn release(&self, id: &AccountId) -> Option<Running> {
        self.state().running.remove(id)
    }

    /// An account's client could not be started: said where its session would be.
    pub(crate) fn set_failed(&self, id: &AccountId, problem: AppError) {
        tracing::warn!(code = ?problem.code, "an account could not be started");
        self.state().failed.insert(id.clone(), problem);
        self.tell_accounts();
    }

    pub(crate) fn set_invitation(&self, invitation: Option<Invitation>) {
        self.state().invitation.clone_from(&invitation);
        self.tell(AppEvent::Invitation { invitation });
    }

    // What the UI is told.

    pub(crate) fn tell(&self, event: AppEvent) {
        self.sounds.observe(self, &event);
        if let Some(observer) = self.observer.get() {
            observer.observe(self, &event);
        }
        self.feed.tell(event);
    }

    pub(crate) fn tell_accounts(&self) {
        let (accounts, active) = self.accounts();
        self.tell(AppEvent::Accounts { accounts, active });
    }

    pub(crate) fn tell_call(&self) {
        let call = self.line.call().map(Box::new);
        self.tell(AppEvent::Call { call });
    }

    pub(crate) fn tell_roster(&self, running: &Running) {
        self.tell(AppEvent::Roster {
            account: running.id.clone(),
            roster: running.roster(),
        });
    }

    pub(crate) fn notice(&self, account: Option<AccountId>, problem: AppError) {
        // Its words may name people and places.
        tracing::warn!(code = ?problem.code, "told to the user");
        let notice = Notice { account, problem };
        self.tell(AppEvent::Notice { notice });
    }

    fn tell_incoming(&self) {
        let incoming = self.incoming();
        self.tell(AppEvent::Incoming { incoming });
    }

    /// Announces what somebody wrote.
    pub(crate) fn announce(&self, running: &Running, conversation: &Conversation) {
        if let Some(observer) = self.observer.get() {
            observer.written(self, &running.id, conversation);
        }
    }

    // What the SDK tells.

    fn handle_event(&self, running: &Running, event: &Event) {
        let account = running.id.clone();
        match event {
            Event::Online { .. } => {
                *running.facts() = crate::accounts::SessionFacts::default();
                self.tell_roster(running);
                self.tell_accounts();
                self.tell_incoming();
            }
            Event::Reconnecting { retry_in, attempt } => {
                {
                    let mut facts = running.facts();
                    facts.attempt = *attempt;
                    facts.retry_at =
                        Some(convert::now().saturating_add(convert::milliseconds_of(*retry_in)));
                }
                // Nobody's presence is known meanwhile.
                self.tell_roster(running);
                self.tell_accounts();
            }
            Event::SignedOut { reason } => {
                let ended = reason.as_ref().map(|reply| AppError {
                    code: ErrorCode::SessionOver,
                    detail: reply.detail.clone(),
                });
                running.facts().ended = ended;
                self.tell_roster(running);
                self.tell_accounts();
                self.tell_incoming();
            }
            Event::ProfileChanged => self.rename(running),
            Event::ContactChanged { contact, previous } => self.tell(AppEvent::Contact {
                account,
                contact: convert::contact(contact),
                previous: previous.as_ref().map(ToString::to_string),
            }),
            Event::ContactRemoved { name } => self.tell(AppEvent::ContactRemoved {
                account,
                name: name.to_string(),
            }),
            Event::GroupChanged { group } => self.tell(AppEvent::Group {
                account,
                group: convert::group(group),
            }),
            Event::GroupRemoved { id_group } => self.tell(AppEvent::GroupRemoved {
                account,
                group: id_group.to_string(),
            }),
            Event::Call(call) => {
                self.note_ring(&account, call);
                self.tell_incoming();
                self.change_call(&account, event);
            }
            Event::CertificateRefused { why } => {
                self.notice(Some(account), AppError::new(ErrorCode::Certificate, why));
            }
            Event::DiskFull => self.notice(Some(account), ErrorCode::DiskFull.into()),
            Event::CredentialsNotKept { why } => {
                let problem = AppError::new(ErrorCode::KeyringFailed, why);
                self.notice(Some(account), problem);
            }
            // Of a call, or of a kind that this version does not know.
            _ => self.change_call(&account, event),
        }
    }

    fn change_call(&self, account: &AccountId, event: &Event) {
        match self.line.handle_event(account, event) {
            Change::Nothing => {}
            Change::Call => self.tell_call(),
            Change::Device(told) => {
                self.tell_call();
                if let Some(told) = told {
                    self.tell(told);
                }
            }
            Change::Sample(sample) => self.tell(AppEvent::Stats { sample }),
        }
    }

    /// Remembers a call that rings, and tells of one that nobody answered.
    fn note_ring(&self, account: &AccountId, event: &cooee_sdk::CallEvent) {
        use cooee_sdk::CallEvent;
        let over = match event {
            CallEvent::RingingIn { id_group, from } => {
                let ring = Ring {
                    id_group: id_group.to_string(),
                    from: from.to_string(),
                    since: convert::now(),
                };
                self.state().ringing.insert(account.clone(), ring);
                return;
            }
            CallEvent::Connecting { .. } => None,
            CallEvent::Ended { reason, .. } => Some(convert::end_reason(*reason)),
            CallEvent::RingingOut { .. }
            | CallEvent::Connected { .. }
            | CallEvent::Joined { .. }
            | CallEvent::Left { .. }
            | CallEvent::Reconnecting { .. }
            | CallEvent::Reconnected { .. } => return,
        };
        let ring = self.state().ringing.remove(account);
        if let (Some(ring), Some(reason)) = (ring, over)
            && convert::is_missed(reason)
            && let Some(observer) = self.observer.get()
        {
            observer.missed(self, account, &ring);
        }
    }

    /// The profile may have another name now.
    fn rename(&self, running: &Running) {
        let Some(me) = running.client.profile() else {
            return;
        };
        let known = self
            .state()
            .index
            .find(&running.id)
            .map(|entry: &Entry| entry.name.clone());
        if known.as_deref() == Some(me.name.as_str()) {
            self.tell_accounts();
        } else {
            self.change_index(|index| {
                if let Some(entry) = index.find_mut(&running.id) {
                    entry.name = me.name.to_string();
                }
            });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a call's id is that of a group; else it is a pair's.
pub(crate) fn is_group(client: &Client, id: &GroupId) -> bool {
    client.groups().iter().any(|group| group.id_group == *id)
}

/// Passes an account's events on until its client is gone, which this task does not hold on to.
async fn follow(
    shell: Arc<Shell>,
    id: AccountId,
    mut events: Events,
    mut connectivity: watch::Receiver<Connectivity>,
) {
    loop {
        tokio::select! {
            event = events.recv() => {
                let (Some(event), Ok(running)) = (event, shell.find(&id)) else { return };
                match event {
                    EventOrGap::Event(event) => match *event {
                        Event::Messages(event) => {
                            conversations::handle_event(&shell, &running, &event).await;
                        }
                        event => shell.handle_event(&running, &event),
                    },
                    EventOrGap::Missed(missed) => {
                        tracing::warn!(missed, "events were lost; everything is told anew");
                        let snapshot = Box::new(shell.snapshot());
                        shell.tell(AppEvent::Everything { snapshot });
                    }
                }
            }
            changed = connectivity.changed() => {
                if changed.is_err() { return }
                shell.tell_accounts();
            }
        }
    }
}
