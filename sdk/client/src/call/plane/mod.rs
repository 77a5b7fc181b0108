//! The media plane of one call: sockets, paths, sealing and the voice thread, driven by one task.
//!
//! ```text
//!   voice thread ──frames──▶ seal ──▶ socket of the route, or tunnel ~~▶ peer
//!   peer ~~▶ sockets ──▶ path agent ──media──▶ open ──packets──▶ voice thread
//!   peer ~~▶ server ~~▶ tunnel ───────────────▶ open
//! ```
//!
//! Voice starts through the tunnel as soon as the keys are there, moves to the best path when one
//! opens, and falls back while there is none. Sequence numbers go on across every such change, so
//! the jitter buffer notices nothing but the other delay.

mod controls;
mod members;
mod names;
mod peer;
mod platform;
mod quality;
mod sound;
mod speaking;
mod stats;
mod traffic;
mod watching;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cooee_audio::{AudioError, AudioPlatform, DeviceNews, Input, Output, PlatformNews};
use cooee_core::call::{CapturePermit, PeerInfo};
use cooee_core::media::CallKey;
use cooee_core::media::adaptation::{Adaptation, AdaptationConfig, EncoderSettings};
use cooee_core::media::quality::Estimate;
use cooee_core::path::{PathAgent, PathConfig, PathEvent, PeerId, Privacy, RouteKind};
use cooee_protocol::{CallInfo, GroupId, RelayAccess, Username};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

pub(crate) use self::controls::Control;
use self::controls::Controls;
use self::names::{resolve, resolved};
use self::peer::{Peer, RouteNews};
use self::platform::Platform;
use self::sound::{Sound, SoundWake};
use self::speaking::Speakers;
use self::watching::Routes;
use super::mapping::{Mapped, Mappings};
use super::network::Monitor;
use super::sockets::{Datagram, Sockets};
use super::tunnel::{Tunnel, Tunnelled};
use super::{CallOptions, CallStats, LivePublisher};

/// Commands and signals that wait; both ends handle them at once.
const QUEUE: usize = 256;
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
        options: CallOptions,
    },
    /// The user changes who is heard, and when oneself is.
    Control(Control),
    /// The user wants another microphone, or another source.
    SetInput(Input),
    /// The user wants another loudspeaker, or another sink.
    SetOutput(Output),
    /// A relay that the server lends to this participant.
    UseRelay(RelayAccess),
    /// The machine's addresses may be others.
    NetworkChanged,
    /// Peers may learn this machine's addresses from here on.
    ShowAddresses,
}

