//! Conversations in the terminal.

use std::io::Read as _;

use cooee_sdk::{
    Client, EntryId, Event, EventOrGap, Events, Message, MessageEvent, NewMessage, Recipient,
};

use super::call::{Target, target};
use crate::args::Global;
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::message_args::{
    BlockCommand, ChangeArgs, FetchArgs, HistoryArgs, OutboxCommand, SendArgs,
};
use crate::report::Report;
use crate::said::Said;
use crate::session;

/// The most that is read from stdin: more than a text may have.
const MAX_STDIN: u64 = 64 * 1024;

pub(crate) async fn send(global: &Global, console: &Console, args: SendArgs) -> Outcome {
    let text = match args.text.as_deref() {
        Some("-") => stdin()?,
        Some(text) => text.to_owned(),
        None => String::new(),
    };
    let (client, online) = session::online_or_not(global, console).await?;
    let with = recipient(&client, &args.whom)?;
    let mut events = client.events();
    let new = NewMessage {
        text,
        reply_to: args.reply_to,
        files: args.attach,
    };
    let sent = client.send(&with, new).await;
    let outcome = match sent {
        Ok(id) => settled(&mut events, console, &id, online).await,
        Err(error) => Err(error.into()),
    };
    client.close().await;
    outcome
}

pub(crate) async fn change(global: &Global, console: &Console, args: ChangeArgs) -> Outcome {
    let (client, online) = session::online_or_not(global, console).await?;
    let with = recipient(&client, &args.whom)?;
    let mut events = client.events();
    let posted = match (args.edit, args.react) {
        (Some(text), _) => client.edit(&with, &args.id, text).await,
        (None, _) if args.delete => client.delete(&with, &args.id).await,
        (None, reaction) => {
            let reaction = reaction.unwrap_or_default();
            client.react(&with, &args.id, reaction).await
        }
    };
    let outcome = match posted {
        Ok(id) => settled(&mut events, console, &id, online).await,
        Err(error) => Err(error.into()),
    };
    client.close().await;
    outcome
}

/// Waits until something has arrived or was refused; without a connection it stays kept.
async fn settled(events: &mut Events, console: &Console, id: &EntryId, online: bool) -> Outcome {
    console.tell(&said(Said::Kept(id.clone())));
    if !online {
        console.note("not connected: it goes out with the next command that is");
        return Ok(());
    }
    loop {
        match events.recv().await {
            Some(EventOrGap::Event(event)) => match *event {
                Event::Messages(MessageEvent::Arrived { id: arrived, .. }) if arrived == *id => {
                    console.tell(&said(Said::Arrived(id.clone())));
                    return Ok(());
                }
                Event::Messages(MessageEvent::Refused {
                    id: refused,
                    reason,
                }) if refused == *id => {
                    return Err(Failure::new(
                        "not_sent",
                        format!(
                            "not sent: {}; it stays in the outbox (cooee outbox discard {id})",
                            cooee_sdk::refusal_words(&reason)
                        ),
                    ));
                }
                Event::Messages(transfer @ MessageEvent::Transfer { .. }) => {
                    console.tell(&Report::Event(Event::Messages(transfer)));
                }
                Event::Reconnecting { .. } | Event::Messages(MessageEvent::Unsupported) => {
                    console.note("not sent yet: it goes out when the server can be reached");
                    return Ok(());
                }
                Event::SignedOut { reason } => return Err(Failure::signed_out(reason.as_ref())),
                _ => {}
            },
            Some(EventOrGap::Missed(count)) => console.tell(&Report::Missed(count)),
            None => return Ok(()),
        }
    }
}

pub(crate) async fn history(global: &Global, console: &Console, args: HistoryArgs) -> Outcome {
    let (client, online) = session::online_or_not(global, console).await?;
    if online {
        caught_up(&client).await;
    }
    let with = match &args.whom {
        Some(whom) => Some(recipient(&client, whom)?),
        None => None,
    };
    match (args.search, with) {
        (Some(words), with) => {
            let found = client
                .search(&words, with.as_ref(), args.limit.min(1_000))
                .await?;
            console.tell(&said(Said::Found(found)));
        }
        (None, Some(with)) => {
            let mut messages: Vec<Message> = Vec::new();
            let mut before = args.before;
            let more = loop {
                let missing = args
                    .limit
                    .saturating_sub(u32::try_from(messages.len()).unwrap_or(u32::MAX));
                if missing == 0 {
                    break true;
                }
                let page = client.messages(&with, before, missing.min(1_000)).await?;
                let Some(first) = page.messages.first() else {
                    break page.more;
                };
                before = Some(first.sequence);
                let (mut earlier, more) = (page.messages, page.more);
                earlier.append(&mut messages);
                messages = earlier;
                if !more {
                    break false;
                }
            };
            console.tell(&said(Said::History {
                messages,
                more,
                waiting: client.outbox(Some(&with)).await?,
            }));
        }
        // The grammar asks for one of them.
        (None, None) => {}
    }
    client.close().await;
    Ok(())
}

