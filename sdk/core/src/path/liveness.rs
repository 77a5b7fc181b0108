//! What is known about the address pairs of one peer, and whether its media flows steadily.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::session::Pair;

/// Address pairs that are remembered.
const MAX_PAIRS: usize = 256;
/// Media packets that are looked at to tell a steady stream.
const STEADY_PACKETS: usize = 8;
/// The time these may take at most: frames of 20 ms at 30 % loss, or frames of 40 ms.
const STEADY_TIME: Duration = Duration::from_millis(400);

/// How sure it is that a pair belongs to a peer. Weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Evidence {
    /// An authentic check came from there. Any participant could have sent it in this peer's
    /// name, as all know our password, but what a peer sends before our own check is answered
    /// has to go somewhere, and media is authenticated by itself.
    Checked,
    /// Our own check was answered with the peer's password.
    Answered,
    /// It is the route.
    Route,
}

#[derive(Debug, Clone, Copy)]
struct Health {
    /// The last time anything came along the pair.
    heard: Instant,
    /// The last time one of our checks was answered along it.
    answered: Option<Instant>,
}

/// The pairs along which something authentic has come.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    known: HashMap<Pair, Health>,
}

impl Pairs {
    /// How sure it is that the pair is the peer's.
    pub(crate) fn evidence(&self, pair: Pair) -> Option<Evidence> {
        let health = self.known.get(&pair)?;
        Some(match health.answered {
            Some(_) => Evidence::Answered,
            None => Evidence::Checked,
        })
    }

    /// When our last check along the pair was answered.
    pub(crate) fn answered(&self, pair: Pair) -> Option<Instant> {
        self.known.get(&pair)?.answered
    }

    /// Notes a check of the peer.
    pub(crate) fn note_request(&mut self, now: Instant, pair: Pair) {
        self.entry(now, pair).heard = now;
    }

    /// Notes an answer to a check of ours.
    pub(crate) fn note_answer(&mut self, now: Instant, pair: Pair) {
        let health = self.entry(now, pair);
        health.heard = now;
        health.answered = Some(now);
    }

    /// Notes media. It cannot make a pair known, as nothing here authenticates it.
    pub(crate) fn note_media(&mut self, now: Instant, pair: Pair) {
        if let Some(health) = self.known.get_mut(&pair) {
            health.heard = now;
        }
    }

    /// Keeps the pairs with a local end for which `keep` holds.
    pub(crate) fn retain_locals(&mut self, keep: impl Fn(SocketAddr) -> bool) {
        self.known.retain(|pair, _| keep(pair.0));
    }

    /// The pair to go on with when `dead` has gone silent: one that was answered after `fresh`.
    /// Those that were heard since `suspected` come first, then those that share the least with
    /// the dead pair, as what failed is a network rather than a pair of ports. `base` names the
    /// socket behind a local address.
    pub(crate) fn backup(
        &self,
        dead: Pair,
        fresh: Instant,
        suspected: Instant,
        base: impl Fn(SocketAddr) -> SocketAddr,
    ) -> Option<Pair> {
        let rank = |(pair, health): (&Pair, &Health)| {
            let apart =
                u8::from(base(pair.0) != base(dead.0)) + u8::from(pair.1.ip() != dead.1.ip());
            let direct = base(pair.0) == pair.0;
            (
                health.heard >= suspected,
                apart,
                direct,
                health.heard,
                *pair,
            )
        };
        self.known
            .iter()
            .filter(|(pair, health)| {
                **pair != dead && health.answered.is_some_and(|at| at >= fresh)
            })
            .max_by_key(|entry| rank(*entry))
            .map(|(pair, _)| *pair)
    }

    fn entry(&mut self, now: Instant, pair: Pair) -> &mut Health {
        if self.known.len() >= MAX_PAIRS && !self.known.contains_key(&pair) {
            // The pairs in use come back with the next check.
            let oldest = self.known.iter().min_by_key(|(p, h)| (h.heard, **p));
            if let Some(oldest) = oldest.map(|(pair, _)| *pair) {
                self.known.remove(&oldest);
            }
        }
        self.known.entry(pair).or_insert(Health {
            heard: now,
            answered: None,
        })
    }
}

/// Tells a steady stream of media from single packets. Only the end of a steady stream says
/// something about the path.
#[derive(Debug, Default)]
pub(crate) struct MediaWatch {
    recent: VecDeque<Instant>,
}

impl MediaWatch {
    pub(crate) fn note(&mut self, now: Instant) {
        if self.recent.len() >= STEADY_PACKETS {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
    }

    pub(crate) fn clear(&mut self) {
        self.recent.clear();
    }

    /// Whether the last packets came at the pace of a voice.
    pub(crate) fn is_steady(&self) -> bool {
        match (self.recent.front(), self.recent.back()) {
            (Some(first), Some(last)) => {
                self.recent.len() >= STEADY_PACKETS
                    && last.saturating_duration_since(*first) <= STEADY_TIME
            }
            (Some(_) | None, Some(_) | None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn steady_is_a_voice_and_not_a_report() {
        let start = Instant::now();
        let mut watch = MediaWatch::default();
        for n in 0..20 {
            watch.note(start + Duration::from_millis(n * 200));
        }
        assert!(!watch.is_steady());
        for n in 0..8 {
            watch.note(start + Duration::from_millis(4000 + n * 20));
        }
        assert!(watch.is_steady());
        watch.clear();
        assert!(!watch.is_steady());
    }

    #[test]
    fn the_backup_shares_the_least_with_the_dead_pair() {
        let now = Instant::now();
        let address = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let dead = (address("192.0.2.1:1"), address("203.0.113.1:1"));
        let same_socket = (address("192.0.2.1:1"), address("203.0.113.9:1"));
        let other = (address("198.51.100.1:1"), address("203.0.113.9:1"));
        let mut pairs = Pairs::default();
        for pair in [dead, same_socket, other] {
            pairs.note_answer(now, pair);
        }
        let later = now + Duration::from_millis(300);
        let best = |pairs: &Pairs| pairs.backup(dead, now, later, |local| local);
        assert_eq!(best(&pairs), Some(other));
        // What has proved itself since is better still.
        pairs.note_answer(later, same_socket);
        assert_eq!(best(&pairs), Some(same_socket));
        assert_eq!(pairs.backup(dead, later, later, |l| l), Some(same_socket));
        pairs.retain_locals(|local| local != dead.0);
        assert_eq!(best(&pairs), Some(other));
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut pairs = Pairs::default();
        let local = "192.0.2.1:1".parse().unwrap();
        for port in 1..2000 {
            let remote = SocketAddr::new("203.0.113.7".parse().unwrap(), port);
            pairs.note_request(now, (local, remote));
        }
        assert_eq!(pairs.known.len(), MAX_PAIRS);
    }
}
