//! Where reports go: stdout, as JSON or as sentences.

use std::io::{IsTerminal as _, Write as _};

use cooee_sdk::ExportProgress;

use crate::failure::Failure;
use crate::report::Report;
use crate::words;

/// Back to the start of a line, which is then wiped.
const WIPED: &str = "\r\x1b[K";

/// Characters of a progress bar.
const BAR: usize = 30;

/// The two streams of a command, and how it writes to them.
#[derive(Debug)]
pub(crate) struct Console {
    json: bool,
    /// A meter stands on the last line and is written over.
    metered: std::cell::Cell<bool>,
    /// The line that is being typed, which stands below everything that is told.
    prompt: std::cell::RefCell<Option<String>>,
    /// Nobody reads stdout any more.
    deaf: std::cell::Cell<bool>,
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            metered: std::cell::Cell::new(false),
            prompt: std::cell::RefCell::new(None),
            deaf: std::cell::Cell::new(false),
        }
    }

    /// Tells something on stdout.
    pub(crate) fn tell(&self, report: &Report) {
        let mut text = String::new();
        let prompt = self.prompt.borrow();
        if prompt.is_some() {
            text.push_str(WIPED);
        }
        if self.json {
            text = stamped(report.json()).to_string();
            text.push('\n');
        } else {
            let meter = matches!(report, Report::Levels(_) | Report::Level(..))
                && std::io::stdout().is_terminal();
            if self.metered.replace(meter) {
                text.push_str(WIPED);
            }
            for line in words::lines(report) {
                text.push_str(&printable(&line));
                if !meter {
                    text.push('\n');
                }
            }
        }
        text.push_str(prompt.as_deref().unwrap_or_default());
        self.write(&text);
    }

    /// Draws the line that is being typed, or takes it away.
    pub(crate) fn draw(&self, line: Option<String>) {
        let line = line.as_deref().map(printable);
        if *self.prompt.borrow() == line {
            return;
        }
        self.write(&format!("{WIPED}{}", line.as_deref().unwrap_or_default()));
        self.prompt.replace(line);
    }

    /// Leaves a line that was typed where it was drawn.
    pub(crate) fn leave(&self, line: &str) {
        if self.prompt.take().is_some() {
            self.write(&format!("{WIPED}> {}\n", printable(line)));
        }
    }

    fn write(&self, text: &str) {
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
        let prompt = self.prompt.borrow();
        if prompt.is_some() {
            self.write(WIPED);
        }
        eprintln!("{}", printable(words));
        if let Some(prompt) = prompt.as_deref() {
            self.write(prompt);
        }
    }

    /// Shows how far an export has come: a bar on a terminal, objects with `--json`.
    pub(crate) fn progress(&self, done: &ExportProgress) {
        if self.json {
            let object = serde_json::json!({
                "event": "progress", "messages": done.messages,
                "conversations": done.conversations, "all_conversations": done.all_conversations,
                "files": done.files, "all_files": done.all_files,
            });
            println!("{}", stamped(object));
        } else if std::io::stderr().is_terminal() {
            let all = done.all_conversations + done.all_files;
            let part = done.conversations + done.files + done.missing_files;
            let filled = (part * BAR).checked_div(all).unwrap_or(0).min(BAR);
            eprint!(
                "\r[{}{}] {} messages, {} of {} files ",
                "#".repeat(filled),
                ".".repeat(BAR - filled),
                done.messages,
                done.files,
                done.all_files
            );
            if part == all {
                eprintln!();
            }
        }
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

/// What others wrote must not steer the terminal, nor turn round the order of what stands beside it.
fn printable(text: &str) -> String {
    let steers = |char: char| {
        char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|char| if steers(char) { '\u{fffd}' } else { char })
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
        assert_eq!(printable("a\u{9b}2J\u{202e}b"), "a\u{fffd}2J\u{fffd}b");
    }
}
