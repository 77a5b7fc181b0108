//! How far people have come, and who types: 661 and 262, 662 and 263.

use std::time::Instant;

use cooee_protocol::{
    ClientMessage, ErrorCode, GroupId, MarkEntries, Marks, ServerMessage, SetTyping, Typing,
};

use super::list::is_place;
use super::state::{Link, Purpose, Written};
use super::sync::ConversationSync;
use super::types::Write;
use crate::signalling::RequestError;

/// Most members whose marks one message may bring: as many as a group may have.
const MAX_MARKS: usize = 1_000;

impl ConversationSync {
    /// The user has read a conversation up to a sequence, at most to the last that is kept.
    pub fn read(&mut self, now: Instant, id_group: &GroupId, sequence: u64) {
        let Some(conversation) = self.conversations.get_mut(id_group) else {
            return;
        };
        let read = sequence.min(conversation.held.last);
        if read <= conversation.held.read {
            return;
        }
        conversation.held.read = read;
        conversation.tell_at = None;
        self.write(
            Written::Read,
            Write::Read {
                id_group: id_group.clone(),
                read,
            },
        );
        self.due.insert(id_group.clone());
        self.go_on(now);
    }

    /// Asks how far all members have come.
    pub fn ask_marks(&mut self, id_group: &GroupId) {
        if self.link == Link::Following && self.conversations.contains_key(id_group) {
            let message = ClientMessage::MarkEntries(MarkEntries {
                id_group: id_group.clone(),
                delivered: None,
                read: None,
            });
            self.request(Purpose::Mark(id_group.clone()), message);
        }
    }

    /// The user types, or has stopped. To be told with every few keys: it is repeated no oftener
    /// than others have to hear it.
    pub fn set_typing(&mut self, now: Instant, id_group: &GroupId, typing: bool) {
        if self.link != Link::Following || !self.conversations.contains_key(id_group) {
            return;
        }
        let told = self.own_typing.get(id_group).copied();
        let silent = match (typing, told) {
            (true, Some(at)) => now < at + self.config.typing_interval,
            (false, None) => true,
            (true, None) | (false, Some(_)) => false,
        };
        if silent {
            return;
        }
        if typing {
            self.own_typing.insert(id_group.clone(), now);
        } else {
            self.own_typing.remove(id_group);
        }
        let message = ClientMessage::SetTyping(SetTyping {
            id_group: id_group.clone(),
            typing,
        });
        self.request(Purpose::Typing, message);
    }

    /// Something has arrived: its sender is to learn of it, soon.
    pub(super) fn tell_later(&mut self, now: Instant, id_group: &GroupId) {
        let Some(conversation) = self.conversations.get_mut(id_group) else {
            return;
        };
        let new = conversation.held.last > conversation.held.told_delivered;
        if !new || conversation.tell_at.is_some() || conversation.is_empty() {
            return;
        }
        let wait = match conversation.held.pair {
            Some(_) => self.config.tell_pair_after,
            None => self.config.tell_group_after,
        };
        self.tell_at(now + wait, id_group);
    }

    fn tell_at(&mut self, at: Instant, id_group: &GroupId) {
        if let Some(conversation) = self.conversations.get_mut(id_group) {
            if let Some(earlier) = conversation.tell_at.replace(at) {
                self.alarms.remove(&(earlier, id_group.clone()));
            }
            self.alarms.insert((at, id_group.clone()));
        }
    }

