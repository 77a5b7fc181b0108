//! What the binary can be told of the relay.

use clap::Parser as _;
use cooee_server::options::Options;
use cooee_server::{Config, PortRange};
use tempfile::TempDir;

fn config(arguments: &[&str]) -> Result<Config, String> {
    let arguments = ["cooee-server"].iter().chain(arguments);
    let options = Options::try_parse_from(arguments).map_err(|error| error.to_string())?;
    let options = options.with_file().map_err(|error| error.to_string())?;
    options.into_config().map_err(|error| error.to_string())
}

#[test]
fn the_relay_is_on_unless_told_otherwise() {
    let relay = config(&[]).unwrap().relay;
    assert!(relay.on && relay.outside.is_none() && relay.allow.is_empty());
    assert!(!config(&["--relay", "off"]).unwrap().relay.on);
}

#[test]
fn ranges_and_addresses_can_be_repeated() {
    let relay = config(&[
        "--relay-allow=10.0.0.0/8",
        "--relay-allow=fd00::/8,192.168.1.0/24",
        "--relay-address=203.0.113.1",
        "--relay-address=2001:db8::1",
        "--relay-ports=50000-50100",
        "--relay-kilobits=64",
    ])
    .unwrap()
    .relay;
    assert_eq!(relay.allow.len(), 3);
    assert_eq!(relay.addresses.len(), 2);
    let (first, last) = (50_000, 50_100);
    assert_eq!(relay.ports, PortRange { first, last });
    assert_eq!(relay.kilobits, 64);
    for wrong in [
        "--relay-allow=10.0.0.0/33",
        "--relay-ports=80-90",
        "--relay-address=here",
        "--relay=maybe",
    ] {
        assert!(config(&[wrong]).is_err(), "{wrong}");
    }
}

#[test]
fn an_outside_relay_needs_a_secret() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("secret");
    std::fs::write(&file, "north\n").unwrap();
    let file = format!("--turn-secret-file={}", file.display());
    let url = "--turn-url=turn:turn.example.org:3478";
    let from_file = config(&[url, &file]).unwrap().relay.outside.unwrap();
    let given = config(&[url, "--turn-secret=north"]).unwrap();
    assert_eq!(Some(&from_file), given.relay.outside.as_ref());
    assert_eq!(from_file.urls, ["turn:turn.example.org:3478"]);
    assert!(!format!("{given:?}").contains("north"));
    for wrong in [
        &[url][..],
        &["--turn-secret=north"],
        &[url, "--turn-secret-file=/nowhere/secret"],
    ] {
        assert!(config(wrong).is_err(), "{wrong:?}");
    }
    let off = config(&[url, &file, "--relay=off"]).unwrap();
    assert!(off.relay.outside.is_none() && !off.relay.on);
}

#[test]
fn the_file_says_it_as_well() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("cooee.toml");
    let text = "relay-allow = [\"10.0.0.0/8\"]\nrelay-ports = \"50000-50001\"\n\
                turn-url = [\"turn:turn.example.org:3478\"]\nturn-secret = \"north\"\n";
    std::fs::write(&file, text).unwrap();
    let relay = config(&[&format!("--config={}", file.display())]).unwrap();
    assert_eq!(relay.relay.allow.len(), 1);
    assert!(relay.relay.outside.is_some());
}
