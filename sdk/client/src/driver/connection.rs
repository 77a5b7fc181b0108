//! One WebSocket connection: a task that moves frames and decides nothing.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cooee_protocol::{RESUMING, Token, TunnelFrame};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, connect_async_tls_with_config};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::call::tunnel::Tunnel;

/// Frames that wait to be sent; a server that reads slower than this is as good as gone.
const OUTGOING: usize = 256;
/// Frames that wait to be handled.
const INCOMING: usize = 256;
/// Bytes that the kernel may hold before it says that the connection is full: a few voice frames.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 4 * 1024;
/// The close code of a connection whose session another one has resumed.
const RESUMED_ELSEWHERE: u16 = 4001;
/// The largest frame that the server may send: the contacts of a large account fit many times.
const MAX_FRAME: usize = 16 * 1024 * 1024;
/// How long an orderly end of a connection may take.
const CLOSING: Duration = Duration::from_secs(1);

/// What happens on a connection.
#[derive(Debug)]
pub(crate) enum ConnectionEvent {
    /// The WebSocket is open.
    Open {
        /// From this local address, as far as it is known.
        local: Option<IpAddr>,
        /// The server resumes the session whose token came with the request.
        resuming: bool,
    },
    Text(String),
    /// Anything else that shows that the server is there.
    Traffic,
    /// Another connection has taken the session over.
    ResumedElsewhere,
    /// Closed, or never opened, and why.
    Closed(Lost),
}

/// Why a connection ended, or did not come about.
#[derive(Debug)]
pub(crate) struct Lost {
    /// In words.
    pub(crate) why: String,
    /// The server's certificate was refused: it is not valid at this moment or for this name, or nobody
    /// vouches for it.
    pub(crate) by_certificate: bool,
}

impl From<&str> for Lost {
    fn from(why: &str) -> Self {
        Self {
            why: why.to_owned(),
            by_certificate: false,
        }
    }
}

/// What to send.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Text(String),
    Ping,
    /// No frame: the server knows from here on who this is, so that voice may follow. Before, it
    /// would be refused like anything else of a stranger.
    SignedIn,
}

/// A connection being opened, open, or closed. Dropping it closes it.
pub(crate) struct Connection {
    outgoing: mpsc::Sender<Outgoing>,
    events: mpsc::Receiver<ConnectionEvent>,
    _task: DropGuard,
}

impl Connection {
    /// Starts to connect to a WebSocket's URL, and to resume the session of a token with it.
    pub(crate) fn open(
        url: String,
        resume: Option<Token>,
        tls: Arc<ClientConfig>,
        tunnel: Arc<Tunnel>,
    ) -> Self {
        let (outgoing, to_send) = mpsc::channel(OUTGOING);
        let (happened, events) = mpsc::channel(INCOMING);
        let cancelled = CancellationToken::new();
        let task = cancelled.clone();
        tokio::spawn(async move {
            let ended = tokio::select! {
                () = task.cancelled() => return,
                ended = run(url, resume, tls, to_send, &happened, &tunnel) => ended,
            };
            let lost = match ended {
                Ok(()) => Lost::from("the server closed the connection"),
                Err(error) => explain(&error),
            };
            let _ = happened.send(ConnectionEvent::Closed(lost)).await;
        });
        Self {
            outgoing,
            events,
            _task: cancelled.drop_guard(),
        }
    }

    /// Queues a frame; `false` when the queue is full or the connection is over.
    pub(crate) fn send(&self, frame: Outgoing) -> bool {
        self.outgoing.try_send(frame).is_ok()
    }

    /// The next event; `None` after [`ConnectionEvent::Closed`].
    pub(crate) async fn next(&mut self) -> Option<ConnectionEvent> {
        self.events.recv().await
    }

    /// Sends what is queued, says good-bye and closes; waits a second at most for all of it.
    pub(crate) async fn close(self) {
        let Self {
            outgoing,
            mut events,
            _task,
        } = self;
        // The task takes the end of its queue as the wish to close.
        drop(outgoing);
        let closed = async { while events.recv().await.is_some() {} };
        if tokio::time::timeout(CLOSING, closed).await.is_err() {
            tracing::debug!("the connection was not closed in time");
        }
    }
}

/// What happens next on a connection; nothing ever, where there is none.
pub(super) async fn next_event(connection: &mut Option<Connection>) -> Option<ConnectionEvent> {
    match connection {
        Some(connection) => connection.next().await,
        None => std::future::pending().await,
    }
}

