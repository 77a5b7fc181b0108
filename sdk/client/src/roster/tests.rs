#![allow(clippy::unwrap_used)]

use cooee_protocol::{AddContact, GroupMember};

use super::*;

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

fn contact(who: &str, status: Status) -> Contact {
    Contact {
        pp: PictureId::NONE,
        pseudo: name(who),
        status,
    }
}

fn group(id: &str, members: &[&str]) -> Group {
    Group {
        id_group: id.parse().unwrap(),
        group_name: "friends".parse().unwrap(),
        list_pseudo: members.iter().map(|member| name(member)).collect(),
        last_update_date: "2026-01-01T00:00:00Z".to_owned(),
        creator: members.first().map(|first| name(first)),
    }
}

fn profile(who: &str, status: Status, previous: Option<&str>) -> ServerMessage {
    ServerMessage::Profile(Profile {
        pp: PictureId::NONE,
        pseudo: name(who),
        status,
        previous_pseudo: previous.map(name),
        token: None,
        stun: Vec::new(),
    })
}

fn member(id: &str, who: &str) -> GroupMember {
    GroupMember {
        id_group: id.parse().unwrap(),
        pseudo: name(who),
    }
}

/// Alice, with bob as a contact, carol asked, dave asking, and a group of the first three.
fn alice() -> Roster {
    let mut roster = Roster::default();
    let ServerMessage::Profile(me) = profile("Alice", Status::Online, None) else {
        unreachable!()
    };
    roster.replace(&Synchronised {
        profile: me,
        contacts: vec![
            contact("Bob", Status::Online),
            contact("carol", Status::Pending),
            contact("dave", Status::Requested),
        ],
        groups: vec![group("g", &["alice", "bob", "carol"])],
        resumed: false,
    });
    roster
}

fn names(roster: &Roster, id: &str) -> Vec<String> {
    let group = &roster.groups[&id.parse::<GroupId>().unwrap()];
    group.list_pseudo.iter().map(ToString::to_string).collect()
}

#[test]
fn a_sign_in_replaces_everything() {
    let mut roster = alice();
    let ServerMessage::Profile(other) = profile("zoe", Status::Online, None) else {
        unreachable!()
    };
    roster.replace(&Synchronised {
        profile: other,
        contacts: Vec::new(),
        groups: Vec::new(),
        resumed: false,
    });
    assert_eq!(roster.me.unwrap().name, name("zoe"));
    assert!(roster.contacts.is_empty() && roster.groups.is_empty());
}

#[test]
fn a_request_becomes_a_contact_and_is_removed() {
    let mut roster = alice();
    let asked = ServerMessage::ContactAdded(contact("eve", Status::Requested));
    assert_eq!(roster.apply(&asked).len(), 1);
    let confirmed = contact("Eve", Status::Online);
    let changes = roster.apply(&ServerMessage::ContactAdded(confirmed.clone()));
    assert_eq!(
        changes,
        [Change::Contact {
            contact: confirmed,
            previous: None
        }]
    );
    let known: Vec<_> = roster.contacts.keys().map(ToString::to_string).collect();
    assert!(
        known.contains(&"Eve".to_owned()),
        "shown as the server says: {known:?}"
    );
    let gone = ServerMessage::ContactDeleted(AddContact {
        pseudo: name("EVE"),
    });
    assert_eq!(roster.apply(&gone), [Change::ContactRemoved(name("eve"))]);
    assert!(roster.apply(&gone).is_empty(), "removed once");
}

#[test]
fn presence_is_for_confirmed_contacts() {
    let mut roster = alice();
    let status = |roster: &Roster, who: &str| roster.contacts[&name(who)].status;
    roster.apply(&profile("bob", Status::InCall, None));
    roster.apply(&profile("carol", Status::Online, None));
    roster.apply(&profile("dave", Status::Offline, None));
    assert_eq!(status(&roster, "bob"), Status::InCall);
    assert_eq!(status(&roster, "carol"), Status::Pending);
    assert_eq!(status(&roster, "dave"), Status::Requested);
    assert!(
        roster
            .apply(&profile("stranger", Status::Online, None))
            .is_empty()
    );
    roster.forget_presence();
    assert_eq!(status(&roster, "bob"), Status::Offline);
    assert_eq!(status(&roster, "carol"), Status::Pending);
    assert_eq!(roster.me.unwrap().status, Status::Offline);
}

