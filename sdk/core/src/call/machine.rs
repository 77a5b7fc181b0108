//! The call machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use cooee_protocol::{
    CallInfo, ClientMessage, DistributeInfo, ErrorCode, ErrorReply, GroupId, InfoCall, Join, Place,
    Quit, Ring, ServerMessage, Username,
};

use super::permit::CapturePermit;
use super::reason::EndReason;
use crate::path::PeerId;

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One confirmed contact.
    Contact(Username),
    /// The members of a group; nobody named means all of them.
    Group(GroupId, Vec<Username>),
}

/// Limits of the call machine.
#[derive(Debug, Clone)]
pub struct CallConfig {
    /// How long a 501 waits for the local addresses, so that they travel with it.
    pub gathering_grace: Duration,
    /// How long a call that was accepted may take to find a first path, and how long a call that
    /// lost its last path waits for another.
    pub path_timeout: Duration,
    /// How long a ring is believed after the connection to the server came back, until the
    /// server repeats it.
    pub ring_confirmation: Duration,
}

impl Default for CallConfig {
    fn default() -> Self {
        Self {
            gathering_grace: Duration::from_millis(150),
            path_timeout: Duration::from_secs(30),
            ring_confirmation: Duration::from_secs(5),
        }
    }
}

/// Where the call is; see [`CallMachine`] for the diagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallPhase {
    /// The local user called, nobody accepted yet.
    RingingOut,
    /// Somebody calls, the local user has not decided.
    RingingIn,
    /// Accepted; no path has opened yet.
    Connecting,
    /// At least one participant is reached.
    Connected,
    /// Was connected; every path is lost for now.
    Reconnecting,
}

/// Why a call cannot be placed, accepted, declined or hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is a call already.
    #[error("there is a call already; hang up first")]
    Busy,
    /// There is no such call.
    #[error("there is no such call (any more)")]
    NoCall,
    /// The call is not ringing here.
    #[error("the call is not waiting for an answer")]
    NotRinging,
}

/// A request that the machine sent, to tell its answer apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallRequest {
    /// 501.
    Ring,
    /// 502.
    Accept,
    /// 503.
    Quit,
    /// 506.
    Info,
}

/// What the caller of the machine has to do, in order.
#[derive(Debug)]
pub enum CallOutput {
    /// Send this to the server and report the answer to [`CallMachine::handle_answer`].
    Request(CallRequest, ClientMessage),
    /// Open sockets and gather candidates; report them to [`CallMachine::handle_local_info`].
    /// Nothing of it is told to anybody before the call is placed or accepted.
    Prepare,
    /// The call was placed and accepted: open microphone and loudspeaker.
    OpenVoice(CapturePermit),
    /// A participant told their addresses and keys.
    AddPeer {
        /// The number that this machine gave the participant.
        peer: PeerId,
        /// Their name as both sides know it now: keys are bound to it.
        name: Username,
        /// What they said.
        info: CallInfo,
    },
    /// A participant told new addresses under the same keys.
    UpdatePeer {
        /// The participant.
        peer: PeerId,
        /// What they said.
        info: CallInfo,
    },
    /// A participant is gone.
    RemovePeer(PeerId),
    /// The call is over: close devices and sockets.
    Close,
    /// Tell the user.
    Event(CallEvent),
}

/// What the user is told of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEvent {
    /// Somebody calls.
    RingingIn {
        /// The call.
        id_group: GroupId,
        /// The caller.
        from: Username,
    },
    /// The call rings at these people.
    RingingOut {
        /// The call.
        id_group: GroupId,
        /// Who is being rung.
        ringing: Vec<Username>,
    },
    /// Accepted, here or there; a path is being opened.
    Connecting {
        /// The call.
        id_group: GroupId,
    },
    /// The first participant is reached.
    Connected {
        /// The call.
        id_group: GroupId,
        /// Since the accept.
        since_accept: Duration,
    },
    /// A participant accepted.
    Joined {
        /// The call.
        id_group: GroupId,
        /// Who.
        who: Username,
    },
    /// A participant left, declined or did not answer.
    Left {
        /// The call.
        id_group: GroupId,
        /// Who.
        who: Username,
        /// Why.
        reason: EndReason,
    },
    /// Every path is lost; the call waits for one to come back.
    Reconnecting {
        /// The call.
        id_group: GroupId,
    },
    /// A path came back.
    Reconnected {
        /// The call.
        id_group: GroupId,
    },
    /// The call is over.
    Ended {
        /// The call, when the server had given it an id.
        id_group: Option<GroupId>,
        /// Why.
        reason: EndReason,
        /// What the server said about it.
        detail: Option<String>,
    },
}

