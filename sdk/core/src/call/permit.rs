//! The permission to capture sound.

/// Proof that the local user has placed or accepted a call.
///
/// Everything that opens a microphone asks for one, and only the call machine mints it: on a
/// call that the user placed, or after the user accepted one. It is neither `Clone` nor
/// constructible elsewhere, so a capture before the local accept does not compile.
#[derive(Debug)]
pub struct CapturePermit {
    _minted_by_the_call_machine: (),
}

impl CapturePermit {
    pub(super) fn mint() -> Self {
        Self {
            _minted_by_the_call_machine: (),
        }
    }
}
