//! What a call listens to and plays on, checked before anybody is rung.

use std::path::Path;

use cooee_sdk::{CallOptions, DeviceInfo, Input, LatencyProfile, Output, SendMode, WavSource};

use crate::failure::{Failure, chain};
use crate::voice_args::{SendChoice, VoiceOptions};

/// Turns the options into what the SDK takes.
pub(crate) fn options(voice: &VoiceOptions) -> Result<CallOptions, Failure> {
    let options = CallOptions {
        input: Input::from(voice.input.as_deref().unwrap_or_default()),
        output: Output::from(voice.output.as_deref().unwrap_or_default()),
        processing: voice.processing,
        latency: match voice.low_latency {
            true => LatencyProfile::Low,
            false => LatencyProfile::Balanced,
        },
        send_mode: match voice.send {
            SendChoice::Open => SendMode::Continuous,
            SendChoice::Ptt => SendMode::PushToTalk,
            SendChoice::Voice => SendMode::VoiceActivated,
        },
        bitrate: voice.bitrate.map(|kilobits| kilobits.saturating_mul(1_000)),
    };
    check_input(&options.input)?;
    check_output(&options.output)?;
    if let Some(report) = &voice.report {
        check_writable(report)?;
    }
    Ok(options)
}

fn check_input(input: &Input) -> Result<(), Failure> {
    match input {
        Input::Wav(path) => {
            WavSource::open(path).map_err(|error| Failure::new("audio", chain(&error)))?;
            Ok(())
        }
        Input::Device(name) => check_device("input", name, |device| device.input),
        // Whether the default device opens shows when it is opened, and not before.
        _ => Ok(()),
    }
}

fn check_output(output: &Output) -> Result<(), Failure> {
    match output {
        Output::Wav(path) => check_writable(path),
        Output::Device(name) => check_device("output", name, |device| device.output),
        _ => Ok(()),
    }
}

fn check_writable(path: &Path) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    if folder.is_dir() && !path.is_dir() {
        return Ok(());
    }
    let shown = path.display();
    Err(Failure::new(
        "audio",
        format!("{shown} cannot be written: there is no such folder, or it is one"),
    ))
}

fn check_device(
    direction: &str,
    name: &str,
    usable: impl Fn(&DeviceInfo) -> bool,
) -> Result<(), Failure> {
    let devices = cooee_sdk::devices().map_err(|error| Failure::new("audio", chain(&error)))?;
    let known = devices
        .iter()
        .filter(|device| usable(device))
        .any(|device| device.id == name || device.name.to_lowercase() == name.to_lowercase());
    if known {
        return Ok(());
    }
    Err(Failure::new(
        "audio",
        format!(
            "`{name}` is no WAV file and no {direction} device: cooee devices shows the devices"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cooee_sdk::{Input, LatencyProfile, Output, SendMode};

    use super::options;
    use crate::voice_args::{SendChoice, VoiceOptions};

    fn chosen(input: &str, output: &str) -> VoiceOptions {
        VoiceOptions {
            input: Some(input.to_owned()),
            output: Some(output.to_owned()),
            processing: None,
            duration: Some(Duration::from_secs(1)),
            meter: false,
            low_latency: true,
            send: SendChoice::Ptt,
            bitrate: Some(24),
            report: None,
            volume: Vec::new(),
        }
    }

    #[test]
    fn nothing_chosen_is_the_default_device() -> Result<(), crate::failure::Failure> {
        let options = options(&chosen("", "default"))?;
        assert!(matches!(options.input, Input::Default));
        assert!(matches!(options.output, Output::Default));
        assert_eq!(options.latency, LatencyProfile::Low);
        assert_eq!(options.send_mode, SendMode::PushToTalk);
        assert_eq!(options.bitrate, Some(24_000));
        Ok(())
    }

    #[test]
    fn files_that_cannot_be_used_are_refused_before_the_call() {
        for (input, output) in [
            ("no-such-file.wav", "none"),
            ("", "no-such-folder/heard.wav"),
        ] {
            let refused = options(&chosen(input, output)).map_err(|failure| failure.code);
            assert!(matches!(refused, Err("audio")), "{input} {output}");
        }
    }
}
