//! The protocol's diagrams, arrow by arrow, as frames on raw WebSockets.

use cooee_stories::{Wire, World};
use serde_json::{Value, json};

const NOWHERE: &str = "0.0.0.0";

/// 501 to one person, without an address.
fn ring(callee: &str) -> Value {
    json!({"list_pseudo": [callee], "address": NOWHERE, "port": 0})
}

/// Lets `caller` ring `callee`, who accepts; gives the id of the call before any addresses.
async fn accepted(caller: &mut Wire, callee: &mut Wire, callee_name: &str) -> Value {
    let echo = caller.ask(501, ring(callee_name)).await;
    let id = echo["args"]["id_group"].clone();
    assert_eq!(callee.notice(501).await["id_group"], id);
    let accept = json!({"pseudo": callee_name, "id_group": id});
    let echo = callee.ask(502, accept.clone()).await;
    assert_eq!((&echo["type"], &echo["args"]), (&json!(502), &accept));
    assert_eq!(caller.notice(502).await, accept);
    id
}

#[tokio::test]
async fn a_call_from_501_to_503() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.wires_of("alice", "bob").await;

    // call request, call notif
    let echo = alice.ask(501, ring("bob")).await;
    let id = echo["args"]["id_group"].clone();
    assert_eq!(echo["args"]["list_pseudo"], json!(["bob"]));
    let notif = bob.notice(501).await;
    assert_eq!(
        (&notif["pseudo"], &notif["id_group"]),
        (&json!("alice"), &id)
    );

    // accept call, request info call to both
    let accept = json!({"pseudo": "bob", "id_group": id});
    assert_eq!(bob.ask(502, accept.clone()).await["args"], accept);
    assert_eq!(alice.notice(502).await, accept);
    assert_eq!(alice.notice(505).await["id_group"], id);
    assert_eq!(bob.notice(505).await["id_group"], id);

    // info call from both, distribute info call to both
    let of_alice = json!({"address": "192.0.2.1", "port": 4001, "ice": {"any": ["thing"]}});
    let of_bob = json!({"address": "2001:db8::2", "port": 4002});
    for (wire, told) in [(&mut alice, &of_alice), (&mut bob, &of_bob)] {
        let mut args = told.clone();
        args["id_group"] = id.clone();
        let echo = wire.ask(506, args.clone()).await;
        assert_eq!((&echo["type"], &echo["args"]), (&json!(506), &args));
    }
    for (wire, name, mut entry) in [(&mut alice, "bob", of_bob), (&mut bob, "alice", of_alice)] {
        entry["pseudo"] = json!(name);
        let distributed = json!({"id_group": id, "list_info": [entry]});
        assert_eq!(wire.notice(507).await, distributed);
    }

    // transfer data, both ways
    for (from, to, sender, recipient) in [(0, 1, "alice", "bob"), (1, 0, "bob", "alice")] {
        let wires = [&mut alice, &mut bob];
        let data = json!({"pseudo": recipient, "data": "aGVsbG8=", "id_group": id});
        assert_eq!(wires[from].ask(504, data.clone()).await["args"], data);
        let came = wires[to].notice(504).await;
        assert_eq!(
            came,
            json!({"pseudo": sender, "data": "aGVsbG8=", "id_group": id})
        );
    }

    // quit call
    let quit = json!({"pseudo": "alice", "id_group": id});
    assert_eq!(alice.ask(503, quit.clone()).await["args"], quit);
    let left = bob.notice(503).await;
    assert_eq!(
        (&left["pseudo"], &left["reason"]),
        (&json!("alice"), &json!("quit"))
    );
    let over = bob.notice(503).await;
    assert_eq!(
        (&over["pseudo"], &over["reason"]),
        (&json!("bob"), &json!("ended"))
    );
}

#[tokio::test]
async fn early_info_saves_the_506_and_is_told_to_nobody_before_the_accept() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.wires_of("alice", "bob").await;
    let info = |port: u16| json!({"address": "192.0.2.1", "port": port, "key": "k"});
    let mut early = ring("bob");
    early["info"] = info(1);
    let echo = alice.ask(501, early).await;
    let id = echo["args"]["id_group"].clone();
    let rung = bob.notice(501).await;
    assert_eq!((rung.get("info"), &rung["port"]), (None, &json!(0)));

    let echo = bob
        .ask(
            502,
            json!({"pseudo": "bob", "id_group": id, "info": info(2)}),
        )
        .await;
    assert_eq!(echo["args"].get("info"), None);
    for (wire, port) in [(&mut alice, 2), (&mut bob, 1)] {
        wire.notice(505).await;
        let told = wire.notice(507).await;
        assert_eq!(told["list_info"][0]["port"], json!(port));
        assert_eq!(told["list_info"][0]["key"], json!("k"));
    }

    // A new network: the other one hears of it without being asked again.
    let mut moved = info(3);
    moved["id_group"] = id;
    alice.ask(506, moved).await;
    assert_eq!(bob.notice(507).await["list_info"][0]["port"], json!(3));
    assert!(!alice.has_come(507).await);
}

