//! Why a frame was not sealed, and why a datagram was not opened.

use super::rtcp::RtcpError;
use super::rtp::RtpError;
use super::sealing::{OpenFailure, SealFailure};

/// Why a frame was not sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is nothing in it.
    #[error("an empty frame")]
    Empty,
    /// It would not fit a datagram.
    #[error("a frame of {len} octets, at most {max} fit")]
    TooLong {
        /// Octets in the frame.
        len: usize,
        /// Octets that fit.
        max: usize,
    },
    /// The key has sealed as many packets as it may, years of voice.
    #[error("the key is used up")]
    Exhausted,
    /// The header could not be written, which no input can cause.
    #[error("RTP header not written")]
    Header(#[source] rtp_types::RtpWriteError),
    /// The cipher refused, which no input can cause.
    #[error("cipher failed")]
    Cipher(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<SealFailure> for SealError {
    fn from(failure: SealFailure) -> Self {
        match failure {
            SealFailure::Exhausted => Self::Exhausted,
            SealFailure::Cipher(error) => Self::Cipher(Box::new(error)),
        }
    }
}

/// Why a datagram was dropped. None of these says anything about the peer: anybody can send
/// datagrams to an open port.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Longer than [`MAX_DATAGRAM`](super::MAX_DATAGRAM). Stray.
    #[error("a datagram of {0} octets")]
    TooLong(usize),
    /// Neither RTP nor RTCP, or too short to be sealed. Stray.
    #[error("neither RTP nor RTCP")]
    Unrecognised,
    /// Malformed RTP. Stray.
    #[error("malformed RTP")]
    Rtp(#[from] RtpError),
    /// RTP of another payload type. Stray.
    #[error("payload type {0}")]
    PayloadType(u8),
    /// RTP with contributing sources or padding, which sealed voice has no use for. Stray.
    #[error("contributing sources or padding")]
    Profile,
    /// Not the synchronization source that this peer has proved to be. Stray.
    #[error("synchronization source {0:#010x}")]
    Ssrc(u32),
    /// Sealed under another key, such as our own sending key when a packet is reflected. Stray.
    #[error("sealed under another key")]
    UnknownKey,
    /// Authentic but senseless: an empty frame. Stray.
    #[error("an empty frame")]
    Empty,
    /// An authentic report that does not parse. Stray.
    #[error("malformed RTCP")]
    Rtcp(#[source] RtcpError),
    /// Not sealed by the peer, or changed on the way.
    #[error("not authentic")]
    Forged,
    /// Received before, or too old to tell.
    #[error("received before")]
    Replayed,
}

impl From<OpenFailure> for OpenError {
    fn from(failure: OpenFailure) -> Self {
        match failure {
            OpenFailure::Short => Self::Unrecognised,
            OpenFailure::UnknownKey => Self::UnknownKey,
            OpenFailure::Forged => Self::Forged,
            OpenFailure::Replayed => Self::Replayed,
        }
    }
}
