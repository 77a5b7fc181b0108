//! What the cache's thread holds, open or closed.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cooee_store::{Cache, CacheError, CallId, ClosedCache};
use tokio::sync::watch;

/// Changes that wait for the end of a pause.
const WAITING: usize = 1024;
/// Another process may hold the cache when it is opened again: not each change waits for that.
const OPEN_AGAIN: Duration = Duration::from_secs(5);

/// What the thread holds: nothing before the first sign-in.
pub(super) struct Shelf {
    pub(super) folder: PathBuf,
    pub(super) cache: Slot,
    pub(super) call: Option<CallId>,
    /// The cache is closed on purpose and stays so.
    paused: bool,
    /// What was changed during a pause and waits for its end.
    waiting: VecDeque<Change>,
    /// When opening again failed last.
    failed_at: Option<Instant>,
    /// Whether the disk was too full for what was to be written last.
    full: watch::Sender<bool>,
}

/// What is written down when there is a moment.
type Change = Box<dyn FnOnce(&mut Cache) -> Result<(), CacheError> + Send>;

pub(super) enum Slot {
    Empty,
    Open(Box<Cache>),
    Closed(ClosedCache),
}

impl Shelf {
    pub(super) fn new(folder: PathBuf, full: watch::Sender<bool>) -> Self {
        Self {
            folder,
            cache: Slot::Empty,
            call: None,
            paused: false,
            waiting: VecDeque::new(),
            failed_at: None,
            full,
        }
    }

    /// Takes note of what came of a write.
    pub(super) fn note<T>(&self, written: &Result<T, CacheError>) {
        let now = match written {
            Ok(_) => false,
            Err(CacheError::Full(_)) => true,
            // It says nothing about the room that there is.
            Err(_) => return,
        };
        let _ = self
            .full
            .send_if_modified(|full| std::mem::replace(full, now) != now);
    }

    /// Makes room for the cache of another account.
    pub(super) fn empty(&mut self) {
        self.release();
        self.waiting.clear();
        self.end_pause();
    }

    pub(super) fn end_pause(&mut self) {
        self.paused = false;
        self.failed_at = None;
    }

    pub(super) fn release(&mut self) {
        self.call = None;
        if let Slot::Open(cache) = std::mem::replace(&mut self.cache, Slot::Empty)
            && let Err(error) = cache.close()
        {
            tracing::warn!(%error, "the cache was not closed cleanly");
        }
    }

    /// The cache, if there is one and it may be used: one that could not be opened after a pause
    /// is tried again.
    pub(super) fn open_cache(&mut self) -> Option<&mut Cache> {
        if matches!(self.cache, Slot::Closed(_)) && !self.paused {
            let waits = self.failed_at.is_some_and(|at| at.elapsed() < OPEN_AGAIN);
            if !waits && let Err(error) = self.reopen() {
                tracing::warn!(%error, "the cache cannot be opened again");
            }
        }
        match &mut self.cache {
            Slot::Open(cache) => Some(cache),
            Slot::Empty | Slot::Closed(_) => None,
        }
    }

    /// Changes the cache now, or after the pause.
    pub(super) fn change(&mut self, change: Change) {
        if let Some(cache) = self.open_cache() {
            let written = change(cache);
            self.note(&written);
            if let Err(error) = written {
                tracing::warn!(%error, "the cache was not updated");
            }
        } else if matches!(self.cache, Slot::Closed(_)) {
            if self.waiting.len() >= WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(change);
        }
    }

    pub(super) fn close(&mut self) -> Result<(), CacheError> {
        self.paused = true;
        match std::mem::replace(&mut self.cache, Slot::Empty) {
            Slot::Open(cache) => {
                let (closed, outcome) = cache.close_anyhow();
                self.cache = Slot::Closed(closed);
                outcome
            }
            other @ (Slot::Empty | Slot::Closed(_)) => {
                self.cache = other;
                Ok(())
            }
        }
    }

    pub(super) fn reopen(&mut self) -> Result<(), CacheError> {
        let closed = match std::mem::replace(&mut self.cache, Slot::Empty) {
            Slot::Closed(closed) => closed,
            other @ (Slot::Empty | Slot::Open(_)) => {
                self.cache = other;
                return Ok(());
            }
        };
        match closed.reopen_or_keep() {
            Ok(cache) => {
                self.cache = Slot::Open(Box::new(cache));
                self.failed_at = None;
                for change in std::mem::take(&mut self.waiting) {
                    self.change(change);
                }
                Ok(())
            }
            Err((closed, error)) => {
                self.cache = Slot::Closed(closed);
                self.failed_at = Some(Instant::now());
                Err(error)
            }
        }
    }
}
