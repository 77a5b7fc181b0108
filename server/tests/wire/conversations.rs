//! 660 to 664: what is posted, told, pulled and listed, and who may.

use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::client::{Client, Running, befriend, group, start, start_with};
use crate::process::Process;

pub(crate) fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// The arguments of a text.
pub(crate) fn text(id_group: &str, body: &str) -> Value {
    json!({"id": new_id(), "id_group": id_group, "kind": "message",
           "content_type": "text/plain", "body": body})
}

/// The same to a contact.
pub(crate) fn text_to(pseudo: &str, body: &str) -> Value {
    json!({"id": new_id(), "pseudo": pseudo, "kind": "message",
           "content_type": "text/plain", "body": body})
}

fn about(id_group: &str, kind: &str, refers_to: &Value, body: &str) -> Value {
    let mut args = json!({"id": new_id(), "id_group": id_group, "kind": kind,
                          "refers_to": refers_to});
    if kind != "deletion" {
        args["content_type"] = json!("text/plain");
        args["body"] = json!(body);
    }
    args
}

impl Client {
    /// Asks to be told of entries; the conversations.
    pub(crate) async fn follow(&mut self) -> Value {
        self.must(664, json!({}), 265).await["args"].clone()
    }

    /// Posts something that is taken; the 260.
    pub(crate) async fn post(&mut self, args: Value) -> Value {
        self.must(660, args, 260).await["args"].clone()
    }

    /// Posts something that is not taken, and checks why.
    pub(crate) async fn refused(&mut self, args: Value, reason: &str) {
        let told = self.must(660, args.clone(), 403).await;
        assert_eq!(told["reason"], reason, "{args}: {told}");
        assert_eq!(told["id"], args["id"]);
        assert_eq!(told.get("id_group"), args.get("id_group"));
        assert!(told.get("args").is_none());
    }

    pub(crate) async fn pull(&mut self, id_group: &str, mut args: Value) -> Value {
        args["id_group"] = json!(id_group);
        self.must(663, args, 264).await["args"].clone()
    }
}

/// The bodies of a page.
fn bodies(page: &Value) -> Vec<&str> {
    let entries = page["list_entry"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["body"].as_str().unwrap_or("-"))
        .collect()
}

/// Two contacts who follow, and their conversation with one entry in it.
pub(crate) async fn talking(running: &Running) -> (Client, Client, String) {
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    alice.follow().await;
    bob.follow().await;
    let id = alice.post(text_to("bob", "hello")).await["id_group"]
        .as_str()
        .unwrap()
        .to_owned();
    bob.expect(261).await;
    (alice, bob, id)
}

#[tokio::test]
async fn what_is_written_to_a_contact_arrives_once_on_each_device() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut alice2 = running.login("alice").await;
    let mut bob2 = running.login("bob").await;
    for client in [&mut alice, &mut alice2, &mut bob] {
        assert_eq!(client.follow().await["list_conversation"], json!([]));
    }
    let args = text_to("BOB", "call you in five");
    let stored = alice.post(args.clone()).await;
    assert_eq!(stored["id"], args["id"]);
    assert_eq!(
        (&stored["sequence"], &stored["previous"]),
        (&json!(1), &json!(0))
    );
    for client in [&mut alice2, &mut bob] {
        let told = client.expect(261).await;
        assert!(told.get("re").is_none());
        assert_eq!(
            told["args"],
            json!({"id_group": stored["id_group"], "previous": 0, "sequence": 1,
                   "id": args["id"], "time": stored["time"], "pseudo": "alice",
                   "kind": "message", "content_type": "text/plain",
                   "body": "call you in five"})
        );
    }
    // Who does not follow is told nothing, and neither is who has sent it.
    bob2.quiet().await;
    alice.quiet().await;
    // The same conversation under its id, in the other direction, as a reply.
    let id = stored["id_group"].as_str().unwrap();
    let mut args = text(id, "fine");
    args["reply_to"] = stored["id"].clone();
    assert_eq!(bob.post(args).await["previous"], 1);
    let told = alice.expect(261).await;
    assert_eq!(told["args"]["reply_to"], stored["id"]);
    assert_eq!(told["args"]["pseudo"], "bob");
    let page = bob2.pull(id, json!({"after": 0})).await;
    assert_eq!(bodies(&page), ["call you in five", "fine"]);
    assert_eq!((&page["more"], &page["last"]), (&json!(false), &json!(2)));
}

