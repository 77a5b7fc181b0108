//! The driver's part for conversations: the machine, its cache and its requests.

use std::collections::HashMap;
use std::sync::Arc;

use cooee_core::conversations::{
    ConversationEvent, ConversationSync, Draft, Held, Loaded, NotKept, PostError, RequestTag,
    SyncConfig, SyncOutput, UploadError, WriteId,
};
use cooee_core::signalling::RequestError;
use cooee_protocol::{EntryId, GroupId, ServerMessage, Username};
use tokio::sync::{mpsc, oneshot};

use super::{Driver, Waiter, now};
use crate::event::Event;
use crate::messages::files;
use crate::messages::{MessageError, MessageEvent};

/// What the user asks about conversations.
pub(crate) enum MessageCommand {
    Post {
        draft: Draft,
        reply: oneshot::Sender<Result<(), MessageError>>,
    },
    Retry {
        id: EntryId,
        reply: oneshot::Sender<Result<(), MessageError>>,
    },
    Discard {
        id: EntryId,
        reply: oneshot::Sender<Result<(), MessageError>>,
    },
    Read {
        id_group: GroupId,
        sequence: u64,
        reply: oneshot::Sender<()>,
    },
    Typing {
        id_group: GroupId,
        typing: bool,
        reply: oneshot::Sender<()>,
    },
    AskMarks {
        id_group: GroupId,
        reply: oneshot::Sender<()>,
    },
    IsCaughtUp {
        reply: oneshot::Sender<bool>,
    },
    Older {
        id_group: GroupId,
        reply: oneshot::Sender<bool>,
    },
}

/// What conversations wake the driver with.
pub(super) enum MessageWake {
    Written(WriteId, Result<Option<Held>, NotKept>),
    Uploaded(EntryId, Result<(), UploadError>),
}

/// The machine for one account, and who waits for what it does.
pub(super) struct Conversations {
    pub(super) sync: ConversationSync,
    /// Both have as many entries at most as the machine has writes and drafts under way.
    sender: mpsc::UnboundedSender<MessageWake>,
    wakes: mpsc::UnboundedReceiver<MessageWake>,
    keeping: HashMap<EntryId, oneshot::Sender<Result<(), MessageError>>>,
    older: HashMap<GroupId, Vec<oneshot::Sender<bool>>>,
}

impl Conversations {
    pub(super) fn new(loaded: Loaded) -> Self {
        let (sender, wakes) = mpsc::unbounded_channel();
        Self {
            sync: ConversationSync::new(SyncConfig::default(), loaded),
            sender,
            wakes,
            keeping: HashMap::new(),
            older: HashMap::new(),
        }
    }

    pub(super) async fn next(&mut self) -> MessageWake {
        match self.wakes.recv().await {
            Some(wake) => wake,
            // One sender is its own.
            None => std::future::pending().await,
        }
    }
}

impl Driver {
    pub(super) fn handle_message_command(&mut self, command: MessageCommand) {
        let now = now();
        let messages = &mut self.messages;
        match command {
            MessageCommand::Post { draft, reply } => {
                let id = draft.id.clone();
                match messages.sync.post(now, draft) {
                    Ok(()) => {
                        messages.keeping.insert(id, reply);
                    }
                    Err(error) => {
                        let _ = reply.send(Err(error.into()));
                    }
                }
            }
            MessageCommand::Retry { id, reply } => {
                let _ = reply.send(messages.sync.retry(now, &id).map_err(Into::into));
            }
            MessageCommand::Discard { id, reply } => {
                let _ = reply.send(messages.sync.discard(&id).map_err(Into::into));
            }
            MessageCommand::Read {
                id_group,
                sequence,
                reply,
            } => {
                messages.sync.read(now, &id_group, sequence);
                let _ = reply.send(());
            }
            MessageCommand::Typing {
                id_group,
                typing,
                reply,
            } => {
                messages.sync.set_typing(now, &id_group, typing);
                let _ = reply.send(());
            }
            MessageCommand::AskMarks { id_group, reply } => {
                messages.sync.ask_marks(&id_group);
                let _ = reply.send(());
            }
            MessageCommand::IsCaughtUp { reply } => {
                let _ = reply.send(messages.sync.is_caught_up());
            }
            MessageCommand::Older { id_group, reply } => {
                let waiting = messages.older.entry(id_group.clone()).or_default();
                waiting.push(reply);
                if waiting.len() == 1 {
                    messages.sync.fetch_older(now, &id_group);
                }
            }
        }
    }

