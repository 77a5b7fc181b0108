//! 668: what a profile takes with it.

use serde_json::json;

use crate::client::{PASSWORD, befriend, group, http, start, start_with};
use crate::conversations::{text, text_to};

#[tokio::test]
async fn a_deleted_profile_is_gone_everywhere() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    carol.must(606, json!({"pseudo": "alice"}), 205).await;
    alice.expect(205).await;
    let team = group(&mut [&mut alice, &mut bob]).await;
    bob.follow().await;
    let pair = alice.post(text_to("bob", "between us")).await["id_group"].clone();
    let pair = pair.as_str().unwrap();
    alice.post(text(&team, "to all")).await;
    bob.expect(261).await;
    bob.expect(261).await;
    bob.post(text(&team, "from bob")).await;
    bob.must(665, json!({"pseudo": "alice"}), 266).await;
    bob.must(666, json!({"pseudo": "alice"}), 266).await;
    let mut second = running.login("alice").await;

    alice.must(668, json!({}), 450).await;
    alice
        .must(668, json!({"password": "wrong password"}), 402)
        .await;
    alice.must(668, json!({"password": ""}), 402).await;
    let told = alice.must(668, json!({"password": PASSWORD}), 668).await;
    assert_eq!(told["args"], json!({}));
    // Its other sessions end; the connection stays, not logged in.
    let over = second.expect(402).await;
    assert!(over.get("re").is_none());
    assert_eq!(second.closed_with().await, 1008);
    alice.must(664, json!({}), 402).await;
    let token = json!({"token": alice.token});
    alice.must(650, token, 402).await;
    alice
        .must(608, json!({"pseudo": "alice", "password": PASSWORD}), 402)
        .await;
    // Contacts, requests and groups.
    assert_eq!(bob.expect(206).await["args"]["pseudo"], "alice");
    assert_eq!(carol.expect(206).await["args"]["pseudo"], "alice");
    let left = bob.expect(204).await;
    assert_eq!(left["args"], json!({"id_group": team, "pseudo": "alice"}));
    assert_eq!(bob.expect(201).await["args"]["creator"], "bob");
    // The conversation of the two is gone; in the group the places stay.
    bob.must(663, json!({"id_group": pair}), 451).await;
    let page = bob.pull(&team, json!({"after": 0})).await;
    let entries = page["list_entry"].as_array().unwrap();
    assert_eq!(entries[0]["erased"], true);
    assert!(entries[0].get("pseudo").is_none() && entries[0].get("body").is_none());
    assert_eq!(entries[1]["body"], "from bob");
    let listed = bob.follow().await;
    assert_eq!(listed["list_conversation"].as_array().unwrap().len(), 1);
    // The name is free, and its new owner inherits nothing.
    let mut other = running.register("alice").await;
    assert_eq!(other.follow().await["list_conversation"], json!([]));
    other.must(663, json!({"id_group": team}), 451).await;
    befriend(&mut other, &mut bob).await;
    let told = other.post(text_to("bob", "hello")).await;
    assert_eq!(told["sequence"], 1);
    assert_ne!(told["id_group"], pair);
    bob.expect(261).await;
    let page = bob.pull(&team, json!({"after": 0})).await;
    assert!(page["list_entry"][0].get("pseudo").is_none());
}

#[tokio::test]
async fn a_deleted_profile_leaves_its_call_and_its_picture() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0, 0, 0, 0, 0]);
    let address = running.server.addr();
    let (status, _, body) = http(address, "PUT", "/v1/pictures", Some(&alice.token), &png).await;
    assert_eq!(status, 201);
    let pp: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let pp = pp["pp"].as_str().unwrap();
    alice.must(602, json!({"pp": pp}), 202).await;
    let id = crate::calls::connect(&mut alice, &mut bob).await;
    alice.must(668, json!({"password": PASSWORD}), 668).await;
    bob.expect(206).await;
    let told = bob.expect(503).await;
    assert_eq!(
        (&told["args"]["id_group"], &told["args"]["pseudo"]),
        (&json!(id), &json!("alice"))
    );
    bob.expect(503).await;
    let path = format!("/v1/pictures/{pp}");
    assert_eq!(
        http(address, "GET", &path, Some(&bob.token), b"").await.0,
        404
    );
    let file = running.data.path().join("pictures").join(pp);
    let gone = async {
        while file.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone)
        .await
        .expect("the picture's file goes");
}

#[tokio::test]
async fn passwords_are_not_guessed_by_deleting() {
    let running = start_with(|config| config.login_burst_account = 2).await;
    let mut alice = running.register("alice").await;
    for _ in 0..2 {
        alice
            .must(668, json!({"password": "wrong password"}), 402)
            .await;
    }
    alice.must(668, json!({"password": PASSWORD}), 452).await;
    let mut nobody = running.connect().await;
    nobody.must(668, json!({"password": PASSWORD}), 402).await;
}