#[tokio::test]
async fn sending_again_is_harmless() {
    let running = start().await;
    let (mut alice, mut bob, id) = talking(&running).await;
    let args = text(&id, "once");
    let stored = alice.post(args.clone()).await;
    assert_eq!(stored["sequence"], 2);
    bob.expect(261).await;
    assert_eq!(alice.post(args.clone()).await, stored);
    let mut alice2 = running.login("alice").await;
    let mut to_name = args.clone();
    to_name.as_object_mut().unwrap().remove("id_group");
    to_name["pseudo"] = json!("bob");
    assert_eq!(alice2.post(to_name).await, stored);
    bob.quiet().await;
    // The same id for something else is a mistake that must not be taken for success.
    let mut other = args.clone();
    other["body"] = json!("twice");
    alice.refused(other, "duplicate").await;
    let mut other = args.clone();
    other["reply_to"] = stored["id"].clone();
    alice.refused(other, "duplicate").await;
    bob.refused(args.clone(), "duplicate").await;
    // Also after it was taken back, and when one may not write there any more.
    alice.post(about(&id, "deletion", &stored["id"], "")).await;
    bob.expect(261).await;
    assert_eq!(alice.post(args.clone()).await, stored);
    bob.must(607, json!({"pseudo": "alice"}), 206).await;
    alice.expect(206).await;
    assert_eq!(alice.post(args).await, stored);
    alice.refused(text(&id, "new"), "not_contact").await;
}

#[tokio::test]
async fn a_killed_server_gives_the_same_answer_again() {
    let data = TempDir::new().unwrap();
    let mut process = Process::start(&data).await;
    let password = crate::client::PASSWORD;
    let register = async |name: &str| {
        let mut client = Client::connect(process.url()).await;
        let told = client
            .must(601, json!({"pseudo": name, "password": password}), 202)
            .await;
        client.keep(name, &told);
        client
    };
    let (mut alice, mut bob) = (register("alice").await, register("bob").await);
    befriend(&mut alice, &mut bob).await;
    let args = text_to("bob", "still there?");
    let stored = alice.post(args.clone()).await;
    process.child.kill().await.unwrap();
    let process = Process::start(&data).await;
    let mut again = Client::connect(process.url()).await;
    again.must(650, json!({"token": alice.token}), 202).await;
    again.expect(208).await;
    again.expect(207).await;
    assert_eq!(again.post(args).await, stored);
    let id = stored["id_group"].as_str().unwrap();
    assert_eq!(again.pull(id, json!({})).await["last"], 1);
}

#[tokio::test]
async fn members_read_from_when_they_joined_until_they_leave() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    befriend(&mut alice, &mut carol).await;
    let mut mallory = running.register("mallory").await;
    let id = group(&mut [&mut alice, &mut bob]).await;
    let id = id.as_str();
    alice.follow().await;
    bob.follow().await;
    carol.follow().await;
    for number in 1..=3 {
        alice.post(text(id, &format!("before {number}"))).await;
        bob.expect(261).await;
    }
    // Somebody else, and a conversation that does not exist, look the same.
    let unknown = new_id();
    for other in [id, unknown.as_str()] {
        mallory
            .refused(text(other, "let me in"), "not_member")
            .await;
        for (code, args) in [
            (661, json!({"id_group": other, "read": 1})),
            (662, json!({"id_group": other, "typing": true})),
            (663, json!({"id_group": other})),
        ] {
            let told = mallory.must(code, args, 451).await;
            assert_eq!(told["detail"], "you have no part in that conversation");
        }
    }
    assert_eq!(mallory.follow().await["list_conversation"], json!([]));

    alice
        .must(604, json!({"id_group": id, "pseudo": "carol"}), 201)
        .await;
    bob.expect(203).await;
    carol.expect(203).await;
    carol.expect(201).await;
    let listed = carol.follow().await;
    assert_eq!(
        listed["list_conversation"],
        json!([{"id_group": id, "joined_after": 3, "last": 3, "delivered": 0, "read": 0}])
    );
    assert_eq!(
        carol.pull(id, json!({"after": 0})).await["list_entry"],
        json!([])
    );
    let hidden = alice.pull(id, json!({"after": 2})).await;
    let hidden = &hidden["list_entry"][0]["id"];
    carol
        .refused(about(id, "reaction", hidden, "+1"), "no_target")
        .await;
    bob.post(text(id, "now")).await;
    assert_eq!(carol.expect(261).await["args"]["previous"], 3);
    alice.expect(261).await;
    let page = carol.pull(id, json!({})).await;
    assert_eq!(bodies(&page), ["now"]);
    assert_eq!(page["more"], false);

    // Removed, she is told and may read nothing more.
    alice
        .must(605, json!({"id_group": id, "pseudo": "carol"}), 204)
        .await;
    carol.expect(204).await;
    bob.expect(204).await;
    alice.post(text(id, "without carol")).await;
    bob.expect(261).await;
    carol.must(663, json!({"id_group": id}), 451).await;
    carol.refused(text(id, "why?"), "not_member").await;
    assert_eq!(carol.follow().await["list_conversation"], json!([]));
    // Back again, she reads from then on.
    alice
        .must(604, json!({"id_group": id, "pseudo": "carol"}), 201)
        .await;
    carol.expect(203).await;
    carol.expect(201).await;
    bob.expect(203).await;
    alice.post(text(id, "with carol")).await;
    assert_eq!(carol.expect(261).await["args"]["sequence"], 6);
    assert_eq!(
        bodies(&carol.pull(id, json!({"after": 0})).await),
        ["with carol"]
    );
}

