//! Media with one peer: sealing what it is sent, opening what it sent, reporting on both.

use std::fmt;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::clock::{Clock, from_ticks, middle, round_trip, ticks};
use super::errors::{OpenError, SealError};
use super::haste::Haste;
use super::keys::{Direction, Flow, KeyError, KeySchedule};
use super::reception::Reception;
use super::rtcp::{BurstBlock, CLEAR_LEN, ReportBlock, RtcpReport, SenderInfo, clear_ssrc};
use super::rtp::{Kind, MAX_DATAGRAM, PAYLOAD_TYPE, RtpHeader, classify};
use super::sealing::{MAX_OVERHEAD, MIN_SEALED, Opener, Sealer};
use super::stats::MediaStats;

/// The longest Opus frame that still fits a datagram of [`MAX_DATAGRAM`] octets.
const MAX_OPUS: usize = MAX_DATAGRAM - RtpHeader::LEN - MAX_OVERHEAD;

/// Choices about the media with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaConfig {
    /// Mean time between two reports. Each interval is drawn between half and one and a half
    /// times this, so that reports do not fall into step (RFC 3550, section 6.2).
    pub report_interval: Duration,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            report_interval: Duration::from_secs(1),
        }
    }
}

/// A frame to send.
#[derive(Clone, Copy, Debug)]
pub struct VoiceFrame<'a> {
    /// The media clock at the frame's first sample, in samples at 48 kHz, of any origin. It
    /// wraps, and runs on while nothing is sent.
    pub timestamp: u32,
    /// Whether a talk spurt starts here.
    pub marker: bool,
    /// One Opus packet.
    pub opus: &'a [u8],
}

/// A frame received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoicePacket {
    /// Extended sequence number: rises by one with each packet sent and does not wrap.
    pub sequence: u64,
    /// The sender's media clock, in samples at 48 kHz, of an origin of its choice. It wraps.
    pub timestamp: u32,
    /// Whether a talk spurt starts here.
    pub marker: bool,
    /// One Opus packet, never empty.
    pub opus: Vec<u8>,
}

/// What an authentic datagram held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A voice frame, for the jitter buffer.
    Voice(VoicePacket),
    /// A report; what it says is in [`PeerMedia::stats`].
    Report,
    /// The peer's last report: it leaves.
    Goodbye,
}

/// The media with one peer.
///
/// Mutators are [`seal`](Self::seal) for a frame to send and [`open`](Self::open) for a datagram
/// received; [`poll_report`](Self::poll_report) is called when [`poll_timeout`](Self::poll_timeout)
/// says so, which may change with every other call; [`stats`](Self::stats) is a getter. All of
/// time comes in as an argument.
///
/// It owns the only counters of its keys and is not `Clone`, so no nonce is used twice; dropped,
/// it takes the keys with it.
pub struct PeerMedia {
    voice_sealer: Sealer,
    voice_opener: Opener,
    control_sealer: Sealer,
    control_opener: Opener,
    config: MediaConfig,
    rng: StdRng,
    clock: Clock,

    ssrc: u32,
    sequence: u16,
    timestamp_offset: u32,
    /// RTP timestamp of the last frame sent, and when.
    last_sent: Option<(u32, Instant)>,
    packets_sent: u64,
    bytes_sent: u64,
    payload_octets_sent: u64,
    /// Packets sent as of the last report and the one before.
    sent_at_reports: [u64; 2],

    /// Set by the first authentic packet and fixed from then on.
    peer_ssrc: Option<u32>,
    reception: Reception,
    bytes_received: u64,
    /// Middle of the NTP timestamp of the peer's last sender report, and its arrival.
    last_sender_report: Option<(u32, Instant)>,
    round_trip_time: Option<Duration>,
    remote_block: Option<ReportBlock>,
    remote_bursts: Option<BurstBlock>,
    remote_reports: u64,
    forged: u64,
    replayed: u64,
    stray: u64,

    next_report: Option<Instant>,
    haste: Haste,
}

