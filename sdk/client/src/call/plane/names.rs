//! The addresses behind the names of STUN servers and relays.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long the name of a STUN server is looked up.
const RESOLVE_LIMIT: Duration = Duration::from_secs(1);

pub(super) async fn resolved(
    resolving: &mut Option<JoinHandle<Vec<SocketAddr>>>,
) -> Vec<SocketAddr> {
    match resolving {
        Some(resolving) => resolving.await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

/// The addresses of the STUN servers. One that cannot be found gives no candidate, that is all.
pub(super) async fn resolve(servers: Vec<String>) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for server in servers {
        match timeout(RESOLVE_LIMIT, tokio::net::lookup_host(&server)).await {
            Ok(Ok(found)) => addresses.extend(found),
            Ok(Err(error)) => tracing::warn!(%server, %error, "a STUN server was not found"),
            Err(_) => tracing::warn!(%server, "the name of a STUN server is not resolved in time"),
        }
    }
    addresses
}
