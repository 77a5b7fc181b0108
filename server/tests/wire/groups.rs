//! 603, 604 and 605.

use serde_json::json;

use crate::client::{befriend, group, start, start_with};

#[tokio::test]
async fn creating_and_adding() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    befriend(&mut bob, &mut carol).await;
    let mut alice2 = running.login("alice").await;
    let made = alice.must(603, json!({"group_name": " team "}), 201).await;
    assert_eq!(made["args"]["group_name"], "team");
    assert_eq!(made["args"]["list_pseudo"], json!(["alice"]));
    assert_eq!(made["args"]["creator"], "alice");
    let id = made["args"]["id_group"].as_str().unwrap();
    let first = made["args"]["last_update_date"].as_str().unwrap();
    assert_eq!(alice2.expect(201).await["args"], made["args"]);

    let told = alice
        .must(604, json!({"id_group": id, "pseudo": "Bob"}), 201)
        .await;
    let second = told["args"]["last_update_date"].as_str().unwrap();
    assert!(second > first && second.ends_with('Z'));
    assert_eq!(told["args"]["list_pseudo"], json!(["alice", "bob"]));
    assert_eq!(alice2.expect(203).await["args"]["pseudo"], "bob");
    assert_eq!(bob.expect(203).await["args"]["pseudo"], "bob");
    assert_eq!(bob.expect(201).await["args"], told["args"]);

    // Any member adds their own contacts.
    bob.must(604, json!({"id_group": id, "pseudo": "carol"}), 201)
        .await;
    for client in [&mut alice, &mut alice2, &mut carol] {
        assert_eq!(client.expect(203).await["args"]["pseudo"], "carol");
    }
    let told = carol.expect(201).await;
    assert_eq!(
        told["args"]["list_pseudo"],
        json!(["alice", "bob", "carol"])
    );
}

#[tokio::test]
async fn who_cannot_be_added() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    let id = group(&mut [&mut alice, &mut bob]).await;
    let args = |id: &str, pseudo: &str| json!({"id_group": id, "pseudo": pseudo});
    alice.must(604, args(&id, "nobody"), 405).await;
    alice.must(604, args(&id, "bob"), 405).await;
    alice.must(604, args(&id, "carol"), 451).await;
    // Unknown groups and those of others are the same.
    let unknown = carol.must(604, args("nothing", "bob"), 451).await;
    let others = carol.must(604, args(&id, "bob"), 451).await;
    assert_eq!(unknown["detail"], others["detail"]);
    alice.must(603, json!({"group_name": ""}), 450).await;
}

#[tokio::test]
async fn leaving() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    befriend(&mut alice, &mut carol).await;
    let id = group(&mut [&mut alice, &mut bob, &mut carol]).await;
    let args = |pseudo: &str| json!({"id_group": id, "pseudo": pseudo});
    // Only the creator removes somebody else.
    bob.must(605, args("carol"), 451).await;
    bob.must(605, args("nobody"), 451).await;
    bob.must(605, args("bob"), 204).await;
    alice.expect(204).await;
    carol.expect(204).await;
    bob.must(605, args("bob"), 451).await;
    // The longest member inherits.
    alice.must(605, args("alice"), 204).await;
    carol.expect(204).await;
    let told = carol.expect(201).await;
    assert_eq!(told["args"]["creator"], "carol");
    assert_eq!(told["args"]["list_pseudo"], json!(["carol"]));
    carol.must(605, args("carol"), 204).await;
    let mut again = running.connect().await;
    again.must(650, json!({"token": carol.token}), 202).await;
    again.expect(208).await;
    assert_eq!(again.expect(207).await["args"]["list_group"], json!([]));
}

#[tokio::test]
async fn the_creator_removes() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    befriend(&mut alice, &mut carol).await;
    let id = group(&mut [&mut alice, &mut bob, &mut carol]).await;
    alice
        .must(605, json!({"id_group": id, "pseudo": "BOB"}), 204)
        .await;
    for client in [&mut bob, &mut carol] {
        assert_eq!(client.expect(204).await["args"]["pseudo"], "bob");
    }
    bob.must(604, json!({"id_group": id, "pseudo": "carol"}), 451)
        .await;
}

#[tokio::test]
async fn groups_and_members_are_bounded() {
    let running = start_with(|config| {
        config.max_groups = 2;
        config.max_members = 2;
    })
    .await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    befriend(&mut alice, &mut carol).await;
    let id = group(&mut [&mut alice, &mut bob]).await;
    alice
        .must(604, json!({"id_group": id, "pseudo": "carol"}), 451)
        .await;
    alice.must(603, json!({"group_name": "two"}), 201).await;
    alice.must(603, json!({"group_name": "three"}), 451).await;
}