impl PeerMedia {
    /// Media under the given keys, with a random synchronization source, first sequence number
    /// and timestamp offset (RFC 3550, section 5.1).
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the schedule has no keys for its current epoch.
    pub fn new(keys: impl KeySchedule, config: MediaConfig) -> Result<Self, KeyError> {
        Self::new_from(keys, config, &mut rand::rng())
    }

    /// Like [`PeerMedia::new`], with the given randomness. With a seeded generator the same
    /// calls give the same packets, which is for tests and fuzz targets.
    ///
    /// # Errors
    ///
    /// As [`PeerMedia::new`].
    pub fn new_from<R: Rng + ?Sized>(
        keys: impl KeySchedule,
        config: MediaConfig,
        rng: &mut R,
    ) -> Result<Self, KeyError> {
        let epoch = keys.epoch();
        let base = |direction, flow| keys.base_key(direction, flow, epoch);
        Ok(Self {
            voice_sealer: Sealer::new(&base(Direction::Sending, Flow::Voice)?)?,
            voice_opener: Opener::new(&base(Direction::Receiving, Flow::Voice)?)?,
            control_sealer: Sealer::new(&base(Direction::Sending, Flow::Control)?)?,
            control_opener: Opener::new(&base(Direction::Receiving, Flow::Control)?)?,
            config,
            ssrc: rng.next_u32(),
            // The lower half of a random word.
            sequence: rng.next_u32() as u16,
            timestamp_offset: rng.next_u32(),
            rng: StdRng::seed_from_u64(rng.next_u64()),
            clock: Clock::default(),
            last_sent: None,
            packets_sent: 0,
            bytes_sent: 0,
            payload_octets_sent: 0,
            sent_at_reports: [0; 2],
            peer_ssrc: None,
            reception: Reception::default(),
            bytes_received: 0,
            last_sender_report: None,
            round_trip_time: None,
            remote_block: None,
            remote_bursts: None,
            remote_reports: 0,
            forged: 0,
            replayed: 0,
            stray: 0,
            next_report: None,
            haste: Haste::default(),
        })
    }

    /// Seals a voice frame into a datagram.
    ///
    /// # Errors
    ///
    /// [`SealError::Empty`] and [`SealError::TooLong`] are the caller's fault; after
    /// [`SealError::Exhausted`] nothing can be sealed any more.
    pub fn seal(&mut self, now: Instant, frame: &VoiceFrame<'_>) -> Result<Vec<u8>, SealError> {
        if frame.opus.is_empty() {
            return Err(SealError::Empty);
        }
        if frame.opus.len() > MAX_OPUS {
            return Err(SealError::TooLong {
                len: frame.opus.len(),
                max: MAX_OPUS,
            });
        }
        self.start(now);
        let timestamp = frame.timestamp.wrapping_add(self.timestamp_offset);
        let header = RtpHeader::write(frame.marker, self.sequence, timestamp, self.ssrc)
            .map_err(SealError::Header)?;
        let datagram = self.voice_sealer.seal(&header, frame.opus)?;

        self.sequence = self.sequence.wrapping_add(1);
        self.last_sent = Some((timestamp, now));
        self.packets_sent += 1;
        self.bytes_sent += datagram.len() as u64;
        self.payload_octets_sent += (datagram.len() - header.len()) as u64;
        Ok(datagram)
    }

    /// Opens a datagram, RTP or RTCP.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says why a datagram is dropped. It has been counted as forged, replayed or
    /// stray, and has changed neither what is expected of the peer nor any measure.
    pub fn open(&mut self, now: Instant, datagram: &[u8]) -> Result<Opened, OpenError> {
        let opened = self.try_open(now, datagram);
        if let Err(error) = &opened {
            let count = match error {
                OpenError::Forged => &mut self.forged,
                OpenError::Replayed => &mut self.replayed,
                OpenError::TooLong(_)
                | OpenError::Unrecognised
                | OpenError::Rtp(_)
                | OpenError::PayloadType(_)
                | OpenError::Profile
                | OpenError::Ssrc(_)
                | OpenError::UnknownKey
                | OpenError::Empty
                | OpenError::Rtcp(_) => &mut self.stray,
            };
            *count += 1;
        }
        opened
    }

