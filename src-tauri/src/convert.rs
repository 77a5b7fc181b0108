//! What the SDK says, in the UI's words.

use std::time::{SystemTime, UNIX_EPOCH};

use cooee_sdk::{
    CallDirection, CallStats, Client, DeviceReason, Direction, Input, Me, Output, PictureId, Status,
};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as Unknown;

use crate::conversations;
use crate::model::account::Profile;
use crate::model::call::{
    CallRecord, DeviceChange, DeviceKind, EndReason, Quality, QualityReason, Route, StatsSample,
    Verdict,
};
use crate::model::event::AppEvent;
use crate::model::people::{Contact, Group, Presence, Roster};
use crate::model::settings::{
    AddressPrivacy, Device, Devices, Processing, SendMode, SoundSettings,
};

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

/// The reason behind the stable word of the call history: the page has the same words.
fn end_reason_word(word: &str) -> EndReason {
    let word = IntoDeserializer::<Unknown>::into_deserializer(word);
    EndReason::deserialize(word).unwrap_or(EndReason::Unknown)
}

/// What the user is told of a call's device; nothing of what they chose themselves.
pub(crate) fn device_change(
    direction: Direction,
    reason: DeviceReason,
    device: Option<String>,
) -> Option<AppEvent> {
    let change = match (reason, &device) {
        (DeviceReason::Opened | DeviceReason::Chosen, _) => return None,
        (DeviceReason::Refused, _) => DeviceChange::Refused,
        (DeviceReason::Missing, _) | (DeviceReason::Lost, None) => DeviceChange::Missing,
        (DeviceReason::Lost, Some(_)) => DeviceChange::Replaced,
        (DeviceReason::Returned, _) => DeviceChange::Returned,
        (DeviceReason::DefaultChanged, _) => DeviceChange::Followed,
        // The type is non-exhaustive.
        _ => return None,
    };
    Some(AppEvent::CallDevice {
        kind: match direction {
            Direction::Output => DeviceKind::Loudspeaker,
            _ => DeviceKind::Microphone,
        },
        change,
        device,
    })
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

/// The microphone that the user has chosen.
pub(crate) fn input(sound: &SoundSettings) -> Input {
    let chosen = sound.microphone.clone();
    chosen.map_or(Input::Default, Input::Device)
}

/// The loudspeaker that the user has chosen.
pub(crate) fn output(sound: &SoundSettings) -> Output {
    let chosen = sound.loudspeaker.clone();
    chosen.map_or(Output::Default, Output::Device)
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

#[cfg(test)]
mod tests {
    use cooee_sdk::{DeviceReason, Direction};

    use super::{EndReason, device_change, end_reason_word};
    use crate::model::call::{DeviceChange, DeviceKind};
    use crate::model::event::AppEvent;

    #[test]
    fn of_devices_the_user_is_told_what_they_did_not_choose() {
        let told = |reason, device: Option<&str>| {
            let device = device.map(str::to_owned);
            match device_change(Direction::Input, reason, device) {
                Some(AppEvent::CallDevice { kind, change, .. }) => {
                    assert_eq!(kind, DeviceKind::Microphone);
                    Some(change)
                }
                _ => None,
            }
        };
        let other = Some("other");
        assert_eq!(told(DeviceReason::Opened, other), None);
        assert_eq!(told(DeviceReason::Chosen, other), None);
        assert_eq!(
            told(DeviceReason::Lost, other),
            Some(DeviceChange::Replaced)
        );
        assert_eq!(told(DeviceReason::Lost, None), Some(DeviceChange::Missing));
        assert_eq!(
            told(DeviceReason::Missing, None),
            Some(DeviceChange::Missing)
        );
        assert_eq!(
            told(DeviceReason::Refused, None),
            Some(DeviceChange::Refused)
        );
        assert_eq!(
            told(DeviceReason::Returned, other),
            Some(DeviceChange::Returned)
        );
        let followed = told(DeviceReason::DefaultChanged, other);
        assert_eq!(followed, Some(DeviceChange::Followed));
    }

    #[test]
    fn the_page_has_a_word_for_each_reason_of_the_sdk() {
        for reason in [
            cooee_sdk::EndReason::HungUp,
            cooee_sdk::EndReason::RemoteHungUp,
            cooee_sdk::EndReason::DeclinedHere,
            cooee_sdk::EndReason::Declined,
            cooee_sdk::EndReason::Busy,
            cooee_sdk::EndReason::Offline,
            cooee_sdk::EndReason::TimedOut,
            cooee_sdk::EndReason::Cancelled,
            cooee_sdk::EndReason::AnsweredElsewhere,
            cooee_sdk::EndReason::DeclinedElsewhere,
            cooee_sdk::EndReason::NoPath,
            cooee_sdk::EndReason::Refused,
            cooee_sdk::EndReason::ServerLost,
            cooee_sdk::EndReason::Lost,
            cooee_sdk::EndReason::LeftGroup,
            cooee_sdk::EndReason::Audio,
        ] {
            let word = reason.as_str();
            assert_ne!(end_reason_word(word), EndReason::Unknown, "{word}");
        }
        // The history's own, and what a later version may write there.
        assert_eq!(end_reason_word("interrupted"), EndReason::Interrupted);
        assert_eq!(end_reason_word("struck by lightning"), EndReason::Unknown);
    }
}
