//! Locks and atomics of what threads share; `tests/loom` puts loom's in their place.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
}
