//! The way of a datagram from a socket to whom it concerns.

use std::net::SocketAddr;
use std::time::Instant;

use super::super::demux::{self, BindingHeader, Class, Kind};
use super::super::gather::Outcome;
use super::super::relay::RelayInbound;
use super::super::session::Pair;
use super::super::{Inbound, PeerId, Privacy, address};
use super::{MAX_MEDIA, PathAgent};

impl PathAgent {
    /// Takes a datagram that the socket bound to `local` received from `remote`.
    ///
    /// Only authenticated checks are ever answered. Everything that is not recognised is
    /// counted and otherwise left alone.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        payload: &[u8],
    ) -> Inbound {
        let pair = (address::canonical(local), address::canonical(remote));
        let inbound = if self.locals.sockets().contains(&pair.0) {
            self.handle_datagram(now, pair, payload)
        } else {
            Inbound::Stray
        };
        let counter = match inbound {
            Inbound::Handled => &mut self.stats.stun,
            Inbound::Media(_) => &mut self.stats.media,
            Inbound::Stray => &mut self.stats.stray,
        };
        *counter = counter.saturating_add(1);
        inbound
    }

    fn handle_datagram(&mut self, now: Instant, pair: Pair, payload: &[u8]) -> Inbound {
        let header = match demux::kind(payload) {
            Kind::Stun => BindingHeader::parse(payload),
            Kind::Media if self.privacy() == Privacy::Direct => {
                return match self.handle_media(now, pair) {
                    Some(peer) => Inbound::Media(peer),
                    None => Inbound::Stray,
                };
            }
            Kind::Channel => None,
            Kind::Media | Kind::Other => return Inbound::Stray,
        };
        match header {
            Some(header) => self.handle_binding(now, pair, header, payload),
            None => self.handle_relay(now, pair, payload),
        }
    }

    fn handle_binding(
        &mut self,
        now: Instant,
        pair: Pair,
        header: BindingHeader,
        payload: &[u8],
    ) -> Inbound {
        // Whoever hides behind a relay answers nobody who comes around it.
        let open = self.privacy() == Privacy::Direct || self.relays.has(pair.0);
        match header.class {
            Class::Request if open => self.handle_request(now, pair, payload),
            Class::Success | Class::Error => self.handle_response(now, pair, header, payload, open),
            // Nobody in a call sends one (RFC 8445 section 11 allows it for keep-alives); it
            // cannot be authenticated and asks for nothing.
            Class::Request | Class::Indication => Inbound::Stray,
        }
    }

    fn handle_request(&mut self, now: Instant, pair: Pair, payload: &[u8]) -> Inbound {
        let Some((own, theirs)) = demux::username(payload) else {
            return Inbound::Stray;
        };
        if own != self.locals.creds().ufrag {
            return Inbound::Stray;
        }
        let mut is_known = false;
        let accepted = self.peers.values_mut().find_map(|p| {
            is_known |= p.ufrag() == theirs;
            p.handle_request(now, theirs, pair, payload).then(|| p.id())
        });
        if accepted.is_none() && !is_known {
            // The signalling may be about to tell who that is.
            self.early
                .keep(now, self.locals.creds(), theirs, pair, payload);
        }
        self.handled(now, accepted)
    }

    fn handle_response(
        &mut self,
        now: Instant,
        pair: Pair,
        header: BindingHeader,
        payload: &[u8],
        open: bool,
    ) -> Inbound {
        match self
            .gatherer
            .handle_response(now, pair.0, pair.1, header, payload)
        {
            Outcome::Answered(mapped) => {
                if let Some(mapped) = mapped
                    && let Some(candidate) = self.locals.add_mapped(mapped)
                {
                    self.add_candidates(now, &[candidate]);
                }
                self.report_gathering(now);
                return Inbound::Handled;
            }
            Outcome::NotOurs => {}
        }
        if !open {
            return Inbound::Stray;
        }
        let accepted = self.peers.values_mut().find_map(|p| {
            p.handle_response(now, pair, header, payload)
                .then(|| p.id())
        });
        self.handled(now, accepted)
    }

    fn handle_media(&mut self, now: Instant, pair: Pair) -> Option<PeerId> {
        let owner = self
            .peers
            .values_mut()
            .filter_map(|p| Some((p.evidence(pair)?, p)))
            .max_by_key(|(evidence, _)| *evidence);
        owner.map(|(_, peer)| {
            peer.handle_media(now, pair);
            peer.id()
        })
    }

    /// What comes from a relay server is either the relay's own business or a datagram of a
    /// peer in its wrapping.
    fn handle_relay(&mut self, now: Instant, pair: Pair, payload: &[u8]) -> Inbound {
        match self.relays.handle_packet(now, pair.0, pair.1, payload) {
            RelayInbound::NotOurs => Inbound::Stray,
            RelayInbound::Handled => {
                self.drive_relays(now);
                self.report_gathering(now);
                self.settle_all(now);
                Inbound::Handled
            }
            RelayInbound::Data {
                relayed,
                peer,
                payload,
            } => self.handle_relayed(now, (relayed, peer), payload),
        }
    }

    fn handle_relayed(&mut self, now: Instant, pair: Pair, payload: Vec<u8>) -> Inbound {
        match demux::kind(&payload) {
            Kind::Stun => match BindingHeader::parse(&payload) {
                Some(header) => self.handle_binding(now, pair, header, &payload),
                None => Inbound::Stray,
            },
            Kind::Media => match self.handle_media(now, pair) {
                Some(peer) => {
                    if self.media.len() >= MAX_MEDIA {
                        self.media.pop_front();
                    }
                    self.media.push_back((peer, payload));
                    Inbound::Handled
                }
                None => Inbound::Stray,
            },
            Kind::Channel | Kind::Other => Inbound::Stray,
        }
    }

    fn handled(&mut self, now: Instant, accepted: Option<PeerId>) -> Inbound {
        match accepted {
            Some(peer) => {
                self.settle(now, peer);
                Inbound::Handled
            }
            None => Inbound::Stray,
        }
    }
}
