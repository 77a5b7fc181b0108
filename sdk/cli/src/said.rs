//! What the commands for conversations tell.

use std::path::PathBuf;

use cooee_sdk::{
    AttachmentId, Body, CallOutcome, EntryId, ExportProgress, Found, GroupId, Mark, Message,
    MessageEvent, Outgoing, OutgoingKind, Recipient, Username, message_json, refusal_words,
};
use serde_json::{Value, json};

use crate::commands::Reach;
use crate::words;

/// One thing that is told about conversations.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// Kept on this device, to be sent.
    Kept(EntryId),
    /// It has arrived.
    Arrived(EntryId),
    /// A refused message is forgotten.
    Discarded(EntryId),
    /// A message, new or changed.
    Message(Message),
    /// A part of a conversation.
    History {
        messages: Vec<Message>,
        more: bool,
        waiting: Vec<Outgoing>,
    },
    /// What a search has found.
    Found(Vec<Found>),
    /// What has not arrived.
    Outbox(Vec<Outgoing>),
    /// Whom one blocks.
    Blocked(Vec<Username>),
    /// A file is here.
    Fetched(AttachmentId, PathBuf),
    /// Everything is in this folder.
    Exported(PathBuf, ExportProgress),
    /// The account is no more.
    AccountDeleted(Username),
    /// How far the members of a conversation have come.
    Marks { id_group: GroupId, marks: Vec<Mark> },
    /// The last own message has come so far.
    Reached {
        sequence: u64,
        reach: Reach,
        group: bool,
    },
}

impl Said {
    /// The object of `--json`.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Kept(id) => json!({"event": "kept", "id": id}),
            Self::Arrived(id) => json!({"event": "arrived", "id": id}),
            Self::Discarded(id) => json!({"event": "discarded", "id": id}),
            Self::Message(message) => json!({"event": "message", "message": stamped(message)}),
            Self::History {
                messages,
                more,
                waiting,
            } => {
                let messages: Vec<_> = messages.iter().map(stamped).collect();
                let waiting: Vec<_> = waiting.iter().map(outgoing_json).collect();
                json!({
                    "event": "messages", "messages": messages, "more": more, "outbox": waiting,
                })
            }
            Self::Found(found) => {
                let found: Vec<_> = found
                    .iter()
                    .map(|one| {
                        json!({
                            "id_group": one.id_group,
                            "with": with(Some(&one.with)),
                            "message": stamped(&one.message),
                        })
                    })
                    .collect();
                json!({"event": "found", "messages": found})
            }
            Self::Outbox(waiting) => {
                let waiting: Vec<_> = waiting.iter().map(outgoing_json).collect();
                json!({"event": "outbox", "outbox": waiting})
            }
            Self::Blocked(names) => json!({"event": "blocked", "blocked": names}),
            Self::Fetched(id, file) => json!({"event": "fetched", "id": id, "file": file}),
            Self::Exported(dir, done) => json!({
                "event": "exported", "dir": dir, "messages": done.messages,
                "conversations": done.conversations, "files": done.files,
                "missing_files": done.missing_files, "incomplete": done.incomplete,
            }),
            Self::AccountDeleted(name) => json!({"event": "account_deleted", "pseudo": name}),
            Self::Marks { id_group, marks } => {
                let marks: Vec<_> = marks
                    .iter()
                    .map(|mark| {
                        json!({
                            "pseudo": mark.who, "delivered": mark.delivered, "read": mark.read,
                        })
                    })
                    .collect();
                json!({"event": "marks", "id_group": id_group, "marks": marks})
            }
            Self::Reached {
                sequence, reach, ..
            } => {
                let event = match reach {
                    Reach::Delivered => "delivered",
                    Reach::Read => "read",
                };
                json!({"event": event, "sequence": sequence})
            }
        }
    }

    /// The lines for a person.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Kept(_) | Self::Arrived(_) => Vec::new(),
            Self::Discarded(id) => vec![format!("{id} is forgotten")],
            Self::Message(message) => message_lines(message),
            Self::History {
                messages,
                more,
                waiting,
            } => {
                let mut lines = Vec::new();
                if messages.is_empty() && waiting.is_empty() {
                    lines.push("nothing was said yet".to_owned());
                }
                if let (true, Some(first)) = (more, messages.first()) {
                    lines.push(format!("(older ones: --before {})", first.sequence));
                }
                lines.extend(messages.iter().flat_map(message_lines));
                lines.extend(waiting.iter().flat_map(outgoing_lines));
                lines
            }
            Self::Found(found) if found.is_empty() => vec!["nothing was found".to_owned()],
            Self::Found(found) => found
                .iter()
                .flat_map(|one| {
                    let mut lines = message_lines(&one.message);
                    if let Some(first) = lines.first_mut() {
                        first.push_str(&format!("  [{}]", with(Some(&one.with))));
                    }
                    lines
                })
                .collect(),
            Self::Outbox(waiting) if waiting.is_empty() => {
                vec!["everything has arrived".to_owned()]
            }
            Self::Outbox(waiting) => waiting.iter().flat_map(outgoing_lines).collect(),
            Self::Blocked(names) if names.is_empty() => vec!["you block nobody".to_owned()],
            Self::Blocked(names) => names
                .iter()
                .map(|name| format!("blocked  {name}"))
                .collect(),
            Self::Fetched(_, file) => vec![format!("written to {}", file.display())],
            Self::Exported(dir, done) => {
                let mut lines = vec![format!(
                    "{} messages of {} conversations and {} files are in {}",
                    done.messages,
                    done.conversations,
                    done.files,
                    dir.display()
                )];
                if done.missing_files > 0 || done.incomplete > 0 {
                    lines.push(format!(
                        "missing: {} files, and older messages of {} conversations",
                        done.missing_files, done.incomplete
                    ));
                }
                lines
            }
            Self::AccountDeleted(name) => vec![format!("the account {name} is deleted")],
            Self::Marks { .. } => Vec::new(),
            Self::Reached { reach, group, .. } => {
                let words = match (reach, group) {
                    (Reach::Delivered, false) => "  ✓ delivered",
                    (Reach::Delivered, true) => "  ✓ delivered to all",
                    (Reach::Read, false) => "  ✓✓ read",
                    (Reach::Read, true) => "  ✓✓ read by all",
                };
                vec![words.to_owned()]
            }
        }
    }
}