#[test]
fn a_contact_is_renamed_everywhere() {
    let mut roster = alice();
    let changes = roster.apply(&profile("robert", Status::Online, Some("BOB")));
    assert!(matches!(
        &changes[..],
        [
            Change::Contact { contact, previous: Some(previous) },
            Change::Group(_),
        ] if contact.pseudo == name("robert") && *previous == name("bob")
    ));
    assert!(!roster.contacts.contains_key(&name("bob")));
    assert_eq!(names(&roster, "g"), ["alice", "robert", "carol"]);
}

#[test]
fn a_fellow_member_who_is_no_contact_is_renamed_too() {
    let mut roster = alice();
    roster.contacts.clear();
    let changes = roster.apply(&profile("robert", Status::Online, Some("bob")));
    assert!(matches!(&changes[..], [Change::Group(_)]));
    assert!(roster.contacts.is_empty());
}

#[test]
fn another_spelling_is_the_same_person() {
    let mut roster = alice();
    roster.apply(&profile("BOB", Status::Online, Some("bob")));
    let known: Vec<_> = roster.contacts.keys().map(ToString::to_string).collect();
    assert_eq!(known, ["BOB", "carol", "dave"]);
    assert_eq!(names(&roster, "g"), ["alice", "BOB", "carol"]);
}

#[test]
fn one_renames_oneself() {
    let mut roster = alice();
    let changes = roster.apply(&profile("ally", Status::Online, Some("alice")));
    assert!(matches!(
        &changes[..],
        [Change::Me(me), Change::Group(_)] if me.name == name("ally")
    ));
    assert_eq!(names(&roster, "g"), ["ally", "bob", "carol"]);
    let group = &roster.groups[&"g".parse::<GroupId>().unwrap()];
    assert_eq!(
        group.creator,
        Some(name("ally")),
        "still whoever created it"
    );
    // The name that is free again belongs to somebody else now.
    roster.apply(&ServerMessage::ContactAdded(contact(
        "alice",
        Status::Online,
    )));
    roster.apply(&profile("alice", Status::InCall, None));
    assert_eq!(roster.me.unwrap().name, name("ally"));
    assert_eq!(roster.contacts[&name("alice")].status, Status::InCall);
}

#[test]
fn groups_come_grow_shrink_and_go() {
    let mut roster = alice();
    let added = ServerMessage::MemberAdded(member("g", "dave"));
    roster.apply(&added);
    roster.apply(&added);
    assert_eq!(names(&roster, "g"), ["alice", "bob", "carol", "dave"]);
    roster.apply(&ServerMessage::MemberLeft(member("g", "BOB")));
    assert_eq!(names(&roster, "g"), ["alice", "carol", "dave"]);
    // A group that is new here: its 201 follows.
    let other = ServerMessage::MemberAdded(member("new", "alice"));
    assert!(roster.apply(&other).is_empty());
    roster.apply(&ServerMessage::Group(group("new", &["eve", "alice"])));
    assert_eq!(names(&roster, "new"), ["eve", "alice"]);
    // Oneself leaves, or is removed.
    let left = ServerMessage::MemberLeft(member("g", "Alice"));
    assert!(matches!(
        &roster.apply(&left)[..],
        [Change::GroupRemoved(_)]
    ));
    assert!(roster.apply(&left).is_empty());
    assert!(
        roster
            .apply(&ServerMessage::MemberLeft(member("g", "dave")))
            .is_empty()
    );
    assert_eq!(roster.groups.len(), 1);
}

#[test]
fn who_one_was_is_remembered_only_where_nothing_is_known() {
    let mut roster = Roster::default();
    roster.remember(name("alice"));
    assert_eq!(roster.me.as_ref().unwrap().name, name("alice"));
    roster.remember(name("bob"));
    assert_eq!(roster.me.unwrap().name, name("alice"));
}
