//! What people set during a call: who is heard, when, and how loud.

use cooee_sdk::{Event, SendMode};
use cooee_stories::World;

#[tokio::test]
async fn somebody_is_turned_down_and_that_is_remembered() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let b = bob.name();
    let call = alice.calls(&bob).await;
    call.call.set_volume(b.clone(), 0).await.unwrap();
    let ring = bob.rings().await;
    let answer = bob.accepts(ring).await;
    answer.hears(&call).await;
    call.hears_nothing_of(&answer).await;
    assert!(
        !call.has_heard(&bob.voice),
        "turned down from the first moment"
    );
    call.call.set_volume(b.clone(), 150).await.unwrap();
    call.hears(&answer).await;
    call.hangs_up().await;
    call.ends().await;
    answer.ends().await;

    let alice = alice.restarts().await;
    assert_eq!(alice.client.volumes().get(&b), Some(&150));
    alice.client.resume().await.unwrap();
    assert_eq!(alice.client.volumes().get(&b), Some(&150));
    let call = alice.calls(&bob).await;
    call.call.set_volume(b.clone(), 100).await.unwrap();
    assert!(alice.client.volumes().is_empty());
    call.hangs_up().await;
}

#[tokio::test]
async fn people_silence_mute_deafen_and_press_to_talk() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let (a, b) = (alice.name(), bob.name());
    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    let answer = bob.accepts(ring).await;
    answer.both_hear(&call).await;

    call.call.set_silenced(b.clone(), true).await.unwrap();
    call.hears_nothing_of(&answer).await;
    assert!(call.call.snapshot().silenced.contains(&b));
    call.call.set_silenced(b.clone(), false).await.unwrap();
    call.hears(&answer).await;

    call.call.set_deafened(true).await.unwrap();
    call.hears_nothing_of(&answer).await;
    answer.hears_nothing_of(&call).await;
    assert!(call.call.snapshot().deafened);
    call.call.set_deafened(false).await.unwrap();
    answer.both_hear(&call).await;

    answer
        .call
        .set_send_mode(SendMode::PushToTalk)
        .await
        .unwrap();
    call.hears_nothing_of(&answer).await;
    answer.call.set_talking(true).await.unwrap();
    call.hears(&answer).await;
    answer
        .call
        .set_send_mode(SendMode::VoiceActivated)
        .await
        .unwrap();
    call.hears(&answer).await;

    // Both know how the other one sounds, and how they send themselves.
    call.call.set_bitrate(20_000).await.unwrap();
    let told = |event: &Event| match event {
        Event::Stats(stats) => {
            let encoder = stats.encoder.map(|encoder| encoder.bitrate);
            stats.peers.values().any(|peer| peer.quality.is_some()) && encoder == Some(20_000)
        }
        _ => false,
    };
    alice.expect_event("an estimate", told).await;
    let stats = call.call.stats();
    assert!(stats.peers.contains_key(&b) && !stats.peers.contains_key(&a));
    call.hangs_up().await;
}
