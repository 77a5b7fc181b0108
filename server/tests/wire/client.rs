//! A client that knows nothing but WebSocket and JSON.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use cooee_server::{Config, Server};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) const PASSWORD: &str = "correct horse battery";

const PATIENCE: Duration = Duration::from_secs(10);

/// A server on a folder of its own.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) data: TempDir,
}

pub(crate) fn config(data: &TempDir) -> Config {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Config {
        data: data.path().to_owned(),
        listen: any,
        stun: Some(any),
        ..Config::default()
    }
}

pub(crate) async fn start() -> Running {
    start_with(|_| {}).await
}

pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Running {
    let data = TempDir::new().unwrap();
    let mut config = config(&data);
    change(&mut config);
    let server = Server::start(config).await.unwrap();
    Running { server, data }
}

impl Running {
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(&self.server.url()).await
    }

    /// Connects with an `Authorization`; gives also what the server says of resuming.
    pub(crate) async fn connect_with(&self, authorization: &str) -> (Client, Option<String>) {
        let mut request = self.server.url().into_client_request().unwrap();
        let value = authorization.parse().unwrap();
        request.headers_mut().insert("Authorization", value);
        let opened = tokio_tungstenite::connect_async(request).await;
        let (socket, response) = opened.unwrap();
        let resuming = response.headers().get(cooee_protocol::RESUMING);
        let resuming = resuming.map(|value| value.to_str().unwrap().to_owned());
        (Client::over(socket), resuming)
    }

    /// A new profile, logged in.
    pub(crate) async fn register(&self, name: &str) -> Client {
        let mut client = self.connect().await;
        let profile = client
            .ask(601, json!({"pseudo": name, "password": PASSWORD}))
            .await;
        assert_eq!(profile["type"], 202, "{profile}");
        client.keep(name, &profile);
        client
    }

    /// One more session of a profile, after 202, 208 and 207.
    pub(crate) async fn login(&self, name: &str) -> Client {
        let mut client = self.connect().await;
        let profile = client
            .ask(608, json!({"pseudo": name, "password": PASSWORD}))
            .await;
        assert_eq!(profile["type"], 202, "{profile}");
        client.keep(name, &profile);
        client.expect(208).await;
        client.expect(207).await;
        client
    }

    /// Two new profiles that are contacts.
    pub(crate) async fn pair(&self, one: &str, other: &str) -> (Client, Client) {
        let mut first = self.register(one).await;
        let mut second = self.register(other).await;
        befriend(&mut first, &mut second).await;
        (first, second)
    }
}

/// Makes two clients contacts.
pub(crate) async fn befriend(one: &mut Client, other: &mut Client) {
    one.must(606, json!({"pseudo": other.name}), 205).await;
    other.expect(205).await;
    other.must(606, json!({"pseudo": one.name}), 205).await;
    one.expect(205).await;
}

/// A new group of these clients, the first its creator.
pub(crate) async fn group(members: &mut [&mut Client]) -> String {
    let (first, others) = members.split_first_mut().unwrap();
    let made = first.must(603, json!({"group_name": "team"}), 201).await;
    let id = made["args"]["id_group"].as_str().unwrap().to_owned();
    for index in 0..others.len() {
        let name = others[index].name.clone();
        first
            .must(604, json!({"id_group": id, "pseudo": name}), 201)
            .await;
        others[index].expect(203).await;
        others[index].expect(201).await;
        for earlier in &mut others[..index] {
            earlier.expect(203).await;
        }
    }
    id
}

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    seq: u64,
    pub(crate) name: String,
    pub(crate) token: String,
    /// Plain changes of presence, set aside so that they do not stand between other messages.
    presence: VecDeque<Value>,
}

