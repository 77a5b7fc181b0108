//! What the server says of calls by itself.

use std::time::{Duration, Instant};

use cooee_protocol::{ErrorCode, ErrorReply, GroupId, Join, Quit, Ring, ServerMessage, Username};

use super::super::reason::EndReason;
use super::super::types::{CallEvent, CallOutput, CallPhase};
use super::CallMachine;
use super::call::{Call, Origin, Progress};

impl CallMachine {
    /// A message from the server that answers no request of this machine. Messages that do not
    /// belong to calls are not looked at.
    pub fn handle_message(&mut self, now: Instant, message: &ServerMessage) {
        match message {
            ServerMessage::Ring(ring) => self.handle_ring(now, ring),
            ServerMessage::Accept(join) => self.handle_accepted(now, join),
            ServerMessage::Quit(quit) => self.handle_quit(now, quit),
            ServerMessage::RequestInfo(request) => {
                self.handle_request_info(now, &request.id_group);
            }
            ServerMessage::DistributeInfo(list) => self.handle_distribute(now, list),
            ServerMessage::Error(error) if error.code == ErrorCode::CallFailed => {
                self.handle_failed(error);
            }
            ServerMessage::Profile(profile) => {
                if let Some(previous) = &profile.previous_pseudo {
                    self.handle_rename(previous, &profile.pseudo);
                }
            }
            ServerMessage::Group(_)
            | ServerMessage::MemberAdded(_)
            | ServerMessage::MemberLeft(_)
            | ServerMessage::ContactAdded(_)
            | ServerMessage::ContactDeleted(_)
            | ServerMessage::Groups(_)
            | ServerMessage::Contacts(_)
            | ServerMessage::Error(_)
            | ServerMessage::Exchange(_)
            | ServerMessage::InfoCall(_)
            | ServerMessage::EntryAccepted(_)
            | ServerMessage::NewEntry(_)
            | ServerMessage::Marks(_)
            | ServerMessage::Typing(_)
            | ServerMessage::Entries(_)
            | ServerMessage::Conversations(_)
            | ServerMessage::Blocked(_)
            | ServerMessage::DeleteProfile(_)
            | ServerMessage::Logout(_) => {}
        }
    }

    /// The profile behind a name has another name now; also this client's own.
    pub fn handle_rename(&mut self, previous: &Username, name: &Username) {
        if *previous == self.own {
            self.own = name.clone();
        }
        let renamed = self
            .call
            .as_mut()
            .and_then(|call| call.rename(previous, name));
        if let Some(peer) = renamed {
            let name = name.clone();
            self.outputs
                .push_back(CallOutput::RenamePeer { peer, name });
        }
    }

    /// The call that a frame is about, unless the frame is about an earlier one.
    pub(super) fn call_of(&mut self, id_group: &GroupId) -> Option<&mut Call> {
        if self.leaving.contains_key(id_group) {
            return None;
        }
        self.call.as_mut().filter(|call| call.heeds(id_group))
    }

    /// The same for a frame that only participants get: it may stand for an echo that was lost.
    pub(super) fn call_joined(&mut self, id_group: &GroupId) -> Option<&mut Call> {
        let stands_for_echo = !self.leaving.contains_key(id_group)
            && self
                .call
                .as_ref()
                .is_some_and(|call| call.lacks_echo(id_group));
        if stands_for_echo {
            self.confirm(id_group, &[]);
        }
        self.call_of(id_group)
    }

    /// The server has the call that is being placed, under this id.
    pub(super) fn confirm(&mut self, id_group: &GroupId, rung: &[Username]) {
        let Some(call) = &mut self.call else { return };
        call.id_group = Some(id_group.clone());
        call.progress = Progress::Confirmed;
        call.ring(rung);
        let ringing = call.ringing.iter().cloned().collect();
        self.event(CallEvent::RingingOut {
            id_group: id_group.clone(),
            ringing,
        });
    }

    fn handle_ring(&mut self, now: Instant, ring: &Ring) {
        let id_group = &ring.id_group;
        let Some(caller) = ring.pseudo.as_ref().filter(|name| **name != self.own) else {
            return;
        };
        if self.leaving.contains_key(id_group) {
            // It rang before the server had this client's 503, which declines it.
            return;
        }
        let Some(call) = &mut self.call else {
            self.begin_ringing(now, ring, caller);
            return;
        };
        let expected = call.id_group.is_none() && call.contact() == Some(caller);
        if !call.is(id_group) && !expected {
            self.send_quit(id_group.clone(), Some("busy"));
            return;
        }
        match call.phase {
            CallPhase::RingingIn if call.origin == Origin::Rung(caller.clone()) => {
                // The server repeats a ring after a resume, which confirms it.
                call.confirm_until = None;
            }
            CallPhase::RingingIn => {
                self.end(EndReason::Cancelled, None);
                self.begin_ringing(now, ring, caller);
            }
            CallPhase::RingingOut => {
                call.id_group = Some(id_group.clone());
                match call.progress {
                    // Glare: this client's 501 is on its way and acts as an accept.
                    Progress::Sent | Progress::Repeated => {}
                    // It will act as one; so will another one, if the server has forgotten the
                    // call: nobody who is in a call is rung.
                    Progress::Unsent | Progress::Confirmed => {
                        call.gather_until = None;
                        call.progress = Progress::Unsent;
                        self.ring_if_ready();
                    }
                }
            }
            CallPhase::Connecting | CallPhase::Connected | CallPhase::Reconnecting => {
                // The 502 may have been lost with a connection and is on its way again.
                let accepting = match call.origin {
                    Origin::Rung(_) => call.progress != Progress::Confirmed,
                    Origin::Placed(_) => false,
                };
                if !accepting {
                    // Nobody who is in a call is rung: that one is over.
                    self.end(EndReason::Lost, None);
                    self.begin_ringing(now, ring, caller);
                }
            }
        }
    }

