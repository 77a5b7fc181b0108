//! Datagrams in and out: from the sockets and the tunnel to the voice thread, and back.

use cooee_audio::EncodedFrame;
use cooee_core::media::Opened;
use cooee_core::path::{Inbound, PeerId};
use tokio::time::Instant;

use super::peer::Way;
use super::{Plane, now};
use crate::call::sockets::Datagram;
use crate::call::trace::Step;
use crate::call::tunnel::Tunnelled;

/// How often a goodbye is sent along a path.
const GOODBYES: usize = 3;

impl Plane {
    pub(super) fn handle_datagram(&mut self, datagram: &Datagram) {
        let inbound =
            self.agent
                .handle_packet(now(), datagram.local, datagram.remote, &datagram.payload);
        match inbound {
            Inbound::Media(id) => self.handle_media(id, datagram.arrival, &datagram.payload),
            // Media through a relay is unwrapped by the agent and waits there.
            Inbound::Handled | Inbound::Stray => {}
        }
    }

    pub(super) fn handle_media(&mut self, id: PeerId, arrival: Instant, payload: &[u8]) {
        if self.open(id, arrival, payload)
            && let Some(peer) = self.peers.get_mut(&id)
        {
            peer.heard_on_route(arrival);
        }
    }

    pub(super) async fn handle_tunnelled(&mut self, tunnelled: &Tunnelled) {
        let sender = self
            .peers
            .iter()
            .find(|(_, peer)| peer.name == tunnelled.name);
        let Some((&id, _)) = sender else { return };
        if self.open(id, tunnelled.at, &tunnelled.payload) {
            let known = self.peers.get_mut(&id);
            let news = known.and_then(|known| known.heard_in_tunnel(tunnelled.at));
            self.tell_selected(id, news).await;
        }
    }

    /// Opens what a participant sent; whether it was voice.
    fn open(&mut self, id: PeerId, arrival: Instant, datagram: &[u8]) -> bool {
        let Some(peer) = self.peers.get_mut(&id) else {
            return false;
        };
        match peer.open(arrival, datagram) {
            Ok(Opened::Voice(packet)) => {
                self.live.trace.mark(Step::FrameReceived);
                self.sound.deliver(id, packet, arrival);
                true
            }
            Ok(Opened::Report) => {
                self.handle_report(arrival, id);
                false
            }
            Ok(Opened::Goodbye) => {
                if !self.goodbyes.contains(&id) {
                    self.goodbyes.push(id);
                }
                false
            }
            // Counted by the media layer; a line each would let a stranger fill the log.
            Err(error) => {
                tracing::trace!(%error, "a datagram was dropped");
                false
            }
        }
    }

    pub(super) fn send_reports(&mut self) {
        let now = Instant::now();
        let mut due = Vec::new();
        for (id, peer) in &mut self.peers {
            if let Some(report) = peer.poll_report(now) {
                due.push((*id, report));
            }
        }
        for (id, report) in due {
            self.send(id, now, report);
        }
    }

    pub(super) fn send_frame(&mut self, frame: &EncodedFrame) {
        let now = Instant::now();
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in ids {
            let Some(peer) = self.peers.get_mut(&id) else {
                continue;
            };
            match peer.seal(now, frame) {
                Ok(datagram) => {
                    self.live.trace.mark(Step::FrameSent);
                    self.send(id, now, datagram);
                }
                Err(error) => tracing::warn!(%error, "a voice frame could not be sealed"),
            }
        }
    }

    /// Tells everybody that this side leaves, on every way there is and more than once: nothing
    /// repeats it. The server says so, too, if it is there.
    pub(super) fn say_goodbye(&mut self) {
        let now = Instant::now();
        for (id, peer) in &mut self.peers {
            // Each is sealed by itself: a repeated packet would count as a replay.
            for _ in 0..GOODBYES {
                if let Some(goodbye) = peer.goodbye(now) {
                    self.agent.send_media(now.into_std(), *id, &goodbye);
                }
            }
            if let Some(goodbye) = peer.goodbye(now) {
                self.tunnel.outgoing.push(peer.name.clone(), goodbye);
            }
        }
    }

    /// Sends a sealed datagram on the way that is open to its receiver.
    fn send(&mut self, id: PeerId, now: Instant, datagram: Vec<u8>) {
        let Some(peer) = self.peers.get(&id) else {
            return;
        };
        let way = peer.way(now);
        if way != Way::Tunnel {
            self.agent.send_media(now.into_std(), id, &datagram);
        }
        if way != Way::Route {
            self.tunnel.outgoing.push(peer.name.clone(), datagram);
        }
    }
}
