//! What the user types during a call.

use std::io::BufRead as _;

use tokio::sync::mpsc;

use crate::args::PrivacyChoice;

/// What is typed when the safety codes were compared.
pub(crate) const VERIFIED: &str = "verified";

/// The user's word that the safety codes are right.
#[derive(Debug)]
pub(crate) struct Typed {
    verified: Option<mpsc::Receiver<()>>,
}

impl Typed {
    /// Reads stdin from now on, where that word changes anything. Elsewhere stdin is left alone: a
    /// background job that reads from its terminal is stopped.
    pub(crate) fn listen(privacy: PrivacyChoice) -> Self {
        if privacy != PrivacyChoice::RelayUntilVerified {
            return Self { verified: None };
        }
        let (said, verified) = mpsc::channel(1);
        // A thread of its own, which the end of the process does not wait for: nothing else ends
        // a read that has begun.
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { return };
                if line.trim() == VERIFIED && said.blocking_send(()).is_err() {
                    return;
                }
            }
        });
        Self {
            verified: Some(verified),
        }
    }

    /// Whether anything is read.
    pub(crate) fn is_listening(&self) -> bool {
        self.verified.is_some()
    }

    /// Waits for the word; for ever where nothing can be typed any more.
    pub(crate) async fn verified(&mut self) {
        if let Some(verified) = &mut self.verified
            && verified.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}
