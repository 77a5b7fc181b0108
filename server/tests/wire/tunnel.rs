//! Voice through the server, in binary frames and in 504.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::calls::{connect, info};
use crate::client::start;

fn frame(name: &str, payload: &[u8]) -> Message {
    let mut frame = vec![1, u8::try_from(name.len()).unwrap()];
    frame.extend_from_slice(name.as_bytes());
    frame.extend_from_slice(payload);
    Message::binary(frame)
}

#[tokio::test]
async fn each_participant_gets_voice_in_the_encoding_that_it_speaks() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let id = connect(&mut alice, &mut bob).await;

    // Bob has sent no binary frame yet, so he gets text.
    alice.raw(frame("bob", b"hi")).await;
    let text = bob.expect(504).await;
    assert_eq!(
        text["args"],
        json!({"pseudo": "alice", "data": "aGk=", "id_group": id})
    );
    bob.raw(frame("ALICE", b"hello")).await;
    assert_eq!(alice.frame().await, frame("bob", b"hello"));
    alice.raw(frame("bob", b"again")).await;
    assert_eq!(bob.frame().await, frame("alice", b"again"));
    // And what came as text leaves as a binary frame.
    let data = json!({"pseudo": "bob", "data": "aGk=", "id_group": id});
    alice.must(504, data, 504).await;
    assert_eq!(bob.frame().await, frame("alice", b"hi"));
}

#[tokio::test]
async fn binary_frames_reach_participants_of_ones_own_call_only() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    carol.raw(frame("bob", b"psst")).await;
    let id = connect(&mut alice, &mut bob).await;
    carol.raw(frame("bob", b"psst")).await;
    alice.raw(frame("carol", b"psst")).await;
    carol.quiet().await;
    bob.quiet().await;
    bob.must(506, info(&id, 9), 506).await;
}

#[tokio::test]
async fn a_malformed_binary_frame_harms_nobody() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    connect(&mut alice, &mut bob).await;
    for malformed in [
        &[][..],
        &[1],
        &[2, 1, b'a', 0],
        &[1, 200, b'a'],
        &[1, 1, 0xff, 0],
        &[1, 3, b'b', b'o', b'b'],
    ] {
        alice.raw(Message::binary(malformed.to_vec())).await;
        assert_eq!(alice.expect(450).await["type"], 450);
    }
    alice.raw(frame("bob", &[7; 1501])).await;
    alice.expect(450).await;
    bob.quiet().await;
}
