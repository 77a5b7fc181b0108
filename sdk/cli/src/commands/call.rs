//! Calling, answering, and following a call to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use cooee_sdk::{
    Call, CallActionError, CallError, CallEvent, CallOptions, Client, EndReason, Event, EventOrGap,
    Events, GroupId, IncomingCall, RouteKind, Username,
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::{groups, voice};
use crate::args::Global;
use crate::console::Console;
use crate::failure::{Failure, Outcome, chain};
use crate::report::{Connection, Ending, Report};
use crate::report_file::Chronicle;
use crate::session;
use crate::signals::Interrupts;
use crate::typed::{HELP, Line, Typed, VERIFIED};
use crate::voice_args::{SendChoice, VoiceOptions};
use crate::words;

/// Ten looks at the meter in a second.
const METER_INTERVAL: Duration = Duration::from_millis(100);

/// Calls a contact or a group.
pub(crate) async fn place(
    global: &Global,
    console: &Console,
    whom: &str,
    wish: &VoiceOptions,
) -> Outcome {
    let mut interrupts = Interrupts::listen()?;
    let options = voice::options(wish)?;
    let (client, me) = session::online(global).await?;
    let target = target(&client, whom)?;
    let mut follower = Follower::new(client.events(), console, global, wish);
    console.tell(&Report::Ready { me, waiting: false });
    let call = match target {
        Target::Contact(name) => client.call(name, options).await?,
        Target::Group(id_group) => client.call_group(id_group, Vec::new(), options).await?,
    };
    set_volumes(&call, wish).await;
    let outcome = follower.follow(&call, &mut interrupts).await;
    client.close().await;
    outcome
}

/// Sets the volumes that the command line asks for; they are remembered.
async fn set_volumes(call: &Call, wish: &VoiceOptions) {
    for (who, percent) in &wish.volume {
        // Of a call that is over already, the end is told in a moment.
        let _ = call.set_volume(who.clone(), *percent).await;
    }
}

pub(super) enum Target {
    Contact(Username),
    Group(GroupId),
}

/// Whom a word on the command line means: a contact's name first, then a group.
pub(super) fn target(client: &Client, word: &str) -> Result<Target, Failure> {
    let named = Username::parse(word).ok();
    let contact = client
        .contacts()
        .into_iter()
        .find(|contact| Some(&contact.pseudo) == named.as_ref());
    if let Some(contact) = contact {
        return Ok(Target::Contact(contact.pseudo));
    }
    match groups::find(&client.groups(), word)? {
        Some(group) => Ok(Target::Group(group.id_group.clone())),
        None => Err(Failure::new(
            "unknown",
            format!("`{word}` is neither a contact nor a group"),
        )),
    }
}

/// Waits for a call and accepts it.
pub(crate) async fn answer(
    global: &Global,
    console: &Console,
    from: Option<&str>,
    wish: &VoiceOptions,
) -> Outcome {
    let mut interrupts = Interrupts::listen()?;
    let from = from.map(session::name).transpose()?;
    // Checked now, opened when somebody calls.
    let mut options = Some(voice::options(wish)?);
    let client = session::beside(global).await?;
    let mut follower = Follower::new(client.events(), console, global, wish);
    let me = client.resume().await?;
    console.tell(&Report::Ready { me, waiting: true });
    let outcome = loop {
        let incoming = tokio::select! {
            () = interrupts.recv() => {
                break Err(Failure::new("interrupted", "interrupted before a call came"));
            }
            incoming = follower.wait_for_call(&client, from.as_ref()) => incoming,
        };
        let incoming = match incoming {
            Ok(incoming) => incoming,
            Err(failure) => break Err(failure),
        };
        let chosen = match options.take() {
            Some(chosen) => chosen,
            None => voice::options(wish)?,
        };
        match accept(incoming, chosen).await {
            Ok(Some(call)) => {
                set_volumes(&call, wish).await;
                break follower.follow(&call, &mut interrupts).await;
            }
            // The caller gave up in this moment; the next one may mean it.
            Ok(None) => {}
            Err(failure) => break Err(failure),
        }
    };
    client.close().await;
    outcome
}

