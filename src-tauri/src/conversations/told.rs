//! What the page was told of conversations, and what is told when they change: of the one that
//! changed only, however many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cooee_sdk::{AttachmentId, ConversationPlace, GroupId, MessageEvent, Recipient};

use super::{describe, id_of};
use crate::accounts::Running;
use crate::error::{Answer, ErrorCode};
use crate::model::conversation::{Conversation, Message, Transfer};
use crate::model::event::AppEvent;
use crate::shell::Shell;

/// Changed messages that are told one by one; beyond that the page asks again.
const ONE_BY_ONE: usize = 50;

/// Drafts that are kept, and the most bytes of one.
const MAX_DRAFTS: usize = 1_000;
const MAX_DRAFT: usize = 16 * 1024;

/// How often the page is told how far a file is.
const TRANSFERS: Duration = Duration::from_millis(100);

/// What one account's page was told, and what only this device knows.
#[derive(Default)]
pub(crate) struct Told {
    /// Whether there was a list before: what is in the first one is no news.
    listed: bool,
    conversations: BTreeMap<String, Conversation>,
    places: Places,
    typing: BTreeMap<String, BTreeSet<String>>,
    drafts: BTreeMap<String, String>,
    read_here: BTreeMap<String, i64>,
    /// When it was last told how far a file is.
    transfers: BTreeMap<AttachmentId, Instant>,
    pub(crate) blocked: Vec<String>,
}

impl Told {
    /// Takes in the whole list, as the page is given it.
    pub(super) fn remember(&mut self, list: &[Conversation]) {
        let named = list.iter().map(|one| (one.id.clone(), one.clone()));
        self.conversations = named.collect();
        self.listed = true;
    }

    /// Notes where each conversation stands, and tells which stand elsewhere than before.
    pub(super) fn look(&mut self, places: Vec<ConversationPlace>) -> Moved {
        self.places.compare(places)
    }

    /// Takes in one conversation: whether it is another than was told before, and whether there is
    /// more in it that was not read.
    fn take(&mut self, conversation: &Conversation) -> (bool, bool) {
        let before = self.conversations.get(&conversation.id);
        if before == Some(conversation) {
            return (false, false);
        }
        let unread = before.map_or(0, |before| before.unread);
        let more = self.listed && conversation.unread > unread;
        let (id, conversation) = (conversation.id.clone(), conversation.clone());
        self.conversations.insert(id, conversation);
        (true, more)
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

    /// Whether the page is to be told now how far a file is: its end always, the way now and then.
    fn is_due(&mut self, now: Instant, file: &AttachmentId, over: bool) -> bool {
        if over {
            self.transfers.remove(file);
            return true;
        }
        let told = self.transfers.get(file);
        let due = told.is_none_or(|told| now.saturating_duration_since(*told) >= TRANSFERS);
        if due {
            self.transfers.insert(file.clone(), now);
        }
        due
    }
}

/// Where each conversation stood when it was last looked at.
#[derive(Default)]
struct Places(BTreeMap<GroupId, ConversationPlace>);

/// What has changed between two looks.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Moved {
    /// Conversations that are new, or stand elsewhere.
    changed: Vec<Recipient>,
    /// Whether one is gone, or has another name.
    gone: bool,
}

