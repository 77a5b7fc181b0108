//! What the user has chosen, on disk and in force.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use crate::error::{Answer, AppError, ErrorCode, of_io};
use crate::files;
use crate::model::settings::Settings;

/// The settings and their file.
pub(crate) struct Chosen {
    path: PathBuf,
    settings: RwLock<Settings>,
}

impl Chosen {
    /// Reads them; the defaults where there is no file, or a damaged one.
    pub(crate) fn load(data: &Path) -> io::Result<Self> {
        let path = data.join("settings.json");
        let settings: Settings = files::read_json(&path)?;
        Ok(Self {
            path,
            settings: RwLock::new(within_bounds(settings)),
        })
    }

    pub(crate) fn settings(&self) -> Settings {
        let settings = self.settings.read();
        settings.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes new ones over and writes them down; gives what they came to.
    pub(crate) fn replace(&self, settings: Settings) -> Answer<Settings> {
        let settings = within_bounds(settings);
        {
            let mut now = self
                .settings
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            now.clone_from(&settings);
        }
        files::write_json(&self.path, &settings)
            .map_err(|error| AppError::new(of_io(&error, ErrorCode::DataFolder), error))?;
        Ok(settings)
    }
}

/// Numbers that are out of range count as the nearest that make sense, and texts that are too
/// long for what they name as nothing.
fn within_bounds(mut settings: Settings) -> Settings {
    let appearance = &mut settings.appearance;
    appearance.text_size = appearance.text_size.clamp(80, 200);
    let sound = &mut settings.sound;
    sound.bitrate = sound
        .bitrate
        .map(|bitrate| bitrate.clamp(cooee_sdk::MIN_BITRATE, cooee_sdk::MAX_BITRATE));
    let short = |text: &String| !text.is_empty() && text.len() <= 512;
    sound.microphone = sound.microphone.take().filter(short);
    sound.loudspeaker = sound.loudspeaker.take().filter(short);
    settings.talk_key = settings.talk_key.take().filter(short);
    settings
}

#[cfg(test)]
mod tests {
    use super::Chosen;
    use crate::model::settings::{Settings, Theme};

    #[test]
    fn what_is_missing_or_unknown_in_the_file_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"appearance":{"theme":"dark","textSize":9000},"future":true}"#;
        std::fs::write(folder.path().join("settings.json"), text).unwrap();
        let settings = Chosen::load(folder.path()).unwrap().settings();
        assert_eq!(settings.appearance.theme, Theme::Dark);
        assert_eq!(settings.appearance.text_size, 200);
        assert_eq!(settings.start, Settings::default().start);
    }

    #[test]
    fn what_was_chosen_is_there_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let chosen = Chosen::load(folder.path()).unwrap();
        let mut settings = chosen.settings();
        settings.sound.microphone = Some("mic".to_owned());
        settings.sound.bitrate = Some(1);
        let kept = chosen.replace(settings).unwrap();
        assert_eq!(kept.sound.bitrate, Some(cooee_sdk::MIN_BITRATE));
        assert_eq!(Chosen::load(folder.path()).unwrap().settings(), kept);
    }
}
