//! The media plane of one call: sockets, paths, sealing and the voice thread, driven by one task.
//!
//! ```text
//!   voice thread ──frames──▶ seal ──▶ socket of the route ~~▶ peer
//!   peer ~~▶ sockets ──▶ path agent ──media──▶ open ──packets──▶ voice thread
//! ```

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use cooee_audio::{AudioError, Captured, EncodedFrame, Input, Output, Voice, VoiceConfig};
use cooee_core::call::{CapturePermit, PeerInfo};
use cooee_core::jitter::Packet;
use cooee_core::media::{CallContext, CallKey, MediaConfig, Opened, PeerMedia, VoiceFrame};
use cooee_core::path::{Inbound, PathAgent, PathConfig, PathEvent, PeerId, Route};
use cooee_protocol::{CallInfo, GroupId, Username};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};

use super::sockets::{Datagram, Sockets};
use super::{CallStats, LivePublisher};

/// Commands and signals that wait; both ends handle them at once.
const QUEUE: usize = 256;
/// How long the name of a STUN server is looked up; the call waits for it.
const RESOLVE_LIMIT: Duration = Duration::from_secs(1);
const LEVELS_INTERVAL: Duration = Duration::from_millis(100);
/// Statistics are renewed with every tenth look at the levels.
const LEVELS_PER_STATS: u32 = 10;

/// What the client's driver tells a call's media plane.
pub(crate) enum PlaneCommand {
    AddPeer {
        peer: PeerId,
        name: Username,
        own: Username,
        id_group: GroupId,
        info: CallInfo,
    },
    UpdatePeer {
        peer: PeerId,
        info: CallInfo,
    },
    RemovePeer(PeerId),
    Rename {
        peer: PeerId,
        name: Username,
    },
    /// Sound may flow as soon as there is a path.
    OpenVoice {
        permit: CapturePermit,
        input: Input,
        output: Output,
    },
    SetMuted(bool),
    SetDeafened(bool),
}

/// What a call's media plane tells the client's driver.
pub(crate) enum PlaneSignal {
    LocalInfo(CallInfo),
    Selected {
        peer: PeerId,
        route: Route,
        safety_code: String,
    },
    Lost(PeerId),
    PeerFailed {
        peer: PeerId,
        why: String,
    },
    VoiceFailed(AudioError),
}

/// The driver's end of a media plane. Dropping `commands` closes the call's sound and sockets;
/// `finished` then tells.
pub(crate) struct PlaneHandle {
    pub(crate) commands: mpsc::Sender<PlaneCommand>,
    pub(crate) signals: mpsc::Receiver<PlaneSignal>,
    pub(crate) finished: tokio::task::JoinHandle<Option<AudioError>>,
}

/// Opens the sockets of a call and starts to gather candidates. Nothing captures sound yet.
pub(crate) fn start(
    stun: Vec<String>,
    with_loopback: bool,
    live: LivePublisher,
) -> std::io::Result<PlaneHandle> {
    let sockets = Sockets::open(with_loopback)?;
    let (commands, commanded) = mpsc::channel(QUEUE);
    let (signal, signals) = mpsc::channel(QUEUE);
    let now = Instant::now().into_std();
    let agent = PathAgent::new(
        now,
        &sockets.addresses(),
        rand::random(),
        PathConfig::default(),
    );
    let plane = Plane {
        sockets,
        agent,
        key: CallKey::generate(),
        peers: HashMap::new(),
        gone: CallStats::default(),
        sound: Sound::Closed,
        muted: false,
        deafened: false,
        told: None,
        signal,
        live,
    };
    let finished = tokio::spawn(plane.run(stun, commanded));
    Ok(PlaneHandle {
        commands,
        signals,
        finished,
    })
}

struct Peer {
    name: Username,
    media: PeerMedia,
    safety_code: String,
}

/// The sound of a call, from nothing to devices.
enum Sound {
    Closed,
    /// Accepted; opened when the first path is there, so that a recording starts with the call.
    Permitted(CapturePermit, Input, Output),
    Opening(tokio::task::JoinHandle<Result<(Voice, Captured), AudioError>>),
    Open(Voice, Captured),
}

struct Plane {
    sockets: Sockets,
    agent: PathAgent,
    key: CallKey,
    peers: HashMap<PeerId, Peer>,
    /// What the peers counted who have left.
    gone: CallStats,
    sound: Sound,
    muted: bool,
    deafened: bool,
    told: Option<CallInfo>,
    signal: mpsc::Sender<PlaneSignal>,
    live: LivePublisher,
}

