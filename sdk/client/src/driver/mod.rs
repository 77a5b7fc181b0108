//! The driver: one task that owns the signalling session, the call machine and everything that
//! follows from them. Inputs come from the user, the WebSocket, the media plane and the clock;
//! each is one call into a machine, whose outputs are then carried out.

mod active;
mod calls;
mod connection;
mod controls;
mod lifecycle;
mod messages;
mod session;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cooee_audio::{Input, Output, Processing, SendMode};
use cooee_core::call::{CallEvent, CallMachine, CallPhase, CallRequest, Target};
use cooee_core::conversations::{Loaded, RequestTag};
use cooee_core::signalling::{
    RequestId, SignIn, SignallingConfig, SignallingSession, SignallingState,
};
use cooee_protocol::{ClientMessage, Empty, GroupId, ServerMessage, Token, Username};
use rustls::ClientConfig;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::active::{ActiveCall, PlaneWake};
use self::connection::{Connection, ConnectionEvent, next_event};
use self::lifecycle::Life;
pub(crate) use self::messages::MessageCommand;
use self::messages::{Conversations, MessageWake};
use crate::address::ServerAddress;
use crate::call::plane::PlaneCommand;
use crate::call::tunnel::Tunnel;
use crate::call::{Call, CallOptions};
use crate::error::{ActionError, CallActionError, SignInError};
use crate::event::Event;
use crate::http::Http;
use crate::roster::Me;
use crate::shared::Shared;

/// Commands that wait for the driver.
pub(crate) const QUEUE: usize = 64;

/// What a sign-in gives: who one is, and the token to come back with.
pub(crate) struct SignedIn {
    pub(crate) me: Me,
    pub(crate) token: Option<Token>,
}

/// What the user asks of the driver.
pub(crate) enum Command {
    SignIn {
        how: SignIn,
        reply: oneshot::Sender<Result<SignedIn, SignInError>>,
    },
    SignOut {
        reply: oneshot::Sender<Result<(), ActionError>>,
    },
    Request {
        message: ClientMessage,
        reply: oneshot::Sender<Result<ServerMessage, ActionError>>,
    },
    Place {
        target: Target,
        options: CallOptions,
        reply: oneshot::Sender<Result<Call, CallActionError>>,
    },
    Accept {
        id_group: GroupId,
        options: CallOptions,
        reply: oneshot::Sender<Result<Call, CallActionError>>,
    },
    Decline {
        id_group: GroupId,
        reply: oneshot::Sender<Result<(), CallActionError>>,
    },
    Call {
        call: u64,
        act: CallAct,
        reply: oneshot::Sender<Result<(), CallActionError>>,
    },
    Messages(MessageCommand),
    /// The network may be another one: try again at once.
    NetworkChanged,
    /// Release connection, locks and timers.
    Pause {
        reply: oneshot::Sender<()>,
    },
    /// Come back from a pause; the answer is whether a session goes on.
    ComeBack {
        reply: oneshot::Sender<bool>,
    },
    /// A push has come; the answer is whether a session hears what it is about.
    Woken {
        by_call: bool,
        reply: oneshot::Sender<bool>,
    },
    /// The battery is low, or is not any more.
    Battery {
        low: bool,
    },
}

/// What the user does with a call that is there.
#[derive(Debug)]
pub(crate) enum CallAct {
    HangUp,
    Mute(bool),
    Deafen(bool),
    Process(Processing),
    SendMode(SendMode),
    Talk(bool),
    Bitrate(u32),
    Volume(Username, u16),
    Silence(Username, bool),
    AddPeople(Vec<Username>),
    Verified,
    Input(Input),
    Output(Output),
}

/// Who waits for the answer to a request.
enum Waiter {
    Action(oneshot::Sender<Result<ServerMessage, ActionError>>),
    SignOut(oneshot::Sender<Result<(), ActionError>>),
    Call(CallRequest),
    Conversation(RequestTag),
}

pub(crate) struct Driver {
    server: ServerAddress,
    tls: Arc<ClientConfig>,
    http: Arc<Http>,
    shared: Arc<Shared>,
    /// Voice that goes through the server, past this task.
    tunnel: Arc<Tunnel>,
    commands: mpsc::Receiver<Command>,
    /// For the handles of calls; weak, so that the driver ends with the last client.
    own_commands: mpsc::WeakSender<Command>,
    signalling: SignallingSession,
    connection: Option<Connection>,
    /// The address of this machine that the connection comes from.
    local: Option<IpAddr>,
    waiters: HashMap<RequestId, Waiter>,
    signing_in: Option<oneshot::Sender<Result<SignedIn, SignInError>>>,
    /// The sign-in is by the token of the account that is known: another name is a rename.
    by_token: bool,
    /// The session began for this process alone, and ends with it.
    own_session: bool,
    messages: Conversations,
    calls: Option<CallMachine>,
    active: Option<ActiveCall>,
    /// The call that ended last, while its files are being finished. Nothing of the next call is
    /// told before.
    finishing: Option<JoinHandle<()>>,
    next_call: u64,
    life: Life,
    /// Ends the uploads under way.
    uploads: CancellationToken,
    /// The next sign-in is for a call that rings, so messages are looked after later.
    late_messages: bool,
    /// When they are.
    messages_due: Option<Instant>,
    /// Whether the disk is too full for the cache.
    full: watch::Receiver<bool>,
    /// The user was told that the server's certificate is refused.
    told_of_certificate: bool,
}

