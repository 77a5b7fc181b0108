//! Signing in: 601, 608 and 650, and what the server tells then.

use std::time::Instant;

use cooee_protocol::{
    ClientMessage, Contact, CreateProfile, ErrorCode, ErrorReply, Group, Login, Password, Profile,
    Resume, ServerMessage,
};

use super::session::SignallingSession;
use super::types::{SignIn, SignallingOutput, SignallingState, Synchronised};

/// What a sign-in has told so far.
#[derive(Debug, Default)]
pub(super) struct PartialSync {
    profile: Option<Profile>,
    contacts: Option<Vec<Contact>>,
}

impl PartialSync {
    /// Whether the server has answered the sign-in with anything.
    pub(super) fn has_begun(&self) -> bool {
        self.profile.is_some()
    }
}

impl SignallingSession {
    /// Says who one is, over an open WebSocket.
    pub(super) fn begin_sign_in(&mut self, now: Instant) {
        let Some(sign_in) = self.sign_in.clone() else {
            return;
        };
        let message = match sign_in {
            SignIn::Register(pseudo, password) => {
                let attempt = (pseudo.clone(), password.clone());
                self.registers_again = self.registering.as_ref() == Some(&attempt);
                self.registering = Some(attempt);
                ClientMessage::CreateProfile(CreateProfile { pseudo, password })
            }
            SignIn::Login(pseudo, password) => ClientMessage::Login(Login { pseudo, password }),
            SignIn::Resume(token) => ClientMessage::Resume(Resume {
                token,
                another: false,
            }),
            SignIn::Another(token) => ClientMessage::Resume(Resume {
                token,
                another: true,
            }),
        };
        self.await_sign_in(now);
        self.sign_in_seq = self.send(message);
    }

    /// The server has been told who one is.
    pub(super) fn await_sign_in(&mut self, now: Instant) {
        self.state = SignallingState::SigningIn;
        self.sync = PartialSync::default();
        self.handle_traffic(now);
        self.deadline = Some(now + self.config.request_timeout);
    }

    pub(super) fn handle_sign_in_answer(&mut self, now: Instant, message: ServerMessage) {
        let registering = match self.sign_in {
            Some(SignIn::Register(..)) => true,
            Some(SignIn::Login(..) | SignIn::Resume(_) | SignIn::Another(_)) | None => false,
        };
        match message {
            ServerMessage::Profile(profile) if registering => {
                self.synchronised(now, profile, Vec::new(), Vec::new());
            }
            ServerMessage::Profile(profile) => self.sync.profile = Some(profile),
            ServerMessage::Contacts(contacts) => self.sync.contacts = Some(contacts),
            ServerMessage::Groups(groups) => {
                let told = std::mem::take(&mut self.sync);
                match (told.profile, told.contacts) {
                    (Some(profile), Some(contacts)) => {
                        self.synchronised(now, profile, contacts, groups);
                    }
                    (None, _) | (_, None) => {
                        let words = "the server told groups before profile and contacts";
                        let error = ErrorReply::new(ErrorCode::ServerFault, words);
                        self.handle_sign_in_refused(now, error);
                    }
                }
            }
            ServerMessage::Error(error) => self.handle_sign_in_refused(now, error),
            ServerMessage::Group(_)
            | ServerMessage::MemberAdded(_)
            | ServerMessage::MemberLeft(_)
            | ServerMessage::ContactAdded(_)
            | ServerMessage::ContactDeleted(_)
            | ServerMessage::Ring(_)
            | ServerMessage::Accept(_)
            | ServerMessage::Quit(_)
            | ServerMessage::Exchange(_)
            | ServerMessage::RequestInfo(_)
            | ServerMessage::InfoCall(_)
            | ServerMessage::DistributeInfo(_)
            | ServerMessage::EntryAccepted(_)
            | ServerMessage::NewEntry(_)
            | ServerMessage::Marks(_)
            | ServerMessage::Typing(_)
            | ServerMessage::Entries(_)
            | ServerMessage::Conversations(_)
            | ServerMessage::Blocked(_)
            | ServerMessage::DeleteProfile(_)
            | ServerMessage::Logout(_) => {
                tracing::debug!("the server answered the sign-in with another message");
            }
        }
    }

