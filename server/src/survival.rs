//! Calls outlive the server: who is in is noted as it changes, and known again after a restart.
//!
//! The voice goes on without the server. What is noted lets the sessions that come back find
//! themselves in their call, quit it, and be joined by others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cooee_protocol::{CallEntry, CallOutcome, GroupId};

use crate::app::App;
use crate::calls::{Kind, Origin, Restored};
use crate::db::calls::{SavedCall, SavedPlace};
use crate::db::profiles::Stored;
use crate::db::{self, JobError, unix_micros};
use crate::hub::State;
use crate::ids::ProfileId;
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

    /// Notes each change of who is in a call, and writes down those that are over: in one
    /// transaction, so that a call is either still going on or an entry.
    pub(crate) async fn follow_calls(self: Arc<Self>) {
        loop {
            let (changed, mut over) = self
                .hub
                .with(|state| (state.take_changed_calls(), state.take_over()));
            // A call that reaches nobody costs its caller nothing: it counts as an entry of theirs.
            over.retain(|(_, caller, call)| {
                call.outcome == CallOutcome::Finished || self.posts.take(caller, now())
            });
            if !changed.is_empty() || !over.is_empty() {
                self.note_calls(changed, over).await;
            }
            tokio::select! {
                () = self.hub.calls_changed.notified() => {}
                () = self.stopping.cancelled() => return,
            }
        }
    }

    async fn note_calls(
        self: &Arc<Self>,
        changed: Vec<SavedCall>,
        over: Vec<(GroupId, ProfileId, CallEntry)>,
    ) {
        let app = Arc::clone(self);
        let noted = self.db.run(
            move |db| {
                for call in &changed {
                    db::calls::save(db, call)?;
                }
                let mut news = Vec::new();
                for (id, caller, call) in &over {
                    let entry = db::entries::record_call(db, id, *caller, call)?;
                    news.extend(entry.map(|entry| (*caller, entry)));
                }
                Ok(news)
            },
            move |news| match news {
                Ok(news) => app.hub.with(|state| {
                    for (caller, entry) in news {
                        state.tell_entry(caller, None, entry);
                    }
                }),
                Err(error) => tracing::error!(%error, "calls were not noted"),
            },
        );
        if let Err(error) = noted.await {
            tracing::error!(%error, "calls were not noted");
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
                let (caller, answered) = self.calls.origin(&id).unzip();
                let since = |at| i64::try_from(now().saturating_duration_since(at).as_micros());
                SavedCall {
                    answered: answered
                        .flatten()
                        .and_then(|at| since(at).ok())
                        .map(|micros| unix_micros().saturating_sub(micros)),
                    id,
                    direct,
                    caller,
                    places,
                }
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
        let answered = call.answered.and_then(|at| {
            let micros = u64::try_from(unix_micros().saturating_sub(at)).ok()?;
            now.checked_sub(Duration::from_micros(micros))
        });
        let origin = Origin {
            id: call.id,
            caller: call.caller,
            answered,
        };
        self.calls.restore(origin, kind, places, now);
    }
}
