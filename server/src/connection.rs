//! One WebSocket: reads requests, carries them out in their order, writes what its queue holds.
//!
//! Reading and writing are two halves of one task: a client that does not read blocks only its
//! own writing half, while its queue fills until it is dropped.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use cooee_protocol::{
    ClientFrame, ClientMessage, ErrorCode, ErrorReply, Resume, Seq, ServerMessage, Token,
    TunnelFrame,
};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::app::{App, Request};
use crate::ids::{ProfileId, SessionId};
use crate::limits::{Bucket, Rate, now};
use crate::outbox::{Close, Next, Outbox};

/// The largest frame that is read to be refused by a message; larger ones end the connection.
pub(crate) const MOST_READ: usize = 1 << 20;

/// How long a client may take to read the last frames of its connection.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Frames that go to the socket together.
const MOST_TOGETHER: usize = 64;

/// Data frames dropped in a row that end a connection.
const MOST_DROPPED: u32 = 2000;

/// Entries of a connection that wait for the disk at once.
const MOST_POSTING: u32 = 64;

/// Who is logged in on a connection.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) profile: ProfileId,
    pub(crate) session: SessionId,
    pub(crate) token: Token,
}

/// The reading half of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) app: Arc<App>,
    pub(crate) address: IpAddr,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) login: Option<Login>,
    messages: Bucket,
    data_frames: Bucket,
    data_bytes: Bucket,
    dropped: u32,
    /// Room for entries that wait for the disk.
    posting: Arc<Semaphore>,
}

/// Serves a WebSocket until it ends, and first resumes the session of the token that came with it.
pub(crate) async fn serve(
    socket: WebSocket,
    app: Arc<App>,
    address: IpAddr,
    resumes: Option<Token>,
) {
    let outbox = Arc::new(Outbox::new(app.config.queue_frames, app.config.queue_bytes));
    let (sink, stream) = socket.split();
    let mut connection = Connection {
        app: Arc::clone(&app),
        address,
        outbox: Arc::clone(&outbox),
        login: None,
        messages: Bucket::default(),
        data_frames: Bucket::default(),
        data_bytes: Bucket::default(),
        dropped: 0,
        posting: Arc::new(Semaphore::new(MOST_POSTING as usize)),
    };
    {
        let mut writing = pin!(write(sink, &app, &outbox));
        let close = tokio::select! {
            () = &mut writing => None,
            close = connection.read(stream, resumes) => Some(close),
            () = app.stopping.cancelled() => Some(Close::STOPPING),
        };
        if let Some(close) = close {
            outbox.close(close);
            let _too_slow = tokio::time::timeout(LAST_WORDS, writing).await;
        }
    }
    app.hub.with(|state| state.detach(&outbox, now()));
}

