//! What the machine knows of its one call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cooee_protocol::{CallInfo, GroupId, Username};
use serde_json::Value;

use super::super::reason::EndReason;
use super::super::types::{CallPhase, Target};
use crate::path::PeerId;

/// The most people that one call remembers; a group has no more members.
pub(super) const MAX_PEOPLE: usize = 1_000;

/// How long consent to send lasts without an answer (RFC 7675, section 5.1).
const CONSENT: Duration = Duration::from_secs(30);

/// How the call began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The local user called.
    Placed(Target),
    /// Somebody called.
    Rung(Username),
}

/// How far the 501 or 502 of this client has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Not sent.
    Unsent,
    /// Sent; what the server says of the call until the echo is about an earlier one.
    Sent,
    /// Sent once more after a break: the first may have arrived.
    Repeated,
    /// Echoed.
    Confirmed,
}

#[derive(Debug)]
pub(super) struct Participant {
    pub(super) peer: PeerId,
    pub(super) info: CallInfo,
    pub(super) reachable: bool,
    /// When the path to them was lost, while it is.
    pub(super) lost: Option<Instant>,
}

/// What the call waits for when its deadline comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The local addresses have had their time: ring without them.
    Ring,
    /// The server did not repeat the ring after a break.
    Unconfirmed,
    /// It has rung, or waited alone, for too long.
    Unanswered,
    /// No path has opened or come back.
    NoPath,
    /// The server is gone, and nobody else is there yet.
    ServerGone,
    /// The last participant has said goodbye, and the server does not say that it is over.
    Alone,
    /// Somebody has not been reached for so long that they count as gone, and the server is not
    /// there to say so.
    Gone(PeerId),
}

#[derive(Debug)]
pub(super) struct Call {
    /// Tells the requests of this call from those of an earlier one.
    pub(super) serial: u64,
    pub(super) phase: CallPhase,
    pub(super) origin: Origin,
    pub(super) progress: Progress,
    /// Known from the start, except for a direct call before its echo.
    pub(super) id_group: Option<GroupId>,
    pub(super) ringing: BTreeSet<Username>,
    /// The others who have accepted.
    pub(super) joined: BTreeSet<Username>,
    /// Those of them who have told their addresses.
    pub(super) peers: BTreeMap<Username, Participant>,
    pub(super) local_info: Option<CallInfo>,
    /// The server asked for addresses (505) and has not been told.
    pub(super) asked: bool,
    /// What it was told last.
    pub(super) told: Option<CallInfo>,
    pub(super) accepted_at: Option<Instant>,
    pub(super) voice_open: bool,
    /// Why somebody left last: what "ended" means then.
    pub(super) last_left: Option<EndReason>,
    pub(super) gather_until: Option<Instant>,
    pub(super) confirm_until: Option<Instant>,
    pub(super) path_until: Option<Instant>,
    pub(super) ring_until: Instant,
    pub(super) alone_until: Option<Instant>,
    /// The keys of those who have said goodbye: until the server knows, it still lists them.
    pub(super) departed: BTreeMap<Username, Value>,
}

impl Call {
    pub(super) fn new(serial: u64, phase: CallPhase, origin: Origin, ring_until: Instant) -> Self {
        Self {
            serial,
            phase,
            origin,
            progress: Progress::Unsent,
            id_group: None,
            ringing: BTreeSet::new(),
            joined: BTreeSet::new(),
            peers: BTreeMap::new(),
            local_info: None,
            asked: false,
            told: None,
            accepted_at: None,
            voice_open: false,
            last_left: None,
            gather_until: None,
            confirm_until: None,
            path_until: None,
            ring_until,
            alone_until: None,
            departed: BTreeMap::new(),
        }
    }

    pub(super) fn is(&self, id_group: &GroupId) -> bool {
        self.id_group.as_ref() == Some(id_group)
    }

    /// Whether the local user has called, or accepted, and somebody else too.
    pub(super) fn accepted(&self) -> bool {
        match self.phase {
            CallPhase::RingingOut | CallPhase::RingingIn => false,
            CallPhase::Connecting | CallPhase::Connected | CallPhase::Reconnecting => true,
        }
    }

    /// The contact whom the local user called.
    pub(super) fn contact(&self) -> Option<&Username> {
        match &self.origin {
            Origin::Placed(Target::Contact(contact)) => Some(contact),
            Origin::Placed(Target::Group(..)) | Origin::Rung(_) => None,
        }
    }

