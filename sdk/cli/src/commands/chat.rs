//! A conversation as it goes on, in the terminal.

use cooee_sdk::{Client, Event, EventOrGap, GroupId, Message, MessageEvent, NewMessage, Recipient};

use super::messages::{recipient, said};
use super::receipts::Receipts;
use crate::args::Global;
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::prompt::{Prompt, Typed};
use crate::report::Report;
use crate::said::Said;
use crate::session;
use crate::signals::Interrupts;

/// Messages that a chat begins with.
const BEGINS_WITH: u32 = 20;

/// A conversation as it goes on: what is typed is sent line by line.
pub(crate) async fn chat(global: &Global, console: &Console, whom: &str) -> Outcome {
    let mut interrupts = Interrupts::listen()?;
    let client = session::beside(global).await?;
    let with = recipient(&client, whom)?;
    let mut events = client.events();
    client.resume_when_possible().await?;
    let page = client.messages(&with, None, BEGINS_WITH).await?;
    let mut chat = Chat {
        client: &client,
        console,
        with: &with,
        shown: 0,
        receipts: Receipts::default(),
    };
    for message in page.messages {
        chat.show(message);
    }
    let mut prompt = Prompt::listen(!global.json);
    let mut input_over = false;
    let outcome = loop {
        console.draw(prompt.drawn());
        if input_over && chat.is_settled().await? {
            break Ok(());
        }
        tokio::select! {
            () = interrupts.recv() => break Ok(()),
            typed = prompt.next(), if !input_over => match typed {
                Some(typed) => chat.typed(typed).await?,
                None => input_over = true,
            },
            event = events.recv() => match event {
                Some(EventOrGap::Event(event)) => match *event {
                    Event::SignedOut { reason } => break Err(Failure::signed_out(reason.as_ref())),
                    Event::Messages(event) => chat.follow(event).await?,
                    event @ (Event::Online { .. } | Event::Reconnecting { .. }) => {
                        console.tell(&Report::Event(event));
                    }
                    _ => {}
                },
                Some(EventOrGap::Missed(count)) => console.tell(&Report::Missed(count)),
                None => break Ok(()),
            },
        }
        if console.is_deaf() {
            break Ok(());
        }
    };
    console.draw(None);
    drop(prompt);
    client.close().await;
    outcome
}

struct Chat<'a> {
    client: &'a Client,
    console: &'a Console,
    with: &'a Recipient,
    /// The last message that was shown.
    shown: u64,
    receipts: Receipts,
}

impl Chat<'_> {
    /// Whether nothing is on its way any more.
    async fn is_settled(&self) -> Result<bool, Failure> {
        let waiting = self.client.outbox(Some(self.with)).await?;
        Ok(waiting.iter().all(|out| out.refusal.is_some()))
    }

    async fn typed(&self, typed: Typed) -> Outcome {
        match typed {
            Typed::Line(line) if line.trim().is_empty() => {}
            Typed::Line(line) => {
                self.console.leave(&line);
                match self.client.send(self.with, NewMessage::text(line)).await {
                    Ok(id) => self.console.tell(&said(Said::Kept(id))),
                    Err(error) => self.console.note(&error.to_string()),
                }
            }
            Typed::Typing(typing) => self.client.set_typing(self.with, typing).await?,
        }
        Ok(())
    }

    fn show(&mut self, message: Message) {
        // What is changed further up is told as well.
        self.shown = self.shown.max(message.sequence);
        if message.own {
            self.receipts.wrote(message.sequence);
        }
        self.console.tell(&said(Said::Message(message)));
    }

    async fn follow(&mut self, event: MessageEvent) -> Outcome {
        match event {
            MessageEvent::Changed {
                id_group,
                ids,
                older,
            } if self.is_here(&id_group).await? => {
                let shown = self.shown;
                for id in ids {
                    let Some(message) = self.client.message(&id_group, &id).await? else {
                        continue;
                    };
                    // The first page of a conversation that begins now comes as an older one.
                    if !older || message.sequence > shown {
                        self.show(message);
                    }
                }
                self.client.mark_read(self.with, self.shown).await?;
                self.tell_reach();
            }
            MessageEvent::MarksChanged { id_group } if self.is_here(&id_group).await? => {
                self.marks_changed(id_group).await?;
            }
            event @ MessageEvent::Typing { .. } => {
                if let MessageEvent::Typing { id_group, .. } = &event
                    && self.is_here(id_group).await?
                {
                    self.console.tell(&Report::Event(Event::Messages(event)));
                }
            }
            event @ MessageEvent::CaughtUp => {
                self.console.tell(&Report::Event(Event::Messages(event)));
                // Who has read meanwhile is told from now on only.
                self.client.refresh_marks(self.with).await?;
            }
            event @ (MessageEvent::Arrived { .. } | MessageEvent::Refused { .. }) => {
                self.console.tell(&Report::Event(Event::Messages(event)));
            }
            _ => {}
        }
        Ok(())
    }

    async fn is_here(&self, id_group: &GroupId) -> Result<bool, Failure> {
        Ok(self.client.recipient(id_group).await? == *self.with)
    }

    async fn marks_changed(&mut self, id_group: GroupId) -> Outcome {
        let marks = self.client.marks(self.with).await?;
        let me = self.client.profile().map(|me| me.name);
        let others: Vec<_> = marks
            .iter()
            .filter(|mark| Some(&mark.who) != me.as_ref())
            .collect();
        let count = match self.with {
            Recipient::Contact(_) => 1,
            Recipient::Group(id) => {
                let groups = self.client.groups();
                let group = groups.iter().find(|group| group.id_group == *id);
                group.map_or(1, |group| group.list_pseudo.len().saturating_sub(1))
            }
        };
        self.receipts.marked(&others, count);
        self.console.tell(&said(Said::Marks { id_group, marks }));
        self.tell_reach();
        Ok(())
    }

    fn tell_reach(&mut self) {
        if let Some(reach) = self.receipts.news() {
            self.console.tell(&said(Said::Reached {
                sequence: self.receipts.own(),
                reach,
                group: matches!(self.with, Recipient::Group(_)),
            }));
        }
    }
}