async fn write(mut sink: SplitSink<WebSocket, Message>, app: &App, outbox: &Outbox) {
    let period = app.config.ping_interval;
    let mut ping = Instant::now() + period;
    loop {
        let message = tokio::select! {
            next = outbox.next() => match next {
                Next::Frame(message) => message,
                Next::Close(close) => {
                    let frame = CloseFrame {
                        code: close.code,
                        reason: Utf8Bytes::from_static(close.reason),
                    };
                    let closed = async {
                        sink.send(Message::Close(Some(frame))).await?;
                        sink.close().await
                    };
                    let _too_slow = tokio::time::timeout(LAST_WORDS, closed).await;
                    return;
                }
                Next::Drop => {
                    tracing::info!("a client that does not read was dropped");
                    return;
                }
            },
            () = tokio::time::sleep_until(ping) => {
                ping = Instant::now() + period;
                Message::Ping(Bytes::new())
            }
        };
        // A client that does not read blocks this send; its queue may overflow meanwhile.
        let sent = tokio::select! {
            sent = send(&mut sink, outbox, message) => sent,
            () = outbox.overflow() => {
                tracing::info!("a client that does not read was dropped");
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Sends a frame, and with it what else waits: they go to the socket together.
async fn send(
    sink: &mut SplitSink<WebSocket, Message>,
    outbox: &Outbox,
    first: Message,
) -> Result<(), axum::Error> {
    sink.feed(first).await?;
    for _ in 1..MOST_TOGETHER {
        match outbox.take_frame() {
            Some(message) => sink.feed(message).await?,
            None => break,
        }
    }
    sink.flush().await
}

impl Connection {
    /// Reads until the connection is to end, and says how.
    async fn read(&mut self, mut stream: SplitStream<WebSocket>, resumes: Option<Token>) -> Close {
        let login_by = Instant::now() + self.app.config.login_timeout;
        if let Some(token) = resumes {
            self.resume_with_the_connection(token).await;
        }
        let mut silent = Instant::now() + self.app.config.idle_timeout;
        loop {
            let deadline = match self.login {
                Some(_) => silent,
                None => silent.min(login_by),
            };
            let received = match tokio::time::timeout_at(deadline, stream.next()).await {
                Ok(received) => received,
                Err(_) if self.login.is_none() && deadline == login_by => return Close::NO_LOGIN,
                Err(_) => return Close::NORMAL,
            };
            silent = Instant::now() + self.app.config.idle_timeout;
            if self.outbox.is_ending() {
                return Close::NORMAL;
            }
            match received {
                Some(Ok(Message::Text(text))) => {
                    if let Err(close) = self.text(text.as_str()).await {
                        return close;
                    }
                }
                Some(Ok(Message::Binary(bytes))) => {
                    if let Err(close) = self.binary(&bytes) {
                        return close;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                    if !self.message_allowed() {
                        return Close::FLOOD;
                    }
                }
                Some(Ok(Message::Close(_))) | None => return Close::NORMAL,
                Some(Err(error)) => return broken(&error),
            }
        }
    }

    /// As though the first frame had been a 650 with the number 0.
    async fn resume_with_the_connection(&mut self, token: Token) {
        self.message_allowed();
        let request = Request {
            outbox: Arc::clone(&self.outbox),
            seq: Some(Seq::from(0)),
        };
        let resume = Resume {
            token,
            another: false,
        };
        Box::pin(self.carry_out(request, ClientMessage::Resume(resume))).await;
    }

    fn message_allowed(&mut self) -> bool {
        let rate = Rate::per_second(self.app.config.message_rate, self.app.config.message_burst);
        self.messages.take(&rate, 1, now())
    }

    /// Whether a data frame of so many bytes may pass.
    fn data_allowed(&mut self, bytes: usize) -> bool {
        let config = &self.app.config;
        let frames = Rate::per_second(config.data_rate, config.data_burst);
        let per_second = config.data_bytes_rate;
        let rate = Rate::per_second(per_second, per_second.saturating_mul(2));
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.data_frames.take(&frames, 1, now()) && self.data_bytes.take(&rate, bytes, now())
    }

    async fn text(&mut self, text: &str) -> Result<(), Close> {
        let frame = match ClientFrame::parse(text) {
            Ok(frame) => frame,
            Err(error) => {
                let reply = error.reply();
                if self.message_allowed() {
                    self.outbox.send(reply.re, reply.message);
                    return Ok(());
                }
                return Err(self.flood(reply.re));
            }
        };
        if matches!(frame.message, ClientMessage::Exchange(_)) {
            if !self.data_allowed(text.len()) {
                return self.drop_data(frame.seq);
            }
            self.dropped = 0;
        } else if !self.message_allowed() {
            return Err(self.flood(frame.seq));
        }
        let request = Request {
            outbox: Arc::clone(&self.outbox),
            seq: frame.seq,
        };
        // Boxed: an idle connection does not hold the room that a request needs.
        Box::pin(self.carry_out(request, frame.message)).await;
        Ok(())
    }

    /// A binary frame: voice for another participant of the session's call.
    fn binary(&mut self, frame: &Bytes) -> Result<(), Close> {
        let (tunnelled, login) = match (TunnelFrame::parse(frame), &self.login) {
            (Ok(tunnelled), Some(login)) => (tunnelled, login.clone()),
            (Ok(_), None) => return self.refuse_binary(ErrorCode::AuthFailed, "log in first"),
            (Err(error), _) => return self.refuse_binary(ErrorCode::Invalid, &error.to_string()),
        };
        if !self.data_allowed(frame.len()) {
            return self.drop_data(None);
        }
        self.dropped = 0;
        self.outbox.speaks_binary();
        let payload = frame.slice_ref(tunnelled.payload);
        self.app.tunnel(&login, &tunnelled.pseudo, &payload);
        Ok(())
    }

    fn refuse_binary(&mut self, code: ErrorCode, detail: &str) -> Result<(), Close> {
        if !self.message_allowed() {
            return Err(self.flood(None));
        }
        let error = ErrorReply::new(code, detail);
        self.outbox.send(None, ServerMessage::Error(error));
        Ok(())
    }

    fn flood(&self, seq: Option<Seq>) -> Close {
        let error = ErrorReply::new(ErrorCode::SlowDown, "too many requests");
        self.outbox.send(seq, ServerMessage::Error(error));
        Close::FLOOD
    }

    fn drop_data(&mut self, seq: Option<Seq>) -> Result<(), Close> {
        self.dropped = self.dropped.saturating_add(1);
        if self.dropped > MOST_DROPPED {
            return Err(self.flood(seq));
        }
        // Once for a flood that does not number its frames, or the answers would be one too.
        if seq.is_some() || self.dropped == 1 {
            let error = ErrorReply::new(ErrorCode::SlowDown, "too much data");
            self.outbox.send(seq, ServerMessage::Error(error));
        }
        Ok(())
    }

    async fn carry_out(&mut self, request: Request, message: ClientMessage) {
        let code = message.code();
        tracing::debug!(%code, "request");
        // Whatever comes behind entries is carried out behind them. Voice need not wait.
        if !matches!(
            message,
            ClientMessage::PostEntry(_) | ClientMessage::Exchange(_)
        ) {
            let _all_answered = self.posting.acquire_many(MOST_POSTING).await;
        }
        match (message, self.login.clone()) {
            (ClientMessage::CreateProfile(args), _) => self.create_profile(request, args).await,
            (ClientMessage::Login(args), _) => self.log_in(request, args).await,
            (ClientMessage::Resume(args), _) => self.resume(request, args).await,
            (message, Some(login)) => self.carry_out_for(&login, request, message).await,
            (_, None) => request.refuse(ErrorCode::AuthFailed, "log in first"),
        }
    }

    async fn carry_out_for(&mut self, login: &Login, request: Request, message: ClientMessage) {
        let app = &self.app;
        match message {
            ClientMessage::AmendProfile(args) => self.amend_profile(request, login, args).await,
            ClientMessage::Logout(_) => self.log_out(request, login).await,
            ClientMessage::AddContact(args) => app.add_contact(request, login, args).await,
            ClientMessage::DeleteContact(args) => app.delete_contact(request, login, args).await,
            ClientMessage::CreateGroup(args) => app.create_group(request, login, args).await,
            ClientMessage::AddToGroup(args) => app.add_to_group(request, login, args).await,
            ClientMessage::QuitGroup(args) => app.quit_group(request, login, args).await,
            ClientMessage::Ring(args) => app.ring(request, login, args).await,
            ClientMessage::Accept(args) => app.accept(request, login, args).await,
            ClientMessage::Quit(args) => app.quit_call(request, login, args).await,
            ClientMessage::Exchange(args) => app.exchange(&request, login, args),
            ClientMessage::InfoCall(args) => app.info_call(&request, login, args),
            ClientMessage::PostEntry(args) => {
                let posting = Arc::clone(&self.posting);
                if let Ok(place) = posting.acquire_owned().await {
                    app.post_entry(request, login, args, place).await;
                }
            }
            ClientMessage::MarkEntries(args) => app.mark_entries(request, login, args).await,
            ClientMessage::SetTyping(args) => app.set_typing(request, login, args).await,
            ClientMessage::PullEntries(args) => app.pull_entries(request, login, args).await,
            ClientMessage::ListConversations(args) => {
                app.list_conversations(request, login, args).await;
            }
            ClientMessage::Block(args) => app.block(request, login, args).await,
            ClientMessage::Unblock(args) => app.unblock(request, login, args).await,
            ClientMessage::ListBlocked(_) => app.list_blocked(request, login).await,
            ClientMessage::DeleteProfile(args) => self.delete_profile(request, login, args).await,
            // Handled before a login is asked for.
            ClientMessage::CreateProfile(_)
            | ClientMessage::Login(_)
            | ClientMessage::Resume(_) => {}
        }
    }
}

/// How a connection ends that broke the WebSocket protocol, or just broke.
fn broken(error: &axum::Error) -> Close {
    use tokio_tungstenite::tungstenite::Error;
    let source = std::error::Error::source(error);
    match source.and_then(|source| source.downcast_ref::<Error>()) {
        Some(Error::Capacity(_)) => Close::TOO_BIG,
        Some(Error::Utf8(_)) => Close::TEXT,
        Some(Error::Protocol(_)) => Close::PROTOCOL,
        _ => Close::NORMAL,
    }
}
