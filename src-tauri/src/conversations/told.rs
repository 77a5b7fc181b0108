//! What the page was told of conversations, and what is told when they change.

use std::collections::{BTreeMap, BTreeSet};

use cooee_sdk::{GroupId, MessageEvent};

use super::{describe, id_of};
use crate::accounts::Running;
use crate::error::Answer;
use crate::model::conversation::{Conversation, Message, Transfer};
use crate::model::event::AppEvent;
use crate::shell::Shell;

/// Changed messages that are told one by one; beyond that the page asks again.
const ONE_BY_ONE: usize = 50;

/// Drafts that are kept, and the most bytes of one.
const MAX_DRAFTS: usize = 1_000;
const MAX_DRAFT: usize = 16 * 1024;

/// What one account's page was told, and what only this device knows.
#[derive(Default)]
pub(crate) struct Told {
    /// Whether there was a list before: what is in the first one is no news.
    listed: bool,
    conversations: BTreeMap<String, Conversation>,
    typing: BTreeMap<String, BTreeSet<String>>,
    drafts: BTreeMap<String, String>,
    read_here: BTreeMap<String, i64>,
    pub(crate) blocked: Vec<String>,
}

impl Told {
    pub(super) fn remember(&mut self, list: &[Conversation]) {
        let named = list.iter().map(|one| (one.id.clone(), one.clone()));
        self.conversations = named.collect();
        self.listed = true;
    }

    pub(super) fn draft(&self, id: &str) -> String {
        self.drafts.get(id).cloned().unwrap_or_default()
    }

    /// Keeps what was begun; nothing of a conversation whose draft is empty.
    pub(crate) fn set_draft(&mut self, id: String, text: String) {
        if text.is_empty() {
            self.drafts.remove(&id);
        } else if text.len() <= MAX_DRAFT
            && (self.drafts.len() < MAX_DRAFTS || self.drafts.contains_key(&id))
        {
            self.drafts.insert(id, text);
        }
    }

    pub(super) fn read_here(&self, id: &str) -> Option<i64> {
        self.read_here.get(id).copied()
    }

    pub(crate) fn set_read_here(&mut self, id: String, sequence: i64) {
        let read = self.read_here.entry(id).or_default();
        *read = sequence.max(*read);
    }

    fn set_typing(&mut self, id: &str, who: String, typing: bool) -> Vec<String> {
        let names = self.typing.entry(id.to_owned()).or_default();
        if typing {
            names.insert(who);
        } else {
            names.remove(&who);
        }
        names.iter().cloned().collect()
    }
}

/// Tells what an event of the SDK's changed.
pub(crate) async fn handle_event(shell: &Shell, running: &Running, event: &MessageEvent) {
    if let Err(problem) = tell(shell, running, event).await {
        tracing::warn!(%problem, "conversations");
    }
}

async fn tell(shell: &Shell, running: &Running, event: &MessageEvent) -> Answer<()> {
    let (client, account) = (&running.client, running.id.clone());
    match event {
        MessageEvent::ConversationsChanged => tell_list(shell, running).await,
        MessageEvent::Changed { older: true, .. } => Ok(()),
        MessageEvent::Changed { id_group, ids, .. } => {
            let conversation = id_of(&client.recipient(id_group).await?);
            if ids.len() > ONE_BY_ONE {
                shell.tell(AppEvent::ConversationReset {
                    account,
                    conversation: Some(conversation),
                });
                return tell_list(shell, running).await;
            }
            let mut messages = Vec::with_capacity(ids.len());
            for id in ids {
                if let Some(found) = client.message(id_group, id).await? {
                    messages.push(describe::message(client, Some(id_group), &found).await);
                }
            }
            tell_messages(shell, running, conversation, messages);
            tell_list(shell, running).await
        }
        MessageEvent::MarksChanged { id_group } => {
            let with = client.recipient(id_group).await?;
            shell.tell(AppEvent::Marks {
                account,
                conversation: id_of(&with),
                marks: describe::marks(client, &with).await?,
            });
            Ok(())
        }
        MessageEvent::Typing {
            id_group,
            who,
            typing,
        } => {
            let conversation = id_of(&client.recipient(id_group).await?);
            let names = running
                .told()
                .set_typing(&conversation, who.to_string(), *typing);
            shell.tell(AppEvent::Typing {
                account,
                conversation,
                names,
            });
            Ok(())
        }
        MessageEvent::Kept { id } | MessageEvent::Refused { id, .. } => {
            let own = client.profile().map(|me| me.name.to_string());
            let outbox = client.outbox(None).await?;
            let found = outbox.iter().find(|out| out.id == *id);
            if let Some((with, message)) =
                found.and_then(|out| Some((out.with.clone()?, describe::outgoing(out, own)?)))
            {
                tell_messages(shell, running, id_of(&with), vec![message]);
            }
            Ok(())
        }
        MessageEvent::Arrived { id, id_group } => arrived(shell, running, id_group, id).await,
        MessageEvent::BlockedChanged => {
            tell_blocked(shell, running).await?;
            Ok(())
        }
        MessageEvent::CaughtUp => {
            tell_blocked(shell, running).await?;
            tell_list(shell, running).await
        }
        MessageEvent::Transfer {
            id, done, total, ..
        } => {
            let number = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
            let transfer = Transfer {
                message: String::new(),
                file: id.as_str().to_owned(),
                done: number(*done),
                size: number(*total),
                failure: None,
            };
            shell.tell(AppEvent::Transfer { account, transfer });
            Ok(())
        }
        // Without conversations the list stays empty; the type is non-exhaustive.
        _ => Ok(()),
    }
}

async fn arrived(
    shell: &Shell,
    running: &Running,
    id_group: &GroupId,
    id: &cooee_sdk::EntryId,
) -> Answer<()> {
    let client = &running.client;
    let conversation = id_of(&client.recipient(id_group).await?);
    if let Some(found) = client.message(id_group, id).await? {
        let message = describe::message(client, Some(id_group), &found).await;
        tell_messages(shell, running, conversation, vec![message]);
    }
    tell_list(shell, running).await
}

fn tell_messages(shell: &Shell, running: &Running, conversation: String, messages: Vec<Message>) {
    if !messages.is_empty() {
        shell.tell(AppEvent::Messages {
            account: running.id.clone(),
            conversation,
            messages,
            removed: Vec::new(),
        });
    }
}

async fn tell_blocked(shell: &Shell, running: &Running) -> Answer<()> {
    let names = running.client.blocked().await?;
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    running.told().blocked.clone_from(&names);
    shell.tell(AppEvent::Blocked {
        account: running.id.clone(),
        names,
    });
    Ok(())
}

/// Tells those conversations that are not as they were told before, and announces what is new.
pub(crate) async fn tell_list(shell: &Shell, running: &Running) -> Answer<()> {
    let (known, listed) = {
        let told = running.told();
        (told.conversations.clone(), told.listed)
    };
    for conversation in super::list(shell, running).await? {
        let before = known.get(&conversation.id);
        if before == Some(&conversation) {
            continue;
        }
        if conversation.unread > before.map_or(0, |before| before.unread) && listed {
            shell.announce(running, &conversation);
        }
        shell.tell(AppEvent::Conversation {
            account: running.id.clone(),
            conversation: Box::new(conversation),
        });
    }
    Ok(())
}
