//! What the SDK says, in the UI's words.

use std::time::{SystemTime, UNIX_EPOCH};

use cooee_sdk::{CallDirection, CallStats, Client, Me, PictureId, Status};

use crate::conversations;
use crate::model::account::Profile;
use crate::model::call::{
    CallRecord, EndReason, ParticipantStats, Quality, QualityReason, Route, StatsSample, Verdict,
};
use crate::model::people::{Contact, Group, Presence, Roster};
use crate::model::settings::{AddressPrivacy, Device, Devices, Processing, SendMode};

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, milliseconds_of)
}

pub(crate) fn picture(id: &PictureId) -> Option<String> {
    (!id.is_none()).then(|| id.as_str().to_owned())
}

pub(crate) fn profile(me: &Me) -> Profile {
    Profile {
        name: me.name.to_string(),
        picture: picture(&me.picture),
    }
}

pub(crate) fn contact(contact: &cooee_sdk::Contact) -> Contact {
    Contact {
        name: contact.pseudo.to_string(),
        picture: picture(&contact.pp),
        presence: match contact.status {
            Status::Online => Presence::Online,
            Status::Offline => Presence::Offline,
            Status::InCall => Presence::InCall,
            Status::Pending => Presence::Pending,
            Status::Requested => Presence::Requested,
        },
    }
}

pub(crate) fn group(group: &cooee_sdk::Group) -> Group {
    Group {
        id: group.id_group.to_string(),
        name: group.group_name.to_string(),
        members: group.list_pseudo.iter().map(ToString::to_string).collect(),
        creator: group.creator.as_ref().map(ToString::to_string),
        changed: group.last_update_date.clone(),
    }
}

pub(crate) fn roster(client: &Client) -> Roster {
    Roster {
        contacts: client.contacts().iter().map(contact).collect(),
        groups: client.groups().iter().map(group).collect(),
        blocked: Vec::new(),
    }
}

pub(crate) fn route(route: cooee_sdk::RouteKind) -> Route {
    match route {
        cooee_sdk::RouteKind::Direct => Route::Direct,
        cooee_sdk::RouteKind::Relayed => Route::Relayed,
        cooee_sdk::RouteKind::Tunnelled => Route::Tunnelled,
    }
}

pub(crate) fn quality(estimate: &cooee_sdk::Estimate) -> Quality {
    Quality {
        verdict: match estimate.verdict {
            cooee_sdk::Verdict::Good => Verdict::Good,
            cooee_sdk::Verdict::Fair => Verdict::Fair,
            cooee_sdk::Verdict::Poor => Verdict::Poor,
        },
        reason: match estimate.reason {
            cooee_sdk::Reason::Nothing => QualityReason::Nothing,
            cooee_sdk::Reason::Loss => QualityReason::Loss,
            cooee_sdk::Reason::Bursts => QualityReason::Bursts,
            cooee_sdk::Reason::Delay => QualityReason::Delay,
            cooee_sdk::Reason::Jitter => QualityReason::Jitter,
            cooee_sdk::Reason::Bitrate => QualityReason::Bitrate,
            cooee_sdk::Reason::Silence => QualityReason::Silence,
        },
        rating: estimate.r,
        opinion: estimate.mos,
    }
}

pub(crate) fn end_reason(reason: cooee_sdk::EndReason) -> EndReason {
    end_reason_word(reason.as_str())
}

/// The reason behind the stable word of the call history.
fn end_reason_word(word: &str) -> EndReason {
    match word {
        "hung_up" => EndReason::HungUp,
        "remote_hung_up" => EndReason::RemoteHungUp,
        "declined_here" => EndReason::DeclinedHere,
        "declined" => EndReason::Declined,
        "busy" => EndReason::Busy,
        "offline" => EndReason::Offline,
        "timeout" => EndReason::Timeout,
        "cancelled" => EndReason::Cancelled,
        "answered_elsewhere" => EndReason::AnsweredElsewhere,
        "declined_elsewhere" => EndReason::DeclinedElsewhere,
        "no_path" => EndReason::NoPath,
        "refused" => EndReason::Refused,
        "server_lost" => EndReason::ServerLost,
        "lost" => EndReason::Lost,
        "left_group" => EndReason::LeftGroup,
        "audio" => EndReason::Audio,
        "interrupted" => EndReason::Interrupted,
        _ => EndReason::Unknown,
    }
}

