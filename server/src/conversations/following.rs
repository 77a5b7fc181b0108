//! What is told to the connections that follow.

use std::sync::Arc;

use cooee_protocol::{NewEntry, ServerMessage};

use crate::db::entries::News;
use crate::hub::State;
use crate::ids::ProfileId;
use crate::outbox::Outbox;

impl State {
    /// Pushes an entry to everybody who sees it, but for the connection that it came over.
    pub(crate) fn tell_entry(&mut self, author: ProfileId, but: Option<&Arc<Outbox>>, news: News) {
        let News {
            id_group,
            entry,
            previous,
            mut others,
            others_previous,
        } = news;
        let message = |previous| {
            ServerMessage::NewEntry(NewEntry {
                id_group: id_group.clone(),
                previous,
                entry: entry.clone(),
            })
        };
        if others_previous == previous {
            others.push(author);
        } else {
            self.tell_followers([author], but, &message(previous));
        }
        self.tell_followers(others, but, &message(others_previous));
    }
}
