//! The commands, one module for each family.

mod account;
mod call;
mod contacts;
pub(crate) mod doctor;
mod groups;
mod history;
mod sound;
mod voice;
mod watch;

use crate::args::{Cli, Command};
use crate::console::Console;
use crate::failure::Outcome;

/// Runs the command.
pub(crate) async fn run(cli: Cli, console: &Console) -> Outcome {
    let global = &cli.global;
    match cli.command {
        Command::Register { pseudo } => account::register(global, console, &pseudo).await,
        Command::Login { pseudo } => account::login(global, console, &pseudo).await,
        Command::Logout => account::logout(global, console).await,
        Command::Whoami => account::whoami(global, console).await,
        Command::Profile(changes) => account::profile(global, console, changes).await,
        Command::Contact(command) => contacts::run(global, console, command).await,
        Command::Group(command) => groups::run(global, console, command).await,
        Command::Call { whom, voice } => call::place(global, console, &whom, &voice).await,
        Command::Answer { from, voice } => {
            call::answer(global, console, from.as_deref(), &voice).await
        }
        Command::Watch => watch::run(global, console).await,
        Command::History { limit } => history::run(global, console, limit).await,
        Command::Doctor { stun } => doctor::run(global, console, stun).await,
        Command::Devices { test: false, .. } => sound::devices(console),
        Command::Devices {
            test: true,
            input,
            output,
        } => sound::test(console, input, output).await,
        Command::Compare { said, heard } => sound::compare(console, &said, &heard),
    }
}
