//! The session on virtual time, against a server that a test plays by hand.

#![allow(clippy::unwrap_used)]

mod backoff;
mod hostile;
mod requests;
mod sign_in;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    RequestError, RequestId, SignIn, SignallingConfig, SignallingOutput, SignallingSession,
    SignallingState, Synchronised,
};

struct Rig {
    now: Instant,
    session: SignallingSession,
}

impl Rig {
    fn new() -> Self {
        let now = Instant::now();
        let config = SignallingConfig {
            seed: 7,
            ..SignallingConfig::default()
        };
        Self {
            now,
            session: SignallingSession::new(now, config),
        }
    }

    /// Signed in as alice, by password.
    fn online() -> Self {
        let mut rig = Self::new();
        rig.session.sign_in(rig.now, login());
        rig.open();
        rig.welcome("alice", Some("token"));
        rig.outputs();
        rig
    }

    fn outputs(&mut self) -> Vec<SignallingOutput> {
        std::iter::from_fn(|| self.session.poll_output()).collect()
    }

    /// What is sent, read again.
    fn sent(&mut self) -> Vec<Value> {
        let text = |output| match output {
            SignallingOutput::Send(text) => Some(serde_json::from_str(&text).unwrap()),
            _ => None,
        };
        self.outputs().into_iter().filter_map(text).collect()
    }

    /// The WebSocket opens; gives the sign-in's frame.
    fn open(&mut self) -> Value {
        self.session.handle_connected(self.now);
        assert_eq!(self.session.state(), SignallingState::SigningIn);
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1);
        sent.remove(0)
    }

    fn hear(&mut self, frame: &Value) {
        self.session.handle_text(self.now, &frame.to_string());
    }

    /// 202, 208 and 207 with the number of the sign-in.
    fn welcome(&mut self, name: &str, token: Option<&str>) {
        let re = self.session.sign_in_seq.unwrap();
        self.hear(&profile(Some(re), name, token));
        self.hear(&json!({"type": 208, "re": re, "args": {"list_contact": []}}));
        self.hear(&json!({"type": 207, "re": re, "args": {"list_group": []}}));
    }

    fn refuse(&mut self, code: u16) {
        let re = self.session.sign_in_seq.unwrap();
        self.hear(&json!({"type": code, "re": re, "detail": "words"}));
    }

    fn synchronised(&mut self) -> Synchronised {
        let synchronised = self.outputs().into_iter().find_map(|output| match output {
            SignallingOutput::Synchronised(sync) => Some(*sync),
            _ => None,
        });
        synchronised.unwrap()
    }

    /// Waits until the next deadline.
    fn wait(&mut self) -> Duration {
        let due = self.session.poll_timeout().unwrap();
        let waited = due.saturating_duration_since(self.now);
        self.now = due.max(self.now);
        self.session.handle_timeout(self.now);
        waited
    }

    fn request(&mut self) -> Result<RequestId, RequestError> {
        let message = cooee_protocol::ClientMessage::AddContact(cooee_protocol::AddContact {
            pseudo: "bob".parse().unwrap(),
        });
        self.session.request(self.now, message)
    }
}

fn login() -> SignIn {
    let password = cooee_protocol::Password::parse("correct horse").unwrap();
    SignIn::Login("alice".parse().unwrap(), password)
}

fn register(name: &str) -> SignIn {
    let password = cooee_protocol::NewPassword::parse("correct horse").unwrap();
    SignIn::Register(name.parse().unwrap(), password)
}

fn resume() -> SignIn {
    SignIn::Resume(cooee_protocol::Token::parse("token").unwrap())
}

fn another() -> SignIn {
    SignIn::Another(cooee_protocol::Token::parse("token").unwrap())
}

fn profile(re: Option<u64>, name: &str, token: Option<&str>) -> Value {
    let mut frame = json!({
        "type": 202,
        "args": {"pp": "", "pseudo": name, "status": "online"},
    });
    if let Some(re) = re {
        frame["re"] = re.into();
    }
    if let Some(token) = token {
        frame["args"]["token"] = token.into();
    }
    frame
}

/// The outputs that matter to a story, in words.
fn words(outputs: &[SignallingOutput]) -> Vec<String> {
    outputs
        .iter()
        .map(|output| match output {
            SignallingOutput::Connect { resume: _ } => "connect".to_owned(),
            SignallingOutput::Send(_) => "send".to_owned(),
            SignallingOutput::Ping => "ping".to_owned(),
            SignallingOutput::Disconnect => "disconnect".to_owned(),
            SignallingOutput::Answer(_, Ok(_)) => "answer".to_owned(),
            SignallingOutput::Answer(_, Err(error)) => format!("no answer: {error}"),
            SignallingOutput::Notification(message) => format!("note {}", message.code().number()),
            SignallingOutput::Synchronised(sync) => format!("in step, resumed: {}", sync.resumed),
            SignallingOutput::Down { attempt, .. } => format!("down, attempt {attempt}"),
            SignallingOutput::SignedOut(error) => {
                format!("signed out by {}", error.code.code().number())
            }
        })
        .collect()
}
