//! What the user types during a call.

use std::io::{BufRead as _, IsTerminal as _};

use cooee_sdk::{Input, Output};
use tokio::sync::mpsc;

use crate::args::PrivacyChoice;

/// What is typed when the safety codes were compared.
pub(crate) const VERIFIED: &str = "verified";

/// What can be typed, for who types something else.
pub(crate) const HELP: &str = "type: input NAME, output NAME, devices, mute, unmute, deafen, undeafen, \
    verified, hangup; Enter alone begins or ends talking with --send ptt";

/// Lines that wait to be carried out.
const LINES: usize = 16;

/// A line that was typed.
#[derive(Debug)]
pub(crate) enum Line {
    /// The safety codes are right.
    Verified,
    /// Listen to this from now on.
    Input(Input),
    /// Play on this from now on.
    Output(Output),
    /// Which devices there are.
    Devices,
    Muted(bool),
    Deafened(bool),
    /// Begin or end talking.
    Talk,
    HangUp,
    Unknown,
}

impl Line {
    fn parse(text: &str) -> Self {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match (word, rest) {
            ("", _) => Self::Talk,
            (VERIFIED, "") => Self::Verified,
            ("input", name) if !name.is_empty() => Self::Input(Input::from(name)),
            ("output", name) if !name.is_empty() => Self::Output(Output::from(name)),
            ("devices", "") => Self::Devices,
            ("mute", "") => Self::Muted(true),
            ("unmute", "") => Self::Muted(false),
            ("deafen", "") => Self::Deafened(true),
            ("undeafen", "") => Self::Deafened(false),
            ("hangup", "") => Self::HangUp,
            _ => Self::Unknown,
        }
    }
}

/// What the user types.
#[derive(Debug)]
pub(crate) struct Typed {
    lines: Option<mpsc::Receiver<Line>>,
    /// Voice goes by way of the server until a word is typed.
    awaits_verification: bool,
}

impl Typed {
    /// Reads stdin from now on, except from a terminal that belongs to another job: a background
    /// job that reads from its terminal is stopped.
    pub(crate) fn listen(privacy: PrivacyChoice) -> Self {
        let awaits_verification = privacy == PrivacyChoice::RelayUntilVerified;
        if !awaits_verification && !is_ours() {
            return Self {
                lines: None,
                awaits_verification,
            };
        }
        let (said, lines) = mpsc::channel(LINES);
        // A thread of its own, which the end of the process does not wait for: nothing else ends
        // a read that has begun.
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { return };
                if said.blocking_send(Line::parse(&line)).is_err() {
                    return;
                }
            }
        });
        Self {
            lines: Some(lines),
            awaits_verification,
        }
    }

    /// Whether voice takes a longer way until a word is typed.
    pub(crate) fn awaits_verification(&self) -> bool {
        self.awaits_verification
    }

    /// Waits for a line; for ever where nothing can be typed any more.
    pub(crate) async fn line(&mut self) -> Line {
        if let Some(lines) = &mut self.lines
            && let Some(line) = lines.recv().await
        {
            return line;
        }
        self.lines = None;
        std::future::pending().await
    }
}

/// Whether stdin can be read without being stopped.
#[cfg(unix)]
pub(crate) fn is_ours() -> bool {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return true;
    }
    rustix::termios::tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp())
}

#[cfg(not(unix))]
pub(crate) fn is_ours() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use cooee_sdk::{Input, Output};

    use super::Line;

    #[test]
    fn lines_are_understood() {
        assert!(matches!(Line::parse(" verified "), Line::Verified));
        let Line::Input(Input::Device(name)) = Line::parse("input USB Headset  ") else {
            panic!("a device");
        };
        assert_eq!(name, "USB Headset");
        assert!(matches!(
            Line::parse("input default"),
            Line::Input(Input::Default)
        ));
        assert!(matches!(
            Line::parse("output none"),
            Line::Output(Output::Null)
        ));
        assert!(matches!(Line::parse(""), Line::Talk));
        assert!(matches!(Line::parse("unmute"), Line::Muted(false)));
        for unknown in ["input", "mute now", "hello", "verified?"] {
            assert!(matches!(Line::parse(unknown), Line::Unknown), "{unknown}");
        }
    }
}
