use std::net::SocketAddr;
use std::time::Duration;

use rustls::CertificateError;

use super::super::{StunPlaces, Verdict};
use super::{Ipv6Facts, Mapping, TlsFacts, UdpFacts};

fn mapping(local: &str, server: &str, mapped: &str) -> Mapping {
    let address = |text: &str| {
        text.parse::<SocketAddr>()
            .unwrap_or(([0, 0, 0, 0], 0).into())
    };
    Mapping {
        local: address(local),
        server: address(server),
        mapped: address(mapped),
        took: Duration::from_millis(20),
    }
}

const ONE: &str = "192.168.1.2:5000";
const OTHER: &str = "192.168.1.2:5001";

#[test]
fn a_clock_may_be_half_a_minute_off() {
    for (ahead, verdict) in [
        (0, Verdict::Ok),
        (30, Verdict::Ok),
        (-31, Verdict::Warning),
        (90_000, Verdict::Fail),
        (i64::MIN, Verdict::Fail),
    ] {
        assert_eq!(super::clock(Ok(ahead)).verdict, verdict, "{ahead}");
    }
    assert!(super::clock(Ok(-40)).detail.contains("40 s behind"));
    assert_eq!(super::clock(Err(String::new())).verdict, Verdict::Warning);
}

#[test]
fn a_certificate_is_judged_by_its_days_and_by_what_is_wrong_with_it() {
    let days = |days| super::tls(&TlsFacts::Accepted { days }).verdict;
    assert_eq!(days(Some(14)), Verdict::Ok);
    assert_eq!(days(Some(13)), Verdict::Warning);
    assert_eq!(days(None), Verdict::Ok);
    let plain = |loopback| super::tls(&TlsFacts::Plain { loopback }).verdict;
    assert_eq!(plain(true), Verdict::Ok);
    assert_eq!(plain(false), Verdict::Warning);
    for (error, word) in [
        (CertificateError::Expired, "renew"),
        (CertificateError::NotValidYet, "clock"),
        (CertificateError::NotValidForName, "name"),
        (CertificateError::UnknownIssuer, "--ca"),
    ] {
        let refused = TlsFacts::Refused(rustls::Error::InvalidCertificate(error));
        let check = super::tls(&refused);
        assert_eq!(check.verdict, Verdict::Fail);
        let advice = check.advice.unwrap_or_default();
        assert!(advice.contains(word), "{advice}");
    }
}

#[test]
fn silence_over_udp_fails_only_where_stun_is_known_to_be() {
    let told = StunPlaces::Told(vec!["a:1".to_owned()]);
    let guessed = StunPlaces::Guessed("a:3478".to_owned());
    let mut facts = UdpFacts::default();
    assert_eq!(super::udp(&guessed, &facts).verdict, Verdict::Fail);
    facts.servers.push(([203, 0, 113, 1], 3478).into());
    assert_eq!(super::udp(&guessed, &facts).verdict, Verdict::Warning);
    assert_eq!(super::udp(&told, &facts).verdict, Verdict::Fail);
    assert_eq!(
        super::udp(&StunPlaces::None, &facts).verdict,
        Verdict::Warning
    );
    facts.not_sent = Some("network is unreachable".to_owned());
    assert!(
        super::udp(&guessed, &facts)
            .detail
            .contains("does not go out")
    );
    // One family that works is enough.
    facts
        .mappings
        .push(mapping(ONE, "203.0.113.1:3478", "198.51.100.1:5000"));
    assert_eq!(super::udp(&told, &facts).verdict, Verdict::Ok);
}

#[test]
fn the_kind_of_nat_is_told_as_far_as_the_answers_go() {
    let server = "203.0.113.1:3478";
    let same_host = "203.0.113.1:3479";
    let other_host = "203.0.113.9:3478";
    for (answers, words, verdict) in [
        (vec![], "not known", Verdict::Warning),
        (
            vec![mapping("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1")],
            "cannot be seen",
            Verdict::Ok,
        ),
        (vec![mapping(ONE, server, ONE)], "none", Verdict::Ok),
        (
            vec![
                mapping(ONE, server, "198.51.100.1:5000"),
                mapping(OTHER, server, "198.51.100.1:7"),
            ],
            "ports kept on 1 of 2",
            Verdict::Ok,
        ),
        (
            vec![
                mapping(ONE, server, "198.51.100.1:7"),
                mapping(ONE, same_host, "198.51.100.1:7"),
            ],
            "for all ports",
            Verdict::Ok,
        ),
        (
            vec![
                mapping(ONE, server, "198.51.100.1:7"),
                mapping(ONE, other_host, "198.51.100.1:7"),
            ],
            "for all destinations",
            Verdict::Ok,
        ),
        (
            vec![
                mapping(ONE, server, "198.51.100.1:7"),
                mapping(ONE, same_host, "198.51.100.1:8"),
            ],
            "symmetric",
            Verdict::Warning,
        ),
    ] {
        let check = super::nat(&answers);
        assert_eq!(check.verdict, verdict, "{answers:?}");
        assert!(check.detail.contains(words), "{check:?}");
    }
}

#[test]
fn ipv6_is_a_worry_only_when_both_have_it_and_it_does_not_work() {
    let verdict = |here, server, connects| {
        super::ipv6(Ipv6Facts {
            here,
            server,
            connects,
        })
        .verdict
    };
    assert_eq!(verdict(false, true, false), Verdict::Ok);
    assert_eq!(verdict(true, false, false), Verdict::Ok);
    assert_eq!(verdict(true, true, true), Verdict::Ok);
    assert_eq!(verdict(true, true, false), Verdict::Warning);
}

#[test]
fn a_full_or_foreign_folder_fails() {
    let verdict = |written, free| super::folder("d", written, free).verdict;
    assert_eq!(verdict(Ok(()), Some(100_000_000)), Verdict::Ok);
    assert_eq!(verdict(Ok(()), Some(99_999_999)), Verdict::Warning);
    assert_eq!(verdict(Ok(()), Some(0)), Verdict::Fail);
    assert_eq!(verdict(Ok(()), None), Verdict::Ok);
    let check = super::folder("d", Err("denied".to_owned()), None);
    assert_eq!(check.verdict, Verdict::Fail);
    assert!(check.advice.is_some());
}

#[test]
fn sound_and_keyring_say_what_to_do() {
    let microphone = |found, speaker| super::microphone(&found, speaker).verdict;
    let one = |chosen| Ok(vec![("a".to_owned(), chosen)]);
    assert_eq!(microphone(Ok(Vec::new()), true), Verdict::Fail);
    assert_eq!(microphone(Err(String::new()), true), Verdict::Fail);
    assert_eq!(microphone(one(true), true), Verdict::Ok);
    assert_eq!(microphone(one(true), false), Verdict::Warning);
    assert_eq!(microphone(one(false), true), Verdict::Warning);
    assert!(super::speaker(Err("none".to_owned())).advice.is_some());
    assert_eq!(super::keyring(None).verdict, Verdict::Ok);
    let check = super::keyring(Some(Err("locked".to_owned())));
    assert!(
        check
            .advice
            .is_some_and(|advice| advice.contains("--credentials file"))
    );
}
