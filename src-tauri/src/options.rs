//! What the program was started with.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use tauri::{AppHandle, Manager};

use crate::link;
use crate::shell::Shell;

/// Starts without a window, in the tray: what the desktop does at its own start.
pub(crate) const HIDDEN: &str = "--hidden";

/// What the program was started with. Anything else in its arguments is ignored: the system puts
/// its own there.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// A data folder of its own, and so an instance of its own: for a second person on one
    /// desktop.
    pub(crate) data: Option<PathBuf>,
    /// Without a window at first.
    pub(crate) hidden: bool,
    /// Links that were opened with it.
    pub(crate) links: Vec<String>,
    /// Where the answers to dialogs are that a test of the window gives: `crate::dialogs`.
    #[cfg(debug_assertions)]
    pub(crate) dialogs: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Self {
        let mut options = Self::default();
        let mut arguments = arguments.skip(1);
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--data") => options.data = arguments.next().map(PathBuf::from),
                Some(HIDDEN) => options.hidden = true,
                #[cfg(debug_assertions)]
                Some("--dialogs") => options.dialogs = arguments.next().map(PathBuf::from),
                Some(text) if is_link(text) => options.links.push(text.to_owned()),
                Some(_) | None => {}
            }
        }
        options
    }

    /// The name that a second start with the same data finds this instance by; `None` where the
    /// system has one name for all.
    pub(crate) fn instance_name(&self) -> Option<String> {
        match &self.data {
            None => Some("org.cooee.app".to_owned()),
            Some(data) if cfg!(target_os = "linux") => Some(format!("org.cooee.app.{}", tag(data))),
            Some(_) => None,
        }
    }

    /// Where size and place of the window are kept, in the app's configuration folder.
    pub(crate) fn window_state_file(&self) -> String {
        match &self.data {
            None => ".window-state.json".to_owned(),
            Some(data) => format!(".window-state-{}.json", tag(data)),
        }
    }
}

/// Takes in links that came from outside. Nothing follows from one before the user agrees; of
/// several the last is shown.
pub(crate) fn open_links<'a>(app: &AppHandle, links: impl Iterator<Item = &'a String>) {
    let shell = app.state::<Arc<Shell>>();
    for text in links.filter(|text| is_link(text)) {
        match link::parse(text) {
            Ok(invitation) => shell.set_invitation(Some(invitation)),
            Err(problem) => shell.notice(None, problem),
        }
    }
}

fn is_link(text: &str) -> bool {
    text.strip_prefix(link::SCHEME)
        .is_some_and(|rest| rest.starts_with(':'))
}

/// A short word for a folder, one that a bus name may hold.
fn tag(folder: &std::path::Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let mut hasher = DefaultHasher::new();
    absolute.hash(&mut hasher);
    format!("d{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(words: &[&str]) -> Options {
        Options::parse(["cooee-app"].iter().chain(words).map(|word| (*word).into()))
    }

    #[test]
    fn arguments_are_understood_and_the_rest_is_ignored() {
        let options = parse(&[
            "--data",
            "/tmp/x",
            "--hidden",
            "cooee://add?server=a",
            "-psn_0_1",
        ]);
        assert_eq!(options.data, Some("/tmp/x".into()));
        assert!(options.hidden);
        assert_eq!(options.links, ["cooee://add?server=a"]);
        assert_eq!(parse(&["--data"]), Options::default());
        assert_eq!(
            parse(&["https://example.org", "cooee"]).links,
            Vec::<String>::new()
        );
    }

    #[test]
    fn two_data_folders_are_two_instances() {
        let (one, other) = (parse(&["--data", "/tmp/a"]), parse(&["--data", "/tmp/b"]));
        assert_ne!(one.window_state_file(), other.window_state_file());
        assert_ne!(parse(&[]).window_state_file(), one.window_state_file());
    }
}
