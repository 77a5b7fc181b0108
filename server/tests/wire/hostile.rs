//! Malformed frames, floods, clients that do not read.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpSocket;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;

use crate::calls;
use crate::client::{Client, PASSWORD, Running, start, start_with};

#[tokio::test]
async fn malformed_frames_harm_nobody() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    for text in [
        "",
        "null",
        "[]",
        "7",
        "{",
        "{}",
        r#"{"type":"608"}"#,
        r#"{"type":999}"#,
        r#"{"type":-1}"#,
        r#"{"type":202,"args":{}}"#,
        r#"{"type":608,"args":[]}"#,
        r#"{"type":608}"#,
        r#"{"type":606,"args":{"pseudo":null}}"#,
        "\u{0}",
    ] {
        alice.text(text).await;
        let told = alice.expect(450).await;
        assert!(told["detail"].is_string(), "{text}");
    }
    alice.text(r#"{"type":999,"seq":17}"#).await;
    assert_eq!(alice.expect(450).await["re"], 17);
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    alice.text(&deep).await;
    alice.expect(450).await;
    alice.raw(Message::binary(vec![1, 2, 3])).await;
    alice.expect(450).await;
    let large = json!({"type": 603, "args": {"group_name": "x".repeat(70_000)}});
    alice.text(&large.to_string()).await;
    alice.expect(450).await;
    alice
        .must(603, json!({"group_name": "still here"}), 201)
        .await;
    bob.quiet().await;
}

#[tokio::test]
async fn a_frame_beyond_all_bounds_ends_the_connection() {
    let running = start().await;
    let mut alice = running.connect().await;
    alice.text(&"x".repeat((1 << 20) + 1)).await;
    assert!([0, 1009].contains(&alice.closed_with().await));
}

#[tokio::test]
async fn too_many_messages() {
    let running = start_with(|config| {
        config.message_burst = 20;
        config.message_rate = 1;
    })
    .await;
    let mut alice = running.register("alice").await;
    for _ in 0..25 {
        alice.send(602, json!({})).await;
    }
    let mut slowed = 0;
    while let Message::Text(text) = alice.frame().await {
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        if told["type"] == 452 {
            slowed += 1;
        }
    }
    assert_eq!(slowed, 1);
}

#[tokio::test]
async fn too_many_failed_logins() {
    let running = start_with(|config| {
        config.login_burst_account = 3;
        config.login_burst_address = 5;
    })
    .await;
    // However long the hashes take, no attempt comes back meanwhile.
    tokio::time::pause();
    running.register("alice").await;
    running.register("bob").await;
    let mut client = running.connect().await;
    let attempt = |name: &str, password: &str| json!({"pseudo": name, "password": password});
    // Those that succeed do not count.
    for _ in 0..6 {
        client.must(608, attempt("alice", PASSWORD), 202).await;
        client.expect(208).await;
        client.expect(207).await;
    }
    for _ in 0..3 {
        client.must(608, attempt("alice", "wrong horse"), 402).await;
    }
    client.must(608, attempt("ALICE", PASSWORD), 452).await;
    // Another account is not concerned until the address is.
    client.must(608, attempt("bob", "wrong horse"), 402).await;
    client
        .must(608, attempt("nobody", "wrong horse"), 402)
        .await;
    client.must(608, attempt("bob", PASSWORD), 452).await;
}

#[tokio::test]
async fn too_many_registrations() {
    let running = start_with(|config| config.register_burst_address = 2).await;
    // However long the hashes take, no registration comes back meanwhile.
    tokio::time::pause();
    running.register("alice").await;
    running.register("bob").await;
    let mut client = running.connect().await;
    let args = json!({"pseudo": "carol", "password": PASSWORD});
    client.must(601, args, 452).await;
}

#[tokio::test]
async fn too_many_connections() {
    let running = start_with(|config| config.max_connections_per_address = 2).await;
    let mut one = running.connect().await;
    let two = running.connect().await;
    assert!(
        tokio_tungstenite::connect_async(running.server.url())
            .await
            .is_err()
    );
    one.quiet().await;
    two.vanish();
    let url = running.server.url();
    tokio::time::timeout(Duration::from_secs(5), async {
        while tokio_tungstenite::connect_async(&url).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

/// A client whose kernel takes little for it, so that not reading shows soon.
async fn small(running: &Running) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(running.server.addr()).await.unwrap();
    let (socket, _) =
        tokio_tungstenite::client_async(running.server.url(), MaybeTlsStream::Plain(stream))
            .await
            .unwrap();
    Client::over(socket)
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped_and_nobody_waits() {
    let running = start_with(|config| {
        config.queue_bytes = 256 * 1024;
        config.message_burst = 100_000;
        config.data_burst = 100_000;
        config.data_bytes_rate = u32::MAX;
        config.resume_grace = Duration::from_millis(1);
    })
    .await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut deaf = small(&running).await;
    deaf.must(650, json!({"token": bob.token}), 202).await;
    assert_eq!(bob.closed_with().await, 4001);
    deaf.expect(208).await;
    deaf.expect(207).await;
    deaf.name = "bob".to_owned();
    let id = calls::connect(&mut alice, &mut deaf).await;

    // Voice gives way: it is lost, and the connection stays.
    let data = "A".repeat(16_000);
    for _ in 0..200 {
        alice
            .must(
                504,
                json!({"pseudo": "bob", "id_group": id, "data": data}),
                504,
            )
            .await;
    }
    alice.quiet().await;

    // Signalling does not: when its room is full the connection goes.
    let info = json!({"id_group": id, "address": "192.0.2.1", "port": 1,
                      "more": "x".repeat(15_000)});
    let mut told = 0;
    loop {
        let seq = alice.send(506, info.clone()).await;
        let answer = alice.next().await;
        if answer["type"] == 503 {
            assert_eq!(answer["args"]["reason"], "lost");
            break;
        }
        assert_eq!(answer["re"], seq);
        told += 1;
        assert!(told < 5000, "never dropped");
    }
    alice.expect(503).await;
}

#[tokio::test]
async fn too_much_data_is_dropped_and_the_connection_stays() {
    let running = start_with(|config| {
        config.data_burst = 10;
        config.data_rate = 1;
    })
    .await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let id = calls::connect(&mut alice, &mut bob).await;
    let data = json!({"pseudo": "bob", "id_group": id, "data": "AAAA"});
    let mut passed = 0;
    for _ in 0..30 {
        let answer = alice.ask(504, data.clone()).await;
        match answer["type"].as_u64() {
            Some(504) => passed += 1,
            code => assert_eq!(code, Some(452)),
        }
    }
    assert!((10..15).contains(&passed), "{passed}");
    // Signalling has limits of its own.
    alice.must(603, json!({"group_name": "x"}), 201).await;
    for _ in 0..passed {
        bob.expect(504).await;
    }
}
