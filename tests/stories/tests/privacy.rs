//! Who learns whose address.

use std::net::IpAddr;

use cooee_sdk::{AddressPrivacy, Event, RouteKind};
use cooee_stories::{World, name};
use serde_json::{Value, json};

/// A microphone in a quiet room.
struct Silence;

impl cooee_sdk::Source for Silence {
    fn read(&mut self, frame: &mut cooee_sdk::Frame) {
        frame.fill(0.0);
    }
}

/// Every address of this machine that could give somebody away, as text.
fn own_addresses(told: &Value) -> Vec<String> {
    let text = told.to_string();
    let words = text.split(|char: char| !(char.is_ascii_hexdigit() || char == '.' || char == ':'));
    let addresses = words.filter_map(|word| word.parse::<IpAddr>().ok());
    addresses
        .filter(|address| !address.is_unspecified())
        .map(|address| address.to_string())
        .collect()
}

#[tokio::test]
async fn who_hides_behind_relays_tells_no_address_to_whom_they_call() {
    let world = World::start().await;
    let mut alice = world.alice().await;
    let mut bob = world.wire_of("bob").await;
    alice
        .client
        .set_address_privacy(AddressPrivacy::AlwaysRelay);
    let asked = alice.client.add_contact(name("bob")).await;
    assert!(asked.is_ok());
    bob.notice(205).await;
    bob.ask(606, json!({"pseudo": "alice"})).await;
    alice.sees(&name("bob"), cooee_sdk::Status::Online).await;

    let options = cooee_sdk::CallOptions {
        input: cooee_sdk::Input::Custom(Box::new(Silence)),
        output: cooee_sdk::Output::Null,
        ..cooee_sdk::CallOptions::default()
    };
    let call = alice.client.call(name("bob"), options).await;
    assert!(call.is_ok());
    let ring = bob.notice(501).await;
    assert!(own_addresses(&ring).is_empty(), "{ring}");
    let id = ring["id_group"].clone();
    bob.ask(502, json!({"pseudo": "bob", "id_group": id})).await;
    bob.notice(505).await;
    let info = json!({"id_group": id, "address": "0.0.0.0", "port": 0});
    bob.ask(506, info).await;
    let told = bob.notice(507).await;
    assert_eq!(told["list_info"][0]["pseudo"], json!("alice"));
    assert!(told["list_info"][0]["key"].is_string(), "{told}");
    assert!(own_addresses(&told).is_empty(), "{told}");
}

#[tokio::test]
async fn until_the_safety_codes_are_compared_voice_takes_no_direct_way() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let privacy = AddressPrivacy::RelayUntilVerified;
    alice.client.set_address_privacy(privacy);
    let call = alice.calls(&bob).await;
    let ring = bob.rings().await;
    let answer = bob.accepts(ring).await;
    call.connects().await;
    answer.both_hear(&call).await;
    let b = bob.name();
    assert_ne!(
        call.call.snapshot().routes.get(&b),
        Some(&RouteKind::Direct)
    );

    let verified = call.call.set_verified().await;
    assert!(verified.is_ok());
    alice
        .expect_event("a direct route", |event| {
            matches!(
                event,
                Event::Route {
                    route: RouteKind::Direct,
                    ..
                }
            )
        })
        .await;
    answer.both_hear(&call).await;
    call.hangs_up().await;
}
