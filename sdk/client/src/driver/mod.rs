//! The driver: one task that owns the signalling session, the call machine and everything that
//! follows from them. Inputs come from the user, the WebSocket, the media plane and the clock;
//! each is one call into a machine, whose outputs are then carried out.

mod calls;
mod connection;

use std::collections::HashMap;
use std::sync::Arc;

use cooee_core::call::{CallConfig, CallEvent, CallMachine, CallPhase, CallRequest, Target};
use cooee_core::signalling::{
    RequestError, RequestId, SignIn, SignallingConfig, SignallingOutput, SignallingSession,
    SignallingState, Synchronised,
};
use cooee_protocol::{ClientMessage, Empty, ErrorReply, GroupId, ServerMessage, Token, Username};
use rustls::ClientConfig;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use self::calls::ActiveCall;
use self::connection::{Connection, ConnectionEvent, Outgoing};
use crate::address::ServerAddress;
use crate::call::{Call, CallOptions};
use crate::error::{ActionError, CallActionError, SignInError};
use crate::event::Event;
use crate::roster::{Change, Me};
use crate::shared::{Connectivity, Shared};

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
    /// The network may be another one: try again at once.
    NetworkChanged,
    /// Release connection, locks and timers.
    Pause { reply: oneshot::Sender<()> },
    /// Come back from a pause.
    Resume,
}

/// What the user does with a call that is there.
#[derive(Debug)]
pub(crate) enum CallAct {
    HangUp,
    Mute(bool),
    Deafen(bool),
    AddPeople(Vec<Username>),
}

/// Who waits for the answer to a request.
enum Waiter {
    Action(oneshot::Sender<Result<ServerMessage, ActionError>>),
    SignOut(oneshot::Sender<Result<(), ActionError>>),
    Call(CallRequest),
}

pub(crate) struct Driver {
    server: ServerAddress,
    tls: Arc<ClientConfig>,
    shared: Arc<Shared>,
    commands: mpsc::Receiver<Command>,
    /// For the handles of calls; weak, so that the driver ends with the last client.
    own_commands: mpsc::WeakSender<Command>,
    signalling: SignallingSession,
    connection: Option<Connection>,
    waiters: HashMap<RequestId, Waiter>,
    signing_in: Option<oneshot::Sender<Result<SignedIn, SignInError>>>,
    /// The sign-in is by the token of the account that is known: another name is a rename.
    by_token: bool,
    calls: Option<CallMachine>,
    active: Option<ActiveCall>,
    /// The call that ended last, while its files are being finished. Nothing of the next call is
    /// told before.
    finishing: Option<JoinHandle<()>>,
    next_call: u64,
    /// How to sign in again after a pause.
    paused: Option<SignIn>,
    /// A pause was asked for during a call, and begins after it.
    pause_due: bool,
}

/// What woke the driver.
enum Wake {
    Command(Option<Command>),
    Connection(Option<ConnectionEvent>),
    Plane(calls::PlaneWake),
    /// The call that ended last is finished.
    Finished,
    Timeout,
}

