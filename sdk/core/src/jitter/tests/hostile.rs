//! Whatever comes, the buffer answers, and holds no more than it may.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::jitter::{JitterBuffer, JitterConfig, Packet};

#[derive(Clone, Debug)]
enum Step {
    Insert { sequence: u64, timestamp: u32 },
    Pull,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..300u64, 0..300u32).prop_map(|(sequence, frame)| Step::Insert {
            sequence,
            timestamp: frame.wrapping_mul(960),
        }),
        4 => (0..300u64).prop_map(|sequence| Step::Insert {
            sequence,
            timestamp: (sequence as u32).wrapping_mul(960),
        }),
        1 => (any::<u64>(), any::<u32>()).prop_map(|(sequence, timestamp)| Step::Insert {
            sequence,
            timestamp,
        }),
        8 => Just(Step::Pull),
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
                Step::Insert { sequence, timestamp } => {
                    buffer.insert(now, Packet { sequence, timestamp, payload: vec![0; 8] });
                }
                Step::Pull => {
                    buffer.pull(now);
                }
                Step::Wait(micros) => now += Duration::from_micros(micros),
            }
            let stats = buffer.stats();
            let left = stats.played + stats.late + stats.discarded;
            prop_assert!(left <= stats.received);
            prop_assert!(stats.received - left <= max_packets.max(2) as u64);
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
        );
        buffer.pull(now);
        now += Duration::from_secs(1);
    }
}
