//! A call.

use std::sync::Arc;

use cooee_sdk::{CallOptions, Input, Output};

use crate::error::CooeeError;
use crate::runtime::run;
use crate::types::{CallState, Sound, Statistics};

/// A call that was placed or answered. It belongs to the client: letting go of this object neither
/// ends nor mutes it.
#[derive(Debug, uniffi::Object)]
pub struct Call {
    call: cooee_sdk::Call,
}

#[uniffi::export]
impl Call {
    /// Where the call is now.
    pub fn state(&self) -> CallState {
        self.call.snapshot().into()
    }

    /// How the voice is doing, renewed once a second.
    pub fn statistics(&self) -> Statistics {
        self.call.stats().into()
    }

    /// Waits until the first participant is reached; `false` when the call ended before.
    ///
    /// # Errors
    ///
    /// A fault in the library.
    pub async fn connected(&self) -> Result<bool, CooeeError> {
        let call = self.call.clone();
        run(async move { Ok::<_, CooeeError>(call.connected().await) }).await
    }

    /// Waits until the call is over, and says why it ended, in a stable word.
    ///
    /// # Errors
    ///
    /// A fault in the library.
    pub async fn ended(&self) -> Result<String, CooeeError> {
        let call = self.call.clone();
        run(async move { Ok::<_, CooeeError>(call.ended().await.0.as_str().to_owned()) }).await
    }

    /// Hangs up, or withdraws a call that still rings.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Call`] when the call is over already.
    pub async fn hang_up(&self) -> Result<(), CooeeError> {
        let call = self.call.clone();
        run(async move { call.hang_up().await }).await
    }

    /// Mutes the microphone.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Call`] when the call is over already.
    pub async fn set_muted(&self, muted: bool) -> Result<(), CooeeError> {
        let call = self.call.clone();
        run(async move { call.set_muted(muted).await }).await
    }

    /// Takes another way for sound, by the id that
    /// [`Client::audio_routes`](crate::Client::audio_routes) has for it.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Audio`] with `no_route` when it is not there (any more),
    /// [`CooeeError::Call`] when the call is over.
    pub async fn set_route(&self, route: String) -> Result<(), CooeeError> {
        let call = self.call.clone();
        run(async move { call.set_route(route).await }).await
    }

    /// Listens with the microphone of this name or id; nothing is the system's default.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Call`] when the call is over already.
    pub async fn set_microphone(&self, device: Option<String>) -> Result<(), CooeeError> {
        let call = self.call.clone();
        let input = device.map_or(Input::Default, Input::Device);
        run(async move { call.set_input(input).await }).await
    }

    /// Plays on the loudspeaker of this name or id; nothing is the system's default.
    ///
    /// # Errors
    ///
    /// [`CooeeError::Call`] when the call is over already.
    pub async fn set_loudspeaker(&self, device: Option<String>) -> Result<(), CooeeError> {
        let call = self.call.clone();
        let output = device.map_or(Output::Default, Output::Device);
        run(async move { call.set_output(output).await }).await
    }
}

impl Call {
    pub(crate) fn new(call: cooee_sdk::Call) -> Arc<Self> {
        Arc::new(Self { call })
    }
}

impl Sound {
    pub(crate) fn options(self) -> Result<CallOptions, CooeeError> {
        let used = |what: &str| {
            let words = format!("this {what} was in a call already: make another one");
            CooeeError::Invalid {
                code: "sound".to_owned(),
                words,
            }
        };
        let input = match self.input {
            Some(pcm) => Input::Custom(pcm.source().ok_or_else(|| used("PcmInput"))?),
            None => Input::Default,
        };
        let output = match self.output {
            Some(pcm) => Output::Custom(pcm.sink().ok_or_else(|| used("PcmOutput"))?),
            None => Output::Default,
        };
        Ok(CallOptions {
            input,
            output,
            bitrate: self.bitrate,
            ..CallOptions::default()
        })
    }
}
