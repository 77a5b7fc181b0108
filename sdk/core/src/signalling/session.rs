//! The signalling session.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use cooee_protocol::{
    ClientFrame, ClientMessage, Contact, CreateProfile, ErrorCode, ErrorReply, Group, Login,
    NewPassword, Password, Profile, Resume, Seq, ServerFrame, ServerMessage, Token, Username,
};

use super::Backoff;

/// Limits and intervals of a session.
#[derive(Debug, Clone)]
pub struct SignallingConfig {
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// How long opening the WebSocket may take.
    pub connect_timeout: Duration,
    /// Silence after which the WebSocket is asked for a sign of life.
    pub ping_interval: Duration,
    /// How long that sign may take before the connection counts as lost.
    pub pong_timeout: Duration,
    /// The first reconnect waits at most this long.
    pub backoff_first: Duration,
    /// No reconnect waits longer.
    pub backoff_ceiling: Duration,
    /// Most requests that wait for an answer; further ones are refused.
    pub max_pending: usize,
    /// Seed of the backoff's jitter.
    pub seed: u64,
}

impl Default for SignallingConfig {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(10),
            backoff_first: Duration::from_millis(500),
            backoff_ceiling: Duration::from_secs(30),
            max_pending: 64,
            seed: rand::random(),
        }
    }
}

/// How to prove who one is.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// Create the profile (601).
    Register(Username, NewPassword),
    /// Log in (608).
    Login(Username, Password),
    /// Resume by token (650).
    Resume(Token),
}

/// Where the session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignallingState {
    /// Not asked to be anywhere.
    SignedOut,
    /// Waiting to try again.
    Waiting,
    /// The WebSocket is being opened.
    Connecting,
    /// 601, 608 or 650 is on its way.
    SigningIn,
    /// In step with the server.
    Online,
}

/// Names a request towards its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u64);

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// There is no connection to the server right now.
    #[error("not connected to the server")]
    Offline,
    /// Too many requests wait for answers already.
    #[error("too many requests are waiting for the server")]
    Busy,
    /// The connection broke, or time ran out, before the answer: the request may or may not have
    /// been carried out.
    #[error("the connection broke before the server answered")]
    Interrupted,
    /// The server refused.
    #[error("{}", .0.detail.as_deref().unwrap_or("the server refused"))]
    Refused(ErrorReply),
}

/// Everything that the server tells at a sign-in.
#[derive(Debug, Clone)]
pub struct Synchronised {
    /// The own profile.
    pub profile: Profile,
    /// Every contact.
    pub contacts: Vec<Contact>,
    /// Every group.
    pub groups: Vec<Group>,
    /// Whether this continues an earlier session after a break.
    pub resumed: bool,
}

/// What the caller of the session has to do, in order.
#[derive(Debug)]
pub enum SignallingOutput {
    /// Open the WebSocket; report to `handle_connected` or `handle_disconnected`.
    Connect,
    /// Send this text frame.
    Send(String),
    /// Send a WebSocket ping; report the pong, or anything else that arrives, as traffic.
    Ping,
    /// Close the WebSocket.
    Disconnect,
    /// The answer to a request.
    Answer(RequestId, Result<ServerMessage, RequestError>),
    /// A message that answers nothing.
    Notification(ServerMessage),
    /// The sign-in succeeded.
    Synchronised(Box<Synchronised>),
    /// The connection is lost, or could not be opened; it is tried again after `retry_in`.
    Down {
        /// How long until the next attempt.
        retry_in: Duration,
        /// How many attempts have failed in a row.
        attempt: u32,
    },
    /// The server does not accept the sign-in; the session does not try again.
    SignedOut(ErrorReply),
}

#[derive(Debug)]
struct Pending {
    deadline: Instant,
}

#[derive(Debug, Default)]
struct PartialSync {
    profile: Option<Profile>,
    contacts: Option<Vec<Contact>>,
}

