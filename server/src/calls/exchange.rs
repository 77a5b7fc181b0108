//! The exchange of addresses: 505, 506 and 507.
//!
//! Everybody who has not been asked gets 505 when there is somebody to talk to. When all have
//! answered, or an answer has not come in time, everybody who was asked gets 507. Whoever told
//! their addresses early (in 501 or 502) counts as having answered.

use std::collections::VecDeque;
use std::time::Instant;

use cooee_protocol::{CallInfo, DistributeInfo, ParticipantInfo, RequestInfo, ServerMessage};

use super::call::{Asked, Call, Participant};
use super::{Output, Target};
use crate::ids::{ProfileId, SessionId};

/// Asks everybody who has not been asked yet; answers are waited for until `until`.
pub(super) fn ask(call: &mut Call, until: Instant, outputs: &mut VecDeque<Output>) {
    if call.participants.len() < 2 {
        return;
    }
    let mut anybody = false;
    for place in &mut call.participants {
        if place.asked == Asked::No {
            anybody = true;
            place.asked = match place.info {
                Some(_) => Asked::Answered,
                None => Asked::Waiting(until),
            };
            outputs.push_back(request(&call.id, place.session));
        }
    }
    if anybody && complete(call) {
        distribute(call, None, outputs);
    }
}

/// Takes what a participant has told.
pub(super) fn told(
    call: &mut Call,
    profile: ProfileId,
    info: CallInfo,
    outputs: &mut VecDeque<Output>,
) {
    let Some(place) = call.participant_mut(profile) else {
        return;
    };
    place.info = Some(info);
    match place.asked {
        // Nobody to tell yet: it counts when somebody accepts.
        Asked::No => {}
        Asked::Waiting(_) => {
            place.asked = Asked::Answered;
            if complete(call) {
                distribute(call, None, outputs);
            }
        }
        Asked::Answered | Asked::Silent => {
            place.asked = Asked::Answered;
            distribute(call, Some(profile), outputs);
        }
    }
}

/// Waits no longer for those whose time is up.
pub(super) fn expire(call: &mut Call, now: Instant, outputs: &mut VecDeque<Output>) {
    let mut anybody = false;
    for place in &mut call.participants {
        if let Asked::Waiting(until) = place.asked
            && until <= now
        {
            place.asked = Asked::Silent;
            anybody = true;
        }
    }
    if anybody {
        distribute(call, None, outputs);
    }
}

/// A session has its place again: it gets what it may have missed.
pub(super) fn resumed(
    call: &mut Call,
    profile: ProfileId,
    session: SessionId,
    outputs: &mut VecDeque<Output>,
) {
    let Some(place) = call
        .participant_mut(profile)
        .filter(|place| place.session == session)
    else {
        return;
    };
    place.away = None;
    let asked = place.asked;
    match asked {
        Asked::No => {}
        Asked::Waiting(_) => outputs.push_back(request(&call.id, session)),
        Asked::Answered | Asked::Silent => {
            if let Some(place) = call.participant(profile) {
                outputs.push_back(information(call, place));
                // The server or the network may have been away for longer than a relay remembers.
                outputs.push_back(Output::LendRelay(call.id.clone(), session));
            }
        }
    }
}

fn complete(call: &Call) -> bool {
    !call
        .participants
        .iter()
        .any(|place| matches!(place.asked, Asked::Waiting(_)))
}

fn distribute(call: &Call, but: Option<ProfileId>, outputs: &mut VecDeque<Output>) {
    for place in &call.participants {
        if place.asked != Asked::No && Some(place.person.profile) != but {
            outputs.push_back(information(call, place));
        }
    }
}

fn request(id: &cooee_protocol::GroupId, session: SessionId) -> Output {
    Output::Send {
        to: Target::Session(session),
        re: None,
        message: ServerMessage::RequestInfo(RequestInfo {
            id_group: id.clone(),
            // The hub fills it in: it knows the relay.
            relay: None,
        }),
    }
}

/// The 507 for one participant: every other one, with what it has told.
fn information(call: &Call, to: &Participant) -> Output {
    let list_info = call
        .participants
        .iter()
        .filter(|other| other.person.profile != to.person.profile)
        .map(|other| {
            let info = other.info.clone().unwrap_or_else(CallInfo::untold);
            ParticipantInfo::new(other.person.name.clone(), info)
        })
        .collect();
    Output::Send {
        to: Target::Session(to.session),
        re: None,
        message: ServerMessage::DistributeInfo(DistributeInfo {
            id_group: call.id.clone(),
            list_info,
        }),
    }
}
