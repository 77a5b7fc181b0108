//! What the user has chosen, for all accounts.

use serde::{Deserialize, Serialize};
use specta::Type;
use specta_typescript::Number;

/// Everything that the user can choose. Kept in `settings.json`; what is missing there has its
/// default, so that older files stay good.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Settings {
    /// Devices and processing.
    pub(crate) sound: SoundSettings,
    /// The global key for push-to-talk, as `Ctrl+Shift+Space`; `null` for none.
    pub(crate) talk_key: Option<String>,
    /// Who learns this machine's addresses.
    pub(crate) addresses: AddressPrivacy,
    /// What the desktop is told.
    pub(crate) notifications: NotificationSettings,
    /// How it looks.
    pub(crate) appearance: AppearanceSettings,
    /// The language.
    pub(crate) language: Language,
    /// How it starts and ends.
    pub(crate) start: StartSettings,
    /// What others in a conversation are told.
    pub(crate) conversations: ConversationSettings,
}

/// Devices and processing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SoundSettings {
    /// The id of the microphone; `null` follows the system's choice.
    pub(crate) microphone: Option<String>,
    /// The id of the loudspeaker; `null` follows the system's choice.
    pub(crate) loudspeaker: Option<String>,
    /// What the microphone's sound goes through.
    pub(crate) processing: Processing,
    /// Whether less delay counts more than being safe from gaps.
    pub(crate) low_latency: bool,
    /// When the microphone is heard.
    pub(crate) send_mode: SendMode,
    /// Bits in a second for the voice at most, 12,000 to 64,000; `null` for the usual.
    pub(crate) bitrate: Option<u32>,
}

/// Parts of the microphone's processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Processing {
    /// Takes what the loudspeaker plays out of what the microphone hears.
    pub(crate) echo_cancellation: bool,
    /// Lowers steady noise.
    pub(crate) noise_suppression: bool,
    /// Brings quiet and loud talkers to the same level.
    pub(crate) gain_control: bool,
    /// Takes away rumble below the human voice.
    pub(crate) high_pass: bool,
}

impl Default for Processing {
    fn default() -> Self {
        Self {
            echo_cancellation: true,
            noise_suppression: true,
            gain_control: true,
            high_pass: true,
        }
    }
}

/// When the microphone is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SendMode {
    /// Always.
    #[default]
    Continuous,
    /// While the push-to-talk key is held.
    PushToTalk,
    /// While there is a voice.
    VoiceActivated,
}

/// Who learns this machine's addresses in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AddressPrivacy {
    /// The people one talks to, so that calls go the shortest way.
    #[default]
    Direct,
    /// Nobody until the safety code was compared.
    RelayUntilVerified,
    /// Nobody: voice goes by way of the server or a relay.
    AlwaysRelay,
}

/// What the desktop is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NotificationSettings {
    /// Of calls.
    pub(crate) calls: bool,
    /// Of messages and requests.
    pub(crate) messages: bool,
    /// Whether a notification shows what a message says.
    pub(crate) preview: bool,
    /// Ring tone and the other sounds.
    pub(crate) sounds: bool,
}

impl Default for NotificationSettings {
    fn default() -> Self {
        Self {
            calls: true,
            messages: true,
            preview: true,
            sounds: true,
        }
    }
}

/// How it looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AppearanceSettings {
    /// Light, dark, or as the system has it.
    pub(crate) theme: Theme,
    /// Size of text in percent, 80 to 200.
    pub(crate) text_size: u16,
    /// Whether things move less than the system asks for.
    pub(crate) reduced_motion: bool,
}

impl Default for AppearanceSettings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            text_size: 100,
            reduced_motion: false,
        }
    }
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// A language of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Language {
    /// As the system has it; English where it has neither.
    #[default]
    System,
    /// English.
    En,
    /// French.
    Fr,
}

/// How it starts and ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StartSettings {
    /// Starts with the desktop, without a window.
    pub(crate) autostart: bool,
    /// Closing the window leaves the app in the tray, where calls still ring.
    pub(crate) close_to_tray: bool,
}

impl Default for StartSettings {
    fn default() -> Self {
        Self {
            autostart: false,
            close_to_tray: true,
        }
    }
}

/// What others in a conversation are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ConversationSettings {
    /// That one has read what they wrote.
    pub(crate) read_marks: bool,
    /// That one types.
    pub(crate) typing: bool,
}

impl Default for ConversationSettings {
    fn default() -> Self {
        Self {
            read_marks: true,
            typing: true,
        }
    }
}

/// A sound device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Device {
    /// Names it in [`SoundSettings`].
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    /// Whether the system chooses it.
    pub(crate) default: bool,
}

/// The sound devices that there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Devices {
    /// Those that capture.
    pub(crate) microphones: Vec<Device>,
    /// Those that play.
    pub(crate) loudspeakers: Vec<Device>,
}

/// Where the test of the microphone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SoundTestStage {
    /// The microphone is recorded, and its level shown.
    Recording,
    /// What was recorded is played back.
    Playing,
    /// Over.
    Done,
}

/// The test of the microphone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SoundTest {
    /// Where it is.
    pub(crate) stage: SoundTestStage,
    /// The level of what is recorded or played; full scale is 1.
    #[specta(type = Number)]
    pub(crate) level: f32,
    /// How far the stage is, 0 to 1.
    #[specta(type = Number)]
    pub(crate) progress: f32,
    /// Whether what was recorded is next to silence: the microphone is muted, or another one is
    /// meant. Known when it is over.
    pub(crate) silent: bool,
}