#[derive(Debug)]
struct Participant {
    peer: PeerId,
    info: CallInfo,
    reachable: bool,
}

#[derive(Debug)]
struct Call {
    phase: CallPhase,
    /// Known from the start, except for a direct call before its echo.
    id_group: Option<GroupId>,
    target: Option<Target>,
    caller: Option<Username>,
    ringing: BTreeSet<Username>,
    joined: BTreeSet<Username>,
    peers: BTreeMap<Username, Participant>,
    local_info: Option<CallInfo>,
    /// The server asked for addresses (505) and has not been told.
    asked: bool,
    /// What it was told last.
    told: Option<CallInfo>,
    accepted_at: Option<Instant>,
    /// When the machine acts by itself next; what it does depends on the phase.
    deadline: Option<Instant>,
    /// 501 or 502 is on its way.
    sent: bool,
    voice_open: bool,
}

impl Call {
    fn new(phase: CallPhase) -> Self {
        Self {
            phase,
            id_group: None,
            target: None,
            caller: None,
            ringing: BTreeSet::new(),
            joined: BTreeSet::new(),
            peers: BTreeMap::new(),
            local_info: None,
            asked: false,
            told: None,
            accepted_at: None,
            deadline: None,
            sent: false,
            voice_open: false,
        }
    }

    fn is(&self, id_group: &GroupId) -> bool {
        self.id_group.as_ref() == Some(id_group)
    }

    fn is_direct(&self) -> bool {
        matches!(self.target, Some(Target::Contact(_)))
    }

    fn accepted(&self) -> bool {
        match self.phase {
            CallPhase::RingingOut | CallPhase::RingingIn => false,
            CallPhase::Connecting | CallPhase::Connected | CallPhase::Reconnecting => true,
        }
    }
}

/// One client's calls: at most one at a time.
///
/// ```text
///            place                     502, 505 or 507 of the call
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
/// Both calling at once (glare): the second 501 acts as an accept on the server, and the 501
/// that rings here for the same call is taken as the other side's consent, not as a second call.
///
/// Getters: [`phase`](Self::phase), [`id_group`](Self::id_group), [`participants`](Self::participants).
/// The user's acts: [`place`](Self::place), [`accept`](Self::accept), [`decline`](Self::decline),
/// [`hang_up`](Self::hang_up), [`add_people`](Self::add_people). What happens: `handle_*`. What is
/// to be done: [`poll_output`](Self::poll_output) until there is nothing left, then wait until
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct CallMachine {
    config: CallConfig,
    own: Username,
    call: Option<Call>,
    outputs: VecDeque<CallOutput>,
    next_peer: u32,
}

