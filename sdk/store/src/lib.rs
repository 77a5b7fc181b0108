//! What a Cooee client keeps on its device: a cache of what the server said, the history of its
//! calls, and the secret of its session.
//!
//! - [`Cache`] is one SQLite file for each account on each server. It is readable without a
//!   network, and everything in it but the history of calls can be fetched again.
//! - [`CredentialStore`] keeps one [`Secret`] for each account: in the keyring of the operating
//!   system ([`KeyringStore`]), in a file that only its owner can read ([`FileStore`], chosen
//!   explicitly), or for as long as the process lives ([`MemoryStore`]).
//!
//! Everything here blocks: the client calls it on a thread of its own, never on one that runs
//! asynchronous tasks.

mod account;
mod cache;
mod credentials;

pub use account::{AccountId, NameKey};
pub use cache::{
    Cache, CacheError, CallDirection, CallId, CallRecord, ClosedCache, Contact, Conversation,
    Draft, Entry, EntryKind, Found, Group, INTERRUPTED, Listed, Mark, Message, NewCall, Outgoing,
    Page, Profile, Reaction, Status,
};
#[cfg(target_os = "android")]
pub use credentials::android_context_is_ready;
pub use credentials::{
    CredentialError, CredentialStore, FileStore, KeyringStore, MemoryStore, Secret,
};
