//! 665 to 667, and what a blocked person sees: somebody who is away.

use serde_json::{Value, json};

use crate::client::{Client, Running, befriend, group, start, start_with};
use crate::conversations::{text, text_to};

async fn block(who: &mut Client, whom: &str) {
    let told = who.must(665, json!({"pseudo": whom}), 266).await;
    let list = told["args"]["list_pseudo"].as_array().unwrap();
    assert!(list.contains(&json!(whom)), "{told}");
}

fn ring(id_group: Option<&str>, whom: &[&str]) -> Value {
    json!({"id_group": id_group, "list_pseudo": whom, "address": "0.0.0.0", "port": 0})
}

/// Alice, and mallory whom she is about to block: contacts.
async fn contacts(running: &Running) -> (Client, Client) {
    running.pair("alice", "mallory").await
}

#[tokio::test]
async fn the_list_of_those_who_are_blocked() {
    let running = start_with(|config| config.max_blocked = 2).await;
    let mut alice = running.register("alice").await;
    let mut alice2 = running.login("alice").await;
    let mut deaf = running.login("alice").await;
    alice2.follow().await;
    for name in ["bob", "carol", "dave"] {
        running.register(name).await;
    }
    let told = alice.must(667, json!({}), 266).await;
    assert_eq!(told["args"], json!({"list_pseudo": []}));
    block(&mut alice, "carol").await;
    let told = alice2.expect(266).await;
    assert!(told.get("re").is_none());
    assert_eq!(told["args"], json!({"list_pseudo": ["carol"]}));
    let told = alice.must(665, json!({"pseudo": "BOB"}), 266).await;
    assert_eq!(told["args"], json!({"list_pseudo": ["bob", "carol"]}));
    alice2.expect(266).await;
    // What changes nothing is told to nobody.
    block(&mut alice, "bob").await;
    for code in [665, 666] {
        alice.must(code, json!({}), 450).await;
    }
    alice.must(665, json!({"pseudo": "nobody"}), 405).await;
    alice.must(665, json!({"pseudo": "alice"}), 405).await;
    alice.must(665, json!({"pseudo": "dave"}), 451).await;
    alice.must(666, json!({"pseudo": "dave"}), 266).await;
    alice.must(666, json!({"pseudo": "nobody"}), 266).await;
    alice2.quiet().await;
    let told = alice.must(666, json!({"pseudo": "carol"}), 266).await;
    assert_eq!(told["args"], json!({"list_pseudo": ["bob"]}));
    alice2.expect(266).await;
    deaf.quiet().await;
    let mut nobody = running.connect().await;
    for code in 665..=667 {
        nobody.must(code, json!({"pseudo": "bob"}), 402).await;
    }
}

#[tokio::test]
async fn a_blocked_contact_sees_somebody_who_has_gone_away() {
    let running = start().await;
    let (mut alice, mut mallory) = contacts(&running).await;
    assert_eq!(mallory.pull_presence("alice").await, "online");
    block(&mut alice, "mallory").await;
    assert_eq!(mallory.presence().await, ("alice".into(), "offline".into()));
    // Comings, goings, names and pictures of hers are no news.
    let second = running.login("alice").await;
    second.vanish();
    alice.must(602, json!({"pseudo": "alice.b"}), 202).await;
    mallory.quiet().await;
    assert_eq!(mallory.pull_presence("alice.b").await, "offline");
    // She sees mallory as before.
    assert_eq!(alice.pull_presence("mallory").await, "online");
    alice.must(666, json!({"pseudo": "mallory"}), 266).await;
    assert_eq!(
        mallory.presence().await,
        ("alice.b".into(), "online".into())
    );
}

