//! 601, 602, 608 and their errors.

use serde_json::json;

use crate::client::{PASSWORD, befriend, group, start};

#[tokio::test]
async fn a_new_profile_is_logged_in() {
    let running = start().await;
    let mut alice = running.connect().await;
    let told = alice
        .must(601, json!({"pseudo": "Alice", "password": PASSWORD}), 202)
        .await;
    assert_eq!(told["args"]["pseudo"], "Alice");
    assert_eq!(told["args"]["pp"], "");
    assert_eq!(told["args"]["status"], "online");
    assert_eq!(told["args"]["token"].as_str().unwrap().len(), 43);
    let stun = running.server.stun_addr().unwrap().port();
    assert_eq!(told["args"]["stun"], json!([format!(":{stun}")]));
    alice.quiet().await;
}

#[tokio::test]
async fn a_taken_name_is_refused_in_any_case() {
    let running = start().await;
    running.register("alice").await;
    let mut other = running.connect().await;
    let args = json!({"pseudo": "ALICE", "password": PASSWORD});
    other.must(601, args, 401).await;
    // Still not logged in.
    other.must(603, json!({"group_name": "x"}), 402).await;
}

#[tokio::test]
async fn a_login_answers_profile_contacts_and_groups_in_this_order() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    group(&mut [&mut alice, &mut bob]).await;
    let mut again = running.connect().await;
    let args = json!({"pseudo": "aLiCe", "password": PASSWORD});
    let seq = again.send(608, args).await;
    let profile = again.expect(202).await;
    assert_eq!(profile["args"]["pseudo"], "alice");
    let contacts = again.expect(208).await;
    assert_eq!(
        contacts["args"]["list_contact"],
        json!([{"pp": "", "pseudo": "bob", "status": "online"}])
    );
    let groups = again.expect(207).await;
    let first = &groups["args"]["list_group"][0];
    assert_eq!(first["list_pseudo"], json!(["alice", "bob"]));
    assert_eq!(first["creator"], "alice");
    for answer in [profile, contacts, groups] {
        assert_eq!(answer["re"], seq);
    }
}

#[tokio::test]
async fn unknown_name_and_wrong_password_are_the_same() {
    let running = start().await;
    running.register("alice").await;
    let mut client = running.connect().await;
    let ask = |pseudo: &str, password: &str| json!({"pseudo": pseudo, "password": password});
    let wrong = client.must(608, ask("alice", "wrong horse"), 402).await;
    let unknown = client.must(608, ask("nobody", "wrong horse"), 402).await;
    assert_eq!(wrong["detail"], unknown["detail"]);
    // Too short to be anybody's is just wrong.
    client.must(608, ask("alice", "x"), 402).await;
    client.must(608, ask("alice", PASSWORD), 202).await;
}

#[tokio::test]
async fn arguments_that_are_not_allowed() {
    let running = start().await;
    let mut client = running.connect().await;
    for args in [
        json!({"pseudo": "alice", "password": "short"}),
        json!({"pseudo": "", "password": PASSWORD}),
        json!({"pseudo": "a b", "password": PASSWORD}),
        json!({"pseudo": "a".repeat(33), "password": PASSWORD}),
        json!({"password": PASSWORD}),
        json!({"pseudo": 7, "password": PASSWORD}),
        json!({"pseudo": "alice", "password": "p".repeat(257)}),
    ] {
        client.must(601, args, 450).await;
    }
    client
        .must(
            601,
            json!({"pseudo": "alice", "password": PASSWORD, "more": 1}),
            202,
        )
        .await;
}

