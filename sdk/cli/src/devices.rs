//! What is told of sound devices, as objects and in sentences.

use cooee_sdk::{DeviceInfo, DeviceNews, DeviceReason, Direction};
use serde_json::{Value, json};

use crate::report::decibels;

/// What trying the devices out came to.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    /// The microphone's name.
    pub(crate) microphone: String,
    /// The loudspeaker's name.
    pub(crate) loudspeaker: String,
    /// The loudest that was recorded, full scale at 1.
    pub(crate) peak: f32,
}

/// A peak below this, -60 dB, is no voice.
const SILENT: f32 = 0.001;

impl Tried {
    fn heard_nothing(&self) -> bool {
        self.peak < SILENT
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "event": "device_test",
            "microphone": self.microphone,
            "loudspeaker": self.loudspeaker,
            "peak_db": decibels(self.peak),
            "silent": self.heard_nothing(),
        })
    }

    pub(crate) fn sentence(&self) -> String {
        let Self {
            microphone,
            loudspeaker,
            peak,
        } = self;
        let mut text = format!(
            "recorded {microphone}, {} dB at the loudest, and played it on {loudspeaker}",
            decibels(*peak)
        );
        if self.heard_nothing() {
            text.push_str(
                "; that was silence: see that the microphone is not muted, or choose another \
                 with --input",
            );
        }
        text
    }
}

/// How loud a device under test is.
pub(crate) fn level_json(direction: Direction, peak: f32) -> Value {
    json!({
        "event": "level", "direction": direction.to_string(), "level_db": decibels(peak),
    })
}

/// The same as a bar.
pub(crate) fn level_line(direction: Direction, bar: &str) -> String {
    match direction {
        Direction::Output => format!("playing    {bar}"),
        _ => format!("recording  {bar}"),
    }
}

pub(crate) fn info_json(device: &DeviceInfo) -> Value {
    json!({
        "name": device.name, "id": device.id,
        "input": device.input, "output": device.output,
        "default_input": device.default_input, "default_output": device.default_output,
    })
}

pub(crate) fn info_row(device: &DeviceInfo) -> String {
    let mut traits = Vec::new();
    if device.input {
        traits.push("microphone");
    }
    if device.output {
        traits.push("loudspeaker");
    }
    if device.default_input {
        traits.push("default microphone");
    }
    if device.default_output {
        traits.push("default loudspeaker");
    }
    format!("{}  ({})  {}", device.name, device.id, traits.join(", "))
}

pub(crate) fn news_json(news: &DeviceNews) -> Value {
    json!({
        "event": "device",
        "direction": news.direction.to_string(),
        "device": news.device,
        "reason": news.reason.as_str(),
        "message": news.error,
    })
}

pub(crate) fn news_sentence(news: &DeviceNews) -> String {
    let (kind, without) = match news.direction {
        Direction::Output => ("loudspeaker", "the call goes on, and nothing is heard here"),
        _ => ("microphone", "the call goes on, and nobody hears you"),
    };
    let error = news.error.as_deref().map(|error| format!(": {error}"));
    let error = error.unwrap_or_default();
    match (news.reason, &news.device) {
        (DeviceReason::Opened | DeviceReason::Chosen, Some(device)) => format!("{kind}: {device}"),
        (DeviceReason::Chosen, None) => format!("another {kind} is in use"),
        (DeviceReason::Refused, _) => format!("the {kind} stays as it was{error}"),
        (DeviceReason::Lost, Some(device)) => {
            format!("the {kind} is lost{error}; {device} stands in for it")
        }
        (DeviceReason::Lost, None) => format!("the {kind} is lost{error}; {without}"),
        (DeviceReason::Returned, Some(device)) => format!("the {kind} is back: {device}"),
        (DeviceReason::DefaultChanged, Some(device)) => {
            format!("the default {kind} is now {device}")
        }
        (_, _) => format!("there is no {kind}{error}; {without}"),
    }
}

#[cfg(test)]
mod tests {
    use super::Tried;

    #[test]
    fn silence_in_a_test_is_told_with_what_to_do() {
        let mut tried = Tried {
            microphone: "Headset".to_owned(),
            loudspeaker: "Speakers".to_owned(),
            peak: 0.5,
        };
        assert_eq!(tried.json()["silent"], false);
        assert_eq!(
            tried.sentence(),
            "recorded Headset, -6 dB at the loudest, and played it on Speakers"
        );
        tried.peak = 0.0;
        assert_eq!(tried.json()["peak_db"], -96);
        assert!(tried.sentence().contains("not muted"));
    }
}
