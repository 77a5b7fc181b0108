//! One participant, as the media plane sees them.

use std::time::Duration;

use cooee_audio::EncodedFrame;
use cooee_core::media::{MediaStats, OpenError, Opened, PeerMedia, SealError, VoiceFrame};
use cooee_core::path::RouteKind;
use cooee_protocol::Username;
use tokio::time::Instant;

use super::controls::Playing;
use super::quality::Listening;

/// Silence on a route after which the tunnel helps out. A participant sends every 20 ms, muted or
/// not, so this many missing packets are no accident.
const SILENCE: Duration = Duration::from_millis(300);

/// How long a path may take to open before the tunnel is called the route. Voice flows through it
/// from the start; but most paths open within this time, and nobody is served by a route that is
/// another one a moment later.
const HEAD_START: Duration = Duration::from_millis(500);

/// How long nothing may come through the tunnel until it counts as lost, where it is the route; the
/// same as for a path.
const TUNNEL_SILENCE: Duration = Duration::from_secs(6);

/// News about how voice gets to a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RouteNews {
    pub(super) kind: RouteKind,
    /// Since when voice has been flowing.
    pub(super) since: Instant,
}

/// Where a sealed datagram has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Over the path that was selected.
    Route,
    /// Through the server.
    Tunnel,
    /// Both: the path has fallen silent, and the other end drops what comes twice.
    Both,
}

pub(super) struct Peer {
    pub(super) name: Username,
    pub(super) safety_code: String,
    pub(super) playing: Playing,
    pub(super) listening: Listening,
    media: PeerMedia,
    /// The peer's reports on our voice that were taken into account.
    reports: u64,
    added: Instant,
    /// When voice first came, on whatever way, since there was none.
    flowing: Option<Instant>,
    /// How voice gets there, as the user was told.
    announced: Option<RouteKind>,
    /// Whether the path agent has a working path.
    routed: bool,
    /// When voice last came over a path, or when the first one was selected.
    heard: Option<Instant>,
    /// When voice last came through the tunnel.
    tunnelled: Option<Instant>,
}

impl Peer {
    pub(super) fn new(now: Instant, name: Username, safety_code: String, media: PeerMedia) -> Self {
        Self {
            name,
            safety_code,
            playing: Playing::default(),
            listening: Listening::default(),
            media,
            reports: 0,
            added: now,
            flowing: None,
            announced: None,
            routed: false,
            heard: None,
            tunnelled: None,
        }
    }

    pub(super) fn stats(&self) -> MediaStats {
        self.media.stats()
    }

    /// When the participant came.
    pub(super) fn added(&self) -> Instant {
        self.added
    }

    /// Whether the peer has reported on our voice since this was asked last, given how many
    /// reports there were.
    pub(super) fn is_new_report(&mut self, reports: u64) -> bool {
        std::mem::replace(&mut self.reports, reports) != reports
    }

    pub(super) fn poll_timeout(&self) -> Option<std::time::Instant> {
        self.media.poll_timeout()
    }

    pub(super) fn poll_report(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.media.poll_report(now.into_std())
    }

    /// The last report.
    pub(super) fn goodbye(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.media.goodbye(now.into_std())
    }

    /// Where to send now.
    pub(super) fn way(&self, now: Instant) -> Way {
        if !self.routed {
            return Way::Tunnel;
        }
        match self.heard {
            Some(heard) if now.saturating_duration_since(heard) > SILENCE => Way::Both,
            Some(_) | None => Way::Route,
        }
    }

    pub(super) fn seal(
        &mut self,
        now: Instant,
        frame: &EncodedFrame,
    ) -> Result<Vec<u8>, SealError> {
        let frame = VoiceFrame {
            timestamp: frame.timestamp,
            marker: frame.marker,
            opus: &frame.opus,
        };
        self.media.seal(now.into_std(), &frame)
    }

    pub(super) fn open(&mut self, arrival: Instant, datagram: &[u8]) -> Result<Opened, OpenError> {
        self.media.open(arrival.into_std(), datagram)
    }

    /// Voice came over the selected path.
    pub(super) fn heard_on_route(&mut self, arrival: Instant) {
        self.heard = Some(arrival);
    }

