//! The few words that the shell says itself, in tray and notifications. The rest is the page's.

use crate::model::settings::{Language, Settings};

/// Words in one language.
pub(super) struct Words {
    pub(super) show: &'static str,
    pub(super) mute: &'static str,
    pub(super) unmute: &'static str,
    pub(super) hang_up: &'static str,
    pub(super) quit: &'static str,
    pub(super) answer: &'static str,
    pub(super) decline: &'static str,
    pub(super) offline: &'static str,
    pub(super) online: &'static str,
    pub(super) in_call: &'static str,
    pub(super) calls_you: &'static str,
    pub(super) calls_group: &'static str,
    pub(super) missed_call: &'static str,
    pub(super) asks: &'static str,
    pub(super) new_message: &'static str,
    #[cfg(feature = "updater")]
    pub(super) update: &'static str,
    #[cfg(feature = "updater")]
    pub(super) install: &'static str,
}

const ENGLISH: Words = Words {
    show: "Show Cooee",
    mute: "Mute",
    unmute: "Unmute",
    hang_up: "Hang up",
    quit: "Quit",
    answer: "Answer",
    decline: "Decline",
    offline: "Not connected",
    online: "Connected",
    in_call: "In a call",
    calls_you: "is calling you",
    calls_group: "is calling your group",
    missed_call: "Missed call",
    asks: "would like to be your contact",
    new_message: "New message",
    #[cfg(feature = "updater")]
    update: "There is a new version:",
    #[cfg(feature = "updater")]
    install: "Install",
};

const FRENCH: Words = Words {
    show: "Afficher Cooee",
    mute: "Couper le micro",
    unmute: "Rétablir le micro",
    hang_up: "Raccrocher",
    quit: "Quitter",
    answer: "Répondre",
    decline: "Refuser",
    offline: "Hors connexion",
    online: "Connecté",
    in_call: "En communication",
    calls_you: "vous appelle",
    calls_group: "appelle votre groupe",
    missed_call: "Appel manqué",
    asks: "souhaite vous ajouter à ses contacts",
    new_message: "Nouveau message",
    #[cfg(feature = "updater")]
    update: "Une nouvelle version existe :",
    #[cfg(feature = "updater")]
    install: "Installer",
};

/// Those that the user has chosen.
pub(super) fn words(settings: &Settings) -> &'static Words {
    match settings.language {
        Language::En => &ENGLISH,
        Language::Fr => &FRENCH,
        Language::System if crate::system::locale().starts_with("fr") => &FRENCH,
        Language::System => &ENGLISH,
    }
}
