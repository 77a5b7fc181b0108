//! The commands, one module for each family.

mod account;
mod call;
mod chat;
mod contacts;
pub(crate) mod doctor;
mod groups;
mod history;
mod messages;
mod receipts;
mod sound;
mod voice;
mod watch;

pub(crate) use receipts::Reach;

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
        Command::History(args) if args.whom.is_none() && args.search.is_none() => {
            history::run(global, console, args.limit).await
        }
        Command::History(args) => messages::history(global, console, args).await,
        Command::Send(args) => messages::send(global, console, args).await,
        Command::Message(args) => messages::change(global, console, args).await,
        Command::Chat { whom } => chat::chat(global, console, &whom).await,
        Command::Outbox(command) => messages::outbox(global, console, command).await,
        Command::Block(command) => messages::block(global, console, command).await,
        Command::Fetch(args) => messages::fetch(global, console, args).await,
        Command::Export { dir } => messages::export(global, console, &dir).await,
        Command::DeleteAccount { pseudo } => {
            messages::delete_account(global, console, &pseudo).await
        }
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
