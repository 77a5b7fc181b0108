//! What the fuzz targets reach of the server beside its public interface. Built for them only.

use axum::extract::ws::Message;
use bytes::Bytes;
use cooee_protocol::{Data, GroupId, TunnelFrame, Username};

use crate::calls::Voice;
pub use crate::relay::fuzz::FuzzedRelay;

/// What a client gets of voice that another sent: as text of a 504, or as a binary frame.
#[derive(Debug)]
pub enum Passed {
    /// 504.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
}

/// Passes the data of a 504 on, to a client that speaks binary frames or only text.
pub fn pass_text(binary: bool, from: Username, call: GroupId, data: Data) -> Option<Passed> {
    passed(crate::voice::frame(binary, from, call, Voice::Text(data))?)
}

/// Passes the payload of a binary frame on.
pub fn pass_frame(binary: bool, call: GroupId, frame: &TunnelFrame<'_>) -> Option<Passed> {
    let voice = Voice::Bytes(Bytes::copy_from_slice(frame.payload));
    passed(crate::voice::frame(
        binary,
        frame.pseudo.clone(),
        call,
        voice,
    )?)
}

fn passed(message: Message) -> Option<Passed> {
    match message {
        Message::Text(text) => Some(Passed::Text(text.as_str().to_owned())),
        Message::Binary(bytes) => Some(Passed::Binary(bytes.to_vec())),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
    }
}
