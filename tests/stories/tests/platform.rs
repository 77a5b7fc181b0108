//! The platform around a call's sound, played by one that does as it is told.

use std::sync::Arc;

use cooee_sdk::{
    AudioRoute, AudioRouteKind, CallOptions, Client, Credentials, EndReason, Event, Input, Output,
    Permission, PlatformNews, ScriptedAudio,
};
use cooee_stories::{Person, World};

/// Alice on a phone, with a line of her own to the server.
async fn on_a_phone(alice: &Person) -> (Client, Arc<ScriptedAudio>) {
    let phone = Arc::new(ScriptedAudio::new());
    let client = Client::builder()
        .server(alice.line.url())
        .data_folder(alice.folder().join("phone"))
        .credentials(Credentials::Session)
        .audio_platform(Arc::clone(&phone) as _)
        .build()
        .await
        .unwrap();
    client
        .login(alice.name(), cooee_stories::password())
        .await
        .unwrap();
    (client, phone)
}

fn route(id: &str, kind: AudioRouteKind) -> AudioRoute {
    AudioRoute {
        id: id.to_owned(),
        name: id.to_owned(),
        kind,
        active: false,
    }
}

/// The phone's own microphone and loudspeaker, whether this machine has any or not.
fn devices() -> CallOptions {
    CallOptions::default()
}

/// Alice's voice, and the phone's loudspeaker.
fn voice_of(alice: &Person) -> CallOptions {
    CallOptions {
        input: Input::Custom(Box::new(alice.voice.mouth())),
        output: Output::Default,
        ..CallOptions::default()
    }
}

#[tokio::test]
async fn who_may_not_listen_has_no_call_and_takes_no_sound() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let (client, phone) = on_a_phone(&alice).await;
    phone.permit(Permission::Undetermined, Permission::Denied);
    let call = client.call(bob.name(), devices()).await.unwrap();
    let _answer = bob.rings().await.accept(CallOptions {
        input: Input::Custom(Box::new(bob.voice.mouth())),
        output: Output::Null,
        ..CallOptions::default()
    });
    let _answer = _answer.await.unwrap();
    let (reason, words) = call.ended().await;
    assert_eq!(reason, EndReason::Audio);
    assert!(words.unwrap().contains("may not use the microphone"));
    assert_eq!(phone.asked(), ["permission"]);
}

#[tokio::test]
async fn a_telephone_call_holds_the_voice_until_it_is_over() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let (client, phone) = on_a_phone(&alice).await;
    let mut events = client.events();
    let call = client.call(bob.name(), voice_of(&alice)).await.unwrap();
    let ring = bob.rings().await;
    let answer = bob.accepts(ring).await;
    answer.hears_voice(&alice.voice).await;

    phone.tell(PlatformNews::Interrupted);
    answer.hears_nothing_of_voice(&alice.voice).await;
    assert!(!call.snapshot().muted, "what the user has set stays");
    phone.tell(PlatformNews::Resumed);
    answer.hears_voice(&alice.voice).await;
    let mut told = Vec::new();
    while told.len() < 2 {
        if let Some(cooee_sdk::EventOrGap::Event(event)) = events.recv().await
            && let Event::SoundInterrupted { interrupted } = *event
        {
            told.push(interrupted);
        }
    }
    assert_eq!(told, [true, false]);

    phone.set_routes(vec![
        route("ear", AudioRouteKind::Earpiece),
        route("loud", AudioRouteKind::Speaker),
    ]);
    call.set_route("loud").await.unwrap();
    let routes = client.audio_routes().await;
    assert!(
        routes
            .iter()
            .any(|route| route.id == "loud" && route.active)
    );
    let missing = call.set_route("moon").await.unwrap_err();
    assert_eq!(missing.code(), "no_route");

    answer.hangs_up().await;
    call.ended().await;
    assert_eq!(
        phone.asked(),
        ["begin", "select loud", "select moon", "end"]
    );
}
