//! Files in messages: fetched within bounds, given back, and fetched again.

use std::path::PathBuf;

use cooee_sdk::{Body, Event, FileInfo, MessageError, MessageEvent, NewMessage, Recipient};
use cooee_stories::{Person, World};

const SIZE: usize = 40_000;

fn with(person: &Person) -> Recipient {
    Recipient::Contact(person.name())
}

fn file(person: &Person) -> PathBuf {
    let path = person.folder().join("timetable.bin");
    std::fs::write(&path, vec![7; SIZE]).unwrap();
    path
}

/// Waits for the file of the only message.
async fn attached(person: &mut Person, with: &Recipient) -> FileInfo {
    loop {
        let page = person.client.messages(with, None, 10).await.unwrap();
        if let Some(Body::Files { files, .. }) = page.messages.first().map(|one| &one.body) {
            return files[0].clone();
        }
        let messages = |event: &Event| matches!(event, Event::Messages(_));
        person.expect_event("a file", messages).await;
    }
}

#[tokio::test]
async fn a_file_is_fetched_within_bounds_and_given_back() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (with(&alice), with(&bob));
    let files = vec![file(&alice)];
    let message = NewMessage {
        files,
        ..NewMessage::default()
    };
    alice.client.send(&b, message).await.unwrap();
    let file = attached(&mut bob, &a).await;
    assert_eq!((&file.name[..], file.size), ("timetable.bin", SIZE as u64));

    // Nobody asked for it: it is not fetched beyond what is worth showing.
    let most = SIZE as u64;
    let refused = bob.client.fetch_attachment_within(&file.id, most - 1).await;
    assert!(matches!(refused, Err(MessageError::Transfer(_))));
    assert_eq!(bob.client.attachment(&file.id), None);
    let path = bob.client.fetch_attachment_within(&file.id, most).await;
    let path = path.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), vec![7; SIZE]);
    // Nor given out beyond it when it is here.
    let refused = bob.client.fetch_attachment_within(&file.id, most - 1).await;
    assert!(matches!(refused, Err(MessageError::Transfer(_))));

    bob.client.clear_attachments().await.unwrap();
    assert!(!path.exists());
    let again = bob.client.fetch_attachment(&file.id).await.unwrap();
    assert_eq!(again, path);
}

#[tokio::test]
async fn a_file_that_waits_to_be_sent_is_not_given_back() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (with(&alice), with(&bob));
    alice.line.cut();
    let lost = |event: &Event| matches!(event, Event::Reconnecting { .. });
    alice.expect_event("the line to be cut", lost).await;
    let message = NewMessage {
        files: vec![file(&alice)],
        ..NewMessage::text("the timetable")
    };
    alice.client.send(&b, message).await.unwrap();
    alice.client.clear_attachments().await.unwrap();
    alice.line.mend();
    let arrived = |event: &Event| matches!(event, Event::Messages(MessageEvent::Arrived { .. }));
    alice.expect_event("the message to arrive", arrived).await;
    let file = attached(&mut bob, &a).await;
    assert_eq!(file.size, SIZE as u64);
}
