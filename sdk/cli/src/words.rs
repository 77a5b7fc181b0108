//! The same reports as `report`, in sentences for people.

use std::time::Duration;

use cooee_sdk::{
    CallDirection, CallEvent, CallRecord, Contact, EndReason, Event, Group, Levels, Status,
    Username,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::commands::doctor;
use crate::counts;
use crate::devices;
use crate::report::{Connection, Ending, Report, decibels};
use crate::said;

/// The lines for a person; none for what only programs want.
pub(crate) fn lines(report: &Report) -> Vec<String> {
    match report {
        Report::Ready { me, waiting: true } => {
            vec![format!("{} is online and waits for a call", me.name)]
        }
        // A call that is placed says so at once by ringing.
        Report::Ready { waiting: false, .. } => Vec::new(),
        Report::Call(event) => vec![call(event)],
        Report::Connected(connection) => connected(connection),
        Report::Ended(ending) => ended(ending),
        Report::Stats(stats) => vec![counts::sentence(stats)],
        Report::Levels(levels) => vec![meter(*levels)],
        Report::Event(Event::SpeakingChanged { .. }) => Vec::new(),
        Report::Event(Event::Messages(event)) => said::event_line(event).into_iter().collect(),
        Report::Said(said) => said.lines(),
        Report::Event(event) => vec![happened(event)],
        Report::Missed(count) => vec![format!("{count} events were missed")],
        Report::Profile { me, server, online } => {
            let state = if *online { "online" } else { "offline" };
            let mut lines = vec![format!("{} on {server}, {state}", me.name)];
            if !me.picture.is_none() {
                lines.push(format!("picture {}", me.picture.as_str()));
            }
            lines
        }
        Report::SignedOut => vec!["signed out".to_owned()],
        Report::Contacts { contacts, .. } => listed(contacts, "no contacts yet", contact_row),
        Report::Contact(contact) => vec![contact_sentence(contact)],
        Report::ContactRemoved(name) => vec![format!("{name} is no contact (any more)")],
        Report::Groups { groups, .. } => listed(groups, "no groups yet", group_row),
        Report::Group(group) => vec![group_row(group)],
        Report::GroupRemoved(id) => vec![format!("left the group {id}")],
        Report::History(calls) => listed(calls, "no calls yet", record_row),
        Report::Devices(devices) => listed(devices, "no sound devices", devices::info_row),
        Report::Level(direction, peak) => vec![devices::level_line(*direction, &bar(*peak))],
        Report::Tried(tried) => vec![tried.sentence()],
        Report::Check(check) => doctor::sentences(check),
        Report::Comparison(comparison) => vec![format!(
            "correlation {:.3} at a lag of {:.0} ms ({:.1} s said, {:.1} s heard)",
            comparison.correlation,
            comparison.lag_ms,
            comparison.seconds_said,
            comparison.seconds_heard,
        )],
        // Said on stderr.
        Report::Error(_) => Vec::new(),
    }
}

fn listed<T>(items: &[T], nothing: &str, row: impl Fn(&T) -> String) -> Vec<String> {
    if items.is_empty() {
        return vec![nothing.to_owned()];
    }
    items.iter().map(row).collect()
}

fn call(event: &CallEvent) -> String {
    match event {
        CallEvent::RingingIn { from, .. } => format!("{from} calls"),
        CallEvent::RingingOut { ringing, .. } => format!("ringing at {}", names(ringing)),
        CallEvent::Connecting { .. } => "accepted; looking for a way".to_owned(),
        CallEvent::Connected { .. } => "connected".to_owned(),
        CallEvent::Joined { who, .. } => format!("{who} is in the call"),
        CallEvent::Left { who, reason, .. } => format!("{who} left: {}", why(*reason)),
        CallEvent::Reconnecting { .. } => "the way is lost; looking for another".to_owned(),
        CallEvent::Reconnected { .. } => "connected again".to_owned(),
        CallEvent::Ended { reason, .. } => format!("the call is over: {}", why(*reason)),
    }
}

fn connected(connection: &Connection) -> Vec<String> {
    let who = connection
        .who
        .as_ref()
        .map(|who| format!(" to {who}"))
        .unwrap_or_default();
    let route = connection
        .route
        .map(|route| format!(", {route}"))
        .unwrap_or_default();
    let mut lines = vec![format!(
        "connected{who}{route}, {} ms after the accept",
        connection.since_accept.as_millis()
    )];
    if let Some(code) = &connection.safety_code {
        lines.push(format!(
            "safety code {code}: read it to each other; if it is the same, nobody sits between you"
        ));
    }
    lines
}

fn ended(ending: &Ending) -> Vec<String> {
    let mut line = format!("the call is over: {}", why(ending.reason));
    if let Some(detail) = &ending.detail {
        line.push_str(&format!(" ({detail})"));
    }
    let Some(lasted) = ending.lasted else {
        return vec![line];
    };
    line.push_str(&format!(", after {}", span(lasted)));
    vec![line, counts::sentence(&ending.totals)]
}

/// Why a call ended, to follow a colon.
pub(crate) fn why(reason: EndReason) -> &'static str {
    match reason {
        EndReason::HungUp => "hung up",
        EndReason::RemoteHungUp => "the other side hung up",
        EndReason::DeclinedHere => "declined",
        EndReason::Declined => "they declined",
        EndReason::Busy => "they are in another call",
        EndReason::Offline => "they are not online",
        EndReason::TimedOut => "nobody answered",
        EndReason::Cancelled => "the caller gave up",
        EndReason::AnsweredElsewhere => "answered on another device",
        EndReason::DeclinedElsewhere => "declined on another device",
        EndReason::NoPath => "no way for voice was found",
        EndReason::Refused => "the server refused it",
        EndReason::ServerLost => "the connection to the server was lost",
        EndReason::Lost => "a participant was away for too long",
        EndReason::LeftGroup => "no member of the group any more",
        EndReason::Audio => "sound cannot be captured or played",
        // The enum grows with the SDK.
        _ => "for an unknown reason",
    }
}

