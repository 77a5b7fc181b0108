//! 664: what has changed, and who is told of news; and what is no entry at all.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{group, start, start_with};
use crate::conversations::{new_id, talking, text, text_to};

#[tokio::test]
async fn conversations_are_listed_as_they_change() {
    let running = start().await;
    let (mut alice, mut bob, pair) = talking(&running).await;
    let team = group(&mut [&mut alice, &mut bob]).await;
    let listed = bob.follow().await;
    assert_eq!(
        listed["list_conversation"],
        json!([{"id_group": pair, "pseudo": "alice", "joined_after": 0, "last": 1,
                "delivered": 0, "read": 0}])
    );
    assert!(listed.get("restart").is_none());
    let cursor = listed["cursor"].as_str().unwrap().to_owned();
    alice.post(text(&team, "all")).await;
    alice.post(text(&pair, "you")).await;
    bob.expect(261).await;
    bob.expect(261).await;
    let since = |cursor: &Value, limit: u32| json!({"since": cursor, "limit": limit});
    let first = bob.must(664, since(&json!(cursor), 1), 265).await["args"].clone();
    assert_eq!(first["list_conversation"][0]["id_group"], team.as_str());
    assert_eq!(first["more"], true);
    let second = bob.must(664, since(&first["cursor"], 1), 265).await["args"].clone();
    assert_eq!(second["list_conversation"][0]["last"], 2);
    assert_eq!(second["more"], false);
    let none = bob.must(664, since(&second["cursor"], 1), 265).await["args"].clone();
    assert_eq!(none["list_conversation"], json!([]));
    // A mark of somebody else's is a change too.
    alice
        .must(661, json!({"id_group": pair, "read": 2}), 262)
        .await;
    bob.expect(262).await;
    let marked = bob.must(664, since(&none["cursor"], 9), 265).await["args"].clone();
    assert_eq!(marked["list_conversation"].as_array().unwrap().len(), 1);
    // Cursors that are not this server's.
    let known = cursor.split('.').next().unwrap();
    for wrong in [
        "",
        "x",
        "00000000.1",
        &format!("{known}.999"),
        &format!("{known}.-1"),
    ] {
        let all = bob.must(664, json!({"since": wrong}), 265).await["args"].clone();
        assert_eq!(all["restart"], true, "{wrong}");
        assert_eq!(all["list_conversation"].as_array().unwrap().len(), 2);
    }
    bob.must(664, json!({"since": "x".repeat(65)}), 450).await;
}

#[tokio::test]
async fn a_connection_follows_for_itself_and_its_session() {
    let running = start().await;
    let (mut alice, mut bob, id) = talking(&running).await;
    // Synchronising again on the same connection changes nothing.
    bob.must(650, json!({"token": bob.token}), 202).await;
    bob.expect(208).await;
    bob.expect(207).await;
    alice.post(text(&id, "one")).await;
    bob.expect(261).await;
    // The session on another connection has to ask again.
    let mut later = running.connect().await;
    later.must(650, json!({"token": bob.token}), 202).await;
    later.expect(208).await;
    later.expect(207).await;
    alice.post(text(&id, "two")).await;
    later.quiet().await;
    later.follow().await;
    alice.post(text(&id, "three")).await;
    later.expect(261).await;
    // Somebody else on the connection does not inherit it, not even somebody who could read.
    let args = json!({"pseudo": "alice", "password": crate::client::PASSWORD});
    later.must(608, args, 202).await;
    later.expect(208).await;
    later.expect(207).await;
    alice.post(text(&id, "four")).await;
    later.quiet().await;
}

#[tokio::test]
async fn what_is_not_an_entry_is_refused() {
    let running = start_with(|config| (config.post_burst, config.post_rate) = (12, 1)).await;
    let (mut alice, mut bob, id) = talking(&running).await;
    let id = id.as_str();
    let valid = text(id, "valid");
    let with = |field: &str, value: Value| {
        let mut args = valid.clone();
        args[field] = value;
        args
    };
    let without = |field: &str| {
        let mut args = valid.clone();
        args.as_object_mut().unwrap().remove(field);
        args
    };
    let many: Vec<_> = (0..11).map(|n| format!("{n:064x}")).collect();
    for args in [
        without("id"),
        without("id_group"),
        without("kind"),
        without("body"),
        without("content_type"),
        with("id", json!("not an id")),
        with("id", json!(Uuid::new_v4().to_string())),
        with("id", json!(7)),
        with("id_group", json!("")),
        with("kind", json!("call")),
        with("kind", json!("party")),
        with("body", json!(["x"])),
        with("content_type", json!("")),
        with("content_type", json!("x".repeat(128))),
        with("reply_to", json!("x")),
        with("list_attachment", json!(["x"])),
        with("list_attachment", json!(many)),
        json!({"id": new_id(), "id_group": id, "kind": "edit", "content_type": "text/plain",
               "body": "x"}),
        json!({"id": new_id(), "id_group": id, "kind": "deletion"}),
    ] {
        alice.must(660, args, 450).await;
    }
    for (code, args) in [
        (661, json!({})),
        (661, json!({"id_group": id, "read": -1})),
        (661, json!({"id_group": id, "delivered": "1"})),
        (662, json!({"id_group": id})),
        (662, json!({"id_group": id, "typing": 1})),
        (663, json!({})),
        (663, json!({"id_group": id, "after": 1.5})),
        (663, json!({"id_group": id, "limit": "all"})),
        (664, json!({"since": 5})),
        (664, json!({"limit": -5})),
    ] {
        alice.must(code, args, 450).await;
    }
    alice.refused(text(id, ""), "empty").await;
    alice
        .refused(text(id, &"é".repeat(4_001)), "too_long")
        .await;
    alice.post(text(id, &"é".repeat(4_000))).await;
    bob.expect(261).await;
    let sealed = with("content_type", json!("application/octet-stream"));
    let long = |bytes: usize| {
        let mut args = sealed.clone();
        args["id"] = json!(new_id());
        args["body"] = json!("x".repeat(bytes));
        args
    };
    alice.refused(long(32_769), "too_long").await;
    alice.post(long(32_768)).await;
    bob.expect(261).await;
    alice
        .refused(
            with("list_attachment", json!(["0".repeat(64)])),
            "no_attachment",
        )
        .await;
    alice.refused(text_to("nobody", "x"), "not_contact").await;
    alice.refused(text_to("alice", "x"), "not_contact").await;
    let mut told = json!(null);
    for _ in 0..40 {
        told = alice.ask(660, text(id, "more")).await;
        if told["type"] != 260 {
            break;
        }
        bob.expect(261).await;
    }
    assert_eq!(
        (&told["type"], &told["reason"]),
        (&json!(403), &json!("too_many"))
    );
    bob.post(text(id, "but others may")).await;
    // Nobody does anything before a login.
    let mut nobody = running.connect().await;
    for code in 660..=664 {
        let args = match code {
            660 => valid.clone(),
            661 | 663 => json!({"id_group": id}),
            662 => json!({"id_group": id, "typing": true}),
            _ => json!({}),
        };
        nobody.must(code, args, 402).await;
    }
}
