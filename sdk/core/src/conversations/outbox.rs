//! The outbox: 660, 260 and 403.

use std::collections::BTreeSet;
use std::time::Instant;

use cooee_protocol::{
    ClientFrame, ClientMessage, Destination, EntryAccepted, EntryId, ErrorCode, ErrorReply,
    GroupId, MAX_FRAME_BYTES, NotSent, PostEntry, Seq, ServerMessage, Username,
};

use super::list::is_place;
use super::state::{Link, Purpose, Written};
use super::sync::ConversationSync;
use super::types::{
    ConversationEvent, Draft, Held, Letter, NotKept, PostError, UploadError, Write,
};
use crate::signalling::RequestError;

/// What becomes of a draft.
///
/// ```text
///   Keeping ──durable──▶ Waiting ──▶ Uploading ──▶ Waiting ──▶ Sent ──260──▶ (Accepted) ──▶ gone
///                          ▲                                    │
///                          ├────── connection lost, later ──────┤
///                          └─retry─ Refused ◀────── 403 ────────┘
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Not durable yet.
    Keeping,
    Waiting,
    Uploading,
    /// On its way.
    Sent,
    /// It has this place, which what is kept does not reach yet.
    Accepted(GroupId, u64),
    Refused,
    /// Waits as soon as that is written down.
    Retrying,
    /// Its entry is kept; to be taken out of the outbox.
    Leaving,
}

#[derive(Debug)]
pub(super) struct OutLetter {
    pub(super) draft: Draft,
    pub(super) state: State,
    /// What is attached is at the server.
    uploaded: bool,
    /// The server has lost what was attached once already.
    lost: bool,
}

/// What keeps the order of drafts: only one of each lane is on its way.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Known(GroupId),
    Unknown(Username),
}

impl OutLetter {
    pub(super) fn loaded(letter: Letter) -> Self {
        let state = match letter.refusal {
            Some(_) => State::Refused,
            None => State::Waiting,
        };
        Self::new(letter.draft, state)
    }

    fn new(draft: Draft, state: State) -> Self {
        Self {
            uploaded: draft.attachments().is_empty(),
            draft,
            state,
            lost: false,
        }
    }

    pub(super) fn lose_connection(&mut self) {
        match self.state {
            State::Sent | State::Accepted(..) => self.state = State::Waiting,
            State::Keeping
            | State::Waiting
            | State::Uploading
            | State::Refused
            | State::Retrying
            | State::Leaving => {}
        }
    }

    pub(super) fn rename(&mut self, previous: &Username, name: &Username) {
        if let Destination::Contact { pseudo } = &mut self.draft.destination
            && pseudo == previous
        {
            *pseudo = name.clone();
        }
    }
}

impl ConversationSync {
    /// Puts a draft into the outbox; it is sent as soon as it is durable there and the server can
    /// be reached. [`ConversationEvent::Kept`] or [`ConversationEvent::NotKept`] follows.
    ///
    /// # Errors
    ///
    /// When it would never be taken, or too many wait.
    pub fn post(&mut self, now: Instant, draft: Draft) -> Result<(), PostError> {
        if self.own.is_none() {
            return Err(PostError::SignedOut);
        }
        draft.posting.check().map_err(PostError::Invalid)?;
        // Escapes can make a body that is short enough longer than a frame may be.
        let message = post_message(&draft);
        let frame = ClientFrame {
            seq: Some(Seq::from(u64::MAX)),
            message,
        };
        let fits = frame
            .to_text()
            .is_ok_and(|text| text.len() <= MAX_FRAME_BYTES);
        if !fits {
            return Err(PostError::Invalid(NotSent::TooLong));
        }
        if self.letters.len() >= self.config.max_outbox {
            return Err(PostError::Full);
        }
        let id = draft.id.clone();
        self.letters
            .push_back(OutLetter::new(draft.clone(), State::Keeping));
        let id_group = match &draft.destination {
            Destination::Conversation { id_group } => Some(id_group.clone()),
            Destination::Contact { pseudo } => self.pairs.get(pseudo).cloned(),
        };
        self.write(Written::Keep(id), Write::Keep { draft, id_group });
        self.go_on(now);
        Ok(())
    }

