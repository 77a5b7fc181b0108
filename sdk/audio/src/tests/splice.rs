use super::speech;
use crate::frame::FRAME;
use crate::splice::fit;

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
