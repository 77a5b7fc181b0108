//! Who may not: for each message of conversations somebody who was never in, somebody who was
//! removed, somebody who blocks or is blocked, and somebody with a foreign attachment.

use serde_json::{Value, json};

use crate::attachments::{get, put, sha256};
use crate::client::{Client, Running, befriend, group, start};
use crate::conversations::{new_id, text, text_to};

/// One of each kind of entry, about an entry that is there and with an attachment that is.
fn entries(id_group: &str, there: &Value, attached: &[u8]) -> Vec<Value> {
    let about = |kind: &str| {
        json!({"id": new_id(), "id_group": id_group, "kind": kind, "refers_to": there,
               "content_type": "text/plain", "body": "x"})
    };
    let message = |field: &str, value: Value| {
        let mut args = text(id_group, "x");
        args[field] = value;
        args
    };
    let deletion = json!({"id": new_id(), "id_group": id_group, "kind": "deletion",
                          "refers_to": there});
    vec![
        text(id_group, "x"),
        message("reply_to", there.clone()),
        message("list_attachment", json!([sha256(attached)])),
        about("edit"),
        about("reaction"),
        deletion,
    ]
}

impl Client {
    /// May neither write, mark, type, read nor fetch.
    async fn may_nothing(
        &mut self,
        running: &Running,
        id: &str,
        there: &Value,
        attached: &[u8],
        reason: &str,
    ) {
        for args in entries(id, there, attached) {
            self.refused(args, reason).await;
        }
        for (code, args) in [
            (661, json!({"id_group": id})),
            (661, json!({"id_group": id, "delivered": 1, "read": 1})),
            (662, json!({"id_group": id, "typing": true})),
            (662, json!({"id_group": id, "typing": false})),
            (663, json!({"id_group": id})),
            (663, json!({"id_group": id, "after": 0})),
            (663, json!({"id_group": id, "before": 2})),
        ] {
            let told = self.must(code, args, 451).await;
            assert_eq!(told["detail"], "you have no part in that conversation");
        }
        let listed = self.follow().await;
        let list = listed["list_conversation"].as_array().unwrap();
        assert!(list.iter().all(|one| one["id_group"] != id), "{listed}");
        assert_eq!(get(running, self, attached).await, 404);
    }
}

/// Alice's photo, posted; the entry's id.
async fn a_photo(running: &Running, alice: &mut Client, mut args: Value, photo: &[u8]) -> Value {
    assert_eq!(put(running, alice, photo).await.status, 201);
    args["list_attachment"] = json!([sha256(photo)]);
    alice.post(args).await
}

