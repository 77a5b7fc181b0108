//! One machine, alice's, and frames to hand it one by one.

use std::time::Instant;

use cooee_protocol::{
    CallInfo, ClientMessage, DistributeInfo, GroupId, Join, ParticipantInfo, Quit, RequestInfo,
    Ring, ServerMessage,
};

use super::world::{info, name};
use crate::call::{
    CallConfig, CallEvent, CallMachine, CallOutput, CallPhase, CallRequest, EndReason, Target,
};

pub(super) fn id(text: &str) -> GroupId {
    text.parse().unwrap()
}

pub(super) fn outputs(machine: &mut CallMachine) -> Vec<CallOutput> {
    std::iter::from_fn(|| machine.poll_output()).collect()
}

pub(super) fn requests(outputs: &[CallOutput]) -> Vec<(CallRequest, ClientMessage)> {
    let request = |output: &CallOutput| match output {
        CallOutput::Request(request, message) => Some((request.clone(), message.clone())),
        _ => None,
    };
    outputs.iter().filter_map(request).collect()
}

pub(super) fn ring(call: &str, from: &str) -> ServerMessage {
    ServerMessage::Ring(Ring {
        id_group: id(call),
        list_pseudo: vec![name("alice")],
        address: CallInfo::untold().address,
        port: 0,
        pseudo: Some(name(from)),
    })
}

pub(super) fn echo(call: &str) -> ServerMessage {
    ServerMessage::Ring(Ring {
        id_group: id(call),
        list_pseudo: vec![name("bob")],
        address: CallInfo::untold().address,
        port: 0,
        pseudo: None,
    })
}

pub(super) fn join(call: &str, who: &str) -> ServerMessage {
    ServerMessage::Accept(Join {
        pseudo: name(who),
        id_group: id(call),
        info: None,
    })
}

pub(super) fn quit(call: &str, who: &str, reason: &str) -> ServerMessage {
    ServerMessage::Quit(Quit {
        pseudo: name(who),
        id_group: id(call),
        reason: Some(reason.to_owned()),
    })
}

pub(super) fn asks(call: &str) -> ServerMessage {
    ServerMessage::RequestInfo(RequestInfo {
        id_group: id(call),
        relay: None,
    })
}

pub(super) fn list(call: &str, entries: &[(&str, CallInfo)]) -> ServerMessage {
    ServerMessage::DistributeInfo(DistributeInfo {
        id_group: id(call),
        list_info: entries
            .iter()
            .map(|(who, info)| ParticipantInfo::new(name(who), info.clone()))
            .collect(),
    })
}

pub(super) struct Alice {
    pub(super) now: Instant,
    pub(super) machine: CallMachine,
}

impl Alice {
    pub(super) fn new() -> Self {
        Self {
            now: Instant::now(),
            machine: CallMachine::new(name("alice"), CallConfig::default()),
        }
    }

    /// Alice, calling bob, with the 501 on its way.
    pub(super) fn calling() -> (Self, CallRequest) {
        let mut alice = Self::new();
        alice
            .machine
            .place(alice.now, Target::Contact(name("bob")))
            .unwrap();
        alice.machine.handle_local_info(info("a", 1));
        let said = requests(&outputs(&mut alice.machine));
        (alice, said[0].0.clone())
    }

    pub(super) fn ringing() -> Self {
        let (mut alice, request) = Self::calling();
        alice.machine.handle_answer(&request, Ok(&echo("pair")));
        outputs(&mut alice.machine);
        alice
    }

    pub(super) fn connected() -> Self {
        let mut alice = Self::ringing();
        alice.hear(&join("pair", "bob"));
        alice.hear(&asks("pair"));
        let added = alice.hear(&list("pair", &[("bob", info("b", 1))]));
        for output in added {
            if let CallOutput::AddPeer { peer, .. } = output {
                alice.machine.handle_path_selected(alice.now, peer);
            }
        }
        outputs(&mut alice.machine);
        assert_eq!(alice.machine.phase(), Some(CallPhase::Connected));
        alice
    }

    pub(super) fn hear(&mut self, message: &ServerMessage) -> Vec<CallOutput> {
        self.machine.handle_message(self.now, message);
        outputs(&mut self.machine)
    }
}

pub(super) fn ended(outputs: &[CallOutput]) -> Option<EndReason> {
    outputs.iter().find_map(|output| match output {
        CallOutput::Event(CallEvent::Ended { reason, .. }) => Some(*reason),
        _ => None,
    })
}
