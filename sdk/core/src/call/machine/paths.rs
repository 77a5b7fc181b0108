//! Addresses and paths: 505, 506 and 507, and what the path agent reports.

use std::time::Instant;

use cooee_protocol::{
    CallInfo, ClientMessage, DistributeInfo, GroupId, InfoCall, ParticipantInfo, Username,
};

use super::super::info::KEY_FIELD;
use super::super::reason::EndReason;
use super::super::types::{CallEvent, CallOutput, CallPhase, RequestKind};
use super::CallMachine;
use super::call::{Call, MAX_PEOPLE, Participant, Progress};
use crate::path::PeerId;

impl CallMachine {
    /// The local addresses and keys are known, or have changed.
    pub fn handle_local_info(&mut self, info: CallInfo) {
        let Some(call) = &mut self.call else { return };
        call.local_info = Some(info);
        self.ring_if_ready();
        self.tell_info();
    }

    /// A path to a participant opened.
    pub fn handle_path_selected(&mut self, now: Instant, peer: PeerId) {
        let Some(call) = &mut self.call else { return };
        let Some(participant) = call.peers.values_mut().find(|known| known.peer == peer) else {
            return;
        };
        participant.reachable = true;
        participant.lost = None;
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
        call.path_until = None;
        self.event(event);
    }

    /// The path to a participant is lost.
    pub fn handle_path_lost(&mut self, now: Instant, peer: PeerId) {
        let Some(call) = &mut self.call else { return };
        if let Some(participant) = call.peers.values_mut().find(|known| known.peer == peer) {
            participant.reachable = false;
            participant.lost.get_or_insert(now);
            self.check_reached(now);
        }
    }

    /// A participant has said goodbye, under its own keys: it has left, whether or not the server
    /// can say so. Alone, this client leaves as well: at once without a server, and otherwise when
    /// that has had time to say who else comes.
    pub fn handle_goodbye(&mut self, now: Instant, peer: PeerId) {
        let Some(call) = &mut self.call else { return };
        let known = call.peers.iter().find(|(_, known)| known.peer == peer);
        let Some((who, key)) = known.map(|(who, known)| (who.clone(), key(&known.info).cloned()))
        else {
            return;
        };
        if let Some(key) = key {
            call.departed.insert(who.clone(), key);
        }
        let id_group = call.id_group.clone();
        self.person_left(now, &who, EndReason::RemoteHungUp);
        if self.call.is_none()
            && let Some(id_group) = id_group
        {
            // It was with them alone. The server may not know yet.
            self.send_quit(id_group, Some("quit"));
        }
    }

    /// Leaves the connected phase when nobody of those who are there is reached any more.
    pub(super) fn check_reached(&mut self, now: Instant) {
        let Some(call) = &mut self.call else { return };
        if call.phase != CallPhase::Connected || call.joined.is_empty() || call.is_reached() {
            return;
        }
        call.phase = CallPhase::Reconnecting;
        call.path_until = Some(now + self.config.reconnect_timeout);
        if let Some(id_group) = call.id_group.clone() {
            self.event(CallEvent::Reconnecting { id_group });
        }
    }

