//! The call machine.

mod answers;
mod call;
mod link;
mod paths;
mod server;
mod user;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use cooee_protocol::{GroupId, Username};

use self::call::{Call, Due};
use super::permit::CapturePermit;
use super::reason::EndReason;
use super::types::{CallConfig, CallEvent, CallOutput, CallPhase, CallRequest, RequestKind};
use crate::path::PeerId;

/// One client's calls: at most one at a time.
///
/// ```text
///            place                 echoed, then 502, 505 or 507
///   (none) ────────▶ RingingOut ─────────────────────────┐
///      │                                                 ▼     a path opens
///      │ 501       accept                           Connecting ─────────────▶ Connected
///      └────▶ RingingIn ────────────────────────────────▲▲                      │   ▲
///                                                                last path lost │   │ one is back
///                                                                               ▼   │
///                                                                          Reconnecting
///   every state: hang up, 503, 404, a limit of time ─────▶ (none), with an EndReason
/// ```
///
/// A pair's id outlasts their calls, and frames of an earlier call may be on their way when the
/// next begins. Frames of one connection keep their order, though: what comes before the echo of
/// one's own 501 is about an earlier call, and so is what comes before the echo of one's 503.
///
/// Both calling at once (glare): the second 501 acts as an accept on the server. The 501 that
/// rings here for the call that one is placing is the other side's consent, not a second call.
///
/// A break of the connection to the server leaves the call as it is. What was not confirmed is
/// said again afterwards, and what the server says then of participants replaces what was known.
///
/// Getters: [`phase`](Self::phase), [`id_group`](Self::id_group),
/// [`participants`](Self::participants), [`name`](Self::name). The user's acts:
/// [`place`](Self::place), [`accept`](Self::accept), [`decline`](Self::decline),
/// [`hang_up`](Self::hang_up), [`add_people`](Self::add_people). What happens: `handle_*`. What is
/// to be done: [`poll_output`](Self::poll_output) until there is nothing left, then wait until
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct CallMachine {
    config: CallConfig,
    own: Username,
    call: Option<Call>,
    /// 503s that were not echoed, by call: until then its frames are stale.
    leaving: BTreeMap<GroupId, usize>,
    /// The call whose 501 was not answered. The next 501 waits: the server would take it for
    /// another in the same call.
    ring_in_flight: Option<u64>,
    /// Calls that the server spoke of meanwhile, and that are not here.
    strays: BTreeSet<GroupId>,
    online: bool,
    /// While the connection is gone: how long calls wait that nobody has accepted.
    offline_until: Option<Instant>,
    outputs: VecDeque<CallOutput>,
    last_serial: u64,
    next_peer: u32,
}

impl CallMachine {
    /// A machine for the profile `own`, without a call, with a connection to the server.
    pub fn new(own: Username, config: CallConfig) -> Self {
        Self {
            config,
            own,
            call: None,
            leaving: BTreeMap::new(),
            ring_in_flight: None,
            strays: BTreeSet::new(),
            online: true,
            offline_until: None,
            outputs: VecDeque::new(),
            last_serial: 0,
            next_peer: 1,
        }
    }

    /// The phase of the call, if there is one.
    pub fn phase(&self) -> Option<CallPhase> {
        self.call.as_ref().map(|call| call.phase)
    }

    /// The id of the call, as soon as it is known.
    pub fn id_group(&self) -> Option<&GroupId> {
        self.call.as_ref().and_then(|call| call.id_group.as_ref())
    }

    /// The other participants who have accepted.
    pub fn participants(&self) -> impl Iterator<Item = &Username> {
        self.call.iter().flat_map(|call| call.joined.iter())
    }

    /// The participant behind a number, while they are in the call.
    pub fn name(&self, peer: PeerId) -> Option<&Username> {
        let call = self.call.as_ref()?;
        call.peers
            .iter()
            .find(|(_, participant)| participant.peer == peer)
            .map(|(name, _)| name)
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, due)) = self.next_due()
            && at <= now
        {
            self.expire(now, due);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_due().map(|(at, _)| at)
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<CallOutput> {
        self.outputs.pop_front()
    }

    fn next_due(&self) -> Option<(Instant, Due)> {
        self.call.as_ref()?.next_due(self.offline_until)
    }

    /// Does what is due; each takes away its deadline, or the call.
    fn expire(&mut self, now: Instant, due: Due) {
        let Some(call) = &mut self.call else { return };
        match due {
            Due::Ring => {
                call.gather_until = None;
                self.ring_if_ready();
            }
            Due::Unconfirmed => self.end(EndReason::Cancelled, None),
            Due::NoPath => self.quit(EndReason::NoPath, "no_path", None),
            Due::Alone => {
                let reason = call.last_left.unwrap_or(EndReason::RemoteHungUp);
                self.quit(reason, "quit", None);
            }
            Due::Gone(peer) => {
                let mut known = call.peers.iter();
                let who = known.find(|(_, known)| known.peer == peer);
                if let Some(who) = who.map(|(who, _)| who.clone()) {
                    self.person_left(now, &who, EndReason::Lost);
                }
            }
            Due::Unanswered | Due::ServerGone => {
                let reason = match due {
                    Due::ServerGone => EndReason::ServerLost,
                    Due::Ring
                    | Due::Unconfirmed
                    | Due::NoPath
                    | Due::Unanswered
                    | Due::Alone
                    | Due::Gone(_) => EndReason::TimedOut,
                };
                match call.phase {
                    // Other sessions of this profile may still answer.
                    CallPhase::RingingIn => self.end(reason, None),
                    CallPhase::RingingOut => self.quit(reason, "quit", None),
                    CallPhase::Connecting | CallPhase::Connected | CallPhase::Reconnecting => {
                        let reason = call.last_left.unwrap_or(reason);
                        self.quit(reason, "quit", None);
                    }
                }
            }
        }
    }

    fn event(&mut self, event: CallEvent) {
        self.outputs.push_back(CallOutput::Event(event));
    }

    fn next_serial(&mut self) -> u64 {
        self.last_serial = self.last_serial.wrapping_add(1);
        self.last_serial
    }

    /// A request of the current call, or of none.
    fn request(&self, kind: RequestKind) -> CallRequest {
        CallRequest {
            call: self.call.as_ref().map_or(0, |call| call.serial),
            kind,
        }
    }

    /// The call was accepted, here or there: sound may flow.
    fn connecting(&mut self, now: Instant) {
        let Some(call) = &mut self.call else { return };
        call.phase = CallPhase::Connecting;
        call.accepted_at.get_or_insert(now);
        call.gather_until = None;
        call.confirm_until = None;
        call.path_until = Some(now + self.config.path_timeout);
        let opens_voice = !std::mem::replace(&mut call.voice_open, true);
        let id_group = call.id_group.clone();
        if opens_voice {
            self.outputs
                .push_back(CallOutput::OpenVoice(CapturePermit::mint()));
        }
        if let Some(id_group) = id_group {
            self.event(CallEvent::Connecting { id_group });
        }
    }

    /// Ends the call and tells the server so.
    fn quit(&mut self, reason: EndReason, word: &str, detail: Option<String>) {
        if let Some(id_group) = self.id_group().cloned() {
            self.send_quit(id_group, Some(word));
        }
        self.end(reason, detail);
    }

    fn end(&mut self, reason: EndReason, detail: Option<String>) {
        let Some(call) = self.call.take() else { return };
        self.outputs.push_back(CallOutput::Close);
        self.event(CallEvent::Ended {
            id_group: call.id_group,
            reason,
            detail,
        });
    }
}
