//! A call, from the first ring to its named end.

mod info;
mod machine;
mod permit;
mod reason;
#[cfg(test)]
pub(crate) mod tests;
mod types;

pub use info::{InfoError, PeerInfo};
pub use machine::CallMachine;
pub use permit::CapturePermit;
pub use reason::EndReason;
pub use types::{CallConfig, CallError, CallEvent, CallOutput, CallPhase, CallRequest, Target};
