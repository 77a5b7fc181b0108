//! Profiles and logins: 601, 602, 608, 650 and 651.

use std::sync::Arc;

use cooee_protocol::{
    AmendProfile, Contact, CreateProfile, Empty, ErrorCode, ErrorReply, Group, PictureId, Profile,
    Resume, ServerMessage, Status, Token, Username,
};
use rusqlite::Connection as Database;

use crate::app::{App, Request, watching};
use crate::connection::{Connection, Login};
use crate::db::contacts::{Known, Relation};
use crate::db::profiles::{self, Stored};
use crate::db::{JobError, JobResult, contacts, groups, tokens};
use crate::hub::State;
use crate::ids::{ProfileId, SessionId, TokenHash, new_token};
use crate::limits::now;
use crate::outbox::{Close, Pushed};
use crate::passwords::{PasswordError, Verdict};

const WRONG: &str = "wrong name or password";

/// Everything that a login answers, as of one transaction.
struct Snapshot {
    own: Stored,
    contacts: Vec<Known<Stored>>,
    groups: Vec<Group>,
}

impl Snapshot {
    fn read(db: &Database, profile: ProfileId) -> JobResult<Self> {
        Ok(Self {
            own: profiles::by_id(db, profile)?,
            contacts: contacts::list(db, profile)?,
            groups: groups::list(db, profile)?,
        })
    }
}

/// What a login answers after 202.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Nothing: a new profile has neither contacts nor groups.
    Profile,
    /// 208 and 207.
    Everything,
}

impl Connection {
    /// 601: creates a profile and logs in.
    pub(crate) async fn create_profile(&mut self, request: Request, args: CreateProfile) {
        if !self.app.registrations.take(&self.address, now()) {
            request.refuse(ErrorCode::SlowDown, "too many new profiles; wait a moment");
            return;
        }
        // Asked before the password is hashed, and again when the profile is stored.
        let name = args.pseudo.clone();
        let free = self
            .app
            .db
            .ask(move |db| match profiles::by_name(db, &name)? {
                Some(_) => Err(profiles::taken(&name)),
                None => Ok(()),
            });
        if let Err(error) = free.await {
            request.fail(error);
            return;
        }
        let hash = match self.app.passwords.hash(args.password.expose()).await {
            Ok(hash) => hash,
            Err(error) => return refuse_password(&request, &error),
        };
        let name = args.pseudo;
        let create = move |db: &Database| profiles::create(db, &name, &hash);
        self.enter(request, Answer::Profile, create).await;
    }

    /// 608: logs in.
    pub(crate) async fn log_in(&mut self, request: Request, args: cooee_protocol::Login) {
        let app = Arc::clone(&self.app);
        let account = args.pseudo.key().to_owned();
        let at = now();
        // Taken before the password is looked at, so that many connections cannot try at once;
        // given back when it was right.
        let allowed = app.address_logins.take(&self.address, at)
            && (app.account_logins.take(&account, at) || {
                app.address_logins.give_back(&self.address);
                false
            });
        if !allowed {
            request.refuse(ErrorCode::SlowDown, "too many failed logins; wait a moment");
            return;
        }
        let give_back = || {
            app.address_logins.give_back(&self.address);
            app.account_logins.give_back(&account);
        };
        let name = args.pseudo.clone();
        let stored = match app.db.ask(move |db| profiles::password(db, &name)).await {
            Ok(stored) => stored,
            Err(error) => {
                give_back();
                request.fail(error);
                return;
            }
        };
        let hash = stored.as_ref().map(|(_, hash)| hash.clone());
        let verdict = app.passwords.verify(args.password.expose(), hash).await;
        let dated = match verdict {
            Ok(Verdict::Right) => false,
            Ok(Verdict::RightButDated) => true,
            Ok(Verdict::Wrong) => {
                tracing::info!("a login failed");
                request.refuse(ErrorCode::AuthFailed, WRONG);
                return;
            }
            Err(error) => {
                give_back();
                return refuse_password(&request, &error);
            }
        };
        give_back();
        let Some((profile, hash)) = stored else {
            return;
        };
        let newer = if dated {
            app.passwords.hash(args.password.expose()).await.ok()
        } else {
            None
        };
        let check = move |db: &Database| {
            // The password may have been changed while this one was looked at.
            if profiles::password_of(db, profile)? != hash {
                return Err(JobError::refused(ErrorCode::AuthFailed, WRONG));
            }
            if let Some(newer) = newer {
                profiles::set_password(db, profile, &newer)?;
            }
            Ok(profile)
        };
        self.enter(request, Answer::Everything, check).await;
    }