    fn begin_ringing(&mut self, now: Instant, ring: &Ring, caller: &Username) {
        let mut call = Call::new(
            self.next_serial(),
            CallPhase::RingingIn,
            Origin::Rung(caller.clone()),
            now + self.config.ring_limit,
        );
        call.id_group = Some(ring.id_group.clone());
        self.call = Some(call);
        self.outputs.push_back(CallOutput::Prepare);
        self.event(CallEvent::RingingIn {
            id_group: ring.id_group.clone(),
            from: caller.clone(),
        });
    }

    fn handle_accepted(&mut self, now: Instant, join: &Join) {
        if join.pseudo == self.own {
            return;
        }
        let Some(call) = self.call_joined(&join.id_group) else {
            return;
        };
        let rang_out = call.phase == CallPhase::RingingOut;
        self.person_joined(now, &join.pseudo);
        if rang_out {
            self.connecting(now);
        }
    }

    /// Somebody is in the call, as 502 or 507 tell.
    pub(super) fn person_joined(&mut self, now: Instant, who: &Username) {
        let Some(call) = &mut self.call else { return };
        let Some(id_group) = call.id_group.clone() else {
            return;
        };
        if !call.join(who) {
            return;
        }
        match call.phase {
            CallPhase::Connecting => call.path_until = Some(now + self.config.path_timeout),
            CallPhase::Reconnecting => {
                let until = now + self.config.reconnect_timeout;
                call.path_until.get_or_insert(until);
            }
            CallPhase::RingingOut | CallPhase::RingingIn | CallPhase::Connected => {}
        }
        let who = who.clone();
        self.event(CallEvent::Joined { id_group, who });
        self.check_reached(now);
    }

    fn handle_quit(&mut self, now: Instant, quit: &Quit) {
        let own = quit.pseudo == self.own;
        let Some(call) = self.call_of(&quit.id_group) else {
            return;
        };
        let word = quit.reason.as_deref();
        if own {
            let reason = match (word, call.last_left) {
                // It follows the 503 of the last other participant, whose reason says more.
                (Some("ended"), Some(last)) => last,
                (word, _) => EndReason::of_own(word),
            };
            self.end(reason, None);
            return;
        }
        let reason = EndReason::of_others(word);
        // Nobody is left in the call: told to those who are rung, also if their 502 crosses it.
        let cancelled = reason == EndReason::Cancelled
            && match call.origin {
                Origin::Rung(_) => call.progress != Progress::Confirmed,
                Origin::Placed(_) => false,
            };
        if cancelled {
            self.end(EndReason::Cancelled, None);
            return;
        }
        if call.phase == CallPhase::RingingIn {
            if call.origin == Origin::Rung(quit.pseudo.clone()) {
                self.end(EndReason::Cancelled, None);
            }
            return;
        }
        if call.departed.contains_key(&quit.pseudo) && !call.expects(&quit.pseudo) {
            // They have said so themselves.
            return;
        }
        let reason = match reason {
            EndReason::RemoteHungUp if !call.joined.contains(&quit.pseudo) => EndReason::Declined,
            reason => reason,
        };
        self.person_left(now, &quit.pseudo, reason);
    }

    /// Somebody is not in the call any more, or will not come.
    pub(super) fn person_left(&mut self, now: Instant, who: &Username, reason: EndReason) {
        let grace = if self.online {
            self.config.goodbye_grace
        } else {
            Duration::ZERO
        };
        let Some(call) = &mut self.call else { return };
        let Some(id_group) = call.id_group.clone() else {
            return;
        };
        call.ringing.remove(who);
        let was_joined = call.joined.remove(who);
        let peer = call.peers.remove(who);
        call.last_left = Some(reason);
        if was_joined && call.joined.is_empty() {
            // Somebody may still be rung; if nobody is, the server says that it is over.
            call.path_until = None;
            call.ring_until = now + self.config.ring_limit;
            if call.ringing.is_empty() && !call.departed.is_empty() {
                // The server may wait for somebody who has said goodbye.
                call.alone_until = Some(now + grace);
            }
        }
        let over = call.contact() == Some(who);
        if let Some(participant) = peer {
            self.outputs
                .push_back(CallOutput::RemovePeer(participant.peer));
        }
        self.event(CallEvent::Left {
            id_group,
            who: who.clone(),
            reason,
        });
        if over {
            self.end(reason, None);
        } else {
            self.check_reached(now);
        }
    }

    /// A 404 that answers no request: the call that it names was not answered in time.
    fn handle_failed(&mut self, error: &ErrorReply) {
        let Some(id_group) = &error.id_group else {
            return;
        };
        let Some(call) = self.call_of(id_group) else {
            return;
        };
        match call.phase {
            CallPhase::RingingOut | CallPhase::RingingIn | CallPhase::Connecting => {
                let reason = EndReason::of_failure(error.reason.as_deref());
                self.end(reason, error.detail.clone());
            }
            // Voice that flows, or may come back, does not need the server.
            CallPhase::Connected | CallPhase::Reconnecting => {}
        }
    }
}
