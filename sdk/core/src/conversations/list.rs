//! The list of conversations: 664 and 265.

use std::time::Instant;

use cooee_protocol::{
    ClientMessage, Conversations, ErrorCode, ListConversations, MAX_PAGE, ServerMessage,
};

use super::state::{Conversation, Link, Purpose, Written};
use super::sync::ConversationSync;
use super::types::{ConversationEvent, Held, Listed, Write};
use crate::signalling::RequestError;

impl ConversationSync {
    /// Asks for what has changed since the list is known.
    pub(super) fn ask_list(&mut self) {
        match self.link {
            Link::Down | Link::Unsupported => return,
            Link::Listing(_) | Link::Following => {}
        }
        if std::mem::replace(&mut self.listing, true) {
            return;
        }
        self.list_due = false;
        let since = self.cursor.clone();
        self.request(
            Purpose::List,
            ClientMessage::ListConversations(ListConversations { since, limit: None }),
        );
    }

    pub(super) fn take_list(&mut self, now: Instant, answer: Result<ServerMessage, RequestError>) {
        match answer {
            Ok(ServerMessage::Conversations(page)) => self.take_list_page(now, page),
            Err(RequestError::Refused(error)) if error.code == ErrorCode::Invalid => {
                self.listing = false;
                self.link = Link::Unsupported;
                self.event(ConversationEvent::Unsupported);
            }
            Ok(_) | Err(_) => self.list_later(now),
        }
    }

    /// The page is written down, and the next may be asked for.
    pub(super) fn list_written(&mut self, now: Instant, more: bool, cursor: String, kept: bool) {
        if kept {
            self.cursor = Some(cursor);
        }
        if self.link == Link::Down {
            return;
        }
        if !kept {
            self.list_later(now);
            return;
        }
        self.listing = false;
        self.event(ConversationEvent::List);
        let pages = match self.link {
            Link::Listing(pages) => pages,
            Link::Following | Link::Down | Link::Unsupported => 0,
        };
        if more && pages < self.config.max_list_pages {
            self.link = Link::Listing(pages.saturating_add(1));
            self.ask_list();
        } else {
            self.list_failures = 0;
            self.list_not_before = Some(now + self.config.retry_first);
            self.link = Link::Following;
        }
    }

    fn take_list_page(&mut self, now: Instant, page: Conversations) {
        let told = page.list_conversation.len();
        let sound = u32::try_from(told).is_ok_and(|told| told <= MAX_PAGE)
            && page.cursor.chars().count() <= 64
            // Nothing and yet more: it would be asked for ever.
            && (told > 0 || !page.more || page.restart)
            && page.list_conversation.iter().all(|one| {
                [one.last, one.joined_after, one.delivered, one.read]
                    .iter()
                    .all(|place| is_place(*place))
            });
        if !sound {
            tracing::warn!("the server's list of conversations makes no sense");
            self.list_later(now);
            return;
        }
        if page.restart {
            self.forget_conversations();
        }
        let listed: Vec<_> = page
            .list_conversation
            .into_iter()
            .filter(|one| self.take_listed(one))
            .map(|conversation| Listed { conversation })
            .collect();
        self.write(
            Written::List {
                more: page.more,
                cursor: page.cursor.clone(),
            },
            Write::List {
                restart: page.restart,
                listed,
                cursor: page.cursor,
            },
        );
    }

    /// Whether it is kept track of.
    fn take_listed(&mut self, one: &cooee_protocol::Conversation) -> bool {
        let Some(known) = self.conversations.get_mut(&one.id_group) else {
            self.know(Held {
                id_group: one.id_group.clone(),
                pair: one.pseudo.clone(),
                first: one.last.saturating_add(1),
                last: one.last,
                head: one.last,
                begins_after: one.joined_after,
                read: one.read,
                told_delivered: one.delivered,
                told_read: one.read,
            });
            if let Some(pair) = one.pseudo.clone() {
                self.learn(pair, one.id_group.clone());
            }
            return self.conversations.contains_key(&one.id_group);
        };
        known.closed = false;
        merge(known, one);
        if let Some(pair) = one.pseudo.clone()
            && known.held.pair.as_ref() != Some(&pair)
        {
            known.held.pair = Some(pair.clone());
            self.learn(pair, one.id_group.clone());
        }
        self.due.insert(one.id_group.clone());
        true
    }

    fn list_later(&mut self, now: Instant) {
        self.listing = false;
        self.list_at = Some(now + self.backoff(self.list_failures));
        self.list_failures = self.list_failures.saturating_add(1);
    }
}

/// What the cache does with it, too.
fn merge(known: &mut Conversation, one: &cooee_protocol::Conversation) {
    if known.is_empty() && known.writing == 0 && one.last > known.last {
        // Nothing is kept: what there is comes from its end backwards.
        known.first = one.last.saturating_add(1);
        known.last = one.last;
        known.held.first = known.first;
        known.held.last = known.last;
    }
    let held = &mut known.held;
    held.head = held.head.max(one.last);
    held.begins_after = held.begins_after.max(one.joined_after);
    held.read = held.read.max(one.read);
    held.told_delivered = held.told_delivered.max(one.delivered);
    held.told_read = held.told_read.max(one.read);
}

/// Whether a sequence can be one: the cache counts in signed numbers.
pub(super) fn is_place(place: u64) -> bool {
    i64::try_from(place).is_ok_and(|place| place < i64::MAX)
}
