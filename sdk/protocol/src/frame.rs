//! The envelope: one JSON object in each text frame.

use serde::Serialize;
use serde_json::{Map, Number, Value};

use crate::client::{ArgsError, ClientMessage};
use crate::code::Code;
use crate::names::GroupId;
use crate::posting::EntryId;
use crate::server::{Args, ErrorCode, ErrorReply, ServerMessage};

/// The largest frame that a client may send, in bytes.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// The most characters of an error's words that come from what could not be read.
const MAX_DETAIL_CHARS: usize = 200;

/// The number that a sender gave its request; any JSON number, given back as it came.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seq(Number);

impl From<u64> for Seq {
    fn from(number: u64) -> Self {
        Self(Number::from(number))
    }
}

impl Seq {
    /// The number, when it is one that our own clients use.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.as_u64()
    }
}

/// Why a frame could not be read. The server answers it with 450.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct FrameError {
    /// The request's number, as far as it could be read.
    pub seq: Option<Seq>,
    /// What was wrong, in words.
    pub detail: String,
}

impl FrameError {
    fn new(seq: Option<Seq>, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        // serde's words repeat an ill-typed value, however long the sender made it.
        if let Some((end, _)) = detail.char_indices().nth(MAX_DETAIL_CHARS) {
            detail.truncate(end);
            detail.push('…');
        }
        Self { seq, detail }
    }

    /// The answer to such a frame.
    pub fn reply(self) -> ServerFrame {
        ServerFrame {
            re: self.seq,
            message: ServerMessage::Error(ErrorReply::new(ErrorCode::Invalid, self.detail)),
        }
    }
}

/// A frame from a client.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientFrame {
    /// The request's number; an answer carries it back.
    pub seq: Option<Seq>,
    /// The request.
    pub message: ClientMessage,
}

impl ClientFrame {
    /// Reads the text of a frame.
    ///
    /// # Errors
    ///
    /// When it is longer than [`MAX_FRAME_BYTES`], not a JSON object, of an unknown type or one
    /// that only the server sends, or when an argument is missing or ill-typed. Unknown fields
    /// are ignored.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        if text.len() > MAX_FRAME_BYTES {
            return Err(FrameError::new(None, "a frame has at most 65536 bytes"));
        }
        let envelope = Envelope::parse(text, "seq")?;
        match ClientMessage::from_args(envelope.code, envelope.args) {
            Ok(message) => Ok(Self {
                seq: envelope.number,
                message,
            }),
            Err(error) => Err(args_error(envelope.number, envelope.code, &error)),
        }
    }

    /// The text of the frame.
    ///
    /// # Errors
    ///
    /// Never for a message of this crate's types; the error is serde_json's own.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut object = envelope_object(self.message.code(), "seq", self.seq.as_ref());
        object.insert("args".to_owned(), self.message.args()?);
        serde_json::to_string(&object)
    }
}

/// A frame from the server.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerFrame {
    /// The number of the request that this answers; nothing for a notification.
    pub re: Option<Seq>,
    /// The message.
    pub message: ServerMessage,
}

impl ServerFrame {
    /// Reads the text of a frame. The caller bounds its length.
    ///
    /// # Errors
    ///
    /// When it is not a JSON object, of an unknown type or one that only a client sends, or when
    /// an argument is missing or ill-typed. Unknown fields are ignored.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let envelope = Envelope::parse(text, "re")?;
        match ServerMessage::from_object(envelope.code, envelope.args, &envelope.object) {
            Ok(message) => Ok(Self {
                re: envelope.number,
                message,
            }),
            Err(error) => Err(args_error(envelope.number, envelope.code, &error)),
        }
    }

    /// The text of the frame.
    ///
    /// # Errors
    ///
    /// Never for a message of this crate's types; the error is serde_json's own.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let error = match &self.message {
            ServerMessage::Error(error) => Some(error),
            _ => None,
        };
        serde_json::to_string(&Sent {
            code: self.message.code().number(),
            re: self.re.as_ref().map(|Seq(number)| number),
            args: error.is_none().then_some(Args(&self.message)),
            detail: error.and_then(|error| error.detail.as_deref()),
            id_group: error.and_then(|error| error.id_group.as_ref()),
            reason: error.and_then(|error| error.reason.as_deref()),
            id: error.and_then(|error| error.id.as_ref()),
        })
    }
}

/// The text of a frame from the server, straight from its parts: this is written for everybody who
/// is told something.
#[derive(Serialize)]
struct Sent<'a> {
    #[serde(rename = "type")]
    code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    re: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Args<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_group: Option<&'a GroupId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a EntryId>,
}

/// A frame before its arguments are looked at.
struct Envelope {
    code: Code,
    number: Option<Seq>,
    args: Value,
    object: Map<String, Value>,
}

impl Envelope {
    /// Reads everything but the arguments' types; `number_field` is `seq` or `re`.
    fn parse(text: &str, number_field: &str) -> Result<Self, FrameError> {
        let mut object = match serde_json::from_str(text) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Err(FrameError::new(None, "a frame is a JSON object")),
            Err(error) => {
                return Err(FrameError::new(None, format!("a frame is JSON: {error}")));
            }
        };
        let number = match object.get(number_field) {
            Some(Value::Number(number)) => Some(Seq(number.clone())),
            None | Some(Value::Null) => None,
            Some(_) => {
                return Err(FrameError::new(
                    None,
                    format!("`{number_field}` is a number"),
                ));
            }
        };
        let code = match object.get("type") {
            Some(code) => code,
            None => return Err(FrameError::new(number, "`type` is missing")),
        };
        let Some(code) = code.as_u64() else {
            return Err(FrameError::new(number, "`type` is a code such as 608"));
        };
        let code = match Code::try_from(code) {
            Ok(code) => code,
            Err(error) => return Err(FrameError::new(number, error.to_string())),
        };
        let args = match object.remove("args") {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(args @ Value::Object(_)) => args,
            Some(_) => return Err(FrameError::new(number, "`args` is an object")),
        };
        Ok(Self {
            code,
            number,
            args,
            object,
        })
    }
}

fn args_error(number: Option<Seq>, code: Code, error: &ArgsError) -> FrameError {
    FrameError::new(number, format!("{code}: {error}"))
}

fn envelope_object(code: Code, number_field: &str, number: Option<&Seq>) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("type".to_owned(), Value::from(code.number()));
    if let Some(Seq(number)) = number {
        object.insert(number_field.to_owned(), Value::Number(number.clone()));
    }
    object
}