/// Whether a call that came in and was not answered counts as missed.
pub(crate) fn is_missed(reason: EndReason) -> bool {
    match reason {
        EndReason::Cancelled
        | EndReason::Timeout
        | EndReason::Busy
        | EndReason::Offline
        | EndReason::RemoteHungUp
        | EndReason::ServerLost
        | EndReason::Lost
        | EndReason::NoPath
        | EndReason::Interrupted
        | EndReason::Unknown => true,
        EndReason::HungUp
        | EndReason::DeclinedHere
        | EndReason::Declined
        | EndReason::AnsweredElsewhere
        | EndReason::DeclinedElsewhere
        | EndReason::Refused
        | EndReason::LeftGroup
        | EndReason::Audio => false,
    }
}

pub(crate) fn record(client: &Client, record: &cooee_sdk::CallRecord) -> CallRecord {
    let group = cooee_sdk::GroupId::parse(&record.id_group)
        .is_ok_and(|id| crate::shell::is_group(client, &id));
    let conversation = match record.peers.as_slice() {
        _ if group => Some(record.id_group.clone()),
        [other] => Some(conversations::pair(other)),
        _ => None,
    };
    let outgoing = record.direction == CallDirection::Outgoing;
    let reason = record.end_reason.as_deref().map(end_reason_word);
    CallRecord {
        id: record.id.0,
        conversation,
        outgoing,
        people: record.peers.clone(),
        started_at: record.started_at,
        accepted_at: record.accepted_at,
        ended_at: record.ended_at,
        reason,
        missed: !outgoing && record.accepted_at.is_none() && reason.is_some_and(is_missed),
    }
}

/// A duration in whole milliseconds.
pub(crate) fn milliseconds_of(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn count(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn milliseconds(duration: std::time::Duration) -> f32 {
    duration.as_secs_f32() * 1000.0
}

pub(crate) fn sample(stats: &CallStats) -> StatsSample {
    StatsSample {
        at: now(),
        sent: count(stats.sent),
        received: count(stats.received),
        lost: count(stats.lost),
        late: count(stats.late),
        concealed: count(stats.concealed),
        recovered: count(stats.recovered),
        jitter_ms: milliseconds(stats.jitter),
        round_trip_ms: stats.round_trip_time.map(milliseconds),
        buffer_ms: milliseconds(stats.buffer),
        rating: stats.quality.as_ref().map(|quality| quality.r),
        bitrate: stats.encoder.as_ref().map(|encoder| encoder.bitrate),
        participants: stats
            .peers
            .iter()
            .map(|(name, stats)| ParticipantStats {
                name: name.to_string(),
                received: count(stats.received),
                lost: count(stats.lost),
                concealed: count(stats.concealed),
                jitter_ms: milliseconds(stats.jitter),
                round_trip_ms: stats.round_trip_time.map(milliseconds),
                buffer_ms: milliseconds(stats.buffer),
                rating: stats.quality.as_ref().map(|quality| quality.r),
            })
            .collect(),
    }
}

pub(crate) fn devices(found: &[cooee_sdk::DeviceInfo]) -> Devices {
    let device = |info: &cooee_sdk::DeviceInfo, default| Device {
        id: info.id.clone(),
        name: info.name.clone(),
        default,
    };
    Devices {
        microphones: found
            .iter()
            .filter(|info| info.input)
            .map(|info| device(info, info.default_input))
            .collect(),
        loudspeakers: found
            .iter()
            .filter(|info| info.output)
            .map(|info| device(info, info.default_output))
            .collect(),
    }
}

impl From<Processing> for cooee_sdk::Processing {
    fn from(processing: Processing) -> Self {
        Self {
            echo_cancellation: processing.echo_cancellation,
            noise_suppression: processing.noise_suppression,
            gain_control: processing.gain_control,
            high_pass: processing.high_pass,
        }
    }
}

impl From<SendMode> for cooee_sdk::SendMode {
    fn from(mode: SendMode) -> Self {
        match mode {
            SendMode::Continuous => Self::Continuous,
            SendMode::PushToTalk => Self::PushToTalk,
            SendMode::VoiceActivated => Self::VoiceActivated,
        }
    }
}

impl From<AddressPrivacy> for cooee_sdk::AddressPrivacy {
    fn from(privacy: AddressPrivacy) -> Self {
        match privacy {
            AddressPrivacy::Direct => Self::Direct,
            AddressPrivacy::RelayUntilVerified => Self::RelayUntilVerified,
            AddressPrivacy::AlwaysRelay => Self::AlwaysRelay,
        }
    }
}
