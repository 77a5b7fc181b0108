//! When each step of setting up a call happened, for the log: events of the target
//! `cooee_sdk::setup`, at level `info`.

use std::sync::{Mutex, PoisonError};

use cooee_core::path::PathEvent;
use cooee_protocol::ServerMessage;
use tokio::time::Instant;

/// A step from the accept to voice both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Sound may be captured: the local user has accepted, or a call of the local user was.
    Accepted,
    /// 505: the server asks for the addresses.
    Asked,
    /// 507: the addresses of the others.
    Told,
    /// The local candidates are as complete as waiting makes them.
    Gathered,
    /// The keys with the first participant.
    KeysAgreed,
    /// Devices or files are being opened.
    SoundOpening,
    /// They are open.
    SoundOpen,
    /// The first sealed voice frame went out.
    FrameSent,
    /// The first authentic voice frame came in.
    FrameReceived,
    /// The first path was selected.
    PathSelected,
}

const STEPS: usize = 10;

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Asked => "505 received",
            Self::Told => "507 received",
            Self::Gathered => "gathered",
            Self::KeysAgreed => "keys agreed",
            Self::SoundOpening => "sound opening",
            Self::SoundOpen => "sound open",
            Self::FrameSent => "first frame sent",
            Self::FrameReceived => "first frame received",
            Self::PathSelected => "path selected",
        }
    }
}

/// The steps of one call; each counts once.
#[derive(Debug, Default)]
pub(crate) struct Trace(Mutex<Times>);

#[derive(Debug, Default)]
struct Times {
    accepted: Option<Instant>,
    /// In their order.
    seen: Vec<(Step, Instant)>,
}

impl Trace {
    /// A step happens now. One before the accept is logged with it, at a time below zero.
    pub(crate) fn mark(&self, step: Step) {
        self.mark_at(step, Instant::now());
    }

    /// What the server says may be a step.
    pub(crate) fn message(&self, message: &ServerMessage) {
        if matches!(message, ServerMessage::RequestInfo(_)) {
            self.mark(Step::Asked);
        } else if matches!(message, ServerMessage::DistributeInfo(_)) {
            self.mark(Step::Told);
        }
    }

    /// What the path agent says may be a step.
    pub(crate) fn path(&self, event: &PathEvent) {
        match event {
            PathEvent::GatheringDone => self.mark(Step::Gathered),
            PathEvent::Selected { .. } => self.mark(Step::PathSelected),
            PathEvent::DescriptionChanged | PathEvent::Lost { .. } => {}
        }
    }

    fn mark_at(&self, step: Step, at: Instant) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (step, micros) in times.mark(step, at) {
            tracing::info!(target: "cooee_sdk::setup", step = step.name(), micros, "set-up");
        }
    }
}

impl Times {
    /// Takes a step; those that can be told now, in microseconds since the accept.
    fn mark(&mut self, step: Step, at: Instant) -> Vec<(Step, i64)> {
        if self.seen.len() >= STEPS || self.seen.iter().any(|(seen, _)| *seen == step) {
            return Vec::new();
        }
        self.seen.push((step, at));
        if step == Step::Accepted {
            self.accepted = Some(at);
            return self
                .seen
                .iter()
                .map(|(step, then)| (*step, micros(at, *then)))
                .collect();
        }
        self.accepted
            .map(|accepted| (step, micros(accepted, at)))
            .into_iter()
            .collect()
    }
}

/// From one time to another, below zero when the other is the earlier one.
fn micros(from: Instant, to: Instant) -> i64 {
    let whole = |duration: std::time::Duration| i64::try_from(duration.as_micros());
    match to.checked_duration_since(from) {
        Some(after) => whole(after).unwrap_or(i64::MAX),
        None => -whole(from.saturating_duration_since(to)).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Step, Times};

    #[test]
    fn steps_before_the_accept_are_told_with_it_and_each_counts_once() {
        let mut times = Times::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(times.mark(Step::Gathered, at(0)), []);
        assert_eq!(
            times.mark(Step::Accepted, at(5)),
            [(Step::Gathered, -5_000), (Step::Accepted, 0)]
        );
        assert_eq!(times.mark(Step::Asked, at(25)), [(Step::Asked, 20_000)]);
        assert_eq!(times.mark(Step::Asked, at(30)), []);
        assert_eq!(times.mark(Step::Gathered, at(31)), []);
    }
}