impl Client {
    pub(crate) async fn connect(url: &str) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Self::over(socket)
    }

    pub(crate) fn over(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self {
            socket,
            seq: 0,
            name: String::new(),
            token: String::new(),
            presence: VecDeque::new(),
        }
    }

    pub(crate) fn keep(&mut self, name: &str, profile: &Value) {
        self.name = name.to_owned();
        self.token = profile["args"]["token"].as_str().unwrap().to_owned();
    }

    pub(crate) async fn raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.raw(Message::text(text)).await;
    }

    /// Sends a request and returns its number.
    pub(crate) async fn send(&mut self, code: u16, args: Value) -> u64 {
        self.seq += 1;
        let frame = json!({"type": code, "seq": self.seq, "args": args});
        self.text(&frame.to_string()).await;
        self.seq
    }

    /// Sends a request; the next message must be its first answer.
    pub(crate) async fn ask(&mut self, code: u16, args: Value) -> Value {
        let seq = self.send(code, args).await;
        let answer = self.next().await;
        assert_eq!(answer["re"], seq, "{code} was answered by {answer}");
        answer
    }

    /// Sends a request and checks the code of its answer.
    pub(crate) async fn must(&mut self, code: u16, args: Value, answer: u16) -> Value {
        let told = self.ask(code, args).await;
        assert_eq!(told["type"], answer, "{code}: {told}");
        told
    }

    /// The next message, which must have this code.
    pub(crate) async fn expect(&mut self, code: u16) -> Value {
        let message = self.next().await;
        assert_eq!(message["type"], code, "{}: {message}", self.name);
        message
    }

    /// The next message that is no plain change of presence.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let message = self.any().await;
            let plain = message["type"] == 202
                && message.get("re").is_none()
                && message["args"].get("previous_pseudo").is_none();
            if !plain {
                return message;
            }
            self.presence.push_back(message);
        }
    }

    /// The next change of presence.
    pub(crate) async fn presence(&mut self) -> (String, String) {
        let message = match self.presence.pop_front() {
            Some(message) => message,
            None => self.any().await,
        };
        assert_eq!(message["type"], 202, "{message}");
        let field = |name: &str| message["args"][name].as_str().unwrap().to_owned();
        (field("pseudo"), field("status"))
    }

    async fn any(&mut self) -> Value {
        match self.frame().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{}: {other:?}", self.name),
        }
    }

    /// The next frame that is neither ping nor pong.
    pub(crate) async fn frame(&mut self) -> Message {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .unwrap_or_else(|_| panic!("{}: nothing came", self.name));
            match frame.unwrap().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                frame => return frame,
            }
        }
    }

    /// Reads up to the server's next ping and answers it. What comes before it waits.
    pub(crate) async fn pinged(&mut self) {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Message::Ping(_) => return self.socket.flush().await.unwrap(),
                Message::Text(text) => {
                    let message = serde_json::from_str(&text).unwrap();
                    self.presence.push_back(message);
                }
                other => panic!("{}: {other:?}", self.name),
            }
        }
    }

    /// Nothing has been sent before the answer to what is asked now.
    pub(crate) async fn quiet(&mut self) {
        self.seq += 1;
        let seq = self.seq;
        self.text(&json!({"type": 999, "seq": seq}).to_string())
            .await;
        let answer = self.next().await;
        assert_eq!(answer["type"], 450, "{}: {answer}", self.name);
        assert_eq!(answer["re"], seq);
    }

    /// Reads to the end; what the server said with its close frame.
    pub(crate) async fn closed(&mut self) -> Option<CloseFrame> {
        loop {
            let read = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .unwrap_or_else(|_| panic!("{}: not closed", self.name));
            match read {
                Some(Ok(Message::Close(close))) => return close,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    pub(crate) async fn closed_with(&mut self) -> u16 {
        self.closed().await.map_or(0, |close| close.code.into())
    }

    /// Ends the connection without a word.
    pub(crate) fn vanish(self) {
        drop(self.socket);
    }
}

/// One HTTP request on a connection of its own: status, head and body.
pub(crate) async fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &[u8],
) -> (u16, String, Vec<u8>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: cooee\r\nConnection: close\r\n{token}\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses early may close while the body is still on its way.
    let _refused = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    let split = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (
        status,
        head.to_ascii_lowercase(),
        answer[split + 4..].to_vec(),
    )
}
