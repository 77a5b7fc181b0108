//! The log, and what the user may pass on when something is wrong.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use tauri::AppHandle;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::shell::Shell;

/// How much of the log's end goes into a report, in bytes.
const LOG_END: u64 = 32 * 1024;

/// The log's file.
const LOG: &str = "cooee.log";

/// What is written down unless `COOEE_LOG` says otherwise.
const FILTER: &str = "info";

/// What is never asked for more than this, whatever `COOEE_LOG` says: the ICE library writes passwords
/// of calls at its debug level, and those of TURN addresses at info and in warnings.
const CAPPED: &str =
    "is=info,turn_client_proto=error,turn_types=warn,stun_proto=warn,stun_types=warn";

/// Begins the log. A second call, as tests make, changes nothing.
pub(crate) fn start_log(folder: &Path) {
    let filter = filter(std::env::var("COOEE_LOG").ok().as_deref());
    match log::Log::open(&folder.join(LOG)) {
        Ok(file) => subscribe(filter, file),
        // A full disk must not keep anybody from calling.
        Err(error) => {
            subscribe(filter, std::io::stderr);
            tracing::warn!(%error, "the log cannot be written to its file");
        }
    }
}

fn filter(asked: Option<&str>) -> EnvFilter {
    EnvFilter::new(format!("{},{CAPPED}", asked.unwrap_or(FILTER)))
}

fn subscribe<W>(filter: EnvFilter, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(writer)
        .finish();
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Where the log is.
pub(crate) fn log_folder(data: &Path) -> PathBuf {
    data.join("log")
}

/// Versions, settings, states and the end of the log. Names, servers, devices and addresses are
/// left out or replaced.
pub(crate) fn report(app: &AppHandle, shell: &Shell) -> String {
    let mut report = String::new();
    let package = app.package_info();
    // Writing to a string does not fail.
    let _ = writeln!(report, "Cooee {}", package.version);
    let _ = writeln!(
        report,
        "{} {}, locale {}",
        std::env::consts::OS,
        std::env::consts::ARCH,
        crate::system::locale()
    );
    let webview = tauri::webview_version().unwrap_or_else(|error| error.to_string());
    let _ = writeln!(report, "webview {webview}");
    let settings = shell.chosen.settings();
    let _ = writeln!(
        report,
        "sound: own microphone {}, own loudspeaker {}, {:?}, {:?}, low latency {}",
        settings.sound.microphone.is_some(),
        settings.sound.loudspeaker.is_some(),
        settings.sound.processing,
        settings.sound.send_mode,
        settings.sound.low_latency
    );
    let _ = writeln!(report, "addresses: {:?}", settings.addresses);
    let (accounts, _) = shell.accounts();
    for (number, account) in accounts.iter().enumerate() {
        let ended = account.session.ended.as_ref().map(|ended| ended.code);
        let _ = writeln!(
            report,
            "account {}: {:?}, kept in {:?}, attempt {}, ended {ended:?}",
            number + 1,
            account.session.state,
            account.keep,
            account.session.attempt
        );
    }
    if let Some(call) = shell.line.call() {
        let _ = writeln!(
            report,
            "call: {:?}, {} others",
            call.phase,
            call.participants.len()
        );
        for other in &call.participants {
            let quality = other
                .quality
                .map(|quality| (quality.verdict, quality.reason));
            let _ = writeln!(report, "  {:?} {:?} {quality:?}", other.state, other.route);
        }
        if let Some(sample) = shell.line.samples().last() {
            let _ = writeln!(
                report,
                "  sent {} received {} lost {} late {} concealed {} jitter {:.0} ms buffer {:.0} ms",
                sample.sent,
                sample.received,
                sample.lost,
                sample.late,
                sample.concealed,
                sample.jitter_ms,
                sample.buffer_ms
            );
        }
    }
    let _ = writeln!(report, "\nlog:");
    let log = end_of(&log_folder(&shell.data).join(LOG)).unwrap_or_default();
    report.push_str(&without(&log, &private_words(shell)));
    report
}

/// What identifies people and places, longest first, so that a part does not spoil the whole.
fn private_words(shell: &Shell) -> Vec<String> {
    let mut words = Vec::new();
    let (accounts, _) = shell.accounts();
    for account in accounts {
        words.extend([account.server, account.server_name, account.profile.name]);
    }
    for running in shell.running() {
        let roster = running.roster();
        words.extend(roster.contacts.into_iter().map(|contact| contact.name));
        for group in roster.groups {
            words.push(group.name);
            words.extend(group.members);
        }
    }
    words.push(shell.data.display().to_string());
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words
}

fn without(text: &str, words: &[String]) -> String {
    let mut text = text.to_owned();
    for word in words.iter().filter(|word| word.len() > 1) {
        text = text.replace(word.as_str(), "…");
    }
    text.lines()
        .map(without_addresses)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Replaces what reads as an IP address, with or without a port.
fn without_addresses(line: &str) -> String {
    let part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    let mut out = String::with_capacity(line.len());
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        let bare = word.trim_end_matches(':');
        let is_address = bare.parse::<std::net::IpAddr>().is_ok()
            || bare.parse::<std::net::SocketAddr>().is_ok();
        out.push_str(if is_address { "…" } else { word });
        word.clear();
    };
    for c in line.chars() {
        if part(c) {
            word.push(c);
        } else {
            flush(&mut word, &mut out);
            out.push(c);
        }
    }
    flush(&mut word, &mut out);
    out
}

fn end_of(path: &Path) -> std::io::Result<String> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_END)))?;
    let mut bytes = Vec::new();
    file.take(LOG_END).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // The first line is cut somewhere, perhaps within a name.
    Ok(match text.split_once('\n') {
        Some((_, whole)) if length > LOG_END => whole.to_owned(),
        _ => text,
    })
}

