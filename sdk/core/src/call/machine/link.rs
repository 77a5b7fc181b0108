//! The connection to the server, which may break and come back; and the 503s that it must carry.

use std::time::Instant;

use cooee_protocol::{ClientMessage, GroupId, Quit};

use super::super::reason::EndReason;
use super::super::types::{CallOutput, CallPhase, RequestKind};
use super::CallMachine;
use super::call::{Origin, Progress};

/// The most calls that this client is on its way out of at once.
const MAX_LEAVING: usize = 64;

impl CallMachine {
    /// The connection to the server is gone for now. Requests that were not answered will not be.
    pub fn handle_disconnected(&mut self, now: Instant) {
        if std::mem::replace(&mut self.online, false) {
            self.offline_until = Some(now + self.config.server_timeout);
            self.ring_in_flight = None;
            self.strays.clear();
        }
    }

    /// The connection to the server is back and in step. What was not confirmed is said again.
    pub fn handle_resumed(&mut self, now: Instant) {
        self.online = true;
        self.offline_until = None;
        self.ring_in_flight = None;
        self.strays.clear();
        for (id_group, count) in std::mem::take(&mut self.leaving) {
            debug_assert!(count > 0, "a call that is left has a 503 on its way");
            self.send_quit(id_group, None);
        }
        let Some(call) = &mut self.call else { return };
        let unanswered = match call.progress {
            Progress::Unsent | Progress::Confirmed => false,
            Progress::Sent | Progress::Repeated => true,
        };
        match (&call.origin, call.phase) {
            (Origin::Rung(_), CallPhase::RingingIn) => {
                call.confirm_until = Some(now + self.config.ring_confirmation);
            }
            (Origin::Placed(_), CallPhase::RingingOut) if unanswered => {
                call.progress = Progress::Repeated;
                self.ring();
            }
            (Origin::Placed(_), CallPhase::RingingOut) if call.progress == Progress::Unsent => {
                self.ring_if_ready();
            }
            (Origin::Rung(_), _) if unanswered => self.send_join(),
            (Origin::Placed(_) | Origin::Rung(_), _) => {
                // Answered by an echo when the server still has this session in the call.
                call.told = None;
                call.asked = true;
                self.tell_info();
            }
        }
    }

    /// The connection to the server will not come back: the session has ended.
    pub fn handle_signed_out(&mut self) {
        self.leaving.clear();
        self.strays.clear();
        self.ring_in_flight = None;
        self.end(EndReason::ServerLost, None);
    }

    /// Sends a 503 and takes what comes before its echo as stale. Without a connection it is sent
    /// as soon as there is one.
    pub(super) fn send_quit(&mut self, id_group: GroupId, reason: Option<&str>) {
        if self.leaving.len() >= MAX_LEAVING && !self.leaving.contains_key(&id_group) {
            return;
        }
        *self.leaving.entry(id_group.clone()).or_default() += 1;
        if self.online {
            self.repeat_quit(id_group, reason);
        }
    }

    /// Sends a 503 that is counted already.
    pub(super) fn repeat_quit(&mut self, id_group: GroupId, reason: Option<&str>) {
        let own = self.own.clone();
        let kind = RequestKind::Quit(own.clone(), id_group.clone());
        let quit = Quit {
            pseudo: own,
            id_group,
            reason: reason.map(str::to_owned),
        };
        self.outputs.push_back(CallOutput::Request(
            self.request(kind),
            ClientMessage::Quit(quit),
        ));
    }

    /// A 503 was answered.
    pub(super) fn left(&mut self, id_group: &GroupId) {
        if let Some(count) = self.leaving.get_mut(id_group) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.leaving.remove(id_group);
            }
        }
    }

    /// The server has this session in a call that is not here: says so rather than leave the
    /// others waiting. While a 501 is on its way nobody can tell; its answer will.
    pub(super) fn leave_unknown(&mut self, id_group: &GroupId) {
        if self.leaving.contains_key(id_group) {
            return;
        }
        if self.ring_in_flight.is_some() {
            if self.strays.len() < MAX_LEAVING {
                self.strays.insert(id_group.clone());
            }
        } else if self.call.as_ref().is_none_or(|call| !call.is(id_group)) {
            self.send_quit(id_group.clone(), Some("quit"));
        }
    }

    /// The 501 that was on its way is answered.
    pub(super) fn leave_strays(&mut self) {
        for id_group in std::mem::take(&mut self.strays) {
            self.leave_unknown(&id_group);
        }
    }
}
