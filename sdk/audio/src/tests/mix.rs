use super::{rms, speech};
use crate::frame::{FRAME, Frame, SILENCE};
use crate::mix::{Gate, Mixer, fall, level};

fn frame_of(samples: &[f32], index: usize) -> &Frame {
    &samples.as_chunks::<FRAME>().0[index]
}

#[test]
fn one_voice_passes_unchanged() {
    let voice = speech(0.5, 0);
    let mut mixer = Mixer::new();
    for index in 0..25 {
        mixer.add(frame_of(&voice, index));
        assert!(mixer.finish() == *frame_of(&voice, index), "frame {index}");
    }
    assert!(mixer.finish() == SILENCE);
}

#[test]
fn two_loud_voices_neither_clip_nor_click() {
    let scale = |samples: Vec<f32>| -> Vec<f32> {
        let peak = samples.iter().fold(0.0, |peak: f32, s| peak.max(s.abs()));
        samples.iter().map(|sample| sample / peak * 0.99).collect()
    };
    let (one, two) = (scale(speech(2.0, 0)), scale(speech(2.0, 3)));
    let mut mixer = Mixer::new();
    let mut mixed = Vec::new();
    for index in 0..100 {
        mixer.add(frame_of(&one, index));
        mixer.add(frame_of(&two, index));
        mixed.extend_from_slice(&mixer.finish());
    }
    assert!(mixed.iter().all(|sample| sample.abs() <= 1.0));
    let full = mixed.iter().filter(|sample| sample.abs() >= 0.9999).count();
    assert!(full * 1_000 < mixed.len(), "{full} samples at full scale");
    let step = |samples: &[f32]| {
        let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        steps.fold(0.0, f32::max)
    };
    assert!(step(&mixed) <= step(&one) + step(&two) + 0.05);
    assert!(rms(&mixed) > 0.1);
}

#[test]
fn many_voices_stay_within_full_scale() {
    let mut mixer = Mixer::new();
    for _ in 0..3 {
        for _ in 0..64 {
            mixer.add(&[1.0; FRAME]);
        }
        assert!(mixer.finish().iter().all(|sample| sample.abs() <= 1.0));
    }
}

#[test]
fn levels_are_those_of_rfc_6464() {
    assert_eq!(level(&SILENCE), 127);
    assert_eq!(level(&[1.0; FRAME]), 0);
    assert_eq!(level(&[0.1; FRAME]), 20);
    assert_eq!(level(&[1e-9; FRAME]), 127);
}

#[test]
fn a_gate_closes_for_good_within_five_milliseconds() {
    let mut gate = Gate::new();
    let mut frame = [0.5; FRAME];
    gate.apply(&mut frame, true);
    assert_eq!(frame, [0.5; FRAME]);
    gate.apply(&mut frame, false);
    assert!(frame[0] > 0.49 && frame[240..].iter().all(|sample| *sample == 0.0));
    let mut frame = [0.5; FRAME];
    gate.apply(&mut frame, false);
    assert_eq!(frame, SILENCE);
    let mut frame = [0.5; FRAME];
    gate.apply(&mut frame, true);
    assert!(frame[0] == 0.0 && frame[240..] == [0.5; FRAME - 240]);
}

#[test]
fn a_meter_rises_at_once_and_falls_to_zero() {
    let mut reading = fall(0.0, 0.7);
    assert!((reading - 0.7).abs() < 1e-6);
    for _ in 0..200 {
        reading = fall(reading, 0.0);
    }
    assert!(reading == 0.0);
}
