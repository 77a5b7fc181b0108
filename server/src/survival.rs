//! Calls outlive the server: who is in is noted as it changes, and known again after a restart.
//!
//! The voice goes on without the server. What is noted lets the sessions that come back find
//! themselves in their call, quit it, and be joined by others.

use std::sync::Arc;
use std::time::Instant;

use crate::app::App;
use crate::calls::{Kind, Restored};
use crate::db::calls::{SavedCall, SavedPlace};
use crate::db::profiles::Stored;
use crate::db::{self, JobError};
use crate::hub::State;
use crate::limits::now;

impl App {
    /// Takes up the calls that went on when the server ended.
    pub(crate) async fn restore_calls(&self) -> Result<(), JobError> {
        let saved = self.db.ask(db::calls::load).await?;
        if !saved.is_empty() {
            tracing::info!(calls = saved.len(), "calls go on");
        }
        self.hub.with(|state| {
            for (call, people) in saved {
                state.restore(call, people, now());
            }
        });
        Ok(())
    }

    /// Notes each change of who is in a call.
    pub(crate) async fn follow_calls(self: Arc<Self>) {
        loop {
            let changed = self.hub.with(State::take_changed_calls);
            for call in changed {
                let id = call.id.clone();
                if let Err(error) = self.db.ask(move |db| db::calls::save(db, &call)).await {
                    tracing::error!(%error, %id, "a call was not noted");
                }
            }
            tokio::select! {
                () = self.hub.calls_changed.notified() => {}
                () = self.stopping.cancelled() => return,
            }
        }
    }
}

impl State {
    /// What has to be noted.
    fn take_changed_calls(&mut self) -> Vec<SavedCall> {
        let changed = self.calls.take_changed();
        changed
            .into_iter()
            .map(|id| {
                let members = self.calls.members(&id);
                let direct = members
                    .as_ref()
                    .is_some_and(|(kind, _)| *kind == Kind::Direct);
                let places = members.map_or_else(Vec::new, |(_, places)| {
                    let token = |(profile, session, info)| {
                        Some(SavedPlace {
                            profile,
                            token: self.token(session)?,
                            info,
                        })
                    };
                    places.into_iter().filter_map(token).collect()
                });
                SavedCall { id, direct, places }
            })
            .collect()
    }

    fn restore(&mut self, call: SavedCall, people: Vec<Stored>, now: Instant) {
        let kind = if call.direct {
            Kind::Direct
        } else {
            Kind::Group
        };
        let places = call
            .places
            .into_iter()
            .zip(people)
            .map(|(place, profile)| Restored {
                session: self.expect(&profile, place.token, now),
                person: profile.person(),
                info: place.info,
            })
            .collect();
        self.calls.restore(call.id, kind, places, now);
    }
}