#[tokio::test]
async fn somebody_who_was_never_in() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut mallory = running.register("mallory").await;
    befriend(&mut alice, &mut mallory).await;
    let team = group(&mut [&mut alice, &mut bob]).await;
    let (ours, theirs): (&[u8], &[u8]) = (b"for the team", b"for bob");
    let in_group = a_photo(&running, &mut alice, text(&team, "look"), ours).await;
    let in_pair = a_photo(&running, &mut alice, text_to("bob", "look"), theirs).await;
    let pair = in_pair["id_group"].as_str().unwrap();
    for client in [&mut alice, &mut bob] {
        client.follow().await;
    }
    // She is a contact of Alice's, but in neither conversation.
    mallory
        .may_nothing(&running, &team, &in_group["id"], ours, "not_member")
        .await;
    mallory
        .may_nothing(&running, pair, &in_pair["id"], theirs, "not_member")
        .await;
    // Nor does she write to who is no contact, whether there is such a person or not.
    for whom in ["bob", "nobody", "mallory"] {
        mallory.refused(text_to(whom, "x"), "not_contact").await;
    }
    let mut nobody = running.connect().await;
    for args in entries(&team, &in_group["id"], ours) {
        nobody.must(660, args, 402).await;
    }
    for code in [661, 662, 663, 664] {
        let args = json!({"id_group": team, "typing": true});
        nobody.must(code, args, 402).await;
    }
    for client in [&mut alice, &mut bob] {
        client.quiet().await;
        for id in [team.as_str(), pair] {
            let page = client.pull(id, json!({"after": 0})).await;
            assert_eq!(page["list_entry"].as_array().unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn somebody_who_was_removed() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut mallory = running.register("mallory").await;
    befriend(&mut alice, &mut mallory).await;
    let team = group(&mut [&mut alice, &mut bob, &mut mallory]).await;
    let photo: &[u8] = b"a photo";
    let posted = a_photo(&running, &mut alice, text(&team, "look"), photo).await;
    let own = mallory.post(text(&team, "her own")).await;
    assert_eq!(get(&running, &mallory, photo).await, 200);
    alice
        .must(605, json!({"id_group": team, "pseudo": "mallory"}), 204)
        .await;
    bob.expect(204).await;
    mallory.expect(204).await;
    for client in [&mut alice, &mut bob] {
        client.follow().await;
    }
    for there in [&posted["id"], &own["id"]] {
        mallory
            .may_nothing(&running, &team, there, photo, "not_member")
            .await;
    }
    for client in [&mut alice, &mut bob] {
        client.quiet().await;
        let page = client.pull(&team, json!({"after": 0})).await;
        assert_eq!(page["list_entry"][1]["body"], "her own");
        assert_eq!(page["list_entry"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn somebody_who_blocks_and_somebody_who_is_blocked() {
    let running = start().await;
    let (mut alice, mut mallory) = running.pair("alice", "mallory").await;
    alice.follow().await;
    let photo: &[u8] = b"a photo";
    let posted = a_photo(&running, &mut alice, text_to("mallory", "look"), photo).await;
    let id = posted["id_group"].as_str().unwrap();
    let there = &posted["id"];
    alice.must(665, json!({"pseudo": "mallory"}), 266).await;
    // Whoever blocks writes nothing there meanwhile, not even about what is there.
    for args in entries(id, there, photo) {
        alice.refused(args, "blocked").await;
    }
    // Of what the blocked person does nothing reaches her. What only its author may do stays so.
    for args in entries(id, there, photo) {
        match args["kind"].as_str() {
            Some("edit" | "deletion") => mallory.refused(args, "not_author").await,
            _ => drop(mallory.post(args).await),
        }
    }
    let new: &[u8] = b"look at me";
    a_photo(&running, &mut mallory, text(id, "look"), new).await;
    assert_eq!(get(&running, &alice, new).await, 404);
    mallory
        .must(661, json!({"id_group": id, "read": 9}), 262)
        .await;
    mallory
        .must(662, json!({"id_group": id, "typing": true}), 263)
        .await;
    alice.quiet().await;
    let page = alice.pull(id, json!({"after": 0})).await;
    assert_eq!(page["list_entry"].as_array().unwrap().len(), 1);
    let marks = alice.must(661, json!({"id_group": id}), 262).await;
    assert_eq!(marks["args"]["list_mark"], json!([]));
}

#[tokio::test]
async fn somebody_with_a_foreign_attachment() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut mallory = running.register("mallory").await;
    befriend(&mut bob, &mut mallory).await;
    let (posted, uploaded): (&[u8], &[u8]) = (b"posted", b"only uploaded");
    a_photo(&running, &mut alice, text_to("bob", "look"), posted).await;
    assert_eq!(put(&running, &alice, uploaded).await.status, 201);
    let own: &[u8] = b"her own";
    assert_eq!(put(&running, &mallory, own).await.status, 201);
    bob.follow().await;
    for foreign in [posted, uploaded, b"that nobody has"] {
        assert_eq!(get(&running, &mallory, foreign).await, 404);
        // Neither alone nor beside one that is hers.
        for list in [
            json!([sha256(foreign)]),
            json!([sha256(own), sha256(foreign)]),
        ] {
            let mut args = text_to("bob", "look");
            args["list_attachment"] = list;
            mallory.refused(args, "no_attachment").await;
        }
        assert_eq!(get(&running, &mallory, foreign).await, 404);
    }
    // What is being uploaded by somebody else is not hers either, and not complete.
    assert_eq!(get(&running, &bob, uploaded).await, 404);
    bob.quiet().await;
    let mut args = text_to("bob", "look");
    args["list_attachment"] = json!([sha256(own)]);
    mallory.post(args).await;
    bob.expect(261).await;
    assert_eq!(get(&running, &bob, own).await, 200);
}
