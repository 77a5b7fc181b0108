//! Sound devices and recordings, without any call.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use cooee_sdk::{DeviceError, Direction, Recording};
use tokio::sync::mpsc;

use crate::compare;
use crate::console::Console;
use crate::devices::Tried;
use crate::failure::{Failure, Outcome, chain};
use crate::report::Report;

/// How long the test records.
const SECONDS: u64 = 2;

/// Levels that wait to be shown.
const LEVELS: usize = 64;

pub(crate) fn devices(console: &Console) -> Outcome {
    let devices = cooee_sdk::devices().map_err(|error| failed(&error))?;
    console.tell(&Report::Devices(devices));
    Ok(())
}

/// Records two seconds and plays them back.
pub(crate) async fn test(
    console: &Console,
    input: Option<String>,
    output: Option<String>,
) -> Outcome {
    // A device that does not exist is told before anything is recorded.
    for (name, direction) in [(&input, Direction::Input), (&output, Direction::Output)] {
        check(named(name), direction)?;
    }
    console.note(&format!(
        "say something: {SECONDS} seconds are recorded, and played back then"
    ));
    let (levels, mut shown) = mpsc::channel(LEVELS);
    let trying = tokio::task::spawn_blocking(move || {
        let tell = |direction: Direction| {
            let levels = levels.clone();
            move |peak: f32| {
                // A level that nobody has shown yet is not worth waiting for.
                match levels.try_send((direction, peak)) {
                    Err(mpsc::error::TrySendError::Closed(_)) => ControlFlow::Break(()),
                    Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => ControlFlow::Continue(()),
                }
            }
        };
        let lasting = Duration::from_secs(SECONDS);
        let recording = Recording::record(named(&input), lasting, tell(Direction::Input))?;
        let loudspeaker = recording.play(named(&output), tell(Direction::Output))?;
        Ok::<_, DeviceError>(Tried {
            microphone: recording.microphone().to_owned(),
            loudspeaker,
            peak: recording.peak(),
        })
    });
    while let Some((direction, peak)) = shown.recv().await {
        console.tell(&Report::Level(direction, peak));
    }
    let tried = trying
        .await
        .map_err(|_| Failure::new("audio", "the test of the devices died"))?;
    console.tell(&Report::Tried(tried.map_err(|error| failed(&error))?));
    Ok(())
}

pub(crate) fn compare(console: &Console, said: &Path, heard: &Path) -> Outcome {
    console.tell(&Report::Comparison(compare::files(said, heard)?));
    Ok(())
}

/// The name as the SDK wants it: nothing for the default.
fn named(name: &Option<String>) -> Option<&str> {
    name.as_deref()
        .filter(|name| !matches!(*name, "" | "default"))
}

fn check(name: Option<&str>, direction: Direction) -> Outcome {
    let Some(name) = name else {
        return Ok(());
    };
    let devices = cooee_sdk::devices().map_err(|error| failed(&error))?;
    let lower = name.to_lowercase();
    let known = devices.iter().any(|device| {
        let usable = match direction {
            Direction::Output => device.output,
            _ => device.input,
        };
        usable && (device.id == name || device.name.to_lowercase() == lower)
    });
    match known {
        true => Ok(()),
        false => Err(Failure::new(
            "audio",
            format!("`{name}` is no {direction} device: cooee devices shows the devices"),
        )),
    }
}

fn failed(error: &DeviceError) -> Failure {
    Failure::new("audio", chain(error))
}