/// Two bars, from -60 dB to full scale.
pub(crate) fn meter(levels: Levels) -> String {
    format!("you {}  they {}", bar(levels.input), bar(levels.output))
}

fn bar(peak: f32) -> String {
    const CELLS: i32 = 20;
    let filled = ((decibels(peak) + 60) * CELLS / 60).clamp(0, CELLS);
    (0..CELLS)
        .map(|cell| if cell < filled { '#' } else { '.' })
        .collect()
}

fn happened(event: &Event) -> String {
    match event {
        Event::Online { resumed: true } => "online again".to_owned(),
        Event::Online { resumed: false } => "online".to_owned(),
        Event::Reconnecting { retry_in, .. } => format!(
            "the connection to the server is lost; next attempt in {:.1} s",
            retry_in.as_secs_f64()
        ),
        Event::SignedOut { reason } => match reason.as_ref().and_then(|reply| reply.detail.clone())
        {
            Some(detail) => format!("signed out: {detail}"),
            None => "signed out".to_owned(),
        },
        Event::ProfileChanged => "the own profile changed".to_owned(),
        Event::ContactChanged { contact, previous } => match previous {
            Some(previous) => format!("{previous} is now called {}", contact.pseudo),
            None => contact_sentence(contact),
        },
        Event::ContactRemoved { name } => format!("{name} is no contact any more"),
        Event::GroupChanged { group } => format!("group {}", group_row(group)),
        Event::GroupRemoved { id_group } => format!("no member of the group {id_group} any more"),
        Event::Call(event) => call(event),
        Event::Route { who, route, .. } => format!("voice to {who}: {route}"),
        Event::QualityChanged { who, estimate } => format!("{who} {}", counts::sounds(estimate)),
        Event::DeviceChanged(news) => devices::news_sentence(news),
        Event::Stats(stats) => counts::sentence(stats),
        Event::Unreachable { who, why } => format!("{who} cannot be reached: {why}"),
        Event::CertificateRefused { why } => {
            format!("the server's certificate is refused: {why}; is this machine's clock right?")
        }
        Event::DiskFull => {
            "the disk is full: what changes now is not kept on this device".to_owned()
        }
        Event::CredentialsNotKept { why } => {
            format!("the session cannot be kept for the next start: {why}")
        }
        // The enum grows with the SDK.
        other => format!("{other:?}"),
    }
}

fn contact_row(contact: &Contact) -> String {
    format!("{:32}  {}", contact.pseudo, standing(contact.status))
}

