//! What the signalling session takes and gives.

use std::time::Duration;

use cooee_protocol::{
    Contact, ErrorReply, Group, NewPassword, Password, Profile, ServerMessage, Token, Username,
};

/// Limits and intervals of a session.
#[derive(Debug, Clone)]
pub struct SignallingConfig {
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// How long opening the WebSocket may take.
    pub connect_timeout: Duration,
    /// Silence after which the WebSocket is asked for a sign of life. Longer than the server's
    /// own interval of 30 s, so that an idle client is woken by the server's ping alone.
    pub ping_interval: Duration,
    /// How long that sign may take before the connection counts as lost.
    pub pong_timeout: Duration,
    /// The first reconnect waits at most this long.
    pub backoff_first: Duration,
    /// No reconnect waits longer.
    pub backoff_ceiling: Duration,
    /// The same while the battery is low.
    pub backoff_ceiling_thrifty: Duration,
    /// [`ping_interval`](Self::ping_interval) while the battery is low.
    pub ping_interval_thrifty: Duration,
    /// A sign-in that lasted this long was a good one: the next reconnect is quick again.
    pub stable_after: Duration,
    /// Most requests that wait for an answer; further ones are refused.
    pub max_pending: usize,
    /// Most notifications that are kept while a sign-in is being answered; a connection that
    /// brings more is given up.
    pub max_early: usize,
    /// Seed of the backoff's jitter.
    pub seed: u64,
}

impl Default for SignallingConfig {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(35),
            pong_timeout: Duration::from_secs(10),
            backoff_first: Duration::from_millis(500),
            backoff_ceiling: Duration::from_secs(30),
            backoff_ceiling_thrifty: Duration::from_secs(300),
            ping_interval_thrifty: Duration::from_secs(75),
            stable_after: Duration::from_secs(10),
            max_pending: 64,
            max_early: 1024,
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
    /// Begin another session beside the token's own (650), for a second program of one person.
    Another(Token),
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
pub struct RequestId(pub(super) u64);

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
    /// The server answered with what this version cannot read.
    #[error("the server's answer cannot be read: {0}")]
    Unreadable(String),
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
    /// Open the WebSocket, with this token in its request if there is one; report to
    /// `handle_connected`, `handle_resuming` or `handle_disconnected`.
    Connect {
        /// The token of the session that is to be resumed with the connection.
        resume: Option<Token>,
    },
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
    /// The connection is lost, could not be opened, or leads to a server that cannot serve; it is
    /// tried again after `retry_in`.
    Down {
        /// How long until the next attempt.
        retry_in: Duration,
        /// How many attempts have failed in a row.
        attempt: u32,
        /// What the server said, when it is one that cannot serve us now.
        error: Option<ErrorReply>,
    },
    /// The server does not accept the sign-in; the session does not try again.
    SignedOut(ErrorReply),
}