impl Driver {
    pub(crate) fn new(
        server: ServerAddress,
        tls: Arc<ClientConfig>,
        shared: Arc<Shared>,
        commands: mpsc::Receiver<Command>,
        own_commands: mpsc::WeakSender<Command>,
    ) -> Self {
        let signalling = SignallingSession::new(now(), SignallingConfig::default());
        Self {
            server,
            tls,
            shared,
            commands,
            own_commands,
            signalling,
            connection: None,
            waiters: HashMap::new(),
            signing_in: None,
            by_token: false,
            calls: None,
            active: None,
            finishing: None,
            next_call: 1,
            paused: None,
            pause_due: false,
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
                wake = calls::next(&mut self.active) => Wake::Plane(wake),
                () = calls::finished(&mut self.finishing) => Wake::Finished,
                () = sleep_to(due) => Wake::Timeout,
            };
            match wake {
                Wake::Command(Some(command)) => self.handle_command(command).await,
                Wake::Command(None) => return self.close().await,
                Wake::Connection(event) => self.handle_connection(event),
                Wake::Plane(wake) => self.handle_plane(wake),
                Wake::Finished => {
                    self.finishing = None;
                    if self.active.is_none() && std::mem::take(&mut self.pause_due) {
                        self.pause().await;
                    }
                }
                Wake::Timeout => {
                    let now = now();
                    self.signalling.handle_timeout(now);
                    if let Some(calls) = &mut self.calls {
                        calls.handle_timeout(now);
                    }
                }
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let call = self.calls.as_ref().and_then(CallMachine::poll_timeout);
        let earliest = self.signalling.poll_timeout().into_iter().chain(call).min();
        earliest.map(Instant::from_std)
    }

    /// Carries out what the machines want until they want nothing more.
    async fn carry_out(&mut self) {
        loop {
            if let Some(output) = self.signalling.poll_output() {
                self.carry_out_signalling(output).await;
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
                self.paused = None;
                self.end_call().await;
                self.by_token = matches!(how, SignIn::Resume(_));
                if let Some(earlier) = self.signing_in.replace(reply) {
                    let _ = earlier.send(Err(SignInError::Closed));
                }
                self.signalling.sign_in(now, how);
            }
            Command::SignOut { reply } => {
                self.paused = None;
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
            Command::NetworkChanged => self.signalling.retry_now(now),
            Command::Pause { reply } => {
                // A call keeps the connection, and the cache that its history goes to.
                if self.active.is_some() || self.finishing.is_some() {
                    self.pause_due = true;
                } else {
                    self.pause().await;
                }
                let _ = reply.send(());
            }
            Command::Resume => {
                self.pause_due = false;
                if let Err(error) = self.shared.archive.reopen().await {
                    tracing::warn!(%error, "the cache cannot be opened again");
                }
                if let Some(how) = self.paused.take() {
                    self.by_token = matches!(how, SignIn::Resume(_));
                    self.signalling.sign_in(now, how);
                }
            }
        }
    }

    async fn pause(&mut self) {
        if let Some(how) = self.signalling.suspend() {
            self.paused = Some(how);
            self.offline();
        }
        if let Err(error) = self.shared.archive.close().await {
            tracing::warn!(%error, "the cache was not closed cleanly");
        }
    }

    /// Hangs up before the session goes.
    async fn end_call(&mut self) {
        if let Some(calls) = &mut self.calls
            && calls.hang_up().is_ok()
        {
            self.tell_end().await;
        }
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
            Some(ConnectionEvent::Open) => self.signalling.handle_connected(now),
            Some(ConnectionEvent::Text(text)) => self.signalling.handle_text(now, &text),
            Some(ConnectionEvent::Traffic) => self.signalling.handle_traffic(now),
            Some(ConnectionEvent::Closed(why)) => self.connection_lost(&why),
            None => self.connection_lost("the connection ended"),
        }
    }

    fn connection_lost(&mut self, why: &str) {
        self.connection = None;
        tracing::debug!(why, "the connection to the server is lost");
        if !self.fail_sign_in(|| SignInError::Unreachable(why.to_owned())) {
            self.signalling.handle_disconnected(now());
        }
    }

    /// Answers the person who waits for a sign-in: better that now than attempts without end.
    /// `false` when nobody waits.
    fn fail_sign_in(&mut self, why: impl FnOnce() -> SignInError) -> bool {
        let Some(reply) = self.signing_in.take().filter(|reply| !reply.is_closed()) else {
            return false;
        };
        self.signalling.sign_out();
        self.shared.forget_presence();
        self.shared.set_connectivity(Connectivity::SignedOut);
        let _ = reply.send(Err(why()));
        true
    }

    async fn carry_out_signalling(&mut self, output: SignallingOutput) {
        match output {
            SignallingOutput::Connect => {
                let url = self.server.websocket();
                self.connection = Some(Connection::open(url, Arc::clone(&self.tls)));
                self.shared.set_connectivity(Connectivity::Connecting);
            }
            SignallingOutput::Send(text) => self.transmit(Outgoing::Text(text)),
            SignallingOutput::Ping => self.transmit(Outgoing::Ping),
            SignallingOutput::Disconnect => {
                // In its own time: a 503 or 651 may still be on its way out.
                if let Some(connection) = self.connection.take() {
                    tokio::spawn(connection.close());
                }
            }
            SignallingOutput::Answer(id, answer) => self.handle_answer(id, answer),
            SignallingOutput::Notification(message) => self.handle_notification(&message),
            SignallingOutput::Synchronised(sync) => self.handle_synchronised(*sync).await,
            SignallingOutput::Down {
                retry_in,
                attempt,
                error,
            } => {
                let why = || match error {
                    Some(error) => SignInError::Refused(error),
                    None => SignInError::Unreachable("the server does not answer".to_owned()),
                };
                if self.fail_sign_in(why) {
                    return;
                }
                self.offline();
                if let Some(calls) = &mut self.calls {
                    calls.handle_disconnected(now());
                }
                self.shared.emit(Event::Reconnecting { retry_in, attempt });
            }
            SignallingOutput::SignedOut(error) => {
                let refused = error.clone();
                if !self.fail_sign_in(|| SignInError::Refused(refused)) {
                    self.signed_out(Some(error));
                }
            }
        }
    }

    fn transmit(&mut self, frame: Outgoing) {
        let sent = self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.send(frame));
        if !sent {
            self.connection_lost("the server takes nothing any more");
        }
    }