#[tokio::test]
async fn data_for_somebody_who_is_not_in_the_call_is_not_sent_403() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.wires_of("alice", "bob").await;
    let data = |to: &str, id: &Value| json!({"pseudo": to, "data": "aGk=", "id_group": id});
    let nowhere = alice.ask(504, data("bob", &json!("no such call"))).await;
    assert_eq!(nowhere["type"], json!(403));

    let id = accepted(&mut alice, &mut bob, "bob").await;
    assert_eq!(alice.ask(504, data("carol", &id)).await["type"], json!(403));
    assert_eq!(alice.ask(504, data("bob", &id)).await["type"], json!(504));
    bob.ask(503, json!({"pseudo": "bob", "id_group": id})).await;
    alice.notice(503).await;
    assert_eq!(alice.ask(504, data("bob", &id)).await["type"], json!(403));
}

#[tokio::test]
async fn a_call_that_cannot_be_fails_404() {
    let world = World::start().await;
    let (mut alice, bob) = world.wires_of("alice", "bob").await;
    let stranger = alice.ask(501, ring("carol")).await;
    assert_eq!(stranger["type"], json!(404));
    assert_eq!(stranger["reason"], json!("not_allowed"));

    drop(bob);
    alice
        .notice_where(202, |bob| bob["status"] == json!("offline"))
        .await;
    let offline = alice.ask(501, ring("bob")).await;
    assert_eq!(offline["type"], json!(404));
    assert_eq!(offline["reason"], json!("offline"));
    assert!(offline["id_group"].is_string(), "{offline}");

    let accept = json!({"pseudo": "alice", "id_group": "no such call"});
    assert_eq!(alice.ask(502, accept.clone()).await["type"], json!(404));
    assert_eq!(alice.ask(503, accept).await["type"], json!(404));
}

#[tokio::test]
async fn nobody_acts_in_anothers_name_451() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.wires_of("alice", "bob").await;
    let mut carol = world.wire_of("carol").await;
    let echo = alice.ask(501, ring("bob")).await;
    let id = echo["args"]["id_group"].clone();
    bob.notice(501).await;

    let as_bob = json!({"pseudo": "bob", "id_group": id});
    assert_eq!(alice.ask(502, as_bob.clone()).await["type"], json!(451));
    assert_eq!(alice.ask(503, as_bob.clone()).await["type"], json!(451));
    assert_eq!(carol.ask(502, as_bob).await["type"], json!(451));
    let as_carol = json!({"pseudo": "carol", "id_group": id});
    assert_eq!(carol.ask(502, as_carol).await["type"], json!(451));
    assert!(!alice.has_come(502).await);
}

#[tokio::test]
async fn a_group_from_603_to_605() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.wires_of("alice", "bob").await;
    let created = alice.ask(603, json!({"group_name": "choir"})).await;
    assert_eq!(created["type"], json!(201));
    let id = created["args"]["id_group"].clone();
    assert_eq!(created["args"]["list_pseudo"], json!(["alice"]));

    let add = json!({"id_group": id, "pseudo": "bob"});
    let nobody = json!({"id_group": id, "pseudo": "nobody"});
    assert_eq!(alice.ask(604, nobody).await["type"], json!(405));
    assert_eq!(alice.ask(604, add.clone()).await["type"], json!(201));
    assert_eq!(alice.ask(604, add.clone()).await["type"], json!(405));
    assert_eq!(bob.notice(203).await, add);
    let group = bob.notice(201).await;
    assert_eq!(group["list_pseudo"], json!(["alice", "bob"]));

    assert_eq!(bob.ask(605, add.clone()).await["args"], add);
    assert_eq!(alice.notice(204).await, add);
}

