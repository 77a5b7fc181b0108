//! What is counted and measured of the media with a peer.

use std::time::Duration;

/// Counts and measures of the media with one peer, since its start unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MediaStats {
    /// Voice packets sealed.
    pub packets_sent: u64,
    /// Octets of those datagrams.
    pub bytes_sent: u64,
    /// Authentic voice packets opened, each once.
    pub packets_received: u64,
    /// Octets of those datagrams.
    pub bytes_received: u64,
    /// Voice packets of the peer that did not arrive (RFC 3550, appendix A.3).
    pub packets_lost: u64,
    /// Share lost, 0 to 1, in the interval before our last report.
    pub fraction_lost: f32,
    /// Mean length of runs of lost packets over that of random loss of the same share: 1 for
    /// random loss or none, more for bursts (BurstR of ITU-T G.107).
    pub burst_ratio: f32,
    /// The longest run of lost packets that ended in the interval before our last report.
    pub longest_burst: u16,
    /// Interarrival jitter (RFC 3550, appendix A.8).
    pub jitter: Duration,
    /// Round-trip time as of the peer's last report on us.
    pub round_trip_time: Option<Duration>,
    /// Share of our packets, 0 to 1, that the peer last reported lost.
    pub remote_loss: Option<f32>,
    /// The longest run of our packets that the peer last reported lost; `None` when it does not
    /// tell.
    pub remote_longest_burst: Option<u16>,
    /// Mean length of the runs of our packets that the peer last reported lost; `None` when it
    /// does not tell, or lost none.
    pub remote_mean_burst: Option<f32>,
    /// Interarrival jitter of our packets at the peer, as of its last report.
    pub remote_jitter: Option<Duration>,
    /// Reports of the peer on our voice.
    pub remote_reports: u64,
    /// Datagrams that were not authentic.
    pub forged: u64,
    /// Authentic datagrams that had been received before.
    pub replayed: u64,
    /// Datagrams that were not of this stream at all, or made no sense.
    pub stray: u64,
}