/// Waits until everything that the server had for this device is here, or it cannot be had.
async fn caught_up(client: &Client) {
    let mut events = client.events();
    while !client.is_caught_up().await {
        match events.recv().await {
            Some(EventOrGap::Event(event)) => match *event {
                Event::Messages(MessageEvent::CaughtUp | MessageEvent::Unsupported)
                | Event::Reconnecting { .. }
                | Event::SignedOut { .. } => return,
                _ => {}
            },
            Some(EventOrGap::Missed(_)) => {}
            None => return,
        }
    }
}

pub(crate) async fn outbox(global: &Global, console: &Console, command: OutboxCommand) -> Outcome {
    let (client, online) = session::online_or_not(global, console).await?;
    let mut events = client.events();
    let outcome = match command {
        OutboxCommand::List => {
            let waiting = client.outbox(None).await?;
            console.tell(&said(Said::Outbox(waiting)));
            Ok(())
        }
        OutboxCommand::Retry { id } => match client.retry(&id).await {
            Ok(()) => settled(&mut events, console, &id, online).await,
            Err(error) => Err(error.into()),
        },
        OutboxCommand::Discard { id } => match client.discard(&id).await {
            Ok(()) => {
                console.tell(&said(Said::Discarded(id)));
                Ok(())
            }
            Err(error) => Err(error.into()),
        },
    };
    client.close().await;
    outcome
}

pub(crate) async fn block(global: &Global, console: &Console, command: BlockCommand) -> Outcome {
    let client = match command {
        BlockCommand::Add { pseudo } => {
            let name = session::name(&pseudo)?;
            let (client, _) = session::online(global).await?;
            console.tell(&said(Said::Blocked(client.block(name).await?)));
            client
        }
        BlockCommand::Remove { pseudo } => {
            let name = session::name(&pseudo)?;
            let (client, _) = session::online(global).await?;
            console.tell(&said(Said::Blocked(client.unblock(name).await?)));
            client
        }
        BlockCommand::List => {
            let (client, online) = session::online_or_not(global, console).await?;
            if online {
                caught_up(&client).await;
            }
            console.tell(&said(Said::Blocked(client.blocked().await?)));
            client
        }
    };
    client.close().await;
    Ok(())
}

pub(crate) async fn fetch(global: &Global, console: &Console, args: FetchArgs) -> Outcome {
    if args.file.exists() {
        let words = format!("{}: is there already", args.file.display());
        return Err(Failure::new("file", words));
    }
    let (client, _) = session::online_or_not(global, console).await?;
    let from = client.fetch_attachment(&args.id).await?;
    std::fs::copy(from, &args.file)?;
    console.tell(&said(Said::Fetched(args.id, args.file)));
    client.close().await;
    Ok(())
}

pub(crate) async fn export(global: &Global, console: &Console, dir: &std::path::Path) -> Outcome {
    let (client, online) = session::online_or_not(global, console).await?;
    if online {
        caught_up(&client).await;
    }
    let done = client
        .export(dir, |progress| console.progress(&progress))
        .await?;
    console.tell(&said(Said::Exported(dir.to_owned(), done)));
    client.close().await;
    Ok(())
}

/// Deletes the account, after the password and the name once more.
pub(crate) async fn delete_account(global: &Global, console: &Console, name: &str) -> Outcome {
    let name = session::name(name)?;
    let (client, me) = session::kept(global).await?;
    if me.name != name {
        let words = format!("you are signed in as {}, not as {name}", me.name);
        return Err(Failure::invalid(words));
    }
    let password = session::password(&me.name)?;
    client.delete_account(password).await?;
    console.tell(&said(Said::AccountDeleted(name)));
    client.close().await;
    Ok(())
}

pub(super) fn said(said: Said) -> Report {
    Report::Said(Box::new(said))
}

pub(super) fn recipient(client: &Client, word: &str) -> Result<Recipient, Failure> {
    Ok(match target(client, word)? {
        Target::Contact(name) => Recipient::Contact(name),
        Target::Group(id_group) => Recipient::Group(id_group),
    })
}

/// All of stdin, without the end of its last line.
fn stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_STDIN)
        .read_to_string(&mut text)?;
    let end = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(end);
    Ok(text)
}
