//! One WebSocket connection: a task that moves frames and decides nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, connect_async_tls_with_config};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Frames that wait to be sent; a server that reads slower than this is as good as gone.
const OUTGOING: usize = 256;
/// Frames that wait to be handled.
const INCOMING: usize = 256;
/// The largest frame that the server may send: the contacts of a large account fit many times.
const MAX_FRAME: usize = 16 * 1024 * 1024;
/// How long an orderly end of a connection may take.
const CLOSING: Duration = Duration::from_secs(1);

/// What happens on a connection.
#[derive(Debug)]
pub(crate) enum ConnectionEvent {
    Open,
    Text(String),
    /// Anything else that shows that the server is there.
    Traffic,
    /// Closed, or never opened, and why.
    Closed(String),
}

/// What to send.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Text(String),
    Ping,
}

/// A connection being opened, open, or closed. Dropping it closes it.
pub(crate) struct Connection {
    outgoing: mpsc::Sender<Outgoing>,
    events: mpsc::Receiver<ConnectionEvent>,
    _task: DropGuard,
}

impl Connection {
    /// Starts to connect to a WebSocket's URL.
    pub(crate) fn open(url: String, tls: Arc<ClientConfig>) -> Self {
        let (outgoing, to_send) = mpsc::channel(OUTGOING);
        let (happened, events) = mpsc::channel(INCOMING);
        let cancelled = CancellationToken::new();
        let task = cancelled.clone();
        tokio::spawn(async move {
            let ended = tokio::select! {
                () = task.cancelled() => return,
                ended = run(url, tls, to_send, &happened) => ended,
            };
            let why = match ended {
                Ok(()) => "the server closed the connection".to_owned(),
                Err(error) => explain(&error),
            };
            let _ = happened.send(ConnectionEvent::Closed(why)).await;
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

async fn run(
    url: String,
    tls: Arc<ClientConfig>,
    mut to_send: mpsc::Receiver<Outgoing>,
    happened: &mpsc::Sender<ConnectionEvent>,
) -> Result<(), tungstenite::Error> {
    let mut request = url.into_client_request()?;
    request.headers_mut().insert(
        "Sec-WebSocket-Protocol",
        HeaderValue::from_static("cooee.v1"),
    );
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let connector = Some(Connector::Rustls(tls));
    let (socket, _) = connect_async_tls_with_config(request, Some(config), true, connector).await?;
    let (mut writer, mut reader) = socket.split();
    if happened.send(ConnectionEvent::Open).await.is_err() {
        return Ok(());
    }
    loop {
        tokio::select! {
            frame = to_send.recv() => match frame {
                Some(Outgoing::Text(text)) => writer.send(Message::text(text)).await?,
                Some(Outgoing::Ping) => writer.send(Message::Ping(Vec::new().into())).await?,
                None => {
                    writer.close().await?;
                    return Ok(());
                }
            },
            message = reader.next() => {
                let event = match message {
                    None => return Ok(()),
                    Some(Ok(Message::Text(text))) => ConnectionEvent::Text(text.as_str().to_owned()),
                    Some(Ok(Message::Close(_))) => return Ok(()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {
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

/// The innermost cause usually says most to a person.
fn explain(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Http(response) => {
            format!("the server answered with HTTP status {}", response.status())
        }
        other => other.to_string(),
    }
}
