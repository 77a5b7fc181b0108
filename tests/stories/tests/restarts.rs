//! Servers and clients that end and start again.

use cooee_sdk::{Connectivity, EndReason, Event, Status};
use cooee_stories::{Refusal, World, name};

#[tokio::test]
async fn a_killed_server_has_kept_everything_that_it_acknowledged_and_sessions_resume() {
    let mut world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let carol = world.person("carol").await;
    alice.client.add_contact(carol.name()).await.unwrap();
    let group = alice.client.create_group("choir".parse().unwrap()).await;
    let id = group.unwrap().id_group;
    let acknowledged = alice.client.add_to_group(id, bob.name()).await.unwrap();

    world.is_killed_and_starts_again().await;
    for person in [&mut alice, &mut bob] {
        let resumed = |event: &Event| matches!(event, Event::Online { resumed: true });
        person.expect_event("the session to go on", resumed).await;
        assert_eq!(person.client.groups(), std::slice::from_ref(&acknowledged));
    }
    assert_eq!(
        alice.contact(&carol.name()).unwrap().status,
        Status::Pending
    );
    alice.sees(&bob.name(), Status::Online).await;

    // And it works as before.
    let call = alice.calls(&bob).await;
    bob.rings().await.decline().await.unwrap();
    assert_eq!(call.ends().await, EndReason::Declined);
}

#[tokio::test]
async fn a_server_that_stops_is_waited_for() {
    let mut world = World::start().await;
    let (mut alice, _bob) = world.alice_and_bob().await;
    world.stops().await;
    let reconnecting = |event: &Event| matches!(event, Event::Reconnecting { .. });
    alice.expect_event("to lose the server", reconnecting).await;
    let offline = alice.client.add_contact(name("carol")).await;
    assert_eq!(offline.unwrap_err().code(), "offline");

    world.starts_again().await;
    let resumed = |event: &Event| matches!(event, Event::Online { resumed: true });
    alice.expect_event("the session to go on", resumed).await;
    let nobody = alice.client.add_contact(name("carol")).await;
    assert_eq!(nobody.refused(), cooee_sdk::ErrorCode::ProfileNotAdded);
}

#[tokio::test]
async fn people_in_a_call_go_on_talking_while_the_server_dies_and_hang_up_with_its_successor() {
    let mut world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    let answer = bob.accepts(ring).await;
    answer.hears(&call).await;

    world.is_killed_and_starts_again().await;
    for person in [&mut alice, &mut bob] {
        let resumed = |event: &Event| matches!(event, Event::Online { resumed: true });
        person.expect_event("the session to go on", resumed).await;
    }
    answer.both_hear(&call).await;
    alice.sees(&bob.name(), Status::InCall).await;
    call.hangs_up().await;
    assert_eq!(answer.ends().await, EndReason::RemoteHungUp);
    alice.sees(&bob.name(), Status::Online).await;
}

#[tokio::test]
async fn a_client_comes_back_with_the_session_of_its_folder() {
    let world = World::start().await;
    let alice = world.alice().await;
    let group = alice.client.create_group("choir".parse().unwrap()).await;
    let again = alice.restarts().await;
    assert_eq!(
        *again.client.connectivity().borrow(),
        Connectivity::SignedOut
    );
    let me = again.client.resume().await.unwrap();
    assert_eq!(me.name, name("alice"));
    assert_eq!(again.client.groups(), [group.unwrap()]);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_session_in_the_folder_and_no_password_is_there() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::start().await;
    let alice = world.alice().await;
    let mut folders = vec![alice.folder().to_owned()];
    let mut sessions = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let password = b"correct horse battery";
            assert!(!bytes.windows(password.len()).any(|part| part == password));
            if path.ends_with("credentials/sessions.json") {
                sessions.push(path.metadata().unwrap().permissions().mode() & 0o777);
            }
        }
    }
    assert_eq!(sessions, [0o600]);
}

#[tokio::test]
async fn a_client_without_network_shows_contacts_groups_and_history() {
    let mut world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let group = alice.client.create_group("choir".parse().unwrap()).await;
    let id = group.unwrap().id_group;
    let group = alice.client.add_to_group(id, bob.name()).await.unwrap();
    let call = alice.calls(&bob).await;
    bob.rings().await.decline().await.unwrap();
    call.ends().await;
    alice.exchanges_a_message().await;

    world.stops().await;
    let offline = alice.restarts().await;
    assert_eq!(
        offline.client.resume().await.unwrap_err().code(),
        "unreachable"
    );
    assert_eq!(offline.name(), name("alice"));
    let contact = offline.contact(&bob.name()).unwrap();
    assert_eq!(
        contact.status,
        Status::Offline,
        "nobody's presence is known"
    );
    let kept = offline.group(&group.id_group).unwrap();
    assert_eq!(kept.group_name, group.group_name);
    assert_eq!(kept.list_pseudo, group.list_pseudo);
    assert_eq!(kept.last_update_date, group.last_update_date);
    let history = offline.client.history(10, None).await.unwrap();
    let ends: Vec<_> = history
        .iter()
        .map(|record| (record.peers.concat(), record.end_reason.clone()))
        .collect();
    assert_eq!(ends, [("bob".to_owned(), Some("declined".to_owned()))]);

    // It goes on by itself as soon as there is a server again.
    let mut offline = offline;
    offline.client.resume_when_possible().await.unwrap();
    world.starts_again().await;
    let online = |event: &Event| matches!(event, Event::Online { .. });
    offline.expect_event("to be online", online).await;
}

#[tokio::test]
async fn a_client_without_network_still_knows_who_created_a_group() {
    let mut world = World::start().await;
    let alice = world.alice().await;
    let group = alice.client.create_group("choir".parse().unwrap()).await;
    let group = group.unwrap();
    world.stops().await;
    let offline = alice.restarts().await;
    assert_eq!(offline.client.groups(), [group]);
}
