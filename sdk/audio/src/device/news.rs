//! What a call tells of its devices.

use super::Direction;

/// Why another device is used, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceReason {
    /// The call has begun with it.
    Opened,
    /// The user chose it.
    Chosen,
    /// The one that the user chose does not open; the one before stays.
    Refused,
    /// There is none that opens, and the call goes on without.
    Missing,
    /// The one before is gone.
    Lost,
    /// The one that was lost is back.
    Returned,
    /// The system's default has become another.
    DefaultChanged,
}

impl DeviceReason {
    /// The reason as one word, for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Chosen => "chosen",
            Self::Refused => "refused",
            Self::Missing => "missing",
            Self::Lost => "lost",
            Self::Returned => "returned",
            Self::DefaultChanged => "default_changed",
        }
    }
}

/// What has become of a call's microphone or loudspeaker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceNews {
    /// Which of the two.
    pub direction: Direction,
    /// The device in use now; `None` for none at all, or for a file or a program.
    pub device: Option<String>,
    /// Why.
    pub reason: DeviceReason,
    /// What went wrong, in words, where something did.
    pub error: Option<String>,
}
