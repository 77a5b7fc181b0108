//! The command line.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::message_args::{
    BlockCommand, ChangeArgs, FetchArgs, HistoryArgs, OutboxCommand, SendArgs,
};
use crate::voice_args::VoiceOptions;

/// Voice calls between people who own their server.
#[derive(Debug, Parser)]
#[command(
    name = "cooee",
    version,
    arg_required_else_help = true,
    after_help = "A first call, in two terminals:\n\n  \
        cooee --server wss://cooee.example.org register alice\n  \
        cooee contact add bob          (and bob: cooee contact add alice)\n  \
        cooee answer                   (bob)\n  \
        cooee call bob                 (alice)\n\n\
        The server is remembered after the first sign-in. Exit status: 0 done, 1 failed (the \
        reason is on stderr), 2 wrong usage."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Folder for the cache and the last sign-in [default: the platform's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The server, for example wss://cooee.example.org [default: that of the last sign-in]
    #[arg(long, global = true, value_name = "URL", env = "COOEE_SERVER")]
    pub(crate) server: Option<String>,
    /// Print one JSON object per line, and log so
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Where the session is kept: the system's keyring, or a file that only you can read
    #[arg(long, global = true, value_name = "STORE", default_value = "keyring")]
    pub(crate) credentials: CredentialChoice,
    /// Allow ws:// to other machines: names and passwords are readable on the way
    #[arg(long, global = true)]
    pub(crate) allow_plaintext: bool,
    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Who learns this machine's addresses in calls
    #[arg(
        long,
        global = true,
        value_name = "WHO",
        default_value = "direct",
        env = "COOEE_PRIVACY"
    )]
    pub(crate) privacy: PrivacyChoice,
    /// Log to stderr; twice for more (COOEE_LOG takes a filter, for example cooee_sdk=debug)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Who learns this machine's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrivacyChoice {
    /// The people one talks to: calls go the shortest way.
    Direct,
    /// Nobody before the safety code was compared and `verified` typed into the call: voice goes
    /// by way of the server until then.
    RelayUntilVerified,
    /// Nobody: voice goes by way of the server or a relay.
    AlwaysRelay,
}

