//! One client of the relay, which is one 5-tuple with one allocation.
//!
//! Each has a [`TurnServer`] of its own, so that a packet costs the same however many clients
//! there are, and taking a client out takes everything of it. The relay has authenticated a
//! request before it comes here; it is then signed anew with a key that only the two know, and
//! the answer is signed with the client's key.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

use turn_server_proto::api::{
    DelayedMessageOrChannelSend, SocketAllocateError, Transmit, TurnServerApi as _,
    TurnServerPollRet,
};
use turn_server_proto::server::TurnServer;
use turn_server_proto::types::prelude::DelayedTransmitBuild as _;
use turn_server_proto::types::stun::message::{
    IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials,
};
use turn_server_proto::types::{AddressFamily, Instant as TurnInstant, TransportType};

use super::machine::Limits;
use super::wire::{Framed, attribute, compose, kind};
use crate::limits::Bucket;

/// The longest that an allocation lives without a refresh, in seconds.
pub(super) const ALLOCATION_LIFE: u32 = 600;

const PERMISSION_LIFE: Duration = Duration::from_secs(300);
const CHANNEL_LIFE: Duration = Duration::from_secs(600);

/// The most hosts that one allocation may have permissions for: a few addresses for everybody in
/// a large call.
const MOST_PERMISSIONS: usize = 64;

/// The most channels of one allocation.
const MOST_CHANNELS: usize = 64;

const INNER: &str = "inner";

/// No nonce between the front and its engine grows old.
const NONCE_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The engine's time: what has passed since the relay began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) began: Instant,
}

