//! What the commands tell: each thing once, as a JSON object and as a sentence.

use std::time::Duration;

use cooee_sdk::{
    CallEvent, CallRecord, CallStats, Contact, Direction, EndReason, Event, Group, GroupId, Levels,
    Me, RouteKind, Username,
};
use serde_json::{Value, json};

use crate::commands::doctor;
use crate::compare::Comparison;
use crate::counts;
use crate::devices::{self, Tried};
use crate::failure::Failure;
use crate::said::{self, Said};
use crate::words;

/// One thing that a command tells on stdout.
#[derive(Debug, Clone)]
pub(crate) enum Report {
    /// Connected, and placing a call or waiting for one.
    Ready { me: Me, waiting: bool },
    /// Something happened in a call, except for the two below that say more.
    Call(CallEvent),
    /// The first participant is reached.
    Connected(Connection),
    /// The call is over.
    Ended(Ending),
    /// Once a second during a call.
    Stats(CallStats),
    /// How loud both sides are.
    Levels(Levels),
    /// Anything else that the SDK tells.
    Event(Event),
    /// Events were lost because stdout did not take them in time.
    Missed(u64),
    /// The own profile.
    Profile {
        me: Me,
        server: String,
        online: bool,
    },
    /// Signed out.
    SignedOut,
    /// Every contact.
    Contacts {
        contacts: Vec<Contact>,
        online: bool,
    },
    /// A contact after a change.
    Contact(Contact),
    /// A contact is none any more.
    ContactRemoved(Username),
    /// Every group.
    Groups { groups: Vec<Group>, online: bool },
    /// A group after a change.
    Group(Group),
    /// A group is left.
    GroupRemoved(GroupId),
    /// Past calls.
    History(Vec<CallRecord>),
    /// Sound devices.
    Devices(Vec<cooee_sdk::DeviceInfo>),
    /// How loud a device under test is.
    Level(Direction, f32),
    /// What trying the devices out came to.
    Tried(Tried),
    /// What the doctor has found.
    Check(cooee_sdk::doctor::Check),
    /// What was heard against what was said.
    Comparison(Comparison),
    /// About conversations.
    Said(Box<Said>),
    /// The command failed.
    Error(Failure),
}

/// How a call came about.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// The call.
    pub(crate) id_group: GroupId,
    /// The first participant who is reached.
    pub(crate) who: Option<Username>,
    /// How voice gets there.
    pub(crate) route: Option<RouteKind>,
    /// What both can compare.
    pub(crate) safety_code: Option<String>,
    /// Since the accept.
    pub(crate) since_accept: Duration,
}

/// How a call ended.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    /// The call, if the server gave it an id.
    pub(crate) id_group: Option<GroupId>,
    /// Why.
    pub(crate) reason: EndReason,
    /// What was said about it.
    pub(crate) detail: Option<String>,
    /// The counts at its end.
    pub(crate) totals: CallStats,
    /// From connected to ended; `None` if it never connected.
    pub(crate) lasted: Option<Duration>,
}

