//! One allocation at a TURN server (RFC 8656): the protocol is turn-client-proto's, the rest is
//! how this call uses it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use turn_client_proto::api::{
    Transmit as TurnTransmit, TurnClientApi, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet,
};
use turn_client_proto::stun::auth::LongTermClientAuth;
use turn_client_proto::types::attribute::Lifetime;
use turn_client_proto::types::message::{ALLOCATE, REFRESH};
use turn_client_proto::types::stun::attribute::{ErrorCode, Nonce, Realm};
use turn_client_proto::types::stun::message::{Message, MessageClass, MessageWriteVec};
use turn_client_proto::types::stun::prelude::{MessageWrite, MessageWriteExt};
use turn_client_proto::types::{
    AddressFamily, Instant as TurnInstant, TransportType, TurnCredentials,
};
use turn_client_proto::udp::TurnClientUdp;

use super::session::Pair;
use super::{Transmit, address};

/// Most hosts that one allocation admits.
const MAX_PERMISSIONS: usize = 96;
/// Most channels; there is one for each route that has been used.
const MAX_CHANNELS: usize = 64;
/// How often a permission or a channel is asked for that is refused.
const MAX_ASKED: u8 = 2;
/// First retransmission time-out, longest one, number of requests, and how long the answer to
/// the last one is awaited: six seconds altogether.
const RTO: (Duration, Duration, u32, Duration) = (
    Duration::from_millis(100),
    Duration::from_secs(1),
    7,
    Duration::from_secs(2),
);
/// How long an attempt may take altogether. The client itself does not always notice.
const MAX_ATTEMPT: Duration = Duration::from_secs(8);
/// How often the NAT binding towards the server is renewed when nothing else is sent
/// (RFC 8445 section 11).
const KEEPALIVE: Duration = Duration::from_secs(15);
/// The client spaces its requests by 50 ms. A request that must go now is asked for as of later.
const LATER: Duration = Duration::from_millis(60);
/// Longest challenge that is remembered, in bytes.
const MAX_CHALLENGE: usize = 1024;
/// Rounds of asking the client what it wants next; more would be a fault in it.
const MAX_ROUNDS: usize = 64;

/// What driving the allocation has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    None,
    /// There is a relayed address. Said once.
    Granted,
    /// It is over: refused, expired or not answered.
    Dead,
}

/// What became of a datagram from the server.
#[derive(Debug)]
pub(crate) enum Received {
    NotOurs,
    Handled,
    Data {
        relayed: SocketAddr,
        peer: SocketAddr,
        payload: Vec<u8>,
    },
}

/// An allocation, or the attempt at one.
pub(crate) struct Allocation {
    client: TurnClientUdp,
    /// The client's time counts from here.
    base: Instant,
    socket: SocketAddr,
    server: SocketAddr,
    credentials: TurnCredentials,
    relayed: Option<SocketAddr>,
    /// Families that were asked for and not refused.
    hopes: usize,
    /// The server's last demand for credentials, as long as nothing is allocated.
    challenge: Option<Vec<u8>>,
    permissions: Vec<(IpAddr, u8)>,
    channels: Vec<(SocketAddr, u8)>,
    deadline: Instant,
    due: Instant,
    sent: Instant,
    heard: Instant,
    indications: u32,
}

impl Allocation {
    /// An allocation that is asked for at `start`. Of IPv4, and where the server is reached over
    /// IPv6 of that as well: it may have no other (RFC 8656 section 7.2).
    pub(crate) fn new(
        base: Instant,
        start: Instant,
        (socket, server): Pair,
        credentials: TurnCredentials,
    ) -> Self {
        let mut config = TurnConfig::new(credentials.clone());
        if server.is_ipv6() {
            config.add_address_family(AddressFamily::IPV6);
        }
        let hopes = config.address_families().len();
        config.set_request_retransmits(RTO.0, RTO.1, RTO.2, RTO.3);
        Allocation {
            client: TurnClientUdp::allocate(socket, server, config),
            base,
            socket,
            server,
            credentials,
            relayed: None,
            hopes,
            challenge: None,
            permissions: Vec::new(),
            channels: Vec::new(),
            deadline: start + MAX_ATTEMPT,
            due: start,
            sent: start,
            heard: start,
            indications: 0,
        }
    }

    pub(crate) fn socket(&self) -> SocketAddr {
        self.socket
    }

