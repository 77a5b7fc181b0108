//! Signalling: requests and answers over one WebSocket that may break and come back.

mod backoff;
mod session;
mod sign_in;
#[cfg(test)]
mod tests;
mod types;

pub use backoff::Backoff;
pub use session::SignallingSession;
pub use types::{
    RequestError, RequestId, SignIn, SignallingConfig, SignallingOutput, SignallingState,
    Synchronised,
};
