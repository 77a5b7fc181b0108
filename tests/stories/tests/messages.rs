//! Messages: what is written arrives, once, in order, also later.

use cooee_sdk::{Body, Event, Message, MessageError, MessageEvent, NewMessage, NotSent, Recipient};
use cooee_stories::{Person, World};

pub(crate) fn to(person: &Person) -> Recipient {
    Recipient::Contact(person.name())
}

pub(crate) fn text(message: &Message) -> String {
    match &message.body {
        Body::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

pub(crate) async fn texts(person: &Person, with: &Recipient) -> Vec<String> {
    let page = person.client.messages(with, None, 100).await.unwrap();
    page.messages.iter().map(text).collect()
}

/// Waits until a conversation reads like this.
pub(crate) async fn reads(person: &mut Person, with: &Recipient, expected: &[&str]) {
    while texts(person, with).await != expected {
        let what = format!("a conversation to read {expected:?}");
        let messages = |event: &Event| matches!(event, Event::Messages(_));
        person.expect_event(&what, messages).await;
    }
}

pub(crate) async fn caught_up(person: &mut Person) {
    while !person.client.is_caught_up().await {
        let messages = |event: &Event| matches!(event, Event::Messages(_));
        person.expect_event("to be caught up", messages).await;
    }
}

async fn is_refused(person: &mut Person) -> String {
    let refused = |event: &Event| matches!(event, Event::Messages(MessageEvent::Refused { .. }));
    match person.expect_event("a refusal", refused).await {
        Event::Messages(MessageEvent::Refused { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn two_write_to_each_other() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (to(&alice), to(&bob));
    alice
        .client
        .send(&b, NewMessage::text("call you in five"))
        .await
        .unwrap();
    reads(&mut bob, &a, &["call you in five"]).await;
    bob.client.send(&a, NewMessage::text("fine")).await.unwrap();
    let both = ["call you in five", "fine"];
    reads(&mut alice, &b, &both).await;
    reads(&mut bob, &a, &both).await;

    let listed = bob.client.conversations().await.unwrap();
    assert_eq!(
        (listed.len(), listed[0].unread, &listed[0].title[..]),
        (1, 1, "alice")
    );
    let last = listed[0].last.as_ref().unwrap().sequence;
    bob.client.mark_read(&a, last).await.unwrap();
    // And alice learns of it.
    loop {
        let marks = alice.client.marks(&b).await.unwrap();
        if marks
            .iter()
            .any(|mark| mark.who == bob.name() && mark.read == last)
        {
            break;
        }
        let marks =
            |event: &Event| matches!(event, Event::Messages(MessageEvent::MarksChanged { .. }));
        alice.expect_event("bob to have read it", marks).await;
    }
    assert_eq!(bob.client.conversation(&a).await.unwrap().unread, 0);
}

#[tokio::test]
async fn what_is_written_without_a_connection_goes_out_later_and_in_order() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (to(&alice), to(&bob));
    alice.line.cut();
    let lost = |event: &Event| matches!(event, Event::Reconnecting { .. });
    alice.expect_event("the line to be cut", lost).await;
    let expected = ["one", "two", "three"];
    for words in expected {
        alice
            .client
            .send(&b, NewMessage::text(words))
            .await
            .unwrap();
    }
    assert_eq!(alice.client.outbox(Some(&b)).await.unwrap().len(), 3);
    assert!(texts(&alice, &b).await.is_empty());

    // A restart loses none of it.
    let mut alice = alice.restarts().await;
    assert_eq!(alice.client.outbox(None).await.unwrap().len(), 3);
    alice.line.mend();
    alice.client.resume().await.unwrap();
    reads(&mut bob, &a, &expected).await;
    reads(&mut alice, &b, &expected).await;
    assert!(alice.client.outbox(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn everything_read_before_is_there_without_a_connection() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (to(&alice), to(&bob));
    for words in ["L'été dernier", "c'était bien"] {
        alice
            .client
            .send(&b, NewMessage::text(words))
            .await
            .unwrap();
    }
    reads(&mut bob, &a, &["L'été dernier", "c'était bien"]).await;
    reads(&mut alice, &b, &["L'été dernier", "c'était bien"]).await;
    let bob = bob.restarts().await;
    bob.line.cut();
    assert_eq!(texts(&bob, &a).await, ["L'été dernier", "c'était bien"]);
    let found = bob.client.search("ete", None, 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (text(&found[0].message), &found[0].with),
        ("L'été dernier".to_owned(), &a)
    );
    assert!(
        bob.client
            .search("hiver", None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn messages_are_edited_reacted_to_answered_and_deleted() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (to(&alice), to(&bob));
    let id = alice
        .client
        .send(&b, NewMessage::text("helo"))
        .await
        .unwrap();
    alice.client.edit(&b, &id, "hello").await.unwrap();
    reads(&mut bob, &a, &["hello"]).await;
    bob.client.react(&a, &id, "👍").await.unwrap();
    let answer = NewMessage {
        reply_to: Some(id.clone()),
        ..NewMessage::text("hello to you")
    };
    bob.client.send(&a, answer).await.unwrap();
    reads(&mut alice, &b, &["hello", "hello to you"]).await;
    let page = alice.client.messages(&b, None, 10).await.unwrap().messages;
    assert!(page[0].edited_at.is_some());
    assert_eq!(page[0].reactions.len(), 1);
    assert_eq!(
        (
            &page[0].reactions[0].author[..],
            &page[0].reactions[0].body[..]
        ),
        ("bob", "👍")
    );
    assert_eq!(page[1].reply_to.as_ref(), Some(&id));

    // Nobody changes what somebody else wrote.
    bob.client.edit(&a, &id, "mine").await.unwrap();
    assert_eq!(is_refused(&mut bob).await, NotSent::NotAuthor.as_str());

    alice.client.delete(&b, &id).await.unwrap();
    reads(&mut bob, &a, &["Deleted", "hello to you"]).await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_marked_and_retried_or_discarded() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let b = to(&bob);
    let too_long = NewMessage::text("x".repeat(4_001));
    let refused = alice.client.send(&b, too_long).await;
    assert!(
        matches!(refused, Err(MessageError::Invalid(NotSent::TooLong))),
        "{refused:?}"
    );
    let empty = alice.client.send(&b, NewMessage::text("")).await;
    assert!(
        matches!(empty, Err(MessageError::Invalid(NotSent::Empty))),
        "{empty:?}"
    );

    bob.client.remove_contact(alice.name()).await.unwrap();
    alice.sees_no_more_of(&bob.name()).await;
    let one = alice
        .client
        .send(&b, NewMessage::text("hello?"))
        .await
        .unwrap();
    assert_eq!(is_refused(&mut alice).await, NotSent::NotContact.as_str());
    let other = alice
        .client
        .send(&b, NewMessage::text("forget it"))
        .await
        .unwrap();
    assert_eq!(is_refused(&mut alice).await, NotSent::NotContact.as_str());
    let waiting = alice.client.outbox(None).await.unwrap();
    assert!(
        waiting
            .iter()
            .all(|out| out.refusal.as_deref() == Some("not_contact"))
    );
    alice.client.discard(&other).await.unwrap();

    world.befriend(&mut alice, &mut bob).await;
    alice.client.retry(&one).await.unwrap();
    let a = to(&alice);
    reads(&mut bob, &a, &["hello?"]).await;
    reads(&mut alice, &b, &["hello?"]).await;
    assert!(alice.client.outbox(None).await.unwrap().is_empty());
    assert!(alice.client.discard(&one).await.is_err());
}

#[tokio::test]
async fn every_device_of_a_person_has_the_same() {
    let world = World::start().await;
    let (mut alice, mut bob, mut carol, id_group) = world.a_group_of_three().await;
    let group = Recipient::Group(id_group);
    let mut phone = world.another_session_of(&alice).await;
    alice
        .client
        .send(&group, NewMessage::text("from the desk"))
        .await
        .unwrap();
    reads(&mut phone, &group, &["from the desk"]).await;
    phone
        .client
        .send(&group, NewMessage::text("from the phone"))
        .await
        .unwrap();
    let all = ["from the desk", "from the phone"];
    for person in [&mut alice, &mut bob, &mut carol, &mut phone] {
        reads(person, &group, &all).await;
    }
    let page = alice.client.messages(&group, None, 10).await.unwrap();
    assert!(page.messages.iter().all(|message| message.own));
    assert!(!page.more);
    // One who is removed writes there no more, and what was said before is still there.
    let Recipient::Group(id_group) = &group else {
        panic!()
    };
    alice
        .client
        .remove_from_group(id_group.clone(), carol.name())
        .await
        .unwrap();
    let gone = |event: &Event| matches!(event, Event::GroupRemoved { .. });
    carol.expect_event("to be removed", gone).await;
    carol
        .client
        .send(&group, NewMessage::text("wait"))
        .await
        .unwrap();
    assert_eq!(is_refused(&mut carol).await, NotSent::NotMember.as_str());
    assert_eq!(texts(&carol, &group).await, all);
}

#[tokio::test]
async fn a_new_device_fetches_what_is_older_when_it_looks_back() {
    let world = World::start().await;
    let (mut alice, bob) = world.alice_and_bob().await;
    let b = to(&bob);
    let words: Vec<String> = (0..130).map(|number| format!("number {number}")).collect();
    for words in &words {
        alice
            .client
            .send(&b, NewMessage::text(words))
            .await
            .unwrap();
    }
    let expected: Vec<&str> = words.iter().skip(30).map(String::as_str).collect();
    reads(&mut alice, &b, &expected).await;

    let mut tablet = world.another_session_of(&alice).await;
    caught_up(&mut tablet).await;
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = tablet.client.messages(&b, before, 40).await.unwrap();
        before = page.messages.first().map(|message| message.sequence);
        found.splice(0..0, page.messages.iter().map(text));
        if !page.more {
            break;
        }
    }
    assert_eq!(found, words);
}

#[tokio::test]
async fn everything_of_ones_own_is_exported() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (to(&alice), to(&bob));
    alice
        .client
        .send(&b, NewMessage::text("hello"))
        .await
        .unwrap();
    reads(&mut bob, &a, &["hello"]).await;
    bob.client
        .send(&a, NewMessage::text("hello yourself"))
        .await
        .unwrap();
    reads(&mut alice, &b, &["hello", "hello yourself"]).await;
    let folder = alice.folder().join("export");
    let mut seen = 0;
    let done = alice.client.export(&folder, |_| seen += 1).await.unwrap();
    assert_eq!(
        (done.messages, done.conversations, done.incomplete),
        (2, 1, 0)
    );
    assert!(seen > 0);
    let lines = std::fs::read_to_string(folder.join("messages/0001.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let texts: Vec<_> = lines
        .iter()
        .map(|line| line["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["hello", "hello yourself"]);
    let profile = std::fs::read_to_string(folder.join("profile.json")).unwrap();
    assert!(profile.contains("alice"), "{profile}");
    // Nothing is written over.
    assert!(alice.client.export(&folder, |_| {}).await.is_err());
}
