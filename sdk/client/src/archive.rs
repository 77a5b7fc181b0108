//! The thread that owns the cache: everything that waits for the disk happens here, in order.

mod holding;
mod rows;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use cooee_core::call::EndReason;
use cooee_core::conversations::{Held, Loaded, NotKept, Write};
use cooee_protocol::{GroupId, Username};
use cooee_store::{
    AccountId, Cache, CacheError, CallDirection, CallId, CallRecord, ClosedCache, NewCall,
};
use tokio::sync::{oneshot, watch};

use self::holding::{Shelf, Slot};
use self::rows::{read, stored_contact, stored_group, stored_profile};
use crate::messages::shelf;
use crate::roster::{self, Roster};

/// Changes that wait for the disk.
const QUEUE: usize = 1024;

type Job = Box<dyn FnOnce(&mut Shelf) + Send>;

/// A handle to the archive; the thread ends when it is dropped, after the last change.
pub(crate) struct Archive {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    full: watch::Receiver<bool>,
}

/// Folds a name as the protocol compares it.
pub(crate) fn name_key(name: &str) -> String {
    Username::parse(name).map_or_else(|_| name.to_lowercase(), |name| name.key().to_owned())
}

impl Archive {
    /// Starts the thread over a data folder.
    pub(crate) fn start(folder: PathBuf) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(QUEUE);
        let (found_full, full) = watch::channel(false);
        let shelf = Shelf::new(folder, found_full);
        let thread = std::thread::Builder::new()
            .name("cooee-archive".to_owned())
            .spawn(move || run(shelf, &queue))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            full,
        })
    }

    /// Whether the disk was too full for what was to be written last.
    pub(crate) fn full(&self) -> watch::Receiver<bool> {
        self.full.clone()
    }

    /// Opens the account's cache and reads everything that it knows; `quick` leaves out to look
    /// for damage first.
    pub(crate) async fn open(&self, account: AccountId, quick: bool) -> Result<Roster, CacheError> {
        self.ask(move |shelf| {
            shelf.empty();
            let cache = if quick {
                Cache::open_quickly(&shelf.folder, &account, name_key)?
            } else {
                Cache::open(&shelf.folder, &account, name_key)?
            };
            let roster = read(&cache)?;
            shelf.cache = Slot::Open(Box::new(cache));
            Ok(roster)
        })
        .await
        .unwrap_or_else(|| Ok(Roster::default()))
    }

    /// Writes down everything that a sign-in told.
    pub(crate) fn replace(&self, roster: Roster) {
        self.change(move |cache| {
            if let Some(me) = &roster.me {
                cache.set_profile(&stored_profile(me))?;
            }
            let contacts: Vec<_> = roster.contacts.values().map(stored_contact).collect();
            cache.replace_contacts(&contacts)?;
            let groups: Vec<_> = roster.groups.values().map(stored_group).collect();
            cache.replace_groups(&groups)
        });
    }

    /// Writes down what a message changed.
    pub(crate) fn apply(&self, changes: Vec<roster::Change>) {
        self.change(move |cache| {
            for change in changes {
                match change {
                    roster::Change::Me(me) => cache.set_profile(&stored_profile(&me))?,
                    roster::Change::Contact { contact, previous } => {
                        if let Some(previous) = previous {
                            cache.rename_contact(previous.as_str(), contact.pseudo.as_str())?;
                        }
                        cache.upsert_contact(&stored_contact(&contact))?;
                    }
                    roster::Change::ContactRemoved(name) => {
                        cache.remove_contact(name.as_str())?;
                    }
                    roster::Change::Group(group) => cache.upsert_group(&stored_group(&group))?,
                    roster::Change::GroupRemoved(id) => {
                        cache.remove_group(id.as_str())?;
                    }
                }
            }
            Ok(())
        });
    }

    /// Somebody is played this loud from here on, in percent.
    pub(crate) fn set_volume(&self, who: &Username, percent: u16) {
        let who = who.to_string();
        self.change(move |cache| cache.set_volume(&who, percent));
    }

    /// The account has another name now.
    pub(crate) fn rename(&self, account: AccountId, previous: &Username, name: &Username) {
        let (previous, name) = (previous.to_string(), name.to_string());
        // Its own messages and marks carry it.
        self.change(move |cache| cache.rename_contact(&previous, &name).map(drop));
        self.send(Box::new(move |shelf| {
            let renamed = match std::mem::replace(&mut shelf.cache, Slot::Empty) {
                Slot::Open(cache) => cache
                    .close()
                    .and_then(|closed| closed.rename(&account))
                    .and_then(ClosedCache::reopen)
                    .map(|cache| Slot::Open(Box::new(cache))),
                Slot::Closed(closed) => closed.rename(&account).map(Slot::Closed),
                Slot::Empty => return,
            };
            match renamed {
                Ok(slot) => shelf.cache = slot,
                Err(error) => tracing::warn!(%error, "the cache could not follow a rename"),
            }
        }));
    }

    /// A call starts to ring.
    pub(crate) fn call_started(
        &self,
        direction: CallDirection,
        id_group: Option<&GroupId>,
        peers: Vec<String>,
    ) {
        let call = NewCall {
            id_group: id_group.map(ToString::to_string).unwrap_or_default(),
            direction,
            peers,
            started_at: now(),
        };
        self.send(Box::new(move |shelf| {
            shelf.call = None;
            if let Some(cache) = shelf.open_cache() {
                let started = cache.record_call_started(&call);
                shelf.note(&started);
                match started {
                    Ok(id) => shelf.call = Some(id),
                    Err(error) => tracing::warn!(%error, "a call was not written down"),
                }
            }
        }));
    }

    /// The call that rings or runs was given its id.
    pub(crate) fn call_group(&self, id_group: &GroupId) {
        let id_group = id_group.to_string();
        self.call(move |cache, call| cache.record_call_group(call, &id_group));
    }

    /// Somebody joined the call.
    pub(crate) fn call_peer(&self, name: &Username) {
        let name = name.to_string();
        self.call(move |cache, call| cache.record_call_peer(call, &name));
    }

    /// The call was accepted.
    pub(crate) fn call_accepted(&self) {
        let at = now();
        self.call(move |cache, call| cache.record_call_accepted(call, at));
    }

    /// The call ended.
    pub(crate) fn call_ended(&self, reason: EndReason) {
        let at = now();
        self.call(move |cache, call| cache.record_call_ended(call, at, reason.as_str()));
    }

    /// A page of the call history, latest first.
    pub(crate) async fn calls(
        &self,
        limit: u32,
        before: Option<CallId>,
    ) -> Result<Vec<CallRecord>, CacheError> {
        self.ask(move |shelf| match shelf.open_cache() {
            Some(cache) => cache.calls(limit, before),
            None => Ok(Vec::new()),
        })
        .await
        .unwrap_or_else(|| Ok(Vec::new()))
    }

    /// Reads the cache; `None` before the first sign-in and during a pause.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Cache) -> Result<T, CacheError> + Send + 'static,
    ) -> Result<Option<T>, CacheError> {
        self.ask(move |shelf| match shelf.open_cache() {
            Some(cache) => job(cache).map(Some),
            None => Ok(None),
        })
        .await
        .unwrap_or(Ok(None))
    }

    /// What the machine for conversations has to know.
    pub(crate) async fn load_messages(&self) -> Loaded {
        match self.read(shelf::load).await {
            Ok(loaded) => loaded.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "the conversations in the cache cannot be read");
                Loaded::default()
            }
        }
    }

    /// Carries out a write of that machine, and reports in every case.
    pub(crate) fn write(
        &self,
        write: Write,
        report: impl FnOnce(Result<Option<Held>, NotKept>) + Send + 'static,
    ) {
        // The report stays here until the job has taken it, should the queue be full.
        let report = Arc::new(Mutex::new(Some(report)));
        let waiting = Arc::clone(&report);
        let job: Job = Box::new(move |shelf| {
            let outcome = match shelf.open_cache() {
                Some(cache) => {
                    let written = shelf::carry_out(cache, write);
                    shelf.note(&written);
                    written.map_err(|error| NotKept(error.to_string()))
                }
                None => Err(NotKept("the cache is closed".to_owned())),
            };
            if let Some(report) = take(&waiting) {
                report(outcome);
            }
        });
        if !self.send(job)
            && let Some(report) = take(&report)
        {
            report(Err(NotKept("the cache does not keep up".to_owned())));
        }
    }

    /// Removes the account's cache from the disk.
    pub(crate) async fn delete(&self) -> Result<(), CacheError> {
        self.ask(
            |shelf| match std::mem::replace(&mut shelf.cache, Slot::Empty) {
                Slot::Open(cache) => cache.close()?.delete(),
                Slot::Closed(closed) => closed.delete(),
                Slot::Empty => Ok(()),
            },
        )
        .await
        .unwrap_or(Ok(()))
    }

    /// Releases every lock and file; resolves when it is done, after all that was asked before.
    pub(crate) async fn close(&self) -> Result<(), CacheError> {
        self.ask_surely(Shelf::close).await.unwrap_or(Ok(()))
    }

    /// Opens the cache again after [`close`](Self::close), and writes down what was changed
    /// meanwhile. Where that fails it is tried again with what comes.
    pub(crate) async fn reopen(&self) -> Result<(), CacheError> {
        self.ask_surely(|shelf| {
            shelf.end_pause();
            shelf.reopen()
        })
        .await
        .unwrap_or(Ok(()))
    }

    /// Gives back memory that only makes things quicker.
    pub(crate) fn shrink(&self) {
        self.send(Box::new(|shelf| {
            if let Slot::Open(cache) = &mut shelf.cache
                && let Err(error) = cache.shrink()
            {
                tracing::warn!(%error, "the cache gave no memory back");
            }
        }));
    }

    fn change(&self, job: impl FnOnce(&mut Cache) -> Result<(), CacheError> + Send + 'static) {
        self.send(Box::new(move |shelf| shelf.change(Box::new(job))));
    }

    fn call(
        &self,
        job: impl FnOnce(&mut Cache, CallId) -> Result<(), CacheError> + Send + 'static,
    ) {
        self.send(Box::new(move |shelf| {
            if let Some(call) = shelf.call
                && let Some(cache) = shelf.open_cache()
            {
                let written = job(cache, call);
                shelf.note(&written);
                if let Err(error) = written {
                    tracing::warn!(%error, "a call was not written down");
                }
            }
        }));
    }

    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Shelf) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.send(Box::new(move |shelf| {
            // Whoever asked may have stopped waiting.
            let _ = reply.send(job(shelf));
        }));
        answer.await.ok()
    }

    /// As [`ask`](Self::ask), but waits for its turn where the queue is full.
    async fn ask_surely<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Shelf) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.clone()?;
        let job: Job = Box::new(move |shelf| {
            let _ = reply.send(job(shelf));
        });
        match jobs.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(job)) => {
                let queued = tokio::task::spawn_blocking(move || jobs.send(job)).await;
                queued.ok()?.ok()?;
            }
            Err(TrySendError::Disconnected(_)) => return None,
        }
        answer.await.ok()
    }

    /// Whether the job will be done.
    fn send(&self, job: Job) -> bool {
        let Some(jobs) = &self.jobs else { return false };
        match jobs.try_send(job) {
            Ok(()) => return true,
            // Only a cache: what a stuck disk cannot take now, the next sign-in brings again.
            Err(TrySendError::Full(_)) => tracing::warn!("the cache does not keep up"),
            Err(TrySendError::Disconnected(_)) => tracing::warn!("the cache's thread has ended"),
        }
        false
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the cache's thread has panicked");
        }
    }
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn run(mut shelf: Shelf, queue: &Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        job(&mut shelf);
    }
    shelf.release();
}

/// Milliseconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
