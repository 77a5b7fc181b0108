//! What an authenticated peer may send as voice: any packets through parser, jitter buffer and libopus,
//! its in-band FEC and DRED included.
#![no_main]

use std::sync::Mutex;
use std::time::{Duration, Instant};

use cooee_audio::{
    Decoder, EncoderConfig, FRAME_DURATION, Frame, LONGEST_PACKET, Packet, PeerId, Sink, Source,
    VoiceEngine,
};
use cooee_core::media::redundancy::SinglePacket;
use libfuzzer_sys::fuzz_target;

struct Nothing;

impl Source for Nothing {
    fn read(&mut self, frame: &mut Frame) {
        frame.fill(0.0);
    }
}

impl Sink for Nothing {
    fn write(&mut self, frame: &Frame) {
        assert!(frame.iter().all(|sample| sample.is_finite()));
    }
}

/// One decoder for all inputs: its past is part of what may be hostile.
static DECODER: Mutex<Option<Decoder>> = Mutex::new(None);

fuzz_target!(|input: &[u8]| {
    if let Some(single) = SinglePacket::parse(input) {
        let mut again = Vec::new();
        let copies = [(3, single.frame()), (6, single.frame())];
        single.write_with(&copies, input.len(), &mut again);
        let read = SinglePacket::parse(&again).expect("what was written can be read");
        assert_eq!(read.frame(), single.frame());
        assert!(read.earlier().map(|copy| copy.packets_back).eq([3, 6]));
    }
    let mut decoder = DECODER.lock().expect("no other thread");
    let decoder = decoder.get_or_insert_with(|| Decoder::new().expect("libopus has memory"));
    let mut sound = [0.0; LONGEST_PACKET];
    let reach = decoder.reach(input);
    assert!(reach <= 48_000);
    let _ = decoder.restore(input, reach, &mut sound[..960]);
    let _ = decoder.decode(input, &mut sound);
    let _ = decoder.recover(input, &mut sound[..960]);

    // The first octet cuts the input into packets, the second says which are lost.
    let [size, lost, packets @ ..] = input else {
        return;
    };
    let peer = PeerId(1);
    let mut engine = VoiceEngine::new(
        Box::new(Nothing),
        Box::new(Nothing),
        EncoderConfig::default(),
    )
    .expect("libopus takes its defaults");
    engine.add_peer(peer).expect("libopus has memory");
    let mut now = Instant::now();
    for (packet, sequence) in packets.chunks(usize::from(*size).max(1)).zip(0_u32..60) {
        if lost.rotate_right(sequence) & 1 == 0 {
            let packet = Packet {
                sequence: sequence.into(),
                timestamp: sequence.wrapping_mul(960),
                payload: packet.to_vec(),
            };
            engine.deliver(peer, packet, now);
        }
        engine.tick(now);
        engine.tick(now + FRAME_DURATION);
        now += Duration::from_millis(20);
    }
});
