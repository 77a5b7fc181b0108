//! Media: RTP and RTCP, sealed end to end with SFrame.
//!
//! Voice is Opus in RTP (RFC 3550, RFC 7587): a 48 kHz media clock, dynamic payload type
//! [`PAYLOAD_TYPE`]. Every payload is sealed with SFrame (RFC 9605, AES-128-GCM) and the RTP
//! header travels in the clear as authenticated metadata. RTCP shares the port and is told apart
//! by its packet type (RFC 5761, [`classify`]); everything behind its first eight octets, the
//! common header and the sender's SSRC, is sealed likewise, under keys of its own and with those
//! eight octets as metadata.
//!
//! ```text
//!   RTP   | header (12 octets, or more with an extension) | SFrame header | sealed Opus | tag |
//!   RTCP  | first header and SSRC (8 octets)              | SFrame header | sealed rest | tag |
//!           clear, authenticated                           clear, auth'd   sealed
//! ```
//!
//! The path of a packet reads from the top of this list to its end:
//!
//! - [`CallKey`] agrees with each peer's public key on [`PairKeys`], one [`KeySchedule`] of
//!   possibly several to come.
//! - [`PeerMedia`] turns those into what one peer is sent and what it sent: it seals voice
//!   frames, opens datagrams, refuses what is stray, forged or replayed, and keeps the books
//!   that RTCP reports are made of.
//! - [`RtpHeader`] and [`RtcpReport`] are the pure parsers beneath.
//!
//! Beside that path, [`adaptation`] decides how to encode from what the receivers report,
//! [`redundancy`] puts copies of earlier packets into later ones, and [`quality`] estimates how it
//! all sounds.
//!
//! A packet that is not authentic is never parsed beyond its clear header. A report carries no
//! SDES, which RTCP elsewhere does: who sends is settled by the keys, and a canonical name would
//! add nothing.
//!
//! ```
//! use std::time::Instant;
//! use cooee_core::media::{CallContext, CallKey, MediaConfig, Opened, PeerMedia, VoiceFrame};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (alice, bob) = (CallKey::generate(), CallKey::generate());
//! let keys_of_alice = alice.agree(
//!     &bob.public(),
//!     &CallContext { id_group: "g1", own_name: "alice", peer_name: "bob" },
//! )?;
//! let keys_of_bob = bob.agree(
//!     &alice.public(),
//!     &CallContext { id_group: "g1", own_name: "bob", peer_name: "alice" },
//! )?;
//! assert_eq!(keys_of_alice.safety_code(), keys_of_bob.safety_code());
//!
//! let mut to_bob = PeerMedia::new(keys_of_alice, MediaConfig::default())?;
//! let mut from_alice = PeerMedia::new(keys_of_bob, MediaConfig::default())?;
//! let now = Instant::now();
//! let frame = VoiceFrame { timestamp: 0, marker: true, opus: &[0xf8, 0xff, 0xfe] };
//! let datagram = to_bob.seal(now, &frame)?;
//! match from_alice.open(now, &datagram)? {
//!     Opened::Voice(packet) => assert_eq!(packet.opus, frame.opus),
//!     Opened::Report | Opened::Goodbye => unreachable!("a frame was sent"),
//! }
//! # Ok(())
//! # }
//! ```

pub mod adaptation;
mod bursts;
mod clock;
mod errors;
mod haste;
mod keys;
mod peer;
pub mod quality;
mod reception;
pub mod redundancy;
mod replay;
mod rtcp;
mod rtp;
mod sealing;
mod stats;
#[cfg(test)]
mod tests;

pub use errors::{OpenError, SealError};
pub use keys::{
    BaseKey, CallContext, CallKey, Direction, Flow, KeyError, KeySchedule, PUBLIC_KEY_LEN, PairKeys,
};
pub use peer::{MediaConfig, Opened, PeerMedia, VoiceFrame, VoicePacket};
pub use rtcp::{BurstBlock, ReportBlock, RtcpError, RtcpReport, SenderInfo};
pub use rtp::{Kind, MAX_DATAGRAM, PAYLOAD_TYPE, RtpError, RtpHeader, SAMPLE_RATE, classify};
pub use stats::MediaStats;
