//! Calls: 501 to 504 and 506. What the database knows is looked up here; the rest is
//! [`crate::calls`].

use std::sync::Arc;

use bytes::Bytes;
use cooee_protocol::{
    CallInfo, ErrorCode, ErrorReply, Exchange, InfoCall, Join, Place, Quit, Username,
};
use rusqlite::Connection as Database;

use crate::app::{App, Request};
use crate::calls::{Candidate, Kind, Placing};
use crate::connection::Login;
use crate::db::blocks;
use crate::db::groups::{self, Circle};
use crate::db::{JobError, JobResult, profiles};
use crate::ids::{Person, ProfileId};
use crate::limits::now;

/// The most that a participant may say to the others in extra fields, in bytes of JSON.
const MOST_EXTRA: usize = 16 * 1024;

impl App {
    /// 501: rings.
    pub(crate) async fn ring(self: &Arc<Self>, request: Request, login: &Login, args: Place) {
        if !fits(args.info.as_ref()) {
            return refuse_extra(&request);
        }
        let (profile, session) = (login.profile, login.session);
        self.commit(
            &request,
            move |db| place(db, profile, args),
            move |state, request, asked| {
                let Some(from) = state.from(profile, session, request.seq.clone()) else {
                    return;
                };
                let candidates = asked
                    .people
                    .into_iter()
                    .map(|person| Candidate {
                        reachable: state.is_here(person.profile),
                        person,
                    })
                    .collect();
                let placing = Placing {
                    candidates,
                    ..asked.placing
                };
                state.calls.handle_ring(&from, placing, now());
            },
        )
        .await;
    }

    /// 502: accepts.
    pub(crate) async fn accept(self: &Arc<Self>, request: Request, login: &Login, args: Join) {
        if !fits(args.info.as_ref()) {
            return refuse_extra(&request);
        }
        let (profile, session) = (login.profile, login.session);
        let id = args.id_group.clone();
        self.commit(
            &request,
            move |db| groups::circle(db, profile, &id),
            move |state, request, circle| {
                let member = matches!(circle, Some(Circle::Group(_)));
                if let Some(from) = state.from(profile, session, request.seq.clone()) {
                    state.calls.handle_accept(&from, member, args, now());
                }
            },
        )
        .await;
    }

    /// 503: quits or declines.
    pub(crate) async fn quit_call(self: &Arc<Self>, request: Request, login: &Login, args: Quit) {
        let (profile, session) = (login.profile, login.session);
        let id = args.id_group.clone();
        self.commit(
            &request,
            move |db| groups::circle(db, profile, &id),
            move |state, request, circle| {
                if let Some(from) = state.from(profile, session, request.seq.clone()) {
                    state.calls.handle_quit(&from, circle.is_some(), args);
                }
            },
        )
        .await;
    }

    /// 504: passes data on.
    pub(crate) fn exchange(&self, request: &Request, login: &Login, args: Exchange) {
        self.hub.with(|state| {
            if let Some(from) = state.from(login.profile, login.session, request.seq.clone()) {
                state.calls.handle_exchange(&from, args);
            }
        });
    }

    /// A binary frame: passes voice on.
    pub(crate) fn tunnel(&self, login: &Login, to: &Username, payload: &Bytes) {
        self.hub.with(|state| {
            if let Some(from) = state.from(login.profile, login.session, None) {
                state.calls.handle_tunnel(&from, to, payload);
            }
        });
    }

    /// 506: tells addresses.
    pub(crate) fn info_call(&self, request: &Request, login: &Login, args: InfoCall) {
        if !fits(Some(&args.info)) {
            return refuse_extra(request);
        }
        self.hub.with(|state| {
            if let Some(from) = state.from(login.profile, login.session, request.seq.clone()) {
                state.calls.handle_info(&from, args);
            }
        });
    }
}

fn refuse_extra(request: &Request) {
    request.refuse(
        ErrorCode::Invalid,
        format!("extra fields have at most {MOST_EXTRA} bytes"),
    );
}

fn fits(info: Option<&CallInfo>) -> bool {
    info.is_none_or(|info| {
        serde_json::to_vec(&info.extra).is_ok_and(|extra| extra.len() <= MOST_EXTRA)
    })
}

/// A 501 after its names were looked up.
struct Asked {
    /// Without its candidates: whether they are reachable is for the hub to say.
    placing: Placing,
    people: Vec<Person>,
}

fn place(db: &Database, profile: ProfileId, args: Place) -> JobResult<Asked> {
    let named = !args.list_pseudo.is_empty();
    let placing = |id, kind| Placing {
        id,
        kind,
        candidates: Vec::new(),
        named,
        address: args.address,
        port: args.port,
        info: args.info.clone(),
    };
    let Some(id) = args.id_group.clone() else {
        let (callee, away) = callee(db, profile, only(&args.list_pseudo)?)?;
        let id = groups::pair(db, profile, callee.profile)?;
        return Ok(Asked {
            placing: placing(id, Kind::Direct),
            people: if away { Vec::new() } else { vec![callee] },
        });
    };
    match groups::circle(db, profile, &id)? {
        Some(Circle::Pair(other)) => {
            if other.name != *only(&args.list_pseudo)? {
                return Err(JobError::refused(
                    ErrorCode::Invalid,
                    "that call is with somebody else",
                ));
            }
            let (callee, away) = callee(db, profile, &other.name)?;
            Ok(Asked {
                placing: placing(id, Kind::Direct),
                people: if away { Vec::new() } else { vec![callee] },
            })
        }
        Some(Circle::Group(members)) => {
            let mut people = Vec::with_capacity(members.len());
            for member in members {
                let meant = member.profile != profile
                    && (!named || args.list_pseudo.contains(&member.name));
                // Where one blocks the other, neither rings the other.
                if meant && !blocks::between(db, profile, member.profile)? {
                    people.push(member);
                }
            }
            Ok(Asked {
                placing: placing(id, Kind::Group),
                people,
            })
        }
        None => Err(JobError::refused(
            ErrorCode::NotAllowed,
            "you are not a member of that group",
        )),
    }
}

/// The one person that a direct call names.
fn only(list: &[Username]) -> JobResult<&Username> {
    match list {
        [name] => Ok(name),
        [] | [_, _, ..] => Err(JobError::refused(
            ErrorCode::Invalid,
            "a direct call names one person",
        )),
    }
}

/// The contact of that name, and whether they seem away because they block the profile. Unknown and
/// not allowed are the same, so that names cannot be probed.
fn callee(db: &Database, profile: ProfileId, name: &Username) -> JobResult<(Person, bool)> {
    let found = profiles::by_name(db, name)?;
    let standing = match &found {
        Some(found) => Some(blocks::standing(db, profile, found.profile)?),
        None => None,
    };
    match (found, standing) {
        (Some(found), Some(standing)) if standing.contact && !standing.blocks => {
            Ok((found.person(), standing.blocked))
        }
        (Some(_) | None, _) => Err(JobError::Refused(ErrorReply {
            reason: Some("not_allowed".to_owned()),
            ..ErrorReply::new(
                ErrorCode::CallFailed,
                format!("{} is not a contact of yours", name.as_str()),
            )
        })),
    }
}