impl Report {
    /// The object of `--json`; its `event` says what it is.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Ready { me, waiting } => json!({
                "event": "ready", "pseudo": me.name, "waiting": waiting,
            }),
            Self::Call(event) => call_json(event),
            Self::Connected(connection) => json!({
                "event": "connected",
                "id_group": connection.id_group,
                "pseudo": connection.who,
                "route": connection.route.map(|route| route.to_string()),
                "ms_since_accept": millis(connection.since_accept),
                "safety_code": connection.safety_code,
            }),
            Self::Ended(ending) => {
                let mut object = counts::object("ended", &ending.totals);
                object.insert("id_group".into(), json!(ending.id_group));
                object.insert("reason".into(), json!(ending.reason.as_str()));
                object.insert("detail".into(), json!(ending.detail));
                let seconds = ending.lasted.unwrap_or_default().as_secs_f64();
                object.insert("seconds".into(), json!(rounded(seconds)));
                object.into()
            }
            Self::Stats(stats) => counts::object("stats", stats).into(),
            Self::Levels(levels) => json!({
                "event": "levels",
                "input_db": decibels(levels.input),
                "output_db": decibels(levels.output),
            }),
            Self::Event(event) => event_json(event),
            Self::Missed(count) => json!({"event": "missed", "count": count}),
            Self::Profile { me, server, online } => json!({
                "event": "profile", "pseudo": me.name, "pp": me.picture, "status": me.status,
                "server": server, "online": online,
            }),
            Self::SignedOut => json!({"event": "signed_out"}),
            Self::Contacts { contacts, online } => {
                json!({"event": "contacts", "online": online, "contacts": contacts})
            }
            Self::Contact(contact) => json!({"event": "contact", "contact": contact}),
            Self::ContactRemoved(name) => json!({"event": "contact_removed", "pseudo": name}),
            Self::Groups { groups, online } => {
                json!({"event": "groups", "online": online, "groups": groups})
            }
            Self::Group(group) => json!({"event": "group", "group": group}),
            Self::GroupRemoved(id_group) => {
                json!({"event": "group_removed", "id_group": id_group})
            }
            Self::History(calls) => {
                let calls: Vec<_> = calls.iter().map(record_json).collect();
                json!({"event": "history", "calls": calls})
            }
            Self::Devices(devices) => {
                let devices: Vec<_> = devices.iter().map(devices::info_json).collect();
                json!({"event": "devices", "devices": devices})
            }
            Self::Level(direction, peak) => devices::level_json(*direction, *peak),
            Self::Tried(tried) => tried.json(),
            Self::Check(check) => doctor::object(check),
            Self::Comparison(comparison) => json!({
                "event": "comparison",
                "correlation": rounded(comparison.correlation),
                "lag_ms": rounded(comparison.lag_ms),
                "seconds_said": rounded(comparison.seconds_said),
                "seconds_heard": rounded(comparison.seconds_heard),
            }),
            Self::Said(said) => said.json(),
            Self::Error(failure) => json!({
                "event": "error", "code": failure.code, "message": failure.message,
            }),
        }
    }
}

fn call_json(event: &CallEvent) -> Value {
    match event {
        CallEvent::RingingIn { id_group, from } => {
            json!({"event": "ringing", "id_group": id_group, "from": from})
        }
        CallEvent::RingingOut { id_group, ringing } => {
            json!({"event": "ringing", "id_group": id_group, "to": ringing})
        }
        CallEvent::Connecting { id_group } => json!({"event": "connecting", "id_group": id_group}),
        CallEvent::Connected {
            id_group,
            since_accept,
        } => json!({
            "event": "connected", "id_group": id_group, "ms_since_accept": millis(*since_accept),
        }),
        CallEvent::Joined { id_group, who } => {
            json!({"event": "joined", "id_group": id_group, "pseudo": who})
        }
        CallEvent::Left {
            id_group,
            who,
            reason,
        } => json!({
            "event": "left", "id_group": id_group, "pseudo": who, "reason": reason.as_str(),
        }),
        CallEvent::Reconnecting { id_group } => {
            json!({"event": "reconnecting", "id_group": id_group})
        }
        CallEvent::Reconnected { id_group } => {
            json!({"event": "reconnected", "id_group": id_group})
        }
        CallEvent::Ended {
            id_group,
            reason,
            detail,
        } => json!({
            "event": "ended", "id_group": id_group, "reason": reason.as_str(), "detail": detail,
        }),
    }
}