#[tokio::test]
async fn messages_are_edited_and_deleted_by_their_authors() {
    let running = start().await;
    let (mut alice, mut bob, id) = talking(&running).await;
    let id = id.as_str();
    let said = alice.post(text(id, "tomorow")).await;
    bob.expect(261).await;
    let meant = &said["id"];
    bob.refused(about(id, "edit", meant, "never"), "not_author")
        .await;
    bob.refused(about(id, "deletion", meant, ""), "not_author")
        .await;
    bob.refused(about(id, "reaction", &json!(new_id()), "+1"), "no_target")
        .await;
    let edit = alice.post(about(id, "edit", meant, "tomorrow")).await;
    let told = bob.expect(261).await;
    assert_eq!(told["args"]["kind"], "edit");
    assert_eq!(&told["args"]["refers_to"], meant);
    let thought = bob.post(about(id, "reaction", meant, "+1")).await;
    alice.expect(261).await;
    // An empty one takes it back, and is no empty message.
    bob.post(about(id, "reaction", meant, "")).await;
    alice.expect(261).await;
    for other in [&edit["id"], &thought["id"]] {
        for kind in ["edit", "deletion", "reaction"] {
            alice
                .refused(about(id, kind, other, "x"), "no_target")
                .await;
        }
        let mut reply = text(id, "what?");
        reply["reply_to"] = other.clone();
        alice.refused(reply, "no_target").await;
    }
    alice.post(about(id, "deletion", meant, "")).await;
    let told = bob.expect(261).await;
    assert_eq!(told["args"]["kind"], "deletion");
    assert!(told["args"].get("body").is_none());
    let page = bob.pull(id, json!({"after": 1})).await;
    let entries = page["list_entry"].as_array().unwrap();
    let kinds: Vec<_> = entries.iter().map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(
        kinds,
        ["message", "edit", "reaction", "reaction", "deletion"].map(Some)
    );
    for entry in &entries[..4] {
        assert_eq!(entry["erased"], true, "{entry}");
        assert!(entry.get("body").is_none() && entry.get("content_type").is_none());
        assert!(entry["pseudo"].is_string());
    }
    for kind in ["edit", "deletion", "reaction"] {
        alice
            .refused(about(id, kind, meant, "x"), "no_target")
            .await;
    }
    // Nothing of it is left in the files either.
    drop((alice, bob));
    running.server.shutdown().await;
    let file = std::fs::read(running.data.path().join("cooee.sqlite3")).unwrap();
    assert!(!file.windows(8).any(|window| window == b"tomorrow"));
}