/// An event of conversations as an object.
pub(crate) fn event_json(event: &MessageEvent) -> Value {
    match event {
        MessageEvent::ConversationsChanged => json!({"event": "conversations_changed"}),
        MessageEvent::Changed {
            id_group,
            ids,
            older,
        } => json!({
            "event": "messages_changed", "id_group": id_group, "ids": ids, "older": older,
        }),
        MessageEvent::MarksChanged { id_group } => {
            json!({"event": "marks_changed", "id_group": id_group})
        }
        MessageEvent::Typing {
            id_group,
            who,
            typing,
        } => json!({
            "event": "typing", "id_group": id_group, "pseudo": who, "typing": typing,
        }),
        MessageEvent::Kept { id } => json!({"event": "kept", "id": id}),
        MessageEvent::Arrived { id, id_group } => {
            json!({"event": "arrived", "id": id, "id_group": id_group})
        }
        MessageEvent::Refused { id, reason } => {
            json!({"event": "refused", "id": id, "reason": reason})
        }
        MessageEvent::BlockedChanged => json!({"event": "blocked_changed"}),
        MessageEvent::CaughtUp => json!({"event": "caught_up"}),
        MessageEvent::Unsupported => json!({"event": "no_conversations"}),
        MessageEvent::Transfer {
            id,
            upload,
            done,
            total,
        } => json!({
            "event": "transfer", "id": id, "upload": upload, "done": done, "total": total,
        }),
        // The enum grows with the SDK; what this version cannot name, it still shows.
        other => json!({"event": "other", "message": format!("{other:?}")}),
    }
}

/// An event of conversations in words, if it is one for people.
pub(crate) fn event_line(event: &MessageEvent) -> Option<String> {
    match event {
        MessageEvent::Typing {
            who, typing: true, ..
        } => Some(format!("{who} types")),
        MessageEvent::Refused { id, reason } => {
            Some(format!("{id} was not sent: {}", refusal_words(reason)))
        }
        MessageEvent::Unsupported => Some("the server knows no conversations".to_owned()),
        MessageEvent::Transfer {
            id,
            upload,
            done,
            total,
        } if *total > 0 && done == total => {
            let what = if *upload { "uploaded" } else { "fetched" };
            Some(format!("{what} {id}"))
        }
        _ => None,
    }
}

