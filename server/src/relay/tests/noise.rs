//! Whatever arrives, the relay goes on.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn noise_never_panics(
        datagrams in proptest::collection::vec(
            (0u8..3, proptest::collection::vec(any::<u8>(), 0..100)), 0..20,
        ),
    ) {
        let mut world = World::new();
        let alice = world.admit("call", 1);
        world.allocate(client(1), &alice);
        for (from, datagram) in datagrams {
            let _any = world.receive(client(from), &datagram);
        }
    }

    #[test]
    fn noise_in_good_framing_never_panics(
        methods in proptest::collection::vec(
            prop_oneof![
                Just(kind::ALLOCATE), Just(kind::REFRESH), Just(kind::CREATE_PERMISSION),
                Just(kind::CHANNEL_BIND), Just(kind::SEND_INDICATION), 0u16..0x4000,
            ],
            1..6,
        ),
        attributes in proptest::collection::vec(
            (
                prop_oneof![1u16..0x30, 0x8000u16..0x8004]
                    .prop_filter("written by themselves", |kind| !matches!(*kind, 0x08 | 0x1c)),
                proptest::collection::vec(any::<u8>(), 0..30),
            ),
            0..8,
        ),
        signed in any::<bool>(),
    ) {
        let mut world = World::new();
        let alice = world.admit("call", 1);
        world.allocate(client(1), &alice);
        let attributes: Vec<(u16, &[u8])> = attributes
            .iter()
            .map(|(kind, value)| (*kind, value.as_slice()))
            .collect();
        for method in methods {
            for from in [client(1), client(2)] {
                let nonce = world.nonce(from);
                let datagram = if signed {
                    world.signed(method, &attributes, &alice, &nonce)
                } else {
                    compose(method, [1; 12], &attributes, None, true).unwrap()
                };
                let _any = world.receive(from, &datagram);
            }
        }
    }
}
