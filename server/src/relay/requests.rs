//! Requests: who asks (RFC 8489, section 9.2), and whether it is allowed (RFC 8656, section 7 on).

use std::net::SocketAddr;

use turn_server_proto::api::SocketAllocateError;
use turn_server_proto::types::stun::message::{
    IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message,
};

use super::client::{Asked, Bind, Client};
use super::credentials::parse_username;
use super::machine::{Machine, Now, Route, Step, Via, Wanted};
use super::wire::{Framed, attribute, compose, error_code, kind};
use crate::limits::address_key;

/// Short, as it is in every challenge.
pub(super) const REALM: &str = "cooee";

/// The numbers of errors.
mod code {
    pub(super) const BAD_REQUEST: u16 = 400;
    pub(super) const UNAUTHORIZED: u16 = 401;
    pub(super) const FORBIDDEN: u16 = 403;
    pub(super) const UNKNOWN_ATTRIBUTE: u16 = 420;
    pub(super) const ALLOCATION_MISMATCH: u16 = 437;
    pub(super) const STALE_NONCE: u16 = 438;
    pub(super) const WRONG_CREDENTIALS: u16 = 441;
    pub(super) const UNSUPPORTED_TRANSPORT: u16 = 442;
    pub(super) const QUOTA_REACHED: u16 = 486;
    pub(super) const INSUFFICIENT_CAPACITY: u16 = 508;
}

/// The number of UDP in REQUESTED-TRANSPORT.
const UDP: u8 = 17;

/// The channel numbers of RFC 5766, which clients still use; RFC 8656 keeps to 0x4fff.
const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7fff;

/// Who has asked, as its credentials prove.
struct Asker {
    id: String,
    username: String,
    key: IntegrityKey,
}

impl Machine {
    /// A request of a client.
    pub(super) fn handle_request(
        &mut self,
        message: &Framed<'_>,
        datagram: &[u8],
        from: SocketAddr,
        now: Now,
        out: &mut Vec<u8>,
    ) -> Step {
        // Before anything is computed: neither answers nor checking passwords can be had at will.
        if !self.sources.take(&address_key(from.ip()), now.instant) {
            return Step::Done;
        }
        let asker = match self.authenticate(message, datagram, from, now) {
            Ok(asker) => asker,
            Err(code) => return answer(from, self.refusal(message, code, from, now), out),
        };
        let key = asker.key.clone();
        let refused = |code| error(message, code, &key);
        let known = self.clients.get(&from).map(|client| &client.username);
        let told = match (message.kind, known) {
            (kind::ALLOCATE, known) => {
                let known = known.is_some();
                match self.allocate(message, asker, known, from, now) {
                    Ok(Asked::Socket(family)) => {
                        let even = message.attribute(attribute::EVEN_PORT).is_some();
                        return Step::Open(from, Wanted { family, even });
                    }
                    Ok(Asked::Refused(answer)) => Some(answer),
                    Err(code) => refused(code),
                }
            }
            (_, None) => refused(code::ALLOCATION_MISMATCH),
            (_, Some(username)) if *username != asker.username => refused(code::WRONG_CREDENTIALS),
            (kind::REFRESH, Some(_)) => self.refresh(message, from, now),
            (kind::CREATE_PERMISSION, Some(_)) => self
                .create_permission(message, from, now)
                .unwrap_or_else(refused),
            (kind::CHANNEL_BIND, Some(_)) => self
                .channel_bind(message, from, now)
                .unwrap_or_else(refused),
            (_, Some(_)) => refused(code::BAD_REQUEST),
        };
        answer(from, told, out)
    }

