//! Attachments over HTTP: resumed, compared, bounded, and only for those who may read them.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, PASSWORD, Running, befriend, group, start, start_with};
use crate::conversations::{new_id, text};

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let line = self
            .head
            .lines()
            .find(|line| line.starts_with(&format!("{name}: ")))?;
        Some(line.split_once(": ").unwrap().1)
    }

    fn progress(&self) -> (u16, Option<&str>, Option<&str>) {
        (
            self.status,
            self.header("upload-offset"),
            self.header("upload-complete"),
        )
    }
}

/// One request on a connection of its own; the body may be less than its head says.
async fn request(address: SocketAddr, head: &str, token: Option<&str>, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = token.map_or(String::new(), |token| {
        format!("\r\nAuthorization: Bearer {token}")
    });
    let (first, others) = head.split_once('\n').unwrap_or((head, ""));
    let mut text = format!("{first} HTTP/1.1\r\nHost: cooee\r\nConnection: close{token}\r\n");
    for line in others.lines() {
        writeln!(text, "{}\r", line.trim()).unwrap();
    }
    if !head.contains("Content-Length") && !head.contains("Transfer-Encoding") {
        write!(text, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let _refused = stream.write_all(body).await;
    if head.contains("Content-Length") {
        // There is less than announced, and no more to come.
        let _closed = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    let Some(split) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        let (head, body) = (String::new(), Vec::new());
        return Answer {
            status: 0,
            head,
            body,
        };
    };
    let head = String::from_utf8_lossy(&answer[..split]).to_ascii_lowercase();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: answer[split + 4..].to_vec(),
    }
}

fn path(bytes: &[u8]) -> String {
    format!("/v1/attachments/{}", sha256(bytes))
}

pub(crate) async fn put(running: &Running, who: &Client, bytes: &[u8]) -> Answer {
    let head = format!("PUT {}", path(bytes));
    request(running.server.addr(), &head, Some(&who.token), bytes).await
}

pub(crate) async fn get(running: &Running, who: &Client, bytes: &[u8]) -> u16 {
    let head = format!("GET {}", path(bytes));
    let answer = request(running.server.addr(), &head, Some(&who.token), b"").await;
    if answer.status == 200 {
        assert_eq!(answer.body, bytes);
    }
    answer.status
}

/// A message with these attachments.
fn files(id_group: &str, attached: &[&[u8]]) -> Value {
    let list: Vec<_> = attached.iter().map(|bytes| sha256(bytes)).collect();
    json!({"id": new_id(), "id_group": id_group, "kind": "message",
           "content_type": "application/vnd.cooee.files+json", "body": "{\"files\":[]}",
           "list_attachment": list})
}

#[tokio::test]
async fn uploaded_whole_and_read_in_parts() {
    let running = start().await;
    let alice = running.register("alice").await;
    let address = running.server.addr();
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let answer = put(&running, &alice, &bytes).await;
    assert_eq!(answer.progress(), (201, Some("100000"), Some("?1")));
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body, json!({"id": sha256(&bytes)}));
    assert_eq!(put(&running, &alice, &bytes).await.progress().0, 200);
    let token = Some(alice.token.as_str());
    let head = format!("HEAD {}", path(&bytes));
    let answer = request(address, &head, token, b"").await;
    assert_eq!(answer.progress(), (200, Some("100000"), Some("?1")));
    let get = format!("GET {}", path(&bytes));
    let answer = request(address, &get, token, b"").await;
    assert_eq!((answer.status, &answer.body), (200, &bytes));
    assert_eq!(
        answer.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let part = format!("{get}\nRange: bytes=10-19");
    let answer = request(address, &part, token, b"").await;
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (206, &bytes[10..20])
    );
    let rest = format!("{get}\nRange: bytes=99990-");
    assert_eq!(
        request(address, &rest, token, b"").await.body,
        &bytes[99_990..]
    );
    let beyond = format!("{get}\nRange: bytes=100000-");
    assert_eq!(request(address, &beyond, token, b"").await.status, 416);
    for method in ["GET", "PUT", "PATCH", "HEAD"] {
        let head = format!("{method} {}", path(&bytes));
        for token in [None, Some("wrong")] {
            assert_eq!(
                request(address, &head, token, b"").await.status,
                401,
                "{method}"
            );
        }
    }
    // An empty file is a file.
    assert_eq!(put(&running, &alice, b"").await.status, 201);
}

