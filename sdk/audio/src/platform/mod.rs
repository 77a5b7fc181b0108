//! What a call needs from the platform around its devices: the permission to listen, a session
//! with the right category and mode, routes, and news of interruptions and of the focus.
//!
//! A desktop grants all of that by itself ([`DesktopAudio`]). A phone's app implements
//! [`AudioPlatform`] over `AVAudioSession` or `AudioManager`; [`ScriptedAudio`] plays one in tests.

mod desktop;
mod scripted;

use std::fmt;

pub use desktop::DesktopAudio;
pub use scripted::ScriptedAudio;

/// What a way for sound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AudioRouteKind {
    /// The phone at the ear.
    Earpiece,
    /// The loudspeaker of the phone or computer.
    Speaker,
    /// A headset with a wire.
    Wired,
    /// A headset without.
    Bluetooth,
    /// Anything else: a screen, a sound card, a dock.
    Other,
}

/// A way for sound to the person and from them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

/// Whether the app may listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// It may.
    Granted,
    /// It may not, and asking again is no use: the person changes it in the system's settings.
    Denied,
    /// Nobody was asked yet.
    Undetermined,
}

/// What the platform tells while a session is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlatformNews {
    /// Something else has the sound now, such as a telephone call: nothing is sent or played.
    Interrupted,
    /// The sound is back.
    Resumed,
    /// Something is said over the call for a moment, such as a direction on the way, and the call
    /// is played softer; or that is over.
    Ducked(bool),
    /// Another route is in use, or others can be chosen.
    RoutesChanged,
}

/// What becomes of a route that was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RouteChange {
    /// The platform has moved the sound.
    Moved,
    /// The call has to play on the device of this name or id.
    Device(String),
}

/// Why the platform does not let a call have sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// The person does not let the app listen.
    #[error("this app may not use the microphone: allow it in the system's settings")]
    NoPermission,
    /// There is no such route (any more).
    #[error("there is no such route for sound (any more)")]
    NoRoute,
    /// The session was refused, in the platform's words.
    #[error("the system gives this app no sound: {0}")]
    Refused(String),
}

/// Hears what the platform tells.
pub type PlatformListener = Box<dyn Fn(PlatformNews) + Send + Sync>;

/// The platform, as far as a call's sound needs it.
///
/// Every method may block, and none is called on a thread that must not. Of `begin` and `end`,
/// each follows the other; the first `begin` comes before any device opens and the last `end`
/// after all have closed.
pub trait AudioPlatform: Send + Sync {
    /// Whether the app may listen.
    fn permission(&self) -> Permission;

    /// Asks the person, and waits for their answer.
    fn ask_permission(&self) -> Permission;

    /// A call begins: takes the sound for a conversation (category, mode, focus), and tells the
    /// listener what happens to it until the end.
    ///
    /// # Errors
    ///
    /// [`PlatformError::Refused`]; the call then has no sound.
    fn begin(&self, listener: PlatformListener) -> Result<(), PlatformError>;

    /// The call is over: gives the sound back to whoever had it.
    fn end(&self);

    /// The ways for sound that there are.
    fn routes(&self) -> Vec<AudioRoute>;

    /// Chooses a route.
    ///
    /// # Errors
    ///
    /// [`PlatformError::NoRoute`], [`PlatformError::Refused`].
    fn select(&self, id: &str) -> Result<RouteChange, PlatformError>;
}

impl fmt::Debug for dyn AudioPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AudioPlatform")
    }
}
