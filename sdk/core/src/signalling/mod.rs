//! Signalling: requests and answers over one WebSocket that may break and come back.

mod backoff;
mod session;

pub use backoff::Backoff;
pub use session::{
    RequestError, RequestId, SignallingConfig, SignallingOutput, SignallingSession, SignIn,
    SignallingState, Synchronised,
};
