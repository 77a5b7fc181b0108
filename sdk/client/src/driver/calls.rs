//! The driver's part for calls: between the call machine, the media plane and the user.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cooee_core::call::{CallError, CallEvent, CallOutput, CallPhase, CallRequest, Target};
use cooee_core::path::PeerId;
use cooee_core::signalling::RequestError;
use cooee_protocol::{ErrorCode, ErrorReply, GroupId, ServerMessage, Username};
use cooee_store::CallDirection;
use tokio::sync::watch;

use super::active::{ActiveCall, PlaneWake, describe};
use super::{CallAct, Driver, now};
use crate::call::plane::{self, Control, PlaneCommand, PlaneSignal};
use crate::call::trace::Step;
use crate::call::{AddressPrivacy, Call, CallOptions, CallSnapshot, Live};
use crate::error::CallActionError;
use crate::event::Event;

impl Driver {
    pub(super) fn place(
        &mut self,
        now: std::time::Instant,
        target: Target,
        options: CallOptions,
    ) -> Result<Call, CallActionError> {
        let online = self.is_online();
        let calls = self.calls.as_mut().ok_or(CallActionError::Offline)?;
        if !online {
            return Err(CallActionError::Offline);
        }
        if self.active.is_some() {
            return Err(CallError::Busy.into());
        }
        let peers = match &target {
            Target::Contact(contact) => vec![contact.to_string()],
            Target::Group(_, people) => people.iter().map(ToString::to_string).collect(),
        };
        let id_group = match &target {
            Target::Contact(_) => None,
            Target::Group(id_group, _) => Some(id_group.clone()),
        };
        calls.place(now, target)?;
        self.shared
            .archive
            .call_started(CallDirection::Outgoing, id_group.as_ref(), peers);
        self.open_plane(CallPhase::RingingOut, id_group);
        self.hand_over(options)
    }

    pub(super) fn accept(
        &mut self,
        now: std::time::Instant,
        id_group: &GroupId,
        options: CallOptions,
    ) -> Result<Call, CallActionError> {
        let calls = self.calls.as_mut().ok_or(CallError::NoCall)?;
        if calls.id_group() != Some(id_group) {
            return Err(CallError::NoCall.into());
        }
        // Whoever cannot talk does not accept first.
        if self
            .active
            .as_ref()
            .is_none_or(|active| active.broken.is_none())
        {
            calls.accept(now)?;
        }
        self.hand_over(options)
    }

    pub(super) fn decline(&mut self, id_group: &GroupId) -> Result<(), CallActionError> {
        let calls = self.calls.as_mut().ok_or(CallError::NoCall)?;
        if calls.id_group() != Some(id_group) {
            return Err(CallError::NoCall.into());
        }
        Ok(calls.decline()?)
    }

    pub(super) fn act(&mut self, call: u64, act: CallAct) -> Result<(), CallActionError> {
        let active = self.active.as_mut().filter(|active| active.id == call);
        let (Some(active), Some(calls)) = (active, &mut self.calls) else {
            return Err(CallError::NoCall.into());
        };
        match act {
            CallAct::Input(input) => active.set_input(input),
            CallAct::Output(output) => active.set_output(output),
            CallAct::HangUp => calls.hang_up()?,
            CallAct::AddPeople(people) => calls.add_people(people)?,
            CallAct::Verified => {
                if self.shared.address_privacy() == AddressPrivacy::RelayUntilVerified {
                    active.tell(PlaneCommand::ShowAddresses);
                }
            }
            CallAct::Mute(muted) => active.set_muted(muted),
            CallAct::Deafen(deafened) => active.set_deafened(deafened),
            CallAct::Process(processing) => active.control(Control::Processing(processing)),
            CallAct::SendMode(mode) => active.control(Control::SendMode(mode)),
            CallAct::Talk(talking) => active.control(Control::Talking(talking)),
            CallAct::Bitrate(bitrate) => active.control(Control::Bitrate(bitrate)),
            CallAct::Volume(who, percent) => {
                active.set_volume(&who, percent);
                self.shared.set_volume(who, percent);
            }
            CallAct::Silence(who, silenced) => active.set_silenced(&who, silenced),
        }
        Ok(())
    }

    /// Gives the active call its devices, and the user a handle to it.
    fn hand_over(&mut self, options: CallOptions) -> Result<Call, CallActionError> {
        let active = self.active.as_mut().ok_or(CallError::NoCall)?;
        if let Some(error) = active.broken.take() {
            if let Some(calls) = &mut self.calls {
                calls.fail_audio(None);
            }
            return Err(CallActionError::Sockets(error));
        }
        active.options = Some(options);
        Ok(Call::new(
            active.id,
            self.own_commands.clone(),
            active.snapshot.subscribe(),
            active.live.clone(),
            Arc::clone(&self.shared.audio),
        ))
    }