/// What woke the task.
enum Wake {
    Command(Option<PlaneCommand>),
    Datagram(Option<Datagram>),
    Sound(SoundWake),
    Levels,
    Timeout,
}

enum SoundWake {
    Opened(Result<(Voice, Captured), AudioError>),
    Frame(Option<EncodedFrame>),
}

impl Plane {
    async fn run(
        mut self,
        stun: Vec<String>,
        mut commands: mpsc::Receiver<PlaneCommand>,
    ) -> Option<AudioError> {
        let servers = resolve(stun).await;
        self.agent.gather(now(), &servers);
        let mut levels = levels_interval();
        let mut looks = 0;
        loop {
            self.drain().await;
            let due = self.poll_timeout();
            let wake = tokio::select! {
                biased;
                command = commands.recv() => Wake::Command(command),
                datagram = self.sockets.receive() => Wake::Datagram(datagram),
                sound = self.sound.wake() => Wake::Sound(sound),
                _ = levels.tick() => Wake::Levels,
                () = sleep_to(due) => Wake::Timeout,
            };
            match wake {
                Wake::Command(Some(command)) => self.handle_command(command).await,
                Wake::Command(None) => return self.close().await,
                Wake::Datagram(Some(datagram)) => self.handle_datagram(&datagram),
                // The readers end only when every socket has failed; timers go on and report it.
                Wake::Datagram(None) => tokio::task::yield_now().await,
                Wake::Sound(SoundWake::Opened(Ok((voice, captured)))) => {
                    self.open_sound(voice, captured);
                }
                Wake::Sound(SoundWake::Opened(Err(error))) => {
                    self.sound = Sound::Closed;
                    self.tell(PlaneSignal::VoiceFailed(error)).await;
                }
                Wake::Sound(SoundWake::Frame(Some(frame))) => self.send_frame(&frame),
                Wake::Sound(SoundWake::Frame(None)) => {
                    self.sound = Sound::Closed;
                    self.tell(PlaneSignal::VoiceFailed(AudioError::Ended)).await;
                }
                Wake::Levels => {
                    looks = (looks + 1) % LEVELS_PER_STATS;
                    self.publish(looks == 0);
                }
                Wake::Timeout => self.agent.handle_timeout(now()),
            }
        }
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let reports = self
            .peers
            .values()
            .filter_map(|peer| peer.media.poll_timeout());
        let earliest = reports.chain(self.agent.poll_timeout()).min();
        earliest.map(Instant::from_std)
    }

    /// Sends what is due and passes on what happened.
    async fn drain(&mut self) {
        let now = now();
        for (id, peer) in &mut self.peers {
            if let (Some(report), Some(route)) =
                (peer.media.poll_report(now), self.agent.route(*id))
            {
                self.sockets.send(route.local, route.remote, &report);
            }
        }
        while let Some(transmit) = self.agent.poll_transmit() {
            self.sockets
                .send(transmit.local, transmit.remote, &transmit.payload);
        }
        while let Some(event) = self.agent.poll_event() {
            match event {
                PathEvent::GatheringDone | PathEvent::DescriptionChanged => self.tell_info().await,
                PathEvent::Selected { peer, route } => {
                    self.begin_sound();
                    let safety_code = match self.peers.get(&peer) {
                        Some(peer) => peer.safety_code.clone(),
                        None => continue,
                    };
                    self.tell(PlaneSignal::Selected {
                        peer,
                        route,
                        safety_code,
                    })
                    .await;
                }
                PathEvent::Lost { peer } => self.tell(PlaneSignal::Lost(peer)).await,
            }
        }
    }

    async fn tell(&mut self, signal: PlaneSignal) {
        // The driver drops its end when the call is over; nobody is left to be told then.
        let _ = self.signal.send(signal).await;
    }

