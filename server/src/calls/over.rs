//! Calls that are over, as their conversation remembers them.

use std::time::Instant;

use cooee_protocol::{CallOutcome, GroupId};

use super::call::Call;
use super::{Calls, Output, Target, left_message};
use crate::ids::ProfileId;

/// A call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) id: GroupId,
    pub(crate) caller: ProfileId,
    pub(crate) outcome: CallOutcome,
    /// When somebody answered first.
    pub(crate) answered: Option<Instant>,
}

impl Over {
    pub(super) fn of(call: &Call) -> Self {
        Self {
            id: call.id.clone(),
            caller: call.caller,
            outcome: match call.answered {
                Some(_) => CallOutcome::Finished,
                None if call.refused => CallOutcome::Declined,
                None => CallOutcome::Missed,
            },
            answered: call.answered,
        }
    }
}

impl Calls {
    /// A call that reached nobody: those who were meant learn of it later.
    pub(super) fn reached_nobody(&mut self, id: &GroupId, caller: ProfileId) {
        self.outputs.push_back(Output::Over(Over {
            id: id.clone(),
            caller,
            outcome: CallOutcome::Missed,
            answered: None,
        }));
    }

    /// Somebody wants to hear nothing more of somebody: what `by` rings them with declines.
    pub(crate) fn stop_rings_of(&mut self, by: ProfileId, rung: ProfileId) {
        for id in self.rung_by(rung) {
            let name = self
                .calls
                .get(&id)
                .and_then(|call| call.ringing(rung))
                .filter(|ringing| ringing.by.profile == by)
                .map(|ringing| ringing.person.name.clone());
            if let Some(name) = name {
                let own = left_message(&id, &name, "declined_elsewhere");
                self.send(Target::Profile(rung), own);
                self.stop_ringing(&id, rung, "declined");
            }
        }
    }
}