    fn open_plane(&mut self, phase: CallPhase, id_group: Option<GroupId>) {
        let (publisher, live) = Live::channel();
        let started = plane::start(
            self.shared.stun_servers(&self.server),
            self.server.is_loopback(),
            self.shared.address_privacy() != AddressPrivacy::Direct,
            Arc::clone(&self.tunnel),
            Arc::clone(&self.shared.audio),
            publisher,
        );
        let (plane, broken) = match started {
            Ok(plane) => (Some(plane), None),
            Err(error) => (None, Some(error)),
        };
        let (snapshot, _) = watch::channel(CallSnapshot {
            id_group,
            phase: Some(phase),
            participants: Vec::new(),
            routes: BTreeMap::new(),
            since_accept: None,
            muted: false,
            deafened: false,
            silenced: BTreeSet::new(),
            microphone: None,
            loudspeaker: None,
            ended: None,
        });
        let id = self.next_call;
        self.next_call += 1;
        self.active = Some(ActiveCall {
            id,
            plane,
            broken,
            options: None,
            names: BTreeMap::new(),
            snapshot,
            live,
            ended: None,
        });
    }

    pub(super) fn carry_out_call(&mut self, output: CallOutput) {
        match output {
            CallOutput::Request(request, message) => self.request_call(request, message),
            CallOutput::Prepare => {
                // A call that the user placed has opened its plane already.
                if self.active.is_none() {
                    let id_group = self
                        .calls
                        .as_ref()
                        .and_then(|calls| calls.id_group().cloned());
                    self.open_plane(CallPhase::RingingIn, id_group);
                }
            }
            CallOutput::OpenVoice(permit) => {
                self.shared.archive.call_accepted();
                let Some(active) = &mut self.active else {
                    return;
                };
                active.live.trace.mark(Step::Accepted);
                let options = active.options.take().unwrap_or_default();
                active.tell(PlaneCommand::OpenVoice { permit, options });
            }
            CallOutput::AddPeer { peer, name, info } => {
                let (Some(own), Some(active)) = (self.shared.own_name(), &mut self.active) else {
                    return;
                };
                let id_group = self
                    .calls
                    .as_ref()
                    .and_then(|calls| calls.id_group().cloned());
                let Some(id_group) = id_group else { return };
                self.shared.archive.call_peer(&name);
                active.names.insert(peer, name.clone());
                let volume = self.shared.roster().volumes.get(&name).copied();
                active.tell(PlaneCommand::AddPeer {
                    peer,
                    name: name.clone(),
                    own,
                    id_group,
                    info,
                });
                if let Some(percent) = volume {
                    active.set_volume(&name, percent);
                }
            }
            CallOutput::UpdatePeer { peer, info } => {
                if let Some(active) = &self.active {
                    active.tell(PlaneCommand::UpdatePeer { peer, info });
                }
            }
            CallOutput::RenamePeer { peer, name } => self.rename_in_call(peer, name),
            CallOutput::RemovePeer(peer) => {
                if let Some(active) = &mut self.active {
                    if let Some(name) = active.names.remove(&peer) {
                        active.snapshot.send_modify(|snapshot| {
                            snapshot.routes.remove(&name);
                            snapshot.silenced.remove(&name);
                        });
                    }
                    active.tell(PlaneCommand::RemovePeer(peer));
                }
            }
            // The event that follows says why.
            CallOutput::Close => {}
            CallOutput::Event(event) => self.handle_call_event(event),
        }
        self.refresh_snapshot();
    }

    fn handle_call_event(&mut self, event: CallEvent) {
        match &event {
            CallEvent::RingingIn { id_group, from } => {
                self.shared
                    .set_incoming(Some((id_group.clone(), from.clone())));
                self.shared.archive.call_started(
                    CallDirection::Incoming,
                    Some(id_group),
                    vec![from.to_string()],
                );
            }
            CallEvent::RingingOut { id_group, .. } => self.shared.archive.call_group(id_group),
            CallEvent::Connecting { .. } => self.shared.set_incoming(None),
            CallEvent::Joined { who, .. } => self.shared.archive.call_peer(who),
            CallEvent::Connected { since_accept, .. } => {
                let since_accept = *since_accept;
                if let Some(active) = &self.active {
                    active
                        .snapshot
                        .send_modify(|snapshot| snapshot.since_accept = Some(since_accept));
                }
            }
            CallEvent::Left { .. }
            | CallEvent::Reconnecting { .. }
            | CallEvent::Reconnected { .. } => {}
            CallEvent::Ended { reason, .. } => {
                self.shared.set_incoming(None);
                self.shared.archive.call_ended(*reason);
                if let Some(mut active) = self.active.take() {
                    active.ended = Some(event);
                    let shared = Arc::clone(&self.shared);
                    let finishing = tokio::spawn(async move { active.finish(&shared).await });
                    self.finishing = Some(finishing);
                    return;
                }
            }
        }
        self.emit_call(event);
    }

