use super::{aligned, rms, speech};
use crate::codec::{Decoder, Encoder, EncoderConfig, LONGEST_PACKET, MAX_PACKET, samples};
use crate::frame::FRAME;

/// Samples in a packet: 20 ms.
const PACKET: usize = 2 * FRAME;
const SILENCE: [f32; PACKET] = [0.0; PACKET];

fn frames(samples: &[f32]) -> impl Iterator<Item = &[f32]> {
    samples.chunks_exact(PACKET)
}

#[test]
fn speech_survives_the_codec() {
    let said = speech(2.0, 0);
    let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
    let mut decoder = Decoder::new().unwrap();
    let mut heard = Vec::new();
    for frame in frames(&said) {
        let packet = encoder.encode(frame).unwrap();
        assert_eq!(packet.len(), 80, "the bitrate is constant");
        let mut decoded = [0.0; LONGEST_PACKET];
        let samples = decoder.decode(&packet, &mut decoded).unwrap();
        assert_eq!(samples, PACKET);
        heard.extend_from_slice(&decoded[..samples]);
    }
    let (correlation, lag) = aligned(&said[..80_000], &heard, 2_000);
    assert!(correlation > 0.95, "{correlation} at {lag}");
}

#[test]
fn a_lost_packet_is_recovered_from_the_next_better_than_by_guessing() {
    let said = speech(2.0, 1);
    let config = EncoderConfig {
        expected_loss: 0.2,
        ..EncoderConfig::default()
    };
    let mut encoder = Encoder::new(config).unwrap();
    let packets: Vec<_> = frames(&said)
        .map(|frame| encoder.encode(frame).unwrap())
        .collect();
    let mut clean = Decoder::new().unwrap();
    let (mut recovering, mut guessing) = (Decoder::new().unwrap(), Decoder::new().unwrap());
    let (mut recovered, mut guessed) = (Vec::new(), Vec::new());
    let mut sounding = 0.0;
    for (index, packet) in packets.iter().enumerate() {
        let mut reference = SILENCE;
        clean.decode(packet, &mut reference).unwrap();
        let (mut one, mut two) = (SILENCE, SILENCE);
        let next = packets.get(index + 1);
        match next {
            Some(next) if index % 7 == 3 => {
                recovering.recover(next, &mut one).unwrap();
                guessing.conceal(&mut two).unwrap();
                let error = |frame: &[f32]| {
                    let difference = frame.iter().zip(&reference).map(|(a, b)| a - b);
                    rms(&difference.collect::<Vec<_>>())
                };
                recovered.push(error(&one));
                guessed.push(error(&two));
                sounding += rms(&reference);
            }
            Some(_) | None => {
                recovering.decode(packet, &mut one).unwrap();
                guessing.decode(packet, &mut two).unwrap();
            }
        }
    }
    let (recovered, guessed) = (rms(&recovered), rms(&guessed));
    assert!(sounding > 0.1);
    assert!(recovered < guessed, "{recovered} against {guessed}");
}

#[test]
fn what_is_not_a_packet_is_refused() {
    let mut decoder = Decoder::new().unwrap();
    let mut frame = [0.0; LONGEST_PACKET];
    let mut encoder = opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Voip);
    let shorter = encoder
        .as_mut()
        .unwrap()
        .encode_vec_float(&[0.1; FRAME / 2], MAX_PACKET)
        .unwrap();
    // Empty, too long, 2.5 ms and 5 ms, a truncated code 3 packet.
    for packet in [
        &[][..],
        &[0x78; MAX_PACKET + 1],
        &[0x80, 1],
        &shorter,
        &[0x7b],
    ] {
        assert!(decoder.decode(packet, &mut frame).is_err(), "{packet:?}");
        assert!(decoder.recover(packet, &mut frame[..PACKET]).is_err());
    }
    let mut noise = 1_u32;
    for length in 1..400 {
        let packet: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        })
        .take(length)
        .collect();
        let _ = decoder.decode(&packet, &mut frame);
        let _ = decoder.recover(&packet, &mut frame[..PACKET]);
        assert!(decoder.conceal(&mut frame[..PACKET]).is_ok());
    }
}

#[test]
fn packets_of_every_length_are_made_and_understood() {
    let said = speech(1.2, 2);
    for frames in [1, 2, 4, 6] {
        let length = frames * FRAME;
        let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
        let (mut decoder, mut gaps) = (Decoder::new().unwrap(), Decoder::new().unwrap());
        let mut sound = [0.0; LONGEST_PACKET];
        let mut heard = Vec::new();
        for part in said.chunks_exact(length) {
            let packet = encoder.encode(part).unwrap();
            assert_eq!(packet.len(), 40 * frames, "the bitrate is constant");
            assert_eq!(samples(&packet).unwrap(), length);
            assert_eq!(decoder.decode(&packet, &mut sound).unwrap(), length);
            heard.extend_from_slice(&sound[..length]);
            gaps.recover(&packet, &mut sound[..length]).unwrap();
        }
        let (correlation, lag) = aligned(&said[..48_000], &heard, 2_000);
        assert!(correlation > 0.93, "{frames}: {correlation} at {lag}");
    }
}

#[test]
fn the_expected_loss_can_change_and_be_nonsense() {
    let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
    for loss in [0.0, 0.3, 1.0, -1.0, 7.0, f32::NAN] {
        encoder.set_expected_loss(loss).unwrap();
        assert_eq!(encoder.encode(&SILENCE).unwrap().len(), 80);
    }
}
