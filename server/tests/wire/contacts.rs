//! 606, 607, and what contacts see of each other.

use serde_json::json;

use crate::client::{befriend, start, start_with};

#[tokio::test]
async fn asking_and_confirming() {
    let running = start().await;
    let mut alice = running.register("alice").await;
    let mut alice2 = running.login("alice").await;
    let mut bob = running.register("bob").await;
    let told = alice.must(606, json!({"pseudo": "BOB"}), 205).await;
    assert_eq!(
        told["args"],
        json!({"pp": "", "pseudo": "bob", "status": "pending"})
    );
    assert_eq!(alice2.expect(205).await["args"], told["args"]);
    let asked = bob.expect(205).await;
    assert_eq!(asked["args"]["status"], "requested");
    assert!(asked.get("re").is_none());
    alice.must(606, json!({"pseudo": "bob"}), 407).await;

    let told = bob.must(606, json!({"pseudo": "alice"}), 205).await;
    assert_eq!(told["args"]["status"], "online");
    for client in [&mut alice, &mut alice2] {
        let told = client.expect(205).await;
        assert_eq!(told["args"]["pseudo"], "bob");
        assert_eq!(told["args"]["status"], "online");
    }
    bob.must(606, json!({"pseudo": "alice"}), 407).await;
    alice.must(606, json!({"pseudo": "bob"}), 407).await;
}

#[tokio::test]
async fn nobody_to_add() {
    let running = start().await;
    let mut alice = running.register("alice").await;
    alice.must(606, json!({"pseudo": "nobody"}), 405).await;
    alice.must(606, json!({"pseudo": "Alice"}), 405).await;
}

#[tokio::test]
async fn withdrawing_declining_and_removing() {
    let running = start().await;
    let mut alice = running.register("alice").await;
    let mut bob = running.register("bob").await;
    alice.must(607, json!({"pseudo": "bob"}), 406).await;
    alice.must(607, json!({"pseudo": "nobody"}), 406).await;
    for one_asks in [true, false] {
        alice.must(606, json!({"pseudo": "bob"}), 205).await;
        bob.expect(205).await;
        let (one, other) = if one_asks {
            (&mut alice, &mut bob)
        } else {
            (&mut bob, &mut alice)
        };
        let told = one.must(607, json!({"pseudo": other.name}), 206).await;
        assert_eq!(told["args"]["pseudo"], other.name.as_str());
        assert_eq!(other.expect(206).await["args"]["pseudo"], one.name.as_str());
    }
    befriend(&mut alice, &mut bob).await;
    bob.must(607, json!({"pseudo": "alice"}), 206).await;
    alice.expect(206).await;
    alice.must(607, json!({"pseudo": "bob"}), 406).await;
}

#[tokio::test]
async fn confirmed_contacts_see_who_comes_and_goes() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    carol.must(606, json!({"pseudo": "bob"}), 205).await;
    bob.expect(205).await;
    let second = running.login("bob").await;
    bob.vanish();
    second.vanish();
    // Of two sessions only the last that goes counts.
    assert_eq!(alice.presence().await, ("bob".into(), "offline".into()));
    running.login("bob").await;
    assert_eq!(alice.presence().await, ("bob".into(), "online".into()));
    // Whoever has only asked sees nothing.
    carol.quiet().await;
    let mut again = running.connect().await;
    again.must(650, json!({"token": carol.token}), 202).await;
    let contacts = again.expect(208).await;
    assert_eq!(contacts["args"]["list_contact"][0]["status"], "pending");
}

#[tokio::test]
async fn contacts_are_bounded() {
    let running = start_with(|config| config.max_contacts = 2).await;
    let mut alice = running.register("alice").await;
    for name in ["bob", "carol", "dave"] {
        running.register(name).await;
    }
    alice.must(606, json!({"pseudo": "bob"}), 205).await;
    alice.must(606, json!({"pseudo": "carol"}), 205).await;
    alice.must(606, json!({"pseudo": "dave"}), 451).await;
}
