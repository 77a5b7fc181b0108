//! The accounts that are there: a client for each, all of them signed in at once, so that a call
//! rings whichever is shown.

mod index;
mod running;

pub(crate) use index::{Entry, Index, MAX_ACCOUNTS};
pub(crate) use running::{Running, SessionFacts, described};