    async fn tell_info(&mut self) {
        let info = PeerInfo {
            path: self.agent.local_description(),
            key: self.key.public(),
        };
        match info.to_call_info(self.agent.default_address()) {
            Ok(info) if self.told.as_ref() != Some(&info) => {
                self.told = Some(info.clone());
                self.tell(PlaneSignal::LocalInfo(info)).await;
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the local description cannot be written"),
        }
    }

    async fn handle_command(&mut self, command: PlaneCommand) {
        match command {
            PlaneCommand::AddPeer {
                peer,
                name,
                own,
                id_group,
                info,
            } => {
                if let Err(why) = self.add_peer(peer, name, &own, &id_group, &info) {
                    self.tell(PlaneSignal::PeerFailed { peer, why }).await;
                }
            }
            PlaneCommand::UpdatePeer { peer, info } => {
                let updated = PeerInfo::parse(&info)
                    .map_err(|error| error.to_string())
                    .and_then(|info| {
                        self.agent
                            .update_peer(now(), peer, &info.path)
                            .map_err(|error| error.to_string())
                    });
                // The path that works goes on working; the news were unusable, that is all.
                if let Err(error) = updated {
                    tracing::warn!(%peer, %error, "new addresses of a participant were refused");
                }
            }
            PlaneCommand::RemovePeer(peer) => self.remove_peer(peer),
            PlaneCommand::Rename { peer, name } => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.name = name;
                }
            }
            PlaneCommand::OpenVoice {
                permit,
                input,
                output,
            } => {
                self.sound = Sound::Permitted(permit, input, output);
                if self
                    .peers
                    .keys()
                    .any(|peer| self.agent.route(*peer).is_some())
                {
                    self.begin_sound();
                }
            }
            PlaneCommand::SetMuted(muted) => {
                self.muted = muted;
                if let Sound::Open(voice, _) = &self.sound {
                    voice.set_muted(muted);
                }
            }
            PlaneCommand::SetDeafened(deafened) => {
                self.deafened = deafened;
                if let Sound::Open(voice, _) = &self.sound {
                    voice.set_deafened(deafened);
                }
            }
        }
    }

    fn add_peer(
        &mut self,
        id: PeerId,
        name: Username,
        own: &Username,
        id_group: &GroupId,
        info: &CallInfo,
    ) -> Result<(), String> {
        let info = PeerInfo::parse(info).map_err(|error| error.to_string())?;
        // Names are bound in their folded form: both sides may write them differently.
        let context = CallContext {
            id_group: id_group.as_str(),
            own_name: own.key(),
            peer_name: name.key(),
        };
        let keys = self
            .key
            .agree(&info.key, &context)
            .map_err(|error| error.to_string())?;
        let safety_code = keys.safety_code();
        let media =
            PeerMedia::new(keys, MediaConfig::default()).map_err(|error| error.to_string())?;
        let controlling = self.key.outranks(&info.key);
        self.agent
            .add_peer(now(), id, &info.path, controlling)
            .map_err(|error| error.to_string())?;
        if let Sound::Open(voice, _) = &self.sound {
            voice.add_peer(id).map_err(|error| error.to_string())?;
        }
        self.peers.insert(
            id,
            Peer {
                name,
                media,
                safety_code,
            },
        );
        Ok(())
    }

    fn remove_peer(&mut self, id: PeerId) {
        let left = self.stats().peers;
        self.agent.remove_peer(id);
        if let Some(peer) = self.peers.remove(&id) {
            if let Some(stats) = left.get(&peer.name) {
                self.gone.add(stats);
            }
            if let Sound::Open(voice, _) = &self.sound
                && let Err(error) = voice.remove_peer(id)
            {
                tracing::warn!(%error, "a participant could not be taken out of the mix");
            }
        }
    }

    fn handle_datagram(&mut self, datagram: &Datagram) {
        let now = now();
        let arrival = datagram.arrival.into_std();
        let inbound =
            self.agent
                .handle_packet(now, datagram.local, datagram.remote, &datagram.payload);
        let id = match inbound {
            Inbound::Media(id) => id,
            Inbound::Handled | Inbound::Stray => return,
        };
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        match peer.media.open(arrival, &datagram.payload) {
            Ok(Opened::Voice(voice_packet)) => {
                if let Sound::Open(voice, _) = &self.sound {
                    let packet = Packet {
                        sequence: voice_packet.sequence,
                        timestamp: voice_packet.timestamp,
                        payload: voice_packet.opus,
                    };
                    voice.deliver(id, packet, arrival);
                }
            }
            Ok(Opened::Report) => {}
            // Counted by the media layer; a line each would let a stranger fill the log.
            Err(error) => tracing::trace!(%error, "a datagram was dropped"),
        }
    }

    fn send_frame(&mut self, frame: &EncodedFrame) {
        let now = now();
        for (id, peer) in &mut self.peers {
            let Some(route) = self.agent.route(*id) else {
                continue;
            };
            let sealed = peer.media.seal(
                now,
                &VoiceFrame {
                    timestamp: frame.timestamp,
                    marker: frame.marker,
                    opus: &frame.opus,
                },
            );
            match sealed {
                Ok(datagram) => self.sockets.send(route.local, route.remote, &datagram),
                Err(error) => tracing::warn!(%error, "a voice frame could not be sealed"),
            }
        }
    }

    /// Opens devices or files off the asynchronous threads, once.
    fn begin_sound(&mut self) {
        match std::mem::replace(&mut self.sound, Sound::Closed) {
            Sound::Permitted(permit, input, output) => {
                self.sound = Sound::Opening(tokio::task::spawn_blocking(move || {
                    Voice::start(permit, input, output, VoiceConfig::default())
                }));
            }
            other @ (Sound::Closed | Sound::Opening(_) | Sound::Open(..)) => self.sound = other,
        }
    }

    fn open_sound(&mut self, voice: Voice, captured: Captured) {
        voice.set_muted(self.muted);
        voice.set_deafened(self.deafened);
        for peer in self.peers.keys() {
            if let Err(error) = voice.add_peer(*peer) {
                tracing::warn!(%error, "a participant could not be taken into the mix");
            }
        }
        self.sound = Sound::Open(voice, captured);
    }

    fn publish(&self, with_stats: bool) {
        let Sound::Open(voice, _) = &self.sound else {
            return;
        };
        let levels = voice.levels();
        let stats = with_stats.then(|| self.stats());
        if stats.is_some() {
            let worst = self
                .peers
                .values()
                .filter_map(|peer| peer.media.stats().remote_loss)
                .fold(0.0, f32::max);
            voice.set_expected_loss(worst);
        }
        self.live.levels.send_replace(levels);
        if let Some(stats) = stats {
            self.live.stats.send_replace(stats);
        }
    }

    fn stats(&self) -> CallStats {
        let voices = match &self.sound {
            Sound::Open(voice, _) => voice.stats().peers,
            Sound::Closed | Sound::Permitted(..) | Sound::Opening(_) => BTreeMap::new(),
        };
        let mut total = self.gone.clone();
        for (id, peer) in &self.peers {
            let media = peer.media.stats();
            let mut stats = CallStats {
                sent: media.packets_sent,
                received: media.packets_received,
                lost: media.packets_lost,
                dropped: media
                    .forged
                    .saturating_add(media.replayed)
                    .saturating_add(media.stray),
                jitter: media.jitter,
                round_trip_time: media.round_trip_time,
                ..CallStats::default()
            };
            if let Some(voice) = voices.get(id) {
                stats.late = voice.jitter.late;
                stats.concealed = voice.jitter.concealed;
                stats.recovered = voice.jitter.recovered;
                stats.buffer = voice.jitter.current_delay;
            }
            total.add(&stats);
            total.peers.insert(peer.name.clone(), stats);
        }
        total
    }

    /// Ends the sound, finishes what it wrote, and says what went wrong with that.
    async fn close(mut self) -> Option<AudioError> {
        let stats = self.stats();
        self.live.stats.send_replace(stats);
        let voice = match std::mem::replace(&mut self.sound, Sound::Closed) {
            Sound::Open(voice, _) => voice,
            Sound::Opening(opening) => match opening.await {
                Ok(Ok((voice, _))) => voice,
                Ok(Err(_)) | Err(_) => return None,
            },
            Sound::Closed | Sound::Permitted(..) => return None,
        };
        match tokio::task::spawn_blocking(|| voice.stop()).await {
            Ok(stopped) => stopped.err(),
            Err(_) => Some(AudioError::Ended),
        }
    }
}

