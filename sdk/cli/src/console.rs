//! Where reports go: stdout, as JSON or as sentences.

use std::io::{IsTerminal as _, Write as _};

use crate::failure::Failure;
use crate::report::Report;
use crate::words;

/// The two streams of a command, and how it writes to them.
#[derive(Debug)]
pub(crate) struct Console {
    json: bool,
    /// A meter stands on the last line and is written over.
    metered: std::cell::Cell<bool>,
    /// Nobody reads stdout any more.
    deaf: std::cell::Cell<bool>,
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            metered: std::cell::Cell::new(false),
            deaf: std::cell::Cell::new(false),
        }
    }

    /// Tells something on stdout.
    pub(crate) fn tell(&self, report: &Report) {
        let mut text = String::new();
        if self.json {
            text = stamped(report.json()).to_string();
            text.push('\n');
        } else {
            let meter = matches!(report, Report::Levels(_) | Report::Level(..))
                && std::io::stdout().is_terminal();
            if self.metered.replace(meter) {
                // Back to the start of the meter's line, which is then wiped.
                text.push_str("\r\x1b[K");
            }
            for line in words::lines(report) {
                text.push_str(&printable(&line));
                if !meter {
                    text.push('\n');
                }
            }
        }
        let mut stdout = std::io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        if written.is_err() {
            self.deaf.set(true);
        }
    }

    /// Whether whoever read stdout has gone.
    pub(crate) fn is_deaf(&self) -> bool {
        self.deaf.get()
    }

    /// Says something beside the result, on stderr.
    pub(crate) fn note(&self, words: &str) {
        eprintln!("{}", printable(words));
    }

    /// Says why the command failed.
    pub(crate) fn fail(&self, failure: &Failure) {
        if self.json {
            self.tell(&Report::Error(failure.clone()));
        } else if self.metered.replace(false) {
            println!();
        }
        eprintln!("cooee: {}", printable(&failure.message));
    }
}

/// What others chose as names must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect()
}

/// An event with the time at which it is told, in seconds since the Unix epoch.
fn stamped(mut event: serde_json::Value) -> serde_json::Value {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    if let (Some(object), Ok(since)) = (event.as_object_mut(), since) {
        object.insert("at".to_owned(), since.as_secs_f64().into());
    }
    event
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn escape_sequences_in_names_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(printable("zoë"), "zoë");
    }
}
