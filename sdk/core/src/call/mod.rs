//! A call, from the first ring to its named end.

mod info;
mod machine;
mod permit;
mod reason;

pub use info::{InfoError, PeerInfo};
pub use machine::{
    CallConfig, CallError, CallEvent, CallMachine, CallOutput, CallPhase, CallRequest, Target,
};
pub use permit::CapturePermit;
pub use reason::EndReason;
