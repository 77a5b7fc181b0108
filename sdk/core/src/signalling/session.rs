//! The signalling session.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use cooee_protocol::{
    ClientFrame, ClientMessage, ErrorCode, ErrorReply, NewPassword, Seq, ServerFrame,
    ServerMessage, Username,
};

use super::Backoff;
use super::sign_in::PartialSync;
use super::types::{
    RequestError, RequestId, SignIn, SignallingConfig, SignallingOutput, SignallingState,
};

/// The number of a resumption that came with the connection; requests count from 1.
const WITH_THE_CONNECTION: u64 = 0;

/// A session with the server: signs in, matches answers to requests, keeps the connection alive,
/// and comes back by itself after a break. Numbers of requests are never used twice.
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
    pub(super) config: SignallingConfig,
    pub(super) state: SignallingState,
    pub(super) sign_in: Option<SignIn>,
    pub(super) sign_in_seq: Option<u64>,
    pub(super) sync: PartialSync,
    /// Notifications that came while the sign-in was being answered: they apply to what it tells.
    pub(super) early: Vec<ServerMessage>,
    pub(super) signed_in_before: bool,
    /// A 601 whose answer was lost, if it was: the name may be taken by ourselves.
    pub(super) registering: Option<(Username, NewPassword)>,
    /// The 601 on its way repeats one whose answer was lost.
    pub(super) registers_again: bool,
    /// The 401 to such a 601, while a login finds out whose profile it is.
    pub(super) taken: Option<ErrorReply>,
    next_seq: u64,
    /// Requests and the instants until which their answers are waited for.
    pending: BTreeMap<u64, Instant>,
    pub(super) backoff: Backoff,
    /// When the state changes by itself: connect or sign-in time-out, or the next attempt.
    pub(super) deadline: Option<Instant>,
    pub(super) online_since: Option<Instant>,
    last_traffic: Instant,
    ping_sent: Option<Instant>,
    thrifty: bool,
    pub(super) outputs: VecDeque<SignallingOutput>,
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
            sync: PartialSync::default(),
            early: Vec::new(),
            signed_in_before: false,
            registering: None,
            registers_again: false,
            taken: None,
            next_seq: 1,
            pending: BTreeMap::new(),
            backoff,
            deadline: None,
            online_since: None,
            last_traffic: now,
            ping_sent: None,
            thrifty: false,
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
        self.taken = None;
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

    /// Wakes up less while the battery is low: reconnects wait longer, and a server that falls
    /// silent is asked later whether it is there.
    pub fn set_thrifty(&mut self, thrifty: bool) {
        self.thrifty = thrifty;
        self.backoff.set_ceiling(if thrifty {
            self.config.backoff_ceiling_thrifty
        } else {
            self.config.backoff_ceiling
        });
    }

    /// The network may be another one: tries again at once instead of after the backoff, and asks
    /// a connection that is open for a sign of life.
    pub fn retry_now(&mut self, now: Instant) {
        match self.state {
            SignallingState::Waiting => self.connect(now),
            SignallingState::Online if self.ping_sent.is_none() => self.ping(now),
            SignallingState::SignedOut
            | SignallingState::Connecting
            | SignallingState::SigningIn
            | SignallingState::Online => {}
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
        self.pending.insert(seq, deadline);
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
            self.begin_sign_in(now);
        }
    }

    /// The WebSocket is open, and the server is resuming the session whose token came with it.
    pub fn handle_resuming(&mut self, now: Instant) {
        if self.state == SignallingState::Connecting {
            self.await_sign_in(now);
            self.sign_in_seq = Some(WITH_THE_CONNECTION);
        }
    }

    /// The WebSocket is closed, or could not be opened.
    pub fn handle_disconnected(&mut self, now: Instant) {
        match self.state {
            SignallingState::SignedOut | SignallingState::Waiting => {}
            SignallingState::Connecting | SignallingState::SigningIn | SignallingState::Online => {
                self.wait(now, None);
            }
        }
    }

    /// Something arrived on the WebSocket, be it only a pong.
    pub fn handle_traffic(&mut self, now: Instant) {
        self.last_traffic = now;
        self.ping_sent = None;
    }

    /// A text frame arrived. A notification that cannot be read is dropped: a later version of
    /// the protocol may send what this one does not know.
    pub fn handle_text(&mut self, now: Instant, text: &str) {
        match self.state {
            SignallingState::SigningIn | SignallingState::Online => {}
            // The end of a connection that was given up.
            SignallingState::SignedOut | SignallingState::Waiting | SignallingState::Connecting => {
                return;
            }
        }
        self.handle_traffic(now);
        let (number, message) = match ServerFrame::parse(text) {
            Ok(frame) => (frame.re, Ok(frame.message)),
            Err(error) => {
                tracing::debug!(%error, "a frame of the server was not understood");
                (error.seq, Err(error.detail))
            }
        };
        let re = number.as_ref().and_then(Seq::as_u64);
        if re.is_some() && re == self.sign_in_seq {
            let unreadable = |detail| {
                let words = format!("the server's answer cannot be read: {detail}");
                ServerMessage::Error(ErrorReply::new(ErrorCode::ServerFault, words))
            };
            self.handle_sign_in_answer(now, message.unwrap_or_else(unreadable));
            return;
        }
        match (number, message) {
            (Some(_), message) => {
                let Some(seq) = re.filter(|seq| self.pending.remove(seq).is_some()) else {
                    return;
                };
                let answer = match message {
                    Ok(ServerMessage::Error(error)) => Err(RequestError::Refused(error)),
                    Ok(message) => Ok(message),
                    Err(detail) => Err(RequestError::Unreadable(detail)),
                };
                self.answer(seq, answer);
            }
            (None, Ok(message)) if self.state == SignallingState::SigningIn => {
                if is_refusal(&message) && !self.sync.has_begun() {
                    // About something that went out before the sign-in was answered.
                    tracing::debug!("the server refused something before the sign-in");
                } else if self.early.len() >= self.config.max_early {
                    self.lose(now, None);
                } else {
                    self.early.push(message);
                }
            }
            (None, Ok(message)) => self.handle_notification(message),
            (None, Err(_)) => {}
        }
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.deadline = None;
            match self.state {
                SignallingState::Waiting => self.connect(now),
                SignallingState::Connecting | SignallingState::SigningIn => self.lose(now, None),
                SignallingState::SignedOut | SignallingState::Online => {}
            }
        }
        if self.state == SignallingState::Online {
            match self.ping_sent {
                Some(sent) if now >= sent + self.config.pong_timeout => {
                    self.lose(now, None);
                    return;
                }
                None if now >= self.last_traffic + self.ping_interval() => self.ping(now),
                Some(_) | None => {}
            }
            self.expire(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let alive = (self.state == SignallingState::Online).then(|| match self.ping_sent {
            Some(sent) => sent + self.config.pong_timeout,
            None => self.last_traffic + self.ping_interval(),
        });
        let oldest = self.pending.values().min().copied();
        [self.deadline, alive, oldest].into_iter().flatten().min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<SignallingOutput> {
        self.outputs.pop_front()
    }

    pub(super) fn send(&mut self, message: ClientMessage) -> Option<u64> {
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

    #[cfg(test)]
    pub(super) fn count_from(&mut self, seq: u64) {
        self.next_seq = seq;
    }

    fn ping_interval(&self) -> Duration {
        if self.thrifty {
            self.config.ping_interval_thrifty
        } else {
            self.config.ping_interval
        }
    }

    fn ping(&mut self, now: Instant) {
        self.ping_sent = Some(now);
        self.outputs.push_back(SignallingOutput::Ping);
    }

    fn connect(&mut self, now: Instant) {
        self.state = SignallingState::Connecting;
        self.deadline = Some(now + self.config.connect_timeout);
        let resume = match &self.sign_in {
            Some(SignIn::Resume(token)) => Some(token.clone()),
            Some(SignIn::Register(..) | SignIn::Login(..) | SignIn::Another(_)) | None => None,
        };
        self.outputs.push_back(SignallingOutput::Connect { resume });
    }

    /// The connection is gone: whoever waits for an answer is told, and another is tried later.
    fn wait(&mut self, now: Instant, error: Option<ErrorReply>) {
        let lasted = self
            .online_since
            .map(|since| now.saturating_duration_since(since));
        if lasted.is_some_and(|lasted| lasted >= self.config.stable_after) {
            self.backoff.reset();
        }
        let retry_in = self.backoff.fail();
        self.state = SignallingState::Waiting;
        self.forget_connection();
        self.deadline = Some(now + retry_in);
        self.outputs.push_back(SignallingOutput::Down {
            retry_in,
            attempt: self.backoff.attempt(),
            error,
        });
    }

    /// Gives a connection up that does not answer, or not as it should.
    pub(super) fn lose(&mut self, now: Instant, error: Option<ErrorReply>) {
        self.outputs.push_back(SignallingOutput::Disconnect);
        self.wait(now, error);
    }

    fn drop_connection(&mut self) {
        match self.state {
            SignallingState::Connecting | SignallingState::SigningIn | SignallingState::Online => {
                self.outputs.push_back(SignallingOutput::Disconnect);
            }
            SignallingState::SignedOut | SignallingState::Waiting => {}
        }
        self.forget_connection();
    }

    /// Forgets what belongs to one connection.
    fn forget_connection(&mut self) {
        for (seq, _) in std::mem::take(&mut self.pending) {
            self.answer(seq, Err(RequestError::Interrupted));
        }
        self.sign_in_seq = None;
        self.ping_sent = None;
        self.online_since = None;
        self.early.clear();
    }

    /// Requests that the server did not answer in time; the connection itself answers pings.
    fn expire(&mut self, now: Instant) {
        let pending = std::mem::take(&mut self.pending);
        for (seq, deadline) in pending {
            if now < deadline {
                self.pending.insert(seq, deadline);
            } else {
                self.answer(seq, Err(RequestError::Interrupted));
            }
        }
    }

    fn answer(&mut self, seq: u64, answer: Result<ServerMessage, RequestError>) {
        self.outputs
            .push_back(SignallingOutput::Answer(RequestId(seq), answer));
    }

    pub(super) fn handle_notification(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Error(error) if error.code == ErrorCode::AuthFailed => {
                self.refuse(error);
            }
            message => self
                .outputs
                .push_back(SignallingOutput::Notification(message)),
        }
    }

    /// The server does not want this session (any more).
    pub(super) fn refuse(&mut self, error: ErrorReply) {
        self.sign_out();
        self.outputs.push_back(SignallingOutput::SignedOut(error));
    }
}

fn is_refusal(message: &ServerMessage) -> bool {
    matches!(message, ServerMessage::Error(error) if error.code == ErrorCode::AuthFailed)
}
