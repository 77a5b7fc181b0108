//! Checks that come before we know the peer that sent them.
//!
//! The two ends of a call are told about each other at slightly different times. What the first
//! one sends at once is kept until the second one knows it too (RFC 8445 section 7.3 asks for an
//! answer to such checks), instead of being waited for again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use is::stun::StunMessage;
use is::{DefaultSha1HmacProvider, IceCreds, Sha1HmacProvider};

use super::session::Pair;

/// Most checks that are kept. A peer sends a few along each pair.
const MAX_CHECKS: usize = 32;
/// Longest check that is kept, in bytes. Ours have about 120.
const MAX_LEN: usize = 600;
/// How long a check is kept. Its sender has given up waiting for the answer by then.
const MAX_AGE: Duration = Duration::from_secs(3);

/// An authentic check of a sender that is not known yet.
pub(crate) struct EarlyCheck {
    pub(crate) pair: Pair,
    pub(crate) payload: Vec<u8>,
    ufrag: String,
    at: Instant,
}

/// The checks that wait, newest last.
#[derive(Default)]
pub(crate) struct EarlyChecks {
    checks: VecDeque<EarlyCheck>,
}

impl EarlyChecks {
    /// Keeps a check by the sender with this username fragment, if it knows our password: only
    /// those who were let into the call do.
    pub(crate) fn keep(
        &mut self,
        now: Instant,
        own: &IceCreds,
        ufrag: &str,
        pair: Pair,
        payload: &[u8],
    ) {
        if payload.len() > MAX_LEN || !is_authentic(own, payload) {
            return;
        }
        // The latest along each way is enough.
        self.checks
            .retain(|c| now.saturating_duration_since(c.at) < MAX_AGE);
        self.checks.retain(|c| c.pair != pair || c.ufrag != ufrag);
        if self.checks.len() >= MAX_CHECKS {
            self.checks.pop_front();
        }
        self.checks.push_back(EarlyCheck {
            pair,
            payload: payload.to_vec(),
            ufrag: ufrag.to_owned(),
            at: now,
        });
    }

    /// Takes out what the peer with this username fragment has sent lately.
    pub(crate) fn take(&mut self, now: Instant, ufrag: &str) -> Vec<EarlyCheck> {
        let (taken, kept) = std::mem::take(&mut self.checks)
            .into_iter()
            .filter(|c| now.saturating_duration_since(c.at) < MAX_AGE)
            .partition(|c| c.ufrag == ufrag);
        self.checks = kept;
        Vec::from(taken)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.checks.clear();
    }
}

fn is_authentic(own: &IceCreds, payload: &[u8]) -> bool {
    let hmac = |key: &[u8], parts: &[&[u8]]| DefaultSha1HmacProvider.sha1_hmac(key, parts);
    StunMessage::parse(payload).is_ok_and(|m| m.verify(own.pass.as_bytes(), hmac))
}