fn contact_sentence(contact: &Contact) -> String {
    let name = &contact.pseudo;
    match contact.status {
        Status::Online => format!("{name} is online"),
        Status::Offline => format!("{name} is offline"),
        Status::InCall => format!("{name} is in a call"),
        Status::Pending => format!("asked {name}, who has not confirmed yet"),
        Status::Requested => {
            format!("{name} asks to become a contact: cooee contact add {name} confirms")
        }
    }
}

fn standing(status: Status) -> &'static str {
    match status {
        Status::Online => "online",
        Status::Offline => "offline",
        Status::InCall => "in a call",
        Status::Pending => "asked, not confirmed yet",
        Status::Requested => "asks to become a contact",
    }
}

fn group_row(group: &Group) -> String {
    format!(
        "{}  {}  {}",
        group.id_group,
        group.group_name,
        names(&group.list_pseudo)
    )
}

fn record_row(record: &CallRecord) -> String {
    let when = date(record.started_at);
    let direction = match record.direction {
        CallDirection::Outgoing => "to",
        CallDirection::Incoming => "from",
    };
    let peers = if record.peers.is_empty() {
        "nobody".to_owned()
    } else {
        record.peers.join(", ")
    };
    let outcome = match (talked(record), record.end_reason.as_deref()) {
        (Some(talked), _) => span(talked),
        (None, Some(reason)) => reason.replace('_', " "),
        (None, None) => "goes on".to_owned(),
    };
    format!("{when}  {direction:4}  {peers}  {outcome}")
}

fn names(names: &[Username]) -> String {
    let names: Vec<_> = names.iter().map(Username::as_str).collect();
    names.join(", ")
}

/// How long a past call lasted from its accept; `None` if it was not accepted or goes on.
pub(crate) fn talked(record: &CallRecord) -> Option<Duration> {
    let millis = record.ended_at?.saturating_sub(record.accepted_at?);
    Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
}

/// 7 s, 2 min 05 s, 1 h 02 min.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Milliseconds since the Unix epoch as RFC 3339 in UTC; empty outside of the calendar.
pub(crate) fn rfc3339(millis: i64) -> String {
    instant(millis)
        .and_then(|instant| instant.format(&Rfc3339).ok())
        .unwrap_or_default()
}

pub(crate) fn date(millis: i64) -> String {
    const FORMAT: &[time::format_description::BorrowedFormatItem<'static>] =
        time::macros::format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    instant(millis)
        .and_then(|instant| instant.format(FORMAT).ok())
        .unwrap_or_default()
}

fn instant(millis: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cooee_sdk::{CallDirection, CallId, CallRecord, Levels};

    use super::{meter, record_row, rfc3339, span, talked};

    #[test]
    fn times_and_spans_read_as_people_write_them() {
        assert_eq!(rfc3339(1_795_426_200_123), "2026-11-23T09:30:00.123Z");
        assert_eq!(rfc3339(i64::MAX), "");
        assert_eq!(span(Duration::from_millis(6_600)), "7 s");
        assert_eq!(span(Duration::from_secs(125)), "2 min 05 s");
        assert_eq!(span(Duration::from_secs(3_725)), "1 h 02 min");
    }

    #[test]
    fn a_past_call_says_how_long_or_why_not() {
        let mut record = CallRecord {
            id: CallId(1),
            id_group: "g1".to_owned(),
            direction: CallDirection::Incoming,
            peers: vec!["bob".to_owned()],
            started_at: 1_795_426_200_000,
            accepted_at: Some(1_795_426_205_000),
            ended_at: Some(1_795_426_265_000),
            end_reason: Some("hung_up".to_owned()),
        };
        assert_eq!(talked(&record), Some(Duration::from_secs(60)));
        assert_eq!(
            record_row(&record),
            "2026-11-23 09:30 UTC  from  bob  1 min 00 s"
        );
        record.accepted_at = None;
        record.end_reason = Some("timeout".to_owned());
        assert!(record_row(&record).ends_with("bob  timeout"));
    }

    #[test]
    fn the_meter_goes_from_minus_sixty_decibels_to_full_scale() {
        let mut levels = Levels::default();
        levels.input = 1.0;
        levels.output = 0.0316;
        assert_eq!(
            meter(levels),
            "you ####################  they ##########.........."
        );
    }
}
