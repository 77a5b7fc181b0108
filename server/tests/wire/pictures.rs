//! Pictures over HTTP.

use serde_json::{Value, json};

use crate::client::{http, start, start_with};

fn png(width: u32, height: u32, filler: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes.resize(bytes.len() + filler, 0);
    bytes
}

fn detail(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_picture_from_upload_to_profile() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let address = running.server.addr();
    let picture = png(64, 64, 100);
    let (status, _, body) =
        http(address, "PUT", "/v1/pictures", Some(&alice.token), &picture).await;
    assert_eq!(status, 201);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let pp = body["pp"].as_str().unwrap();
    assert_eq!(pp.len(), 64);
    let (status, _, again) = http(address, "PUT", "/v1/pictures", Some(&bob.token), &picture).await;
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_slice::<Value>(&again).unwrap()["pp"], pp);

    let told = alice.must(602, json!({"pp": pp}), 202).await;
    assert_eq!(told["args"]["pp"], pp);
    // A plain change, as a change of presence is.
    assert_eq!(bob.presence().await, ("alice".into(), "online".into()));

    let path = format!("/v1/pictures/{pp}");
    let (status, head, body) = http(address, "GET", &path, Some(&bob.token), b"").await;
    assert_eq!(status, 200);
    assert_eq!(body, picture);
    assert!(head.contains("content-type: image/png"));
    assert!(head.contains("x-content-type-options: nosniff"));
    assert!(head.contains("immutable"));
    alice.must(602, json!({"pp": ""}), 202).await;
}

#[tokio::test]
async fn what_is_refused() {
    let running = start().await;
    let alice = running.register("alice").await;
    let address = running.server.addr();
    let token = Some(alice.token.as_str());
    let put = |token, body: Vec<u8>| async move {
        let (status, _, body) = http(address, "PUT", "/v1/pictures", token, &body).await;
        (status, detail(&body))
    };
    assert_eq!(put(None, png(1, 1, 0)).await.0, 401);
    assert_eq!(put(Some("wrong"), png(1, 1, 0)).await.0, 401);
    assert_eq!(put(token, b"<svg/>".to_vec()).await.0, 415);
    assert_eq!(put(token, b"GIF89a\x01\0\x01\0".to_vec()).await.0, 415);
    assert_eq!(put(token, png(2049, 1, 0)).await.0, 413);
    assert_eq!(put(token, png(1, 1, 1 << 20)).await.0, 413);
    for path in [
        "/v1/pictures/../lock",
        "/v1/pictures/zz",
        "/v1/pictures/%2e%2e%2flock",
    ] {
        let (status, _, _) = http(address, "GET", path, token, b"").await;
        assert_eq!(status, 404, "{path}");
    }
    let missing = format!("/v1/pictures/{}", "0".repeat(64));
    assert_eq!(http(address, "GET", &missing, token, b"").await.0, 404);
    assert_eq!(http(address, "GET", &missing, None, b"").await.0, 401);
}

#[tokio::test]
async fn uploads_are_bounded() {
    let running = start_with(|config| config.picture_quota = 1000).await;
    let alice = running.register("alice").await;
    let address = running.server.addr();
    let token = Some(alice.token.as_str());
    let put = |filler| async move {
        let body = png(1, 1, filler);
        http(address, "PUT", "/v1/pictures", token, &body).await.0
    };
    assert_eq!(put(500).await, 201);
    assert_eq!(put(600).await, 507);
    assert_eq!(put(500).await, 200);
}

#[tokio::test]
async fn health() {
    let running = start().await;
    let (status, _, body) = http(running.server.addr(), "GET", "/healthz", None, b"").await;
    assert_eq!((status, body.as_slice()), (200, &b"ok\n"[..]));
}
