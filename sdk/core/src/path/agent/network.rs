//! What changes around the call: sockets, relays, and who may know of them.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use is::Candidate;
use turn_client_proto::types::TurnCredentials;

use super::super::gather::Mapped;
use super::super::peer::Outputs;
use super::super::relay::RelayEvent;
use super::super::session::Pair;
use super::super::{PathEvent, Privacy, Transmit, address};
use super::{PathAgent, local_end};

impl PathAgent {
    /// Allocates a relayed address at a TURN server (RFC 8656), from whichever local socket of
    /// the server's address family gets one first. It is described and checked like every other
    /// candidate; [`PathEvent::DescriptionChanged`] tells when it is there. Adding a server
    /// again renews its credentials. At most four servers are used; an allocation that fails is
    /// tried again a few times only, and after each change of the network.
    pub fn add_relay(
        &mut self,
        now: Instant,
        server: SocketAddr,
        username: &str,
        credential: &str,
    ) {
        let credentials = TurnCredentials::new(username, credential);
        self.relays
            .add(now, server, credentials, self.locals.sockets());
        self.drive_relays(now);
        self.bound_queues();
    }

    /// Decides which of our addresses peers may learn. To [`Privacy::RelayOnly`] every route
    /// and session that shows another one is given up at once; to [`Privacy::Direct`] the
    /// other candidates join the checks, and the call moves to a direct route when one opens.
    /// Either way the description changes. What a peer has learnt already it keeps.
    pub fn set_privacy(&mut self, now: Instant, privacy: Privacy) {
        let before = self.locals.shown().to_vec();
        if !self.locals.set_privacy(privacy) {
            return;
        }
        self.early.clear();
        let shown = self.locals.shown();
        let added: Vec<Candidate> = shown
            .iter()
            .filter(|c| !before.contains(c))
            .cloned()
            .collect();
        let local = local_end(&self.config, &self.locals);
        let mut out = Outputs {
            transmits: &mut self.checks,
            events: &mut self.events,
            lost: &mut self.lost,
        };
        for peer in self.peers.values_mut() {
            match privacy {
                Privacy::Direct => peer.add_locals(now, &local, &added),
                Privacy::RelayOnly => peer.confine(now, &local, &mut out),
            }
        }
        if before != self.locals.shown() && !self.gatherer.is_pending() {
            self.events.push_back(PathEvent::DescriptionChanged);
        }
        self.settle_all(now);
    }

    /// Takes the sockets as they are now: those that are not named are gone, the others are
    /// new or stay. Routes over sockets that are gone move to a pair that is known to work, or
    /// are lost; over new sockets everything is checked at once, and STUN servers and relays
    /// are asked. Credentials stay the same, so that a peer takes us for the same one before
    /// it is told.
    pub fn set_local_addresses(&mut self, now: Instant, local: &[SocketAddr]) {
        let wanted: Vec<SocketAddr> = local.iter().map(|l| address::canonical(*l)).collect();
        let before = self.locals.shown().to_vec();
        let old = self.locals.sockets().to_vec();
        let gone: Vec<SocketAddr> = old.into_iter().filter(|s| !wanted.contains(s)).collect();
        let mut lost = Vec::new();
        for socket in &gone {
            lost.extend(self.locals.remove_socket(*socket));
            self.gatherer.remove_socket(*socket);
            self.relays.remove_socket(now, *socket);
        }
        let mut added = Vec::new();
        let mut fresh = Vec::new();
        for socket in wanted {
            if let Some(candidate) = self.locals.add_socket(socket) {
                added.push(candidate);
                fresh.push(socket);
            }
        }
        if gone.is_empty() && fresh.is_empty() {
            return;
        }
        self.transmits.retain(|t| !gone.contains(&t.local));
        added.retain(|c| self.locals.shows(c));
        let local = local_end(&self.config, &self.locals);
        let mut out = Outputs {
            transmits: &mut self.checks,
            events: &mut self.events,
            lost: &mut self.lost,
        };
        // New ones first: a session without any candidate counts as failed.
        for peer in self.peers.values_mut() {
            peer.add_locals(now, &local, &added);
            peer.remove_locals(now, &local, &lost, &mut out);
        }
        if before != self.locals.shown() && !self.gatherer.is_pending() {
            self.events.push_back(PathEvent::DescriptionChanged);
        }
        self.gatherer.ask(now, &fresh, &self.stun_servers);
        self.relays.reopen(now, self.locals.sockets());
        self.handle_timeout(now);
    }

