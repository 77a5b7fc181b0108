//! Who ends up with which keys.

use super::{agree, both_keys, frame, key, media};
use crate::media::{
    BaseKey, CallContext, CallKey, Direction, Flow, KeyError, KeySchedule, OpenError,
};
use std::time::Instant;

const CONTEXT: CallContext<'_> = CallContext {
    id_group: "g1",
    own_name: "alice",
    peer_name: "bob",
};

fn all_keys(schedule: &impl KeySchedule) -> Vec<BaseKey> {
    let mut keys = Vec::new();
    for direction in [Direction::Sending, Direction::Receiving] {
        for flow in [Flow::Voice, Flow::Control] {
            keys.push(schedule.base_key(direction, flow, 0).unwrap());
        }
    }
    keys
}

#[test]
fn what_one_side_sends_under_the_other_receives_under() {
    let (alice, bob) = both_keys();
    let (alices, bobs) = (all_keys(&alice), all_keys(&bob));
    for (sending, receiving) in [(0, 2), (1, 3), (2, 0), (3, 1)] {
        assert_eq!(alices[sending].kid(), bobs[receiving].kid());
        assert_eq!(alices[sending].secret(), bobs[receiving].secret());
    }
    for (n, key) in alices.iter().enumerate() {
        for other in &alices[n + 1..] {
            assert_ne!(key.kid(), other.kid());
            assert_ne!(key.secret(), other.secret());
        }
    }
}

#[test]
fn only_the_current_epoch_has_keys() {
    let (alice, _) = both_keys();
    assert!(matches!(
        alice.base_key(Direction::Sending, Flow::Voice, 1),
        Err(KeyError::UnknownEpoch(1))
    ));
}

#[test]
fn the_safety_code_is_the_same_on_both_sides_and_nowhere_else() {
    let (alice, bob) = both_keys();
    let code = alice.safety_code();
    assert_eq!(code, bob.safety_code());
    assert_eq!(code.len(), 35);
    assert!(code.split(' ').all(|group| group.len() == 5));
    assert!(code.chars().all(|c| c == ' ' || c.is_ascii_digit()));

    let mallory = key(3);
    let with_mallory = agree(&key(1), &mallory, ["alice", "bob"], "g1");
    assert_ne!(code, with_mallory.safety_code());
}

#[test]
fn every_part_of_the_context_counts() {
    let (_, bob) = both_keys();
    let code = bob.safety_code();
    let wrong = [
        ("g2", ["alice", "bob"]),
        ("g1", ["alicia", "bob"]),
        ("g1", ["alice", "rob"]),
        ("g1", ["bob", "alice"]),
        // The same octets in a row, divided otherwise.
        ("g1a", ["lice", "bob"]),
        ("g1", ["aliceb", "ob"]),
        ("", ["g1alice", "bob"]),
    ];
    for (id_group, names) in wrong {
        let alice = agree(&key(1), &key(2), names, id_group);
        assert_ne!(code, alice.safety_code(), "{id_group} {names:?}");

        let (mut alice, mut bob) = (media(alice, 1), media(both_keys().1, 2));
        let now = Instant::now();
        let datagram = alice.seal(now, &frame(0)).unwrap();
        assert!(matches!(bob.open(now, &datagram), Err(OpenError::Forged)));
        assert_eq!(bob.stats().forged, 1);
    }
}

#[test]
fn keys_that_must_not_be_agreed_with_are_refused() {
    let alice = key(1);
    let mut own = alice.public();
    assert!(matches!(alice.agree(&own, &CONTEXT), Err(KeyError::OwnKey)));
    own[31] ^= 0x80;
    assert!(matches!(alice.agree(&own, &CONTEXT), Err(KeyError::OwnKey)));

    let mut one = [0; 32];
    one[0] = 1;
    // A point of order eight (RFC 7748 has the curve, any list of its small subgroup this point).
    let order_eight = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ];
    for point in [[0; 32], one, order_eight] {
        assert!(matches!(
            alice.agree(&point, &CONTEXT),
            Err(KeyError::NonContributory)
        ));
    }
}

#[test]
fn the_same_agreement_is_not_entered_twice() {
    let (alice, bob) = (key(1), key(2));
    alice.agree(&bob.public(), &CONTEXT).unwrap();
    assert!(matches!(
        alice.agree(&bob.public(), &CONTEXT),
        Err(KeyError::AlreadyAgreed)
    ));
    // Another peer, or the same one in another call, is another matter.
    alice.agree(&key(3).public(), &CONTEXT).unwrap();
    let context = CallContext {
        id_group: "g2",
        ..CONTEXT
    };
    alice.agree(&bob.public(), &context).unwrap();
}

#[test]
fn exactly_one_side_outranks_the_other() {
    for seed in 0..20 {
        let (a, b) = (key(seed), key(seed + 100));
        assert_ne!(a.outranks(&b.public()), b.outranks(&a.public()));
        assert_eq!(a.outranks(&b.public()), a.public() > b.public());
    }
}

#[test]
fn generated_keys_differ_and_debug_output_keeps_secrets() {
    let (a, b) = (CallKey::generate(), CallKey::generate());
    assert_ne!(a.public(), b.public());
    let (alice, _) = both_keys();
    let base = alice.base_key(Direction::Sending, Flow::Voice, 0).unwrap();
    assert_eq!(format!("{a:?}"), "CallKey { .. }");
    assert_eq!(format!("{alice:?}"), "PairKeys { .. }");
    assert!(!format!("{base:?}").contains(&format!("{:?}", base.secret())));
}