    /// Tells how far this account has come, if that is due.
    pub(super) fn tell_due(&mut self, now: Instant, id_group: &GroupId) {
        let Some(conversation) = self.conversations.get_mut(id_group) else {
            return;
        };
        let held = &conversation.held;
        let read = (held.read > held.told_read).then_some(held.read);
        let arrived = held.last > held.told_delivered && held.last >= held.first;
        if conversation.tell_at.is_some_and(|at| now < at) {
            return;
        }
        if self.link != Link::Following || conversation.telling || conversation.closed {
            return;
        }
        if read.is_none() && !arrived {
            conversation.tell_at = None;
            return;
        }
        let message = MarkEntries {
            id_group: id_group.clone(),
            delivered: arrived.then_some(held.last),
            read,
        };
        conversation.told = (
            message.delivered.unwrap_or_default(),
            message.read.unwrap_or_default(),
        );
        conversation.tell_at = None;
        conversation.telling = true;
        self.request(
            Purpose::Mark(id_group.clone()),
            ClientMessage::MarkEntries(message),
        );
    }

    pub(super) fn take_told(
        &mut self,
        now: Instant,
        id_group: &GroupId,
        answer: Result<ServerMessage, RequestError>,
    ) {
        let Some(conversation) = self.conversations.get_mut(id_group) else {
            return;
        };
        conversation.telling = false;
        match answer {
            Ok(ServerMessage::Marks(marks)) if marks.id_group == *id_group => {
                let (delivered, read) = conversation.told;
                let held = &mut conversation.held;
                held.told_delivered = held.told_delivered.max(delivered);
                held.told_read = held.told_read.max(read);
                self.take_marks(&marks);
                self.tell_later(now, id_group);
            }
            Err(RequestError::Refused(error)) if error.code == ErrorCode::NotAllowed => {
                // Who has left, and the one who blocks, have no marks there.
                conversation.held.told_delivered = conversation.held.last;
                conversation.held.told_read = conversation.held.read;
            }
            Ok(_) | Err(_) => {
                let at = now + self.config.retry_first * 4;
                self.tell_at(at, id_group);
            }
        }
    }

    pub(super) fn take_marks(&mut self, told: &Marks) {
        let own = self.own.clone();
        let may_write = self.may_write();
        let Some(conversation) = self.conversations.get_mut(&told.id_group) else {
            return;
        };
        let sound = told.list_mark.len() <= MAX_MARKS
            && told
                .list_mark
                .iter()
                .all(|mark| is_place(mark.delivered) && is_place(mark.read));
        // What is not written down now is told again when somebody looks.
        if !sound || !may_write || told.list_mark.is_empty() {
            return;
        }
        let mine = told
            .list_mark
            .iter()
            .find(|mark| own.as_ref() == Some(&mark.pseudo));
        let mut told_more = None;
        if let Some(mine) = mine {
            let held = &mut conversation.held;
            if mine.delivered > held.told_delivered || mine.read > held.told_read {
                held.told_delivered = held.told_delivered.max(mine.delivered);
                held.told_read = held.told_read.max(mine.read);
                held.read = held.read.max(mine.read);
                told_more = Some((held.told_delivered, held.told_read));
            }
        }
        if let Some((delivered, read)) = told_more {
            self.write(
                Written::Read,
                Write::Told {
                    id_group: told.id_group.clone(),
                    delivered,
                    read,
                },
            );
        }
        self.write(
            Written::Marks(told.id_group.clone()),
            Write::Marks {
                id_group: told.id_group.clone(),
                marks: told.list_mark.clone(),
            },
        );
    }

    pub(super) fn take_typing(&mut self, now: Instant, told: &Typing) {
        let known = self.conversations.contains_key(&told.id_group);
        if !known || self.own.as_ref() == Some(&told.pseudo) {
            return;
        }
        let key = (told.id_group.clone(), told.pseudo.clone());
        let news = if told.typing {
            let is_known = self.typing.contains_key(&key);
            if !is_known && self.typing.len() >= self.config.max_typing {
                return;
            }
            self.typing.insert(key, now + self.config.typing_expiry);
            !is_known
        } else {
            self.typing.remove(&key).is_some()
        };
        if news {
            self.event(super::ConversationEvent::Typing {
                id_group: told.id_group.clone(),
                who: told.pseudo.clone(),
                typing: told.typing,
            });
        }
    }
}
