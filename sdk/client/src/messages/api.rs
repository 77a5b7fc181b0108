//! The client's methods for conversations.

use cooee_core::conversations::Draft;
use cooee_protocol::{Content, Destination, EntryId, GroupId, Posting, Username};
use cooee_store::CacheError;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::listing::{self, list, outgoing, pair, recipient, title};
use super::shelf::{self, place};
use super::types::{
    Conversation, ConversationPlace, Found, Mark, Message, MessageError, MessagePage, NewMessage,
    Outgoing, Recipient, message,
};
use crate::Client;
use crate::driver::{Command, MessageCommand};

impl Client {
    // Reading: works without a connection.

    /// Every conversation that has something in it, the one in which something was said last
    /// first.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub async fn conversations(&self) -> Result<Vec<Conversation>, MessageError> {
        let roster = self.shared.roster().clone();
        let read = self.shared.archive.read(move |cache| list(cache, &roster));
        Ok(read.await?.unwrap_or_default())
    }

    /// The conversation with somebody; empty where nothing was said yet.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub async fn conversation(&self, with: &Recipient) -> Result<Conversation, MessageError> {
        let title = title(with, &self.shared.roster());
        let empty = listing::empty(title, with.clone());
        let asked = empty.clone();
        let read = self
            .shared
            .archive
            .read(move |cache| listing::one(cache, asked));
        Ok(read.await?.unwrap_or(empty))
    }

    /// Where every conversation stands, in no order: one look at the cache however many there are,
    /// for whoever shows a list and wants to know what of it to ask for anew.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub async fn conversation_places(&self) -> Result<Vec<ConversationPlace>, MessageError> {
        let read = self.shared.archive.read(listing::places);
        Ok(read.await?.unwrap_or_default())
    }

    /// With whom the conversation of this id is, as events name it.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub async fn recipient(&self, id_group: &GroupId) -> Result<Recipient, MessageError> {
        let id = id_group.clone();
        let read = self.shared.archive.read(move |cache| {
            Ok(cache
                .conversation_of(id.as_str())?
                .map(|held| recipient(&held)))
        });
        let known = read.await?.flatten().flatten();
        Ok(known.unwrap_or_else(|| Recipient::Group(id_group.clone())))
    }

    /// The last `limit` messages (1,000 at most), or those just before the sequence `before`. What
    /// is not kept here yet is fetched from the server, if it can be reached.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub async fn messages(
        &self,
        with: &Recipient,
        before: Option<u64>,
        limit: u32,
    ) -> Result<MessagePage, MessageError> {
        let wanted = usize::try_from(limit.clamp(1, 1_000)).unwrap_or(1_000);
        loop {
            let Some(id_group) = self.id_of(with).await? else {
                let (messages, more) = (Vec::new(), false);
                return Ok(MessagePage { messages, more });
            };
            let id = id_group.clone();
            let read = self.shared.archive.read(move |cache| {
                let found = cache.messages(id.as_str(), before.map(place), limit)?;
                let held = cache.conversation_of(id.as_str())?;
                let whole = held.is_none_or(|held| held.first <= held.begins_after + 1);
                Ok((found, whole))
            });
            let (found, whole) = read.await?.unwrap_or((Vec::new(), true));
            if found.len() >= wanted || whole || !self.fetch_older(&id_group).await? {
                return Ok(MessagePage {
                    more: !whole || found.len() >= wanted,
                    messages: found.into_iter().filter_map(message).collect(),
                });
            }
        }
    }

    /// One message by its id, if it is kept here.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub async fn message(
        &self,
        id_group: &GroupId,
        id: &EntryId,
    ) -> Result<Option<Message>, MessageError> {
        let (id_group, id) = (id_group.clone(), id.clone());
        let read = self
            .shared
            .archive
            .read(move |cache| cache.message(id_group.as_str(), id.as_str()));
        Ok(read.await?.flatten().and_then(message))
    }

    /// Messages kept here that have every word of `typed`, the latest first, at most `limit`
    /// (1,000 at most). Case and accents do not count, and the last word may be the beginning of
    /// one.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub async fn search(
        &self,
        typed: &str,
        with: Option<&Recipient>,
        limit: u32,
    ) -> Result<Vec<Found>, MessageError> {
        let within = match with {
            Some(with) => match self.id_of(with).await? {
                Some(id_group) => Some(id_group),
                None => return Ok(Vec::new()),
            },
            None => None,
        };
        let typed = typed.to_owned();
        let read = self.shared.archive.read(move |cache| {
            let within = within.as_ref().map(GroupId::as_str);
            let found = cache.search_messages(&typed, within, limit)?;
            let mut named = Vec::with_capacity(found.len());
            for one in found {
                let held = cache.conversation_of(&one.id_group)?;
                named.push((one, held.and_then(|held| recipient(&held))));
            }
            Ok(named)
        });
        let found = read.await?.unwrap_or_default();
        let found = found.into_iter().filter_map(|(one, with)| {
            Some(Found {
                with: with?,
                id_group: GroupId::parse(&one.id_group).ok()?,
                message: message(one.message)?,
            })
        });
        Ok(found.collect())
    }

    /// How far the members of a conversation have received and read.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub async fn marks(&self, with: &Recipient) -> Result<Vec<Mark>, MessageError> {
        let Some(id_group) = self.id_of(with).await? else {
            return Ok(Vec::new());
        };
        let read = self
            .shared
            .archive
            .read(move |cache| cache.marks(id_group.as_str()));
        let marks = read.await?.unwrap_or_default().into_iter();
        let marks = marks.filter_map(|mark| {
            Some(Mark {
                who: Username::parse(&mark.pseudo).ok()?,
                delivered: shelf::sequence(mark.delivered),
                read: shelf::sequence(mark.read),
            })
        });
        Ok(marks.collect())
    }

    /// What was written here and has not arrived, in the order in which it was written; with
    /// somebody only, or everything.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub async fn outbox(&self, with: Option<&Recipient>) -> Result<Vec<Outgoing>, MessageError> {
        let read = self.shared.archive.read(|cache| {
            let mut named = Vec::new();
            for out in cache.outbox()? {
                let held = cache.conversation_of(&out.draft.id_group)?;
                named.push((out, held.and_then(|held| recipient(&held))));
            }
            Ok(named)
        });
        let waiting = read.await?.unwrap_or_default();
        let waiting = waiting
            .into_iter()
            .filter_map(|(out, known)| outgoing(out, known));
        Ok(waiting
            .filter(|out| with.is_none() || out.with.as_ref() == with)
            .collect())
    }

    // Writing: what is given here is kept first, and goes out when the server can be reached.

    /// Sends a message. Its id is given once it is kept on this device;
    /// [`MessageEvent::Arrived`](super::MessageEvent::Arrived) or
    /// [`Refused`](super::MessageEvent::Refused) tell what became of it.
    ///
    /// # Errors
    ///
    /// When it could never be sent, or cannot be kept.
    pub async fn send(&self, with: &Recipient, new: NewMessage) -> Result<EntryId, MessageError> {
        let _intake = match new.files.is_empty() {
            true => None,
            false => Some(self.shared.intake.lock().await),
        };
        let (content, list_attachment) = self.content(&new).await?;
        let posting = Posting::Message {
            content,
            reply_to: new.reply_to,
            list_attachment,
        };
        self.post(with, posting).await
    }

    /// Gives an own message another text. Errors like [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// When it could never be sent, or cannot be kept.
    pub async fn edit(
        &self,
        with: &Recipient,
        id: &EntryId,
        text: impl Into<String>,
    ) -> Result<EntryId, MessageError> {
        let posting = Posting::Edit {
            refers_to: id.clone(),
            content: Content::text(text),
        };
        self.post(with, posting).await
    }

    /// Takes an own message back, from every device.
    ///
    /// # Errors
    ///
    /// When it cannot be kept.
    pub async fn delete(&self, with: &Recipient, id: &EntryId) -> Result<EntryId, MessageError> {
        let refers_to = id.clone();
        self.post(with, Posting::Deletion { refers_to }).await
    }

    /// Says what one thinks of a message, in place of what one thought before; an empty reaction
    /// takes it back.
    ///
    /// # Errors
    ///
    /// When it could never be sent, or cannot be kept.
    pub async fn react(
        &self,
        with: &Recipient,
        id: &EntryId,
        reaction: impl Into<String>,
    ) -> Result<EntryId, MessageError> {
        let posting = Posting::Reaction {
            refers_to: id.clone(),
            content: Content::text(reaction),
        };
        self.post(with, posting).await
    }

    /// Sends again what was refused.
    ///
    /// # Errors
    ///
    /// [`MessageError::NotRefused`].
    pub async fn retry(&self, id: &EntryId) -> Result<(), MessageError> {
        let id = id.clone();
        self.tell_messages(|reply| MessageCommand::Retry { id, reply })
            .await?
    }

    /// Forgets what was refused. What waits may be on its way, and stays.
    ///
    /// # Errors
    ///
    /// [`MessageError::NotRefused`].
    pub async fn discard(&self, id: &EntryId) -> Result<(), MessageError> {
        let id = id.clone();
        self.tell_messages(|reply| MessageCommand::Discard { id, reply })
            .await?
    }

    /// Marks everything up to a sequence as read, on all devices.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read, or the client is closed.
    pub async fn mark_read(&self, with: &Recipient, sequence: u64) -> Result<(), MessageError> {
        let Some(id_group) = self.id_of(with).await? else {
            return Ok(());
        };
        self.tell_messages(|reply| MessageCommand::Read {
            id_group,
            sequence,
            reply,
        })
        .await
    }

    /// Tells that the user types, or has stopped. May be told with every key.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read, or the client is closed.
    pub async fn set_typing(&self, with: &Recipient, typing: bool) -> Result<(), MessageError> {
        let Some(id_group) = self.id_of(with).await? else {
            return Ok(());
        };
        self.tell_messages(|reply| MessageCommand::Typing {
            id_group,
            typing,
            reply,
        })
        .await
    }

    /// Asks the server how far the members of a conversation have come;
    /// [`MessageEvent::MarksChanged`](super::MessageEvent::MarksChanged) follows.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read, or the client is closed.
    pub async fn refresh_marks(&self, with: &Recipient) -> Result<(), MessageError> {
        let Some(id_group) = self.id_of(with).await? else {
            return Ok(());
        };
        self.tell_messages(|reply| MessageCommand::AskMarks { id_group, reply })
            .await
    }

    /// Whether everything that the server had for this device is here.
    pub async fn is_caught_up(&self) -> bool {
        self.tell_messages(|reply| MessageCommand::IsCaughtUp { reply })
            .await
            .unwrap_or(false)
    }

    pub(super) async fn post(
        &self,
        with: &Recipient,
        posting: Posting,
    ) -> Result<EntryId, MessageError> {
        let id = EntryId::parse(&Uuid::now_v7().to_string()).map_err(|error| {
            // A UUIDv7 is one; this keeps the promise of no panic.
            MessageError::NotKept(error.to_string())
        })?;
        let draft = Draft {
            id: id.clone(),
            destination: match with {
                Recipient::Contact(name) => Destination::Contact {
                    pseudo: name.clone(),
                },
                Recipient::Group(id_group) => Destination::Conversation {
                    id_group: id_group.clone(),
                },
            },
            posting,
            written_at: shelf::now(),
        };
        self.tell_messages(|reply| MessageCommand::Post { draft, reply })
            .await??;
        Ok(id)
    }

    /// The id of a conversation, as far as it is known.
    pub(super) async fn id_of(&self, with: &Recipient) -> Result<Option<GroupId>, CacheError> {
        let name = match with {
            Recipient::Group(id_group) => return Ok(Some(id_group.clone())),
            Recipient::Contact(name) => name.clone(),
        };
        let read = self.shared.archive.read(move |cache| pair(cache, &name));
        Ok(read.await?.flatten())
    }

    /// Fetches a page before what is kept; whether anything came.
    pub(super) async fn fetch_older(&self, id_group: &GroupId) -> Result<bool, MessageError> {
        let id_group = id_group.clone();
        self.tell_messages(|reply| MessageCommand::Older { id_group, reply })
            .await
    }

    pub(super) async fn tell_messages<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> MessageCommand,
    ) -> Result<T, MessageError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Messages(command(reply));
        self.tell(command).await.map_err(|_| MessageError::Closed)?;
        answer.await.map_err(|_| MessageError::Closed)
    }
}