impl Clock {
    fn at(self, now: Instant) -> TurnInstant {
        let passed = now.saturating_duration_since(self.began).as_nanos();
        TurnInstant::from_nanos(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}

/// What becomes of a request for an allocation.
pub(super) enum Asked {
    /// A socket is to be opened.
    Socket(AddressFamily),
    /// It was refused with this answer.
    Refused(Vec<u8>),
}

#[derive(Debug)]
pub(super) struct Client {
    turn: TurnServer,
    clock: Clock,
    listen: SocketAddr,
    remote: SocketAddr,
    /// The address of this machine that it sends to, where there are several.
    pub(super) asked: Option<IpAddr>,
    /// The participant that it belongs to.
    pub(super) id: String,
    pub(super) username: String,
    /// The key of the credentials that it was made with.
    pub(super) key: IntegrityKey,
    inner_key: IntegrityKey,
    inner_nonce: Vec<u8>,
    /// The answer to the request that made the allocation, for when it is asked again.
    allocated: Option<([u8; 12], Vec<u8>)>,
    family: Option<AddressFamily>,
    pub(super) relayed: Option<SocketAddr>,
    permissions: HashMap<IpAddr, Instant>,
    channels: HashMap<u16, (SocketAddr, Instant)>,
    to_peers: Bucket,
    to_client: Bucket,
}

impl Client {
    pub(super) fn new(
        clock: Clock,
        (listen, remote): (SocketAddr, SocketAddr),
        (id, username): (String, String),
        key: IntegrityKey,
        now: Instant,
    ) -> Option<Self> {
        let mut turn = TurnServer::new(TransportType::Udp, listen, INNER.to_owned());
        turn.set_nonce_expiry_duration(NONCE_LIFE);
        turn.add_user(INNER.to_owned(), INNER.to_owned());
        // Its first answer is always the nonce that it wants to see.
        let hello = compose(kind::ALLOCATE, [0; 12], &[], None, false)?;
        let hello = Transmit::new(hello, TransportType::Udp, remote, listen);
        let challenge = turn.recv(hello, clock.at(now))?.data.build();
        let inner_nonce = Framed::parse(&challenge)?
            .attribute(attribute::NONCE)?
            .to_vec();
        let inner = INNER.to_owned();
        let inner_key = LongTermKeyCredentials::new(inner.clone(), inner.clone(), inner)
            .make_key(IntegrityAlgorithm::Sha1);
        Some(Self {
            turn,
            clock,
            listen,
            remote,
            asked: None,
            id,
            username,
            key,
            inner_key,
            inner_nonce,
            allocated: None,
            family: None,
            relayed: None,
            permissions: HashMap::new(),
            channels: HashMap::new(),
            to_peers: Bucket::default(),
            to_client: Bucket::default(),
        })
    }

    /// The answer that the same Allocate request got before.
    pub(super) fn answered(&self, transaction: [u8; 12]) -> Option<&[u8]> {
        self.allocated
            .as_ref()
            .filter(|(earlier, _)| *earlier == transaction)
            .map(|(_, answer)| answer.as_slice())
    }

    /// An Allocate request.
    pub(super) fn allocate(&mut self, request: &Framed<'_>, now: Instant) -> Option<Asked> {
        if let Some(refusal) = self.ask(request, now) {
            return Some(Asked::Refused(refusal));
        }
        match self.turn.poll(self.clock.at(now)) {
            TurnServerPollRet::AllocateSocket { family, .. } => {
                self.family = Some(family);
                Some(Asked::Socket(family))
            }
            TurnServerPollRet::WaitUntil(_)
            | TurnServerPollRet::TcpConnect { .. }
            | TurnServerPollRet::TcpClose { .. }
            | TurnServerPollRet::SocketClose { .. } => None,
        }
    }

    /// The socket that was asked for, or why there is none: the answer to the Allocate request.
    pub(super) fn opened(
        &mut self,
        relayed: Result<SocketAddr, SocketAllocateError>,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let family = self.family?;
        let at = self.clock.at(now);
        self.turn.allocated_socket(
            TransportType::Udp,
            self.listen,
            self.remote,
            TransportType::Udp,
            family,
            relayed,
            at,
        );
        let answer = self.turn.poll_transmit(at)?.data;
        let framed = Framed::parse(&answer)?;
        let answer = self.signed(&framed)?;
        self.relayed = relayed.ok();
        self.allocated = Some((framed.transaction, answer.clone()));
        Some(answer)
    }

    /// Carries out a Refresh, CreatePermission or ChannelBind request; the answer.
    pub(super) fn request(&mut self, request: &Framed<'_>, now: Instant) -> Option<Vec<u8>> {
        self.ask(request, now)
    }

    /// Whether the allocation still lives.
    pub(super) fn is_alive(&mut self, now: Instant) -> bool {
        let at = self.clock.at(now);
        // Each turn of the loop takes one thing from the engine's queues, which are short.
        loop {
            match self.turn.poll(at) {
                TurnServerPollRet::SocketClose { .. } => return false,
                TurnServerPollRet::TcpClose { .. } => {}
                TurnServerPollRet::WaitUntil(_)
                | TurnServerPollRet::AllocateSocket { .. }
                | TurnServerPollRet::TcpConnect { .. } => return true,
            }
        }
    }

    /// Whether there is room for permissions for these hosts.
    pub(super) fn has_room_for(&mut self, peers: &[SocketAddr], now: Instant) -> bool {
        self.permissions.retain(|_, until| *until >= now);
        let new = peers
            .iter()
            .filter(|peer| !self.permissions.contains_key(&peer.ip()));
        // The same host twice counts twice: it is asked for too much, not too little.
        self.permissions.len() + new.count() <= MOST_PERMISSIONS
    }

    /// Notes permissions that were granted.
    pub(super) fn permitted(&mut self, peers: &[SocketAddr], now: Instant) {
        for peer in peers {
            self.permissions.insert(peer.ip(), now + PERMISSION_LIFE);
        }
    }

    /// Whether a channel of that number to that peer is neither in another's way nor one too many.
    pub(super) fn can_bind(&mut self, number: u16, peer: SocketAddr, now: Instant) -> Bind {
        self.channels.retain(|_, (_, until)| *until >= now);
        match self.channels.get(&number) {
            Some((bound, _)) if *bound == peer => Bind::Yes,
            Some(_) => Bind::Taken,
            None if self.channels.len() >= MOST_CHANNELS => Bind::Full,
            None => Bind::Yes,
        }
    }

    /// Notes a channel that was bound.
    pub(super) fn bound(&mut self, number: u16, peer: SocketAddr, now: Instant) {
        self.channels.insert(number, (peer, now + CHANNEL_LIFE));
        self.permitted(&[peer], now);
    }

    /// Takes data for a peer out of ChannelData or a Send indication: to whom, and where in the
    /// datagram it is. Nothing when it may not go, or not now.
    pub(super) fn outgoing(
        &mut self,
        datagram: &[u8],
        limits: &Limits,
        now: Instant,
    ) -> Option<(SocketAddr, Range<usize>)> {
        let incoming = Transmit::new(datagram, TransportType::Udp, self.remote, self.listen);
        let sent = self.turn.recv(incoming, self.clock.at(now))?;
        let DelayedMessageOrChannelSend::Range(_, range) = sent.data else {
            return None;
        };
        let bytes = u32::try_from(range.len()).ok()?;
        let within = self.to_peers.take(&limits.bytes, bytes, now);
        within.then_some((sent.to, range))
    }

    /// Wraps what a peer has sent to the allocation for the client, in `out`; says whether it is
    /// to be sent.
    pub(super) fn incoming(
        &mut self,
        (peer, payload): (SocketAddr, &[u8]),
        limits: &Limits,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(relayed) = self.relayed else {
            return false;
        };
        let incoming = Transmit::new(payload, TransportType::Udp, peer, relayed);
        let Some(sent) = self.turn.recv(incoming, self.clock.at(now)) else {
            return false;
        };
        let bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        if sent.to != self.remote || !self.to_client.take(&limits.bytes, bytes, now) {
            return false;
        }
        match sent.data {
            // Written in place it would be a Send indication (turn-types 0.7.3).
            message @ DelayedMessageOrChannelSend::Message(_) => *out = message.build(),
            data @ (DelayedMessageOrChannelSend::Channel(_)
            | DelayedMessageOrChannelSend::Owned(_)
            | DelayedMessageOrChannelSend::Range(..)) => {
                out.clear();
                out.resize(data.len(), 0);
                let length = data.write_into(out);
                out.truncate(length);
            }
        }
        true
    }

    /// Signs a request anew for the engine, and its answer for the client.
    fn ask(&mut self, request: &Framed<'_>, now: Instant) -> Option<Vec<u8>> {
        let shorter = ALLOCATION_LIFE.to_be_bytes();
        let mut attributes: Vec<(u16, &[u8])> = Vec::new();
        for (attribute, value) in &request.attributes {
            match *attribute {
                attribute::USERNAME
                | attribute::USERHASH
                | attribute::REALM
                | attribute::NONCE
                | attribute::PASSWORD_ALGORITHM
                | attribute::PASSWORD_ALGORITHMS
                | attribute::MESSAGE_INTEGRITY_SHA256
                // Optional, and one family for each allocation is all that there is.
                | attribute::ADDITIONAL_ADDRESS_FAMILY => {}
                attribute::LIFETIME => {
                    let asked = value.first_chunk().map(|seconds| u32::from_be_bytes(*seconds));
                    let long = asked.is_some_and(|seconds| seconds > ALLOCATION_LIFE);
                    attributes.push((*attribute, if long { &shorter } else { value }));
                }
                other => attributes.push((other, value)),
            }
        }
        attributes.push((attribute::USERNAME, INNER.as_bytes()));
        attributes.push((attribute::REALM, INNER.as_bytes()));
        attributes.push((attribute::NONCE, &self.inner_nonce));
        let key = Some(&self.inner_key);
        let inner = compose(request.kind, request.transaction, &attributes, key, false)?;
        let inner = Transmit::new(inner, TransportType::Udp, self.remote, self.listen);
        let answer = self.turn.recv(inner, self.clock.at(now))?.data.build();
        self.signed(&Framed::parse(&answer)?)
    }

    /// The engine's answer, signed for the client.
    fn signed(&self, answer: &Framed<'_>) -> Option<Vec<u8>> {
        let mut attributes = answer.attributes.clone();
        attributes.retain(|(attribute, _)| {
            !matches!(
                *attribute,
                attribute::REALM
                    | attribute::NONCE
                    | attribute::PASSWORD_ALGORITHM
                    | attribute::PASSWORD_ALGORITHMS
            )
        });
        let key = Some(&self.key);
        compose(answer.kind, answer.transaction, &attributes, key, true)
    }
}

/// Whether a channel can be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bind {
    Yes,
    /// The number leads to another peer.
    Taken,
    /// There are too many.
    Full,
}
