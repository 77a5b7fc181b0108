//! The end of an account.

use cooee_sdk::{Body, ErrorCode, NewMessage, Password, Recipient};
use cooee_stories::{Refusal as _, World, name, password};

use crate::messages::{caught_up, reads, to};

#[tokio::test]
async fn a_deleted_account_is_gone_everywhere_and_contacts_are_told() {
    let world = World::start().await;
    let (mut alice, mut bob, mut carol, id_group) = world.a_group_of_three().await;
    let (a, group) = (to(&alice), Recipient::Group(id_group.clone()));
    let b = to(&bob);
    for (with, words) in [(&b, "between us"), (&group, "to all")] {
        let said = alice.client.send(with, NewMessage::text(words)).await;
        said.unwrap();
    }
    reads(&mut bob, &a, &["between us"]).await;
    reads(&mut bob, &group, &["to all"]).await;
    let said = bob.client.send(&group, NewMessage::text("from bob")).await;
    said.unwrap();
    reads(&mut alice, &group, &["to all", "from bob"]).await;
    let mut phone = world.another_session_of(&alice).await;

    let wrong = Password::parse("not her password").unwrap();
    let refused = alice.client.delete_account(wrong).await;
    assert_eq!(refused.refused(), ErrorCode::AuthFailed);
    alice.client.delete_account(password()).await.unwrap();

    // On her devices.
    assert!(alice.client.profile().is_none());
    assert!(alice.client.conversations().await.unwrap().is_empty());
    let signed_out = |event: &cooee_sdk::Event| matches!(event, cooee_sdk::Event::SignedOut { .. });
    phone
        .expect_event("the other device to be signed out", signed_out)
        .await;
    // With everybody else.
    for other in [&mut bob, &mut carol] {
        other.sees_no_more_of(&name("alice")).await;
        other
            .sees_members(&id_group, &[&name("bob"), &name("carol")])
            .await;
    }
    // On the server: what she said in the group has kept its place only, and the two had nothing.
    let mut tablet = world.another_session_of(&bob).await;
    caught_up(&mut tablet).await;
    let page = tablet.client.messages(&group, None, 10).await.unwrap();
    let said: Vec<_> = page
        .messages
        .iter()
        .map(|message| (message.author.clone(), message.body.clone()))
        .collect();
    assert_eq!(
        said,
        [
            (None, Body::Deleted),
            (Some(name("bob")), Body::Text("from bob".to_owned()))
        ]
    );
    let listed = tablet.client.conversations().await.unwrap();
    assert_eq!(listed.len(), 1);
    let signed_in = alice.client.login(name("alice"), password()).await;
    assert_eq!(signed_in.refused(), ErrorCode::AuthFailed);
    // Somebody else has the name now, and nothing else of hers.
    let heir = world.person("alice").await;
    assert!(heir.client.contacts().is_empty() && heir.client.groups().is_empty());
    assert!(heir.client.conversations().await.unwrap().is_empty());
}