    fn handle_sign_in_refused(&mut self, now: Instant, error: ErrorReply) {
        match error.code {
            ErrorCode::SlowDown | ErrorCode::ServerFault => {}
            ErrorCode::PseudoExists if self.registers_again => {}
            // It was answered: no 601 is in doubt any more.
            ErrorCode::PseudoExists
            | ErrorCode::AuthFailed
            | ErrorCode::MessageNotSent
            | ErrorCode::CallFailed
            | ErrorCode::ProfileNotAdded
            | ErrorCode::ContactNotFound
            | ErrorCode::AlreadyContact
            | ErrorCode::Invalid
            | ErrorCode::NotAllowed => self.registering = None,
        }
        match error.code {
            ErrorCode::PseudoExists if std::mem::take(&mut self.registers_again) => {
                self.login_after_register(now, error);
            }
            // The profile that has the name is somebody else's after all.
            ErrorCode::AuthFailed if self.taken.is_some() => {
                let taken = self.taken.take();
                self.refuse(taken.unwrap_or(error));
            }
            // A server in trouble, or one that asks for patience, may take us back later; but a
            // person who waits in front of a first sign-in is told at once.
            ErrorCode::SlowDown | ErrorCode::ServerFault if self.continues() => {
                self.lose(now, Some(error));
            }
            ErrorCode::SlowDown
            | ErrorCode::ServerFault
            | ErrorCode::PseudoExists
            | ErrorCode::AuthFailed
            | ErrorCode::MessageNotSent
            | ErrorCode::CallFailed
            | ErrorCode::ProfileNotAdded
            | ErrorCode::ContactNotFound
            | ErrorCode::AlreadyContact
            | ErrorCode::Invalid
            | ErrorCode::NotAllowed => self.refuse(error),
        }
    }

    /// Whether this sign-in continues a session that the server had accepted.
    fn continues(&self) -> bool {
        let by_token = match self.sign_in {
            Some(SignIn::Resume(_) | SignIn::Another(_)) => true,
            Some(SignIn::Register(..) | SignIn::Login(..)) | None => false,
        };
        by_token || self.signed_in_before
    }

    /// The name may be taken by our own 601, whose answer was lost: then the password fits.
    fn login_after_register(&mut self, now: Instant, taken: ErrorReply) {
        let login = match &self.sign_in {
            Some(SignIn::Register(name, password)) => Password::parse(password.expose())
                .ok()
                .map(|password| SignIn::Login(name.clone(), password)),
            Some(SignIn::Login(..) | SignIn::Resume(_) | SignIn::Another(_)) | None => None,
        };
        if login.is_none() {
            self.refuse(taken);
            return;
        }
        self.sign_in = login;
        self.taken = Some(taken);
        self.begin_sign_in(now);
    }

    fn synchronised(
        &mut self,
        now: Instant,
        profile: Profile,
        contacts: Vec<Contact>,
        groups: Vec<Group>,
    ) {
        // From here on the token stands for the password, which is wiped.
        self.sign_in = match (&profile.token, self.sign_in.take()) {
            (Some(token), _) => Some(SignIn::Resume(token.clone())),
            (None, Some(SignIn::Register(name, password))) => Password::parse(password.expose())
                .ok()
                .map(|password| SignIn::Login(name, password)),
            (None, other) => other,
        };
        self.registering = None;
        self.taken = None;
        let resumed = std::mem::replace(&mut self.signed_in_before, true);
        self.state = SignallingState::Online;
        self.deadline = None;
        self.sign_in_seq = None;
        self.online_since = Some(now);
        self.outputs
            .push_back(SignallingOutput::Synchronised(Box::new(Synchronised {
                profile,
                contacts,
                groups,
                resumed,
            })));
        for message in std::mem::take(&mut self.early) {
            if self.state == SignallingState::Online {
                self.handle_notification(message);
            }
        }
    }
}