    /// Sends 506 when the server waits for one or when what it was told is out of date.
    pub(super) fn tell_info(&mut self) {
        let Some(call) = self.call.as_mut().filter(|_| self.online) else {
            return;
        };
        // While it rings, the server keeps what it is told until somebody accepts.
        let rings = call.phase == CallPhase::RingingOut && call.progress == Progress::Confirmed;
        let due = call.asked || ((call.accepted() || rings) && call.told != call.local_info);
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
            self.request(RequestKind::Info),
            ClientMessage::InfoCall(InfoCall { id_group, info }),
        ));
    }

    /// 505.
    pub(super) fn handle_request_info(&mut self, now: Instant, id_group: &GroupId) {
        let Some(call) = self.call_joined(id_group) else {
            self.leave_unknown(id_group);
            return;
        };
        call.asked = true;
        match call.phase {
            // Not for one who is only rung; the 502 will say it.
            CallPhase::RingingIn => call.asked = false,
            CallPhase::RingingOut => self.connecting(now),
            CallPhase::Connecting | CallPhase::Connected | CallPhase::Reconnecting => {}
        }
        self.tell_info();
    }

    /// 507: who is in the call, as the server sees it.
    pub(super) fn handle_distribute(&mut self, now: Instant, list: &DistributeInfo) {
        let own = self.own.clone();
        let Some(call) = self.call_joined(&list.id_group) else {
            self.leave_unknown(&list.id_group);
            return;
        };
        let departed = |entry: &&ParticipantInfo| {
            let known = call.departed.get(&entry.pseudo);
            known.is_some() && known == key(&entry.info)
        };
        let others: Vec<&ParticipantInfo> = list
            .list_info
            .iter()
            .filter(|entry| entry.pseudo != own && !departed(entry))
            .take(MAX_PEOPLE)
            .collect();
        match call.phase {
            CallPhase::RingingIn => return,
            CallPhase::RingingOut if others.is_empty() => return,
            CallPhase::RingingOut => self.connecting(now),
            CallPhase::Connecting | CallPhase::Connected | CallPhase::Reconnecting => {}
        }
        let renamed = self.call.as_ref().map(|call| missed_renames(call, &others));
        for (previous, name) in renamed.unwrap_or_default() {
            self.handle_rename(&previous, &name);
        }
        let gone = self.call.as_ref().map(|call| missing(call, &others));
        for who in gone.unwrap_or_default() {
            self.person_left(now, &who, EndReason::RemoteHungUp);
        }
        for entry in others {
            self.person_joined(now, &entry.pseudo);
            self.take_info(entry);
        }
        self.check_reached(now);
    }

    fn take_info(&mut self, entry: &ParticipantInfo) {
        let Some(call) = &mut self.call else { return };
        // Untold yet: a later 507 brings it.
        if entry.info == CallInfo::untold() || !call.joined.contains(&entry.pseudo) {
            return;
        }
        let info = entry.info.clone();
        match call.peers.get_mut(&entry.pseudo) {
            Some(known) if known.info == info => return,
            Some(known) if key(&known.info) == key(&info) => {
                known.info = info.clone();
                let peer = known.peer;
                self.outputs
                    .push_back(CallOutput::UpdatePeer { peer, info });
                return;
            }
            // The person has joined anew: other keys, another path.
            Some(known) => self.outputs.push_back(CallOutput::RemovePeer(known.peer)),
            None => {}
        }
        let peer = PeerId(self.next_peer);
        self.next_peer = self.next_peer.wrapping_add(1);
        let name = entry.pseudo.clone();
        call.peers.insert(
            name.clone(),
            Participant {
                peer,
                info: info.clone(),
                reachable: false,
                lost: None,
            },
        );
        self.outputs
            .push_back(CallOutput::AddPeer { peer, name, info });
    }
}

fn key(info: &CallInfo) -> Option<&serde_json::Value> {
    info.extra.get(KEY_FIELD)
}

/// Participants whose key the list knows under a name that is new: they were renamed while the
/// connection was gone, for a key is drawn for one call and one person.
fn missed_renames(call: &Call, others: &[&ParticipantInfo]) -> Vec<(Username, Username)> {
    missing(call, others)
        .into_iter()
        .filter_map(|previous| {
            let told = key(&call.peers.get(&previous)?.info)?;
            let now = others.iter().find(|entry| {
                key(&entry.info) == Some(told) && !call.joined.contains(&entry.pseudo)
            })?;
            Some((previous, now.pseudo.clone()))
        })
        .collect()
}

/// Participants who had told their addresses and whom the list does not name any more.
fn missing(call: &Call, others: &[&ParticipantInfo]) -> Vec<Username> {
    call.peers
        .keys()
        .filter(|name| others.iter().all(|entry| entry.pseudo != **name))
        .cloned()
        .collect()
}