    pub(super) fn handle_message_wake(&mut self, wake: MessageWake) {
        match wake {
            MessageWake::Written(id, outcome) => {
                self.messages.sync.handle_written(now(), id, outcome);
            }
            MessageWake::Uploaded(id, outcome) => {
                self.messages.sync.handle_uploaded(now(), &id, outcome);
            }
        }
    }

    /// The answer to a request of the machine's.
    pub(super) fn handle_conversation_answer(
        &mut self,
        tag: RequestTag,
        answer: Result<ServerMessage, RequestError>,
    ) {
        self.messages.sync.handle_answer(now(), tag, answer);
    }

    pub(super) fn carry_out_messages(&mut self, output: SyncOutput) {
        match output {
            SyncOutput::Request(tag, message) => match self.signalling.request(now(), message) {
                Ok(id) => {
                    self.waiters.insert(id, Waiter::Conversation(tag));
                }
                Err(error) => self.handle_conversation_answer(tag, Err(error)),
            },
            SyncOutput::Write(id, write) => {
                let sender = self.messages.sender.clone();
                self.shared.archive.write(write, move |outcome| {
                    // The driver may have ended.
                    let _ = sender.send(MessageWake::Written(id, outcome));
                });
            }
            SyncOutput::Upload { id, attachments } => {
                let sender = self.messages.sender.clone();
                let upload =
                    files::upload(Arc::clone(&self.shared), self.http.client(), attachments);
                let cancelled = self.uploads.clone();
                tokio::spawn(async move {
                    // What a pause has ended goes on after it where it was.
                    let outcome = cancelled.run_until_cancelled(upload).await;
                    let outcome = outcome.unwrap_or(Err(UploadError::Later));
                    // The driver may have ended.
                    let _ = sender.send(MessageWake::Uploaded(id, outcome));
                });
            }
            SyncOutput::Event(event) => self.tell_messages(event),
        }
    }

    fn tell_messages(&mut self, event: ConversationEvent) {
        let event = match event {
            ConversationEvent::List => MessageEvent::ConversationsChanged,
            ConversationEvent::Changed {
                id_group,
                ids,
                older,
            } => MessageEvent::Changed {
                id_group,
                ids,
                older,
            },
            ConversationEvent::Older {
                id_group, failed, ..
            } => {
                for reply in self.messages.older.remove(&id_group).unwrap_or_default() {
                    let _ = reply.send(!failed);
                }
                return;
            }
            ConversationEvent::Marks { id_group } => MessageEvent::MarksChanged { id_group },
            ConversationEvent::Typing {
                id_group,
                who,
                typing,
            } => MessageEvent::Typing {
                id_group,
                who,
                typing,
            },
            ConversationEvent::Kept { id } => {
                if let Some(reply) = self.messages.keeping.remove(&id) {
                    let _ = reply.send(Ok(()));
                }
                MessageEvent::Kept { id }
            }
            ConversationEvent::NotKept { id, why } => {
                if let Some(reply) = self.messages.keeping.remove(&id) {
                    let full = *self.full.borrow();
                    let _ = reply.send(Err(match full {
                        true => MessageError::DiskFull,
                        false => MessageError::NotKept(why.0),
                    }));
                }
                return;
            }
            ConversationEvent::Arrived { id, id_group } => MessageEvent::Arrived { id, id_group },
            ConversationEvent::Refused { id, reason } => MessageEvent::Refused { id, reason },
            ConversationEvent::Blocked => MessageEvent::BlockedChanged,
            ConversationEvent::CaughtUp => MessageEvent::CaughtUp,
            ConversationEvent::Unsupported => MessageEvent::Unsupported,
        };
        self.shared.emit(Event::Messages(event));
    }

    /// Another account has its own conversations.
    pub(super) async fn load_messages(&mut self, own: Username) {
        let mut loaded = self.shared.archive.load_messages().await;
        loaded.own = Some(own);
        self.messages = Conversations::new(loaded);
    }
}

impl From<PostError> for MessageError {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Invalid(reason) => Self::Invalid(reason),
            PostError::Full => Self::Full,
            PostError::SignedOut => Self::SignedOut,
            // The type is non-exhaustive.
            _ => Self::NotRefused,
        }
    }
}