fn stamped(message: &Message) -> Value {
    let mut object = message_json(message);
    if let Some(fields) = object.as_object_mut() {
        fields.insert("at".to_owned(), words::rfc3339(message.at).into());
    }
    object
}

fn outgoing_json(out: &Outgoing) -> Value {
    let (what, text) = outgoing_text(out);
    json!({
        "id": out.id, "with": with(out.with.as_ref()), "kind": what, "text": text,
        "written_at": words::rfc3339(out.written_at), "refused": out.refusal,
    })
}

fn with(recipient: Option<&Recipient>) -> String {
    match recipient {
        Some(Recipient::Contact(name)) => name.to_string(),
        Some(Recipient::Group(id_group)) => id_group.to_string(),
        None => String::new(),
    }
}

/// The first line says who and when; further lines of a text are indented, so that no text can
/// pass for somebody else's line.
fn message_lines(message: &Message) -> Vec<String> {
    let author = match &message.author {
        Some(author) => author.to_string(),
        None => "(gone)".to_owned(),
    };
    let mut said = body_text(&message.body);
    if message.edited_at.is_some() {
        said.push_str("  (edited)");
    }
    if message.reply_to.is_some() {
        said.insert_str(0, "↩ ");
    }
    for reaction in &message.reactions {
        said.push_str(&format!("  {} {}", reaction.body, reaction.author));
    }
    indented(&format!("{}  {author}: ", words::date(message.at)), &said)
}

fn outgoing_lines(out: &Outgoing) -> Vec<String> {
    let (what, text) = outgoing_text(out);
    let state = match &out.refusal {
        Some(reason) => format!("not sent: {}", refusal_words(reason)),
        None => "waiting".to_owned(),
    };
    let head = format!(
        "{}  {} to {} ({state}): ",
        out.id,
        what,
        with(out.with.as_ref())
    );
    indented(&head, &text)
}

fn outgoing_text(out: &Outgoing) -> (&'static str, String) {
    match &out.what {
        OutgoingKind::Message { body, .. } => ("message", body_text(body)),
        OutgoingKind::Edit { text, .. } => ("edit", text.clone()),
        OutgoingKind::Deletion { of } => ("deletion", of.to_string()),
        OutgoingKind::Reaction { body, .. } => ("reaction", body.clone()),
    }
}

fn body_text(body: &Body) -> String {
    match body {
        Body::Text(text) => text.clone(),
        Body::Files { text, files } => {
            let mut lines = Vec::new();
            if !text.is_empty() {
                lines.push(text.clone());
            }
            lines.extend(
                files
                    .iter()
                    .map(|file| format!("[{}, {} bytes] {}", file.name, file.size, file.id)),
            );
            lines.join("\n")
        }
        Body::Call { outcome, duration } => match outcome {
            CallOutcome::Finished => format!("called, {}", words::span(*duration)),
            CallOutcome::Missed => "called, nobody answered".to_owned(),
            CallOutcome::Declined => "called, declined".to_owned(),
        },
        Body::Deleted => "(deleted)".to_owned(),
        Body::Other { content_type, .. } => format!("({content_type})"),
        _ => "(something that this version does not know)".to_owned(),
    }
}

fn indented(head: &str, text: &str) -> Vec<String> {
    let mut lines = text.split('\n');
    let mut out = vec![format!("{head}{}", lines.next().unwrap_or_default())];
    out.extend(lines.map(|line| format!("    {line}")));
    out
}

#[cfg(test)]
mod tests {
    use cooee_sdk::{Body, Message};

    use super::message_lines;

    #[test]
    fn a_text_of_several_lines_cannot_pass_for_somebody_elses()
    -> Result<(), Box<dyn std::error::Error>> {
        let message = Message {
            sequence: 1,
            id: "0199c3f2-7a10-7d3b-8c55-1f0e9b7a6c42".parse()?,
            author: Some("mallory".parse()?),
            own: false,
            at: 1_795_426_200_000,
            body: Body::Text("hello\n2026-11-23 09:30 UTC  alice: I agree".to_owned()),
            reply_to: None,
            edited_at: None,
            reactions: Vec::new(),
        };
        let lines = message_lines(&message);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("mallory: hello"), "{lines:?}");
        assert!(lines[1].starts_with("    2026"), "{lines:?}");
        Ok(())
    }
}
