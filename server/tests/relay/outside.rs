//! coturn in the place of the built-in relay, by configuration alone.

use std::net::SocketAddr;
use std::time::Duration;

use cooee_server::{OutsideRelay, RelaySecret};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::UdpSocket;

use crate::{Call, Echo, number, said, stop, tool, uclient};

/// Answers STUN: coturn is ready.
async fn ready(address: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(address).await.unwrap();
    let request = [
        0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ];
    let mut answer = [0; 200];
    for _ in 0..100 {
        let _refused = socket.send(&request).await;
        // Refused at once until it listens.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let received = tokio::time::timeout(Duration::from_millis(50), socket.recv(&mut answer));
        if let Ok(Ok(_)) = received.await {
            return;
        }
    }
    panic!("coturn does not answer on {address}");
}

#[tokio::test]
async fn coturn_replaces_the_built_in_relay() {
    let Some(mut turnserver) = tool("turnserver") else {
        return;
    };
    let data = TempDir::new().unwrap();
    let free = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    turnserver
        .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp"])
        .args(["--allow-loopback-peers", "--use-auth-secret"])
        .args(["--static-auth-secret", "north", "--realm", "example.org"])
        .args(["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1"])
        .args(["--listening-port", &address.port().to_string()])
        .arg("--pidfile")
        .arg(data.path().join("pid"))
        .arg("--userdb")
        .arg(data.path().join("users"))
        .args(["--log-file", "stdout"]);
    turnserver.stdout(std::process::Stdio::null());
    turnserver.stderr(std::process::Stdio::null());
    let turnserver = turnserver.spawn().unwrap();
    ready(address).await;

    let url = format!("turn:{address}");
    let call = Call::start(|config| {
        config.relay.outside = Some(OutsideRelay {
            urls: vec![url.clone()],
            secret: RelaySecret::new("north"),
        });
    })
    .await;
    assert_eq!(call.for_alice["urls"], json!([url]));
    assert_ne!(call.for_alice["username"], call.for_bob["username"]);
    let echo = Echo::start().await;
    let options = ["-n", "20", "-l", "160"];
    let command = uclient(address, &call.for_alice, echo.address, &options).unwrap();
    let (content, text) = said(command).await;
    assert!(content, "{text}");
    assert_eq!(number(&text, "tot_recv_msgs"), Some(20), "{text}");

    // The built-in one is off: it does not even answer.
    let command = uclient(call.stun(), &call.for_alice, echo.address, &["-n", "5"]);
    let child = command.unwrap().spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop(child).await;
    assert_eq!(echo.heard(), 20);
    stop(turnserver).await;
}
