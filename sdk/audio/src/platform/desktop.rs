//! Computers, which ask for nothing.

use super::{
    AudioPlatform, AudioRoute, AudioRouteKind, Permission, PlatformError, PlatformListener,
    RouteChange,
};
use crate::device::devices;

/// A computer: every program may have sound, and the routes are the loudspeakers that there are.
/// (macOS asks the person by itself when a microphone opens.)
#[derive(Debug, Clone, Copy, Default)]
pub struct DesktopAudio(());

impl AudioPlatform for DesktopAudio {
    fn permission(&self) -> Permission {
        Permission::Granted
    }

    fn ask_permission(&self) -> Permission {
        Permission::Granted
    }

    fn begin(&self, _listener: PlatformListener) -> Result<(), PlatformError> {
        Ok(())
    }

    fn end(&self) {}

    fn routes(&self) -> Vec<AudioRoute> {
        let found = match devices() {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%error, "the loudspeakers cannot be listed");
                Vec::new()
            }
        };
        let outputs = found.into_iter().filter(|device| device.output);
        outputs
            .map(|device| AudioRoute {
                id: device.id,
                name: device.name,
                kind: AudioRouteKind::Other,
                active: device.default_output,
            })
            .collect()
    }

    fn select(&self, id: &str) -> Result<RouteChange, PlatformError> {
        let known = self.routes().into_iter().any(|route| route.id == id);
        if known {
            Ok(RouteChange::Device(id.to_owned()))
        } else {
            Err(PlatformError::NoRoute)
        }
    }
}