#[tokio::test]
async fn a_broken_upload_goes_on_where_it_was() {
    let running = start().await;
    let alice = running.register("alice").await;
    let bob = running.register("bob").await;
    let address = running.server.addr();
    let token = Some(alice.token.as_str());
    let bytes: Vec<u8> = (0..5_000_u32).map(|n| (n % 249) as u8).collect();
    let at = path(&bytes);
    let head = async |token| request(address, &format!("HEAD {at}"), token, b"").await;
    assert_eq!(head(token).await.status, 404);
    // The connection ends in the middle.
    let broken = format!("PUT {at}\nContent-Length: 5000");
    let answer = request(address, &broken, token, &bytes[..2000]).await;
    assert!([0, 400].contains(&answer.status), "{}", answer.head);
    let kept = async {
        while head(token).await.progress() != (200, Some("2000"), Some("?0")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), kept)
        .await
        .expect("what came is kept");
    // Nobody else knows of it, or goes on with it.
    assert_eq!(head(Some(&bob.token)).await.status, 404);
    assert_eq!(get(&running, &alice, &bytes).await, 404);
    let patch = |offset: usize, length: usize| {
        format!("PATCH {at}\nUpload-Offset: {offset}\nUpload-Length: {length}")
    };
    let answer = request(address, &patch(1000, 5000), token, &bytes[1000..]).await;
    assert_eq!(
        (answer.status, answer.header("upload-offset")),
        (409, Some("2000"))
    );
    assert_eq!(
        request(address, &patch(2000, 4999), token, &bytes[2000..2001])
            .await
            .status,
        400
    );
    assert_eq!(
        request(address, &patch(2000, 5000), token, &[0; 3001])
            .await
            .status,
        400
    );
    let answer = request(address, &patch(2000, 5000), token, &bytes[2000..3000]).await;
    assert_eq!(answer.progress(), (204, Some("3000"), Some("?0")));
    let answer = request(address, &patch(3000, 5000), token, &bytes[3000..]).await;
    assert_eq!(answer.progress(), (201, Some("5000"), Some("?1")));
    assert_eq!(get(&running, &alice, &bytes).await, 200);
    assert_eq!(get(&running, &bob, &bytes).await, 404);
    // Knowing the hash is not having the bytes: bob has to bring them himself.
    let other = Some(bob.token.as_str());
    let answer = request(address, &patch(5000, 5000), other, b"").await;
    assert_eq!(
        (answer.status, answer.header("upload-offset")),
        (409, Some("0"))
    );
    let wrong = vec![7; 5_000];
    let answer = request(address, &patch(0, 5000), other, &wrong).await;
    assert_eq!(answer.status, 422);
    assert_eq!(head(other).await.status, 404);
    assert_eq!(
        request(address, &patch(0, 5000), other, &bytes)
            .await
            .status,
        201
    );
    for missing in [
        "",
        "\nUpload-Offset: 0",
        "\nUpload-Length: 5",
        "\nUpload-Offset: x",
    ] {
        let answer = request(
            address,
            &format!("PATCH {}{missing}", path(b"x")),
            token,
            b"",
        )
        .await;
        assert_eq!(answer.status, 400, "{missing}");
    }
    let chunked = format!("PUT {}\nTransfer-Encoding: chunked", path(b"x"));
    assert_eq!(
        request(address, &chunked, token, b"0\r\n\r\n").await.status,
        400
    );
    let no_hash = request(address, "PUT /v1/attachments/..%2flock", token, b"x").await;
    assert_eq!(no_hash.status, 404);
}

#[tokio::test]
async fn an_upload_that_is_cut_anywhere_goes_on_at_once() {
    let running = start().await;
    let alice = running.register("alice").await;
    let address = running.server.addr();
    let token = Some(alice.token.as_str());
    for round in 0..40_usize {
        let bytes: Vec<u8> = (0..60_000).map(|n| (n * (round + 3) % 251) as u8).collect();
        let at = path(&bytes);
        let cut = (round * 1_499) % bytes.len();
        let broken = format!("PUT {at}\nContent-Length: {}", bytes.len());
        request(address, &broken, token, &bytes[..cut]).await;
        // Nothing that was still on its way to the disk comes in between.
        loop {
            let head = request(address, &format!("HEAD {at}"), token, b"").await;
            let offset = head
                .header("upload-offset")
                .map_or(0, |at| at.parse().unwrap());
            let rest = format!("PATCH {at}\nUpload-Offset: {offset}\nUpload-Length: 60000");
            match request(address, &rest, token, &bytes[offset..])
                .await
                .status
            {
                201 => break,
                409 => {}
                status => panic!("{status} after a cut at {cut}, from {offset} on"),
            }
        }
        assert_eq!(get(&running, &alice, &bytes).await, 200);
    }
}

