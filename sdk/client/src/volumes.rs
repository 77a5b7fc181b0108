//! How loud people are played.

use std::collections::BTreeMap;

use cooee_protocol::Username;

use crate::client::Client;
use crate::roster::Roster;
use crate::shared::Shared;

/// The volume of people whose volume was never changed, in percent.
const UNCHANGED: u16 = 100;

/// The loudest that somebody can be played, in percent.
const MAX_VOLUME: u16 = 200;

impl Client {
    /// How loud people are played whose volume was changed
    /// ([`Call::set_volume`](crate::Call::set_volume)), in percent. Everybody else is played as
    /// they come, at 100.
    pub fn volumes(&self) -> BTreeMap<Username, u16> {
        self.shared.roster().volumes.clone()
    }
}

impl Shared {
    /// Somebody is played this loud from here on, in percent.
    pub(crate) fn set_volume(&self, who: Username, percent: u16) {
        let percent = percent.min(MAX_VOLUME);
        self.archive.set_volume(&who, percent);
        self.roster_mut().set_volume(who, percent);
    }
}

impl Roster {
    /// Somebody is played this loud from here on, in percent.
    fn set_volume(&mut self, who: Username, percent: u16) {
        // An entry keeps its key, and so an old spelling of the name.
        self.volumes.remove(&who);
        if percent != UNCHANGED {
            self.volumes.insert(who, percent);
        }
    }
}
