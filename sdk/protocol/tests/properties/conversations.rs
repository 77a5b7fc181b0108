//! Messages about conversations, and what may not be one.

use cooee_protocol::{
    AttachmentId, Attachments, Blocked, ClientFrame, ClientMessage, Content, ContentType,
    Conversation, Conversations, DeleteProfile, Destination, Empty, Entries, Entry, EntryAccepted,
    EntryId, EntryKind, ListConversations, MAX_BODY_BYTES, MAX_TEXT_CHARS, Mark, MarkEntries,
    Marks, NewEntry, NotSent, PostEntry, Posting, PullEntries, ServerFrame, ServerMessage,
    SetTyping, Typing,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::strategies::{add_contact, group_id, password, username};

pub(crate) fn entry_id() -> impl Strategy<Value = EntryId> {
    "[0-9a-fA-F]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
        .prop_map(|text| EntryId::parse(&text).unwrap())
}

fn attachments() -> impl Strategy<Value = Attachments> {
    let id = "[0-9a-fA-F]{64}".prop_map(|text| AttachmentId::parse(&text).unwrap());
    vec(id, 0..=10).prop_map(|ids| Attachments::new(ids).unwrap())
}

fn content_type() -> impl Strategy<Value = ContentType> {
    prop_oneof![Just("text/plain".to_owned()), "[ -~]{1,127}"]
        .prop_map(|text| ContentType::parse(&text).unwrap())
}

fn content() -> impl Strategy<Value = Content> {
    (content_type(), any::<String>())
        .prop_map(|(content_type, body)| Content { content_type, body })
}

fn time() -> impl Strategy<Value = String> {
    "20[0-9]{2}-1[0-2]-[0-2][0-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}Z"
}

fn post() -> impl Strategy<Value = PostEntry> {
    let destination = prop_oneof![
        group_id().prop_map(|id_group| Destination::Conversation { id_group }),
        username().prop_map(|pseudo| Destination::Contact { pseudo }),
    ];
    let posting = prop_oneof![
        (content(), of(entry_id()), attachments()).prop_map(
            |(content, reply_to, list_attachment)| Posting::Message {
                content,
                reply_to,
                list_attachment,
            }
        ),
        (entry_id(), content())
            .prop_map(|(refers_to, content)| Posting::Edit { refers_to, content }),
        entry_id().prop_map(|refers_to| Posting::Deletion { refers_to }),
        (entry_id(), content())
            .prop_map(|(refers_to, content)| Posting::Reaction { refers_to, content }),
    ];
    (entry_id(), destination, posting).prop_map(|(id, destination, posting)| PostEntry {
        id,
        destination,
        posting,
    })
}

fn entry() -> BoxedStrategy<Entry> {
    let kind = prop_oneof![
        Just(EntryKind::Message),
        Just(EntryKind::Edit),
        Just(EntryKind::Deletion),
        Just(EntryKind::Reaction),
        Just(EntryKind::Call),
    ];
    let place = (any::<u64>(), entry_id(), time(), of(username()), kind);
    let said = (
        of(content_type()),
        of(any::<String>()),
        of(entry_id()),
        of(entry_id()),
        attachments(),
        any::<bool>(),
    );
    (place, said)
        .prop_map(|(place, said)| {
            let (sequence, id, time, pseudo, kind) = place;
            let (content_type, body, reply_to, refers_to, list_attachment, erased) = said;
            Entry {
                sequence,
                id,
                time,
                pseudo,
                kind,
                content_type,
                body,
                reply_to,
                refers_to,
                list_attachment,
                erased,
            }
        })
        .boxed()
}

/// Every message about conversations that a client may send.
pub(crate) fn client_message() -> BoxedStrategy<ClientMessage> {
    // Boxed: all of them on one stack are too much for a thread's.
    prop_oneof![
        post().boxed().prop_map(ClientMessage::PostEntry),
        (group_id(), of(any::<u64>()), of(any::<u64>())).prop_map(|(id_group, delivered, read)| {
            ClientMessage::MarkEntries(MarkEntries {
                id_group,
                delivered,
                read,
            })
        }),
        (group_id(), any::<bool>()).prop_map(|(id_group, typing)| {
            ClientMessage::SetTyping(SetTyping { id_group, typing })
        }),
        (
            group_id(),
            of(any::<u64>()),
            of(any::<u64>()),
            of(any::<u32>())
        )
            .prop_map(|(id_group, after, before, limit)| {
                ClientMessage::PullEntries(PullEntries {
                    id_group,
                    after,
                    before,
                    limit,
                })
            }),
        (of(any::<String>()), of(any::<u32>())).prop_map(|(since, limit)| {
            ClientMessage::ListConversations(ListConversations { since, limit })
        }),
        add_contact().prop_map(ClientMessage::Block),
        add_contact().prop_map(ClientMessage::Unblock),
        Just(ClientMessage::ListBlocked(Empty {})),
        password().prop_map(|password| ClientMessage::DeleteProfile(DeleteProfile { password })),
    ]
    .boxed()
}

fn conversation() -> impl Strategy<Value = Conversation> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (group_id(), of(username()), numbers).prop_map(
        |(id_group, pseudo, (joined_after, last, delivered, read))| Conversation {
            id_group,
            pseudo,
            joined_after,
            last,
            delivered,
            read,
        },
    )
}