#[tokio::test]
async fn everything_else_wants_a_login() {
    let running = start().await;
    let mut client = running.connect().await;
    let id = "018f0000-0000-7000-8000-000000000000";
    for (code, args) in [
        (602, json!({})),
        (603, json!({"group_name": "x"})),
        (604, json!({"id_group": id, "pseudo": "bob"})),
        (605, json!({"id_group": id, "pseudo": "bob"})),
        (606, json!({"pseudo": "bob"})),
        (607, json!({"pseudo": "bob"})),
        (
            501,
            json!({"list_pseudo": ["bob"], "address": "0.0.0.0", "port": 0}),
        ),
        (502, json!({"pseudo": "bob", "id_group": id})),
        (503, json!({"pseudo": "bob", "id_group": id})),
        (504, json!({"pseudo": "bob", "id_group": id, "data": ""})),
        (
            506,
            json!({"id_group": id, "address": "0.0.0.0", "port": 0}),
        ),
        (651, json!({})),
    ] {
        client.must(code, args, 402).await;
    }
}

#[tokio::test]
async fn a_rename_is_told_to_everybody_concerned() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut asked = running.register("carol").await;
    let mut fellow = running.register("dave").await;
    let mut stranger = running.register("eve").await;
    befriend(&mut bob, &mut fellow).await;
    let id = group(&mut [&mut bob, &mut alice, &mut fellow]).await;
    alice.must(606, json!({"pseudo": "carol"}), 205).await;
    asked.expect(205).await;
    let mut second = running.login("alice").await;

    let told = alice.must(602, json!({"pseudo": "Alicia"}), 202).await;
    assert_eq!(told["args"]["pseudo"], "Alicia");
    assert_eq!(told["args"]["previous_pseudo"], "alice");
    for (client, status) in [
        (&mut second, "online"),
        (&mut bob, "online"),
        (&mut asked, "requested"),
        (&mut fellow, "offline"),
    ] {
        let told = client.expect(202).await;
        assert_eq!(told["args"]["pseudo"], "Alicia");
        assert_eq!(told["args"]["previous_pseudo"], "alice");
        assert_eq!(told["args"]["status"], status, "{}", client.name);
    }
    for client in [&mut alice, &mut second, &mut bob, &mut fellow] {
        let told = client.expect(201).await;
        assert_eq!(told["args"]["id_group"], id.as_str());
        assert_eq!(
            told["args"]["list_pseudo"],
            json!(["bob", "Alicia", "dave"])
        );
    }
    stranger.quiet().await;
    // The old name is free, the new one is taken.
    stranger.must(602, json!({"pseudo": "alicia"}), 401).await;
    stranger.must(602, json!({"pseudo": "alice"}), 202).await;
}

#[tokio::test]
async fn a_change_is_all_or_nothing() {
    let running = start().await;
    let mut alice = running.register("alice").await;
    running.register("bob").await;
    let unknown = "ab".repeat(32);
    alice
        .must(602, json!({"pseudo": "carol", "pp": unknown}), 450)
        .await;
    alice
        .must(
            602,
            json!({"pseudo": "bob", "password": "another horse"}),
            401,
        )
        .await;
    let told = alice.must(602, json!({}), 202).await;
    assert_eq!(told["args"]["pseudo"], "alice");
    running.login("alice").await;
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let running = start().await;
    let mut alice = running.register("alice").await;
    let mut other = running.login("alice").await;
    // The same password again changes nothing.
    alice.must(602, json!({"password": PASSWORD}), 202).await;
    assert_eq!(other.presence().await, ("alice".into(), "online".into()));
    other.quiet().await;
    alice
        .must(602, json!({"password": "another horse"}), 202)
        .await;
    let over = other.expect(402).await;
    assert!(over.get("re").is_none());
    assert_eq!(other.closed_with().await, 1008);
    alice.quiet().await;
    let mut again = running.connect().await;
    again.must(650, json!({"token": other.token}), 402).await;
    let old = json!({"pseudo": "alice", "password": PASSWORD});
    again.must(608, old, 402).await;
    again.must(650, json!({"token": alice.token}), 202).await;
    let mut new = running.connect().await;
    let new_args = json!({"pseudo": "alice", "password": "another horse"});
    new.must(608, new_args, 202).await;
}
