//! A call, as one of the people in it lives through it.

use cooee_sdk::{Call, CallOptions, EndReason, Input, Output};

use crate::patience::within;
use crate::voice::{Ear, Hearing, Voice};

/// A call with the person's own voice on the one side and an ear on the other.
#[derive(Debug)]
pub struct Talk {
    /// The call.
    pub call: Call,
    /// What this person says in it.
    pub voice: Voice,
    hearing: Hearing,
}

impl Talk {
    /// Options with `voice` as microphone and an ear as loudspeaker, and what the ear hears.
    pub(crate) fn options(voice: &Voice) -> (CallOptions, Hearing) {
        let (ear, hearing) = Ear::new();
        let options = CallOptions {
            input: Input::Custom(Box::new(voice.mouth())),
            output: Output::Custom(Box::new(ear)),
            ..CallOptions::default()
        };
        (options, hearing)
    }

    pub(crate) fn new(call: Call, voice: Voice, hearing: Hearing) -> Self {
        Self {
            call,
            voice,
            hearing,
        }
    }

    /// Waits until the call has a path to somebody.
    pub async fn connects(&self) {
        let connected = within(self.call.connected(), || "for a path".to_owned()).await;
        assert!(
            connected,
            "the call ended: {:?}",
            self.call.snapshot().ended
        );
    }

    /// Waits until the other one's voice is heard here, from now on and for a while.
    pub async fn hears(&self, other: &Self) {
        self.hears_voice(&other.voice).await;
    }

    /// Waits until a voice is heard here, from now on and for a while.
    pub async fn hears_voice(&self, voice: &Voice) {
        self.hearing.hears(voice).await;
    }

    /// Waits until a voice is not heard here any more for a while.
    pub async fn hears_nothing_of_voice(&self, voice: &Voice) {
        self.hearing.hears_nothing_of(voice).await;
    }

    /// Waits until the other one's voice is not heard here any more for a while.
    pub async fn hears_nothing_of(&self, other: &Self) {
        self.hearing.hears_nothing_of(&other.voice).await;
    }

    /// Waits until both hear each other, from now on.
    pub async fn both_hear(&self, other: &Self) {
        tokio::join!(self.hears(other), other.hears(self));
    }

    /// Whether this voice was ever heard here.
    pub fn has_heard(&self, voice: &Voice) -> bool {
        self.hearing.has_heard(voice)
    }

    /// Hangs up.
    pub async fn hangs_up(&self) {
        self.call.hang_up().await.expect("a call to hang up");
    }

    /// Waits until the call is over, and says why it ended.
    pub async fn ends(&self) -> EndReason {
        let (reason, _) = within(self.call.ended(), || "for the end of a call".to_owned()).await;
        reason
    }
}
