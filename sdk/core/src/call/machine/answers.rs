//! The answers to what the machine has asked of the server.

use cooee_protocol::{ErrorCode, ErrorReply, GroupId, Ring, ServerMessage, Username};

use super::super::reason::EndReason;
use super::super::types::{CallEvent, CallPhase, CallRequest, RequestKind};
use super::CallMachine;
use super::call::{Origin, Progress};

impl CallMachine {
    /// The answer to a [`CallOutput::Request`](super::super::CallOutput::Request). A request that the connection was too busy for,
    /// or that was not answered in time, counts as refused with
    /// [`ServerFault`](ErrorCode::ServerFault); one that a break has swallowed as none:
    /// [`handle_resumed`](Self::handle_resumed) repairs that.
    pub fn handle_answer(
        &mut self,
        request: &CallRequest,
        answer: Result<&ServerMessage, &ErrorReply>,
    ) {
        let current = self
            .call
            .as_ref()
            .is_some_and(|call| call.serial == request.call);
        match (&request.kind, answer) {
            (RequestKind::Quit(name, id_group), Err(error))
                if error.code == ErrorCode::NotAllowed && *name != self.own =>
            {
                // The profile was renamed while the 503 was on its way.
                self.repeat_quit(id_group.clone(), None);
            }
            (RequestKind::Quit(_, id_group), _) => self.left(id_group),
            (RequestKind::Ring, answer) => {
                if self.ring_in_flight == Some(request.call) {
                    self.ring_in_flight = None;
                }
                match answer {
                    Ok(ServerMessage::Ring(echo)) if current => self.handle_echo(echo),
                    Ok(ServerMessage::Ring(echo)) => self.withdraw(&echo.id_group),
                    Err(error) if current => self.handle_ring_refused(error),
                    Ok(_) | Err(_) => {}
                }
                if self.ring_in_flight.is_none() {
                    self.leave_strays();
                }
                // The next call may have waited for this.
                self.ring_if_ready();
            }
            (RequestKind::Accept(_), Ok(ServerMessage::Accept(join))) if !current => {
                // It came too late for its call, and the server took it for the next one.
                self.withdraw(&join.id_group);
            }
            (RequestKind::RingMore(..) | RequestKind::Accept(_) | RequestKind::Info, _)
                if !current => {}
            (RequestKind::RingMore(..), Ok(ServerMessage::Ring(echo))) => {
                self.confirm(&echo.id_group, &echo.list_pseudo);
            }
            (RequestKind::RingMore(id_group, people), Err(error)) => {
                self.handle_more_refused(id_group, people, error);
            }
            (RequestKind::Accept(_), Ok(ServerMessage::Accept(_))) => {
                if let Some(call) = &mut self.call {
                    call.progress = Progress::Confirmed;
                }
            }
            (RequestKind::Accept(name), Err(error))
                if error.code == ErrorCode::NotAllowed && *name != self.own =>
            {
                self.send_join();
            }
            (RequestKind::Accept(_), Err(error)) => self.handle_accept_refused(error),
            (RequestKind::Info, Err(error)) if error.code == ErrorCode::CallFailed => {
                self.handle_forgotten(error);
            }
            (RequestKind::RingMore(..) | RequestKind::Accept(_) | RequestKind::Info, _) => {}
        }
    }

    /// The echo of the 501 that placed the current call.
    fn handle_echo(&mut self, echo: &Ring) {
        let Some(call) = &self.call else { return };
        if call
            .id_group
            .as_ref()
            .is_some_and(|id| *id != echo.id_group)
        {
            self.send_quit(echo.id_group.clone(), Some("quit"));
            return;
        }
        self.confirm(&echo.id_group, &echo.list_pseudo);
        self.tell_info();
    }

    /// The echo of a 501 or 502 whose call was over here before.
    fn withdraw(&mut self, id_group: &GroupId) {
        if self.leaving.contains_key(id_group) {
            return;
        }
        if let Some(call) = self.call.as_ref().filter(|call| call.is(id_group)) {
            match (&call.origin, call.phase) {
                // The other side rang as well and took that 501 for an accept.
                (Origin::Rung(_), CallPhase::RingingIn) => {
                    self.quit(EndReason::Cancelled, "quit", None);
                    return;
                }
                // This call has taken the place of the withdrawn one.
                (Origin::Rung(_), _) => return,
                (Origin::Placed(_), _) => {}
            }
        }
        self.send_quit(id_group.clone(), Some("quit"));
    }

    fn handle_ring_refused(&mut self, error: &ErrorReply) {
        let Some(call) = &mut self.call else { return };
        match call.phase {
            CallPhase::RingingOut => {}
            // Another frame has shown already that the server has the call.
            CallPhase::RingingIn
            | CallPhase::Connecting
            | CallPhase::Connected
            | CallPhase::Reconnecting => return,
        }
        if call.progress == Progress::Repeated && error.code == ErrorCode::NotAllowed {
            // "You are in that call already": the first 501 had arrived before the break.
            call.progress = Progress::Confirmed;
            return;
        }
        match EndReason::of_refusal(error) {
            // The 501 may have been carried out all the same.
            EndReason::ServerLost => self.quit(EndReason::ServerLost, "quit", error.detail.clone()),
            reason => self.end(reason, error.detail.clone()),
        }
    }

    /// A refusal to ring further people does not touch the call that goes on.
    fn handle_more_refused(&mut self, id_group: &GroupId, people: &[Username], error: &ErrorReply) {
        let reason = EndReason::of_refusal(error);
        for who in people {
            self.event(CallEvent::Left {
                id_group: id_group.clone(),
                who: who.clone(),
                reason,
            });
        }
    }

    fn handle_accept_refused(&mut self, error: &ErrorReply) {
        let detail = error.detail.clone();
        match EndReason::of_refusal(error) {
            EndReason::ServerLost => self.quit(EndReason::ServerLost, "quit", detail),
            EndReason::Refused if error.code == ErrorCode::NotAllowed => {
                self.end(EndReason::AnsweredElsewhere, detail);
            }
            _ if error.code == ErrorCode::CallFailed => self.end(EndReason::Cancelled, detail),
            reason => self.end(reason, detail),
        }
    }

    /// The server does not know the call (any more).
    fn handle_forgotten(&mut self, error: &ErrorReply) {
        let Some(call) = &self.call else { return };
        let reason = match call.phase {
            // Voice that flows goes on.
            CallPhase::Connected => return,
            CallPhase::RingingOut | CallPhase::RingingIn => EndReason::ServerLost,
            CallPhase::Connecting | CallPhase::Reconnecting => EndReason::Lost,
        };
        self.end(reason, error.detail.clone());
    }
}
