use super::speech;
use crate::frame::FRAME;
use crate::splice::{Correction, Reserve, fit};

#[test]
fn a_splice_makes_no_click() {
    let voice = speech(1.0, 2);
    let steepest = |samples: &[f32]| {
        let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        steps.fold(0.0, f32::max)
    };
    let limit = steepest(&voice) * 1.1;
    for start in (0..40_000).step_by(3_000) {
        for (from, to) in [
            (960, 840),
            (960, 1_080),
            (1_080, 960),
            (840, 960),
            (720, 960),
        ] {
            let input = &voice[start..start + from];
            let mut output = vec![9.0; to];
            fit(input, &mut output);
            assert!(steepest(&output) <= limit, "{from} to {to} at {start}");
            assert_eq!(output[0], input[0]);
            assert!((output[to - 1] - input[from - 1]).abs() < 1e-3);
        }
    }
}

#[test]
fn equal_lengths_pass_unchanged_and_odd_ones_do_not_panic() {
    let voice = speech(0.1, 0);
    let mut output = vec![9.0; FRAME];
    fit(&voice[..FRAME], &mut output);
    assert_eq!(output, voice[..FRAME]);
    for from in [0, 1, 2, 100, 300, 960, 2_000] {
        for to in [0, 1, 2, 100, 300, 960, 2_000] {
            let mut output = vec![9.0; to];
            fit(&voice[..from], &mut output);
            assert!(output.iter().all(|sample| sample.abs() <= 1.0));
        }
    }
}

/// A ring between two clocks of which one is `ppm` parts in a million faster than ours, for
/// two minutes: the highest and lowest fill after the first ten seconds.
fn drift(ppm: i64) -> (i64, i64, u64) {
    let mut reserve = Reserve::new();
    let mut fill = 2_000_i64;
    let mut error = 0_i64;
    let (mut highest, mut lowest, mut splices) = (i64::MIN, i64::MAX, 0);
    for tick in 0..6_000 {
        error += 960 * ppm;
        fill += error / 1_000_000;
        error %= 1_000_000;
        match reserve.observe(usize::try_from(fill.max(0)).unwrap(), 0) {
            Correction::None => {}
            Correction::Shorten(samples) => {
                fill -= samples as i64;
                splices += 1;
            }
            Correction::Lengthen(samples) => {
                fill += samples as i64;
                splices += 1;
            }
        }
        if tick > 500 {
            highest = highest.max(fill);
            lowest = lowest.min(fill);
        }
    }
    (lowest, highest, splices)
}

#[test]
fn a_drifting_clock_neither_empties_nor_fills_the_ring() {
    for ppm in [-300, -50, 0, 50, 300] {
        let (lowest, highest, splices) = drift(ppm);
        assert!(lowest > 60 && highest < 720, "{ppm}: {lowest} to {highest}");
        // Each splice is worth 120 samples; there are no more than the drift asks for.
        let needed = ppm.unsigned_abs() * 5_760_000 / 1_000_000 / 120;
        assert!(splices <= needed + 18, "{ppm}: {splices}");
    }
}

#[test]
fn underruns_make_the_reserve_grow_and_calm_lets_it_shrink() {
    let mut reserve = Reserve::new();
    let first = reserve.target();
    for underruns in 1..100 {
        reserve.observe(0, underruns);
    }
    let largest = reserve.target();
    assert!(largest > first && largest <= 3_840);
    for _ in 0..200_000 {
        reserve.observe(reserve.target(), 99);
    }
    assert_eq!(reserve.target(), first);
}
