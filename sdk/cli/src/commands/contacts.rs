//! Contacts.

use crate::args::{ContactCommand, Global};
use crate::console::Console;
use crate::failure::Outcome;
use crate::report::Report;
use crate::session;

pub(crate) async fn run(global: &Global, console: &Console, command: ContactCommand) -> Outcome {
    let client = match command {
        ContactCommand::Add { pseudo } => {
            let name = session::name(&pseudo)?;
            let (client, _) = session::online(global).await?;
            let contact = client.add_contact(name).await?;
            console.tell(&Report::Contact(contact));
            client
        }
        ContactCommand::Remove { pseudo } => {
            let name = session::name(&pseudo)?;
            let (client, _) = session::online(global).await?;
            client.remove_contact(name.clone()).await?;
            console.tell(&Report::ContactRemoved(name));
            client
        }
        ContactCommand::List => {
            let (client, online) = session::online_or_not(global, console).await?;
            console.tell(&Report::Contacts {
                contacts: client.contacts(),
                online,
            });
            client
        }
    };
    client.close().await;
    Ok(())
}
