//! Calls that are over, in their conversations.

use serde_json::{Value, json};

use crate::client::{Client, group, start, start_with};

fn ring(whom: &[&str]) -> Value {
    json!({"list_pseudo": whom, "address": "0.0.0.0", "port": 0})
}

/// The next entry, which must be a call of alice's.
async fn call(client: &mut Client) -> (Value, Value) {
    let told = client.expect(261).await["args"].clone();
    assert_eq!(told["kind"], "call", "{told}");
    assert_eq!(told["pseudo"], "alice");
    assert_eq!(told["content_type"], "application/vnd.cooee.call+json");
    let body = serde_json::from_str(told["body"].as_str().unwrap()).unwrap();
    (told, body)
}

#[tokio::test]
async fn finished_declined_and_missed_calls() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    alice.follow().await;
    bob.follow().await;
    let id = crate::calls::connect(&mut alice, &mut bob).await;
    let quit = |who: &str| json!({"pseudo": who, "id_group": id});
    bob.must(503, quit("bob"), 503).await;
    alice.expect(503).await;
    alice.expect(503).await;
    let (entry, body) = call(&mut alice).await;
    assert_eq!(entry["id_group"], id.as_str());
    assert_eq!(body["outcome"], "finished");
    assert!(body["duration"].as_u64().unwrap() < 60);
    assert_eq!(call(&mut bob).await.0, entry);

    alice.must(501, ring(&["bob"]), 501).await;
    bob.expect(501).await;
    bob.must(503, quit("bob"), 503).await;
    alice.expect(503).await;
    alice.expect(503).await;
    let (_, body) = call(&mut alice).await;
    assert_eq!(body, json!({"outcome": "declined", "duration": 0}));
    call(&mut bob).await;

    alice.must(501, ring(&["bob"]), 501).await;
    bob.expect(501).await;
    alice.must(503, quit("alice"), 503).await;
    bob.expect(503).await;
    assert_eq!(call(&mut bob).await.1["outcome"], "missed");
    assert_eq!(call(&mut alice).await.1["outcome"], "missed");

    // Whoever was not there finds it later.
    bob.vanish();
    assert_eq!(alice.presence_until_offline().await, "bob");
    alice.must(501, ring(&["bob"]), 404).await;
    assert_eq!(call(&mut alice).await.1["outcome"], "missed");
    let mut bob = running.login("bob").await;
    let page = bob.pull(&id, json!({"after": 0})).await;
    assert_eq!(page["list_entry"].as_array().unwrap().len(), 4);
    // Calls are no messages of anybody's to change; one may react and answer.
    let entry = &page["list_entry"][0];
    let mut args = json!({"id": crate::conversations::new_id(), "id_group": id,
                          "kind": "deletion", "refers_to": entry["id"]});
    alice.refused(args.clone(), "no_target").await;
    args["kind"] = json!("reaction");
    args["content_type"] = json!("text/plain");
    args["body"] = json!("+1");
    bob.post(args).await;
}

impl Client {
    async fn presence_until_offline(&mut self) -> String {
        loop {
            let (name, status) = self.presence().await;
            if status == "offline" {
                return name;
            }
        }
    }
}

#[tokio::test]
async fn a_call_that_rings_to_the_end_is_missed_by_the_group() {
    let running =
        start_with(|config| config.ring_timeout = std::time::Duration::from_millis(50)).await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let team = group(&mut [&mut alice, &mut bob]).await;
    bob.follow().await;
    let mut args = ring(&[]);
    args["id_group"] = json!(team);
    alice.must(501, args, 501).await;
    bob.expect(501).await;
    bob.expect(503).await;
    let (entry, body) = call(&mut bob).await;
    assert_eq!(entry["id_group"], team.as_str());
    assert_eq!(body["outcome"], "missed");
    assert_eq!(alice.expect(404).await["reason"], "timeout");
}

#[tokio::test]
async fn calling_somebody_who_blocks_leaves_a_trace_for_the_caller_alone() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    alice.follow().await;
    bob.follow().await;
    bob.must(665, json!({"pseudo": "alice"}), 266).await;
    let told = alice.must(501, ring(&["bob"]), 404).await;
    assert_eq!(call(&mut alice).await.1["outcome"], "missed");
    bob.quiet().await;
    let id = told["id_group"].as_str().unwrap();
    assert_eq!(bob.pull(id, json!({})).await["list_entry"], json!([]));
}
