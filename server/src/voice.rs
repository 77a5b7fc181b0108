//! Voice through the server: the frame that a client gets, in the encoding that it speaks.

use axum::extract::ws::Message;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cooee_protocol::{
    Data, Exchange, GroupId, MAX_TUNNELLED_BYTES, ServerMessage, TunnelFrame, Username,
};

use crate::calls::Voice;
use crate::outbox::encode;

/// Encodes for a client that speaks binary frames, or only text. Base64 that does not decode, or
/// is longer than a datagram, stays text for everybody: 504 carries opaque data.
pub(crate) fn frame(binary: bool, from: Username, id: GroupId, voice: Voice) -> Option<Message> {
    match voice {
        Voice::Bytes(payload) if binary => tunnelled(from, &payload),
        Voice::Bytes(payload) => text(from, id, Data::parse(&STANDARD.encode(payload))?),
        Voice::Text(data) if binary => {
            let decoded = STANDARD.decode(data.as_str()).ok();
            match decoded.filter(|payload| (1..=MAX_TUNNELLED_BYTES).contains(&payload.len())) {
                Some(payload) => tunnelled(from, &payload),
                None => text(from, id, data),
            }
        }
        Voice::Text(data) => text(from, id, data),
    }
}

fn tunnelled(from: Username, payload: &[u8]) -> Option<Message> {
    let frame = TunnelFrame {
        pseudo: from,
        payload,
    };
    let bytes = frame.to_bytes().ok()?;
    Some(Message::Binary(Bytes::from(bytes)))
}

fn text(from: Username, id: GroupId, data: Data) -> Option<Message> {
    let message = ServerMessage::Exchange(Exchange {
        pseudo: from,
        data,
        id_group: id,
    });
    encode(None, message).map(Message::Text)
}