/// Where a session is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CredentialChoice {
    /// The operating system's keyring.
    Keyring,
    /// A file in the data folder, readable by its owner only.
    File,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a profile on the server and sign in to it
    ///
    /// The password is taken from COOEE_PASSWORD, or asked for.
    #[command(after_help = "Example:\n  cooee --server wss://cooee.example.org register alice")]
    Register {
        /// The name to have: 1 to 32 characters
        pseudo: String,
    },
    /// Sign in
    ///
    /// The password is taken from COOEE_PASSWORD, or asked for.
    #[command(after_help = "Example:\n  cooee --server wss://cooee.example.org login alice")]
    Login {
        /// The profile's name
        pseudo: String,
    },
    /// Sign out: the server and this device forget the session
    #[command(after_help = "Example:\n  cooee logout")]
    Logout,
    /// Show the own profile
    #[command(after_help = "Example:\n  cooee whoami")]
    Whoami,
    /// Show or change the own profile
    #[command(after_help = "Examples:\n  \
        cooee profile --pseudo alice2\n  \
        cooee profile --picture me.png\n  \
        COOEE_NEW_PASSWORD='another long one' cooee profile --new-password")]
    Profile(ProfileChanges),
    /// Add, remove and list contacts
    #[command(subcommand)]
    Contact(ContactCommand),
    /// Create, extend, quit and list groups
    #[command(subcommand)]
    Group(GroupCommand),
    /// Call a contact or a group
    ///
    /// Ends when the other side hangs up, after --for, or with Ctrl-C.
    #[command(after_help = "Examples:\n  \
        cooee call bob\n  \
        cooee call bob --input question.wav --output reply.wav --for 20\n  \
        cooee call friends --meter")]
    Call {
        /// A contact, or a group by id or name
        #[arg(value_name = "PSEUDO|GROUP", value_parser = NonEmptyStringValueParser::new())]
        whom: String,
        #[command(flatten)]
        voice: VoiceOptions,
    },
    /// Wait for a call and accept it
    ///
    /// Ends with the call. With --from, calls from others go on ringing.
    #[command(after_help = "Examples:\n  \
        cooee answer\n  \
        cooee answer --from alice --input greeting.wav --output message.wav --for 60")]
    Answer {
        /// Accept calls from this person only
        #[arg(long, value_name = "PSEUDO")]
        from: Option<String>,
        #[command(flatten)]
        voice: VoiceOptions,
    },
    /// Show every event as it comes, until Ctrl-C
    #[command(after_help = "Example:\n  cooee --json watch")]
    Watch,
    /// Show a conversation, or past calls
    ///
    /// What was read before is there without a network.
    #[command(after_help = "Examples:\n  \
        cooee history bob\n  \
        cooee history bob --search \"call you\"\n  \
        cooee history --limit 5")]
    History(HistoryArgs),
    /// Send a message
    ///
    /// It is kept on this device first; without a network it goes out with the next command.
    #[command(after_help = "Examples:\n  \
        cooee send bob \"call you in five\"\n  \
        uptime | cooee send friends -\n  \
        cooee send bob \"look\" --attach picture.jpg")]
    Send(SendArgs),
    /// Edit or delete a message, or react to one
    #[command(after_help = "Example:\n  \
        cooee message bob 0199c3f2-7a10-7d3b-8c55-1f0e9b7a6c42 --react 👍")]
    Message(ChangeArgs),
    /// A conversation as it goes on; what is typed is sent line by line, until Ctrl-C
    #[command(after_help = "Example:\n  cooee chat bob")]
    Chat {
        /// A contact, or a group by id or name
        #[arg(value_name = "PSEUDO|GROUP", value_parser = NonEmptyStringValueParser::new())]
        whom: String,
    },
    /// List, retry and discard what has not arrived
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Block people, and list whom you block
    #[command(subcommand)]
    Block(BlockCommand),
    /// Fetch a file of a message
    #[command(after_help = "Example:\n  cooee fetch 9f86d081…f00a08 picture.jpg")]
    Fetch(FetchArgs),
    /// Write everything of your own to a folder: JSON, and the files of messages
    #[command(after_help = "Example:\n  cooee export my-cooee")]
    Export {
        /// The folder; made if it is missing, and to be empty
        dir: PathBuf,
    },
    /// Delete the account on the server, for good
    ///
    /// The password is taken from COOEE_PASSWORD, or asked for.
    #[command(after_help = "Example:\n  cooee delete-account alice")]
    DeleteAccount {
        /// The own name once more, so that nobody does it by mistake
        pseudo: String,
    },
    /// Find out what could keep a call from working here, and what to do about it
    ///
    /// Works signed in and signed out. No microphone is opened. Exit status 1 when a check fails.
    #[command(after_help = "Examples:\n  \
        cooee doctor\n  \
        cooee --server wss://cooee.example.org doctor --stun stun.example.org:3478")]
    Doctor {
        /// A STUN server to ask [default: what the server names to a signed-in client, else its port 3478]
        #[arg(long, value_name = "HOST:PORT", value_parser = NonEmptyStringValueParser::new())]
        stun: Option<String>,
    },
    /// List microphones and loudspeakers, or try them out
    ///
    /// With --test, two seconds are recorded and played back, with a meter. They stay in memory and are
    /// gone afterwards.
    #[command(after_help = "Examples:\n  cooee devices\n  cooee devices --test --input Headset")]
    Devices {
        /// Record two seconds and play them back
        #[arg(long)]
        test: bool,
        /// The microphone to try, by name or id [default: the default microphone]
        #[arg(long, value_name = "NAME", requires = "test")]
        input: Option<String>,
        /// The loudspeaker to try, by name or id [default: the default loudspeaker]
        #[arg(long, value_name = "NAME", requires = "test")]
        output: Option<String>,
    },
    /// Compare what was heard with what was said
    ///
    /// Both are WAV files. Prints the normalised cross-correlation at the best lag: 1 is the same
    /// waveform, 0 has nothing in common.
    #[command(after_help = "Example:\n  cooee compare question.wav heard-by-bob.wav")]
    Compare {
        /// The WAV file that was played into the call
        said: PathBuf,
        /// The WAV file that was recorded at the other end
        heard: PathBuf,
    },
}

/// What to change in the own profile.
#[derive(Debug, Args)]
pub(crate) struct ProfileChanges {
    /// The new name
    #[arg(long, value_name = "NEW")]
    pub(crate) pseudo: Option<String>,
    /// Set a new password: from COOEE_NEW_PASSWORD, or asked for
    #[arg(long)]
    pub(crate) new_password: bool,
    /// A PNG, JPEG or WebP file, at most 1 MiB and 2048x2048
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
}

