//! The call machine as the path agent's simulator sees it: a call of two that was accepted, and
//! what becomes of it as paths come and go.

use std::time::Instant;

use super::alice::{Alice, asks, echo, join, list, outputs, quit, requests};
use super::world::{info, name};
use crate::call::{CallEvent, CallMachine, CallOutput, CallPhase, EndReason, Target};
use crate::path::PeerId;

/// One side's call, with nobody reached yet.
pub(crate) struct Side {
    machine: CallMachine,
    peer: PeerId,
    /// Why it has ended.
    pub(crate) ended: Option<EndReason>,
}

impl Side {
    /// The call of a caller that was accepted at `now`.
    pub(crate) fn accepted(now: Instant) -> Self {
        let mut alice = Alice::new();
        alice.now = now;
        let target = Target::Contact(name("bob"));
        alice.machine.place(now, target).unwrap();
        alice.machine.handle_local_info(info("a", 1));
        let said = requests(&outputs(&mut alice.machine));
        alice.machine.handle_answer(&said[0].0, Ok(&echo("pair")));
        for message in [join("pair", "bob"), asks("pair")] {
            alice.hear(&message);
        }
        let heard = alice.hear(&list("pair", &[("bob", info("b", 1))]));
        let peer = heard.iter().find_map(|output| match output {
            CallOutput::AddPeer { peer, .. } => Some(*peer),
            _ => None,
        });
        Self {
            machine: alice.machine,
            peer: peer.unwrap(),
            ended: None,
        }
    }

    /// A path was selected, or the last one was lost.
    pub(crate) fn path(&mut self, now: Instant, is_there: bool) {
        self.pass(now);
        if is_there {
            self.machine.handle_path_selected(now, self.peer);
        } else {
            self.machine.handle_path_lost(now, self.peer);
        }
        self.look();
    }

    pub(crate) fn pass(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
        self.look();
    }

    /// The other side has ended its call.
    pub(crate) fn told_of_the_end(&mut self, now: Instant) {
        let word = quit("pair", "bob", "no_path");
        self.machine.handle_message(now, &word);
        self.look();
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.machine.phase() == Some(CallPhase::Connected)
    }

    fn look(&mut self) {
        for output in outputs(&mut self.machine) {
            if let CallOutput::Event(CallEvent::Ended { reason, .. }) = output {
                self.ended = Some(reason);
            }
        }
    }
}
