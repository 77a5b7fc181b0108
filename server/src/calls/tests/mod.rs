//! The machine on virtual time.

mod direct;
mod groups;
mod random;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use cooee_protocol::{
    CallInfo, GroupId, InfoCall, Join, NameError, Quit, Seq, ServerMessage, Username,
};
use serde_json::json;

use super::messages::exchange_message;
use super::{Calls, Candidate, From, Kind, Output, Placing, Target, Timing, Voice};
use crate::ids::{Person, ProfileId, SessionId};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const RING: Duration = Duration::from_secs(300);
const GRACE: Duration = Duration::from_secs(60);
const INFO: Duration = Duration::from_secs(5);

struct World {
    calls: Calls,
    now: Instant,
    seq: u64,
}

fn person(name: &str) -> Result<Person, NameError> {
    let profile = name.bytes().map(i64::from).sum();
    Ok(Person {
        profile: ProfileId(profile),
        name: Username::parse(name)?,
    })
}

/// Session 1 of each person is ten times its profile, plus one.
fn session(person: &Person, number: u64) -> SessionId {
    SessionId(person.profile.0.unsigned_abs() * 10 + number)
}

fn id() -> Result<GroupId, NameError> {
    GroupId::parse("g")
}

fn info(port: u16) -> CallInfo {
    CallInfo {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port,
        extra: serde_json::Map::from_iter([("key".to_owned(), json!("k"))]),
    }
}

impl World {
    fn new() -> Self {
        Self {
            calls: Calls::new(Timing {
                ring: RING,
                grace: GRACE,
                info: INFO,
            }),
            now: Instant::now(),
            seq: 0,
        }
    }

    fn from(&mut self, person: &Person, number: u64) -> From {
        self.seq += 1;
        From {
            person: person.clone(),
            session: session(person, number),
            seq: Some(Seq::from(self.seq)),
        }
    }

    fn ring(
        &mut self,
        who: &Person,
        kind: Kind,
        whom: &[&Person],
        told: Option<CallInfo>,
    ) -> Outcome {
        let from = self.from(who, 1);
        let placing = Placing {
            id: id()?,
            kind,
            candidates: whom
                .iter()
                .map(|person| Candidate {
                    person: (*person).clone(),
                    reachable: true,
                })
                .collect(),
            named: true,
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: 0,
            info: told,
        };
        self.calls.handle_ring(&from, placing, self.now);
        Ok(())
    }

    fn accept(
        &mut self,
        who: &Person,
        number: u64,
        member: bool,
        told: Option<CallInfo>,
    ) -> Outcome {
        let from = self.from(who, number);
        let join = Join {
            pseudo: who.name.clone(),
            id_group: id()?,
            info: told,
        };
        self.calls.handle_accept(&from, member, join, self.now);
        Ok(())
    }

    fn quit(&mut self, who: &Person, number: u64, reason: Option<&str>) -> Outcome {
        let from = self.from(who, number);
        let quit = Quit {
            pseudo: who.name.clone(),
            id_group: id()?,
            reason: reason.map(str::to_owned),
        };
        self.calls.handle_quit(&from, true, quit);
        Ok(())
    }

    fn tell(&mut self, who: &Person, port: u16) -> Outcome {
        let from = self.from(who, 1);
        let message = InfoCall {
            id_group: id()?,
            info: info(port),
        };
        self.calls.handle_info(&from, message);
        Ok(())
    }

    fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(at) = self.calls.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.calls.handle_timeout(self.now);
        }
        self.now = until;
    }

    /// What was sent since the last time, presence aside: `target code detail`.
    fn said(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(output) = self.calls.poll_output() {
            match output {
                Output::Send { to, re, message } => {
                    let re = re.map_or("", |_| "re ");
                    said.push(format!("{} {re}{}", target(to), shown(&message)));
                }
                Output::Relay {
                    to,
                    from,
                    id,
                    voice,
                } => {
                    let shown = match voice {
                        Voice::Text(data) => shown(&exchange_message(from, data, &id)),
                        Voice::Bytes(bytes) => format!("voice {from} {}", bytes.len()),
                    };
                    said.push(format!("{} {shown}", target(Target::Session(to))));
                }
                Output::LendRelay(_, to) => {
                    said.push(format!("{} relay", target(Target::Session(to))));
                }
                Output::Presence(_) | Output::Left(..) | Output::Ended(_) | Output::Over(_) => {}
            }
        }
        said
    }

    fn is_empty(&self) -> bool {
        self.calls.calls.is_empty()
            && self.calls.joined.is_empty()
            && self.calls.rung.is_empty()
            && self.calls.timers.is_empty()
    }
}

fn target(to: Target) -> String {
    let name = |profile: i64| match profile {
        97 => "a",
        98 => "b",
        99 => "c",
        _ => "?",
    };
    let of = |session: SessionId| {
        let profile = i64::try_from(session.0 / 10).unwrap_or(0);
        format!("{}{}", name(profile), session.0 % 10)
    };
    match to {
        Target::Session(session) => of(session),
        Target::Profile(profile) => format!("{}*", name(profile.0)),
        Target::Others(profile, but) => format!("{}*-{}", name(profile.0), of(but)),
    }
}

fn shown(message: &ServerMessage) -> String {
    let code = message.code();
    match message {
        ServerMessage::Ring(ring) => {
            let list: Vec<_> = ring.list_pseudo.iter().map(Username::as_str).collect();
            let by = ring.pseudo.as_ref().map_or("", Username::as_str);
            format!("{code} {by}[{}]", list.join(","))
        }
        ServerMessage::Accept(join) => format!("{code} {}", join.pseudo),
        ServerMessage::Quit(quit) => {
            let reason = quit.reason.as_deref().unwrap_or("");
            format!("{code} {} {reason}", quit.pseudo)
        }
        ServerMessage::Exchange(exchange) => format!("{code} {}", exchange.pseudo),
        ServerMessage::DistributeInfo(info) => {
            let list: Vec<_> = info
                .list_info
                .iter()
                .map(|one| format!("{}:{}", one.pseudo, one.info.port))
                .collect();
            format!("{code} [{}]", list.join(","))
        }
        ServerMessage::Error(error) => format!("{code} {}", error.reason.as_deref().unwrap_or(""))
            .trim_end()
            .to_owned(),
        _ => code.to_string(),
    }
}

fn direct() -> Result<(World, Person, Person), Box<dyn std::error::Error>> {
    let (mut world, a, b) = (World::new(), person("a")?, person("b")?);
    world.ring(&a, Kind::Direct, &[&b], None)?;
    assert_eq!(world.said(), ["a1 re 501 [b]", "b* 501 a[b]"]);
    Ok((world, a, b))
}

fn talking() -> Result<(World, Person, Person), Box<dyn std::error::Error>> {
    let (mut world, a, b) = direct()?;
    world.accept(&b, 1, false, None)?;
    world.tell(&a, 1)?;
    world.tell(&b, 2)?;
    world.said();
    Ok((world, a, b))
}

fn group_of_two() -> Result<(World, Person, Person, Person), Box<dyn std::error::Error>> {
    let (mut world, a, b, c) = (World::new(), person("a")?, person("b")?, person("c")?);
    world.ring(&a, Kind::Group, &[&b, &c], None)?;
    world.accept(&b, 1, true, None)?;
    world.tell(&a, 1)?;
    world.tell(&b, 2)?;
    world.said();
    Ok((world, a, b, c))
}
