//! Finding out under which addresses the outside sees our sockets: a STUN client (RFC 8489) for
//! server-reflexive candidates (RFC 8445 section 5.1.1.2).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytecodec::{DecodeExt, EncodeExt};
use rand::Rng;
use rand::rngs::StdRng;
use stun_codec::rfc5389::{
    Attribute,
    attributes::{ErrorCode, XorMappedAddress},
    methods::BINDING,
};
use stun_codec::{Attribute as _, Message, MessageClass, MessageDecoder, MessageEncoder};

use super::demux::{BindingHeader, Class, TransactionId};
use super::{Transmit, address};

/// Most STUN servers that are asked.
const MAX_SERVERS: usize = 4;
/// Rc of RFC 8489 section 6.2.1: how often a request is sent.
const MAX_SENDS: u32 = 7;
/// Rm of RFC 8489 section 6.2.1: how many times the first time-out the last request is given.
const LAST_WAIT: u32 = 16;
/// Least time between two new transactions (RFC 8445 section 14.2).
const PACING: Duration = Duration::from_millis(5);
/// How often a binding that carries no traffic is renewed (Tr of RFC 8445 section 11), and how
/// long after a failure a server is asked again.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How often in a row a server may fail until it is left alone: about six minutes.
const MAX_FAILURES: u32 = 25;

/// A server's answer: `local` is seen as `mapped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) local: SocketAddr,
    pub(crate) mapped: SocketAddr,
}

/// What became of a datagram that was offered to the gatherer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Not a response to one of our requests.
    NotOurs,
    /// The end of a transaction, with or without an address.
    Answered(Option<Mapped>),
}

/// The binding transactions of all local sockets.
///
/// Each request is sent at 0, 1, 3, 7, 15, 31 and 63 times the first time-out and given up at 79
/// times it. Gathering counts as done when every socket has its first answer, when nothing is left to
/// wait for, or at the time-out; answers after that still count.
pub(crate) struct Gatherer {
    rng: StdRng,
    initial_rto: Duration,
    transactions: Vec<Transaction>,
    anchors: Vec<Anchor>,
    deadline: Option<Instant>,
}

struct Transaction {
    id: TransactionId,
    local: SocketAddr,
    server: SocketAddr,
    request: Vec<u8>,
    sends: u32,
    /// Of the next transmission, or of giving up.
    due: Instant,
}

/// The server that keeps a socket's binding alive: the first one that answered. While none has,
/// the last one to fail is asked again, as the network may have been away for a moment.
struct Anchor {
    local: SocketAddr,
    server: SocketAddr,
    due: Instant,
    answered: bool,
    failures: u32,
}

impl Gatherer {
    pub(crate) fn new(rng: StdRng, initial_rto: Duration) -> Self {
        Gatherer {
            rng,
            initial_rto,
            transactions: Vec::new(),
            anchors: Vec::new(),
            deadline: None,
        }
    }

    /// Asks every server of the matching family from every socket, and forgets earlier requests.
    pub(crate) fn start(
        &mut self,
        now: Instant,
        timeout: Duration,
        locals: &[SocketAddr],
        servers: &[SocketAddr],
    ) {
        self.transactions.clear();
        self.anchors.clear();
        self.deadline = Some(now + timeout);
        self.ask(now, locals, servers);
    }

    /// Asks from these sockets, too. Nobody is told when that is done.
    pub(crate) fn ask(&mut self, now: Instant, locals: &[SocketAddr], servers: &[SocketAddr]) {
        let mut start = now;
        for &server in servers.iter().take(MAX_SERVERS) {
            let server = address::canonical(server);
            if !address::is_usable(server) {
                continue;
            }
            for &local in locals {
                // A server on this host is asked from every socket: it does no harm, and it is
                // what a demonstration on one machine has.
                if local.is_ipv4() == server.is_ipv4() && self.open(start, local, server) {
                    start += PACING;
                }
            }
        }
    }

    /// Renews the bindings now, whoever uses them.
    pub(crate) fn refresh(&mut self, now: Instant) {
        let mut renew = Vec::new();
        for anchor in &mut self.anchors {
            let asking = |t: &Transaction| t.local == anchor.local;
            if !self.transactions.iter().any(asking) {
                anchor.due = now + KEEPALIVE;
                renew.push((anchor.local, anchor.server));
            }
        }
        for (local, server) in renew {
            self.open(now, local, server);
        }
    }

    /// Forgets a socket that is gone.
    pub(crate) fn remove_socket(&mut self, local: SocketAddr) {
        self.transactions.retain(|t| t.local != local);
        self.anchors.retain(|a| a.local != local);
    }

    /// Whether the end of gathering has still to be reported.
    pub(crate) fn is_pending(&self) -> bool {
        self.deadline.is_some()
    }

    /// `true` once for each start, when gathering is done. With `wait` only the time-out ends it.
    pub(crate) fn take_done(&mut self, now: Instant, wait: bool) -> bool {
        let Some(deadline) = self.deadline else {
            return false;
        };
        let answered = |t: &Transaction| {
            let mut anchors = self.anchors.iter();
            anchors.any(|a| a.answered && a.local == t.local)
        };
        let done = now >= deadline || !wait && self.transactions.iter().all(answered);
        if done {
            self.deadline = None;
        }
        done
    }