#[tokio::test]
async fn sizes_are_bounded() {
    let running = start_with(|config| {
        config.attachment_limit = 1000;
        config.attachment_quota = 2500;
    })
    .await;
    let alice = running.register("alice").await;
    let address = running.server.addr();
    let token = Some(alice.token.as_str());
    assert_eq!(put(&running, &alice, &[1; 1001]).await.status, 413);
    let head = format!(
        "PATCH {}\nUpload-Offset: 0\nUpload-Length: 1001",
        path(b"y")
    );
    assert_eq!(request(address, &head, token, b"y").await.status, 413);
    assert_eq!(put(&running, &alice, &[1; 1000]).await.status, 201);
    // What is only begun counts whole.
    let head = format!(
        "PATCH {}\nUpload-Offset: 0\nUpload-Length: 1000",
        path(b"z")
    );
    assert_eq!(request(address, &head, token, b"z").await.status, 204);
    assert_eq!(put(&running, &alice, &[2; 501]).await.status, 507);
    assert_eq!(put(&running, &alice, &[2; 500]).await.status, 201);
}

#[tokio::test]
async fn only_who_sees_the_entry_reads_the_attachment() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let mut carol = running.register("carol").await;
    befriend(&mut alice, &mut carol).await;
    let mut mallory = running.register("mallory").await;
    befriend(&mut alice, &mut mallory).await;
    let team = group(&mut [&mut alice, &mut bob]).await;
    let photo: &[u8] = b"a photo";
    assert_eq!(put(&running, &alice, photo).await.status, 201);
    // Not before an entry has it, and not by naming it in an entry of one's own.
    assert_eq!(get(&running, &bob, photo).await, 404);
    bob.refused(files(&team, &[photo]), "no_attachment").await;
    let posted = alice.post(files(&team, &[photo, photo])).await;
    assert_eq!(get(&running, &bob, photo).await, 200);
    for other in [&carol, &mallory] {
        assert_eq!(get(&running, other, photo).await, 404);
    }
    // Who joins later does not see the entry; who left sees it no more.
    alice
        .must(604, json!({"id_group": team, "pseudo": "carol"}), 201)
        .await;
    carol.expect(203).await;
    carol.expect(201).await;
    bob.expect(203).await;
    assert_eq!(get(&running, &carol, photo).await, 404);
    // Passed on by somebody who may read it, it is there for others.
    bob.post(files(&team, &[photo])).await;
    assert_eq!(get(&running, &carol, photo).await, 200);
    bob.must(605, json!({"id_group": team, "pseudo": "bob"}), 204)
        .await;
    assert_eq!(get(&running, &bob, photo).await, 404);
    // A blocked person's attachments stay with them.
    let secret: &[u8] = b"look at this";
    assert_eq!(put(&running, &mallory, secret).await.status, 201);
    alice.expect(204).await;
    alice.must(665, json!({"pseudo": "mallory"}), 266).await;
    let mut args = files("", &[secret]);
    args.as_object_mut().unwrap().remove("id_group");
    args["pseudo"] = json!("alice");
    mallory.post(args).await;
    assert_eq!(get(&running, &alice, secret).await, 404);
    assert_eq!(get(&running, &mallory, secret).await, 200);
    // A message that is taken back takes its attachments along.
    let deletion = json!({"id": new_id(), "id_group": team, "kind": "deletion",
                          "refers_to": posted["id"]});
    alice.post(deletion).await;
    let page = alice.pull(&team, json!({"after": 0})).await;
    assert!(page["list_entry"][0].get("list_attachment").is_none());
    assert_eq!(page["list_entry"][1]["list_attachment"][0], sha256(photo));
}

#[tokio::test]
async fn the_attachments_of_a_deleted_profile_go_with_it() {
    let running = start().await;
    let (mut alice, mut bob) = running.pair("alice", "bob").await;
    let team = group(&mut [&mut alice, &mut bob]).await;
    let (own, shared): (&[u8], &[u8]) = (b"only alice's", b"passed on by bob");
    for bytes in [own, shared] {
        assert_eq!(put(&running, &alice, bytes).await.status, 201);
    }
    alice.post(files(&team, &[own, shared])).await;
    bob.post(files(&team, &[shared])).await;
    let begun = format!(
        "PATCH {}\nUpload-Offset: 0\nUpload-Length: 9",
        path(b"begun")
    );
    let token = Some(alice.token.as_str());
    assert_eq!(
        request(running.server.addr(), &begun, token, b"be")
            .await
            .status,
        204
    );
    assert_eq!(get(&running, &bob, own).await, 200);
    alice.must(668, json!({"password": PASSWORD}), 668).await;
    for code in [206, 204, 201] {
        bob.expect(code).await;
    }
    assert_eq!(get(&running, &bob, own).await, 404);
    assert_eq!(get(&running, &bob, shared).await, 200);
    let folder = running.data.path().join("attachments");
    let left = || {
        let parts = std::fs::read_dir(folder.join("parts")).unwrap().count();
        (folder.join(sha256(own)).exists(), parts)
    };
    let gone = async {
        while left() != (false, 0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone)
        .await
        .expect("the files go");
    assert!(folder.join(sha256(shared)).exists());
    bob.post(text(&team, "still here")).await;
}
