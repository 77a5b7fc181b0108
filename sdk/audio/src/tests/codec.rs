use std::time::Duration;

use cooee_core::media::adaptation::EncoderSettings;
use cooee_core::media::redundancy::SinglePacket;

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
    let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
    encoder.set(&EncoderSettings {
        expected_loss: 0.2,
        ..plain()
    });
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
    let mut encoder = opusic_c::Encoder::new(
        opusic_c::Channels::Mono,
        opusic_c::SampleRate::Hz48000,
        opusic_c::Application::Voip,
    )
    .unwrap();
    let mut shorter = [0; MAX_PACKET];
    let length = encoder
        .encode_float_to_slice(&[0.1; FRAME / 2], &mut shorter)
        .unwrap();
    let shorter = &shorter[..length];
    // Empty, too long, 2.5 ms and 5 ms, a truncated code 3 packet.
    for packet in [
        &[][..],
        &[0x78; MAX_PACKET + 1],
        &[0x80, 1],
        shorter,
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
        let _ = decoder.restore(&packet, noise % 100_000, &mut frame[..PACKET]);
        assert!(decoder.reach(&packet) <= 48_000);
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

/// The settings of a call without losses.
fn plain() -> EncoderSettings {
    EncoderSettings {
        bitrate: 32_000,
        copies: 0,
        copy_back: 0,
        ..EncoderSettings::default()
    }
}

#[test]
fn settings_can_change_and_be_nonsense() {
    let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
    for loss in [0.0, 0.3, 1.0, -1.0, 7.0, f32::NAN] {
        encoder.set(&EncoderSettings {
            expected_loss: loss,
            ..plain()
        });
        assert_eq!(encoder.encode(&SILENCE).unwrap().len(), 80);
    }
    for (bitrate, copies, copy_back, dred) in [
        (0, 1, 3, 40),
        (u32::MAX, 255, 255, 9_999),
        (12_000, 1, 15, 0),
        (24_000, 2, 0, 0),
        (24_000, 255, 1, 0),
    ] {
        encoder.set(&EncoderSettings {
            bitrate,
            copies,
            copy_back,
            dred: Duration::from_millis(dred),
            ..plain()
        });
        for _ in 0..20 {
            let packet = encoder.encode(&SILENCE).unwrap();
            assert!(packet.len() <= MAX_PACKET);
        }
    }
}

#[test]
fn every_packet_carries_an_earlier_one_at_a_constant_size() {
    let said = speech(2.0, 3);
    for (copies, back) in [(1, 1), (1, 4), (1, 10), (2, 1), (2, 4)] {
        let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
        encoder.set(&EncoderSettings {
            copies,
            copy_back: back,
            ..plain()
        });
        let packets: Vec<_> = frames(&said)
            .map(|frame| encoder.encode(frame).unwrap())
            .collect();
        let mut decoder = Decoder::new().unwrap();
        for (index, packet) in packets.iter().enumerate() {
            assert_eq!(packet.len(), 80, "the bitrate is constant");
            let mut sound = [0.0; LONGEST_PACKET];
            assert_eq!(decoder.decode(packet, &mut sound).unwrap(), PACKET);
            let single = SinglePacket::parse(packet).unwrap();
            let expected = (1..=copies)
                .filter_map(|nth| {
                    index
                        .checked_sub(usize::from(nth * back))
                        .zip(Some(nth * back))
                })
                .map(|(earlier, back)| {
                    let earlier = SinglePacket::parse(&packets[earlier]).unwrap();
                    (back, earlier.frame().to_vec())
                });
            let found = single
                .earlier()
                .map(|copy| (copy.packets_back, copy.to_packet().split_off(1)));
            assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }
}

#[test]
fn deep_redundancy_reaches_back_and_restores() {
    let said = speech(3.0, 4);
    let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
    encoder.set(&EncoderSettings {
        expected_loss: 0.2,
        dred: Duration::from_millis(200),
        ..plain()
    });
    let packets: Vec<_> = frames(&said)
        .map(|frame| encoder.encode(frame).unwrap())
        .collect();
    let mut decoder = Decoder::new().unwrap();
    let reaches: Vec<u32> = packets.iter().map(|p| decoder.reach(p)).collect();
    assert!(
        reaches.iter().filter(|reach| **reach >= 4_800).count() > 50,
        "{reaches:?}"
    );
    let mut simple = Decoder::with_complexity(0).unwrap();
    assert!(packets.iter().all(|packet| simple.reach(packet) == 0));

    // Four packets are lost again and again: restored, they are nearly as loud as they were.
    let (mut restored, mut concealed, mut spoken) = (Vec::new(), Vec::new(), Vec::new());
    let mut guessing = Decoder::with_complexity(0).unwrap();
    let mut clean = Decoder::new().unwrap();
    for (index, packet) in packets.iter().enumerate() {
        let mut sound = [0.0; LONGEST_PACKET];
        clean.decode(packet, &mut sound).unwrap();
        let carrier = index / 16 * 16 + 12;
        let covered = (carrier - index.min(carrier)) as u32 * PACKET as u32;
        if index % 16 < 8
            || index >= carrier
            || carrier >= packets.len()
            || reaches[carrier] < covered
        {
            decoder.decode(packet, &mut sound).unwrap();
            guessing.decode(packet, &mut sound).unwrap();
            continue;
        }
        spoken.push(rms(&sound[..PACKET]));
        decoder
            .restore(&packets[carrier], covered, &mut sound[..PACKET])
            .unwrap();
        restored.push(rms(&sound[..PACKET]));
        guessing.conceal(&mut sound[..PACKET]).unwrap();
        concealed.push(rms(&sound[..PACKET]));
    }
    let error = |made: &[f32]| -> f32 {
        let pairs = made.iter().zip(&spoken);
        pairs.map(|(made, spoken)| (made - spoken).abs()).sum()
    };
    assert!(spoken.len() >= 12, "{}", spoken.len());
    let (restored, concealed) = (error(&restored), error(&concealed));
    assert!(restored < concealed, "{restored} against {concealed}");
}

#[test]
fn less_is_sent_in_silence_only_on_request() {
    let config = EncoderConfig {
        discontinuous: true,
        ..EncoderConfig::default()
    };
    let (mut always, mut sometimes) = (
        Encoder::new(EncoderConfig::default()).unwrap(),
        Encoder::new(config).unwrap(),
    );
    let sizes = |encoder: &mut Encoder| -> Vec<usize> {
        (0..100)
            .map(|_| encoder.encode(&SILENCE).unwrap().len())
            .collect()
    };
    assert!(sizes(&mut always).iter().all(|size| *size == 80));
    assert!(sizes(&mut sometimes)[50..].iter().any(|size| *size <= 2));
}
