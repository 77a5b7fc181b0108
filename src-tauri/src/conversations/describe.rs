//! Conversations and messages in the page's words.

use cooee_sdk::{
    Body, CallOutcome as Outcome, Client, GroupId, NotSent, Outgoing, OutgoingKind, Recipient,
};

use super::{MessageState, id_of};
use crate::accounts::Running;
use crate::error::{Answer, ErrorCode};
use crate::model::conversation::{
    CallOutcome, CallResult, Conversation, File, Mark, Message, Quote, Reaction,
};
use crate::shell::Shell;

/// The most characters of a message that another one answers.
const MAX_QUOTE: usize = 200;

pub(super) async fn conversation(
    shell: &Shell,
    running: &Running,
    one: &cooee_sdk::Conversation,
) -> Answer<Conversation> {
    let client = &running.client;
    let id = id_of(&one.with);
    let last = match &one.last {
        Some(last) => Some(message(client, one.id_group.as_ref(), last).await),
        None => None,
    };
    let newest = last.as_ref().and_then(|last| last.sequence).unwrap_or(0);
    let shares_reading = shell.chosen.settings().conversations.read_marks;
    let (unread, read, draft) = {
        let told = running.told();
        // Who tells nobody what they have read keeps it to this device.
        let here = told.read_here(&id).filter(|_| !shares_reading).unwrap_or(0);
        let unread = if here >= newest && here > 0 {
            0
        } else {
            one.unread
        };
        (unread, number(one.read).max(here), told.draft(&id))
    };
    Ok(Conversation {
        with: match &one.with {
            Recipient::Contact(name) => Some(name.to_string()),
            Recipient::Group(_) => None,
        },
        last,
        unread,
        read,
        marks: match &one.id_group {
            Some(id_group) => marks(client, id_group).await?,
            None => Vec::new(),
        },
        draft,
        id,
    })
}

pub(super) async fn marks(client: &Client, id_group: &GroupId) -> Answer<Vec<Mark>> {
    // By its id, which also finds that of a pair, without looking through all of them.
    let by_id = Recipient::Group(id_group.clone());
    let marks = client.marks(&by_id).await?;
    Ok(marks
        .iter()
        .map(|mark| Mark {
            name: mark.who.to_string(),
            delivered: number(mark.delivered),
            read: number(mark.read),
        })
        .collect())
}

pub(super) async fn message(
    client: &Client,
    id_group: Option<&GroupId>,
    one: &cooee_sdk::Message,
) -> Message {
    let reply_to = match (&one.reply_to, id_group) {
        (Some(id), Some(id_group)) => {
            let found = client.message(id_group, id).await.ok().flatten();
            Some(quote(id.as_str(), found.as_ref()))
        }
        (Some(id), None) => Some(quote(id.as_str(), None)),
        (None, _) => None,
    };
    let said = said(&one.body);
    Message {
        id: one.id.as_str().to_owned(),
        sequence: Some(number(one.sequence)),
        author: one.author.as_ref().map(ToString::to_string),
        own: one.own,
        at: one.at,
        text: said.text,
        files: said.files,
        call: said.call,
        reply_to,
        edited_at: one.edited_at,
        deleted: said.deleted,
        reactions: one
            .reactions
            .iter()
            .map(|reaction| Reaction {
                name: reaction.author.clone(),
                text: reaction.body.clone(),
            })
            .collect(),
        state: MessageState::Sent,
        failure: None,
    }
}

/// What waits to be sent, if it is a message; edits and reactions show when they have arrived.
pub(super) fn outgoing(out: &Outgoing, own: Option<String>) -> Option<Message> {
    let OutgoingKind::Message { body, reply_to } = &out.what else {
        return None;
    };
    let said = said(body);
    Some(Message {
        id: out.id.as_str().to_owned(),
        sequence: None,
        author: own,
        own: true,
        at: out.written_at,
        text: said.text,
        files: said.files,
        call: None,
        reply_to: reply_to.as_ref().map(|id| quote(id.as_str(), None)),
        edited_at: None,
        deleted: false,
        reactions: Vec::new(),
        state: if out.refusal.is_some() {
            MessageState::Failed
        } else {
            MessageState::Sending
        },
        failure: out.refusal.as_deref().map(refusal),
    })
}