    /// Whether what the server says of the call `id_group` is about this call: not before the
    /// 501 was echoed, as a pair's id outlasts their calls.
    pub(super) fn heeds(&self, id_group: &GroupId) -> bool {
        let settled = match self.origin {
            Origin::Placed(_) => self.progress == Progress::Confirmed,
            Origin::Rung(_) => true,
        };
        settled && self.is(id_group)
    }

    /// Whether 502, 505 or 507 stand for an echo that a break has swallowed.
    pub(super) fn lacks_echo(&self, id_group: &GroupId) -> bool {
        let placed = match self.origin {
            Origin::Placed(_) => self.phase == CallPhase::RingingOut,
            Origin::Rung(_) => false,
        };
        placed
            && match self.progress {
                Progress::Unsent | Progress::Sent => false,
                Progress::Repeated => self.id_group.is_none() || self.is(id_group),
                Progress::Confirmed => self.id_group.is_none(),
            }
    }

    pub(super) fn is_reached(&self) -> bool {
        self.peers.values().any(|peer| peer.reachable)
    }

    /// Nobody else is there, though the call was accepted: somebody may still be rung.
    pub(super) fn is_deserted(&self) -> bool {
        self.accepted() && self.joined.is_empty() && self.path_until.is_none()
    }

    /// What happens next if nothing else does; `offline_until` while the server is gone.
    pub(super) fn next_due(&self, offline_until: Option<Instant>) -> Option<(Instant, Due)> {
        let waits = !self.accepted() || self.is_deserted();
        let ring = Some(self.ring_until).filter(|_| waits);
        let server = offline_until.filter(|_| waits);
        [
            (self.gather_until, Due::Ring),
            (self.confirm_until, Due::Unconfirmed),
            (self.path_until, Due::NoPath),
            (server, Due::ServerGone),
            (ring, Due::Unanswered),
            (self.alone_until, Due::Alone),
        ]
        .into_iter()
        .filter_map(|(at, due)| Some((at?, due)))
        .chain(self.next_gone(offline_until))
        .min_by_key(|(at, _)| *at)
    }

    /// Who counts as gone next: not reached until consent to send has expired, and away from a
    /// server that is away itself for as long as that keeps places.
    fn next_gone(&self, offline_until: Option<Instant>) -> Option<(Instant, Due)> {
        let offline_until = offline_until?;
        let lost = self.peers.values().filter_map(|known| {
            let at = known.lost? + CONSENT;
            Some((at.max(offline_until), Due::Gone(known.peer)))
        });
        lost.min_by_key(|(at, _)| *at)
    }

    /// Remembers a participant; `false` when they were known, or too many are.
    pub(super) fn join(&mut self, who: &Username) -> bool {
        self.ringing.remove(who);
        self.alone_until = None;
        self.joined.len() < MAX_PEOPLE && self.joined.insert(who.clone())
    }

    pub(super) fn ring(&mut self, people: &[Username]) {
        for who in people {
            if self.ringing.len() < MAX_PEOPLE && !self.joined.contains(who) {
                self.ringing.insert(who.clone());
            }
        }
    }

    /// Whether they are in the call or may come into it.
    pub(super) fn expects(&self, who: &Username) -> bool {
        self.joined.contains(who) || self.ringing.contains(who)
    }

    /// The same person under another name; the participant's number, if it has one.
    pub(super) fn rename(&mut self, previous: &Username, name: &Username) -> Option<PeerId> {
        for set in [&mut self.ringing, &mut self.joined] {
            if set.remove(previous) {
                set.insert(name.clone());
            }
        }
        match &mut self.origin {
            Origin::Rung(person) | Origin::Placed(Target::Contact(person)) => {
                if person == previous {
                    *person = name.clone();
                }
            }
            Origin::Placed(Target::Group(_, people)) => {
                for person in people.iter_mut().filter(|person| *person == previous) {
                    *person = name.clone();
                }
            }
        }
        if let Some(key) = self.departed.remove(previous) {
            self.departed.insert(name.clone(), key);
        }
        let participant = self.peers.remove(previous)?;
        let peer = participant.peer;
        self.peers.insert(name.clone(), participant);
        Some(peer)
    }
}
