//! RTP headers (RFC 3550, section 5.1), and how RTP and RTCP share a port (RFC 5761).

use rtp_types::{RtpPacket, RtpPacketBuilder, RtpParseError};

/// The dynamic payload type of Opus (RFC 3551, section 6; RFC 7587).
pub const PAYLOAD_TYPE: u8 = 111;

/// Ticks of the media clock in a second: 48 kHz whatever the codec's own rate (RFC 7587,
/// section 4.1).
pub const SAMPLE_RATE: u32 = 48_000;

/// The longest datagram sent or accepted, in octets: fits every path that carries IPv6 through
/// a relay.
pub const MAX_DATAGRAM: usize = 1200;

/// What a datagram of the RTP and RTCP port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RTP.
    Rtp,
    /// RTCP: its packet type is between 192 and 223 (RFC 5761, section 4).
    Rtcp,
}

/// Tells RTP from RTCP by the second octet (RFC 5761, section 4). `None` for what is too short
/// to be either or not of version 2.
pub fn classify(datagram: &[u8]) -> Option<Kind> {
    match datagram {
        [first, second, ..] if first >> 6 == 2 => Some(if (192..=223).contains(second) {
            Kind::Rtcp
        } else {
            Kind::Rtp
        }),
        _ => None,
    }
}

/// Why a datagram is not RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtpError {
    /// Shorter than its header says it is.
    #[error("RTP packet of {actual} octets, at least {expected} announced")]
    Truncated {
        /// Octets that the header calls for.
        expected: usize,
        /// Octets there are.
        actual: usize,
    },
    /// A version other than 2.
    #[error("RTP version {0}")]
    Version(u8),
    /// The padding count is zero or exceeds the payload.
    #[error("RTP padding of {0} octets")]
    Padding(u8),
}

impl From<RtpParseError> for RtpError {
    fn from(error: RtpParseError) -> Self {
        match error {
            RtpParseError::UnsupportedVersion(version) => Self::Version(version),
            RtpParseError::Truncated { expected, actual } => Self::Truncated { expected, actual },
            RtpParseError::PaddingInvalid(padding) => Self::Padding(padding),
        }
    }
}

/// The header of an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// Start of a talk spurt (RFC 3551, section 4.1).
    pub marker: bool,
    /// Payload type, 7 bits.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Media timestamp in ticks of [`SAMPLE_RATE`].
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// Number of contributing sources listed.
    pub csrc_count: u8,
    /// Octets of padding behind the payload.
    pub padding: u8,
    /// Octets before the payload: fixed header, contributing sources and extension.
    pub len: usize,
}

impl RtpHeader {
    /// Length in octets of a header without contributing sources and extension.
    pub const LEN: usize = RtpPacket::MIN_RTP_PACKET_LEN;

    /// Parses a datagram as RTP: its header and its payload without padding. Pure and total: any
    /// octets give a header or an error.
    ///
    /// # Errors
    ///
    /// [`RtpError`] when the octets are no RTP packet of version 2, or lie about their lengths.
    pub fn parse(datagram: &[u8]) -> Result<(Self, &[u8]), RtpError> {
        let packet = RtpPacket::parse(datagram)?;
        let padding = packet.padding().unwrap_or(0);
        let len = packet.payload_offset();
        let header = Self {
            marker: packet.marker_bit(),
            payload_type: packet.payload_type(),
            sequence: packet.sequence_number(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
            csrc_count: packet.n_csrcs(),
            padding,
            len,
        };
        let payload = datagram
            .len()
            .checked_sub(usize::from(padding))
            .and_then(|end| datagram.get(len..end))
            .ok_or(RtpError::Padding(padding))?;
        Ok((header, payload))
    }

    /// The twelve octets of a header of ours.
    pub(crate) fn write(
        marker: bool,
        sequence: u16,
        timestamp: u32,
        ssrc: u32,
    ) -> Result<Vec<u8>, rtp_types::RtpWriteError> {
        RtpPacketBuilder::<&[u8], &[u8]>::new()
            .marker_bit(marker)
            .payload_type(PAYLOAD_TYPE)
            .sequence_number(sequence)
            .timestamp(timestamp)
            .ssrc(ssrc)
            .write_vec()
    }
}
