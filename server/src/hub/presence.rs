//! Presence: where each profile is, and what its contacts were told of it.

use std::collections::BTreeSet;

use cooee_protocol::{Profile, ServerMessage, Status};

use super::State;
use crate::ids::ProfileId;

impl State {
    /// Where a profile is.
    pub(crate) fn status(&self, profile: ProfileId) -> Status {
        let known = self
            .online
            .get(&profile)
            .is_some_and(|online| !online.sessions.is_empty());
        if known && self.calls.is_joined(profile) {
            Status::InCall
        } else if self.is_here(profile) {
            Status::Online
        } else {
            Status::Offline
        }
    }

    /// The profiles whose contacts may have to be told something.
    pub(crate) fn take_unannounced(&mut self) -> BTreeSet<ProfileId> {
        std::mem::take(&mut self.unannounced)
    }

    /// Whether the contacts of the profile know something else than what is.
    pub(crate) fn is_unannounced(&self, profile: ProfileId) -> bool {
        self.online
            .get(&profile)
            .is_some_and(|online| online.announced != self.status(profile))
    }

    /// Tells the contacts where the profile is, if it has changed.
    pub(crate) fn announce(
        &mut self,
        profile: ProfileId,
        contacts: impl IntoIterator<Item = ProfileId>,
    ) {
        let status = self.status(profile);
        let Some(online) = self.online.get_mut(&profile) else {
            return;
        };
        if online.announced != status {
            online.announced = status;
            let message = ServerMessage::Profile(Profile {
                pp: online.picture.clone(),
                pseudo: online.name.clone(),
                status,
                previous_pseudo: None,
                token: None,
                stun: Vec::new(),
            });
            self.tell_all(contacts, &message);
        }
        self.tidy(profile);
    }

    /// Forgets a profile of which everybody knows that it is not here.
    pub(crate) fn tidy(&mut self, profile: ProfileId) {
        if let Some(online) = self.online.get(&profile)
            && online.sessions.is_empty()
            && online.announced == Status::Offline
        {
            self.online.remove(&profile);
        }
    }
}