impl Places {
    fn compare(&mut self, now: Vec<ConversationPlace>) -> Moved {
        let mut before = std::mem::take(&mut self.0);
        let mut moved = Moved::default();
        for place in now {
            let known = before.remove(&place.id_group);
            moved.gone |= known.as_ref().is_some_and(|known| known.with != place.with);
            if known.as_ref() != Some(&place) {
                moved.changed.push(place.with.clone());
            }
            self.0.insert(place.id_group.clone(), place);
        }
        moved.gone |= !before.is_empty();
        moved
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
        MessageEvent::ConversationsChanged => tell_moved(shell, running).await,
        MessageEvent::Changed {
            id_group,
            older: true,
            ..
        } => {
            // The page asked for them; to the list they are what was said last where nothing was
            // held before. That they are there now is no news.
            let with = client.recipient(id_group).await?;
            let conversation = super::one(shell, running, &with).await?;
            let (changed, _) = running.told().take(&conversation);
            if changed {
                tell_conversation(shell, running, conversation);
            }
            Ok(())
        }
        MessageEvent::Changed { id_group, ids, .. } => {
            let with = client.recipient(id_group).await?;
            let conversation = id_of(&with);
            if ids.len() > ONE_BY_ONE {
                let conversation = Some(conversation);
                shell.tell(AppEvent::ConversationReset {
                    account,
                    conversation,
                });
                return tell_one(shell, running, &with).await;
            }
            let mut messages = Vec::with_capacity(ids.len());
            for id in ids {
                if let Some(found) = client.message(id_group, id).await? {
                    messages.push(describe::message(client, Some(id_group), &found).await);
                }
            }
            tell_messages(shell, running, conversation, messages);
            tell_one(shell, running, &with).await
        }
        MessageEvent::MarksChanged { id_group } => {
            let with = client.recipient(id_group).await?;
            shell.tell(AppEvent::Marks {
                account,
                conversation: id_of(&with),
                marks: describe::marks(client, id_group).await?,
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
                tell_one(shell, running, &with).await?;
            }
            Ok(())
        }
        MessageEvent::Arrived { id, id_group } => {
            let with = client.recipient(id_group).await?;
            if let Some(found) = client.message(id_group, id).await? {
                let message = describe::message(client, Some(id_group), &found).await;
                tell_messages(shell, running, id_of(&with), vec![message]);
            }
            tell_one(shell, running, &with).await
        }
        MessageEvent::BlockedChanged => tell_blocked(shell, running).await,
        MessageEvent::CaughtUp => {
            tell_blocked(shell, running).await?;
            tell_moved(shell, running).await
        }
        MessageEvent::Transfer {
            id, done, total, ..
        } => {
            let over = *total > 0 && done >= total;
            if running.told().is_due(Instant::now(), id, over) {
                tell_transfer(shell, running, id, (*done, *total), None);
            }
            Ok(())
        }
        // Without conversations the list stays empty; the type is non-exhaustive.
        _ => Ok(()),
    }
}

/// Tells how far a file is, or why it stopped.
pub(crate) fn tell_transfer(
    shell: &Shell,
    running: &Running,
    file: &AttachmentId,
    (done, size): (u64, u64),
    failure: Option<ErrorCode>,
) {
    let transfer = Transfer {
        file: file.as_str().to_owned(),
        done: describe::number(done),
        size: describe::number(size),
        failure,
    };
    let account = running.id.clone();
    shell.tell(AppEvent::Transfer { account, transfer });
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

/// Tells the conversations that stand elsewhere than when they were last looked at.
async fn tell_moved(shell: &Shell, running: &Running) -> Answer<()> {
    let places = running.client.conversation_places().await?;
    let moved = running.told().look(places);
    if moved.gone {
        // What one was told of is not there, or not under that name: there is a new list.
        shell.tell(AppEvent::ConversationReset {
            account: running.id.clone(),
            conversation: None,
        });
    }
    for with in &moved.changed {
        tell_one(shell, running, with).await?;
    }
    Ok(())
}

/// Tells one conversation unless it is as it was told before, and announces what is new in it.
pub(crate) async fn tell_one(shell: &Shell, running: &Running, with: &Recipient) -> Answer<()> {
    let conversation = super::one(shell, running, with).await?;
    let (changed, more) = running.told().take(&conversation);
    if more {
        shell.announce(running, &conversation);
    }
    if changed {
        tell_conversation(shell, running, conversation);
    }
    Ok(())
}

fn tell_conversation(shell: &Shell, running: &Running, conversation: Conversation) {
    shell.tell(AppEvent::Conversation {
        account: running.id.clone(),
        conversation: Box::new(conversation),
    });
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use cooee_sdk::{AttachmentId, ConversationPlace, GroupId, Recipient, Username};

    use super::{Moved, Places, Told};
    use crate::model::conversation::Conversation;

    fn place(number: u32, last: u64, read: u64) -> ConversationPlace {
        let name = Username::parse(&format!("friend{number}")).unwrap();
        let id = format!("0199c3f2-5b1e-7c60-9f0e-{number:012}");
        ConversationPlace {
            with: Recipient::Contact(name),
            id_group: GroupId::parse(&id).unwrap(),
            last,
            read,
        }
    }

    fn conversation(unread: u32) -> Conversation {
        Conversation {
            id: "@bob".to_owned(),
            with: Some("bob".to_owned()),
            last: None,
            unread,
            read: 0,
            marks: Vec::new(),
            draft: String::new(),
        }
    }

    #[test]
    fn of_a_thousand_conversations_only_those_that_moved_are_looked_at_again() {
        let mut places = Places::default();
        let mut all: Vec<_> = (0..1_000).map(|number| place(number, 100, 90)).collect();
        assert_eq!(places.compare(all.clone()).changed.len(), 1_000);
        assert_eq!(places.compare(all.clone()), Moved::default());
        all[7].read = 100;
        all[12].last = 101;
        let moved = places.compare(all.clone());
        assert_eq!(moved.changed, [all[7].with.clone(), all[12].with.clone()]);
        assert!(!moved.gone);
    }

    #[test]
    fn one_that_is_gone_or_renamed_makes_a_new_list() {
        let mut places = Places::default();
        places.compare(vec![place(1, 1, 1), place(2, 1, 1)]);
        assert!(places.compare(vec![place(1, 1, 1)]).gone);
        let renamed = ConversationPlace {
            with: place(3, 1, 1).with,
            ..place(1, 1, 1)
        };
        let moved = places.compare(vec![renamed.clone()]);
        assert!(moved.gone);
        assert_eq!(moved.changed, [renamed.with]);
    }

    #[test]
    fn what_is_told_twice_is_told_once_and_what_is_new_is_announced() {
        let mut told = Told::default();
        // Before there was a list nothing is news.
        assert_eq!(told.take(&conversation(2)), (true, false));
        told.remember(&[conversation(2)]);
        assert_eq!(told.take(&conversation(2)), (false, false));
        assert_eq!(told.take(&conversation(3)), (true, true));
        assert_eq!(told.take(&conversation(0)), (true, false));
    }

    #[test]
    fn a_file_is_told_now_and_then_and_at_its_end() {
        let mut told = Told::default();
        let file = AttachmentId::parse(&"ab".repeat(32)).unwrap();
        let begin = Instant::now();
        let due: Vec<bool> = (0..10)
            .map(|number| told.is_due(begin + Duration::from_millis(30) * number, &file, false))
            .collect();
        assert_eq!(due.iter().filter(|due| **due).count(), 3);
        assert!(told.is_due(begin, &file, true));
        assert!(told.transfers.is_empty());
    }
}
