//! Profiles: creating, amending, signing in, pictures.

use cooee_sdk::{AmendProfile, Connectivity, ErrorCode, Event, NewPassword, Password, Status};
use cooee_stories::{Refusal, World, name, password};

/// A PNG of one pixel.
const PIXEL: [u8; 67] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4,
    0x89, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x00, 0x01, 0x00, 0x00,
    0x05, 0x00, 0x01, 0x0d, 0x0a, 0x2d, 0xb4, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae,
    0x42, 0x60, 0x82,
];

fn new_password() -> NewPassword {
    NewPassword::parse("battery staple horse").unwrap()
}

fn rename(to: &str) -> AmendProfile {
    AmendProfile {
        pseudo: Some(name(to)),
        ..AmendProfile::default()
    }
}

#[tokio::test]
async fn a_profile_is_created_unless_its_name_is_taken() {
    let world = World::start().await;
    let alice = world.stranger().await;
    let me = alice.client.register(name("Alice"), new_password()).await;
    let me = me.unwrap();
    assert_eq!((me.name.as_str(), me.status), ("Alice", Status::Online));

    // Names are compared without regard to case.
    let other = world.stranger().await;
    let taken = other.client.register(name("aLiCe"), new_password()).await;
    assert_eq!(taken.refused(), ErrorCode::PseudoExists);
    assert!(other.client.profile().is_none());
}

#[tokio::test]
async fn a_profile_is_amended_and_contacts_see_it() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    alice.client.amend_profile(rename("Alicia")).await.unwrap();
    assert_eq!(alice.name().as_str(), "Alicia");

    let renamed = |event: &Event| match event {
        Event::ContactChanged { contact, previous } => {
            contact.pseudo == name("alicia") && *previous == Some(name("alice"))
        }
        _ => false,
    };
    bob.expect_event("Alice's new name", renamed).await;
    assert!(bob.contact(&name("alice")).is_none());
    assert_eq!(bob.contact(&name("alicia")).unwrap().status, Status::Online);

    // The old name is free again, the new one is not.
    world.person("alice").await;
    let other = world.stranger().await;
    let taken = other.client.register(name("alicia"), new_password()).await;
    assert_eq!(taken.refused(), ErrorCode::PseudoExists);
}

#[tokio::test]
async fn a_profile_does_not_get_a_name_that_is_taken_and_nothing_else_of_that_request_either() {
    let world = World::start().await;
    let (alice, bob) = world.alice_and_bob().await;
    let changes = AmendProfile {
        password: Some(new_password()),
        ..rename("bob")
    };
    let taken = alice.client.amend_profile(changes).await;
    assert_eq!(taken.refused(), ErrorCode::PseudoExists);
    assert_eq!(alice.name(), name("alice"));
    assert_eq!(bob.contact(&name("alice")).unwrap().status, Status::Online);

    // The password is the old one.
    world.another_session_of(&alice).await;
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_are_refused_alike() {
    let world = World::start().await;
    let alice = world.alice().await;
    let wrong = Password::parse("not the horse").unwrap();

    let other = world.stranger().await;
    let no_password = other.client.login(alice.name(), wrong).await.unwrap_err();
    let no_name = other.client.login(name("nobody"), password()).await;
    let no_name = no_name.unwrap_err();
    assert_eq!(no_password.code(), "auth_failed");
    assert_eq!(no_name.code(), "auth_failed");
    assert_eq!(no_password.to_string(), no_name.to_string());
    assert_eq!(
        *other.client.connectivity().borrow(),
        Connectivity::SignedOut
    );
}

#[tokio::test]
async fn signing_in_brings_profile_contacts_and_groups_and_contacts_see_it() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let group = alice.client.create_group("choir".parse().unwrap()).await;
    let group = group.unwrap();
    let alice_name = alice.name();
    alice.client.logout().await.unwrap();
    bob.sees(&alice_name, Status::Offline).await;

    let phone = world.stranger().await;
    let me = phone.client.login(alice_name.clone(), password()).await;
    assert_eq!(me.unwrap().name, alice_name);
    assert_eq!(phone.contact(&bob.name()).unwrap().status, Status::Online);
    assert_eq!(phone.client.groups(), [group]);
    bob.sees(&alice_name, Status::Online).await;
}

#[tokio::test]
async fn who_logs_out_is_signed_out_for_good() {
    let world = World::start().await;
    let mut alice = world.alice().await.restarts().await;
    alice.client.resume().await.unwrap();
    alice.client.logout().await.unwrap();
    let signed_out = |event: &Event| matches!(event, Event::SignedOut { reason: None });
    alice.expect_event("to be signed out", signed_out).await;

    let again = alice.restarts().await;
    assert_eq!(
        again.client.resume().await.unwrap_err().code(),
        "no_session"
    );
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let world = World::start().await;
    let alice = world.alice().await;
    let mut stolen = world.another_session_of(&alice).await;
    let changes = AmendProfile {
        password: Some(new_password()),
        ..AmendProfile::default()
    };
    alice.client.amend_profile(changes).await.unwrap();

    let out = |event: &Event| match event {
        Event::SignedOut { reason } => {
            reason.as_ref().map(|reply| reply.code) == Some(ErrorCode::AuthFailed)
        }
        _ => false,
    };
    stolen.expect_event("to be signed out", out).await;
    let resumed = stolen.client.resume().await;
    assert_eq!(resumed.refused(), ErrorCode::AuthFailed);
    let old = stolen.client.login(alice.name(), password()).await;
    assert_eq!(old.refused(), ErrorCode::AuthFailed);
    // The session that changed it goes on.
    alice
        .client
        .create_group("mine".parse().unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_picture_is_uploaded_shown_and_seen_by_contacts() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let picture = alice.client.upload_picture(PIXEL.to_vec()).await.unwrap();
    let changes = AmendProfile {
        pp: Some(picture.clone()),
        ..AmendProfile::default()
    };
    alice.client.amend_profile(changes).await.unwrap();
    assert_eq!(alice.client.profile().unwrap().picture, picture);

    bob.until("Alice's picture", |client| {
        client
            .contacts()
            .iter()
            .any(|contact| contact.pp == picture)
    })
    .await;
    assert_eq!(bob.client.picture(&picture).await.unwrap(), PIXEL);
}

#[tokio::test]
async fn what_is_no_picture_or_was_never_uploaded_cannot_be_shown() {
    let world = World::start().await;
    let alice = world.alice().await;
    let refused = alice.client.upload_picture(b"#!/bin/sh".to_vec()).await;
    assert_eq!(refused.unwrap_err().code(), "transfer");

    let unknown = cooee_sdk::PictureId::parse(&"ab".repeat(32)).unwrap();
    let changes = AmendProfile {
        pp: Some(unknown.clone()),
        ..rename("alicia")
    };
    let refused = alice.client.amend_profile(changes).await;
    assert_eq!(refused.refused(), ErrorCode::Invalid);
    assert_eq!(alice.name(), name("alice"), "all or nothing");
    let missing = alice.client.picture(&unknown).await.unwrap_err();
    assert_eq!(missing.code(), "transfer");
}