    /// 650: resumes a session.
    pub(crate) async fn resume(&mut self, request: Request, args: Resume) {
        let hash = TokenHash::of(&args.token);
        let another = args.another;
        let find = move |db: &Database| {
            let found = if another {
                // As fresh as the token that it begets, or a row of those would push it out.
                tokens::touch(db, hash)?
            } else {
                tokens::resume(db, hash)?
            };
            found.ok_or_else(|| {
                JobError::refused(ErrorCode::AuthFailed, "that session is over; log in again")
            })
        };
        let resumed = (!another).then_some(args.token);
        self.enter_with(request, Answer::Everything, resumed, find)
            .await;
    }

    async fn enter(
        &mut self,
        request: Request,
        answer: Answer,
        find: impl FnOnce(&Database) -> JobResult<ProfileId> + Send + 'static,
    ) {
        self.enter_with(request, answer, None, find).await;
    }

    /// Logs in to the profile that `find` finds, with a token that is there already or a new one.
    async fn enter_with(
        &mut self,
        request: Request,
        answer: Answer,
        resumed: Option<Token>,
        find: impl FnOnce(&Database) -> JobResult<ProfileId> + Send + 'static,
    ) {
        let before = self.login.clone();
        let Some(token) = resumed.clone().or_else(new_token) else {
            request.refuse(ErrorCode::ServerFault, "no token could be made");
            return;
        };
        let most_tokens = self.app.config.max_tokens;
        let previous = before.clone();
        let stun = self.app.stun.clone();
        let entered = self.app.commit(
            &request,
            move |db| {
                let profile = find(db)?;
                let token = match &previous {
                    // The same profile again: the session stays the one that it is.
                    Some(login) if login.profile == profile => login.token.clone(),
                    Some(login) => {
                        tokens::revoke(db, TokenHash::of(&login.token))?;
                        keep(db, profile, token, resumed.is_some(), most_tokens)?
                    }
                    None => keep(db, profile, token, resumed.is_some(), most_tokens)?,
                };
                Ok((Snapshot::read(db, profile)?, token))
            },
            move |state, request, (snapshot, token)| {
                if let Some(login) = before
                    && login.profile != snapshot.own.profile
                {
                    state.end_session(login.session, now());
                }
                entered(state, request, snapshot, token, answer, stun)
            },
        );
        if let Some(login) = entered.await.flatten() {
            self.login = Some(login);
        }
    }

    /// 651: ends the session; the connection stays.
    pub(crate) async fn log_out(&mut self, request: Request, login: &Login) {
        let hash = TokenHash::of(&login.token);
        let session = login.session;
        let done = self.app.commit(
            &request,
            move |db| tokens::revoke(db, hash),
            move |state, request, ()| {
                request.answer(ServerMessage::Logout(Empty {}));
                state.end_session(session, now());
            },
        );
        if done.await.is_some() {
            self.login = None;
        }
    }

    /// 602: changes what is given, all of it or nothing.
    pub(crate) async fn amend_profile(
        &mut self,
        request: Request,
        login: &Login,
        args: AmendProfile,
    ) {
        let password = match &args.password {
            Some(password) => match self.app.new_hash(login.profile, password.expose()).await {
                Ok(hash) => hash,
                Err(Failure::Password(error)) => return refuse_password(&request, &error),
                Err(Failure::Job(error)) => return request.fail(error),
            },
            None => None,
        };
        let (profile, session) = (login.profile, login.session);
        let hash = TokenHash::of(&login.token);
        let revokes = password.is_some();
        let (name, picture) = (args.pseudo, args.pp);
        self.app
            .commit(
                &request,
                move |db| {
                    if let Some(password) = password {
                        profiles::set_password(db, profile, &password)?;
                        tokens::revoke_others(db, profile, hash)?;
                    }
                    amend(db, profile, name.as_ref(), picture.as_ref())
                },
                move |state, request, amended| {
                    tell_amended(state, request, session, amended);
                    if revokes {
                        let error = ErrorReply::new(
                            ErrorCode::AuthFailed,
                            "the password was changed; log in again",
                        );
                        let error = ServerMessage::Error(error);
                        state.end_others(profile, session, &error, Close::REVOKED, now());
                    }
                },
            )
            .await;
    }
}

fn keep(
    db: &Database,
    profile: ProfileId,
    token: Token,
    known: bool,
    most: u32,
) -> JobResult<Token> {
    if !known {
        tokens::keep(db, profile, TokenHash::of(&token), most)?;
    }
    Ok(token)
}

enum Failure {
    Password(PasswordError),
    Job(JobError),
}

impl App {
    /// The hash to store for a new password, or nothing when it is the one that there is.
    async fn new_hash(
        &self,
        profile: ProfileId,
        password: &str,
    ) -> Result<Option<String>, Failure> {
        let stored = self
            .db
            .ask(move |db| profiles::password_of(db, profile))
            .await
            .map_err(Failure::Job)?;
        let verdict = self
            .passwords
            .verify(password, Some(stored))
            .await
            .map_err(Failure::Password)?;
        match verdict {
            Verdict::Right | Verdict::RightButDated => Ok(None),
            Verdict::Wrong => {
                let hash = self.passwords.hash(password).await;
                hash.map(Some).map_err(Failure::Password)
            }
        }
    }
}