/// A session with the server: signs in, matches answers to requests, keeps the connection alive,
/// and comes back by itself after a break.
///
/// ```text
///   SignedOut ──sign_in──▶ Connecting ──▶ SigningIn ──207──▶ Online
///       ▲                    ▲    │           │                │
///       │ 402, sign_out      │    └───────────┴── connection ──┘
///       │                    │                    lost │
///       └────────────────── Waiting ◀─────────────────┘
/// ```
///
/// Inputs are `handle_*`, [`sign_in`](Self::sign_in), [`sign_out`](Self::sign_out),
/// [`request`](Self::request); then [`poll_output`](Self::poll_output) until empty, then wait until
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct SignallingSession {
    config: SignallingConfig,
    state: SignallingState,
    sign_in: Option<SignIn>,
    sign_in_seq: Option<u64>,
    /// A 601 went out before, on a connection that broke before its answer.
    registered_before: bool,
    sync: PartialSync,
    signed_in_before: bool,
    next_seq: u64,
    pending: HashMap<u64, Pending>,
    backoff: Backoff,
    /// When the state changes by itself: connect or sign-in time-out, or the next attempt.
    deadline: Option<Instant>,
    last_traffic: Instant,
    ping_sent: Option<Instant>,
    outputs: VecDeque<SignallingOutput>,
}

impl SignallingSession {
    /// A session that is signed out.
    pub fn new(now: Instant, config: SignallingConfig) -> Self {
        let backoff = Backoff::new(config.backoff_first, config.backoff_ceiling, config.seed);
        Self {
            config,
            state: SignallingState::SignedOut,
            sign_in: None,
            sign_in_seq: None,
            registered_before: false,
            sync: PartialSync::default(),
            signed_in_before: false,
            next_seq: 1,
            pending: HashMap::new(),
            backoff,
            deadline: None,
            last_traffic: now,
            ping_sent: None,
            outputs: VecDeque::new(),
        }
    }

    /// Where the session is.
    pub fn state(&self) -> SignallingState {
        self.state
    }

    /// Signs in, over a new connection.
    pub fn sign_in(&mut self, now: Instant, sign_in: SignIn) {
        self.drop_connection();
        self.sign_in = Some(sign_in);
        self.signed_in_before = false;
        self.registered_before = false;
        self.backoff.reset();
        self.connect(now);
    }

    /// Forgets the session and closes the connection. A 651 is the caller's to send before.
    pub fn sign_out(&mut self) {
        self.drop_connection();
        self.sign_in = None;
        self.state = SignallingState::SignedOut;
        self.deadline = None;
    }

    /// Closes the connection for a while and gives back what signs in again later.
    pub fn suspend(&mut self) -> Option<SignIn> {
        let sign_in = self.sign_in.take();
        self.sign_out();
        sign_in
    }