    /// Checks the credentials of a request; otherwise the error to answer with.
    fn authenticate(
        &self,
        message: &Framed<'_>,
        datagram: &[u8],
        from: SocketAddr,
        now: Now,
    ) -> Result<Asker, u16> {
        if !message.has_integrity {
            return Err(code::UNAUTHORIZED);
        }
        let username = message.text(attribute::USERNAME);
        let realm = message.text(attribute::REALM);
        let nonce = message.attribute(attribute::NONCE);
        let (Some(username), Some(realm), Some(nonce)) = (username, realm, nonce) else {
            return Err(code::BAD_REQUEST);
        };
        if !self.nonces.check(nonce, from, now.unix) {
            return Err(code::STALE_NONCE);
        }
        let (expiry, id) = parse_username(username).ok_or(code::UNAUTHORIZED)?;
        if realm != REALM || !self.participants.contains_key(id) {
            return Err(code::UNAUTHORIZED);
        }
        let client = self.clients.get(&from);
        let key = match client.filter(|client| client.username == username) {
            // An allocation outlives its credentials for as long as the call does.
            Some(client) => client.key.clone(),
            None if expiry <= now.unix => return Err(code::UNAUTHORIZED),
            None => long_term_key(username, &self.secret.password(username)),
        };
        Message::from_bytes(datagram)
            .ok()
            .and_then(|message| message.validate_integrity_with_key(&key).ok())
            .filter(|algorithm| *algorithm == IntegrityAlgorithm::Sha1)
            .ok_or(code::UNAUTHORIZED)?;
        Ok(Asker {
            id: id.to_owned(),
            username: username.to_owned(),
            key,
        })
    }

    /// The answer to a request that nobody has proved to have sent: small, unsigned, and made of
    /// the request alone.
    fn refusal(
        &self,
        message: &Framed<'_>,
        code: u16,
        from: SocketAddr,
        now: Now,
    ) -> Option<Vec<u8>> {
        let error = error_code(code);
        let nonce = self.nonces.make(from, now.unix);
        let mut attributes: Vec<(u16, &[u8])> = vec![(attribute::ERROR_CODE, &error)];
        if matches!(code, code::UNAUTHORIZED | code::STALE_NONCE) {
            attributes.push((attribute::REALM, REALM.as_bytes()));
            attributes.push((attribute::NONCE, nonce.as_bytes()));
        }
        let kind = message.kind | kind::ERROR;
        compose(kind, message.transaction, &attributes, None, false)
    }

    fn allocate(
        &mut self,
        message: &Framed<'_>,
        asker: Asker,
        known: bool,
        from: SocketAddr,
        now: Now,
    ) -> Result<Asked, u16> {
        if known {
            // The answer may have been lost (RFC 8656, section 7.2).
            let client = self.clients.get(&from);
            let client = client.filter(|client| client.username == asker.username);
            return client
                .and_then(|client| client.answered(message.transaction))
                .map(|answer| Asked::Refused(answer.to_vec()))
                .ok_or(code::ALLOCATION_MISMATCH);
        }
        let transport = message.attribute(attribute::REQUESTED_TRANSPORT);
        match transport.map(<[u8]>::first) {
            Some(Some(&UDP)) => {}
            Some(Some(_)) => return Err(code::UNSUPPORTED_TRANSPORT),
            Some(None) | None => return Err(code::BAD_REQUEST),
        }
        if message.attribute(attribute::DONT_FRAGMENT).is_some() {
            return Err(code::UNKNOWN_ATTRIBUTE);
        }
        // Pairs of ports are for RTP with RTCP beside it; nothing is reserved here.
        let even = message.attribute(attribute::EVEN_PORT).map(<[u8]>::first);
        let pair = even.is_some_and(|bits| bits.is_none_or(|bits| bits & 0x80 != 0));
        if pair || message.attribute(attribute::RESERVATION_TOKEN).is_some() {
            return Err(code::INSUFFICIENT_CAPACITY);
        }
        let participant = self.participants.get_mut(&asker.id);
        let participant = participant.ok_or(code::UNAUTHORIZED)?;
        if participant.clients.len() >= self.limits.allocations {
            return Err(code::QUOTA_REACHED);
        }
        if self.clients.len() >= self.limits.total {
            tracing::warn!(allocations = self.clients.len(), "the relay is full");
            return Err(code::INSUFFICIENT_CAPACITY);
        }
        let Asker { id, username, key } = asker;
        let pair = (self.listen, from);
        let mut client = Client::new(self.clock, pair, (id, username), key, now.instant)
            .ok_or(code::BAD_REQUEST)?;
        let asked = client
            .allocate(message, now.instant)
            .ok_or(code::BAD_REQUEST)?;
        if let Asked::Socket(_) = asked {
            participant.clients.push(from);
            self.clients.insert(from, client);
        }
        Ok(asked)
    }