impl CallMachine {
    /// A machine for the profile `own`, without a call.
    pub fn new(own: Username, config: CallConfig) -> Self {
        Self {
            config,
            own,
            call: None,
            outputs: VecDeque::new(),
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

    /// Calls somebody.
    ///
    /// # Errors
    ///
    /// [`CallError::Busy`] when there is a call already.
    pub fn place(&mut self, now: Instant, target: Target) -> Result<(), CallError> {
        if self.call.is_some() {
            return Err(CallError::Busy);
        }
        let mut call = Call::new(CallPhase::RingingOut);
        if let Target::Group(id_group, _) = &target {
            call.id_group = Some(id_group.clone());
        }
        call.target = Some(target);
        call.deadline = Some(now + self.config.gathering_grace);
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
        let own = self.own.clone();
        let call = self.call.as_mut().ok_or(CallError::NoCall)?;
        match call.phase {
            CallPhase::RingingIn => {}
            CallPhase::RingingOut
            | CallPhase::Connecting
            | CallPhase::Connected
            | CallPhase::Reconnecting => return Err(CallError::NotRinging),
        }
        let id_group = call.id_group.clone().ok_or(CallError::NoCall)?;
        let info = call.local_info.clone();
        call.told.clone_from(&info);
        call.sent = true;
        if let Some(caller) = call.caller.clone() {
            call.joined.insert(caller);
        }
        let join = Join {
            pseudo: own,
            id_group,
            info,
        };
        self.outputs.push_back(CallOutput::Request(
            CallRequest::Accept,
            ClientMessage::Accept(join),
        ));
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

    /// Hangs up, or withdraws a call that still rings.
    ///
    /// # Errors
    ///
    /// [`CallError::NoCall`] when there is none.
    pub fn hang_up(&mut self) -> Result<(), CallError> {
        match self.phase() {
            None => Err(CallError::NoCall),
            Some(CallPhase::RingingIn) => self.decline(),
            Some(_) => {
                self.quit(EndReason::HungUp, "quit", None);
                Ok(())
            }
        }
    }

    /// Ends the call because sound cannot be captured or played.
    pub fn fail_audio(&mut self, detail: Option<String>) {
        if self.call.is_some() {
            self.quit(EndReason::Audio, "audio", detail);
        }
    }

    /// Rings more members of the group into the call.
    ///
    /// # Errors
    ///
    /// [`CallError::NoCall`] when there is none that was accepted.
    pub fn add_people(&mut self, people: Vec<Username>) -> Result<(), CallError> {
        let call = self.call.as_ref().ok_or(CallError::NoCall)?;
        let id_group = call.id_group.clone().ok_or(CallError::NoCall)?;
        let untold = CallInfo::untold();
        self.outputs.push_back(CallOutput::Request(
            CallRequest::Ring,
            ClientMessage::Ring(Place {
                id_group: Some(id_group),
                list_pseudo: people,
                address: untold.address,
                port: untold.port,
                info: None,
            }),
        ));
        Ok(())
    }

    /// The local addresses and keys are known, or have changed.
    pub fn handle_local_info(&mut self, info: CallInfo) {
        let Some(call) = &mut self.call else { return };
        call.local_info = Some(info);
        if call.phase == CallPhase::RingingOut && !call.sent {
            self.ring();
        } else {
            self.tell_info();
        }
    }

    /// A message from the server that answers no request of this machine. Messages that do not
    /// belong to calls are not looked at.
    pub fn handle_message(&mut self, now: Instant, message: &ServerMessage) {
        match message {
            ServerMessage::Ring(ring) => self.handle_ring(ring),
            ServerMessage::Accept(join) => self.handle_accepted(now, join),
            ServerMessage::Quit(quit) => self.handle_quit(quit),
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
            | ServerMessage::Logout(_) => {}
        }
    }

    /// The answer to a [`CallOutput::Request`].
    pub fn handle_answer(
        &mut self,
        request: CallRequest,
        answer: Result<&ServerMessage, &ErrorReply>,
    ) {
        match (request, answer) {
            (CallRequest::Ring, Ok(ServerMessage::Ring(echo))) => self.handle_ring_echo(echo),
            (CallRequest::Ring, Err(error)) => {
                let ringing_out = self.phase() == Some(CallPhase::RingingOut);
                // A refusal to ring further people does not touch the call that goes on.
                if ringing_out {
                    let reason = match error.code {
                        ErrorCode::CallFailed => EndReason::of_failure(error.reason.as_deref()),
                        ErrorCode::ServerFault | ErrorCode::SlowDown => EndReason::ServerLost,
                        ErrorCode::PseudoExists
                        | ErrorCode::AuthFailed
                        | ErrorCode::MessageNotSent
                        | ErrorCode::ProfileNotAdded
                        | ErrorCode::ContactNotFound
                        | ErrorCode::AlreadyContact
                        | ErrorCode::Invalid
                        | ErrorCode::NotAllowed => EndReason::Refused,
                    };
                    self.end(reason, error.detail.clone());
                }
            }
            (CallRequest::Accept, Err(error)) => {
                let reason = match error.code {
                    ErrorCode::CallFailed => EndReason::Cancelled,
                    ErrorCode::NotAllowed => EndReason::AnsweredElsewhere,
                    ErrorCode::PseudoExists
                    | ErrorCode::AuthFailed
                    | ErrorCode::MessageNotSent
                    | ErrorCode::ProfileNotAdded
                    | ErrorCode::ContactNotFound
                    | ErrorCode::AlreadyContact
                    | ErrorCode::Invalid
                    | ErrorCode::SlowDown
                    | ErrorCode::ServerFault => EndReason::Refused,
                };
                self.end(reason, error.detail.clone());
            }
            (CallRequest::Info, Err(error)) if error.code == ErrorCode::CallFailed => {
                // The server does not know the call (any more). Voice that flows goes on; a call
                // without a path has nothing left to wait for.
                if self.phase() != Some(CallPhase::Connected) {
                    self.end(EndReason::Lost, error.detail.clone());
                }
            }
            (CallRequest::Accept | CallRequest::Quit | CallRequest::Info, _)
            | (CallRequest::Ring, Ok(_)) => {}
        }
    }

    /// A path to a participant opened.
    pub fn handle_path_selected(&mut self, now: Instant, peer: PeerId) {
        let Some(call) = &mut self.call else { return };
        let Some(participant) = call.peers.values_mut().find(|known| known.peer == peer) else {
            return;
        };
        participant.reachable = true;
        let Some(id_group) = call.id_group.clone() else {
            return;
        };
        let event = match call.phase {
            CallPhase::Connecting => {
                let accepted = call.accepted_at.unwrap_or(now);
                CallEvent::Connected {
                    id_group,
                    since_accept: now.saturating_duration_since(accepted),
                }
            }
            CallPhase::Reconnecting => CallEvent::Reconnected { id_group },
            CallPhase::Connected | CallPhase::RingingIn | CallPhase::RingingOut => return,
        };
        call.phase = CallPhase::Connected;
        call.deadline = None;
        self.outputs.push_back(CallOutput::Event(event));
    }

    /// The path to a participant is lost.
    pub fn handle_path_lost(&mut self, now: Instant, peer: PeerId) {
        let Some(call) = &mut self.call else { return };
        if let Some(participant) = call.peers.values_mut().find(|known| known.peer == peer) {
            participant.reachable = false;
        }
        self.check_reachable(now);
    }

    /// The connection to the server is back and in step; `own` is the profile's name now.
    pub fn handle_resumed(&mut self, now: Instant) {
        let Some(call) = &mut self.call else { return };
        match call.phase {
            CallPhase::RingingIn => call.deadline = Some(now + self.config.ring_confirmation),
            CallPhase::RingingOut => {
                // The 501 may or may not have arrived: ringing again is harmless.
                if call.sent {
                    self.ring();
                }
            }
            CallPhase::Connecting | CallPhase::Connected | CallPhase::Reconnecting => {
                // Answered by an echo when the server still has this session in the call.
                call.told = None;
                call.asked = true;
                self.tell_info();
            }
        }
    }

    /// The connection to the server will not come back: the session has ended.
    pub fn handle_signed_out(&mut self) {
        if self.call.is_some() {
            self.end(EndReason::ServerLost, None);
        }
    }

    /// The profile behind a name has another name now; also this client's own.
    pub fn handle_rename(&mut self, previous: &Username, name: &Username) {
        if *previous == self.own {
            self.own = name.clone();
        }
        let Some(call) = &mut self.call else { return };
        if let Some(participant) = call.peers.remove(previous) {
            call.peers.insert(name.clone(), participant);
        }
        for set in [&mut call.ringing, &mut call.joined] {
            if set.remove(previous) {
                set.insert(name.clone());
            }
        }
        if call.caller.as_ref() == Some(previous) {
            call.caller = Some(name.clone());
        }
        if call.target == Some(Target::Contact(previous.clone())) {
            call.target = Some(Target::Contact(name.clone()));
        }
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(call) = &mut self.call else { return };
        if call.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        call.deadline = None;
        match call.phase {
            CallPhase::RingingOut => {
                if !call.sent {
                    self.ring();
                }
            }
            CallPhase::RingingIn => self.end(EndReason::Cancelled, None),
            CallPhase::Connecting | CallPhase::Reconnecting => {
                self.quit(EndReason::NoPath, "no_path", None);
            }
            CallPhase::Connected => {}
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.call.as_ref().and_then(|call| call.deadline)
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<CallOutput> {
        self.outputs.pop_front()
    }

    fn event(&mut self, event: CallEvent) {
        self.outputs.push_back(CallOutput::Event(event));
    }

    fn ring(&mut self) {
        let Some(call) = &mut self.call else { return };
        let (id_group, list_pseudo) = match &call.target {
            Some(Target::Contact(contact)) => (None, vec![contact.clone()]),
            Some(Target::Group(id_group, people)) => (Some(id_group.clone()), people.clone()),
            None => return,
        };
        call.sent = true;
        call.deadline = None;
        call.told.clone_from(&call.local_info);
        // The ring itself never tells an address: who does not accept learns none.
        let untold = CallInfo::untold();
        let place = Place {
            id_group,
            list_pseudo,
            address: untold.address,
            port: untold.port,
            info: call.local_info.clone(),
        };
        self.outputs.push_back(CallOutput::Request(
            CallRequest::Ring,
            ClientMessage::Ring(place),
        ));
    }

    fn handle_ring(&mut self, ring: &Ring) {
        let Some(caller) = &ring.pseudo else { return };
        match &mut self.call {
            None => {
                let mut call = Call::new(CallPhase::RingingIn);
                call.id_group = Some(ring.id_group.clone());
                call.caller = Some(caller.clone());
                self.call = Some(call);
                self.outputs.push_back(CallOutput::Prepare);
                self.event(CallEvent::RingingIn {
                    id_group: ring.id_group.clone(),
                    from: caller.clone(),
                });
            }
            Some(call) if call.is(&ring.id_group) => {
                // The server repeats a ring after a resume, which confirms it.
                if call.phase == CallPhase::RingingIn {
                    call.deadline = None;
                }
            }
            Some(call)
                if call.phase == CallPhase::RingingOut
                    && call.id_group.is_none()
                    && call.target == Some(Target::Contact(caller.clone())) =>
            {
                // Glare before the echo: this ring names the call that both are placing.
                call.id_group = Some(ring.id_group.clone());
            }
            Some(_) => self.send_quit(ring.id_group.clone(), "busy"),
        }
    }

    fn handle_ring_echo(&mut self, echo: &Ring) {
        let Some(call) = &mut self.call else {
            // Hung up before the echo told the call's id.
            self.send_quit(echo.id_group.clone(), "quit");
            return;
        };
        call.id_group.get_or_insert_with(|| echo.id_group.clone());
        if !call.is(&echo.id_group) {
            self.send_quit(echo.id_group.clone(), "quit");
            return;
        }
        call.ringing.extend(echo.list_pseudo.iter().cloned());
        let ringing = call.ringing.iter().cloned().collect();
        self.event(CallEvent::RingingOut {
            id_group: echo.id_group.clone(),
            ringing,
        });
        self.tell_info();
    }

    fn handle_accepted(&mut self, now: Instant, join: &Join) {
        let Some(call) = self.call_of(&join.id_group) else {
            return;
        };
        call.ringing.remove(&join.pseudo);
        let rang_out = call.phase == CallPhase::RingingOut;
        if call.joined.insert(join.pseudo.clone()) {
            self.event(CallEvent::Joined {
                id_group: join.id_group.clone(),
                who: join.pseudo.clone(),
            });
        }
        if rang_out {
            self.connecting(now);
        }
    }

    fn handle_quit(&mut self, quit: &Quit) {
        let own = quit.pseudo == self.own;
        let Some(call) = self.call_of(&quit.id_group) else {
            return;
        };
        if own {
            // "ended" follows the 503 of the last other participant, whose reason says more.
            let reason = EndReason::of_own(quit.reason.as_deref());
            self.end(reason, None);
            return;
        }
        call.ringing.remove(&quit.pseudo);
        let was_joined = call.joined.remove(&quit.pseudo);
        let peer = call.peers.remove(&quit.pseudo);
        let caller_gave_up =
            call.phase == CallPhase::RingingIn && call.caller.as_ref() == Some(&quit.pseudo);
        let direct = call.is_direct();
        let alone = call.joined.is_empty() && call.ringing.is_empty();
        let accepted = call.accepted();
        let reason = match EndReason::of_others(quit.reason.as_deref()) {
            EndReason::RemoteHungUp if !was_joined && !caller_gave_up => EndReason::Declined,
            reason => reason,
        };
        if let Some(peer) = peer {
            self.outputs.push_back(CallOutput::RemovePeer(peer.peer));
        }
        if caller_gave_up {
            // A group call may go on among the others, but nobody rings here any more.
            self.end(EndReason::Cancelled, None);
            return;
        }
        self.event(CallEvent::Left {
            id_group: quit.id_group.clone(),
            who: quit.pseudo.clone(),
            reason,
        });
        if direct || (alone && !accepted) || (alone && was_joined) {
            self.end(reason, None);
        }
    }

    fn handle_request_info(&mut self, now: Instant, id_group: &GroupId) {
        let Some(call) = self.call_of(id_group) else {
            // Not in that call here: say so rather than leave the others waiting.
            self.send_quit(id_group.clone(), "quit");
            return;
        };
        match call.phase {
            CallPhase::RingingIn => return,
            CallPhase::RingingOut => self.connecting(now),
            CallPhase::Connecting | CallPhase::Connected | CallPhase::Reconnecting => {}
        }
        if let Some(call) = &mut self.call {
            call.asked = true;
        }
        self.tell_info();
    }

    fn handle_distribute(&mut self, now: Instant, list: &DistributeInfo) {
        let Some(call) = self.call_of(&list.id_group) else {
            return;
        };
        match call.phase {
            CallPhase::RingingIn => return,
            CallPhase::RingingOut => self.connecting(now),
            CallPhase::Connecting | CallPhase::Connected | CallPhase::Reconnecting => {}
        }
        let Some(call) = &mut self.call else { return };
        let mut outputs = Vec::new();
        for entry in list.list_info.iter().filter(|entry| entry.pseudo != self.own) {
            if entry.info == CallInfo::untold() {
                continue;
            }
            let fresh_keys = |known: &Participant| {
                known.info.extra.get(super::info::KEY_FIELD)
                    != entry.info.extra.get(super::info::KEY_FIELD)
            };
            match call.peers.get_mut(&entry.pseudo) {
                Some(known) if known.info == entry.info => continue,
                Some(known) if !fresh_keys(known) => {
                    known.info = entry.info.clone();
                    outputs.push(CallOutput::UpdatePeer {
                        peer: known.peer,
                        info: entry.info.clone(),
                    });
                    continue;
                }
                Some(known) => outputs.push(CallOutput::RemovePeer(known.peer)),
                None => {}
            }
            let peer = PeerId(self.next_peer);
            self.next_peer = self.next_peer.wrapping_add(1);
            call.joined.insert(entry.pseudo.clone());
            call.ringing.remove(&entry.pseudo);
            call.peers.insert(
                entry.pseudo.clone(),
                Participant {
                    peer,
                    info: entry.info.clone(),
                    reachable: false,
                },
            );
            outputs.push(CallOutput::AddPeer {
                peer,
                name: entry.pseudo.clone(),
                info: entry.info.clone(),
            });
        }
        self.outputs.extend(outputs);
        self.check_reachable(now);
    }

    /// A 404 that answers no request: the call that it names was not answered in time.
    fn handle_failed(&mut self, error: &ErrorReply) {
        let Some(id_group) = &error.id_group else {
            return;
        };
        if self.call_of(id_group).is_some() {
            let reason = EndReason::of_failure(error.reason.as_deref());
            self.end(reason, error.detail.clone());
        }
    }

    fn connecting(&mut self, now: Instant) {
        let timeout = self.config.path_timeout;
        let Some(call) = &mut self.call else { return };
        call.phase = CallPhase::Connecting;
        call.accepted_at.get_or_insert(now);
        call.deadline = Some(now + timeout);
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

    /// Enters or leaves the wait for a path after the set of reachable peers changed.
    fn check_reachable(&mut self, now: Instant) {
        let Some(call) = &mut self.call else { return };
        let nobody = !call.peers.values().any(|peer| peer.reachable);
        if call.phase == CallPhase::Connected && nobody {
            call.phase = CallPhase::Reconnecting;
            call.deadline = Some(now + self.config.path_timeout);
            if let Some(id_group) = call.id_group.clone() {
                self.event(CallEvent::Reconnecting { id_group });
            }
        }
    }

    /// Sends 506 when the server waits for one or when what it was told is out of date.
    fn tell_info(&mut self) {
        let Some(call) = &mut self.call else { return };
        let due = call.asked || (call.accepted() && call.told != call.local_info);
        let (Some(id_group), Some(info), true) =
            (call.id_group.clone(), call.local_info.clone(), due)
        else {
            return;
        };
        call.asked = false;
        if call.told.as_ref() == Some(&info) {
            // The early `info` of 501 or 502 has said it already.
            return;
        }
        call.told = Some(info.clone());
        self.outputs.push_back(CallOutput::Request(
            CallRequest::Info,
            ClientMessage::InfoCall(InfoCall { id_group, info }),
        ));
    }

    fn call_of(&mut self, id_group: &GroupId) -> Option<&mut Call> {
        self.call.as_mut().filter(|call| call.is(id_group))
    }

    fn send_quit(&mut self, id_group: GroupId, reason: &str) {
        let quit = Quit {
            pseudo: self.own.clone(),
            id_group,
            reason: Some(reason.to_owned()),
        };
        self.outputs
            .push_back(CallOutput::Request(CallRequest::Quit, ClientMessage::Quit(quit)));
    }

    fn quit(&mut self, reason: EndReason, word: &str, detail: Option<String>) {
        if let Some(id_group) = self.id_group().cloned() {
            self.send_quit(id_group, word);
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