fn event_json(event: &Event) -> Value {
    match event {
        Event::Online { resumed } => json!({"event": "online", "resumed": resumed}),
        Event::Reconnecting { retry_in, attempt } => json!({
            "event": "offline", "retry_in_ms": millis(*retry_in), "attempt": attempt,
        }),
        Event::SignedOut { reason } => json!({
            "event": "signed_out", "message": reason.as_ref().and_then(|reply| reply.detail.clone()),
        }),
        Event::ProfileChanged => json!({"event": "profile"}),
        Event::ContactChanged { contact, previous } => json!({
            "event": "contact", "contact": contact, "previous": previous,
        }),
        Event::ContactRemoved { name } => json!({"event": "contact_removed", "pseudo": name}),
        Event::GroupChanged { group } => json!({"event": "group", "group": group}),
        Event::GroupRemoved { id_group } => {
            json!({"event": "group_removed", "id_group": id_group})
        }
        Event::Call(event) => call_json(event),
        Event::Messages(event) => said::event_json(event),
        Event::Route {
            who,
            route,
            safety_code,
        } => json!({
            "event": "route", "pseudo": who, "route": route.to_string(),
            "safety_code": safety_code,
        }),
        Event::SpeakingChanged { who, speaking } => json!({
            "event": "speaking", "pseudo": who, "own": who.is_none(), "speaking": speaking,
        }),
        Event::QualityChanged { who, estimate } => json!({
            "event": "quality", "pseudo": who, "quality": counts::quality(estimate),
        }),
        Event::DeviceChanged(news) => devices::news_json(news),
        Event::Stats(stats) => counts::object("stats", stats).into(),
        Event::Unreachable { who, why } => {
            json!({"event": "unreachable", "pseudo": who, "message": why})
        }
        Event::CertificateRefused { why } => {
            json!({"event": "certificate_refused", "message": why})
        }
        Event::DiskFull => json!({"event": "disk_full"}),
        Event::CredentialsNotKept { why } => {
            json!({"event": "credentials_not_kept", "message": why})
        }
        // The enum grows with the SDK; what this version cannot name, it still shows.
        other => json!({"event": "other", "message": format!("{other:?}")}),
    }
}

fn record_json(record: &CallRecord) -> Value {
    json!({
        "id": record.id.0,
        "id_group": record.id_group,
        "direction": record.direction.as_str(),
        "peers": record.peers,
        "started_at": words::rfc3339(record.started_at),
        "accepted_at": record.accepted_at.map(words::rfc3339),
        "ended_at": record.ended_at.map(words::rfc3339),
        "reason": record.end_reason,
        "seconds": words::talked(record).map(|talked| rounded(talked.as_secs_f64())),
    })
}

/// Milliseconds with three digits behind the point.
pub(crate) fn millis(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1000.0)
}

pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// A peak in whole decibels below full scale; -96, the floor of 16 bits, for silence.
pub(crate) fn decibels(peak: f32) -> i32 {
    if peak > 0.0 {
        (20.0 * peak.log10()).round().clamp(-96.0, 0.0) as i32
    } else {
        -96
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cooee_sdk::{
        CallEvent, CallStats, Contact, EndReason, Event, GroupId, Levels, Me, PictureId, RouteKind,
        Status, Username,
    };
    use serde_json::json;

    use super::{Connection, Ending, Report};
    use crate::failure::Failure;
    use crate::words;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn stats() -> CallStats {
        CallStats {
            sent: 250,
            received: 248,
            lost: 2,
            late: 1,
            concealed: 3,
            recovered: 1,
            dropped: 4,
            jitter: Duration::from_micros(1_234),
            round_trip_time: Some(Duration::from_micros(20_500)),
            buffer: Duration::from_millis(40),
            ..CallStats::default()
        }
    }

    #[test]
    fn a_call_in_json() -> Tested {
        let id_group = GroupId::parse("g1")?;
        let bob: Username = "bob".parse()?;
        let ringing = Report::Call(CallEvent::RingingOut {
            id_group: id_group.clone(),
            ringing: vec![bob.clone()],
        });
        assert_eq!(
            ringing.json(),
            json!({"event": "ringing", "id_group": "g1", "to": ["bob"]})
        );
        let connected = Report::Connected(Connection {
            id_group: id_group.clone(),
            who: Some(bob),
            route: Some(RouteKind::Direct),
            safety_code: Some("12345 67890".to_owned()),
            since_accept: Duration::from_micros(26_779),
        });
        assert_eq!(
            connected.json(),
            json!({
                "event": "connected", "id_group": "g1", "pseudo": "bob", "route": "direct",
                "ms_since_accept": 26.779, "safety_code": "12345 67890",
            })
        );
        assert_eq!(
            Report::Stats(stats()).json(),
            json!({
                "event": "stats", "sent": 250, "received": 248, "lost": 2, "late": 1,
                "concealed": 3, "recovered": 1, "dropped": 4, "jitter_ms": 1.234,
                "rtt_ms": 20.5, "buffer_ms": 40.0, "redundancy_wait_ms": 0.0, "quality": null,
                "capture_gaps": 0, "playback_gaps": 0, "encoder": null, "peers": {},
            })
        );
        let ended = Report::Ended(Ending {
            id_group: Some(id_group),
            reason: EndReason::RemoteHungUp,
            detail: None,
            totals: stats(),
            lasted: Some(Duration::from_millis(5_003)),
        });
        let object = ended.json();
        assert_eq!(object["event"], "ended");
        assert_eq!(object["reason"], "remote_hung_up");
        assert_eq!(object["seconds"], 5.003);
        assert_eq!(object["received"], 248);
        Ok(())
    }

    #[test]
    fn a_call_in_sentences() -> Tested {
        let connected = Report::Connected(Connection {
            id_group: GroupId::parse("g1")?,
            who: Some("bob".parse()?),
            route: Some(RouteKind::Direct),
            safety_code: None,
            since_accept: Duration::from_millis(26),
        });
        assert_eq!(
            words::lines(&connected),
            ["connected to bob, direct, 26 ms after the accept"]
        );
        let never = Report::Ended(Ending {
            id_group: None,
            reason: EndReason::Refused,
            detail: Some("bob is no contact".to_owned()),
            totals: CallStats::default(),
            lasted: None,
        });
        assert_eq!(
            words::lines(&never),
            ["the call is over: the server refused it (bob is no contact)"]
        );
        let levels = Report::Levels(Levels::default());
        assert_eq!(
            words::lines(&levels),
            ["you ....................  they ...................."]
        );
        Ok(())
    }

    #[test]
    fn data_in_json_and_in_sentences() -> Tested {
        let contact = Contact {
            pp: PictureId::NONE,
            pseudo: "bob".parse()?,
            status: Status::InCall,
        };
        let contacts = Report::Contacts {
            contacts: vec![contact.clone()],
            online: true,
        };
        assert_eq!(
            contacts.json(),
            json!({
                "event": "contacts", "online": true,
                "contacts": [{"pp": "", "pseudo": "bob", "status": "in_call"}],
            })
        );
        assert!(words::lines(&contacts)[0].ends_with("in a call"));
        let none = Report::Contacts {
            contacts: Vec::new(),
            online: false,
        };
        assert_eq!(words::lines(&none), ["no contacts yet"]);
        let me = Report::Profile {
            me: Me {
                name: "zoë".parse()?,
                picture: PictureId::NONE,
                status: Status::Online,
            },
            server: "https://cooee.example.org".to_owned(),
            online: true,
        };
        assert_eq!(me.json()["pseudo"], "zoë");
        assert_eq!(
            words::lines(&me),
            ["zoë on https://cooee.example.org, online"]
        );
        let renamed = Report::Event(Event::ContactChanged {
            contact,
            previous: Some("rob".parse()?),
        });
        assert_eq!(renamed.json()["previous"], "rob");
        assert_eq!(words::lines(&renamed), ["rob is now called bob"]);
        Ok(())
    }

    #[test]
    fn the_connection_to_the_server_is_told_apart_from_the_call() -> Tested {
        let lost = Report::Event(Event::Reconnecting {
            retry_in: Duration::from_millis(400),
            attempt: 2,
        });
        assert_eq!(
            lost.json(),
            json!({"event": "offline", "retry_in_ms": 400.0, "attempt": 2})
        );
        let call = Report::Call(CallEvent::Reconnecting {
            id_group: GroupId::parse("g1")?,
        });
        assert_eq!(call.json()["event"], "reconnecting");
        Ok(())
    }

    #[test]
    fn a_failure_has_its_code_in_json_and_nothing_on_stdout_otherwise() {
        let error = Report::Error(Failure::new("offline", "not connected"));
        assert_eq!(
            error.json(),
            json!({"event": "error", "code": "offline", "message": "not connected"})
        );
        assert!(words::lines(&error).is_empty());
    }
}
