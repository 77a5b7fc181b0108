//! Lengthening or shortening sound at once without a click.

/// Samples over which one place of the sound fades into another: 5 ms.
const FADE: usize = 240;

/// Samples between two places tried for a splice.
const STRIDE: usize = 16;

/// Fills `output` with `input`, leaving out or repeating as many samples as their lengths
/// differ by, in one splice at the place where it is heard least.
///
/// The two may differ by up to half a frame. Where they differ too much for a splice, the sound
/// is cut or followed by silence.
pub(crate) fn fit(input: &[f32], output: &mut [f32]) {
    let (from, to) = (input.len(), output.len());
    let gap = from.abs_diff(to);
    let shorter = from.min(to);
    let fade = FADE.min(shorter / 2);
    let spliceable = shorter - fade;
    let grows = to > from;
    // Shortening leaves out `gap` samples behind the place, lengthening repeats `gap` samples
    // before it, so then the place cannot be nearer than that to the beginning.
    let first = if grows { gap } else { 0 };
    if gap == 0 || first > spliceable {
        output.fill(0.0);
        for (to, from) in output.iter_mut().zip(input) {
            *to = *from;
        }
        return;
    }
    let mismatch = |place: usize| -> f32 {
        (0..fade)
            .map(|step| {
                let (before, after) = around(place + step, gap, grows);
                let difference = at(input, before) - at(input, after);
                difference * difference
            })
            .sum()
    };
    let place = (first..=spliceable)
        .step_by(STRIDE)
        .map(|place| (place, mismatch(place)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(first, |(place, _)| place);
    for (index, slot) in output.iter_mut().enumerate() {
        let (before, after) = around(index, gap, grows);
        *slot = if index < place {
            at(input, before)
        } else if index < place + fade {
            let weight = (index - place) as f32 / (fade - 1).max(1) as f32;
            at(input, before) * (1.0 - weight) + at(input, after) * weight
        } else {
            at(input, after)
        };
    }
}

/// Where the sample at `index` of the output comes from, before and after the splice.
fn around(index: usize, gap: usize, grows: bool) -> (usize, usize) {
    if grows {
        (index, index.saturating_sub(gap))
    } else {
        (index, index + gap)
    }
}

fn at(samples: &[f32], index: usize) -> f32 {
    samples.get(index).copied().unwrap_or(0.0)
}