impl ProfileChanges {
    /// Whether nothing is to be changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.pseudo.is_none() && !self.new_password && self.picture.is_none()
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContactCommand {
    /// Ask somebody to become a contact, or confirm that they asked
    #[command(after_help = "Example:\n  cooee contact add bob")]
    Add {
        /// Their name
        pseudo: String,
    },
    /// Withdraw or decline a request, or remove a contact
    #[command(after_help = "Example:\n  cooee contact remove bob")]
    Remove {
        /// Their name
        pseudo: String,
    },
    /// List contacts and requests
    #[command(after_help = "Example:\n  cooee contact list")]
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Create a group
    #[command(after_help = "Example:\n  cooee group create friends")]
    Create {
        /// Its name
        name: String,
    },
    /// Add a contact to a group
    #[command(after_help = "Example:\n  cooee group add friends bob")]
    Add {
        /// The group's id or name
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        group: String,
        /// The contact's name
        pseudo: String,
    },
    /// Leave a group
    #[command(after_help = "Example:\n  cooee group quit friends")]
    Quit {
        /// The group's id or name
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        group: String,
    },
    /// List groups and their members
    #[command(after_help = "Example:\n  cooee group list")]
    List,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::error::ErrorKind;
    use clap::{CommandFactory as _, Parser as _};

    use super::{Cli, Command, ContactCommand, CredentialChoice, GroupCommand};

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_may_stand_before_and_after_the_command() -> Result<(), clap::Error> {
        for line in [
            "cooee --json --data d --credentials file --server ws://[::1]:1 call bob",
            "cooee call bob --json --data d --credentials file --server ws://[::1]:1",
        ] {
            let cli = parse(line)?;
            assert!(cli.global.json, "{line}");
            assert_eq!(cli.global.credentials, CredentialChoice::File);
            assert_eq!(cli.global.data.as_deref(), Some("d".as_ref()));
            assert!(matches!(cli.command, Command::Call { whom, .. } if whom == "bob"));
        }
        Ok(())
    }

    #[test]
    fn every_command_of_the_usage_is_understood() -> Result<(), clap::Error> {
        for line in [
            "cooee register alice",
            "cooee login alice",
            "cooee logout",
            "cooee whoami",
            "cooee profile",
            "cooee profile --pseudo b --new-password --picture p.png",
            "cooee contact add bob",
            "cooee contact remove bob",
            "cooee contact list",
            "cooee group create friends",
            "cooee group add friends bob",
            "cooee group quit friends",
            "cooee group list",
            "cooee call bob --input a.wav --output b.wav --for 2.5",
            "cooee call bob --low-latency",
            "cooee answer --low-latency",
            "cooee call bob --send ptt --bitrate 24 --volume bob=150 --volume carol=0",
            "cooee answer --from bob --input a.wav --output b.wav --for 3 --meter",
            "cooee watch",
            "cooee devices",
            "cooee devices --test --input a --output b",
            "cooee call bob --report r.html",
            "cooee doctor",
            "cooee doctor --stun [::1]:3478",
            "cooee history",
            "cooee compare a.wav b.wav",
        ] {
            parse(line)?;
        }
        let cli = parse("cooee answer --for 2.5")?;
        let Command::Answer { voice, from } = cli.command else {
            panic!("not an answer");
        };
        assert_eq!(voice.duration, Some(Duration::from_millis(2500)));
        assert_eq!(from, None);
        Ok(())
    }

    #[test]
    fn subcommands_keep_their_words() -> Result<(), clap::Error> {
        let cli = parse("cooee group add friends bob")?;
        assert!(matches!(
            cli.command,
            Command::Group(GroupCommand::Add { group, pseudo })
                if group == "friends" && pseudo == "bob"
        ));
        let cli = parse("cooee contact add bob")?;
        assert!(matches!(
            cli.command,
            Command::Contact(ContactCommand::Add { pseudo }) if pseudo == "bob"
        ));
        Ok(())
    }

    #[test]
    fn wrong_usage_is_refused() {
        for (line, kind) in [
            ("cooee dance", ErrorKind::InvalidSubcommand),
            ("cooee call", ErrorKind::MissingRequiredArgument),
            ("cooee call bob --for never", ErrorKind::ValueValidation),
            ("cooee call bob --for 0", ErrorKind::ValueValidation),
            ("cooee call bob --for -1", ErrorKind::UnknownArgument),
            ("cooee --credentials paper whoami", ErrorKind::InvalidValue),
            ("cooee history --limit 0", ErrorKind::ValueValidation),
            ("cooee call bob --send never", ErrorKind::InvalidValue),
            ("cooee call bob --bitrate 8", ErrorKind::ValueValidation),
            ("cooee call bob --volume bob", ErrorKind::ValueValidation),
            (
                "cooee call bob --volume bob=201",
                ErrorKind::ValueValidation,
            ),
            ("cooee call bob --volume =100", ErrorKind::ValueValidation),
            ("cooee whoami --loud", ErrorKind::UnknownArgument),
        ] {
            match parse(line) {
                Ok(_) => panic!("accepted: {line}"),
                Err(error) => assert_eq!(error.kind(), kind, "{line}"),
            }
        }
    }
}