    /// The socket for a client, or why there is none.
    pub(super) fn handle_opened(
        &mut self,
        remote: SocketAddr,
        relayed: Result<SocketAddr, SocketAllocateError>,
        now: Now,
        out: &mut Vec<u8>,
    ) -> Step {
        let Some(client) = self.clients.get_mut(&remote) else {
            return Step::Done;
        };
        let told = client.opened(relayed, now.instant);
        match relayed {
            Ok(relayed) if told.is_some() => {
                self.relayed.insert(relayed, remote);
            }
            Ok(_) | Err(_) => self.take_out(remote),
        }
        answer(remote, told, out)
    }

    fn refresh(&mut self, message: &Framed<'_>, from: SocketAddr, now: Now) -> Option<Vec<u8>> {
        let client = self.clients.get_mut(&from)?;
        let told = client.request(message, now.instant);
        if !client.is_alive(now.instant) {
            self.take_out(from);
        }
        told
    }

    fn create_permission(
        &mut self,
        message: &Framed<'_>,
        from: SocketAddr,
        now: Now,
    ) -> Result<Option<Vec<u8>>, u16> {
        let peers = message.peers().ok_or(code::BAD_REQUEST)?;
        if !peers.iter().all(|peer| self.may_permit(peer.ip())) {
            return Err(code::FORBIDDEN);
        }
        let client = self.clients.get_mut(&from);
        let client = client.ok_or(code::ALLOCATION_MISMATCH)?;
        if !client.has_room_for(&peers, now.instant) {
            return Err(code::INSUFFICIENT_CAPACITY);
        }
        let told = client.request(message, now.instant);
        if succeeded(told.as_deref()) {
            client.permitted(&peers, now.instant);
        }
        Ok(told)
    }

    fn channel_bind(
        &mut self,
        message: &Framed<'_>,
        from: SocketAddr,
        now: Now,
    ) -> Result<Option<Vec<u8>>, u16> {
        let peers = message.peers().ok_or(code::BAD_REQUEST)?;
        let number = message
            .attribute(attribute::CHANNEL_NUMBER)
            .and_then(<[u8]>::first_chunk)
            .map(|number| u16::from_be_bytes(*number))
            .filter(|number| CHANNELS.contains(number))
            .ok_or(code::BAD_REQUEST)?;
        let [peer] = peers[..] else {
            return Err(code::BAD_REQUEST);
        };
        if !self.may_reach(peer) {
            return Err(code::FORBIDDEN);
        }
        let client = self.clients.get_mut(&from);
        let client = client.ok_or(code::ALLOCATION_MISMATCH)?;
        match client.can_bind(number, peer, now.instant) {
            Bind::Yes if client.has_room_for(&peers, now.instant) => {}
            Bind::Yes | Bind::Full => return Err(code::INSUFFICIENT_CAPACITY),
            Bind::Taken => return Err(code::BAD_REQUEST),
        }
        let told = client.request(message, now.instant);
        if succeeded(told.as_deref()) {
            client.bound(number, peer, now.instant);
        }
        Ok(told)
    }
}

/// The key of long-term credentials (RFC 8489, section 9.2.2).
pub(super) fn long_term_key(username: &str, password: &str) -> IntegrityKey {
    LongTermKeyCredentials::new(username.to_owned(), password.to_owned(), REALM.to_owned())
        .make_key(IntegrityAlgorithm::Sha1)
}

/// An error for somebody who is known.
fn error(message: &Framed<'_>, code: u16, key: &IntegrityKey) -> Option<Vec<u8>> {
    let error = error_code(code);
    let unknown = attribute::DONT_FRAGMENT.to_be_bytes();
    let mut attributes: Vec<(u16, &[u8])> = vec![(attribute::ERROR_CODE, &error)];
    if code == code::UNKNOWN_ATTRIBUTE {
        attributes.push((attribute::UNKNOWN_ATTRIBUTES, &unknown));
    }
    let kind = message.kind | kind::ERROR;
    compose(kind, message.transaction, &attributes, Some(key), true)
}

fn succeeded(answer: Option<&[u8]>) -> bool {
    answer
        .and_then(Framed::parse)
        .is_some_and(|answer| answer.kind & kind::ERROR == kind::SUCCESS)
}

fn answer(to: SocketAddr, told: Option<Vec<u8>>, out: &mut Vec<u8>) -> Step {
    match told {
        Some(told) => {
            *out = told;
            Step::Send(Route {
                via: Via::Listener,
                to,
            })
        }
        None => Step::Done,
    }
}
