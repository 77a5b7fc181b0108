//! RTCP sender and receiver reports (RFC 3550, section 6.4).

use rtcp_types::prelude::*;
use rtcp_types::{Bye, ReceiverReport, RtcpParseError, SenderReport};

/// Octets of an RTCP packet that stay in the clear: the common header and the sender's SSRC.
pub(crate) const CLEAR_LEN: usize = 8;

/// Octets of the part of the common header that every RTCP packet has.
const COMMON_HEADER_LEN: usize = 4;

const VERSION: u8 = 2;

/// Why octets are not a compound RTCP packet that starts with a report.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtcpError {
    /// Shorter than announced, or longer than its packets add up to.
    #[error("RTCP packet of {actual} octets, {expected} announced")]
    Length {
        /// Octets that the headers call for.
        expected: usize,
        /// Octets there are.
        actual: usize,
    },
    /// A version other than 2.
    #[error("RTCP version {0}")]
    Version(u8),
    /// A compound packet starts with a report (RFC 3550, section 6.1); this one starts with a
    /// packet of another type.
    #[error("RTCP packet of type {0} in place of a report")]
    NoReport(u8),
    /// The report itself is malformed.
    #[error("malformed RTCP report")]
    Report(#[source] RtcpParseError),
}

/// What a sender says of its own stream (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// The sender's clock, as an NTP timestamp: seconds and 2^-32 parts. Its origin is the
    /// sender's own affair.
    pub ntp_timestamp: u64,
    /// The media timestamp of the same moment.
    pub rtp_timestamp: u32,
    /// RTP packets sent since the stream began.
    pub packet_count: u32,
    /// Payload octets sent since the stream began.
    pub octet_count: u32,
}

/// What a receiver says of one stream (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream reported on.
    pub ssrc: u32,
    /// Packets lost since the previous report, in 1/256 of those expected.
    pub fraction_lost: u8,
    /// Packets lost since the stream began, 24 bits.
    pub cumulative_lost: u32,
    /// The highest sequence number received, cycles in the upper half.
    pub extended_sequence: u32,
    /// Interarrival jitter in ticks of the media clock.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP timestamp, 0 for none.
    pub last_sender_report: u32,
    /// Time from that report's arrival to this one's departure, in 1/65536 s.
    pub delay_since_last_sender_report: u32,
}

/// What a receiver says of how the losses of one stream cluster, in an APP packet (RFC 3550,
/// section 6.7) of the name `COOE` and subtype 1. Whoever does not know it skips it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BurstBlock {
    /// The stream reported on.
    pub ssrc: u32,
    /// The longest run of lost packets that ended since the previous report.
    pub longest: u16,
    /// Mean length of those runs in 1/256 packets, 0 when there were none.
    pub mean: u16,
}

/// A sender or receiver report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtcpReport {
    /// Who reports.
    pub ssrc: u32,
    /// Present in a sender report.
    pub sender: Option<SenderInfo>,
    /// One block for each stream reported on.
    pub blocks: Vec<ReportBlock>,
    /// How losses cluster; `None` from a reporter that does not tell.
    pub bursts: Option<BurstBlock>,
    /// Whether the reporter leaves (RFC 3550, section 6.6).
    pub bye: bool,
}

impl RtcpReport {
    /// Parses a compound RTCP packet in the clear and gives its first report. Pure and total.
    /// Of the packets behind the report the first [`BurstBlock`] and the reporter's own goodbye are
    /// read; all others are checked for their lengths and otherwise ignored.
    ///
    /// # Errors
    ///
    /// [`RtcpError`] when the octets are no compound packet of version 2, or start with anything
    /// but a report.
    pub fn parse(octets: &[u8]) -> Result<Self, RtcpError> {
        let Compound {
            first,
            bursts,
            byes,
        } = Compound::split(octets)?;
        let bye = clear_ssrc(first).is_some_and(|ssrc| byes.contains(&ssrc));
        match first.get(1).copied() {
            Some(SenderReport::PACKET_TYPE) => {
                let report = SenderReport::parse(first).map_err(RtcpError::Report)?;
                Ok(Self {
                    ssrc: report.ssrc(),
                    sender: Some(SenderInfo {
                        ntp_timestamp: report.ntp_timestamp(),
                        rtp_timestamp: report.rtp_timestamp(),
                        packet_count: report.packet_count(),
                        octet_count: report.octet_count(),
                    }),
                    blocks: report.report_blocks().map(ReportBlock::from).collect(),
                    bursts,
                    bye,
                })
            }
            Some(ReceiverReport::PACKET_TYPE) => {
                let report = ReceiverReport::parse(first).map_err(RtcpError::Report)?;
                Ok(Self {
                    ssrc: report.ssrc(),
                    sender: None,
                    blocks: report.report_blocks().map(ReportBlock::from).collect(),
                    bursts,
                    bye,
                })
            }
            other => Err(RtcpError::NoReport(other.unwrap_or(0))),
        }
    }

