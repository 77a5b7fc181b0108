//! Files in messages.

use std::path::PathBuf;

use cooee_sdk::{
    AttachmentId, Body, Event, FileInfo, MessageError, MessageEvent, NewMessage, Recipient,
};
use cooee_stories::{Person, World};

use crate::messages::to;

const MIB: u64 = 1024 * 1024;

/// A file of so many bytes, none like the other's.
fn file(person: &Person, called: &str, size: u64) -> (PathBuf, Vec<u8>) {
    let mut state = 7_u32;
    let bytes: Vec<u8> = (0..size)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    let path = person.folder().join(called);
    std::fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

async fn sends(person: &Person, with: &Recipient, path: PathBuf) {
    let new = NewMessage {
        files: vec![path],
        ..NewMessage::text("look")
    };
    person.client.send(with, new).await.unwrap();
}

/// Waits until a conversation has so many files.
async fn has_files(person: &mut Person, with: &Recipient, count: usize) -> Vec<FileInfo> {
    loop {
        let page = person.client.messages(with, None, 100).await.unwrap();
        let files: Vec<_> = page
            .messages
            .into_iter()
            .flat_map(|message| match message.body {
                Body::Files { files, .. } => files,
                other => panic!("no files: {other:?}"),
            })
            .collect();
        if files.len() == count {
            return files;
        }
        let changed =
            |event: &Event| matches!(event, Event::Messages(MessageEvent::Changed { .. }));
        let what = format!("{count} files, not {files:?}");
        person.expect_event(&what, changed).await;
    }
}

/// Waits for an upload to say how far it is.
async fn uploads(person: &mut Person) -> (AttachmentId, u64) {
    let uploading = |event: &Event| {
        matches!(
            event,
            Event::Messages(MessageEvent::Transfer { upload: true, .. })
        )
    };
    match person.expect_event("an upload", uploading).await {
        Event::Messages(MessageEvent::Transfer { id, done, .. }) => (id, done),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_upload_that_breaks_in_the_middle_goes_on_from_there() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (to(&alice), to(&bob));
    let (path, bytes) = file(&alice, "film.bin", 5 * MIB);
    alice.line.cut_after(3 * MIB + MIB / 2);
    sends(&alice, &b, path).await;
    alice.line.is_cut().await;
    let lost = |event: &Event| matches!(event, Event::Reconnecting { .. });
    alice.expect_event("the line to break", lost).await;
    let mut reached = 0;
    while alice
        .has_happened(|event| matches!(event, Event::Messages(MessageEvent::Transfer { .. })))
    {
        reached = uploads(&mut alice).await.1;
    }
    assert!((2 * MIB..5 * MIB).contains(&reached), "{reached}");

    alice.line.mend();
    let (id, begins_at) = uploads(&mut alice).await;
    assert!(begins_at >= reached, "{begins_at} after {reached}");
    let files = has_files(&mut bob, &a, 1).await;
    assert_eq!(
        (&files[0].id, &files[0].name[..], files[0].size),
        (&id, "film.bin", 5 * MIB)
    );
    assert!(bob.client.attachment(&id).is_none());
    let here = bob.client.fetch_attachment(&id).await.unwrap();
    assert_eq!(std::fs::read(here).unwrap(), bytes);
}

#[tokio::test]
async fn the_same_bytes_are_the_same_attachment_and_go_up_once() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (to(&alice), to(&bob));
    let (path, bytes) = file(&alice, "one.bin", 70_000);
    sends(&alice, &b, path).await;
    has_files(&mut alice, &b, 1).await;
    let uploading = |event: &Event| {
        matches!(
            event,
            Event::Messages(MessageEvent::Transfer { upload: true, .. })
        )
    };
    while alice.has_happened(uploading) {
        uploads(&mut alice).await;
    }
    let copy = alice.folder().join("two.bin");
    std::fs::write(&copy, &bytes).unwrap();
    sends(&alice, &b, copy).await;
    let files = has_files(&mut bob, &a, 2).await;
    assert_eq!(files[0].id, files[1].id);
    assert_eq!(files[1].name, "two.bin");
    has_files(&mut alice, &b, 2).await;
    assert!(!alice.has_happened(uploading), "it went up again");
}

#[tokio::test]
async fn a_foreign_attachment_is_for_nobody_else() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let mut carol = world.person("carol").await;
    world.befriend(&mut alice, &mut carol).await;
    let (a, b) = (to(&alice), to(&bob));
    let (path, _) = file(&alice, "secret.bin", 1_000);
    sends(&alice, &b, path).await;
    let id = has_files(&mut bob, &a, 1).await.remove(0).id;
    // Knowing what it is called does not help.
    let refused = carol.client.fetch_attachment(&id).await;
    assert!(
        matches!(refused, Err(MessageError::Transfer(_))),
        "{refused:?}"
    );
    bob.client.fetch_attachment(&id).await.unwrap();
    // Bob passes it on, which he may.
    let c = to(&carol);
    let kept = bob.client.attachment(&id).unwrap();
    world.befriend(&mut bob, &mut carol).await;
    sends(&bob, &c, kept).await;
    let with_bob = to(&bob);
    let passed_on = has_files(&mut carol, &with_bob, 1).await;
    assert_eq!(passed_on[0].id, id);
    carol.client.fetch_attachment(&id).await.unwrap();
}

#[tokio::test]
async fn a_picture_comes_with_a_smaller_one() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (to(&alice), to(&bob));
    let picture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/design/chats.jpg");
    sends(&alice, &b, picture.clone()).await;
    has_files(&mut alice, &b, 1).await;
    let info = has_files(&mut bob, &a, 1).await.remove(0);
    assert_eq!(info.media_type, "image/jpeg");
    let (width, height) = (info.width.unwrap(), info.height.unwrap());
    assert!(width > 320 && height > 0, "{width} x {height}");
    let small = info.thumbnail.unwrap();
    let small = bob.client.fetch_attachment(&small).await.unwrap();
    let small = std::fs::read(small).unwrap();
    assert!(small.starts_with(b"\xff\xd8"), "a JPEG");
    assert!(small.len() < usize::try_from(info.size).unwrap() / 2);
    // The picture itself is fetched only when it is asked for.
    assert!(bob.client.attachment(&info.id).is_none());
    let whole = bob.client.fetch_attachment(&info.id).await.unwrap();
    assert_eq!(
        std::fs::read(whole).unwrap(),
        std::fs::read(picture).unwrap()
    );
}
