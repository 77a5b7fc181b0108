//! Which of the system's devices people would choose from a list.
//!
//! ALSA names every way of using a card, and converters that are no device at all. A list of them is
//! three pages long for one sound card. Names that are left out are accepted all the same.

use std::collections::BTreeSet;

use super::DeviceInfo;

/// ALSA's converters and bridges, which are listed whether or not there is anything behind them.
const CONVERTERS: [&str; 10] = [
    "jack",
    "lavrate",
    "null",
    "oss",
    "samplerate",
    "speex",
    "speexrate",
    "upmix",
    "usbstream",
    "vdownmix",
];

/// One card by the number of its loudspeakers, by its connectors, by who else may use it.
const PARTS: [&str; 14] = [
    "center_lfe",
    "dmix",
    "dshare",
    "dsnoop",
    "front",
    "hdmi",
    "hw",
    "iec958",
    "modem",
    "phoneline",
    "rear",
    "side",
    "spdif",
    "sysdefault",
];

/// Leaves out what nobody would choose.
pub(super) fn choosable(found: Vec<DeviceInfo>) -> Vec<DeviceInfo> {
    if cfg!(target_os = "linux") {
        of_alsa(found)
    } else {
        found
    }
}

/// One entry for each card and connector, beside the sound servers and what the user has configured.
fn of_alsa(found: Vec<DeviceInfo>) -> Vec<DeviceInfo> {
    // Which names are there, and for which direction.
    let mut there = BTreeSet::new();
    let mut is_new = |device: &DeviceInfo| {
        let input = device.input && there.insert((device.name.clone(), "input"));
        let output = device.output && there.insert((device.name.clone(), "output"));
        input || output
    };
    // A card that is shared with other programs goes before the same one taken for oneself.
    for device in &found {
        if place(&device.id) == Place::Shared {
            is_new(device);
        }
    }
    let kept = found.into_iter().filter(|device| match place(&device.id) {
        Place::Chosen | Place::Shared => true,
        // By its name and by its number: once is enough.
        Place::Whole => is_new(device),
        Place::No => false,
    });
    kept.collect()
}

/// What a name of ALSA's stands for.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// A sound server, or what somebody has configured.
    Chosen,
    /// A card that other programs may use meanwhile.
    Shared,
    /// A card as a whole, with conversions.
    Whole,
    /// None of that.
    No,
}

fn place(id: &str) -> Place {
    let (plugin, card) = match id.split_once(':') {
        Some((plugin, _)) => (plugin, true),
        None => (id, false),
    };
    match plugin {
        "sysdefault" if card => Place::Shared,
        "plughw" => Place::Whole,
        plugin if CONVERTERS.contains(&plugin) || PARTS.contains(&plugin) => Place::No,
        plugin if plugin.starts_with("surround") => Place::No,
        _ => Place::Chosen,
    }
}

#[cfg(test)]
mod tests {
    use super::of_alsa;
    use crate::device::DeviceInfo;

    fn device(id: &str, name: &str, input: bool, output: bool) -> DeviceInfo {
        DeviceInfo {
            name: name.to_owned(),
            id: id.to_owned(),
            input,
            output,
            default_input: id == "default",
            default_output: id == "default",
        }
    }

    fn kept(found: &[(&str, &str, bool, bool)]) -> Vec<String> {
        let found = found
            .iter()
            .map(|(id, name, input, output)| device(id, name, *input, *output))
            .collect();
        let kept = of_alsa(found);
        kept.into_iter().map(|device| device.id).collect()
    }

    #[test]
    fn what_a_desktop_with_one_card_lists_comes_down_to_what_there_is() {
        // As `aplay -L` and the probing of cards name them, on a laptop with a sound server.
        let card = "HDA Intel PCH, ALC257 Analog";
        let found = [
            ("null", "Discard all samples", true, true),
            ("default", "Default ALSA Output", true, true),
            ("sysdefault", "Default Audio Device", true, true),
            ("lavrate", "Rate Converter Plugin", true, true),
            ("samplerate", "Rate Converter Plugin", true, true),
            ("speexrate", "Rate Converter Plugin", true, true),
            ("jack", "JACK Audio Connection Kit", true, true),
            ("oss", "Open Sound System", true, true),
            ("pulse", "PulseAudio Sound Server", true, true),
            ("speex", "Plugin using Speex DSP", true, true),
            ("upmix", "Plugin for channel upmix (4,6,8)", true, true),
            ("vdownmix", "Plugin for channel downmix", true, true),
            ("hw:CARD=PCH,DEV=0", card, true, true),
            ("plughw:CARD=PCH,DEV=0", card, true, true),
            ("sysdefault:CARD=PCH", card, true, true),
            ("front:CARD=PCH,DEV=0", card, true, true),
            ("surround51:CARD=PCH,DEV=0", card, false, true),
            ("dmix:CARD=PCH,DEV=0", card, false, true),
            ("dsnoop:CARD=PCH,DEV=0", card, true, false),
            ("hdmi:CARD=PCH,DEV=0", "HDA Intel PCH, HDMI 0", false, true),
            (
                "plughw:CARD=PCH,DEV=3",
                "HDA Intel PCH, HDMI 0",
                false,
                true,
            ),
            ("usbstream:CARD=PCH", "HDA Intel PCH", true, true),
            ("hw:CARD=0,DEV=0", card, true, true),
            ("plughw:CARD=0,DEV=0", card, true, true),
            ("plughw:CARD=0,DEV=3", "HDA Intel PCH, HDMI 0", false, true),
        ];
        let wanted = [
            "default",
            "pulse",
            "sysdefault:CARD=PCH",
            "plughw:CARD=PCH,DEV=3",
        ];
        assert_eq!(kept(&found), wanted);
    }

    #[test]
    fn what_the_user_has_configured_stays() {
        let found = [
            ("headset", "my headset", true, true),
            ("studio", "the mixer", false, true),
        ];
        assert_eq!(kept(&found), ["headset", "studio"]);
    }

    #[test]
    fn two_devices_of_a_card_with_one_name_and_a_direction_each_stay() {
        let found = [
            ("plughw:CARD=2,DEV=0", "USB Audio", false, true),
            ("plughw:CARD=2,DEV=1", "USB Audio", true, false),
        ];
        assert_eq!(kept(&found).len(), 2);
    }
}
