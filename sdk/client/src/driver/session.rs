//! The driver's part for sessions: what the signalling session wants, and what the server tells.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cooee_core::call::{CallConfig, CallMachine};
use cooee_core::signalling::{RequestError, RequestId, SignallingOutput, Synchronised};
use cooee_protocol::{ErrorCode, ErrorReply, RequestInfo, ServerMessage, Username};

use super::connection::{Connection, Lost, Outgoing};
use super::{Driver, SignedIn, Waiter, now};
use crate::call::plane::PlaneCommand;
use crate::error::{ActionError, SignInError};
use crate::event::Event;
use crate::roster::{Change, Me, Roster};
use crate::shared::Connectivity;

impl Driver {
    pub(super) fn connection_lost(&mut self, lost: impl Into<Lost>) {
        self.connection = None;
        let Lost {
            why,
            by_certificate,
        } = lost.into();
        tracing::debug!(why, "the connection to the server is lost");
        let told = why.clone();
        let failed = self.fail_sign_in(|| match by_certificate {
            true => SignInError::Certificate(told),
            false => SignInError::Unreachable(told),
        });
        if failed {
            return;
        }
        // It is tried again, and most likely refused again: once is enough.
        if by_certificate && !std::mem::replace(&mut self.told_of_certificate, true) {
            self.shared.emit(Event::CertificateRefused { why });
        }
        self.signalling.handle_disconnected(now());
    }

    /// The machine's addresses have changed: a connection from one that is gone will never say so
    /// itself.
    pub(super) fn network_changed(&mut self, now: std::time::Instant, addresses: &[IpAddr]) {
        let stranded = self
            .local
            .is_some_and(|local| !local.is_loopback() && !addresses.contains(&local));
        if stranded && self.connection.is_some() {
            self.connection_lost("the network has changed");
        }
        self.signalling.retry_now(now);
    }

    /// Another program has taken the session over. Taking it back would be answered likewise, for
    /// ever.
    pub(super) fn resumed_elsewhere(&mut self) {
        let words = "another program has resumed this session";
        self.signed_out(Some(ErrorReply::new(ErrorCode::AuthFailed, words)));
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

    pub(super) async fn carry_out_signalling(&mut self, output: SignallingOutput) {
        match output {
            SignallingOutput::Connect { resume } => {
                let url = self.server.websocket();
                self.connection = Some(Connection::open(
                    url,
                    resume,
                    Arc::clone(&self.tls),
                    Arc::clone(&self.tunnel),
                ));
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
                // 266 tells the same as its notification.
                if let Ok(message @ ServerMessage::Blocked(_)) = &answer {
                    self.messages.sync.handle_message(now(), message);
                }
                let _ = reply.send(answer.map_err(ActionError::from));
            }
            Some(Waiter::SignOut(reply)) => {
                self.signed_out(None);
                let _ = reply.send(answer.map(|_| ()).map_err(ActionError::from));
            }
            Some(Waiter::Call(request)) => self.handle_call_answer(&request, answer),
            Some(Waiter::Conversation(tag)) => self.handle_conversation_answer(tag, answer),
            None => {}
        }
    }

    fn handle_notification(&mut self, message: &ServerMessage) {
        if let ServerMessage::Exchange(exchange) = message {
            // A participant whose client does not speak binary frames.
            if let Ok(payload) = STANDARD.decode(exchange.data.as_str()) {
                self.tunnel.incoming.push(exchange.pseudo.clone(), payload);
            }
            return;
        }
        if let Some(active) = &self.active {
            active.live.trace.message(message);
        }
        if let ServerMessage::RequestInfo(request) = message {
            self.lend_relay(request);
        }
        self.take_in(message);
        self.messages.sync.handle_message(now(), message);
        if let Some(calls) = &mut self.calls {
            calls.handle_message(now(), message);
        }
    }

    /// A relay comes with the question for addresses; it is for the call that asks.
    fn lend_relay(&self, request: &RequestInfo) {
        let ours = self
            .calls
            .as_ref()
            .is_some_and(|calls| calls.id_group() == Some(&request.id_group));
        if let (Some(active), Some(relay), true) = (&self.active, &request.relay, ours) {
            let mut relay = relay.clone();
            for url in &mut relay.urls {
                if let Some(place) = url.strip_prefix("turn:") {
                    *url = format!("turn:{}", self.server.complete(place));
                }
            }
            active.tell(PlaneCommand::UseRelay(relay));
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
                Change::Contact { contact, previous } => {
                    if let Some(previous) = previous {
                        self.messages.sync.handle_renamed(previous, &contact.pseudo);
                    }
                    self.shared.emit(Event::ContactChanged {
                        contact: contact.clone(),
                        previous: previous.clone(),
                    });
                }
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
        self.messages.sync.handle_renamed(previous, name);
        let shared = Arc::clone(&self.shared);
        let (previous, name) = (previous.clone(), name.clone());
        shared
            .archive
            .rename(shared.account(&name), &previous, &name);
        tokio::task::spawn_blocking(move || shared.rename_account(&previous, &name));
    }

    async fn handle_synchronised(&mut self, sync: Synchronised) {
        self.told_of_certificate = false;
        let me = Me::from(&sync.profile);
        let token = sync.profile.token.clone();
        let known = self.shared.own_name();
        let same_account = sync.resumed || (self.by_token && known.is_some());
        if !same_account && known.as_ref() != Some(&me.name) {
            // A cache belongs to one account: another one has its own.
            let account = self.shared.account(&me.name);
            let known = match self.shared.archive.open(account, false).await {
                Ok(known) => known,
                Err(error) => {
                    tracing::warn!(
                        %error,
                        "the cache cannot be opened; nothing is kept for offline"
                    );
                    Roster::default()
                }
            };
            self.shared.replace_volumes(known.volumes);
            self.load_messages(me.name.clone()).await;
        } else if let Some(previous) = known
            && previous != me.name
        {
            self.renamed(&previous, &me.name);
        }
        self.shared.synchronised(&sync);
        self.transmit(Outgoing::SignedIn);
        match &mut self.calls {
            Some(calls) if sync.resumed => calls.handle_resumed(now()),
            // A call of an earlier session was ended before this one began.
            Some(_) | None => {
                self.calls = Some(CallMachine::new(me.name.clone(), CallConfig::default()));
            }
        }
        self.messages_online();
        self.shared.set_connectivity(Connectivity::Online);
        self.shared.emit(Event::Online {
            resumed: sync.resumed,
        });
        if let Some(reply) = self.signing_in.take() {
            let _ = reply.send(Ok(SignedIn { me, token }));
        }
    }

    /// The connection is gone for now.
    pub(super) fn offline(&mut self) {
        self.messages.sync.handle_offline();
        self.shared.forget_presence();
        self.shared.set_connectivity(Connectivity::Reconnecting);
    }

    /// The session is over.
    pub(super) fn signed_out(&mut self, reason: Option<ErrorReply>) {
        self.signalling.sign_out();
        self.messages_due = None;
        self.messages.sync.handle_offline();
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
}
