//! Every event as it comes.

use cooee_sdk::{Event, EventOrGap};

use crate::args::Global;
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::report::Report;
use crate::session;
use crate::signals::Interrupts;

pub(crate) async fn run(global: &Global, console: &Console) -> Outcome {
    let mut interrupts = Interrupts::listen()?;
    let client = session::beside(global).await?;
    let mut events = client.events();
    client.resume_when_possible().await?;
    let outcome = loop {
        let event = tokio::select! {
            () = interrupts.recv() => break Ok(()),
            event = events.recv() => event,
        };
        match event {
            Some(EventOrGap::Event(event)) => {
                let over = match event.as_ref() {
                    Event::SignedOut { reason } => Some(Failure::signed_out(reason.as_ref())),
                    _ => None,
                };
                // The event only says that there is something new.
                let report = match (*event, client.profile()) {
                    (Event::ProfileChanged, Some(me)) => Report::Profile {
                        me,
                        server: client.server(),
                        online: true,
                    },
                    (event, _) => Report::Event(event),
                };
                console.tell(&report);
                if let Some(failure) = over {
                    break Err(failure);
                }
            }
            Some(EventOrGap::Missed(count)) => console.tell(&Report::Missed(count)),
            None => break Ok(()),
        }
        if console.is_deaf() {
            break Ok(());
        }
    };
    client.close().await;
    outcome
}
