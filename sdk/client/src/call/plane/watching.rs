//! What a call looks after by itself: the machine's network, and a tunnel that may fall silent.

use std::net::SocketAddr;

use cooee_core::path::{PeerId, Privacy};
use tokio::time::Instant;

use super::{Plane, PlaneSignal, now};

/// Rounds of checks that a burst of changed routes may lead to. One more is allowed for each second
/// without any: routes that never come to rest must not keep a call checking without end.
const MOST_ROUNDS: u8 = 10;

/// Routes that have changed, and how much may be made of that.
#[derive(Debug)]
pub(super) struct Routes {
    changed: bool,
    rounds: u8,
}

impl Default for Routes {
    fn default() -> Self {
        Self {
            changed: false,
            rounds: MOST_ROUNDS,
        }
    }
}

impl Routes {
    /// Whether there is something to check now; asked ten times a second, so that routes which
    /// come one after the other are one change.
    fn take(&mut self) -> bool {
        let changed = std::mem::take(&mut self.changed) && self.rounds > 0;
        self.rounds -= u8::from(changed);
        changed
    }

    /// A second has passed.
    fn rest(&mut self) {
        if !self.changed {
            self.rounds = (self.rounds + 1).min(MOST_ROUNDS);
        }
    }
}

impl Plane {
    /// Something has changed about the network: addresses, or only the ways from them.
    pub(super) async fn look_at_network(&mut self) {
        self.look_at_addresses().await;
        // Also with a new address: the way from it comes a moment after it.
        self.routes.changed = true;
    }

    /// Checks again where the ways may have changed.
    pub(super) fn look_at_routes(&mut self, a_second_has_passed: bool) {
        if a_second_has_passed {
            self.routes.rest();
        }
        if self.routes.take() {
            self.agent.handle_routes_changed(now());
        }
    }

    /// Follows the machine's addresses.
    pub(super) async fn look_at_addresses(&mut self) {
        if !self.sockets.refresh() {
            return;
        }
        let addresses = self.sockets.addresses();
        tracing::info!(
            count = addresses.len(),
            "the machine's addresses have changed"
        );
        self.agent.set_local_addresses(now(), &addresses);
        self.map_ports();
        self.tell_info().await;
        let ips = addresses.iter().map(SocketAddr::ip).collect();
        self.tell(PlaneSignal::NetworkChanged(ips)).await;
    }

    /// Asks the router for ways in; not for who hides where they are.
    pub(super) fn map_ports(&mut self) {
        if self.agent.privacy() == Privacy::Direct {
            self.mappings.follow(&self.sockets.addresses());
        }
    }

    /// Says so when nothing comes through the tunnel any more where that is the route.
    pub(super) async fn look_at_tunnelled(&mut self) {
        let now = Instant::now();
        let silent = self
            .peers
            .iter_mut()
            .filter_map(|(id, peer)| peer.falls_silent(now).then_some(*id));
        let silent: Vec<PeerId> = silent.collect();
        for peer in silent {
            self.tell(PlaneSignal::Lost(peer)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_that_never_rest_are_not_followed_for_ever() {
        let mut routes = Routes::default();
        assert!(!routes.take());
        let mut rounds = 0;
        for tenth in 0..1000 {
            routes.changed = true;
            if tenth % 10 == 9 {
                routes.rest();
            }
            rounds += u8::from(routes.take());
        }
        assert_eq!(rounds, MOST_ROUNDS);
        for _ in 0..3 {
            routes.rest();
        }
        for allowed in [true, true, true, false] {
            routes.changed = true;
            assert_eq!(routes.take(), allowed);
        }
    }
}