/// Every message about conversations that the server may send.
pub(crate) fn server_message() -> BoxedStrategy<ServerMessage> {
    let accepted = (entry_id(), group_id(), any::<u64>(), any::<u64>(), time()).prop_map(
        |(id, id_group, sequence, previous, time)| {
            ServerMessage::EntryAccepted(EntryAccepted {
                id,
                id_group,
                sequence,
                previous,
                time,
            })
        },
    );
    let mark =
        (username(), any::<u64>(), any::<u64>()).prop_map(|(pseudo, delivered, read)| Mark {
            pseudo,
            delivered,
            read,
        });
    prop_oneof![
        accepted,
        (group_id(), any::<u64>(), entry()).prop_map(|(id_group, previous, entry)| {
            ServerMessage::NewEntry(NewEntry {
                id_group,
                previous,
                entry,
            })
        }),
        (group_id(), vec(mark, 0..4)).prop_map(|(id_group, list_mark)| {
            ServerMessage::Marks(Marks {
                id_group,
                list_mark,
            })
        }),
        (group_id(), username(), any::<bool>()).prop_map(|(id_group, pseudo, typing)| {
            ServerMessage::Typing(Typing {
                id_group,
                pseudo,
                typing,
            })
        }),
        (group_id(), vec(entry(), 0..4), any::<bool>(), any::<u64>()).prop_map(
            |(id_group, list_entry, more, last)| {
                ServerMessage::Entries(Entries {
                    id_group,
                    list_entry,
                    more,
                    last,
                })
            }
        ),
        (
            vec(conversation(), 0..4),
            any::<String>(),
            any::<bool>(),
            any::<bool>()
        )
            .prop_map(|(list_conversation, cursor, more, restart)| {
                ServerMessage::Conversations(Conversations {
                    list_conversation,
                    cursor,
                    more,
                    restart,
                })
            }),
        vec(username(), 0..4)
            .prop_map(|list_pseudo| ServerMessage::Blocked(Blocked { list_pseudo })),
        Just(ServerMessage::DeleteProfile(Empty {})),
    ]
    .boxed()
}

#[test]
fn ids_are_what_they_are_to_be() {
    let id = "0199C3F2-5b1e-7c60-9f0e-2f8c1f3b7a55";
    assert_eq!(EntryId::parse(id).unwrap().as_str(), id.to_lowercase());
    for wrong in [
        "",
        "0199c3f2-5b1e-4c60-9f0e-2f8c1f3b7a55",
        "0199c3f2-5b1e-7c60-7f0e-2f8c1f3b7a55",
        "0199c3f25b1e7c609f0e2f8c1f3b7a55",
        "0199c3f2-5b1e-7c60-9f0e-2f8c1f3b7a5g",
        "0199c3f2-5b1e-7c60-9f0e-2f8c1f3b7a555",
    ] {
        assert!(EntryId::parse(wrong).is_err(), "{wrong}");
    }
    assert!(AttachmentId::parse(&"a".repeat(63)).is_err());
    assert!(AttachmentId::parse(&"g".repeat(64)).is_err());
    assert!(ContentType::parse("").is_err());
    assert!(ContentType::parse("text/plain\n").is_err());
    assert!(ContentType::parse(&"a".repeat(128)).is_err());
    let many = vec![AttachmentId::parse(&"a".repeat(64)).unwrap(); 11];
    assert!(Attachments::new(many).is_err());
}

#[test]
fn a_text_has_one_to_four_thousand_characters() {
    assert_eq!(Content::text("").check(), Err(NotSent::Empty));
    assert_eq!(Content::text("é".repeat(MAX_TEXT_CHARS)).check(), Ok(()));
    let longer = Content::text("é".repeat(MAX_TEXT_CHARS + 1));
    assert_eq!(longer.check(), Err(NotSent::TooLong));
    let mut sealed = Content {
        content_type: ContentType::parse("application/octet-stream").unwrap(),
        body: "a".repeat(MAX_BODY_BYTES),
    };
    assert_eq!(sealed.check(), Ok(()));
    sealed.body.push('a');
    assert_eq!(sealed.check(), Err(NotSent::TooLong));
}

#[test]
fn what_is_no_post_is_refused() {
    let whole = serde_json::json!({
        "id": "0199c3f2-5b1e-7c60-9f0e-2f8c1f3b7a55", "id_group": "g", "kind": "message",
        "content_type": "text/plain", "body": "a", "reply_to": null, "list_attachment": null,
    });
    let frame = |args: &serde_json::Value| {
        ClientFrame::parse(&serde_json::json!({"type": 660, "args": args}).to_string())
    };
    assert!(frame(&whole).is_ok());
    for missing in ["id", "id_group", "kind", "content_type", "body"] {
        let mut args = whole.clone();
        args.as_object_mut().unwrap().remove(missing);
        assert!(frame(&args).is_err(), "without {missing}");
    }
    for (field, value) in [
        ("id", serde_json::json!("7")),
        ("kind", serde_json::json!("call")),
        ("kind", serde_json::json!("edit")),
        ("body", serde_json::json!(7)),
        ("list_attachment", serde_json::json!(["7"])),
        (
            "list_attachment",
            serde_json::json!(vec!["a".repeat(64); 11]),
        ),
    ] {
        let mut args = whole.clone();
        args[field] = value.clone();
        assert!(frame(&args).is_err(), "{field} = {value}");
    }
}

#[test]
fn kinds_of_later_versions_keep_their_place() {
    let text = r#"{"type":261,"args":{"id_group":"g","previous":1,"sequence":2,"kind":"poll",
        "id":"0199c3f2-5b1e-7c60-9f0e-2f8c1f3b7a55","time":"2026-11-23T09:15:02.482910Z"}}"#;
    let ServerMessage::NewEntry(new) = ServerFrame::parse(text).unwrap().message else {
        panic!("not 261")
    };
    assert_eq!(
        (new.entry.kind, new.entry.sequence),
        (EntryKind::Unknown, 2)
    );
}

#[test]
fn reasons_have_words() {
    for reason in NotSent::ALL {
        assert_eq!(NotSent::parse(reason.as_str()), Some(*reason));
    }
    assert_eq!(NotSent::parse("whatever"), None);
}