    fn handle_answer(&mut self, id: RequestId, answer: Result<ServerMessage, RequestError>) {
        if let Ok(message) = &answer {
            self.take_in(message);
        }
        match self.waiters.remove(&id) {
            Some(Waiter::Action(reply)) => {
                let _ = reply.send(answer.map_err(ActionError::from));
            }
            Some(Waiter::SignOut(reply)) => {
                self.signed_out(None);
                let _ = reply.send(answer.map(|_| ()).map_err(ActionError::from));
            }
            Some(Waiter::Call(request)) => self.handle_call_answer(&request, answer),
            None => {}
        }
    }

    fn handle_notification(&mut self, message: &ServerMessage) {
        self.take_in(message);
        if let Some(calls) = &mut self.calls {
            calls.handle_message(now(), message);
        }
    }

    /// Lets a message change the roster, the cache and what users see.
    fn take_in(&mut self, message: &ServerMessage) {
        let own_name = self.shared.own_name();
        let changes = self.shared.apply(message);
        if changes.is_empty() {
            return;
        }
        for change in &changes {
            match change {
                Change::Me(me) => {
                    if let Some(previous) = &own_name
                        && *previous != me.name
                    {
                        self.renamed(previous, &me.name);
                    }
                    self.shared.emit(Event::ProfileChanged);
                }
                Change::Contact { contact, previous } => self.shared.emit(Event::ContactChanged {
                    contact: contact.clone(),
                    previous: previous.clone(),
                }),
                Change::ContactRemoved(name) => {
                    self.shared
                        .emit(Event::ContactRemoved { name: name.clone() });
                }
                Change::Group(group) => self.shared.emit(Event::GroupChanged {
                    group: group.clone(),
                }),
                Change::GroupRemoved(id_group) => self.shared.emit(Event::GroupRemoved {
                    id_group: id_group.clone(),
                }),
            }
        }
        self.shared.archive.apply(changes);
    }

    /// The own name has changed: everything that is kept under it follows.
    fn renamed(&mut self, previous: &Username, name: &Username) {
        if let Some(calls) = &mut self.calls {
            calls.handle_rename(previous, name);
        }
        let shared = Arc::clone(&self.shared);
        let (previous, name) = (previous.clone(), name.clone());
        shared.archive.rename(shared.account(&name));
        tokio::task::spawn_blocking(move || shared.rename_account(&previous, &name));
    }

    async fn handle_synchronised(&mut self, sync: Synchronised) {
        let me = Me::from(&sync.profile);
        let token = sync.profile.token.clone();
        let known = self.shared.own_name();
        let same_account = sync.resumed || (self.by_token && known.is_some());
        if !same_account && known.as_ref() != Some(&me.name) {
            // A cache belongs to one account: another one has its own.
            if let Err(error) = self
                .shared
                .archive
                .open(self.shared.account(&me.name))
                .await
            {
                tracing::warn!(%error, "the cache cannot be opened; nothing is kept for offline");
            }
        } else if let Some(previous) = known
            && previous != me.name
        {
            self.renamed(&previous, &me.name);
        }
        self.shared.synchronised(&sync);
        match &mut self.calls {
            Some(calls) if sync.resumed => calls.handle_resumed(now()),
            // A call of an earlier session was ended before this one began.
            Some(_) | None => {
                self.calls = Some(CallMachine::new(me.name.clone(), CallConfig::default()));
            }
        }
        self.shared.set_connectivity(Connectivity::Online);
        self.shared.emit(Event::Online {
            resumed: sync.resumed,
        });
        if let Some(reply) = self.signing_in.take() {
            let _ = reply.send(Ok(SignedIn { me, token }));
        }
    }

    /// The connection is gone for now.
    fn offline(&mut self) {
        self.shared.forget_presence();
        self.shared.set_connectivity(Connectivity::Reconnecting);
    }

    /// The session is over.
    fn signed_out(&mut self, reason: Option<ErrorReply>) {
        self.signalling.sign_out();
        self.paused = None;
        if let Some(reply) = self.signing_in.take() {
            let _ = reply.send(Err(SignInError::Closed));
        }
        self.shared.forget_presence();
        if let Some(calls) = &mut self.calls {
            calls.handle_signed_out();
        }
        self.shared.set_connectivity(Connectivity::SignedOut);
        self.shared.emit(Event::SignedOut { reason });
    }

    /// Ends a call in order before the task ends.
    async fn close(mut self) {
        match &mut self.calls {
            // Other sessions of this profile go on ringing.
            Some(calls) if calls.phase() == Some(CallPhase::RingingIn) => {
                calls.handle_signed_out();
                self.tell_end().await;
            }
            Some(_) => self.end_call().await,
            None => {}
        }
        if let Some(active) = self.active.take() {
            active.finish(&self.shared).await;
        }
        if let Some(finishing) = self.finishing.take() {
            let _ = finishing.await;
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

async fn next_event(connection: &mut Option<Connection>) -> Option<ConnectionEvent> {
    match connection {
        Some(connection) => connection.next().await,
        None => std::future::pending().await,
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
