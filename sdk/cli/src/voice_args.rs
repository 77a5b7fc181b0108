//! The command line of the voice in calls.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cooee_sdk::Username;

/// What a call listens to, what it plays on, and how long.
#[derive(Debug, Clone, Args)]
pub(crate) struct VoiceOptions {
    /// A WAV file to play into the call, or a microphone's name [default: the default microphone]
    #[arg(long, value_name = "X")]
    pub(crate) input: Option<String>,
    /// A WAV file to record to, a loudspeaker's name, or `none` [default: the default loudspeaker]
    #[arg(long, value_name = "X")]
    pub(crate) output: Option<String>,
    /// What the microphone's sound goes through: `all`, `off`, or some of these with commas between
    /// them: echo, noise, gain, high-pass [default: all for a microphone, off for a WAV file]
    ///
    /// echo: takes what the loudspeaker plays out of what the microphone hears; leave it out only
    /// with headphones. noise: lowers fans and hiss. gain: brings quiet and loud talkers to the
    /// same level. high-pass: takes away rumble. Musicians use `off`: the other parts are made for
    /// speech. The parts together delay the voice by 15 ms; `off` by nothing.
    #[arg(long, value_name = "WHAT")]
    pub(crate) processing: Option<cooee_sdk::Processing>,
    /// Hang up this long after the call is connected
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<std::time::Duration>,
    /// Show how loud both sides are, ten times a second
    #[arg(long)]
    pub(crate) meter: bool,
    /// Use the smallest buffers: less delay, and gaps where the machine is busy
    #[arg(long)]
    pub(crate) low_latency: bool,
    /// When the microphone is heard
    ///
    /// Packets of the same size leave at the same pace in every mode: nobody on the way learns when
    /// somebody speaks.
    #[arg(long, value_name = "WHEN", default_value = "open")]
    pub(crate) send: SendChoice,
    /// The most that the voice may take, in kbit/s: 12 to 64 [default: 32]
    ///
    /// Where the network has no room for it, less is used.
    #[arg(long, value_name = "KBIT", value_parser = clap::value_parser!(u32).range(12..=64))]
    pub(crate) bitrate: Option<u32>,
    /// Write how the call went into a file at its end: a page with plots of jitter, buffer, loss,
    /// concealment and estimated quality
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// How loud somebody is played, in percent: 0 to 200; remembered for later calls
    #[arg(long, value_name = "NAME=PERCENT", value_parser = volume)]
    pub(crate) volume: Vec<(Username, u16)>,
}

/// When the microphone is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SendChoice {
    /// Always.
    Open,
    /// Push to talk: between one press of Enter and the next.
    Ptt,
    /// While somebody speaks.
    Voice,
}

fn volume(text: &str) -> Result<(Username, u16), String> {
    let (name, percent) = text
        .rsplit_once('=')
        .ok_or("a name and a volume, for example bob=150")?;
    let name = Username::parse(name).map_err(|error| error.to_string())?;
    let percent = percent.parse().ok().filter(|percent| *percent <= 200);
    let percent =
        percent.ok_or("a volume in percent: 0 for silence, 100 as they come, 200 at most")?;
    Ok((name, percent))
}

fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "a number of seconds, for example 90 or 2.5".to_owned())?;
    std::time::Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero() && seconds < 1e9)
        .ok_or_else(|| "more than 0 seconds, and less than a lifetime".to_owned())
}
