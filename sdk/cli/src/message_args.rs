//! The command line of conversations.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use cooee_sdk::{AttachmentId, EntryId};

/// What to send.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// A contact, or a group by id or name
    #[arg(value_name = "PSEUDO|GROUP", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) whom: String,
    /// The text, of 1 to 4,000 characters; `-` reads it from stdin
    #[arg(required_unless_present = "attach")]
    pub(crate) text: Option<String>,
    /// A file to attach; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) attach: Vec<PathBuf>,
    /// The id of the message that this answers
    #[arg(long, value_name = "ID")]
    pub(crate) reply_to: Option<EntryId>,
}

/// Which messages or calls to show.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// A contact, or a group by id or name; without one, past calls are shown
    #[arg(value_name = "PSEUDO|GROUP", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) whom: Option<String>,
    /// How many to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Only messages before this number of the conversation, as --json shows it
    #[arg(long, value_name = "SEQUENCE", requires = "whom")]
    pub(crate) before: Option<u64>,
    /// Only messages with these words, wherever: case and accents do not count
    #[arg(long, value_name = "WORDS", conflicts_with = "before")]
    pub(crate) search: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// List what has not arrived
    #[command(after_help = "Example:\n  cooee outbox list")]
    List,
    /// Send again what was refused
    #[command(after_help = "Example:\n  cooee outbox retry 0199c3f2-7a10-7d3b-8c55-1f0e9b7a6c42")]
    Retry {
        /// Its id
        id: EntryId,
    },
    /// Forget what was refused
    #[command(after_help = "Example:\n  cooee outbox discard 0199c3f2-7a10-7d3b-8c55-1f0e9b7a6c42")]
    Discard {
        /// Its id
        id: EntryId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BlockCommand {
    /// Block somebody: they can neither call, write, ask again nor see presence, and are not told
    #[command(after_help = "Example:\n  cooee block add mallory")]
    Add {
        /// Their name
        pseudo: String,
    },
    /// Block somebody no longer
    #[command(after_help = "Example:\n  cooee block remove mallory")]
    Remove {
        /// Their name
        pseudo: String,
    },
    /// List whom you block
    #[command(after_help = "Example:\n  cooee block list")]
    List,
}

/// Which message to change.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// A contact, or a group by id or name
    #[arg(value_name = "PSEUDO|GROUP", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) whom: String,
    /// The message's id, as --json shows it
    pub(crate) id: EntryId,
    /// The new text
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["delete", "react"])]
    pub(crate) edit: Option<String>,
    /// Take the message back, from everybody's devices
    #[arg(long, conflicts_with = "react")]
    pub(crate) delete: bool,
    /// What you think of it, for example an emoji; empty takes that back
    #[arg(long, value_name = "EMOJI", required_unless_present_any = ["edit", "delete"])]
    pub(crate) react: Option<String>,
}

/// Which file to fetch.
#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// The file's id, as `cooee history` shows it
    pub(crate) id: AttachmentId,
    /// Where to put it; must not exist yet
    pub(crate) file: PathBuf,
}