/// What a call's media plane tells the client's driver.
pub(crate) enum PlaneSignal {
    LocalInfo(CallInfo),
    Selected {
        peer: PeerId,
        kind: RouteKind,
        /// Since when voice has been flowing.
        since: Instant,
        safety_code: String,
    },
    Lost(PeerId),
    /// A participant has said goodbye.
    Goodbye(PeerId),
    /// Somebody began or stopped speaking; nobody is the local user.
    Speaking {
        peer: Option<PeerId>,
        speaking: bool,
    },
    /// The microphone or the loudspeaker is another one, or none.
    Device(DeviceNews),
    /// The verdict on how somebody sounds here has changed.
    Quality {
        peer: PeerId,
        estimate: Estimate,
    },
    PeerFailed {
        peer: PeerId,
        why: String,
    },
    VoiceFailed(AudioError),
    /// Something else has the device's sound, or has it no more.
    Interrupted(bool),
    /// Sound goes another way now, or may.
    RoutesChanged,
    /// The machine's addresses have changed.
    NetworkChanged(Vec<IpAddr>),
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
    hides_addresses: bool,
    tunnel: Arc<Tunnel>,
    audio: Arc<dyn AudioPlatform>,
    live: LivePublisher,
) -> std::io::Result<PlaneHandle> {
    let sockets = Sockets::open(with_loopback)?;
    // What an earlier call left behind concerns nobody any more.
    tunnel.incoming.clear();
    tunnel.outgoing.clear();
    let (commands, commanded) = mpsc::channel(QUEUE);
    let (signal, signals) = mpsc::channel(QUEUE);
    let now = Instant::now().into_std();
    let mut agent = PathAgent::new(
        now,
        &sockets.addresses(),
        rand::random(),
        PathConfig::default(),
    );
    if hides_addresses {
        agent.set_privacy(now, Privacy::RelayOnly);
    }
    let plane = Plane {
        sockets,
        tunnel,
        agent,
        key: CallKey::generate(),
        peers: HashMap::new(),
        gone: CallStats::default(),
        sound: Sound::Closed,
        speakers: Speakers::default(),
        controls: Controls::default(),
        platform: Platform::new(audio),
        adaptation: Adaptation::new(AdaptationConfig::default()),
        encoder: EncoderSettings::default(),
        told: None,
        relay_access: None,
        relays: None,
        goodbyes: Vec::new(),
        routes: Routes::default(),
        mappings: Mappings::new(),
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

struct Plane {
    sockets: Sockets,
    tunnel: Arc<Tunnel>,
    agent: PathAgent,
    key: CallKey,
    peers: HashMap<PeerId, Peer>,
    /// What the peers counted who have left.
    gone: CallStats,
    sound: Sound,
    speakers: Speakers,
    controls: Controls,
    platform: Platform,
    adaptation: Adaptation,
    /// What the voice was told last.
    encoder: EncoderSettings,
    told: Option<CallInfo>,
    relay_access: Option<RelayAccess>,
    /// The relays' names are being resolved.
    relays: Option<JoinHandle<Vec<SocketAddr>>>,
    /// Who has said goodbye, to be told.
    goodbyes: Vec<PeerId>,
    routes: Routes,
    mappings: Mappings,
    signal: mpsc::Sender<PlaneSignal>,
    live: LivePublisher,
}

/// What woke the task.
enum Wake {
    Command(Option<PlaneCommand>),
    Datagram(Datagram),
    Tunnelled(Tunnelled),
    Sound(SoundWake),
    StunServers(Vec<SocketAddr>),
    Relays(Vec<SocketAddr>),
    Levels,
    Addresses,
    Network,
    Mapped(Mapped),
    Platform(PlatformNews),
    Timeout,
}

impl Plane {
    async fn run(
        mut self,
        stun: Vec<String>,
        mut commands: mpsc::Receiver<PlaneCommand>,
    ) -> Option<AudioError> {
        let tunnel = Arc::clone(&self.tunnel);
        // The addresses that are known now go out with the 501 or 502; a server may be far, and
        // what it sees of them follows when it has answered.
        self.tell_info().await;
        // Names may take seconds to resolve, and a call does not wait for them.
        let mut resolving = Some(tokio::spawn(resolve(stun)));
        let mut levels = paced(LEVELS_INTERVAL);
        self.map_ports();
        let mut network = Monitor::new();
        let mut addresses = paced(network.interval());
        let mut looks = 0;
        loop {
            self.drain().await;
            let due = self.poll_timeout();
            let wake = tokio::select! {
                biased;
                command = commands.recv() => Wake::Command(command),
                datagram = self.sockets.receive() => Wake::Datagram(datagram),
                tunnelled = tunnel.incoming.pop() => Wake::Tunnelled(tunnelled),
                sound = self.sound.wake() => Wake::Sound(sound),
                servers = resolved(&mut resolving) => Wake::StunServers(servers),
                relays = resolved(&mut self.relays) => Wake::Relays(relays),
                () = network.changed() => Wake::Network,
                mapped = self.mappings.next() => Wake::Mapped(mapped),
                news = self.platform.next() => Wake::Platform(news),
                _ = addresses.tick() => Wake::Addresses,
                _ = levels.tick() => Wake::Levels,
                () = sleep_to(due) => Wake::Timeout,
            };
            match wake {
                Wake::Command(Some(command)) => self.handle_command(command).await,
                Wake::Command(None) => return self.close().await,
                Wake::Datagram(datagram) => self.handle_datagram(&datagram),
                Wake::Tunnelled(tunnelled) => self.handle_tunnelled(&tunnelled).await,
                Wake::Sound(SoundWake::Opened(Ok(opened))) => self.open_sound(opened),
                Wake::Sound(SoundWake::Opened(Err(error))) => {
                    self.sound = Sound::Closed;
                    self.tell(PlaneSignal::VoiceFailed(error)).await;
                }
                Wake::Sound(SoundWake::Frame(Some(frame))) => self.send_frame(&frame),
                Wake::Sound(SoundWake::Frame(None)) => {
                    self.sound.give_up();
                    self.tell(PlaneSignal::VoiceFailed(AudioError::Ended)).await;
                }
                Wake::StunServers(servers) => {
                    resolving = None;
                    self.agent.gather(now(), &servers);
                }
                Wake::Relays(relays) => {
                    self.relays = None;
                    self.use_relays(&relays);
                }
                Wake::Platform(news) => self.handle_platform(news).await,
                Wake::Addresses => self.look_at_addresses().await,
                Wake::Network => self.look_at_network().await,
                Wake::Mapped((local, mapped)) => self.agent.add_mapped(now(), local, mapped),
                Wake::Levels => {
                    self.look_at_tunnelled().await;
                    self.look_at_routes(looks == 0);
                    looks = (looks + 1) % LEVELS_PER_STATS;
                    if looks == 0 {
                        self.look_at_quality().await;
                    }
                    self.publish(looks == 0);
                    self.tell_speaking().await;
                    self.tell_devices().await;
                }
                Wake::Timeout => self.agent.handle_timeout(now()),
            }
        }
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let reports = self.peers.values().filter_map(Peer::poll_timeout);
        let earliest = reports.chain(self.agent.poll_timeout()).min();
        earliest.map(Instant::from_std)
    }

    /// Sends what is due and passes on what happened.
    async fn drain(&mut self) {
        self.send_reports();
        while let Some((id, payload)) = self.agent.poll_media() {
            self.handle_media(id, Instant::now(), &payload);
        }
        for peer in std::mem::take(&mut self.goodbyes) {
            self.tell(PlaneSignal::Goodbye(peer)).await;
        }
        while let Some(transmit) = self.agent.poll_transmit() {
            self.sockets
                .send(transmit.local, transmit.remote, &transmit.payload);
        }
        while let Some(event) = self.agent.poll_event() {
            self.live.trace.path(&event);
            match event {
                PathEvent::GatheringDone | PathEvent::DescriptionChanged => self.tell_info().await,
                PathEvent::Selected { peer, route } => {
                    let known = self.peers.get_mut(&peer);
                    let news = known.and_then(|known| known.selected(Instant::now(), route.kind));
                    self.tell_selected(peer, news).await;
                }
                PathEvent::Lost { peer } => {
                    if let Some(known) = self.peers.get_mut(&peer) {
                        known.lost();
                    }
                    self.tell(PlaneSignal::Lost(peer)).await;
                }
            }
        }
    }

    async fn tell_selected(&mut self, peer: PeerId, news: Option<RouteNews>) {
        let (Some(news), Some(known)) = (news, self.peers.get(&peer)) else {
            return;
        };
        let safety_code = known.safety_code.clone();
        self.tell(PlaneSignal::Selected {
            peer,
            kind: news.kind,
            since: news.since,
            safety_code,
        })
        .await;
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
            PlaneCommand::OpenVoice { permit, options } => {
                self.choose(&options);
                self.sound = Sound::Permitted(permit, options);
                if !self.peers.is_empty() {
                    self.begin_sound();
                }
            }
            PlaneCommand::Control(control) => self.control(control),
            PlaneCommand::SetInput(input) => self.set_input(input),
            PlaneCommand::SetOutput(output) => self.set_output(output),
            PlaneCommand::UseRelay(access) => {
                let hosts = access
                    .urls
                    .iter()
                    .filter_map(|url| url.strip_prefix("turn:"))
                    .map(str::to_owned)
                    .collect();
                self.relays = Some(tokio::spawn(resolve(hosts)));
                self.relay_access = Some(access);
            }
            PlaneCommand::NetworkChanged => self.look_at_network().await,
            PlaneCommand::ShowAddresses => {
                self.agent.set_privacy(now(), Privacy::Direct);
                self.map_ports();
                self.tell_info().await;
            }
        }
    }

    fn use_relays(&mut self, relays: &[SocketAddr]) {
        let Some(access) = &self.relay_access else {
            return;
        };
        for relay in relays {
            self.agent
                .add_relay(now(), *relay, &access.username, access.credential.expose());
        }
    }

    /// Ends the sound and leaves the last counts behind.
    async fn close(mut self) -> Option<AudioError> {
        self.live.stats.send_replace(self.stats());
        self.say_goodbye();
        self.agent.close(now());
        while let Some(transmit) = self.agent.poll_transmit() {
            self.sockets
                .send(transmit.local, transmit.remote, &transmit.payload);
        }
        self.sound.close().await
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn paced(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

async fn sleep_to(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