impl Client {
    /// What a new login says of a contact.
    async fn pull_presence(&mut self, of: &str) -> String {
        self.must(650, json!({"token": self.token}), 202).await;
        let contacts = self.expect(208).await;
        self.expect(207).await;
        let list = contacts["args"]["list_contact"].as_array().unwrap();
        let found = list.iter().find(|contact| contact["pseudo"] == of);
        found.unwrap()["status"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_blocked_person_calls_somebody_who_is_away() {
    let running = start().await;
    let (mut alice, mut mallory) = contacts(&running).await;
    let mut bob = running.register("bob").await;
    befriend(&mut alice, &mut bob).await;
    befriend(&mut bob, &mut mallory).await;
    let team = group(&mut [&mut alice, &mut bob]).await;
    bob.must(604, json!({"id_group": team, "pseudo": "mallory"}), 201)
        .await;
    alice.expect(203).await;
    mallory.expect(203).await;
    mallory.expect(201).await;
    // What it looks like when she really is away.
    let away = running.register("away").await;
    let mut away = away;
    befriend(&mut away, &mut mallory).await;
    away.vanish();
    assert_eq!(mallory.presence_of("away").await, "offline");
    let expected = mallory.must(501, ring(None, &["away"]), 404).await;
    // It is no different when she is in a call.
    block(&mut alice, "mallory").await;
    for busy in [false, true] {
        if busy {
            crate::calls::connect(&mut alice, &mut bob).await;
        }
        let told = mallory.must(501, ring(None, &["alice"]), 404).await;
        assert_eq!(told["reason"], "offline");
        assert_eq!(told["detail"], expected["detail"]);
        let id = told["id_group"].as_str().unwrap();
        assert!(id.len() == expected["id_group"].as_str().unwrap().len());
        let told = mallory.must(501, ring(Some(id), &["alice"]), 404).await;
        assert_eq!(told["reason"], "offline");
        alice.quiet().await;
    }
    let told = mallory.must(501, ring(Some(&team), &["alice"]), 404).await;
    assert_eq!(told["reason"], "offline");
    // She cannot call either, and that is told to her.
    let mut again = running.login("alice").await;
    let told = again.must(501, ring(None, &["mallory"]), 404).await;
    assert_eq!(told["reason"], "not_allowed");
}

impl Client {
    /// The next change of presence of somebody.
    async fn presence_of(&mut self, who: &str) -> String {
        loop {
            let (name, status) = self.presence().await;
            if name == who && status != "online" {
                return status;
            }
        }
    }
}

#[tokio::test]
async fn a_ring_of_somebody_who_is_blocked_stops() {
    let running = start().await;
    let (mut alice, mut mallory) = contacts(&running).await;
    let id = mallory.must(501, ring(None, &["alice"]), 501).await["args"]["id_group"].clone();
    alice.expect(501).await;
    block(&mut alice, "mallory").await;
    assert_eq!(alice.expect(503).await["args"]["id_group"], id);
    assert_eq!(mallory.expect(503).await["args"]["reason"], "declined");
    assert_eq!(mallory.expect(503).await["args"]["reason"], "ended");
}

#[tokio::test]
async fn a_blocked_person_asks_in_vain() {
    let running = start().await;
    let mut alice = running.register("alice").await;
    let mut mallory = running.register("mallory").await;
    // A request from before goes from her list, not from mallory's.
    mallory.must(606, json!({"pseudo": "alice"}), 205).await;
    alice.expect(205).await;
    block(&mut alice, "mallory").await;
    assert_eq!(alice.expect(206).await["args"]["pseudo"], "mallory");
    mallory.quiet().await;
    mallory.must(606, json!({"pseudo": "alice"}), 407).await;
    // Withdrawn and asked again: always the same answers, and nothing reaches her.
    mallory.must(607, json!({"pseudo": "alice"}), 206).await;
    let told = mallory.must(606, json!({"pseudo": "alice"}), 205).await;
    assert_eq!(
        told["args"],
        json!({"pp": "", "pseudo": "alice", "status": "pending"})
    );
    mallory.must(606, json!({"pseudo": "alice"}), 407).await;
    alice.quiet().await;
    let mut again = running.login("alice").await;
    again.must(606, json!({"pseudo": "mallory"}), 451).await;
    alice.must(607, json!({"pseudo": "mallory"}), 406).await;
    mallory.must(606, json!({"pseudo": "alice"}), 407).await;
    // After the block her own request meets it.
    alice.must(666, json!({"pseudo": "mallory"}), 266).await;
    mallory.quiet().await;
    let told = alice.must(606, json!({"pseudo": "mallory"}), 205).await;
    assert_eq!(told["args"]["status"], "online");
    assert_eq!(again.expect(205).await["args"]["status"], "online");
    assert_eq!(mallory.expect(205).await["args"]["status"], "online");
}

#[tokio::test]
async fn who_blocks_looks_like_somebody_whose_groups_are_full() {
    let running = start_with(|config| config.max_groups = 1).await;
    let (mut alice, mut mallory) = contacts(&running).await;
    let mut full = running.register("full").await;
    befriend(&mut full, &mut mallory).await;
    full.must(603, json!({"group_name": "own"}), 201).await;
    let team = group(&mut [&mut mallory]).await;
    let add = |name: &str| json!({"id_group": team, "pseudo": name});
    let expected = mallory.must(604, add("full"), 451).await;
    block(&mut alice, "mallory").await;
    let told = mallory.must(604, add("alice"), 451).await;
    assert_eq!(told["detail"], expected["detail"]);
    alice.quiet().await;
}

#[tokio::test]
async fn what_a_blocked_person_writes_is_seen_by_them_alone_for_good() {
    let running = start().await;
    let (mut alice, mut mallory) = contacts(&running).await;
    let mut mallory2 = running.login("mallory").await;
    let mut alice2 = running.login("alice").await;
    for client in [&mut alice, &mut alice2, &mut mallory, &mut mallory2] {
        client.follow().await;
    }
    let first = mallory.post(text_to("alice", "hello")).await;
    let id = first["id_group"].as_str().unwrap();
    for client in [&mut alice, &mut alice2, &mut mallory2] {
        client.expect(261).await;
    }
    alice
        .must(661, json!({"id_group": id, "read": 1}), 262)
        .await;
    for client in [&mut alice2, &mut mallory, &mut mallory2] {
        client.expect(262).await;
    }
    block(&mut alice, "mallory").await;
    alice2.expect(266).await;

    let hidden = text(id, "are you there?");
    let second = mallory.post(hidden.clone()).await;
    assert_eq!(
        (&second["sequence"], &second["previous"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(mallory2.expect(261).await["args"]["body"], "are you there?");
    assert_eq!(mallory.post(hidden).await, second);
    let react = json!({"id": crate::conversations::new_id(), "id_group": id, "kind": "reaction",
                       "refers_to": second["id"], "content_type": "text/plain", "body": "?"});
    mallory.post(react).await;
    mallory2.expect(261).await;
    let told = mallory
        .must(661, json!({"id_group": id, "read": 3}), 262)
        .await;
    assert_eq!(
        told["args"]["list_mark"],
        json!([{"pseudo": "alice", "delivered": 1, "read": 1},
               {"pseudo": "mallory", "delivered": 3, "read": 3}])
    );
    mallory2.expect(262).await;
    mallory
        .must(662, json!({"id_group": id, "typing": true}), 263)
        .await;
    for client in [&mut alice, &mut alice2] {
        client.quiet().await;
    }
    // She sees none of it, may not write, and gives no sign of life.
    let page = alice.pull(id, json!({})).await;
    assert_eq!(
        (&page["last"], page["list_entry"].as_array().unwrap().len()),
        (&json!(1), 1)
    );
    let listed = alice.follow().await;
    assert_eq!(listed["list_conversation"][0]["last"], 1);
    let marks = alice
        .must(661, json!({"id_group": id, "read": 9}), 262)
        .await;
    assert_eq!(
        marks["args"]["list_mark"],
        json!([{"pseudo": "alice", "delivered": 1, "read": 1}])
    );
    alice
        .must(662, json!({"id_group": id, "typing": true}), 263)
        .await;
    alice.refused(text(id, "no"), "blocked").await;
    for client in [&mut mallory, &mut mallory2] {
        client.quiet().await;
    }
    // Afterwards things go on, each from what they have seen.
    alice.must(666, json!({"pseudo": "mallory"}), 266).await;
    alice2.expect(266).await;
    let third = alice.post(text(id, "well?")).await;
    assert_eq!(
        (&third["sequence"], &third["previous"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(alice2.expect(261).await["args"]["previous"], 1);
    assert_eq!(mallory.expect(261).await["args"]["previous"], 3);
    mallory2.expect(261).await;
    let late = json!({"id": crate::conversations::new_id(), "id_group": id, "kind": "edit",
                      "refers_to": second["id"], "content_type": "text/plain", "body": "!"});
    mallory.post(late).await;
    mallory2.expect(261).await;
    alice.quiet().await;
    let page = alice.pull(id, json!({"after": 0})).await;
    let seen = page["list_entry"].as_array().unwrap();
    let sequences: Vec<_> = seen
        .iter()
        .map(|entry| entry["sequence"].as_u64())
        .collect();
    assert_eq!(sequences, [Some(1), Some(4)]);
    let page = mallory.pull(id, json!({"after": 0})).await;
    assert_eq!(page["list_entry"].as_array().unwrap().len(), 5);
    assert_eq!(
        mallory.pull(id, json!({"before": 4, "limit": 2})).await["more"],
        true
    );
}

#[tokio::test]
async fn what_both_were_shown_a_blocked_person_deletes_for_both() {
    let running = start().await;
    let (mut alice, mut mallory) = contacts(&running).await;
    alice.follow().await;
    let shown = mallory.post(text_to("alice", "a word too many")).await;
    let id = shown["id_group"].as_str().unwrap();
    alice.expect(261).await;
    block(&mut alice, "mallory").await;
    let hidden = mallory.post(text(id, "are you there?")).await;
    // An edit of what both were shown stays hidden, and so does the deletion of what was hidden.
    let edit = json!({"id": crate::conversations::new_id(), "id_group": id, "kind": "edit",
                      "refers_to": shown["id"], "content_type": "text/plain", "body": "!"});
    mallory.post(edit).await;
    let deletion = |of: &Value| {
        json!({"id": crate::conversations::new_id(), "id_group": id, "kind": "deletion",
               "refers_to": of["id"]})
    };
    mallory.post(deletion(&hidden)).await;
    alice.quiet().await;
    let deleted = mallory.post(deletion(&shown)).await;
    assert_eq!(deleted["sequence"], 5);
    let told = alice.expect(261).await;
    assert_eq!(told["args"]["kind"], "deletion");
    assert_eq!(told["args"]["refers_to"], shown["id"]);
    assert_eq!(
        (&told["args"]["previous"], &told["args"]["sequence"]),
        (&json!(1), &json!(5))
    );
    for (who, count) in [(&mut alice, 2), (&mut mallory, 5)] {
        let page = who.pull(id, json!({"after": 0})).await;
        let list = page["list_entry"].as_array().unwrap();
        assert_eq!(list.len(), count);
        assert_eq!(list[0]["erased"], true);
        assert!(list[0].get("body").is_none(), "{page}");
    }
}

#[tokio::test]
async fn blocked_people_still_share_their_groups() {
    let running = start().await;
    let (mut alice, mut mallory) = contacts(&running).await;
    let team = group(&mut [&mut alice, &mut mallory]).await;
    alice.follow().await;
    mallory.follow().await;
    block(&mut alice, "mallory").await;
    mallory.post(text(&team, "all")).await;
    assert_eq!(alice.expect(261).await["args"]["pseudo"], "mallory");
    alice.post(text(&team, "yes")).await;
    mallory.expect(261).await;
}