    /// Takes a response if it belongs to one of the requests.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        local: SocketAddr,
        source: SocketAddr,
        header: BindingHeader,
        payload: &[u8],
    ) -> Outcome {
        let Some(index) = self
            .transactions
            .iter()
            .position(|t| t.id == header.transaction && t.local == local && t.server == source)
        else {
            return Outcome::NotOurs;
        };
        match header.class {
            Class::Success => match mapped_address(payload) {
                Some(mapped) if mapped.is_ipv4() == local.is_ipv4() => {
                    let transaction = self.transactions.swap_remove(index);
                    self.note_answer(now, &transaction);
                    Outcome::Answered(Some(Mapped { local, mapped }))
                }
                // Broken, or not meant for us: the genuine answer may still come.
                Some(_) | None => Outcome::NotOurs,
            },
            Class::Error => {
                tracing::debug!(server = %source, "STUN request refused");
                self.transactions.swap_remove(index);
                Outcome::Answered(None)
            }
            Class::Request | Class::Indication => Outcome::NotOurs,
        }
    }

    /// Sends what is due. Bindings of sockets that `in_use` names are not kept alive.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        in_use: impl Fn(SocketAddr) -> bool,
        out: &mut VecDeque<Transmit>,
    ) {
        let mut renew = Vec::new();
        for anchor in &mut self.anchors {
            if now >= anchor.due {
                anchor.due = now + KEEPALIVE;
                let asking = |t: &Transaction| t.local == anchor.local;
                if !in_use(anchor.local) && !self.transactions.iter().any(asking) {
                    renew.push((anchor.local, anchor.server));
                }
            }
        }
        for (local, server) in renew {
            self.open(now, local, server);
        }

        let rto = self.initial_rto;
        let mut failed = Vec::new();
        self.transactions.retain_mut(|transaction| {
            if now < transaction.due {
                return true;
            }
            if transaction.sends >= MAX_SENDS {
                failed.push((transaction.local, transaction.server));
                return false;
            }
            let wait = if transaction.sends + 1 == MAX_SENDS {
                rto * LAST_WAIT
            } else {
                rto * (1 << transaction.sends)
            };
            transaction.sends += 1;
            transaction.due = now + wait;
            out.push_back(Transmit {
                local: transaction.local,
                remote: transaction.server,
                payload: transaction.request.clone(),
            });
            true
        });
        for (local, server) in failed {
            self.note_failure(now, local, server);
        }
    }

    /// When [`Gatherer::handle_timeout`] has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let transactions = self.transactions.iter().map(|t| t.due);
        let anchors = self.anchors.iter().map(|a| a.due);
        transactions.chain(anchors).chain(self.deadline).min()
    }

    fn open(&mut self, start: Instant, local: SocketAddr, server: SocketAddr) -> bool {
        let mut id = TransactionId::default();
        self.rng.fill_bytes(&mut id);
        let message = Message::<Attribute>::new(
            MessageClass::Request,
            BINDING,
            stun_codec::TransactionId::new(id),
        );
        let Ok(request) = MessageEncoder::new().encode_into_bytes(message) else {
            return false;
        };
        self.transactions.push(Transaction {
            id,
            local,
            server,
            request,
            sends: 0,
            due: start,
        });
        true
    }

    fn note_answer(&mut self, now: Instant, transaction: &Transaction) {
        let anchor = self.anchor(now, transaction.local, transaction.server);
        if !anchor.answered {
            anchor.server = transaction.server;
        }
        anchor.answered = true;
        anchor.failures = 0;
        anchor.due = now + KEEPALIVE;
    }

    fn note_failure(&mut self, now: Instant, local: SocketAddr, server: SocketAddr) {
        let anchor = self.anchor(now, local, server);
        if anchor.server == server {
            anchor.failures += 1;
        }
        self.anchors.retain(|a| a.failures < MAX_FAILURES);
    }

    fn anchor(&mut self, now: Instant, local: SocketAddr, server: SocketAddr) -> &mut Anchor {
        let index = match self.anchors.iter().position(|a| a.local == local) {
            Some(index) => index,
            None => {
                self.anchors.push(Anchor {
                    local,
                    server,
                    due: now + KEEPALIVE,
                    answered: false,
                    failures: 0,
                });
                self.anchors.len() - 1
            }
        };
        &mut self.anchors[index]
    }
}

/// XOR-MAPPED-ADDRESS of a success response that leaves nothing unexplained (RFC 8489
/// section 6.3.3).
fn mapped_address(payload: &[u8]) -> Option<SocketAddr> {
    let message = MessageDecoder::<Attribute>::new()
        .decode_from_bytes(payload)
        .ok()?
        .ok()?;
    let unexplained = |code: u16| code < 0x8000;
    if message
        .unknown_attributes()
        .any(|a| unexplained(a.get_type().as_u16()))
        || message.get_attribute::<ErrorCode>().is_some()
    {
        return None;
    }
    let mapped = address::canonical(message.get_attribute::<XorMappedAddress>()?.address());
    address::is_usable(mapped).then_some(mapped)
}
