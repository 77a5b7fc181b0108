//! The relay: TURN (RFC 8656) over UDP, for those in a call who cannot reach each other directly.
//!
//! ```text
//!   calls --- admit, dismiss ---> machine <--- handle_datagram, handle_peer --- driver
//!                                 |  |  |                                        |
//!                     credentials |  |  | peers                                  | socket
//!                    (stateless)     |    (whom packets may go to)               | (ports)
//!                                  client
//!                         (a TURN engine for each 5-tuple)
//! ```
//!
//! The built-in relay shares the port of the STUN responder, which hands over what is not a plain
//! binding request. Only participants of a live call have credentials, and they are worth nothing
//! from the moment in which the participant leaves.
//!
//! Instead of it an outside TURN server can be handed out, with credentials in the form that
//! coturn's `use-auth-secret` expects.

mod client;
mod config;
mod credentials;
mod driver;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod machine;
mod peers;
mod requests;
mod socket;
#[cfg(test)]
mod tests;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cooee_protocol::{GroupId, RelayAccess, RelayCredential};

pub use config::{OutsideRelay, PortRange, RelayConfig, RelaySecret};
use credentials::{Secret, username};
pub(crate) use driver::BuiltIn;
pub use peers::Cidr;

use crate::ids::SessionId;
use crate::udp::Listener;

/// How long credentials are good for new allocations, in seconds: longer than calls last, since a
/// change of network in mid-call needs a new allocation. Those of the built-in relay end with the
/// call anyway.
const CREDENTIAL_LIFE: u64 = 6 * 60 * 60;

/// When credentials are handed out anew in a call that goes on: with time to spare for somebody
/// who is away just then.
pub(crate) const RENEWAL: Duration = Duration::from_secs(CREDENTIAL_LIFE / 2);

/// What participants of calls are handed out.
#[derive(Debug)]
pub(crate) enum Relay {
    /// Nothing.
    Off,
    /// A TURN server beside this one.
    Outside { urls: Vec<String>, secret: Secret },
    /// The one in this server.
    BuiltIn {
        urls: Vec<String>,
        relay: Arc<BuiltIn>,
    },
}

impl Relay {
    /// The relay that is configured, on the socket of the STUN responder. `stun` is what clients
    /// are told of that one, `listening` the other ports that this server listens on.
    pub(crate) fn new(
        config: &RelayConfig,
        socket: Option<&Arc<Listener>>,
        stun: &[String],
        listening: SocketAddr,
    ) -> Self {
        if let Some(outside) = &config.outside {
            return Self::Outside {
                urls: outside.urls.clone(),
                secret: Secret::new(outside.secret.expose().as_bytes()),
            };
        }
        match socket {
            Some(socket) if config.on => Self::BuiltIn {
                urls: stun
                    .iter()
                    .map(|address| format!("turn:{address}"))
                    .collect(),
                relay: BuiltIn::new(config, Arc::clone(socket), listening),
            },
            Some(_) | None => Self::Off,
        }
    }

    /// The built-in relay, if that is the one.
    pub(crate) fn built_in(&self) -> Option<&Arc<BuiltIn>> {
        match self {
            Self::BuiltIn { relay, .. } => Some(relay),
            Self::Outside { .. } | Self::Off => None,
        }
    }

    /// What a participant of a call needs to use the relay. `unix` is in seconds since 1970.
    pub(crate) fn credentials(
        &self,
        call: &GroupId,
        session: SessionId,
        unix: u64,
    ) -> Option<RelayAccess> {
        let expiry = unix.saturating_add(CREDENTIAL_LIFE);
        let (urls, username, credential) = match self {
            Self::Off => return None,
            Self::Outside { urls, secret } => {
                // Nobody there can tell who it is.
                let id = uuid::Uuid::new_v4().simple().to_string();
                let username = username(expiry, &id);
                let credential = secret.password(&username);
                (urls, username, credential)
            }
            Self::BuiltIn { urls, relay } => {
                let (username, credential) = relay.admit(call, session, expiry);
                (urls, username, credential)
            }
        };
        Some(RelayAccess {
            urls: urls.clone(),
            username,
            credential: RelayCredential::parse(&credential).ok()?,
            ttl: CREDENTIAL_LIFE,
        })
    }

    /// A participant has left its call: what it had of the built-in relay is gone.
    pub(crate) fn participant_left(&self, call: &GroupId, session: SessionId) {
        if let Some(relay) = self.built_in() {
            relay.dismiss(call, session);
        }
    }

    /// A call is over.
    pub(crate) fn call_ended(&self, call: &GroupId) {
        if let Some(relay) = self.built_in() {
            relay.end_call(call);
        }
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |passed| passed.as_secs())
}