    /// The report in the clear.
    pub(crate) fn write(&self) -> Result<Vec<u8>, rtcp_types::RtcpWriteError> {
        let blocks = self.blocks.iter().map(ReportBlock::builder);
        let mut octets = match &self.sender {
            Some(info) => write_packet(
                &blocks.fold(
                    SenderReport::builder(self.ssrc)
                        .ntp_timestamp(info.ntp_timestamp)
                        .rtp_timestamp(info.rtp_timestamp)
                        .packet_count(info.packet_count)
                        .octet_count(info.octet_count),
                    |report, block| report.add_report_block(block),
                ),
            ),
            None => write_packet(
                &blocks.fold(ReceiverReport::builder(self.ssrc), |report, block| {
                    report.add_report_block(block)
                }),
            ),
        }?;
        if let Some(bursts) = &self.bursts {
            octets.extend(bursts.write(self.ssrc));
        }
        if self.bye {
            octets.extend(write_packet(&Bye::builder().add_source(self.ssrc))?);
        }
        Ok(octets)
    }
}

impl ReportBlock {
    fn builder(&self) -> rtcp_types::ReportBlockBuilder {
        rtcp_types::ReportBlock::builder(self.ssrc)
            .fraction_lost(self.fraction_lost)
            .cumulative_lost(self.cumulative_lost)
            .extended_sequence_number(self.extended_sequence)
            .interarrival_jitter(self.jitter)
            .last_sender_report_timestamp(self.last_sender_report)
            .delay_since_last_sender_report_timestamp(self.delay_since_last_sender_report)
    }
}

impl From<rtcp_types::ReportBlock<'_>> for ReportBlock {
    fn from(block: rtcp_types::ReportBlock<'_>) -> Self {
        Self {
            ssrc: block.ssrc(),
            fraction_lost: block.fraction_lost(),
            cumulative_lost: block.cumulative_lost(),
            extended_sequence: block.extended_sequence_number(),
            jitter: block.interarrival_jitter(),
            last_sender_report: block.last_sender_report_timestamp(),
            delay_since_last_sender_report: block.delay_since_last_sender_report_timestamp(),
        }
    }
}

/// The sender's SSRC of an RTCP packet whose rest may be sealed.
pub(crate) fn clear_ssrc(datagram: &[u8]) -> Option<u32> {
    let ssrc = datagram.get(COMMON_HEADER_LEN..CLEAR_LEN)?;
    Some(u32::from_be_bytes(ssrc.try_into().ok()?))
}

/// What is read of a compound packet.
struct Compound<'a> {
    first: &'a [u8],
    bursts: Option<BurstBlock>,
    /// Who leaves.
    byes: Vec<u32>,
}

impl<'a> Compound<'a> {
    /// Walks a compound packet from header to header.
    fn split(octets: &'a [u8]) -> Result<Self, RtcpError> {
        let mut rest = octets;
        let mut first = None;
        let mut bursts = None;
        let mut byes = Vec::new();
        loop {
            let &[leading, _, high, low, ..] = rest else {
                return Err(RtcpError::Length {
                    expected: octets.len() - rest.len() + COMMON_HEADER_LEN,
                    actual: octets.len(),
                });
            };
            if leading >> 6 != VERSION {
                return Err(RtcpError::Version(leading >> 6));
            }
            let words = usize::from(u16::from_be_bytes([high, low]));
            let len = COMMON_HEADER_LEN + 4 * words;
            let Some((packet, behind)) = rest.split_at_checked(len) else {
                return Err(RtcpError::Length {
                    expected: octets.len() - rest.len() + len,
                    actual: octets.len(),
                });
            };
            let first = *first.get_or_insert(packet);
            bursts = bursts.or_else(|| BurstBlock::parse(packet));
            if packet.get(1) == Some(&Bye::PACKET_TYPE)
                && let Ok(bye) = Bye::parse(packet)
            {
                byes.extend(bye.ssrcs());
            }
            if behind.is_empty() {
                return Ok(Self {
                    first,
                    bursts,
                    byes,
                });
            }
            rest = behind;
        }
    }
}

/// First octets of an APP packet with a [`BurstBlock`]: version 2, subtype 1; then its type.
const BURSTS_HEADER: [u8; 2] = [VERSION << 6 | 1, 204];

/// The name of our APP packets.
const BURSTS_NAME: [u8; 4] = *b"COOE";

/// 32-bit words of such a packet behind its first.
const BURSTS_WORDS: u16 = 4;

impl BurstBlock {
    /// The block in an APP packet; `None` for every other packet. Words behind the block are for
    /// later versions.
    fn parse(packet: &[u8]) -> Option<Self> {
        let [
            leading,
            kind,
            _,
            _,
            _,
            _,
            _,
            _,
            n0,
            n1,
            n2,
            n3,
            s0,
            s1,
            s2,
            s3,
            l0,
            l1,
            m0,
            m1,
            ..,
        ] = *packet
        else {
            return None;
        };
        let ours = [leading, kind] == BURSTS_HEADER && [n0, n1, n2, n3] == BURSTS_NAME;
        ours.then_some(Self {
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            longest: u16::from_be_bytes([l0, l1]),
            mean: u16::from_be_bytes([m0, m1]),
        })
    }

    fn write(&self, reporter: u32) -> impl Iterator<Item = u8> {
        BURSTS_HEADER
            .into_iter()
            .chain(BURSTS_WORDS.to_be_bytes())
            .chain(reporter.to_be_bytes())
            .chain(BURSTS_NAME)
            .chain(self.ssrc.to_be_bytes())
            .chain(self.longest.to_be_bytes())
            .chain(self.mean.to_be_bytes())
    }
}

fn write_packet(packet: &impl RtcpPacketWriter) -> Result<Vec<u8>, rtcp_types::RtcpWriteError> {
    let mut octets = vec![0; packet.calculate_size()?];
    packet.write_into(&mut octets)?;
    Ok(octets)
}