    /// Tries again at once instead of after the backoff, for instance when the network is back.
    pub fn retry_now(&mut self, now: Instant) {
        if self.state == SignallingState::Waiting {
            self.connect(now);
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// [`RequestError::Offline`] and [`RequestError::Busy`], at once; nothing was sent.
    pub fn request(
        &mut self,
        now: Instant,
        message: ClientMessage,
    ) -> Result<RequestId, RequestError> {
        if self.state != SignallingState::Online {
            return Err(RequestError::Offline);
        }
        if self.pending.len() >= self.config.max_pending {
            return Err(RequestError::Busy);
        }
        let deadline = now + self.config.request_timeout;
        let seq = self.send(message).ok_or(RequestError::Offline)?;
        self.pending.insert(seq, Pending { deadline });
        Ok(RequestId(seq))
    }

    /// Sends a message whose echo nobody waits for.
    pub fn tell(&mut self, message: ClientMessage) {
        if self.state == SignallingState::Online {
            let frame = ClientFrame { seq: None, message };
            if let Ok(text) = frame.to_text() {
                self.outputs.push_back(SignallingOutput::Send(text));
            }
        }
    }

    /// The WebSocket is open.
    pub fn handle_connected(&mut self, now: Instant) {
        if self.state == SignallingState::Connecting {
            self.handle_connected_as(now);
        }
    }

    /// Says who one is, over an open WebSocket.
    fn handle_connected_as(&mut self, now: Instant) {
        let Some(sign_in) = self.sign_in.clone() else {
            return;
        };
        let message = match sign_in {
            SignIn::Register(pseudo, password) => {
                ClientMessage::CreateProfile(CreateProfile { pseudo, password })
            }
            SignIn::Login(pseudo, password) => ClientMessage::Login(Login { pseudo, password }),
            SignIn::Resume(token) => ClientMessage::Resume(Resume { token }),
        };
        if self.state == SignallingState::Connecting && self.backoff.attempt() > 0 {
            self.registered_before = matches!(message, ClientMessage::CreateProfile(_));
        }
        self.state = SignallingState::SigningIn;
        self.sync = PartialSync::default();
        self.handle_traffic(now);
        self.deadline = Some(now + self.config.request_timeout);
        self.sign_in_seq = self.send(message);
    }

    /// The WebSocket is closed, or could not be opened.
    pub fn handle_disconnected(&mut self, now: Instant) {
        if matches!(
            self.state,
            SignallingState::SignedOut | SignallingState::Waiting
        ) {
            return;
        }
        self.fail_pending();
        self.wait(now);
    }

    /// Something arrived on the WebSocket, be it only a pong.
    pub fn handle_traffic(&mut self, now: Instant) {
        self.last_traffic = now;
        self.ping_sent = None;
    }

    /// A text frame arrived. One that cannot be read is dropped: a later version of the protocol
    /// may send what this one does not know.
    pub fn handle_text(&mut self, now: Instant, text: &str) {
        self.handle_traffic(now);
        let frame = match ServerFrame::parse(text) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::debug!(%error, "a frame of the server was not understood");
                return;
            }
        };
        let re = frame.re.as_ref().and_then(Seq::as_u64);
        if self.state == SignallingState::SigningIn && re.is_some() && re == self.sign_in_seq {
            self.handle_sign_in_answer(now, frame.message);
            return;
        }
        match re {
            Some(seq) => {
                if self.pending.remove(&seq).is_some() {
                    let answer = match frame.message {
                        ServerMessage::Error(error) => Err(RequestError::Refused(error)),
                        message => Ok(message),
                    };
                    self.outputs
                        .push_back(SignallingOutput::Answer(RequestId(seq), answer));
                }
            }
            None => self.handle_notification(frame.message),
        }
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.deadline = None;
            match self.state {
                SignallingState::Waiting => self.connect(now),
                SignallingState::Connecting | SignallingState::SigningIn => self.lose(now),
                SignallingState::SignedOut | SignallingState::Online => {}
            }
        }
        if self.state == SignallingState::Online {
            match self.ping_sent {
                Some(sent) if now >= sent + self.config.pong_timeout => {
                    self.lose(now);
                    return;
                }
                None if now >= self.last_traffic + self.config.ping_interval => {
                    self.ping_sent = Some(now);
                    self.outputs.push_back(SignallingOutput::Ping);
                }
                Some(_) | None => {}
            }
            self.expire(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let alive = (self.state == SignallingState::Online).then(|| match self.ping_sent {
            Some(sent) => sent + self.config.pong_timeout,
            None => self.last_traffic + self.config.ping_interval,
        });
        let oldest = self.pending.values().map(|pending| pending.deadline).min();
        [self.deadline, alive, oldest].into_iter().flatten().min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<SignallingOutput> {
        self.outputs.pop_front()
    }

    fn send(&mut self, message: ClientMessage) -> Option<u64> {
        let seq = self.next_seq;
        let frame = ClientFrame {
            seq: Some(Seq::from(seq)),
            message,
        };
        let text = frame.to_text().ok()?;
        self.next_seq = self.next_seq.wrapping_add(1);
        self.outputs.push_back(SignallingOutput::Send(text));
        Some(seq)
    }

    fn connect(&mut self, now: Instant) {
        self.state = SignallingState::Connecting;
        self.deadline = Some(now + self.config.connect_timeout);
        self.outputs.push_back(SignallingOutput::Connect);
    }

    fn wait(&mut self, now: Instant) {
        let retry_in = self.backoff.fail();
        self.state = SignallingState::Waiting;
        self.deadline = Some(now + retry_in);
        self.sign_in_seq = None;
        self.ping_sent = None;
        self.outputs.push_back(SignallingOutput::Down {
            retry_in,
            attempt: self.backoff.attempt(),
        });
    }

    /// Gives a connection up that does not answer.
    fn lose(&mut self, now: Instant) {
        self.outputs.push_back(SignallingOutput::Disconnect);
        self.fail_pending();
        self.wait(now);
    }

    fn drop_connection(&mut self) {
        self.fail_pending();
        self.sign_in_seq = None;
        self.ping_sent = None;
        match self.state {
            SignallingState::Connecting | SignallingState::SigningIn | SignallingState::Online => {
                self.outputs.push_back(SignallingOutput::Disconnect);
            }
            SignallingState::SignedOut | SignallingState::Waiting => {}
        }
    }

    fn fail_pending(&mut self) {
        let mut interrupted: Vec<u64> = self.pending.drain().map(|(seq, _)| seq).collect();
        interrupted.sort_unstable();
        for seq in interrupted {
            self.outputs.push_back(SignallingOutput::Answer(
                RequestId(seq),
                Err(RequestError::Interrupted),
            ));
        }
    }

    /// Requests that the server did not answer in time; the connection itself answers pings.
    fn expire(&mut self, now: Instant) {
        let mut late: Vec<u64> = self
            .pending
            .iter()
            .filter(|(_, pending)| now >= pending.deadline)
            .map(|(seq, _)| *seq)
            .collect();
        late.sort_unstable();
        for seq in late {
            self.pending.remove(&seq);
            self.outputs.push_back(SignallingOutput::Answer(
                RequestId(seq),
                Err(RequestError::Interrupted),
            ));
        }
    }

    fn handle_notification(&mut self, message: ServerMessage) {
        if let ServerMessage::Error(error) = &message
            && error.code == ErrorCode::AuthFailed
            && self.state == SignallingState::Online
        {
            self.refuse(error.clone());
            return;
        }
        self.outputs
            .push_back(SignallingOutput::Notification(message));
    }

    fn handle_sign_in_answer(&mut self, now: Instant, message: ServerMessage) {
        let registering = matches!(self.sign_in, Some(SignIn::Register(..)));
        match message {
            ServerMessage::Profile(profile) if registering => {
                self.synchronised(profile, Vec::new(), Vec::new());
            }
            ServerMessage::Profile(profile) => self.sync.profile = Some(profile),
            ServerMessage::Contacts(contacts) => self.sync.contacts = Some(contacts),
            ServerMessage::Groups(groups) => {
                if let (Some(profile), Some(contacts)) =
                    (self.sync.profile.take(), self.sync.contacts.take())
                {
                    self.synchronised(profile, contacts, groups);
                }
            }
            ServerMessage::Error(error)
                if registering
                    && self.registered_before
                    && error.code == ErrorCode::PseudoExists =>
            {
                self.login_after_register(now, error);
            }
            ServerMessage::Error(error) => match error.code {
                // A server in trouble, or one that asks for patience, may accept us later; but a
                // person who waits in front of a first sign-in is told at once.
                ErrorCode::SlowDown | ErrorCode::ServerFault if self.signed_in_before => {
                    self.lose(now);
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
            },
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
            | ServerMessage::Logout(_) => {
                tracing::debug!("the server answered the sign-in with another message");
            }
        }
    }

    /// The name may be taken by our own 601, whose answer was lost: then the password fits.
    fn login_after_register(&mut self, now: Instant, taken: ErrorReply) {
        let password = match &self.sign_in {
            Some(SignIn::Register(name, password)) => Password::parse(password.expose())
                .ok()
                .map(|password| (name.clone(), password)),
            Some(SignIn::Login(..) | SignIn::Resume(_)) | None => None,
        };
        let Some((name, password)) = password else {
            self.refuse(taken);
            return;
        };
        self.sign_in = Some(SignIn::Login(name, password));
        self.handle_connected_as(now);
    }

    fn refuse(&mut self, error: ErrorReply) {
        self.sign_out();
        self.outputs.push_back(SignallingOutput::SignedOut(error));
    }

    fn synchronised(&mut self, profile: Profile, contacts: Vec<Contact>, groups: Vec<Group>) {
        // From here on the token stands for the password, which is wiped.
        if let Some(token) = &profile.token {
            self.sign_in = Some(SignIn::Resume(token.clone()));
        }
        let resumed = std::mem::replace(&mut self.signed_in_before, true);
        self.state = SignallingState::Online;
        self.deadline = None;
        self.sign_in_seq = None;
        self.backoff.reset();
        self.outputs
            .push_back(SignallingOutput::Synchronised(Box::new(Synchronised {
                profile,
                contacts,
                groups,
                resumed,
            })));
    }
}
