//! Paths: candidates, checks and nomination over one UDP socket for each network interface.
//!
//! [`PathAgent`] serves one call. It finds the addresses under which the local sockets can be
//! reached (host and server-reflexive candidates, RFC 8445 section 5.1.1), describes them for
//! the signalling in a [`PathDescription`], and checks every way to each peer with connectivity
//! checks (RFC 8445 section 7) until one is nominated. The checks go on afterwards: they hold
//! NAT bindings open and renew the peer's consent to receive (RFC 7675).
//!
//! A relay (TURN, RFC 8656) gives a further candidate. What goes through it is wrapped and
//! unwrapped here: to callers a relayed route is a pair of addresses like any other, except
//! that media has to be sent with [`PathAgent::send_media`].
//!
//! Networks change under a call. [`PathAgent::set_local_addresses`] takes new sockets in and old
//! ones out while the call goes on, every pair that works is kept warm, and when the route goes
//! silent in the middle of a stream of media the call moves to another one within about a
//! third of a second.
//!
//! A call is a full mesh. One set of local credentials and candidates goes to everyone; each
//! peer has an ICE session of its own. STUN and media share the sockets and are told apart by
//! their first byte (RFC 7983).

mod address;
mod agent;
mod demux;
mod description;
mod early;
mod gather;
mod liveness;
mod locals;
mod peer;
mod relay;
mod session;
#[cfg(test)]
pub(crate) mod sim;
#[cfg(test)]
mod tests;
mod turn;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use agent::{AddPeerError, PathAgent, UpdatePeerError};
pub use description::{DescriptionError, PathDescription};

/// Names one peer of a call towards the path agent; the caller chooses the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u32);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {}", self.0)
    }
}

/// How media gets to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteKind {
    /// Over UDP from socket to socket, through whatever NATs are between.
    Direct,
    /// Over UDP by way of a TURN relay (RFC 8656).
    Relayed,
    /// Through the signalling connection, where UDP is blocked.
    Tunnelled,
}

impl fmt::Display for RouteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RouteKind::Direct => "direct",
            RouteKind::Relayed => "relayed",
            RouteKind::Tunnelled => "tunnelled",
        })
    }
}

/// Which addresses of this side its peers may learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privacy {
    /// All of them: calls go the shortest way.
    Direct,
    /// Those at relays only. No other address is described, nothing is sent to a peer but
    /// through a relay, and what a peer sends elsewhere is not answered.
    RelayOnly,
}

/// The pair of transport addresses that media to a peer uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route {
    /// The local socket to send from, or the relayed address that stands for this side.
    pub local: SocketAddr,
    /// The address to send to.
    pub remote: SocketAddr,
    /// What lies between the two.
    pub kind: RouteKind,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} to {})", self.kind, self.local, self.remote)
    }
}

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// The local socket to send from.
    pub local: SocketAddr,
    /// The address to send to.
    pub remote: SocketAddr,
    /// The datagram's payload.
    pub payload: Vec<u8>,
}

/// What became of a received datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbound {
    /// The agent took it; nothing is left to do with it. Media that came through a relay is
    /// unwrapped and waits at [`PathAgent::poll_media`].
    Handled,
    /// Media, or something that looks like it, from an address pair of this peer. Whether it
    /// is authentic is for the media layer to find out.
    Media(PeerId),
    /// Nothing that belongs to this call: drop it.
    Stray,
}

/// Something the caller should know about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathEvent {
    /// The local candidates are not those of the description that was sent to the peers any
    /// more: one was found after [`PathEvent::GatheringDone`], or has gone.
    DescriptionChanged,
    /// The local description is as complete as waiting makes it. Once for each
    /// [`PathAgent::gather`].
    GatheringDone,
    /// Media to this peer goes over this route from now on. Also sent when the route changes,
    /// and when a lost peer is back.
    Selected {
        /// The peer.
        peer: PeerId,
        /// The route.
        route: Route,
    },
    /// The route fell silent, or none was found in the time allowed for it. The agent goes on
    /// trying for [`PathConfig::retry_for`] and says [`PathEvent::Selected`] when it succeeds.
    Lost {
        /// The peer.
        peer: PeerId,
    },
}

/// Counts since the agent was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathStats {
    /// Datagrams that belonged to nobody: unknown sources, failed authentication, noise.
    pub stray: u64,
    /// STUN messages that were accepted.
    pub stun: u64,
    /// Datagrams that were attributed to a peer as media.
    pub media: u64,
    /// Datagrams that the agent wished to send and dropped, because the caller did not drain
    /// [`PathAgent::poll_transmit`].
    pub transmits_dropped: u64,
}

/// The agent's intervals and limits. The default suits voice calls over the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathConfig {
    /// Least time between two checks towards one peer, Ta in RFC 8445 section 14.2.
    pub pacing: Duration,
    /// First retransmission time-out of checks.
    pub initial_rto: Duration,
    /// How long checks are quick after a start or a change.
    pub urgency: Duration,
    /// Longest interval between checks of one candidate pair during that time.
    pub urgent_interval: Duration,
    /// First retransmission time-out of binding requests to STUN servers. RFC 8489 section
    /// 6.2.1 would rather have 500 ms. The default is shorter, as somebody waits for the call:
    /// it makes for five requests within [`PathConfig::gather_timeout`].
    pub gather_rto: Duration,
    /// Longest interval between checks of one candidate pair while there is no route: what a
    /// peer that starts later waits at most for the next check.
    pub checking_interval: Duration,
    /// Interval between checks of one candidate pair while there is a route. It has to be well
    /// below the 15 s of RFC 8445 section 11 and below [`PathConfig::silence`].
    pub keepalive_interval: Duration,
    /// When the whole of gathering is reported as done, at the latest.
    pub gather_timeout: Duration,
    /// How long a steady stream of media may pause until all pairs are probed at once.
    pub media_gap: Duration,
    /// How long nothing at all may come from a peer after a steady stream of media, until the
    /// route is reported as lost.
    pub media_silence: Duration,
    /// How long the route to a peer may be silent before it is reported as lost.
    pub silence: Duration,
    /// How long a new peer may be without a route before it is reported as lost.
    pub establish: Duration,
    /// How long after the last answered check consent to send expires (RFC 7675 section 5.1).
    pub consent: Duration,
    /// How long the agent itself looks for a new route to a lost peer. The peer's own checks
    /// and new descriptions revive it later than that.
    pub retry_for: Duration,
}

impl Default for PathConfig {
    fn default() -> Self {
        PathConfig {
            pacing: Duration::from_millis(10),
            initial_rto: Duration::from_millis(50),
            urgency: Duration::from_secs(2),
            urgent_interval: Duration::from_millis(100),
            checking_interval: Duration::from_millis(500),
            keepalive_interval: Duration::from_secs(2),
            gather_rto: Duration::from_millis(100),
            gather_timeout: Duration::from_secs(2),
            media_gap: Duration::from_millis(200),
            media_silence: Duration::from_millis(1500),
            silence: Duration::from_secs(6),
            establish: Duration::from_secs(10),
            consent: Duration::from_secs(30),
            retry_for: Duration::from_secs(300),
        }
    }
}