    /// A router lends an outside address to a local socket (PCP, NAT-PMP). It becomes a
    /// server-reflexive candidate like those that STUN finds (RFC 8445 section 5.1.1.2); what makes
    /// no sense is left out.
    pub fn add_mapped(&mut self, now: Instant, local: SocketAddr, mapped: SocketAddr) {
        let mapped = Mapped {
            local: address::canonical(local),
            mapped: address::canonical(mapped),
        };
        if !address::is_usable(mapped.mapped) || !address::is_sendable(mapped.local, mapped.mapped)
        {
            return;
        }
        if let Some(candidate) = self.locals.add_mapped(mapped) {
            self.add_candidates(now, &[candidate]);
        }
    }

    /// The ways from the local addresses may lead elsewhere, as when the default route has changed.
    /// Every pair is checked at once, and STUN servers and relays are asked where nothing is
    /// under way.
    pub fn handle_routes_changed(&mut self, now: Instant) {
        let local = local_end(&self.config, &self.locals);
        for peer in self.peers.values_mut() {
            peer.freshen(now, &local, true);
        }
        self.gatherer.refresh(now);
        self.relays.reopen(now, self.locals.sockets());
        self.handle_timeout(now);
    }

    /// Moves the relays on and takes in what becomes of them.
    pub(super) fn drive_relays(&mut self, now: Instant) {
        let sockets = self.locals.sockets();
        self.relays
            .handle_timeout(now, sockets, &mut self.transmits);
        while let Some(event) = self.relays.poll_event() {
            match event {
                RelayEvent::Opened { relayed, socket } => {
                    if let Some(candidate) = self.locals.add_relayed(relayed, socket) {
                        self.add_candidates(now, &[candidate]);
                    }
                }
                RelayEvent::Closed { relayed } => {
                    let gone = self.locals.remove_relayed(relayed);
                    self.remove_candidates(now, &gone);
                }
            }
        }
    }

    /// Makes new candidates known to the sessions, and to the caller if it believes that it
    /// knows them all.
    pub(super) fn add_candidates(&mut self, now: Instant, added: &[Candidate]) {
        let added: Vec<Candidate> = added
            .iter()
            .filter(|c| self.locals.shows(c))
            .cloned()
            .collect();
        if added.is_empty() {
            return;
        }
        let local = local_end(&self.config, &self.locals);
        for peer in self.peers.values_mut() {
            peer.add_locals(now, &local, &added);
        }
        if !self.gatherer.is_pending() {
            self.events.push_back(PathEvent::DescriptionChanged);
        }
        self.settle_all(now);
    }

    fn remove_candidates(&mut self, now: Instant, gone: &[Candidate]) {
        if gone.is_empty() {
            return;
        }
        let local = local_end(&self.config, &self.locals);
        let mut out = Outputs {
            transmits: &mut self.checks,
            events: &mut self.events,
            lost: &mut self.lost,
        };
        for peer in self.peers.values_mut() {
            peer.remove_locals(now, &local, gone, &mut out);
        }
        if !self.gatherer.is_pending() {
            self.events.push_back(PathEvent::DescriptionChanged);
        }
        self.settle_all(now);
    }

    /// Tells the relays whose datagrams to let through: relays and other public hosts first,
    /// as what is private the relay most likely refuses.
    pub(super) fn permit_peers(&mut self, now: Instant) {
        let mut hosts: Vec<(u8, IpAddr)> = Vec::new();
        for candidate in self.peers.values().flat_map(|p| p.hosts()) {
            let host = candidate.addr().ip();
            if !hosts.iter().any(|(_, known)| *known == host) {
                hosts.push((address::remoteness(host), host));
            }
        }
        hosts.sort();
        let hosts = hosts.into_iter().map(|(_, host)| host).collect();
        self.relays.permit(now, hosts);
        self.drive_relays(now);
    }

    /// The datagram that takes this payload along a pair: itself, or in a relay's wrapping.
    /// Everything that goes to a peer goes through here.
    pub(super) fn way_out(&mut self, now: Instant, pair: Pair, payload: &[u8]) -> Option<Transmit> {
        if self.relays.has(pair.0) {
            return self.relays.wrap(now, pair.0, pair.1, payload);
        }
        let may = self.privacy() == Privacy::Direct && self.locals.sockets().contains(&pair.0);
        may.then(|| Transmit {
            local: pair.0,
            remote: pair.1,
            payload: payload.to_vec(),
        })
    }
}
