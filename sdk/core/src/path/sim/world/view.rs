//! What there is to see from outside.

use std::time::Duration;

use super::{HostId, World};
use crate::path::{PathEvent, Route};

impl World {
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub(crate) fn route(&mut self, from: HostId, to: HostId) -> Option<Route> {
        self.hosts[from.0].agent.route(to.peer())
    }

    pub(crate) fn are_connected(&mut self, a: HostId, b: HostId) -> bool {
        self.route(a, b).is_some() && self.route(b, a).is_some()
    }

    /// What the host last said about its way to the peer: whether there is one.
    pub(crate) fn verdict(&self, host: HostId, wanted: HostId) -> Option<bool> {
        let mut events = self.hosts[host.0].events.iter().rev();
        events.find_map(|(_, event)| match event {
            PathEvent::Selected { peer, .. } if *peer == wanted.peer() => Some(true),
            PathEvent::Lost { peer } if *peer == wanted.peer() => Some(false),
            PathEvent::Selected { .. }
            | PathEvent::Lost { .. }
            | PathEvent::GatheringDone
            | PathEvent::DescriptionChanged => None,
        })
    }

    /// Times at which the host said that it lost the peer.
    pub(crate) fn losses(&self, host: HostId, peer: HostId) -> Vec<Duration> {
        let lost = PathEvent::Lost { peer: peer.peer() };
        let events = self.hosts[host.0].events.iter();
        events
            .filter(|(_, e)| *e == lost)
            .map(|(at, _)| *at)
            .collect()
    }

    /// Times at which the host said that it has a route to the peer.
    pub(crate) fn selections(&self, host: HostId, wanted: HostId) -> Vec<(Duration, Route)> {
        let events = self.hosts[host.0].events.iter();
        events
            .filter_map(|(at, event)| match event {
                PathEvent::Selected { peer, route } if *peer == wanted.peer() => {
                    Some((*at, *route))
                }
                PathEvent::Selected { .. }
                | PathEvent::Lost { .. }
                | PathEvent::GatheringDone
                | PathEvent::DescriptionChanged => None,
            })
            .collect()
    }
}