    /// Lets a refused draft wait again.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn retry(&mut self, now: Instant, id: &EntryId) -> Result<(), PostError> {
        let letter = self.refused(id)?;
        letter.state = State::Retrying;
        letter.lost = false;
        letter.uploaded = letter.draft.attachments().is_empty();
        self.write(Written::Retry(id.clone()), Write::Retry(id.clone()));
        self.go_on(now);
        Ok(())
    }

    /// Forgets a refused draft.
    ///
    /// # Errors
    ///
    /// When there is none: one that waits may be on its way, and stays.
    pub fn discard(&mut self, id: &EntryId) -> Result<(), PostError> {
        self.refused(id)?;
        self.letters.retain(|letter| letter.draft.id != *id);
        self.write(Written::Other, Write::Discard(id.clone()));
        Ok(())
    }

    /// What is attached to a draft is at the server, or could not be brought there.
    pub fn handle_uploaded(
        &mut self,
        now: Instant,
        id: &EntryId,
        outcome: Result<(), UploadError>,
    ) {
        let Some(letter) = self.letter(id) else {
            return;
        };
        if letter.state != State::Uploading {
            return;
        }
        letter.state = State::Waiting;
        match outcome {
            Ok(()) => letter.uploaded = true,
            Err(UploadError::Later) => self.post_later(now),
            Err(UploadError::Never(reason)) => self.refuse(id, reason),
        }
        self.go_on(now);
    }

    pub(super) fn kept(&mut self, id: &EntryId, outcome: Result<Option<Held>, NotKept>) {
        match outcome {
            Ok(_) => {
                if let Some(letter) = self.letter(id) {
                    letter.state = State::Waiting;
                }
                self.event(ConversationEvent::Kept { id: id.clone() });
            }
            Err(why) => {
                self.letters.retain(|letter| letter.draft.id != *id);
                self.event(ConversationEvent::NotKept {
                    id: id.clone(),
                    why,
                });
            }
        }
    }

    pub(super) fn retried(&mut self, id: &EntryId, kept: bool) {
        if let Some(letter) = self.letter(id) {
            letter.state = if kept { State::Waiting } else { State::Refused };
        }
    }

    /// Whether anything waits that a timer lets go.
    pub(super) fn may_post(&self) -> bool {
        self.link == Link::Following
    }

    /// Sends what waits: the first of each conversation, if nothing of it is on its way.
    pub(super) fn send_waiting(&mut self, now: Instant) {
        if !self.may_post() || self.post_at.is_some_and(|at| now < at) {
            return;
        }
        self.post_at = None;
        let mut on_the_way = self
            .letters
            .iter()
            .filter(|letter| letter.state == State::Sent)
            .count();
        let mut lanes = BTreeSet::new();
        for index in 0..self.letters.len() {
            let Some(letter) = self.letters.get(index) else {
                break;
            };
            match letter.state {
                State::Refused | State::Retrying | State::Leaving | State::Accepted(..) => continue,
                State::Keeping | State::Waiting | State::Uploading | State::Sent => {}
            }
            if !lanes.insert(self.lane(&letter.draft)) || letter.state != State::Waiting {
                continue;
            }
            if !letter.uploaded {
                self.upload(index);
            } else if on_the_way < self.config.max_posts {
                on_the_way = on_the_way.saturating_add(1);
                self.send(index);
            }
        }
    }

    fn send(&mut self, index: usize) {
        let Some(letter) = self.letters.get_mut(index) else {
            return;
        };
        letter.state = State::Sent;
        let mut draft = letter.draft.clone();
        if let Destination::Contact { pseudo } = &draft.destination
            && let Some(id_group) = self.pairs.get(pseudo)
        {
            draft.destination = Destination::Conversation {
                id_group: id_group.clone(),
            };
        }
        self.request(Purpose::Post(draft.id.clone()), post_message(&draft));
    }

    pub(super) fn take_posted(
        &mut self,
        now: Instant,
        id: &EntryId,
        answer: Result<ServerMessage, RequestError>,
    ) {
        let Some(letter) = self.letter(id) else {
            return;
        };
        if letter.state != State::Sent {
            return;
        }
        match answer {
            Ok(ServerMessage::EntryAccepted(accepted)) if is_sound(&accepted, id) => {
                self.post_failures = 0;
                self.accepted(&accepted);
            }
            Err(RequestError::Refused(error)) => self.refused_by_server(now, id, &error),
            Ok(_) | Err(_) => {
                letter.state = State::Waiting;
                self.post_later(now);
            }
        }
    }

    fn accepted(&mut self, accepted: &EntryAccepted) {
        let Some(letter) = self.letter(&accepted.id) else {
            return;
        };
        letter.state = State::Accepted(accepted.id_group.clone(), accepted.sequence);
        let draft = letter.draft.clone();
        let covered = self.take_own(accepted, &draft);
        if let Destination::Contact { pseudo } = draft.destination {
            if let Some(conversation) = self.conversations.get_mut(&accepted.id_group) {
                conversation.held.pair = Some(pseudo.clone());
            }
            self.learn(pseudo, accepted.id_group.clone());
        }
        if covered {
            self.settle_accepted(&accepted.id_group);
        }
    }

    fn refused_by_server(&mut self, now: Instant, id: &EntryId, error: &ErrorReply) {
        let later = match error.code {
            ErrorCode::SlowDown | ErrorCode::ServerFault | ErrorCode::AuthFailed => true,
            ErrorCode::MessageNotSent => error.not_sent() == Some(NotSent::TooMany),
            ErrorCode::PseudoExists
            | ErrorCode::CallFailed
            | ErrorCode::ProfileNotAdded
            | ErrorCode::ContactNotFound
            | ErrorCode::AlreadyContact
            | ErrorCode::Invalid
            | ErrorCode::NotAllowed => false,
        };
        let again = error.not_sent() == Some(NotSent::NoAttachment);
        let Some(letter) = self.letter(id) else {
            return;
        };
        letter.state = State::Waiting;
        if later {
            self.post_later(now);
        } else if again && !letter.lost && !letter.draft.attachments().is_empty() {
            // It was uploaded long ago, and forgotten since.
            letter.lost = true;
            letter.uploaded = false;
        } else {
            let reason = match (error.code, &error.reason) {
                (ErrorCode::MessageNotSent, Some(reason)) => reason.chars().take(64).collect(),
                (ErrorCode::MessageNotSent, None) => "refused".to_owned(),
                (ErrorCode::NotAllowed, _) => "not_allowed".to_owned(),
                _ => "invalid".to_owned(),
            };
            self.refuse(id, reason);
        }
    }

    fn refuse(&mut self, id: &EntryId, reason: String) {
        // The cache takes an empty reason for none.
        let reason = if reason.is_empty() {
            "refused".to_owned()
        } else {
            reason
        };
        if let Some(letter) = self.letter(id) {
            letter.state = State::Refused;
        }
        self.write(
            Written::Refuse(id.clone(), reason.clone()),
            Write::Refuse {
                id: id.clone(),
                reason,
            },
        );
    }

    fn post_later(&mut self, now: Instant) {
        self.post_at = Some(now + self.backoff(self.post_failures));
        self.post_failures = self.post_failures.saturating_add(1);
    }

    /// The pair with somebody has this id.
    pub(super) fn learn(&mut self, pair: Username, id_group: GroupId) {
        let known = self.pairs.insert(pair.clone(), id_group.clone());
        if known.as_ref() != Some(&id_group) {
            self.write(Written::Other, Write::Learn { pair, id_group });
        }
    }

    /// Own entries are kept: their drafts are gone with the same transaction.
    pub(super) fn letters_arrived(&mut self, id_group: &GroupId, arrived: &[EntryId]) {
        for id in arrived {
            let before = self.letters.len();
            self.letters.retain(|letter| letter.draft.id != *id);
            if self.letters.len() < before {
                self.event(ConversationEvent::Arrived {
                    id: id.clone(),
                    id_group: id_group.clone(),
                });
            }
        }
    }

    /// Takes drafts out of the outbox whose places are kept, or will never be shown.
    pub(super) fn settle_accepted(&mut self, id_group: &GroupId) {
        let (last, closed) = match self.conversations.get(id_group) {
            Some(conversation) => (conversation.held.last, conversation.closed),
            None => return,
        };
        let settled: Vec<EntryId> = self
            .letters
            .iter()
            .filter(|letter| match &letter.state {
                State::Accepted(group, sequence) => {
                    group == id_group && (closed || *sequence <= last)
                }
                State::Keeping
                | State::Waiting
                | State::Uploading
                | State::Sent
                | State::Refused
                | State::Retrying
                | State::Leaving => false,
            })
            .map(|letter| letter.draft.id.clone())
            .collect();
        for id in settled {
            if let Some(letter) = self.letter(&id) {
                letter.state = State::Leaving;
            }
            self.write(
                Written::Arrived(id.clone(), id_group.clone()),
                Write::Arrived(id),
            );
        }
    }

    /// Whether it was still there.
    pub(super) fn left(&mut self, id: &EntryId) -> bool {
        let before = self.letters.len();
        self.letters.retain(|letter| letter.draft.id != *id);
        self.letters.len() < before
    }

    fn lane(&self, draft: &Draft) -> Lane {
        match &draft.destination {
            Destination::Conversation { id_group } => Lane::Known(id_group.clone()),
            Destination::Contact { pseudo } => match self.pairs.get(pseudo) {
                Some(id_group) => Lane::Known(id_group.clone()),
                None => Lane::Unknown(pseudo.clone()),
            },
        }
    }

    fn letter(&mut self, id: &EntryId) -> Option<&mut OutLetter> {
        self.letters
            .iter_mut()
            .find(|letter| letter.draft.id == *id)
    }

    fn refused(&mut self, id: &EntryId) -> Result<&mut OutLetter, PostError> {
        self.letter(id)
            .filter(|letter| letter.state == State::Refused)
            .ok_or(PostError::Unknown)
    }
}

fn post_message(draft: &Draft) -> ClientMessage {
    ClientMessage::PostEntry(PostEntry {
        id: draft.id.clone(),
        destination: draft.destination.clone(),
        posting: draft.posting.clone(),
    })
}

fn is_sound(accepted: &EntryAccepted, id: &EntryId) -> bool {
    accepted.id == *id
        && is_place(accepted.sequence)
        && accepted.previous < accepted.sequence
        && accepted.time.len() <= 64
}
