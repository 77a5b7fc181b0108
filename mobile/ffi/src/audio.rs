//! The phone's sound, as the app's side of the language knows it.

use std::sync::Arc;

use cooee_sdk::{PlatformError, PlatformListener, PlatformNews, RouteChange};

use crate::error::CooeeError;

/// What a call asks of the phone around microphone and loudspeaker. The library's Kotlin and Swift
/// bring one each (`PhoneAudio`); a computer needs none.
///
/// Called on threads that may wait. Each `begin` is followed by one `end`.
#[uniffi::export(with_foreign)]
pub trait PlatformAudio: Send + Sync {
    /// Whether the app may listen.
    fn permission(&self) -> AudioPermission;

    /// Asks the person, and waits for the answer.
    fn ask_permission(&self) -> AudioPermission;

    /// Takes the sound for a conversation, and tells the listener what happens to it until the
    /// end.
    ///
    /// # Errors
    ///
    /// Why the phone gives no sound.
    fn begin(&self, listener: Arc<AudioListener>) -> Result<(), CooeeError>;

    /// Gives the sound back.
    fn end(&self);

    /// The ways for sound that there are.
    fn routes(&self) -> Vec<AudioRoute>;

    /// Chooses one of them by its id.
    ///
    /// # Errors
    ///
    /// Why not.
    fn select(&self, id: String) -> Result<(), CooeeError>;
}

/// Whether the app may listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AudioPermission {
    /// It may.
    Granted,
    /// It may not.
    Denied,
    /// Nobody was asked yet.
    Undetermined,
}

/// What a way for sound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AudioRouteKind {
    /// The phone at the ear.
    Earpiece,
    /// The loudspeaker.
    Speaker,
    /// A headset with a wire.
    Wired,
    /// A headset without.
    Bluetooth,
    /// Anything else.
    Other,
}

/// A way for sound to the person and from them.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AudioRoute {
    /// What it is chosen by.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub kind: AudioRouteKind,
    /// It is the one in use.
    pub active: bool,
}

/// What happens to the sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AudioNews {
    /// Something else has it, such as a telephone call.
    Interrupted,
    /// It is back.
    Resumed,
    /// Something is said over it for a moment.
    Ducked,
    /// That is over.
    Unducked,
    /// Another way is in use, or others can be chosen.
    RoutesChanged,
}

/// Hears from the phone during a call.
#[derive(uniffi::Object)]
pub struct AudioListener {
    listener: PlatformListener,
}

#[uniffi::export]
impl AudioListener {
    /// Something has happened to the sound.
    pub fn tell(&self, news: AudioNews) {
        (self.listener)(match news {
            AudioNews::Interrupted => PlatformNews::Interrupted,
            AudioNews::Resumed => PlatformNews::Resumed,
            AudioNews::Ducked => PlatformNews::Ducked(true),
            AudioNews::Unducked => PlatformNews::Ducked(false),
            AudioNews::RoutesChanged => PlatformNews::RoutesChanged,
        });
    }
}

/// The app's implementation, as the SDK takes it.
pub(crate) struct Phone(pub(crate) Arc<dyn PlatformAudio>);

impl cooee_sdk::AudioPlatform for Phone {
    fn permission(&self) -> cooee_sdk::Permission {
        self.0.permission().into()
    }

    fn ask_permission(&self) -> cooee_sdk::Permission {
        self.0.ask_permission().into()
    }

    fn begin(&self, listener: PlatformListener) -> Result<(), PlatformError> {
        let begun = self.0.begin(Arc::new(AudioListener { listener }));
        begun.map_err(|error| PlatformError::Refused(error.to_string()))
    }

    fn end(&self) {
        self.0.end();
    }

    fn routes(&self) -> Vec<cooee_sdk::AudioRoute> {
        let routes = self.0.routes().into_iter();
        routes
            .map(|route| cooee_sdk::AudioRoute {
                id: route.id,
                name: route.name,
                kind: route.kind.into(),
                active: route.active,
            })
            .collect()
    }

    fn select(&self, id: &str) -> Result<RouteChange, PlatformError> {
        match self.0.select(id.to_owned()) {
            Ok(()) => Ok(RouteChange::Moved),
            Err(CooeeError::Audio { code, .. }) if code == "no_route" => {
                Err(PlatformError::NoRoute)
            }
            Err(error) => Err(PlatformError::Refused(error.to_string())),
        }
    }
}

impl From<AudioPermission> for cooee_sdk::Permission {
    fn from(permission: AudioPermission) -> Self {
        match permission {
            AudioPermission::Granted => Self::Granted,
            AudioPermission::Denied => Self::Denied,
            AudioPermission::Undetermined => Self::Undetermined,
        }
    }
}

impl From<AudioRouteKind> for cooee_sdk::AudioRouteKind {
    fn from(kind: AudioRouteKind) -> Self {
        match kind {
            AudioRouteKind::Earpiece => Self::Earpiece,
            AudioRouteKind::Speaker => Self::Speaker,
            AudioRouteKind::Wired => Self::Wired,
            AudioRouteKind::Bluetooth => Self::Bluetooth,
            AudioRouteKind::Other => Self::Other,
        }
    }
}

impl From<cooee_sdk::AudioRoute> for AudioRoute {
    fn from(route: cooee_sdk::AudioRoute) -> Self {
        use cooee_sdk::AudioRouteKind as Kind;
        Self {
            id: route.id,
            name: route.name,
            kind: match route.kind {
                Kind::Earpiece => AudioRouteKind::Earpiece,
                Kind::Speaker => AudioRouteKind::Speaker,
                Kind::Wired => AudioRouteKind::Wired,
                Kind::Bluetooth => AudioRouteKind::Bluetooth,
                _ => AudioRouteKind::Other,
            },
            active: route.active,
        }
    }
}
