//! Binary frames: sealed voice through the server, without the third that base64 adds.
//!
//! ```text
//!    0        1        2             2 + n
//!   +--------+--------+-------------+----------------------+
//!   | kind=1 | n      | pseudo      | one sealed datagram  |
//!   +--------+--------+-------------+----------------------+
//!              octets   UTF-8, n octets
//! ```
//!
//! An extension of 504: to the server `pseudo` is whom it is for, from the server whom it is from,
//! in the one call that the session is in.

use crate::names::Username;

const VOICE: u8 = 1;

/// The largest datagram that a frame carries, in bytes: one that UDP would carry unfragmented.
pub const MAX_TUNNELLED_BYTES: usize = 1_500;

/// One datagram through the server.
#[derive(Debug, Clone, PartialEq)]
pub struct TunnelFrame<'a> {
    /// The other end.
    pub pseudo: Username,
    /// The sealed datagram.
    pub payload: &'a [u8],
}

/// Why a binary frame is none that the specification knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a binary frame is 1, a length, a name of that length, and 1 to {MAX_TUNNELLED_BYTES} bytes"
)]
pub struct TunnelError;

impl<'a> TunnelFrame<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    ///
    /// When it is of another kind, cut short, too long, or names nobody.
    pub fn parse(frame: &'a [u8]) -> Result<Self, TunnelError> {
        let (&[VOICE, length], rest) = frame.split_first_chunk::<2>().ok_or(TunnelError)? else {
            return Err(TunnelError);
        };
        let (name, payload) = rest
            .split_at_checked(usize::from(length))
            .ok_or(TunnelError)?;
        if payload.is_empty() || payload.len() > MAX_TUNNELLED_BYTES {
            return Err(TunnelError);
        }
        let name = std::str::from_utf8(name).map_err(|_| TunnelError)?;
        let pseudo = Username::parse(name).map_err(|_| TunnelError)?;
        Ok(Self { pseudo, payload })
    }

    /// Writes the frame.
    ///
    /// # Errors
    ///
    /// When the payload is empty or too long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TunnelError> {
        let name = self.pseudo.as_str().as_bytes();
        // 32 characters of at most 4 octets each always fit.
        let length = u8::try_from(name.len()).map_err(|_| TunnelError)?;
        if self.payload.is_empty() || self.payload.len() > MAX_TUNNELLED_BYTES {
            return Err(TunnelError);
        }
        let mut frame = Vec::with_capacity(2 + name.len() + self.payload.len());
        frame.extend_from_slice(&[VOICE, length]);
        frame.extend_from_slice(name);
        frame.extend_from_slice(self.payload);
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_TUNNELLED_BYTES, TunnelFrame};
    use crate::Username;

    proptest! {
        #[test]
        fn a_frame_comes_back_as_it_was(
            payload in prop::collection::vec(any::<u8>(), 1..=MAX_TUNNELLED_BYTES),
        ) {
            for name in ["a", "Zoë", "🙂🙂"] {
                let Ok(pseudo) = Username::parse(name) else { continue };
                let frame = TunnelFrame { pseudo, payload: &payload };
                let bytes = frame.to_bytes().expect("it is within bounds");
                prop_assert_eq!(TunnelFrame::parse(&bytes).expect("it is well-formed"), frame);
            }
        }

        #[test]
        fn anything_else_is_refused_and_never_panics(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            if let Ok(frame) = TunnelFrame::parse(&bytes) {
                prop_assert_eq!(frame.to_bytes().expect("it was read"), bytes);
            }
        }
    }
}