    /// Brings the call's snapshot in line with the machine.
    fn refresh_snapshot(&mut self) {
        let (Some(active), Some(calls)) = (&self.active, &self.calls) else {
            return;
        };
        let phase = calls.phase();
        let id_group = calls.id_group();
        let participants: Vec<Username> = calls.participants().cloned().collect();
        active.snapshot.send_if_modified(|snapshot| {
            let same = snapshot.phase == phase
                && snapshot.id_group.as_ref() == id_group
                && snapshot.participants == participants;
            if same {
                return false;
            }
            snapshot.phase = phase;
            snapshot.id_group = id_group.cloned();
            snapshot.participants = participants;
            true
        });
    }

    pub(super) fn handle_call_answer(
        &mut self,
        request: &CallRequest,
        answer: Result<ServerMessage, RequestError>,
    ) {
        let online = self.is_online();
        let Some(calls) = &mut self.calls else { return };
        match answer {
            Ok(message) => calls.handle_answer(request, Ok(&message)),
            Err(RequestError::Refused(error)) => {
                calls.handle_answer(request, Err(&error));
            }
            Err(error) => {
                // A break is repaired by the resume; a request that was never sent, or that the
                // server leaves unanswered, is not.
                if online || error != RequestError::Interrupted {
                    let error = ErrorReply::new(ErrorCode::ServerFault, error.to_string());
                    calls.handle_answer(request, Err(&error));
                }
            }
        }
    }

    pub(super) fn handle_plane(&mut self, wake: PlaneWake) {
        let (Some(active), Some(calls)) = (&mut self.active, &mut self.calls) else {
            return;
        };
        let now = now();
        match wake {
            PlaneWake::Signal(PlaneSignal::LocalInfo(info)) => calls.handle_local_info(info),
            PlaneWake::Signal(PlaneSignal::Selected {
                peer,
                kind,
                since,
                safety_code,
            }) => {
                if let Some(name) = active.names.get(&peer) {
                    active.snapshot.send_modify(|snapshot| {
                        snapshot.routes.insert(name.clone(), kind);
                    });
                    self.shared.emit(Event::Route {
                        who: name.clone(),
                        route: kind,
                        safety_code,
                    });
                }
                calls.handle_path_selected(since.into_std(), peer);
            }
            PlaneWake::Signal(PlaneSignal::Lost(peer)) => {
                if let Some(name) = active.names.get(&peer) {
                    active.snapshot.send_modify(|snapshot| {
                        snapshot.routes.remove(name);
                    });
                }
                calls.handle_path_lost(now, peer);
            }
            PlaneWake::Signal(PlaneSignal::Goodbye(peer)) => calls.handle_goodbye(now, peer),
            PlaneWake::Signal(PlaneSignal::Speaking { peer, speaking }) => {
                let who = peer.map(|peer| active.names.get(&peer).cloned());
                // Somebody without a name has left already.
                if who != Some(None) {
                    let who = who.flatten();
                    self.shared.emit(Event::SpeakingChanged { who, speaking });
                }
            }
            PlaneWake::Signal(PlaneSignal::Device(news)) => {
                active.note_device(&news);
                self.shared.emit(Event::DeviceChanged(news));
            }
            PlaneWake::Signal(PlaneSignal::Quality { peer, estimate }) => {
                if let Some(who) = active.names.get(&peer).cloned() {
                    self.shared.emit(Event::QualityChanged { who, estimate });
                }
            }
            PlaneWake::Signal(PlaneSignal::PeerFailed { peer, why }) => {
                if let Some(who) = active.names.get(&peer).cloned() {
                    self.shared.emit(Event::Unreachable { who, why });
                }
            }
            PlaneWake::Signal(PlaneSignal::NetworkChanged(addresses)) => {
                self.network_changed(now, &addresses);
            }
            PlaneWake::Signal(PlaneSignal::Interrupted(interrupted)) => {
                self.shared.emit(Event::SoundInterrupted { interrupted });
            }
            PlaneWake::Signal(PlaneSignal::RoutesChanged) => {
                self.shared.emit(Event::AudioRoutesChanged);
            }
            PlaneWake::Signal(PlaneSignal::VoiceFailed(error)) => {
                calls.fail_audio(Some(describe(&error)));
            }
            PlaneWake::Stats => {
                let stats = active.live.stats.borrow_and_update().clone();
                self.shared.emit(Event::Stats(stats));
            }
            PlaneWake::Gone => {
                active.plane = None;
                calls.fail_audio(None);
            }
        }
    }

    /// Lets the media plane show a participant's new name.
    fn rename_in_call(&mut self, peer: PeerId, name: Username) {
        let Some(active) = &mut self.active else {
            return;
        };
        if let Some(previous) = active.names.insert(peer, name.clone()) {
            active.snapshot.send_modify(|snapshot| {
                if let Some(route) = snapshot.routes.remove(&previous) {
                    snapshot.routes.insert(name.clone(), route);
                }
                if snapshot.silenced.remove(&previous) {
                    snapshot.silenced.insert(name.clone());
                }
            });
        }
        active.tell(PlaneCommand::Rename { peer, name });
    }
}
