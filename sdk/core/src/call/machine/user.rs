//! What the local user does.

use std::time::Instant;

use cooee_protocol::{CallInfo, ClientMessage, GroupId, Join, Place, Username};

use super::super::reason::EndReason;
use super::super::types::{CallError, CallOutput, CallPhase, RequestKind, Target};
use super::CallMachine;
use super::call::{Call, Origin, Progress};

impl CallMachine {
    /// Calls somebody.
    ///
    /// # Errors
    ///
    /// [`CallError::Busy`] when there is a call already.
    pub fn place(&mut self, now: Instant, target: Target) -> Result<(), CallError> {
        if self.call.is_some() {
            return Err(CallError::Busy);
        }
        let id_group = match &target {
            Target::Contact(_) => None,
            Target::Group(id_group, _) => Some(id_group.clone()),
        };
        let mut call = Call::new(
            self.next_serial(),
            CallPhase::RingingOut,
            Origin::Placed(target),
            now + self.config.ring_limit,
        );
        call.id_group = id_group;
        call.gather_until = Some(now + self.config.gathering_grace);
        self.call = Some(call);
        self.outputs.push_back(CallOutput::Prepare);
        Ok(())
    }

    /// Accepts the call that rings here.
    ///
    /// # Errors
    ///
    /// When no call rings here.
    pub fn accept(&mut self, now: Instant) -> Result<(), CallError> {
        let call = self.call.as_mut().ok_or(CallError::NoCall)?;
        match call.phase {
            CallPhase::RingingIn => {}
            CallPhase::RingingOut
            | CallPhase::Connecting
            | CallPhase::Connected
            | CallPhase::Reconnecting => return Err(CallError::NotRinging),
        }
        if let Origin::Rung(caller) = &call.origin {
            let caller = caller.clone();
            call.join(&caller);
        }
        self.send_join();
        self.connecting(now);
        Ok(())
    }

    /// Declines the call that rings here.
    ///
    /// # Errors
    ///
    /// When no call rings here.
    pub fn decline(&mut self) -> Result<(), CallError> {
        match self.phase() {
            Some(CallPhase::RingingIn) => {
                self.quit(EndReason::DeclinedHere, "declined", None);
                Ok(())
            }
            Some(
                CallPhase::RingingOut
                | CallPhase::Connecting
                | CallPhase::Connected
                | CallPhase::Reconnecting,
            ) => Err(CallError::NotRinging),
            None => Err(CallError::NoCall),
        }
    }

    /// Hangs up, withdraws a call that still rings, or declines.
    ///
    /// # Errors
    ///
    /// [`CallError::NoCall`] when there is none.
    pub fn hang_up(&mut self) -> Result<(), CallError> {
        match self.phase() {
            None => Err(CallError::NoCall),
            Some(CallPhase::RingingIn) => self.decline(),
            Some(
                CallPhase::RingingOut
                | CallPhase::Connecting
                | CallPhase::Connected
                | CallPhase::Reconnecting,
            ) => {
                self.quit(EndReason::HungUp, "quit", None);
                Ok(())
            }
        }
    }

    /// Ends the call because sound cannot be captured or played.
    pub fn fail_audio(&mut self, detail: Option<String>) {
        self.quit(EndReason::Audio, "audio", detail);
    }

    /// Rings more members of the group into the call.
    ///
    /// # Errors
    ///
    /// [`CallError::NoCall`] when there is none that this client has placed or accepted.
    pub fn add_people(&mut self, people: Vec<Username>) -> Result<(), CallError> {
        let call = self.call.as_ref().ok_or(CallError::NoCall)?;
        // To the server a 501 of somebody who is rung is an accept.
        if call.phase == CallPhase::RingingIn || call.progress != Progress::Confirmed {
            return Err(CallError::NoCall);
        }
        let id_group = call.id_group.clone().ok_or(CallError::NoCall)?;
        if self.online {
            let kind = RequestKind::RingMore(id_group.clone(), people.clone());
            self.send_place(kind, Some(id_group), people, None);
        }
        Ok(())
    }

    /// Sends the 501 of the call that is being placed, once nothing is left to wait for.
    pub(super) fn ring_if_ready(&mut self) {
        let ready = self.online && self.ring_in_flight.is_none();
        let Some(call) = self.call.as_mut().filter(|_| ready) else {
            return;
        };
        let gathered = call.local_info.is_some() || call.gather_until.is_none();
        if call.phase == CallPhase::RingingOut && call.progress == Progress::Unsent && gathered {
            call.progress = Progress::Sent;
            self.ring();
        }
    }

    /// Sends the 501.
    pub(super) fn ring(&mut self) {
        let Some(call) = &mut self.call else { return };
        let (id_group, list_pseudo) = match &call.origin {
            Origin::Placed(Target::Contact(contact)) => (None, vec![contact.clone()]),
            Origin::Placed(Target::Group(id_group, people)) => {
                (Some(id_group.clone()), people.clone())
            }
            Origin::Rung(_) => return,
        };
        call.gather_until = None;
        call.told.clone_from(&call.local_info);
        let info = call.local_info.clone();
        self.ring_in_flight = Some(call.serial);
        self.send_place(RequestKind::Ring, id_group, list_pseudo, info);
    }

    fn send_place(
        &mut self,
        kind: RequestKind,
        id_group: Option<GroupId>,
        list_pseudo: Vec<Username>,
        info: Option<CallInfo>,
    ) {
        // The ring itself never tells an address: who does not accept learns none.
        let untold = CallInfo::untold();
        let place = Place {
            id_group,
            list_pseudo,
            address: untold.address,
            port: untold.port,
            info,
        };
        self.outputs.push_back(CallOutput::Request(
            self.request(kind),
            ClientMessage::Ring(place),
        ));
    }

    /// Sends the 502; without a connection, as soon as it is back.
    pub(super) fn send_join(&mut self) {
        let own = self.own.clone();
        let Some(call) = &mut self.call else { return };
        let Some(id_group) = call.id_group.clone() else {
            return;
        };
        call.progress = Progress::Sent;
        if !self.online {
            return;
        }
        let info = call.local_info.clone();
        call.told.clone_from(&info);
        let join = Join {
            pseudo: own.clone(),
            id_group,
            info,
        };
        self.outputs.push_back(CallOutput::Request(
            self.request(RequestKind::Accept(own)),
            ClientMessage::Accept(join),
        ));
    }
}