#[tokio::test]
async fn marks_only_grow_and_are_told() {
    let running = start().await;
    let (mut alice, mut bob, id) = talking(&running).await;
    let id = id.as_str();
    let mark = |delivered: Option<u64>, read: Option<u64>| json!({"id_group": id, "delivered": delivered, "read": read});
    let told = bob.must(661, json!({"id_group": id}), 262).await;
    assert_eq!(told["args"], json!({"id_group": id, "list_mark": []}));
    alice.quiet().await;
    let mut bob2 = running.login("bob").await;
    bob2.follow().await;
    // Beyond the last counts as the last.
    bob.must(661, mark(Some(99), None), 262).await;
    let arrived = json!([{"pseudo": "bob", "delivered": 1, "read": 0}]);
    for client in [&mut alice, &mut bob2] {
        assert_eq!(client.expect(262).await["args"]["list_mark"], arrived);
    }
    bob.must(661, mark(Some(0), Some(0)), 262).await;
    alice.quiet().await;
    for body in ["two", "three"] {
        alice.post(text(id, body)).await;
        bob.expect(261).await;
        bob2.expect(261).await;
    }
    // What is read has arrived.
    let told = bob.must(661, mark(None, Some(2)), 262).await;
    let read = json!([{"pseudo": "bob", "delivered": 2, "read": 2}]);
    assert_eq!(told["args"]["list_mark"], read);
    for client in [&mut alice, &mut bob2] {
        assert_eq!(client.expect(262).await["args"]["list_mark"], read);
    }
    let told = alice.must(661, mark(Some(3), Some(3)), 262).await;
    assert_eq!(
        told["args"]["list_mark"],
        json!([{"pseudo": "alice", "delivered": 3, "read": 3}, read[0]])
    );
    let listed = bob2.expect(262).await;
    assert_eq!(listed["args"]["list_mark"][0]["pseudo"], "alice");
    let listed = bob2.follow().await;
    assert_eq!(listed["list_conversation"][0]["read"], 2);
}

#[tokio::test]
async fn typing_reaches_those_who_follow_and_is_bounded() {
    let running = start_with(|config| config.typing_burst = 3).await;
    let (mut alice, mut bob, id) = talking(&running).await;
    let mut bob2 = running.login("bob").await;
    let args = json!({"id_group": id, "typing": true});
    let told = alice.must(662, args.clone(), 263).await;
    let expected = json!({"id_group": id, "pseudo": "alice", "typing": true});
    assert_eq!(told["args"], expected);
    assert_eq!(bob.expect(263).await["args"], expected);
    bob2.quiet().await;
    alice.must(662, args.clone(), 263).await;
    alice
        .must(662, json!({"id_group": id, "typing": false}), 263)
        .await;
    alice.must(662, args.clone(), 452).await;
    bob.expect(263).await;
    assert_eq!(bob.expect(263).await["args"]["typing"], false);
    bob.must(607, json!({"pseudo": "alice"}), 206).await;
    bob.must(662, args, 451).await;
}

#[tokio::test]
async fn pages_in_both_directions() {
    let running = start().await;
    let (mut alice, bob, id) = talking(&running).await;
    let id = id.as_str();
    for number in 2..=7 {
        alice.post(text(id, &number.to_string())).await;
    }
    let page = bob.login_and_pull(&running, id, json!({"limit": 3})).await;
    assert_eq!(bodies(&page), ["5", "6", "7"]);
    assert_eq!((&page["more"], &page["last"]), (&json!(true), &json!(7)));
    let mut bob = running.login("bob").await;
    for (args, expected, more) in [
        (json!({"before": 5, "limit": 3}), vec!["2", "3", "4"], true),
        (json!({"before": 2}), vec!["hello"], false),
        (json!({"before": 1}), vec![], false),
        (json!({"before": 0}), vec![], false),
        (json!({"after": 0, "limit": 2}), vec!["hello", "2"], true),
        (json!({"after": 5, "limit": 2}), vec!["6", "7"], false),
        (json!({"after": 7}), vec![], false),
        (json!({"after": u64::MAX}), vec![], false),
        (json!({"before": u64::MAX, "limit": 0}), vec!["7"], true),
    ] {
        let page = bob.pull(id, args.clone()).await;
        assert_eq!(bodies(&page), expected, "{args}");
        assert_eq!(page["more"], more, "{args}");
    }
    bob.must(663, json!({"id_group": id, "after": 1, "before": 3}), 450)
        .await;
    // A page is bounded in bytes as well, as JSON has them.
    let large = "\u{1}".repeat(3_000);
    for _ in 0..40 {
        alice.post(text(id, &large)).await;
    }
    let page = bob.pull(id, json!({"after": 7})).await;
    assert_eq!(page["more"], true);
    let length = page["list_entry"].to_string().len();
    assert!((400_000..=512 * 1024).contains(&length), "{length}");
    let last = page["list_entry"].as_array().unwrap().last().unwrap();
    let page = bob.pull(id, json!({"after": last["sequence"]})).await;
    assert_eq!(page["more"], false);
}

impl Client {
    /// Pulls on a connection of its own.
    async fn login_and_pull(&self, running: &Running, id: &str, args: Value) -> Value {
        running.login(&self.name).await.pull(id, args).await
    }
}