/// Accepts; `None` when the call does not ring any more.
async fn accept(incoming: IncomingCall, options: CallOptions) -> Result<Option<Call>, Failure> {
    match incoming.accept(options).await {
        Ok(call) => Ok(Some(call)),
        Err(CallActionError::Call(CallError::NoCall | CallError::NotRinging)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Tells what happens in a call and keeps what its end needs.
struct Follower<'a> {
    events: Events,
    console: &'a Console,
    hang_up_after: Option<Duration>,
    meter: bool,
    /// The first route of the call.
    route: Option<(Username, RouteKind, String)>,
    /// How voice gets to each participant, as far as it was told.
    routes: BTreeMap<Username, RouteKind>,
    connected_at: Option<Instant>,
    typed: Typed,
    push_to_talk: bool,
    talking: bool,
    /// Kept for the file at the end, if one is wanted.
    chronicle: Option<Chronicle>,
    interrupted: bool,
}

impl<'a> Follower<'a> {
    fn new(events: Events, console: &'a Console, global: &Global, wish: &VoiceOptions) -> Self {
        Self {
            events,
            console,
            hang_up_after: wish.duration,
            meter: wish.meter,
            route: None,
            routes: BTreeMap::new(),
            connected_at: None,
            typed: Typed::listen(global.privacy),
            push_to_talk: wish.send == SendChoice::Ptt,
            talking: false,
            chronicle: wish.report.clone().map(Chronicle::new),
            interrupted: false,
        }
    }

    /// Waits until a call rings here, from this person if one is given.
    async fn wait_for_call(
        &mut self,
        client: &Client,
        from: Option<&Username>,
    ) -> Result<IncomingCall, Failure> {
        loop {
            let ringing = client.incoming();
            if let Some(incoming) = ringing
                && from.is_none_or(|from| from == incoming.from())
            {
                // It may have begun before the events did, so it is told from here.
                self.console.tell(&Report::Call(CallEvent::RingingIn {
                    id_group: incoming.id_group().clone(),
                    from: incoming.from().clone(),
                }));
                return Ok(incoming);
            }
            match self.events.recv().await {
                Some(EventOrGap::Event(event)) => match *event {
                    Event::Call(CallEvent::RingingIn { .. }) | Event::Stats(_) => {}
                    Event::Call(event) => self.console.tell(&Report::Call(event)),
                    Event::SignedOut { reason } => {
                        return Err(Failure::signed_out(reason.as_ref()));
                    }
                    event @ (Event::Online { resumed: true } | Event::Reconnecting { .. }) => {
                        self.console.tell(&Report::Event(event));
                    }
                    _ => {}
                },
                Some(EventOrGap::Missed(count)) => self.console.tell(&Report::Missed(count)),
                None => return Err(Failure::new("closed", "the client is closed")),
            }
        }
    }

    /// Follows a call to its end, whoever ends it.
    async fn follow(&mut self, call: &Call, interrupts: &mut Interrupts) -> Outcome {
        let mut looks = interval(METER_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let deadline = match (self.connected_at, self.hang_up_after) {
                (Some(connected), Some(after)) => Some(connected + after),
                (None, _) | (_, None) => None,
            };
            let metered = self.meter && self.connected_at.is_some();
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(EventOrGap::Event(event)) => {
                        if let Some(outcome) = self.handle(call, *event) {
                            return outcome;
                        }
                    }
                    Some(EventOrGap::Missed(count)) => {
                        self.console.tell(&Report::Missed(count));
                        if let Some((reason, detail)) = call.snapshot().ended {
                            return self.end(call, None, reason, detail);
                        }
                    }
                    None => return Err(Failure::new("closed", "the client is closed")),
                },
                () = sleep_to(deadline) => {
                    self.hang_up_after = None;
                    hang_up(call).await;
                }
                () = interrupts.recv() => {
                    self.interrupted = true;
                    hang_up(call).await;
                }
                line = self.typed.line() => self.carry_out(call, line).await,
                _ = looks.tick(), if metered => {
                    self.console.tell(&Report::Levels(call.levels()));
                }
            }
        }
    }

    /// Does what was typed.
    async fn carry_out(&mut self, call: &Call, line: Line) {
        let done = match line {
            Line::Verified => return self.verify(call).await,
            Line::Devices => {
                match cooee_sdk::devices() {
                    Ok(devices) => self.console.tell(&Report::Devices(devices)),
                    Err(error) => self.console.note(&chain(&error)),
                }
                return;
            }
            Line::Unknown => return self.console.note(HELP),
            Line::Talk if !self.push_to_talk => return,
            Line::Talk => {
                self.talking = !self.talking;
                self.console.note(match self.talking {
                    true => "talking, until Enter",
                    false => "not talking",
                });
                call.set_talking(self.talking).await
            }
            Line::Input(input) => call.set_input(input).await,
            Line::Output(output) => call.set_output(output).await,
            Line::Muted(muted) => call.set_muted(muted).await,
            Line::Deafened(deafened) => call.set_deafened(deafened).await,
            Line::HangUp => call.hang_up().await,
        };
        if let Err(error) = done {
            self.console.note(&chain(&error));
        }
    }

    /// The user says that the safety codes are right.
    async fn verify(&self, call: &Call) {
        if self.connected_at.is_none() {
            self.console.note("there is no safety code to compare yet");
        } else if call.set_verified().await.is_ok() {
            self.console
                .note("verified: the call may take the shortest way");
        }
    }

    /// Tells one event; the outcome when it was the last.
    fn handle(&mut self, call: &Call, event: Event) -> Option<Outcome> {
        let report = match event {
            Event::Call(CallEvent::Ended {
                id_group,
                reason,
                detail,
            }) => return Some(self.end(call, id_group, reason, detail)),
            Event::Call(CallEvent::Connected {
                id_group,
                since_accept,
            }) => {
                self.connected_at = Some(Instant::now());
                let (who, route, safety_code) = match self.route.clone() {
                    Some((who, route, code)) => (Some(who), Some(route), Some(code)),
                    None => (None, None, None),
                };
                Report::Connected(Connection {
                    id_group,
                    who,
                    route,
                    safety_code,
                    since_accept,
                })
            }
            Event::Route {
                who,
                route,
                safety_code,
            } => {
                // Another pair of addresses of the same kind is no news.
                if self.routes.insert(who.clone(), route) == Some(route) {
                    return None;
                }
                // The first route is told with the connection that it makes.
                if self.route.is_none() {
                    self.route = Some((who, route, safety_code));
                    return None;
                }
                Report::Event(Event::Route {
                    who,
                    route,
                    safety_code,
                })
            }
            Event::Call(event) => Report::Call(event),
            Event::Stats(stats) => {
                if let Some(chronicle) = &mut self.chronicle {
                    chronicle.note(&stats);
                }
                Report::Stats(stats)
            }
            event @ (Event::Unreachable { .. }
            | Event::SpeakingChanged { .. }
            | Event::QualityChanged { .. }
            | Event::DeviceChanged(_)
            | Event::Online { .. }
            | Event::Reconnecting { .. }
            | Event::SignedOut { .. }) => Report::Event(event),
            // Contacts and groups change during a call too; that is for `watch`.
            _ => return None,
        };
        self.console.tell(&report);
        if let Some(chronicle) = &mut self.chronicle {
            chronicle.happened(&report);
        }
        if matches!(report, Report::Connected(_)) && self.typed.awaits_verification() {
            self.console.note(&format!(
                "voice goes by way of the server until you have compared the safety code and \
                 typed `{VERIFIED}`"
            ));
        }
        None
    }

    fn end(
        &self,
        call: &Call,
        id_group: Option<GroupId>,
        reason: EndReason,
        detail: Option<String>,
    ) -> Outcome {
        let lasted = self.connected_at.map(|connected| connected.elapsed());
        if let Some(chronicle) = &self.chronicle
            && let Err(error) = chronicle.write(words::why(reason))
        {
            self.console
                .note(&format!("the report was not written: {error}"));
        }
        self.console.tell(&Report::Ended(Ending {
            id_group,
            reason,
            detail: detail.clone(),
            totals: call.stats(),
            lasted,
        }));
        match failed(reason, lasted.is_some(), self.interrupted) {
            None => Ok(()),
            Some(why) => Err(Failure::new(
                reason.as_str(),
                match detail {
                    Some(detail) => format!("{why} ({detail})"),
                    None => why.to_owned(),
                },
            )),
        }
    }
}

