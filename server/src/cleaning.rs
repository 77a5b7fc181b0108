//! Cleaning away what nobody refers to: in small pieces, between what people ask for.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::attachments::{part_names, part_place, place, remove};
use crate::db::{self, JobError, unix_seconds};

/// How often it is looked for.
const PERIOD: Duration = Duration::from_secs(60 * 60);

/// How long an upload may rest, and an attachment be without an entry, in seconds.
const REST: i64 = 24 * 60 * 60;

impl App {
    /// Cleans away until the server stops.
    pub(crate) async fn follow_cleaning(self: Arc<Self>) {
        loop {
            if let Err(error) = self.clean().await {
                tracing::error!(%error, "cleaning failed");
            }
            tokio::select! {
                () = self.cleaning.notified() => {}
                () = tokio::time::sleep(PERIOD) => {}
                () = self.stopping.cancelled() => return,
            }
        }
    }

    async fn clean(&self) -> Result<(), JobError> {
        while !self.stopping.is_cancelled() && self.db.ask(db::cleaning::entries).await? {}
        // Files are not removed while an upload of the same bytes comes to its place.
        let _files = self.attachments.files.lock().await;
        let data = self.config.data.clone();
        let parts = tokio::task::spawn_blocking(move || part_names(&data)).await;
        let before = unix_seconds().saturating_sub(REST);
        let forgotten = self
            .db
            .ask(move |db| db::attachments::forget_stale(db, before))
            .await?;
        let data = &self.config.data;
        let mut gone: Vec<_> = forgotten.iter().map(|hash| place(data, hash)).collect();
        // Whatever lies there and is noted no more: also what a deleted profile had begun. The names
        // were read first, and an upload is noted before its file is made.
        let noted = self.db.ask(db::attachments::all_unfinished).await?;
        let noted: std::collections::HashSet<_> = noted
            .iter()
            .map(|(profile, hash)| part_place(data, *profile, hash))
            .collect();
        match parts {
            Ok(Ok(parts)) => gone.extend(parts.into_iter().filter(|part| !noted.contains(part))),
            Ok(Err(error)) => tracing::warn!(%error, "uploads could not be looked through"),
            Err(error) => tracing::warn!(%error, "uploads could not be looked through"),
        }
        if gone.is_empty() {
            return Ok(());
        }
        tracing::info!(
            files = gone.len(),
            "files that nobody has any more are removed"
        );
        let removed = tokio::task::spawn_blocking(move || {
            for file in gone {
                if let Err(error) = remove(&file) {
                    tracing::warn!(%error, "a file could not be removed");
                }
            }
        });
        if let Err(error) = removed.await {
            tracing::error!(%error, "removing files failed");
        }
        Ok(())
    }
}