    /// A sealed report when one is due: on our own stream when there is one, and on the peer's.
    /// To be called when [`PeerMedia::poll_timeout`] has passed.
    pub fn poll_report(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.start(now);
        if self.next_report.is_some_and(|due| now < due) {
            return None;
        }
        let spread = self.rng.random_range(0.5..1.5);
        self.next_report = Some(now + self.config.report_interval.mul_f64(spread));
        self.report(now, false)
    }

    /// A sealed report that says goodbye (RFC 3550, section 6.6): the peer learns from it that we
    /// leave, whatever becomes of the signalling.
    pub fn goodbye(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.start(now);
        self.report(now, true)
    }

    fn report(&mut self, now: Instant, bye: bool) -> Option<Vec<u8>> {
        self.haste.reported(now, &self.reception);
        let [last, before_last] = self.sent_at_reports;
        let sender = self
            .last_sent
            .filter(|_| self.packets_sent > before_last)
            .map(|(timestamp, sent)| SenderInfo {
                ntp_timestamp: self.clock.ntp(now),
                // The media clock runs on since the last frame.
                rtp_timestamp: timestamp
                    .wrapping_add(ticks(now.saturating_duration_since(sent)) as u32),
                packet_count: self.packets_sent as u32,
                octet_count: self.payload_octets_sent as u32,
            });
        self.sent_at_reports = [self.packets_sent, last];
        let blocks: Vec<ReportBlock> = self.report_block(now).into_iter().collect();
        if sender.is_none() && blocks.is_empty() && !bye {
            return None;
        }

        // Measured where the report block is: on the peer's stream, once there is one.
        let bursts = blocks
            .first()
            .map(|block| self.reception.burst_block(block.ssrc));
        let report = RtcpReport {
            ssrc: self.ssrc,
            sender,
            blocks,
            bursts,
            bye,
        };
        let octets = report.write().ok()?;
        let (clear, rest) = octets.split_at_checked(CLEAR_LEN)?;
        match self.control_sealer.seal(clear, rest) {
            Ok(datagram) => Some(datagram),
            Err(failure) => {
                tracing::warn!(?failure, "report not sealed");
                None
            }
        }
    }

