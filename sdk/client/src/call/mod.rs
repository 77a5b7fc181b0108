//! Calls as the SDK's user sees them.

mod handle;
mod mapping;
mod network;
pub(crate) mod plane;
mod sockets;
pub(crate) mod trace;
pub(crate) mod tunnel;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cooee_audio::{Input, LatencyProfile, Levels, Output, Processing, SendMode};
use cooee_core::call::{CallPhase, EndReason};
use cooee_core::media::adaptation::EncoderSettings;
use cooee_core::media::quality::Estimate;
use cooee_core::path::RouteKind;
use cooee_protocol::{GroupId, Username};
use tokio::sync::watch;

use self::trace::Trace;
pub use handle::{Call, IncomingCall};

/// Who learns this machine's addresses in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AddressPrivacy {
    /// The people one talks to, so that calls go the shortest way.
    #[default]
    Direct,
    /// Nobody until the safety code was compared ([`Call::set_verified`]): voice goes by way of
    /// the server or a relay before, and the shortest way afterwards.
    RelayUntilVerified,
    /// Nobody: voice goes by way of the server or a relay.
    AlwaysRelay,
}

/// What a call listens to and what it plays on.
#[derive(Debug)]
pub struct CallOptions {
    /// The microphone, a file, or the program's own source.
    pub input: Input,
    /// The loudspeaker, a file, or the program's own sink.
    pub output: Output,
    /// What the captured sound goes through; `None` is what suits the input: everything for a
    /// microphone, nothing for a file or the program's own source.
    pub processing: Option<Processing>,
    /// How much delay the devices add.
    pub latency: LatencyProfile,
    /// When the microphone is heard.
    pub send_mode: SendMode,
    /// Bits in a second for the voice, never to be exceeded: 12,000 to 64,000, what lies outside
    /// counts as the nearer of them. Less is used while the network has no room for it. `None` is
    /// 32,000.
    pub bitrate: Option<u32>,
}

impl Default for CallOptions {
    fn default() -> Self {
        Self {
            input: Input::Default,
            output: Output::Default,
            processing: None,
            latency: LatencyProfile::default(),
            send_mode: SendMode::default(),
            bitrate: None,
        }
    }
}

/// How the voice between this client and one participant, or all of them, is doing. Counts are
/// since the start of the call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallStats {
    /// Voice packets sent.
    pub sent: u64,
    /// Authentic voice packets received.
    pub received: u64,
    /// Packets that never arrived.
    pub lost: u64,
    /// Packets that arrived after their turn to be played.
    pub late: u64,
    /// Frames that were made up because nothing was there to play.
    pub concealed: u64,
    /// Frames recovered from the redundancy in a later packet.
    pub recovered: u64,
    /// Datagrams dropped because they were forged, replayed or strays.
    pub dropped: u64,
    /// Interarrival jitter (RFC 3550, appendix A.8); the largest of all participants.
    pub jitter: Duration,
    /// Round-trip time between the participants; the largest, `None` before the first report.
    pub round_trip_time: Option<Duration>,
    /// Playout delay of the jitter buffer; the largest of all participants.
    pub buffer: Duration,
    /// Delay that the jitter buffer aims for; the largest of all participants.
    pub buffer_target: Duration,
    /// Times that the microphone had nothing when a frame was due, and that there was no room for
    /// what it had; for the call as a whole, zero for a single participant.
    pub capture_gaps: u64,
    /// Times that the loudspeaker ran dry; for the call as a whole, zero for a single participant.
    pub playback_gaps: u64,
    /// How much of the delay that the jitter buffer aims for is for redundancy which comes after
    /// what it replaces; the largest of all participants.
    pub redundancy_wait: Duration,
    /// How it sounds here, by the E-model; the worst of all participants, `None` as long as
    /// nothing is known.
    pub quality: Option<Estimate>,
    /// How the local voice is encoded at the moment, the same for everybody; `None` for a single
    /// participant and without sound.
    pub encoder: Option<EncoderSettings>,
    /// Each participant's share, by name.
    pub peers: BTreeMap<Username, CallStats>,
}

/// Where a call is: the truth behind its events.
#[derive(Debug, Clone, PartialEq)]
pub struct CallSnapshot {
    /// The call's id, as soon as the server told it.
    pub id_group: Option<GroupId>,
    /// Its phase; `None` when it has ended.
    pub phase: Option<CallPhase>,
    /// The others who have accepted.
    pub participants: Vec<Username>,
    /// How voice gets to each of them.
    pub routes: BTreeMap<Username, RouteKind>,
    /// From the accept to the first path.
    pub since_accept: Option<Duration>,
    /// Whether the microphone is muted.
    pub muted: bool,
    /// Whether nobody is heard here, which mutes the microphone, too.
    pub deafened: bool,
    /// The participants whom the user has silenced here.
    pub silenced: BTreeSet<Username>,
    /// The microphone in use; `None` for none, or for a file or the program's own source.
    pub microphone: Option<String>,
    /// The loudspeaker in use; `None` for none, or for a file or the program's own sink.
    pub loudspeaker: Option<String>,
    /// Why it ended, and what was said about it.
    pub ended: Option<(EndReason, Option<String>)>,
}

/// What changes many times in a call, to be looked at whenever it suits.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) levels: watch::Receiver<Levels>,
    pub(crate) stats: watch::Receiver<CallStats>,
    pub(crate) trace: Arc<Trace>,
}

/// The writing end of [`Live`].
pub(crate) struct LivePublisher {
    levels: watch::Sender<Levels>,
    stats: watch::Sender<CallStats>,
    trace: Arc<Trace>,
}

impl Live {
    pub(crate) fn channel() -> (LivePublisher, Self) {
        let (levels, latest_levels) = watch::channel(Levels::default());
        let (stats, latest_stats) = watch::channel(CallStats::default());
        let trace = Arc::new(Trace::default());
        let publisher = LivePublisher {
            levels,
            stats,
            trace: Arc::clone(&trace),
        };
        let live = Self {
            levels: latest_levels,
            stats: latest_stats,
            trace,
        };
        (publisher, live)
    }
}
