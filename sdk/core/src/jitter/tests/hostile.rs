//! Whatever comes, the buffer answers, and holds no more than it may.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::jitter::{JitterBuffer, JitterConfig, Packet, Redundancy};

#[derive(Clone, Debug)]
enum Step {
    Insert {
        sequence: u64,
        timestamp: u32,
        back: u8,
        reach: u32,
    },
    Pull(u64),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..300u64, 0..300u32).prop_map(|(sequence, frame)| Step::Insert {
            sequence,
            timestamp: frame.wrapping_mul(960),
            back: 0,
            reach: 0,
        }),
        4 => (0..300u64, 0..16u8, 0..9_600u32).prop_map(|(sequence, back, reach)| Step::Insert {
            sequence,
            timestamp: (sequence as u32).wrapping_mul(960),
            back,
            reach,
        }),
        1 => (any::<u64>(), any::<u32>(), any::<u8>(), any::<u32>())
            .prop_map(|(sequence, timestamp, back, reach)| Step::Insert {
                sequence,
                timestamp,
                back,
                reach,
            }),
        8 => (0..20_000u64).prop_map(Step::Pull),
        8 => (0..100_000u64).prop_map(Step::Wait),
        1 => any::<u32>().prop_map(|micros| Step::Wait(micros.into())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_sequence_of_events_is_survived(
        steps in proptest::collection::vec(step(), 0..400),
        frame_samples in prop_oneof![Just(960), Just(480), any::<u32>()],
        max_packets in 0..20usize,
    ) {
        let mut buffer = JitterBuffer::new(JitterConfig {
            frame_samples,
            max_packets,
            ..JitterConfig::default()
        });
        let mut now = Instant::now();
        for step in steps {
            match step {
                Step::Insert { sequence, timestamp, back, reach } => {
                    let packet = Packet { sequence, timestamp, payload: vec![0; 8] };
                    let copies = (0..back % 3).map(|copy| (back + copy, vec![1; 4])).collect();
                    buffer.insert(now, packet, Redundancy { copies, reach, fec: reach % 2 == 1 });
                }
                Step::Pull(ahead) => {
                    buffer.pull(now, Duration::from_micros(ahead));
                }
                Step::Wait(micros) => now += Duration::from_micros(micros),
            }
            let stats = buffer.stats();
            let left = stats.played + stats.late + stats.discarded;
            prop_assert!(left <= stats.received);
            prop_assert!(stats.received - left <= max_packets.max(2) as u64);
            prop_assert!(stats.restored <= stats.recovered);
            if frame_samples <= 960 {
                prop_assert!(stats.current_delay <= Duration::from_millis(400));
                prop_assert!(stats.target_delay <= Duration::from_millis(400));
            }
        }
    }
}

#[test]
fn a_senseless_configuration_is_made_sense_of() {
    let mut buffer = JitterBuffer::new(JitterConfig {
        frame_samples: 0,
        sample_rate: 0,
        min_delay: Duration::MAX,
        start_delay: Duration::MAX,
        max_delay: Duration::MAX,
        max_concealment: Duration::MAX,
        max_packets: 0,
        beat: Duration::MAX,
    });
    let mut now = Instant::now();
    for n in 0..100u32 {
        buffer.insert(
            now,
            Packet {
                sequence: n.into(),
                timestamp: n,
                payload: Vec::new(),
            },
            Redundancy::default(),
        );
        buffer.pull(now, Duration::MAX);
        now += Duration::from_secs(1);
    }
}
