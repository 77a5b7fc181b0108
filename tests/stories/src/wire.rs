//! Somebody without a client.

use std::collections::VecDeque;
use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::patience::within;

/// A WebSocket to the server, for stories that look at the frames themselves.
#[derive(Debug)]
pub struct Wire {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that came and were not waited for yet.
    came: VecDeque<Value>,
    last_seq: u64,
}

impl Wire {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let (socket, _) = connect_async(format!("ws://{server}/v1/ws"))
            .await
            .expect("a WebSocket");
        Self {
            socket,
            came: VecDeque::new(),
            last_seq: 0,
        }
    }

    /// Sends a request and gives the number by which its answers are known.
    pub async fn send(&mut self, code: u16, args: Value) -> u64 {
        self.last_seq += 1;
        let frame = json!({"type": code, "seq": self.last_seq, "args": args});
        self.send_text(&frame.to_string()).await;
        self.last_seq
    }

    /// Sends a text frame as it is.
    pub async fn send_text(&mut self, text: &str) {
        self.socket
            .send(Message::text(text))
            .await
            .expect("an open WebSocket");
    }

    /// Sends a request and waits for its first answer.
    pub async fn ask(&mut self, code: u16, args: Value) -> Value {
        let seq = self.send(code, args).await;
        self.answer(seq).await
    }

    /// Waits for the next answer to a request.
    pub async fn answer(&mut self, seq: u64) -> Value {
        self.wait_for(&format!("an answer to request {seq}"), |frame| {
            frame.get("re") == Some(&json!(seq))
        })
        .await
    }

    /// Waits for a message that answers nothing, and gives its arguments.
    pub async fn notice(&mut self, code: u16) -> Value {
        self.notice_where(code, |_| true).await
    }

    /// Waits for a message that answers nothing and whose arguments are as wanted.
    pub async fn notice_where(
        &mut self,
        code: u16,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Value {
        let what = format!("message {code}");
        let frame = self.wait_for(&what, |frame| {
            frame.get("re").is_none() && frame["type"] == json!(code) && wanted(&frame["args"])
        });
        frame.await["args"].clone()
    }

    /// The code of the very next frame, whatever it is.
    pub async fn next_code(&mut self) -> u64 {
        let frame = self.wait_for("any frame", |_| true).await;
        frame["type"].as_u64().expect("a frame with a type")
    }

    /// Whether a message of this code has come that nobody has waited for: everything that the
    /// server sent before this is looked at.
    pub async fn has_come(&mut self, code: u16) -> bool {
        // Any answer will do: frames of one connection keep their order.
        self.ask(605, json!({"id_group": "none", "pseudo": "nobody"}))
            .await;
        self.came.iter().any(|frame| frame["type"] == json!(code))
    }

    /// Waits until the server closes the WebSocket, and gives the code with which it does.
    pub async fn is_closed(&mut self) -> u16 {
        let socket = &mut self.socket;
        let closing = async {
            loop {
                match socket.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                    Some(Ok(_)) => {}
                    other => panic!("the WebSocket ended without a word: {other:?}"),
                }
            }
        };
        within(closing, || "for the WebSocket to be closed".to_owned()).await
    }

    async fn wait_for(&mut self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        if let Some(at) = self.came.iter().position(&mut wanted) {
            return self.came.remove(at).expect("the position is its own");
        }
        let (socket, came) = (&mut self.socket, &mut self.came);
        let waiting = async {
            loop {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let frame: Value = serde_json::from_str(&text).expect("a JSON frame");
                        if wanted(&frame) {
                            return frame;
                        }
                        came.push_back(frame);
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("waiting for {what}: {other:?}"),
                }
            }
        };
        let frame = within(waiting, || what.to_owned());
        frame.await
    }
}
