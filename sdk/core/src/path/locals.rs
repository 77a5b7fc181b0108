//! This side's end of all paths: sockets, credentials and candidates, and which of them show.

use std::net::SocketAddr;

use is::{Candidate, CandidateKind, IceAgent, IceCreds};

use super::description::MAX_CANDIDATES;
use super::gather::Mapped;
use super::{PathDescription, Privacy, address};

/// Most local sockets. More interfaces than these are virtual ones.
const MAX_SOCKETS: usize = 16;
/// Server-reflexive addresses of one socket that are described. NATs that forget give others.
const MAX_MAPPED: usize = 4;
/// Candidates that the ranking may have seen until it is made anew: it keeps what is removed.
const MAX_RANKED: usize = 64;

/// The local end, the same for all peers.
pub(crate) struct Locals {
    sockets: Vec<SocketAddr>,
    creds: IceCreds,
    /// An ICE agent that never runs. It ranks and prunes our own candidates (RFC 8445
    /// sections 5.1.2 and 5.1.3).
    ranking: IceAgent,
    ranked: usize,
    /// What `ranking` made of them, in the order in which they were found.
    all: Vec<Candidate>,
    /// Those of them that peers may know.
    shown: Vec<Candidate>,
    mapped: Vec<Mapped>,
    privacy: Privacy,
}

impl Locals {
    pub(crate) fn new(creds: IceCreds, sockets: &[SocketAddr]) -> Self {
        let mut locals = Locals {
            sockets: Vec::new(),
            ranking: IceAgent::new(creds.clone()),
            ranked: 0,
            creds,
            all: Vec::new(),
            shown: Vec::new(),
            mapped: Vec::new(),
            privacy: Privacy::Direct,
        };
        for socket in sockets {
            locals.add_socket(*socket);
        }
        locals
    }

    pub(crate) fn sockets(&self) -> &[SocketAddr] {
        &self.sockets
    }

    pub(crate) fn creds(&self) -> &IceCreds {
        &self.creds
    }

    pub(crate) fn privacy(&self) -> Privacy {
        self.privacy
    }

    /// The candidates that peers may know and that checks may use.
    pub(crate) fn shown(&self) -> &[Candidate] {
        &self.shown
    }

    pub(crate) fn description(&self) -> PathDescription {
        PathDescription::local(self.creds.clone(), self.shown.iter().cloned())
    }

    /// The one address to name where only one can be named.
    pub(crate) fn default_address(&self) -> Option<SocketAddr> {
        let relayed = || {
            let mut shown = self.shown.iter();
            shown
                .find(|c| c.kind() == CandidateKind::Relayed)
                .map(Candidate::addr)
        };
        match self.privacy {
            Privacy::RelayOnly => relayed(),
            Privacy::Direct => {
                let seen = |local: &SocketAddr| {
                    let mapped = self.mapped.iter().rfind(|m| m.local == *local)?;
                    Some(mapped.mapped)
                };
                self.sockets
                    .iter()
                    .find_map(seen)
                    .or_else(|| self.sockets.first().copied())
            }
        }
    }

    /// Takes a socket in; its host candidate, unless it cannot be an end of a path.
    pub(crate) fn add_socket(&mut self, socket: SocketAddr) -> Option<Candidate> {
        let socket = address::canonical(socket);
        if self.sockets.len() >= MAX_SOCKETS
            || self.sockets.contains(&socket)
            || !address::is_usable(socket)
        {
            return None;
        }
        let candidate = self.rank(Candidate::host(socket, "udp").ok()?)?;
        self.sockets.push(socket);
        Some(candidate)
    }

    /// Takes a socket out; the candidates that go with it.
    pub(crate) fn remove_socket(&mut self, socket: SocketAddr) -> Vec<Candidate> {
        self.sockets.retain(|s| *s != socket);
        self.mapped.retain(|m| m.local != socket);
        self.remove(|c| c.local() == socket)
    }

    /// Takes in how the outside sees a socket; the candidate that results, if it is a new one.
    pub(crate) fn add_mapped(&mut self, mapped: Mapped) -> Option<Candidate> {
        if self.mapped.contains(&mapped)
            || self.all.len() >= MAX_CANDIDATES
            || !self.sockets.contains(&mapped.local)
        {
            return None;
        }
        let mut older = self.mapped.iter().filter(|m| m.local == mapped.local);
        if let Some(oldest) = older.next().copied()
            && older.count() + 1 >= MAX_MAPPED
        {
            self.mapped.retain(|m| *m != oldest);
            self.remove(|c| {
                c.kind() == CandidateKind::ServerReflexive
                    && (c.local(), c.addr()) == (oldest.local, oldest.mapped)
            });
        }
        self.mapped.push(mapped);
        // Outside of a NAT both are the same, and one candidate is enough.
        if mapped.mapped == mapped.local {
            return None;
        }
        self.rank(Candidate::server_reflexive(mapped.mapped, mapped.local, "udp").ok()?)
    }

    /// Takes in a relayed address that was allocated from this socket.
    pub(crate) fn add_relayed(
        &mut self,
        relayed: SocketAddr,
        socket: SocketAddr,
    ) -> Option<Candidate> {
        self.rank(Candidate::relayed(relayed, socket, "udp").ok()?)
    }

    /// Takes a relayed address out.
    pub(crate) fn remove_relayed(&mut self, relayed: SocketAddr) -> Vec<Candidate> {
        self.remove(|c| c.kind() == CandidateKind::Relayed && c.addr() == relayed)
    }

    /// Changes what peers may know; `false` if that was so already.
    pub(crate) fn set_privacy(&mut self, privacy: Privacy) -> bool {
        let changed = self.privacy != privacy;
        self.privacy = privacy;
        self.show();
        changed
    }

    /// Whether the candidate is one that peers may know.
    pub(crate) fn shows(&self, candidate: &Candidate) -> bool {
        match self.privacy {
            Privacy::Direct => true,
            Privacy::RelayOnly => candidate.kind() == CandidateKind::Relayed,
        }
    }

    fn rank(&mut self, candidate: Candidate) -> Option<Candidate> {
        if self.ranked >= MAX_RANKED {
            self.ranking = IceAgent::new(self.creds.clone());
            self.ranked = self.all.len();
            for known in &self.all {
                self.ranking.add_local_candidate(known.clone());
            }
        }
        self.ranked += 1;
        let ranked = self.ranking.add_local_candidate(candidate)?.clone();
        self.all.push(ranked.clone());
        self.show();
        Some(ranked)
    }

    fn remove(&mut self, goes: impl Fn(&Candidate) -> bool) -> Vec<Candidate> {
        let (gone, kept) = std::mem::take(&mut self.all).into_iter().partition(goes);
        self.all = kept;
        for candidate in &gone {
            self.ranking.invalidate_candidate(candidate);
        }
        self.show();
        gone
    }

    fn show(&mut self) {
        let shown = self.all.iter().filter(|c| self.shows(c)).cloned().collect();
        self.shown = shown;
    }
}