async fn run(
    url: String,
    resume: Option<Token>,
    tls: Arc<ClientConfig>,
    mut to_send: mpsc::Receiver<Outgoing>,
    happened: &mpsc::Sender<ConnectionEvent>,
    tunnel: &Tunnel,
) -> Result<(), tungstenite::Error> {
    let mut request = url.into_client_request()?;
    request.headers_mut().insert(
        "Sec-WebSocket-Protocol",
        HeaderValue::from_static("cooee.v1"),
    );
    if let Some(token) = &resume
        && let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {}", token.expose()))
    {
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let connector = Some(Connector::Rustls(tls));
    let (socket, response) =
        connect_async_tls_with_config(request, Some(config), true, connector).await?;
    let resuming = resume.is_some() && response.headers().contains_key(RESUMING);
    let tcp = tcp(socket.get_ref());
    let local = tcp.and_then(|tcp| tcp.local_addr().ok());
    if let Some(tcp) = tcp {
        keep_little_unsent(tcp);
    }
    let (mut writer, mut reader) = socket.split();
    let opened = ConnectionEvent::Open {
        local: local.map(|local| local.ip()),
        resuming,
    };
    if happened.send(opened).await.is_err() {
        return Ok(());
    }
    let mut signed_in = false;
    loop {
        tokio::select! {
            biased;
            frame = to_send.recv() => match frame {
                Some(Outgoing::Text(text)) => writer.send(Message::text(text)).await?,
                Some(Outgoing::Ping) => writer.send(Message::Ping(Vec::new().into())).await?,
                Some(Outgoing::SignedIn) => signed_in = true,
                None => {
                    writer.close().await?;
                    // Until the server has closed as well, it may not have read everything, and a
                    // socket that is closed with something unread takes the rest with it.
                    while let Some(Ok(_)) = reader.next().await {}
                    return Ok(());
                }
            },
            voice = tunnel.outgoing.pop(), if signed_in => {
                let frame = TunnelFrame { pseudo: voice.name, payload: &voice.payload };
                if let Ok(bytes) = frame.to_bytes() {
                    writer.send(Message::binary(bytes)).await?;
                }
            }
            message = reader.next() => {
                let event = match message {
                    None => return Ok(()),
                    Some(Ok(Message::Text(text))) => ConnectionEvent::Text(text.as_str().to_owned()),
                    Some(Ok(Message::Close(frame))) => {
                        if frame.is_some_and(|frame| u16::from(frame.code) == RESUMED_ELSEWHERE) {
                            let _ = happened.send(ConnectionEvent::ResumedElsewhere).await;
                        }
                        return Ok(());
                    }
                    Some(Ok(Message::Binary(bytes))) => {
                        if let Ok(frame) = TunnelFrame::parse(&bytes) {
                            tunnel.incoming.push(frame.pseudo, frame.payload.to_vec());
                        }
                        // The server is there, which a queue full of such news need not repeat.
                        let _ = happened.try_send(ConnectionEvent::Traffic);
                        continue;
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                        ConnectionEvent::Traffic
                    }
                    Some(Err(error)) => return Err(error),
                };
                if happened.send(event).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

fn tcp(socket: &MaybeTlsStream<TcpStream>) -> Option<&TcpStream> {
    match socket {
        MaybeTlsStream::Plain(tcp) => Some(tcp),
        MaybeTlsStream::Rustls(tls) => Some(tls.get_ref().0),
        _ => None,
    }
}

/// Keeps voice out of the kernel's long queue, where nothing can overtake or drop it any more.
fn keep_little_unsent(tcp: &TcpStream) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = socket2::SockRef::from(tcp).set_tcp_notsent_lowat(UNSENT) {
        tracing::debug!(%error, "the connection's send queue keeps its default length");
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = tcp;
}

/// The innermost cause usually says most to a person.
fn explain(error: &tungstenite::Error) -> Lost {
    use tungstenite::error::TlsError;
    let why = match error {
        tungstenite::Error::Http(response) => {
            format!("the server answered with HTTP status {}", response.status())
        }
        other => other.to_string(),
    };
    let tls: Option<&rustls::Error> = match error {
        tungstenite::Error::Tls(TlsError::Rustls(tls)) => Some(tls.as_ref()),
        tungstenite::Error::Io(io) => io.get_ref().and_then(|inner| inner.downcast_ref()),
        _ => None,
    };
    let by_certificate = matches!(tls, Some(rustls::Error::InvalidCertificate(_)));
    Lost {
        why,
        by_certificate,
    }
}
