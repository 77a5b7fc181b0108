//! This machine: sound, keyring, data folder.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use cooee_audio::{DeviceError, LatencyProfile, OpenError, Output};
use cooee_store::{AccountId, CredentialError, CredentialStore, KeyringStore, Secret};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Check;
use super::judge;

/// How long sound may take to answer.
const SOUND: Duration = Duration::from_secs(10);
/// How long the keyring may take, its owner's typing included.
const KEYRING: Duration = Duration::from_secs(60);

/// Runs what blocks on a thread of its own, which is left alone when it takes too long: a thread
/// of the runtime would keep the program from ending.
async fn apart<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (done, result) = oneshot::channel();
    std::thread::Builder::new()
        .name("doctor".to_owned())
        .spawn(move || {
            // Nobody waits any more: nothing to tell.
            let _ = done.send(work());
        })
        .map_err(|error| error.to_string())?;
    match timeout(limit, result).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err("the attempt broke off".to_owned()),
        Err(_) => Err(format!("no answer in {} s", limit.as_secs())),
    }
}

/// Tells of microphone and loudspeaker. The microphone is only listed.
pub(super) async fn sound() -> [Check; 2] {
    let microphones = apart(SOUND, || {
        let devices = cooee_audio::devices().map_err(|error| chain(&error))?;
        let inputs = devices.into_iter().filter(|device| device.input);
        Ok(inputs
            .map(|device| (device.name, device.default_input))
            .collect())
    });
    let speaker = apart(SOUND, || {
        cooee_audio::open_sink(Output::Default, LatencyProfile::default())
            .map(drop)
            .map_err(|error| match error {
                OpenError::Device(DeviceError::None(_)) => "there is none".to_owned(),
                OpenError::Device(DeviceError::Open { name, source, .. }) => {
                    format!("\"{name}\" does not open: {}", chain(&source))
                }
                other => chain(&other),
            })
    });
    let microphones = microphones.await;
    let speaker = speaker.await;
    [
        judge::microphone(&microphones, speaker.is_ok()),
        judge::speaker(speaker),
    ]
}

/// Writes an entry into the keyring, reads it back and removes it.
pub(super) async fn keyring(used: bool) -> Check {
    if !used {
        return judge::keyring(None);
    }
    let tried = apart(KEYRING, || {
        let store = KeyringStore::new();
        let account = AccountId::new("cooee doctor", format!("probe {}", std::process::id()));
        let secret = format!("{:016x}", rand::random::<u64>());
        let written = store.save(&account, &Secret::new(&secret));
        let read = written.and_then(|()| store.load(&account));
        // Also after a failure, lest anything stay behind.
        let removed = store.remove(&account);
        let read = read.map_err(|error| unkept(&error))?;
        removed.map_err(|error| unkept(&error))?;
        match read {
            Some(read) if read.expose() == secret => Ok(()),
            Some(_) | None => Err("the keyring does not give back what it was given".to_owned()),
        }
    });
    judge::keyring(Some(tried.await))
}

/// The failure without what the store itself advises.
fn unkept(error: &CredentialError) -> String {
    match error {
        CredentialError::NoStore { reason } => format!("this system offers none ({reason})"),
        CredentialError::Locked { .. } => "it is locked, or was never set up".to_owned(),
        CredentialError::AccessDenied { .. } => "the system refuses access to it".to_owned(),
        other => chain(other),
    }
}

/// Writes a file into the data folder and removes it; asks for the space left.
pub(super) fn folder(data: &Path) -> Check {
    let probe = data.join(format!("doctor.{}.partial", std::process::id()));
    let written = fs::create_dir_all(data)
        .and_then(|()| write(&probe))
        .map_err(|error| error.to_string());
    judge::folder(&data.display().to_string(), written, free(data))
}

fn write(probe: &Path) -> io::Result<()> {
    let written = fs::File::create(probe).and_then(|mut file| {
        file.write_all(b"probe")?;
        file.sync_all()
    });
    let removed = fs::remove_file(probe);
    written.and(removed)
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(folder).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(not(unix))]
fn free(_folder: &Path) -> Option<u64> {
    None
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}