/// Why a call that ended so counts as failed; `None` for one that people talked in and ended.
fn failed(reason: EndReason, connected: bool, interrupted: bool) -> Option<&'static str> {
    match reason {
        EndReason::HungUp | EndReason::RemoteHungUp if connected => None,
        EndReason::HungUp if interrupted => Some("interrupted before the call was connected"),
        EndReason::HungUp => Some("hung up before the call was connected"),
        reason => Some(words::why(reason)),
    }
}

async fn hang_up(call: &Call) {
    // That it is over already is what was wanted.
    let _ = call.hang_up().await;
}

async fn sleep_to(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use cooee_sdk::EndReason;

    use super::failed;

    #[test]
    fn only_a_call_that_was_connected_and_hung_up_is_a_success() {
        for reason in [EndReason::HungUp, EndReason::RemoteHungUp] {
            assert_eq!(failed(reason, true, false), None);
            assert!(failed(reason, false, true).is_some());
        }
        for reason in [EndReason::NoPath, EndReason::Audio, EndReason::Lost] {
            assert!(failed(reason, true, false).is_some(), "{reason}");
        }
        for reason in [EndReason::Declined, EndReason::TimedOut, EndReason::Busy] {
            assert!(failed(reason, false, false).is_some(), "{reason}");
        }
    }
}