#[tokio::test]
async fn contacts_from_606_to_607() {
    let world = World::start().await;
    let (mut alice, mut bob) = (world.wire_of("alice").await, world.wire_of("bob").await);
    let (to_bob, to_alice) = (json!({"pseudo": "bob"}), json!({"pseudo": "alice"}));
    let unknown = alice.ask(606, json!({"pseudo": "nobody"})).await;
    assert_eq!(unknown["type"], json!(405));

    let asked = alice.ask(606, to_bob.clone()).await;
    assert_eq!(
        (&asked["type"], &asked["args"]["status"]),
        (&json!(205), &json!("pending"))
    );
    assert_eq!(bob.notice(205).await["status"], json!("requested"));
    assert_eq!(alice.ask(606, to_bob.clone()).await["type"], json!(407));
    let confirmed = bob.ask(606, to_alice.clone()).await;
    assert_eq!(confirmed["args"]["status"], json!("online"));
    assert_eq!(alice.notice(205).await["status"], json!("online"));

    let deleted = alice.ask(607, to_bob.clone()).await;
    assert_eq!((&deleted["type"], &deleted["args"]), (&json!(206), &to_bob));
    assert_eq!(bob.notice(206).await, to_alice);
    assert_eq!(alice.ask(607, to_bob).await["type"], json!(406));
}

#[tokio::test]
async fn a_profile_from_601_to_608() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.wires_of("alice", "bob").await;
    let good = json!({"pseudo": "alice", "password": "correct horse battery"});
    let mut phone = world.wire().await;
    assert_eq!(phone.ask(601, good.clone()).await["type"], json!(401));
    assert_eq!(
        alice.ask(602, json!({"pseudo": "bob"})).await["type"],
        json!(401)
    );
    let amended = alice.ask(602, json!({"pseudo": "Alice"})).await;
    assert_eq!(amended["args"]["pseudo"], json!("Alice"));
    let renamed = |alice: &Value| alice["previous_pseudo"] == json!("alice");
    assert_eq!(
        bob.notice_where(202, renamed).await["pseudo"],
        json!("Alice")
    );

    drop(alice);
    bob.notice_where(202, |alice| alice["status"] == json!("offline"))
        .await;
    let bad = json!({"pseudo": "alice", "password": "wrong"});
    assert_eq!(phone.ask(608, bad).await["type"], json!(402));
    let seq = phone.send(608, good).await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(phone.answer(seq).await["type"].clone());
    }
    assert_eq!(codes, [202, 208, 207]);
    bob.notice_where(202, |alice| alice["status"] == json!("online"))
        .await;
}

#[tokio::test]
async fn before_login_nothing_else_is_answered_402() {
    let world = World::start().await;
    let mut wire = world.wire().await;
    let person = json!({"pseudo": "alice"});
    let call = json!({"pseudo": "alice", "id_group": "x", "data": ""});
    let address = json!({"id_group": "x", "address": NOWHERE, "port": 0});
    for (code, args) in [
        (602, person.clone()),
        (603, json!({"group_name": "choir"})),
        (604, call.clone()),
        (605, call.clone()),
        (606, person.clone()),
        (607, person),
        (501, ring("alice")),
        (502, call.clone()),
        (503, call.clone()),
        (504, call),
        (506, address),
        (651, json!({})),
    ] {
        assert_eq!(wire.ask(code, args).await["type"], json!(402), "{code}");
    }
    assert_eq!(
        wire.ask(650, json!({"token": "stale"})).await["type"],
        json!(402)
    );
    wire.send_text("not a frame").await;
    assert_eq!(wire.next_code().await, 450);
}

#[tokio::test]
async fn a_session_is_resumed_elsewhere_while_its_connection_seems_alive() {
    let world = World::start().await;
    let mut old = world.wire().await;
    let new_profile = json!({"pseudo": "alice", "password": "correct horse battery"});
    let token = old.ask(601, new_profile).await["args"]["token"].clone();

    let mut new = world.wire().await;
    let seq = new.send(650, json!({"token": token})).await;
    let resumed = new.answer(seq).await;
    assert_eq!(
        (&resumed["type"], &resumed["args"]["token"]),
        (&json!(202), &token)
    );
    assert_eq!(new.answer(seq).await["type"], json!(208));
    assert_eq!(new.answer(seq).await["type"], json!(207));
    assert_eq!(old.is_closed().await, 4001);

    let group = new.ask(603, json!({"group_name": "choir"})).await;
    assert_eq!(group["type"], json!(201));
    assert_eq!(new.ask(651, json!({})).await["type"], json!(651));
    assert_eq!(
        new.ask(650, json!({"token": token})).await["type"],
        json!(402)
    );
}