/// The code of a refusal: by the server of a message, or of a file in it.
fn refusal(reason: &str) -> ErrorCode {
    match reason {
        "too_large" => ErrorCode::FileTooLarge,
        "no_space" => ErrorCode::NoSpace,
        reason => NotSent::parse(reason).map_or(ErrorCode::NotSent, not_sent),
    }
}

/// The same, parsed.
pub(crate) fn not_sent(reason: NotSent) -> ErrorCode {
    match reason {
        NotSent::NotMember => ErrorCode::NotMember,
        NotSent::NotContact => ErrorCode::NotContact,
        NotSent::TooLong => ErrorCode::TooLong,
        NotSent::Empty => ErrorCode::Empty,
        NotSent::TooMany => ErrorCode::TooMany,
        NotSent::NoTarget => ErrorCode::NoTarget,
        NotSent::NotAuthor => ErrorCode::NotAuthor,
        NotSent::NoAttachment => ErrorCode::NoAttachment,
        NotSent::Blocked => ErrorCode::Blocked,
        _ => ErrorCode::NotSent,
    }
}

#[derive(Default)]
struct Said {
    text: String,
    files: Vec<File>,
    call: Option<CallOutcome>,
    deleted: bool,
}

fn said(body: &Body) -> Said {
    let mut said = Said::default();
    match body {
        Body::Text(text) => said.text.clone_from(text),
        Body::Files { text, files } => {
            said.text.clone_from(text);
            said.files = files.iter().map(file).collect();
        }
        Body::Call { outcome, duration } => {
            said.call = Some(CallOutcome {
                result: match outcome {
                    Outcome::Finished => CallResult::Finished,
                    Outcome::Missed => CallResult::Missed,
                    Outcome::Declined => CallResult::Declined,
                },
                seconds: u32::try_from(duration.as_secs()).unwrap_or(u32::MAX),
            });
        }
        Body::Deleted => said.deleted = true,
        // What this version does not know is shown as nothing rather than raw.
        _ => {}
    }
    said
}

fn file(file: &cooee_sdk::FileInfo) -> File {
    File {
        id: file.id.as_str().to_owned(),
        name: file.name.clone(),
        media_type: file.media_type.clone(),
        size: number(file.size),
        width: file.width,
        height: file.height,
        thumbnail: file.thumbnail.as_ref().map(|id| id.as_str().to_owned()),
    }
}

fn quote(id: &str, found: Option<&cooee_sdk::Message>) -> Quote {
    Quote {
        id: id.to_owned(),
        author: found.and_then(|found| found.author.as_ref().map(ToString::to_string)),
        text: found
            .map(|found| said(&found.body).text.chars().take(MAX_QUOTE).collect())
            .unwrap_or_default(),
    }
}

pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cooee_sdk::{Body, CallOutcome as Outcome};

    use super::{refusal, said};
    use crate::error::ErrorCode;
    use crate::model::conversation::{CallOutcome, CallResult};

    #[test]
    fn a_file_that_the_server_refuses_says_why() {
        assert_eq!(refusal("too_large"), ErrorCode::FileTooLarge);
        assert_eq!(refusal("no_space"), ErrorCode::NoSpace);
        assert_eq!(refusal("no_attachment"), ErrorCode::NoAttachment);
        assert_eq!(refusal("not_member"), ErrorCode::NotMember);
        assert_eq!(refusal("of a later version"), ErrorCode::NotSent);
    }

    #[test]
    fn a_call_says_how_it_went_and_for_how_long() {
        for (outcome, seconds, result) in [
            (Outcome::Finished, 754, CallResult::Finished),
            (Outcome::Missed, 0, CallResult::Missed),
            (Outcome::Declined, 0, CallResult::Declined),
        ] {
            let duration = Duration::from_secs(seconds.into());
            let call = said(&Body::Call { outcome, duration }).call;
            assert_eq!(call, Some(CallOutcome { result, seconds }));
        }
    }
}