/// What woke the driver.
enum Wake {
    Command(Option<Command>),
    Connection(Option<ConnectionEvent>),
    Plane(PlaneWake),
    Messages(MessageWake),
    /// The disk is full, or is not any more.
    Full(bool),
    /// The call that ended last is finished.
    Finished,
    Timeout,
}

impl Driver {
    pub(crate) fn new(
        server: ServerAddress,
        tls: Arc<ClientConfig>,
        http: Arc<Http>,
        loaded: Loaded,
        shared: Arc<Shared>,
        commands: mpsc::Receiver<Command>,
        own_commands: mpsc::WeakSender<Command>,
    ) -> Self {
        let signalling = SignallingSession::new(now(), SignallingConfig::default());
        let full = shared.archive.full();
        Self {
            server,
            tls,
            http,
            shared,
            tunnel: Arc::default(),
            commands,
            own_commands,
            signalling,
            connection: None,
            local: None,
            waiters: HashMap::new(),
            signing_in: None,
            by_token: false,
            own_session: false,
            messages: Conversations::new(loaded),
            calls: None,
            active: None,
            finishing: None,
            next_call: 1,
            life: Life::Awake,
            uploads: CancellationToken::new(),
            late_messages: false,
            messages_due: None,
            full,
            told_of_certificate: false,
        }
    }

    /// Runs until every client handle is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            self.carry_out().await;
            let due = self.poll_timeout();
            let wake = tokio::select! {
                command = self.commands.recv() => Wake::Command(command),
                event = next_event(&mut self.connection) => Wake::Connection(event),
                wake = active::next(&mut self.active) => Wake::Plane(wake),
                wake = self.messages.next() => Wake::Messages(wake),
                full = changed(&mut self.full) => Wake::Full(full),
                () = active::finished(&mut self.finishing) => Wake::Finished,
                () = sleep_to(due) => Wake::Timeout,
            };
            match wake {
                Wake::Command(Some(command)) => self.handle_command(command).await,
                Wake::Command(None) => return self.close().await,
                Wake::Connection(event) => self.handle_connection(event),
                Wake::Plane(wake) => self.handle_plane(wake),
                Wake::Messages(wake) => self.handle_message_wake(wake),
                Wake::Full(true) => self.shared.emit(Event::DiskFull),
                Wake::Full(false) => {}
                Wake::Finished => {
                    self.finishing = None;
                    if self.active.is_none() && matches!(self.life, Life::PauseDue) {
                        self.pause().await;
                    }
                }
                Wake::Timeout => {
                    self.shared.timer_wakes.fetch_add(1, Ordering::Relaxed);
                    let now = now();
                    if self.messages_due.is_some_and(|due| now >= due.into_std()) {
                        self.catch_up();
                    }
                    self.signalling.handle_timeout(now);
                    self.messages.sync.handle_timeout(now);
                    if let Some(calls) = &mut self.calls {
                        calls.handle_timeout(now);
                    }
                }
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.is_paused() {
            return None;
        }
        let call = self.calls.as_ref().and_then(CallMachine::poll_timeout);
        let messages = self.messages.sync.poll_timeout();
        let signalling = self.signalling.poll_timeout();
        let earliest = [signalling, call, messages].into_iter().flatten().min();
        let earliest = earliest.map(Instant::from_std);
        [earliest, self.messages_due].into_iter().flatten().min()
    }

    /// Carries out what the machines want until they want nothing more.
    async fn carry_out(&mut self) {
        loop {
            if let Some(output) = self.signalling.poll_output() {
                self.carry_out_signalling(output).await;
                continue;
            }
            if let Some(output) = self.messages.sync.poll_output() {
                self.carry_out_messages(output);
                continue;
            }
            // The end of the last call is told before anything of the next.
            let calls = self.calls.as_mut().filter(|_| self.finishing.is_none());
            match calls.and_then(CallMachine::poll_output) {
                Some(output) => self.carry_out_call(output),
                None => return,
            }
        }
    }