    /// When to call [`PeerMedia::poll_report`] next. `None` until something has been sent,
    /// received or polled for.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_report
    }

    /// Counts and measures.
    pub fn stats(&self) -> MediaStats {
        MediaStats {
            packets_sent: self.packets_sent,
            bytes_sent: self.bytes_sent,
            packets_received: self.reception.received(),
            bytes_received: self.bytes_received,
            packets_lost: self.reception.lost(),
            fraction_lost: f32::from(self.reception.fraction_lost()) / 256.0,
            burst_ratio: self.reception.burst_ratio(),
            longest_burst: self.reception.longest_burst(),
            jitter: self.reception.jitter(),
            round_trip_time: self.round_trip_time,
            remote_loss: self
                .remote_block
                .map(|block| f32::from(block.fraction_lost) / 256.0),
            remote_longest_burst: self.remote_bursts.map(|bursts| bursts.longest),
            remote_mean_burst: self
                .remote_bursts
                .filter(|bursts| bursts.mean > 0)
                .map(|bursts| f32::from(bursts.mean) / 256.0),
            remote_jitter: self.remote_block.map(|block| from_ticks(block.jitter)),
            remote_reports: self.remote_reports,
            forged: self.forged,
            replayed: self.replayed,
            stray: self.stray,
        }
    }

    fn try_open(&mut self, now: Instant, datagram: &[u8]) -> Result<Opened, OpenError> {
        if datagram.len() > MAX_DATAGRAM {
            return Err(OpenError::TooLong(datagram.len()));
        }
        match classify(datagram).ok_or(OpenError::Unrecognised)? {
            Kind::Rtp => self.open_voice(now, datagram).map(Opened::Voice),
            Kind::Rtcp => self.open_report(now, datagram),
        }
    }

    fn open_voice(&mut self, now: Instant, datagram: &[u8]) -> Result<VoicePacket, OpenError> {
        let (header, sealed) = RtpHeader::parse(datagram)?;
        if header.payload_type != PAYLOAD_TYPE {
            return Err(OpenError::PayloadType(header.payload_type));
        }
        if header.csrc_count != 0 || header.padding != 0 {
            return Err(OpenError::Profile);
        }
        self.check_ssrc(header.ssrc)?;
        if sealed.len() < MIN_SEALED {
            return Err(OpenError::Unrecognised);
        }
        let metadata = datagram.get(..header.len).ok_or(OpenError::Unrecognised)?;
        let opus = self.voice_opener.open(metadata, sealed)?;
        if opus.is_empty() {
            return Err(OpenError::Empty);
        }

        self.start(now);
        self.peer_ssrc = Some(header.ssrc);
        self.bytes_received += datagram.len() as u64;
        let sequence =
            self.reception
                .record(header.sequence, header.timestamp, self.clock.ticks(now));
        if let Some(due) = self.next_report {
            self.next_report = Some(self.haste.hurry(now, due, &self.reception));
        }
        Ok(VoicePacket {
            sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            opus,
        })
    }

    fn open_report(&mut self, now: Instant, datagram: &[u8]) -> Result<Opened, OpenError> {
        let (Some((clear, sealed)), Some(ssrc)) =
            (datagram.split_at_checked(CLEAR_LEN), clear_ssrc(datagram))
        else {
            return Err(OpenError::Unrecognised);
        };
        self.check_ssrc(ssrc)?;
        if sealed.len() < MIN_SEALED {
            return Err(OpenError::Unrecognised);
        }
        let rest = self.control_opener.open(clear, sealed)?;
        let report = RtcpReport::parse(&[clear, &rest].concat()).map_err(OpenError::Rtcp)?;

        self.start(now);
        self.peer_ssrc = Some(report.ssrc);
        if let Some(info) = report.sender {
            self.last_sender_report = Some((middle(info.ntp_timestamp), now));
        }
        if let Some(block) = report.blocks.iter().find(|block| block.ssrc == self.ssrc) {
            self.remote_block = Some(*block);
            self.remote_bursts = report.bursts.filter(|bursts| bursts.ssrc == self.ssrc);
            self.remote_reports = self.remote_reports.saturating_add(1);
            if block.last_sender_report != 0 {
                self.round_trip_time =
                    round_trip(middle(self.clock.ntp(now)), block).or(self.round_trip_time);
            }
        }
        Ok(if report.bye {
            Opened::Goodbye
        } else {
            Opened::Report
        })
    }

    fn check_ssrc(&self, ssrc: u32) -> Result<(), OpenError> {
        match self.peer_ssrc {
            Some(pinned) if pinned != ssrc => Err(OpenError::Ssrc(ssrc)),
            Some(_) | None => Ok(()),
        }
    }

    fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        let ssrc = self.peer_ssrc.filter(|_| self.reception.received() > 0)?;
        self.reception.close_interval();
        let (last_sender_report, delay) = match self.last_sender_report {
            Some((timestamp, arrival)) => {
                let delay = now.saturating_duration_since(arrival).as_nanos() * 65_536;
                let delay = u32::try_from(delay / 1_000_000_000).unwrap_or(u32::MAX);
                (timestamp, delay)
            }
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc,
            fraction_lost: self.reception.fraction_lost(),
            cumulative_lost: self.reception.cumulative_lost(),
            extended_sequence: self.reception.extended_highest(),
            jitter: self.reception.jitter_ticks(),
            last_sender_report,
            delay_since_last_sender_report: delay,
        })
    }

    /// Sets the clock's origin and the first report's time, once. The first interval is half as
    /// long as the others (RFC 3550, section 6.2).
    fn start(&mut self, now: Instant) {
        self.clock.origin.get_or_insert(now);
        if self.next_report.is_none() {
            let spread = self.rng.random_range(0.25..0.75);
            self.next_report = Some(now + self.config.report_interval.mul_f64(spread));
        }
    }
}

impl fmt::Debug for PeerMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerMedia")
            .field("ssrc", &self.ssrc)
            .field("peer_ssrc", &self.peer_ssrc)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