mod log {
    //! A log of bounded size: what is full becomes the one before.

    use std::io::{self, Write};
    use std::path::Path;
    use std::sync::{Arc, Mutex, PoisonError};

    use file_rotate::compression::Compression;
    use file_rotate::suffix::AppendCount;
    use file_rotate::{ContentLimit, FileRotate};
    use tracing_subscriber::fmt::MakeWriter;

    /// The size of one file, in bytes.
    const SIZE: usize = 1024 * 1024;

    /// Former files that are kept.
    const FORMER: usize = 2;

    /// The file, for any thread.
    #[derive(Clone)]
    pub(super) struct Log(Arc<Mutex<FileRotate<AppendCount>>>);

    impl Log {
        pub(super) fn open(path: &Path) -> io::Result<Self> {
            if let Some(folder) = path.parent() {
                crate::files::make_private_folder(folder)?;
            }
            // The library panics where this fails, so it is tried before.
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)?;
            let file = FileRotate::new(
                path,
                AppendCount::new(FORMER),
                ContentLimit::BytesSurpassed(SIZE),
                Compression::None,
                None,
            );
            Ok(Self(Arc::new(Mutex::new(file))))
        }
    }

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .flush()
        }
    }

    impl MakeWriter<'_> for Log {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::{filter, without, without_addresses};

    /// What is written down of a few lines, if this is asked for.
    fn written(asked: Option<&str>) -> String {
        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let kept = Kept::default();
        let into = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter(asked))
            .with_writer(move || into.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "cooee_sdk", "of ours");
            tracing::debug!(target: "cooee_sdk", "of ours, in detail");
            tracing::debug!(target: "is::agent", "a password");
            tracing::info!(target: "turn_client_proto::protocol", "192.0.2.7:4400");
            tracing::warn!(target: "turn_client_proto::protocol", "192.0.2.7");
            tracing::info!(target: "turn_types::channel", "192.0.2.7:4400");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_log_has_no_passwords_and_no_addresses_of_calls_whatever_is_asked_for() {
        for (asked, lines) in [
            (None, 1),
            (Some("trace"), 2),
            (Some("debug,is=trace,turn_client_proto=trace"), 2),
        ] {
            let log = written(asked);
            assert_eq!(log.lines().count(), lines, "{asked:?}: {log}");
            assert!(log.lines().all(|line| line.contains("of ours")), "{log}");
        }
    }

    #[test]
    fn a_report_names_nobody_and_no_place() {
        let words = ["wss://cooee.example.org".to_owned(), "alice".to_owned()];
        let log =
            "alice at wss://cooee.example.org via 192.0.2.7:4400, [2001:db8::1]:9 and fe80::1";
        assert_eq!(without(log, &words), "… at … via …, […]:9 and …");
    }

    #[test]
    fn times_and_numbers_stay() {
        let line = "2026-11-30T19:41:43.123Z INFO is: took 12.5 ms, code 404";
        assert_eq!(without_addresses(line), line);
    }
}