    /// When the server was last heard.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    pub(crate) fn relayed(&self) -> Option<SocketAddr> {
        self.relayed
    }

    /// Asks that these hosts be let through, unless that has been done.
    pub(crate) fn permit(&mut self, now: Instant, hosts: &[IpAddr]) {
        let Some(relayed) = self.relayed else {
            return;
        };
        for host in hosts {
            let known = self.permissions.iter().any(|(known, _)| known == host);
            if !known
                && self.permissions.len() < MAX_PERMISSIONS
                && host.is_ipv4() == relayed.is_ipv4()
            {
                self.permissions.push((*host, 0));
                self.ask(now, *host);
            }
        }
    }

    /// Asks for a channel to this peer, unless that has been done: `false` then.
    pub(crate) fn bind(&mut self, now: Instant, peer: SocketAddr) -> bool {
        let known = self.channels.iter().any(|(known, _)| *known == peer);
        let is_new = !known && self.channels.len() < MAX_CHANNELS;
        if is_new {
            self.channels.push((peer, 0));
            self.ask_channel(now, peer);
        }
        is_new
    }

    /// The datagram that makes the server send this to a peer; none without a permission.
    pub(crate) fn wrap(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        payload: &[u8],
    ) -> Option<Transmit> {
        let time = self.time(now);
        let built = self
            .client
            .send_to(TransportType::Udp, peer, payload, time)
            .ok()??
            .build();
        self.sent = now;
        Some(Transmit {
            local: self.socket,
            remote: self.server,
            payload: built.data,
        })
    }

    /// Takes a datagram that came from the server to the socket.
    pub(crate) fn handle_packet(&mut self, now: Instant, payload: &[u8]) -> Received {
        if self.relayed.is_none() && !self.note_answer(now, payload) {
            return Received::Handled;
        }
        let time = self.time(now);
        let transmit = TurnTransmit::new(payload, TransportType::Udp, self.server, self.socket);
        let received = match self.client.recv(transmit, time) {
            TurnRecvRet::Ignored(_) => return Received::NotOurs,
            TurnRecvRet::Handled | TurnRecvRet::PeerIcmp { .. } => Received::Handled,
            TurnRecvRet::PeerData(data) => match self.relayed {
                Some(relayed) => Received::Data {
                    relayed,
                    peer: data.peer,
                    payload: data.data().to_vec(),
                },
                None => Received::Handled,
            },
        };
        if matches!(received, Received::Handled) {
            self.due = now;
        }
        self.heard = now;
        received
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut VecDeque<Transmit>) -> News {
        if now < self.due {
            return News::None;
        }
        if self.relayed.is_none() && now >= self.deadline {
            return News::Dead;
        }
        let mut news = News::None;
        for _ in 0..MAX_ROUNDS {
            let time = self.time(now);
            self.send(time, now, out);
            match self.client.poll(time) {
                TurnPollRet::WaitUntil(until) => {
                    self.due = (self.base + since_zero(until)).max(now);
                }
                TurnPollRet::Closed => return News::Dead,
                // Of TCP allocations, which are not asked for.
                TurnPollRet::AllocateTcpSocket { .. } | TurnPollRet::TcpClose { .. } => {}
            }
            while let Some(event) = self.client.poll_event() {
                match self.handle_event(now, &event) {
                    News::None => {}
                    News::Granted => news = News::Granted,
                    News::Dead => return News::Dead,
                }
            }
            if self.due > now {
                break;
            }
        }
        // Nothing that repeats without end may keep the caller busy.
        self.due = self.due.max(now + Duration::from_millis(1));
        if self.relayed.is_some() {
            if now >= self.sent + KEEPALIVE {
                self.sent = now;
                out.push_back(self.keepalive());
            }
            self.due = self.due.min(self.sent + KEEPALIVE);
        } else {
            self.due = self.due.min(self.deadline);
        }
        news
    }

    /// When [`Allocation::handle_timeout`] has something to do.
    pub(crate) fn poll_timeout(&self) -> Instant {
        self.due
    }

    /// Gives the allocation back. Nobody waits for the answer: what is lost expires.
    pub(crate) fn release(&mut self, now: Instant, out: &mut VecDeque<Transmit>) {
        let later = self.time(now + LATER);
        if self.client.delete(later).is_ok() {
            self.send(later, now, out);
        }
    }

    /// The server's last demand for credentials, if there was one.
    pub(crate) fn take_challenge(&mut self) -> Option<Vec<u8>> {
        self.challenge.take()
    }

    /// The request that ends an allocation which a failed attempt may have left behind: one that
    /// was granted, but every answer was lost. Without it the server refuses all others from
    /// this socket (437, RFC 8656 section 7.2) for as long as an allocation lives.
    /// `challenge` is a demand for credentials that an attempt from this socket has met.
    pub(crate) fn reclaim(&self, challenge: &[u8]) -> Option<Transmit> {
        let challenge = Message::from_bytes(challenge).ok()?;
        let mut auth = LongTermClientAuth::new();
        auth.set_credentials(self.credentials.clone().into());
        auth.validate_incoming_message(&challenge).ok()?;
        let mut refresh = Message::builder_request(REFRESH, MessageWriteVec::new());
        refresh.add_attribute(&Lifetime::new(0)).ok()?;
        let refresh = auth.sign_outgoing_message(refresh).ok()?;
        Some(Transmit {
            local: self.socket,
            remote: self.server,
            payload: refresh.finish(),
        })
    }

    /// Looks at what comes while nothing is allocated; `false` if the client must not see it.
    fn note_answer(&mut self, now: Instant, payload: &[u8]) -> bool {
        let Ok(message) = Message::from_bytes(payload) else {
            return true;
        };
        if !message.has_method(ALLOCATE) {
            // To a request that was sent to tidy up. The client would take the demand for
            // credentials in it for the first one, and the answer to its own for a refusal.
            return false;
        }
        let names_terms =
            message.attribute::<Realm>().is_ok() && message.attribute::<Nonce>().is_ok();
        if !message.has_class(MessageClass::Error) || !names_terms {
            return true;
        }
        let is_unauthorized = message
            .attribute::<ErrorCode>()
            .is_ok_and(|error| error.code() == ErrorCode::UNAUTHORIZED);
        let challenge = self.challenge.as_deref().map(Message::from_bytes);
        if let Some(Ok(challenge)) = challenge
            && is_unauthorized
            && challenge.transaction_id() != message.transaction_id()
        {
            // The credentials themselves were refused: others have to come (RFC 8489 section
            // 9.2.5). The client goes on asking, as nothing proves who says so.
            self.deadline = now;
            self.due = now;
        } else if payload.len() <= MAX_CHALLENGE {
            self.challenge = Some(payload.to_vec());
        }
        true
    }

    fn handle_event(&mut self, now: Instant, event: &TurnEvent) -> News {
        match event {
            TurnEvent::AllocationCreated(_, relayed) => {
                let relayed = address::canonical(*relayed);
                if !address::is_usable(relayed) {
                    return News::Dead;
                }
                // One is enough; both come at once, and everybody reaches IPv4 from a relay.
                if self.relayed.is_none_or(|other| other.is_ipv6()) {
                    self.relayed = Some(relayed);
                }
                return News::Granted;
            }
            TurnEvent::AllocationCreateFailed(family) => {
                self.hopes = self.hopes.saturating_sub(1);
                let is_over = match self.relayed {
                    Some(relayed) => relayed.is_ipv4() == (*family == AddressFamily::IPV4),
                    None => self.hopes == 0,
                };
                if is_over {
                    return News::Dead;
                }
            }
            TurnEvent::PermissionCreateFailed(_, host) => {
                let known = self.permissions.iter_mut().find(|(known, _)| known == host);
                if let Some((_, asked)) = known
                    && *asked < MAX_ASKED
                {
                    self.ask(now, *host);
                }
            }
            TurnEvent::ChannelCreateFailed(_, peer) => {
                let known = self.channels.iter_mut().find(|(known, _)| known == peer);
                if let Some((_, asked)) = known
                    && *asked < MAX_ASKED
                {
                    self.ask_channel(now, *peer);
                }
            }
            TurnEvent::PermissionCreated(..)
            | TurnEvent::ChannelCreated(..)
            | TurnEvent::TcpConnected(_)
            | TurnEvent::TcpConnectFailed(_) => {}
        }
        News::None
    }

    fn ask(&mut self, now: Instant, host: IpAddr) {
        let time = self.time(now);
        let known = self
            .permissions
            .iter_mut()
            .find(|(known, _)| *known == host);
        if let Some((_, asked)) = known {
            *asked += 1;
        }
        if let Err(error) = self
            .client
            .create_permission(TransportType::Udp, host, time)
        {
            tracing::debug!(%error, "a permission was not asked for");
        }
        self.due = now;
    }

    fn ask_channel(&mut self, now: Instant, peer: SocketAddr) {
        let time = self.time(now);
        let known = self.channels.iter_mut().find(|(known, _)| *known == peer);
        if let Some((_, asked)) = known {
            *asked += 1;
        }
        if let Err(error) = self.client.bind_channel(TransportType::Udp, peer, time) {
            tracing::debug!(%error, "a channel was not asked for");
        }
        self.due = now;
    }

    fn send(&mut self, time: TurnInstant, now: Instant, out: &mut VecDeque<Transmit>) {
        for _ in 0..MAX_ROUNDS {
            let Some(transmit) = self.client.poll_transmit(time) else {
                return;
            };
            self.sent = now;
            out.push_back(Transmit {
                local: self.socket,
                remote: self.server,
                payload: transmit.data.to_vec(),
            });
        }
    }

    /// A Binding indication: it asks for nothing and opens the NAT.
    fn keepalive(&mut self) -> Transmit {
        self.indications = self.indications.wrapping_add(1);
        let mut payload = vec![0x00, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        payload.extend([0; 8]);
        payload.extend(self.indications.to_be_bytes());
        Transmit {
            local: self.socket,
            remote: self.server,
            payload,
        }
    }

    fn time(&self, now: Instant) -> TurnInstant {
        let since = now.saturating_duration_since(self.base).as_nanos();
        TurnInstant::from_nanos(i64::try_from(since).unwrap_or(i64::MAX / 2))
    }
}

fn since_zero(time: TurnInstant) -> Duration {
    Duration::from_nanos(u64::try_from(time.as_nanos()).unwrap_or(0))
}
