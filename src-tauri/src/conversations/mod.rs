//! Conversations: the SDK's, in the page's words, and what is told when they change.
//!
//! A conversation's id for the page is the group's id, or `@` and the name for a pair: a pair has
//! an id of the server's only once something was said.

mod describe;
mod save;
mod told;

use cooee_sdk::{Client, EntryId, GroupId, Recipient, Username};

use crate::accounts::Running;
use crate::error::{Answer, AppError, ErrorCode};
use crate::model::conversation::{Conversation, Found, Message, MessageState, Page, PageFrom};
use crate::shell::Shell;

pub(crate) use describe::not_sent;
pub(crate) use save::{file, save};
pub(crate) use told::{Told, handle_event, tell_one, tell_transfer};

/// The most messages of one page.
const MAX_PAGE: u32 = 200;

/// The id of a pair's conversation.
pub(crate) fn pair(name: &str) -> String {
    format!("@{name}")
}

/// The id of a conversation.
pub(crate) fn id_of(with: &Recipient) -> String {
    match with {
        Recipient::Contact(name) => pair(name.as_str()),
        Recipient::Group(id) => id.to_string(),
    }
}

/// With whom the conversation of this id is.
pub(crate) fn recipient(id: &str) -> Answer<Recipient> {
    match id.strip_prefix('@') {
        Some(name) => Username::parse(name)
            .map(Recipient::Contact)
            .map_err(|error| AppError::new(ErrorCode::NameInvalid, error)),
        None => GroupId::parse(id)
            .map(Recipient::Group)
            .map_err(|error| AppError::new(ErrorCode::NoGroup, error)),
    }
}

/// A message's id from the page.
pub(crate) fn entry_id(text: &str) -> Answer<EntryId> {
    EntryId::parse(text).map_err(|error| AppError::new(ErrorCode::NoTarget, error))
}

/// The list of conversations.
pub(crate) async fn list(shell: &Shell, running: &Running) -> Answer<Vec<Conversation>> {
    // First: what changes in between is told once more, and never lost.
    let places = running.client.conversation_places().await?;
    running.told().look(places);
    let found = running.client.conversations().await?;
    let mut list = Vec::with_capacity(found.len());
    for one in &found {
        list.push(describe::conversation(shell, running, one).await?);
    }
    running.told().remember(&list);
    Ok(list)
}

/// One conversation, also before anything was said in it.
pub(crate) async fn one(
    shell: &Shell,
    running: &Running,
    with: &Recipient,
) -> Answer<Conversation> {
    let found = running.client.conversation(with).await?;
    describe::conversation(shell, running, &found).await
}

/// A page of a conversation. What waits to be sent stands behind the newest.
pub(crate) async fn page(
    running: &Running,
    with: &Recipient,
    from: PageFrom,
    limit: u32,
) -> Answer<Page> {
    let client = &running.client;
    let limit = limit.clamp(1, MAX_PAGE);
    let span = u64::from(limit);
    let place = |sequence: i64| u64::try_from(sequence).unwrap_or(0);
    let (before, after) = match from {
        PageFrom::Newest => (None, 0),
        PageFrom::Before(sequence) => (Some(place(sequence)), 0),
        PageFrom::After(sequence) => {
            let after = place(sequence);
            (Some(after.saturating_add(span).saturating_add(1)), after)
        }
        PageFrom::Around(sequence) => (
            Some(place(sequence).saturating_add(span / 2).saturating_add(1)),
            0,
        ),
    };
    let found = client.messages(with, before, limit).await?;
    let newest = client.conversation(with).await?;
    let mut messages = Vec::with_capacity(found.messages.len());
    for message in found
        .messages
        .iter()
        .filter(|message| message.sequence > after)
    {
        let id_group = newest.id_group.as_ref();
        messages.push(describe::message(client, id_group, message).await);
    }
    let last = found.messages.last().map_or(0, |message| message.sequence);
    let later = before.is_some() && newest.last.is_some_and(|newest| newest.sequence > last);
    if !later {
        messages.extend(waiting(client, with).await?);
    }
    Ok(Page {
        messages,
        earlier: found.more || after > 0,
        later,
    })
}

/// Messages that hold all these words.
pub(crate) async fn search(
    client: &Client,
    words: &str,
    within: Option<&Recipient>,
    limit: u32,
) -> Answer<Vec<Found>> {
    let found = client.search(words, within, limit.clamp(1, 100)).await?;
    let mut list = Vec::with_capacity(found.len());
    for one in &found {
        list.push(Found {
            conversation: id_of(&one.with),
            message: describe::message(client, Some(&one.id_group), &one.message).await,
        });
    }
    Ok(list)
}

/// What waits to be sent to a conversation, or was refused.
async fn waiting(client: &Client, with: &Recipient) -> Answer<Vec<Message>> {
    let own = client.profile().map(|me| me.name.to_string());
    let outbox = client.outbox(Some(with)).await?;
    let messages = outbox
        .iter()
        .filter_map(|out| describe::outgoing(out, own.clone()));
    Ok(messages.collect())
}

/// The message that was just written.
pub(crate) async fn written(client: &Client, with: &Recipient, id: &EntryId) -> Answer<Message> {
    let waiting = waiting(client, with).await?;
    if let Some(found) = waiting
        .into_iter()
        .find(|message| message.id == id.as_str())
    {
        return Ok(found);
    }
    // It has arrived already.
    let id_group = client.conversation(with).await?.id_group;
    let stored = match &id_group {
        Some(id_group) => client.message(id_group, id).await?,
        None => None,
    };
    match stored {
        Some(message) => Ok(describe::message(client, id_group.as_ref(), &message).await),
        None => Err(ErrorCode::NoTarget.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{id_of, recipient};
    use crate::error::ErrorCode;

    #[test]
    fn ids_lead_to_a_pair_or_a_group_and_back() {
        for id in ["@alice", "@Zoë", "0199c3f2-5b1e-7c60-9f0e-2f8c1f3b7a55"] {
            assert_eq!(id_of(&recipient(id).unwrap()), id);
        }
        for (id, code) in [
            ("@", ErrorCode::NameInvalid),
            ("@a b", ErrorCode::NameInvalid),
            ("", ErrorCode::NoGroup),
            ("x\u{0}", ErrorCode::NoGroup),
        ] {
            assert_eq!(recipient(id).unwrap_err().code, code, "{id:?}");
        }
    }
}
