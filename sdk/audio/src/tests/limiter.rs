use super::{rms, speech};
use crate::processing::Limiter;

fn largest_step(samples: &[f32]) -> f32 {
    let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    steps.fold(0.0, f32::max)
}

fn loud(seed: u32, peak: f32) -> Vec<f32> {
    speech(2.0, seed)
        .iter()
        .map(|sample| sample / 0.6 * peak)
        .collect()
}

#[test]
fn what_stays_within_full_scale_passes_bit_for_bit() {
    let mut voice = loud(0, 0.999);
    voice[100] = 1.0;
    voice[200] = -1.0;
    let mut limited = voice.clone();
    Limiter::new().apply(&mut limited);
    assert!(limited == voice);
}

#[test]
fn nothing_comes_out_above_full_scale_and_nothing_clicks() {
    for quantum in [480, 960, 137] {
        for peak in [1.01, 1.5, 4.0, 20.0] {
            let voice = loud(3, peak);
            let mut limited = voice.clone();
            let mut limiter = Limiter::new();
            for samples in limited.chunks_mut(quantum) {
                limiter.apply(samples);
            }
            assert!(limited.iter().all(|sample| sample.abs() <= 1.0));
            // A gain that jumps shows as a step that the sound itself does not have.
            let step = largest_step(&limited);
            assert!(
                step <= largest_step(&voice).min(1.0),
                "{quantum} {peak} {step}"
            );
            // Turned down, not cut off: hardly anything lies at full scale.
            let full = limited.iter().filter(|s| s.abs() > 0.999).count();
            assert!(full * 25 < limited.len(), "{quantum} {peak}: {full}");
        }
    }
}

#[test]
fn a_peak_at_the_very_beginning_does_not_step() {
    let tone: Vec<f32> = (0..4_800)
        .map(|index| (std::f32::consts::TAU * 200.0 * index as f32 / 48_000.0).sin() * 1.4)
        .collect();
    for shift in 0..240 {
        let mut limiter = Limiter::new();
        let mut limited = tone.clone();
        for samples in limited[shift..].chunks_mut(480) {
            limiter.apply(samples);
        }
        let limited = &limited[shift..];
        assert!(limited.iter().all(|sample| sample.abs() <= 1.0));
        assert!(largest_step(limited) <= largest_step(&tone), "{shift}");
    }
}

#[test]
fn full_gain_comes_back() {
    let mut limiter = Limiter::new();
    limiter.apply(&mut [2.0; 480]);
    let quiet = speech(3.0, 1);
    let mut limited = quiet.clone();
    limiter.apply(&mut limited);
    assert!(rms(&limited[..4_800]) < rms(&quiet[..4_800]));
    assert!(limited[100_000..] == quiet[100_000..]);
}

#[test]
fn what_is_not_a_number_becomes_silence() {
    let mut samples = [0.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.5];
    Limiter::new().apply(&mut samples);
    assert_eq!(samples, [0.5, 0.0, 0.0, 0.0, 0.5]);
}