    /// A path was selected; says what to tell the user, if it is news.
    pub(super) fn selected(&mut self, now: Instant, kind: RouteKind) -> Option<RouteNews> {
        // A path that takes the place of one that has fallen silent has yet to be heard itself:
        // the tunnel helps out until then.
        if !std::mem::replace(&mut self.routed, true) {
            self.heard = Some(now);
        }
        self.announce(now, kind)
    }

    /// Voice came through the tunnel; says what to tell the user, if it is news.
    pub(super) fn heard_in_tunnel(&mut self, arrival: Instant) -> Option<RouteNews> {
        self.flowing.get_or_insert(arrival);
        self.tunnelled = Some(arrival);
        let early = arrival.saturating_duration_since(self.added) < HEAD_START;
        if self.routed || early {
            return None;
        }
        self.announce(arrival, RouteKind::Tunnelled)
    }

    /// The path is lost. The tunnel is announced when something comes through it.
    pub(super) fn lost(&mut self) {
        self.routed = false;
        self.announced = None;
        self.flowing = None;
    }

    /// Whether the tunnel is the route and has fallen silent. It is lost then, until something
    /// comes through it again.
    pub(super) fn falls_silent(&mut self, now: Instant) -> bool {
        let quiet = |at: Instant| now.saturating_duration_since(at) > TUNNEL_SILENCE;
        let silent = !self.routed
            && self.announced == Some(RouteKind::Tunnelled)
            && self.tunnelled.is_none_or(quiet);
        if silent {
            self.lost();
        }
        silent
    }

    fn announce(&mut self, now: Instant, kind: RouteKind) -> Option<RouteNews> {
        let since = *self.flowing.get_or_insert(now);
        let news = self.announced != Some(kind);
        self.announced = Some(kind);
        news.then_some(RouteNews { kind, since })
    }
}

#[cfg(test)]
mod tests {
    use cooee_core::media::{CallContext, CallKey, MediaConfig};

    use super::*;

    fn peer(now: Instant) -> Peer {
        let context = CallContext {
            id_group: "g",
            own_name: "alice",
            peer_name: "bob",
        };
        let keys = CallKey::generate().agree(&CallKey::generate().public(), &context);
        let media = PeerMedia::new(keys.expect("a key"), MediaConfig::default());
        let name = Username::parse("bob").expect("a name");
        Peer::new(now, name, String::new(), media.expect("a peer"))
    }

    #[test]
    fn the_tunnel_helps_out_while_routes_are_tried_that_nothing_comes_over() {
        let start = Instant::now();
        let mut peer = peer(start);
        assert_eq!(peer.way(start), Way::Tunnel);
        peer.selected(start, RouteKind::Relayed);
        assert_eq!(peer.way(start), Way::Route);
        // The relay has started again: each route to it is as dead as the one before.
        let mut now = start + SILENCE + Duration::from_millis(20);
        for _ in 0..10 {
            assert_eq!(peer.way(now), Way::Both);
            peer.selected(now, RouteKind::Relayed);
            now += Duration::from_millis(20);
        }
        peer.heard_on_route(now);
        assert_eq!(peer.way(now), Way::Route);
        peer.lost();
        assert_eq!(peer.way(now), Way::Tunnel);
        // A path that comes after none was checked a moment ago.
        peer.selected(now + SILENCE * 2, RouteKind::Direct);
        assert_eq!(peer.way(now + SILENCE * 2), Way::Route);
    }

    #[test]
    fn a_silent_tunnel_is_lost_and_found_again() {
        let start = Instant::now();
        let mut peer = peer(start);
        let mut now = start + HEAD_START;
        let news = peer.heard_in_tunnel(now).map(|news| news.kind);
        assert_eq!(news, Some(RouteKind::Tunnelled));
        now += TUNNEL_SILENCE;
        assert!(!peer.falls_silent(now));
        now += Duration::from_millis(1);
        assert!(peer.falls_silent(now));
        assert!(!peer.falls_silent(now), "said once");
        assert_eq!(peer.way(now), Way::Tunnel);
        assert!(peer.heard_in_tunnel(now).is_some());
        // With a path nobody misses the tunnel.
        peer.selected(now, RouteKind::Direct);
        assert!(!peer.falls_silent(now + TUNNEL_SILENCE * 2));
    }
}