    async fn handle_command(&mut self, command: Command) {
        let now = now();
        match command {
            Command::SignIn { how, reply } => {
                // Waking up may have begun to continue the session that this one replaces.
                self.end_pause().await;
                self.own_session = matches!(how, SignIn::Another(_));
                self.end_call().await;
                self.by_token = matches!(how, SignIn::Resume(_) | SignIn::Another(_));
                if let Some(earlier) = self.signing_in.replace(reply) {
                    let _ = earlier.send(Err(SignInError::Closed));
                }
                self.signalling.sign_in(now, how);
            }
            Command::SignOut { reply } => {
                self.end_pause().await;
                self.end_call().await;
                match self
                    .signalling
                    .request(now, ClientMessage::Logout(Empty {}))
                {
                    Ok(id) => {
                        self.waiters.insert(id, Waiter::SignOut(reply));
                    }
                    // Without a connection the token cannot be revoked, only forgotten.
                    Err(error) => {
                        self.signed_out(None);
                        let _ = reply.send(Err(error.into()));
                    }
                }
            }
            Command::Request { message, reply } => match self.signalling.request(now, message) {
                Ok(id) => {
                    self.waiters.insert(id, Waiter::Action(reply));
                }
                Err(error) => {
                    let _ = reply.send(Err(error.into()));
                }
            },
            Command::Place {
                target,
                options,
                reply,
            } => {
                let placed = self.place(now, target, options);
                let _ = reply.send(placed);
            }
            Command::Accept {
                id_group,
                options,
                reply,
            } => {
                let accepted = self.accept(now, &id_group, options);
                let _ = reply.send(accepted);
            }
            Command::Decline { id_group, reply } => {
                let _ = reply.send(self.decline(&id_group));
            }
            Command::Call { call, act, reply } => {
                let done = self.act(call, act);
                let _ = reply.send(done);
            }
            Command::Messages(command) => self.handle_message_command(command),
            Command::NetworkChanged => {
                if let Some(active) = &self.active {
                    active.tell(PlaneCommand::NetworkChanged);
                }
                self.signalling.retry_now(now);
            }
            Command::Pause { reply } => {
                // A call keeps the connection, and the cache that its history goes to.
                if self.active.is_some() || self.finishing.is_some() {
                    self.life = Life::PauseDue;
                } else {
                    self.pause().await;
                }
                let _ = reply.send(());
            }
            Command::ComeBack { reply } => {
                let _ = reply.send(self.come_back().await);
            }
            Command::Woken { by_call, reply } => {
                let _ = reply.send(self.woken(by_call).await);
            }
            Command::Battery { low } => self.signalling.set_thrifty(low),
        }
    }

    /// Ends the call before the session goes.
    async fn end_call(&mut self) {
        let Some(calls) = &mut self.calls else { return };
        match calls.phase() {
            None => return,
            // Other sessions of this profile go on ringing.
            Some(CallPhase::RingingIn) => calls.handle_signed_out(),
            Some(
                CallPhase::RingingOut
                | CallPhase::Connecting
                | CallPhase::Connected
                | CallPhase::Reconnecting,
            ) => {
                // There is one, so this cannot fail.
                let _ = calls.hang_up();
            }
        }
        self.tell_end().await;
    }

    /// Carries out the end of a call, which waits for the end of the call before it.
    async fn tell_end(&mut self) {
        if let Some(finishing) = self.finishing.take() {
            let _ = finishing.await;
        }
        self.carry_out().await;
    }

    fn handle_connection(&mut self, event: Option<ConnectionEvent>) {
        let now = now();
        match event {
            Some(ConnectionEvent::Open { local, resuming }) => {
                self.local = local;
                if resuming {
                    self.signalling.handle_resuming(now);
                } else {
                    self.signalling.handle_connected(now);
                }
            }
            Some(ConnectionEvent::Text(text)) => self.signalling.handle_text(now, &text),
            Some(ConnectionEvent::Traffic) => self.signalling.handle_traffic(now),
            Some(ConnectionEvent::ResumedElsewhere) => self.resumed_elsewhere(),
            Some(ConnectionEvent::Closed(lost)) => self.connection_lost(lost),
            None => self.connection_lost("the connection ended"),
        }
    }

    /// Ends a call in order before the task ends.
    async fn close(mut self) {
        self.end_call().await;
        if let Some(active) = self.active.take() {
            active.finish(&self.shared).await;
        }
        if let Some(finishing) = self.finishing.take() {
            let _ = finishing.await;
        }
        if self.own_session {
            self.signalling.tell(ClientMessage::Logout(Empty {}));
            self.carry_out().await;
        }
        // Dropped, a connection ends with what it had not sent yet.
        if self.is_online()
            && let Some(connection) = self.connection.take()
        {
            connection.close().await;
        }
    }

    fn request_call(&mut self, request: CallRequest, message: ClientMessage) {
        match self.signalling.request(now(), message) {
            Ok(id) => {
                self.waiters.insert(id, Waiter::Call(request));
            }
            Err(error) => self.handle_call_answer(&request, Err(error)),
        }
    }

    fn emit_call(&self, event: CallEvent) {
        self.shared.emit(Event::Call(event));
    }

    fn is_online(&self) -> bool {
        self.signalling.state() == SignallingState::Online
    }
}

/// What it is now, once it is something else.
async fn changed(full: &mut watch::Receiver<bool>) -> bool {
    match full.changed().await {
        Ok(()) => *full.borrow_and_update(),
        // The cache's thread has ended.
        Err(_) => std::future::pending().await,
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn sleep_to(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
