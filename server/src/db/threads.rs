//! The two threads of the database: one works and commits, the other makes the commits durable
//! and tells of them.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{Finish, Job};
use crate::outbox::together;

/// The most jobs in one transaction: bounds how long the first of them waits for its commit.
const GROUP: usize = 256;

/// Commits that wait for the disk. When it is slower than that the jobs wait, and more of them
/// share the next commit.
pub(super) const AHEAD: usize = 1;

/// Jobs that were committed together, and what each has to tell.
pub(super) struct Committed {
    finishes: Vec<Finish>,
    outcome: Result<(), String>,
    /// Whether anything is to be brought to the disk.
    wrote: bool,
}

/// Takes what waits, and commits it together.
pub(super) fn work(
    connection: &Connection,
    mut jobs: mpsc::Receiver<Job>,
    committed: SyncSender<Committed>,
) {
    while let Some(first) = jobs.blocking_recv() {
        let mut finishes = Vec::new();
        let before = connection.total_changes();
        let outcome = step(connection, "BEGIN IMMEDIATE").and_then(|()| {
            let mut next = Some(first);
            while let Some(job) = next {
                finishes.push(one(connection, job));
                next = (finishes.len() < GROUP)
                    .then(|| jobs.try_recv().ok())
                    .flatten();
            }
            step(connection, "COMMIT").inspect_err(|_| {
                let _nothing_to_undo = step(connection, "ROLLBACK");
            })
        });
        // A job that could not begin is dropped unrun, and with it the channel that its requester
        // waits on.
        if let Err(error) = &outcome {
            tracing::error!(%error, "a commit failed");
        }
        let done = Committed {
            finishes,
            outcome: outcome.map_err(|error| error.to_string()),
            wrote: connection.total_changes() != before,
        };
        if committed.send(done).is_err() {
            tracing::error!("nobody tells what was committed");
            break;
        }
    }
}

/// Writes the log back into the database and closes it. Not before all is told: the log goes
/// with it.
pub(super) fn close(connection: Connection) {
    let checkpoint = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    if let Err(error) = checkpoint {
        tracing::warn!(%error, "the write-ahead log was not written back");
    }
    if let Err((_connection, error)) = connection.close() {
        tracing::warn!(%error, "the database was not closed cleanly");
    }
}

fn one(connection: &Connection, job: Job) -> Finish {
    if let Err(error) = step(connection, "SAVEPOINT job") {
        tracing::error!(%error, "no savepoint");
    }
    let (keep, finish) = job(connection);
    let undone = if keep {
        Ok(())
    } else {
        step(connection, "ROLLBACK TO job")
    };
    match undone.and_then(|()| step(connection, "RELEASE job")) {
        Ok(()) => finish,
        Err(error) => Box::new(move |_| finish(Err(error.to_string()))),
    }
}

/// A step of the transaction, which is read once and for all.
fn step(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Brings commits to the disk, all that wait at once, and then tells the results in their order.
pub(super) fn tell(log: &Path, commits: &Receiver<Committed>) {
    let mut disk = Disk {
        log,
        file: None,
        failed: None,
    };
    while let Ok(first) = commits.recv() {
        let mut batches = vec![first];
        batches.extend(commits.try_iter());
        let durable = if batches.iter().any(|batch| batch.wrote) {
            disk.sync()
        } else {
            disk.state()
        };
        together(|| {
            for batch in batches {
                let outcome = batch.outcome.and(durable.clone());
                for finish in batch.finishes {
                    let told = catch_unwind(AssertUnwindSafe(|| finish(outcome.clone())));
                    if told.is_err() {
                        tracing::error!("telling the result of a database job panicked");
                    }
                }
            }
        });
    }
}

/// The write-ahead log as this thread has it open. It stays the same file for as long as the
/// database is open; SQLite locks it nowhere, so that closing it here unlocks nothing.
struct Disk<'a> {
    log: &'a Path,
    file: Option<File>,
    /// Why what was committed once did not come to the disk. What the system says of later
    /// attempts is worth nothing then: only a new start shows what is there.
    failed: Option<String>,
}

impl Disk<'_> {
    fn state(&self) -> Result<(), String> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn sync(&mut self) -> Result<(), String> {
        self.state()?;
        self.try_sync().map_err(|error| {
            tracing::error!(%error, "what was committed is not on the disk; start the server anew");
            let words = error.to_string();
            self.failed = Some(words.clone());
            words
        })
    }

    fn try_sync(&mut self) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            // Writable, or Windows does not sync it.
            None => self
                .file
                .insert(File::options().write(true).open(self.log)?),
        };
        file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{channel, sync_channel};

    use super::{AHEAD, Committed, tell};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// Tells of commits over a log; what each of them was told.
    fn told(log: &std::path::Path, commits: &[bool]) -> Vec<Result<(), String>> {
        let (committed, waiting) = sync_channel(AHEAD.max(commits.len()));
        let (say, said) = channel();
        for wrote in commits {
            let say = say.clone();
            let sent = committed.send(Committed {
                finishes: vec![Box::new(move |outcome| {
                    let _heard = say.send(outcome);
                })],
                outcome: Ok(()),
                wrote: *wrote,
            });
            assert!(sent.is_ok());
        }
        drop((committed, say));
        tell(log, &waiting);
        said.iter().collect()
    }

    #[test]
    fn what_does_not_come_to_the_disk_is_told_to_nobody_as_done() -> Outcome {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("log");
        // Nothing was written: there need not even be a log.
        assert_eq!(told(&log, &[false]), [Ok(())]);
        // It cannot be synced: neither is this one durable, nor is what may rest on it.
        let failed = told(&log, &[true, false, true]);
        assert!(failed.iter().all(Result::is_err), "{failed:?}");
        std::fs::write(&log, b"pages")?;
        assert_eq!(told(&log, &[true, false, true]), [Ok(()), Ok(()), Ok(())]);
        Ok(())
    }
}