pub(crate) fn refuse_password(request: &Request, error: &PasswordError) {
    let code = match error {
        PasswordError::Busy => ErrorCode::SlowDown,
        PasswordError::Failed => ErrorCode::ServerFault,
    };
    request.refuse(code, error.to_string());
}

/// Answers a login that is durable: 202, 208, 207, what was missed, what rings.
fn entered(
    state: &mut State,
    request: &Request,
    snapshot: Snapshot,
    token: Token,
    answer: Answer,
    stun: Vec<String>,
) -> Option<Login> {
    let Snapshot {
        own,
        contacts,
        groups,
    } = snapshot;
    let profile = own.profile;
    let attached = state.attach(&own, TokenHash::of(&token), &request.outbox)?;
    request.answer(ServerMessage::Profile(Profile {
        pp: own.picture,
        pseudo: own.name,
        status: state.status(profile),
        previous_pseudo: None,
        token: Some(token.clone()),
        stun,
    }));
    if answer == Answer::Everything {
        let list = contacts
            .iter()
            .map(|known| contact(state, known.relation, &known.who, known.unseen))
            .collect();
        request.answer(ServerMessage::Contacts(list));
        request.answer(ServerMessage::Groups(groups));
    }
    for text in attached.missed {
        match request.outbox.send_text(text) {
            Pushed::Queued => {}
            Pushed::Lost => break,
        }
    }
    state.calls.session_here(profile, attached.session);
    let watching = watching(contacts);
    state.announce(profile, watching.map(|contact| contact.profile));
    Some(Login {
        profile,
        session: attached.session,
        token,
    })
}

/// A contact as the one side sees the other, who may be unseen.
pub(crate) fn contact(state: &State, relation: Relation, other: &Stored, unseen: bool) -> Contact {
    Contact {
        pp: other.picture.clone(),
        pseudo: other.name.clone(),
        status: match relation {
            Relation::Pending => Status::Pending,
            Relation::Requested => Status::Requested,
            Relation::Confirmed if unseen => Status::Offline,
            Relation::Confirmed => state.status(other.profile),
        },
    }
}

/// What a 602 has changed, and who is concerned.
struct Amended {
    own: Stored,
    /// The name before, when it is another now.
    previous: Option<Username>,
    contacts: Vec<Known<ProfileId>>,
    fellows: Vec<ProfileId>,
    groups: Vec<groups::State>,
}

fn amend(
    db: &Database,
    profile: ProfileId,
    name: Option<&Username>,
    picture: Option<&PictureId>,
) -> JobResult<Amended> {
    let before = profiles::by_id(db, profile)?.name;
    if let Some(name) = name {
        profiles::rename(db, profile, name)?;
    }
    if let Some(picture) = picture {
        profiles::set_picture(db, profile, picture)?;
    }
    let own = profiles::by_id(db, profile)?;
    let renamed = own.name.as_str() != before.as_str();
    Ok(Amended {
        contacts: contacts::ids(db, profile)?,
        fellows: if renamed {
            groups::fellows(db, profile)?
        } else {
            Vec::new()
        },
        groups: if renamed {
            groups::renamed_in(db, profile)?
        } else {
            Vec::new()
        },
        previous: renamed.then_some(before),
        own,
    })
}

fn tell_amended(state: &mut State, request: &Request, session: SessionId, amended: Amended) {
    let Amended {
        own,
        previous,
        contacts,
        fellows,
        groups,
    } = amended;
    let profile = own.profile;
    state.amend(&own);
    let mut seen = std::collections::HashSet::from([profile]);
    let message = |status| {
        ServerMessage::Profile(Profile {
            pp: own.picture.clone(),
            pseudo: own.name.clone(),
            status,
            previous_pseudo: previous.clone(),
            token: None,
            stun: Vec::new(),
        })
    };
    let status = state.status(profile);
    request.answer(message(status));
    state.tell_others(profile, session, message(status));
    // Who is blocked is told nothing, or somebody who is away would change under their eyes.
    for known in contacts.into_iter().filter(|known| !known.blocked) {
        let shown = match known.relation {
            Relation::Confirmed => status,
            // As the other side sees it.
            Relation::Pending if previous.is_some() => Status::Requested,
            Relation::Requested if previous.is_some() => Status::Pending,
            Relation::Pending | Relation::Requested => continue,
        };
        seen.insert(known.who);
        state.tell(known.who, message(shown));
    }
    if previous.is_none() {
        return;
    }
    // Those who are no contacts learn the name, not where its owner is.
    let in_call = state.calls.fellows(profile);
    for other in fellows.into_iter().chain(in_call) {
        if seen.insert(other) {
            state.tell(other, message(Status::Offline));
        }
    }
    for group in groups {
        state.tell_all(group.members, &ServerMessage::Group(group.group));
    }
}
