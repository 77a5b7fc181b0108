//! Whether the library knows which Android app it is in.

use std::sync::atomic::{AtomicBool, Ordering};

static READY: AtomicBool = AtomicBool::new(false);

/// The app's context is known to the `ndk_context` crate now. Said by whoever has told it: the
/// bindings' `Native.initialise`, or a Tauri app at its start.
pub fn android_context_is_ready() {
    READY.store(true, Ordering::Release);
}

pub(super) fn is_ready() -> bool {
    READY.load(Ordering::Acquire)
}