impl Sound {
    /// The next thing that the sound has to say; for ever nothing while it is closed.
    async fn wake(&mut self) -> SoundWake {
        match self {
            Self::Closed | Self::Permitted(..) => std::future::pending().await,
            Self::Opening(opening) => {
                SoundWake::Opened(opening.await.unwrap_or(Err(AudioError::Ended)))
            }
            Self::Open(_, captured) => SoundWake::Frame(captured.recv().await),
        }
    }
}

impl CallStats {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.lost += other.lost;
        self.late += other.late;
        self.concealed += other.concealed;
        self.recovered += other.recovered;
        self.dropped += other.dropped;
        self.jitter = self.jitter.max(other.jitter);
        self.round_trip_time = self.round_trip_time.max(other.round_trip_time);
        self.buffer = self.buffer.max(other.buffer);
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn levels_interval() -> Interval {
    let mut levels = interval(LEVELS_INTERVAL);
    levels.set_missed_tick_behavior(MissedTickBehavior::Skip);
    levels
}

async fn sleep_to(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The addresses of the STUN servers. One that cannot be found gives no candidate, that is all.
async fn resolve(servers: Vec<String>) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for server in servers {
        match timeout(RESOLVE_LIMIT, tokio::net::lookup_host(&server)).await {
            Ok(Ok(found)) => addresses.extend(found),
            Ok(Err(error)) => tracing::warn!(%server, %error, "a STUN server was not found"),
            Err(_) => tracing::warn!(%server, "the name of a STUN server is not resolved in time"),
        }
    }
    addresses
}
