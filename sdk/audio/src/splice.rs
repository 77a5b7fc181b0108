//! Following a clock that is not ours: how full a ring should be, and how to lengthen or
//! shorten sound so that it gets there without a click.

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

/// Ticks over which the lowest fill is taken: a second.
const WINDOW: u32 = 50;

/// Samples that one splice leaves out or repeats: 2.5 ms.
const STEP: usize = 120;

/// A surplus, in samples, that is worked off twice as fast: 20 ms.
const HASTE: i64 = 960;

/// The smallest reserve kept: 5 ms.
const LOWEST: usize = 240;

/// The largest reserve that underruns can lead to: 80 ms.
const HIGHEST: usize = 3_840;

/// Windows without an underrun after which the reserve may shrink a step: 30 s.
const CALM: u32 = 30;

/// What to do with the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Correction {
    /// Pass it on as it is.
    None,
    /// Leave out this many samples.
    Shorten(usize),
    /// Repeat this many samples.
    Lengthen(usize),
}

/// Keeps the reserve in a ring small: the samples that are there when the least are.
///
/// The reserve grows when it has proved too small, and shrinks slowly, so that a quiet machine
/// has little delay and a busy one no gaps. Units: samples at the ring's rate.
#[derive(Debug)]
pub(crate) struct Reserve {
    target: usize,
    lowest: usize,
    ticks: u32,
    calm: u32,
    /// Samples to leave out (positive) or repeat, found in the last window.
    debt: i64,
    underruns: u64,
}

impl Reserve {
    pub(crate) fn new() -> Self {
        Self {
            target: LOWEST,
            lowest: usize::MAX,
            ticks: 0,
            calm: 0,
            debt: 0,
            underruns: 0,
        }
    }

    pub(crate) fn target(&self) -> usize {
        self.target
    }

    /// Learns how many samples were there at this tick's lowest point, and how many underruns
    /// there have been so far.
    pub(crate) fn observe(&mut self, fill: usize, underruns: u64) -> Correction {
        if underruns > self.underruns {
            self.underruns = underruns;
            self.target = (self.target + LOWEST).min(HIGHEST);
            self.reset();
            self.calm = 0;
            return Correction::None;
        }
        self.lowest = self.lowest.min(fill);
        self.ticks += 1;
        if self.ticks >= WINDOW {
            self.weigh();
        }
        let step = match self.debt {
            debt if debt >= HASTE => 2 * STEP as i64,
            _ => STEP as i64,
        };
        if self.debt.abs() >= step {
            // What is being paid off must not be found again.
            self.restart();
        }
        if self.debt >= step {
            self.debt -= step;
            Correction::Shorten(step.unsigned_abs() as usize)
        } else if self.debt <= -step {
            self.debt += step;
            Correction::Lengthen(STEP)
        } else {
            Correction::None
        }
    }

    /// Forgets what was seen, because the ring was just emptied or refilled by other means.
    pub(crate) fn reset(&mut self) {
        self.restart();
        self.debt = 0;
    }

    fn weigh(&mut self) {
        let surplus = signed(self.lowest) - signed(self.target);
        // A splice can be heard, a few milliseconds of delay cannot: so nothing is done within
        // a band around the target.
        let band = signed(self.target / 2);
        self.debt = if surplus > signed(3 * STEP) || surplus < -band {
            surplus
        } else {
            0
        };
        self.calm += 1;
        if self.calm >= CALM {
            self.calm = 0;
            self.target = self.target.saturating_sub(LOWEST / 2).max(LOWEST);
        }
        self.restart();
    }

    fn restart(&mut self) {
        self.ticks = 0;
        self.lowest = usize::MAX;
    }
}

fn signed(samples: usize) -> i64 {
    i64::try_from(samples).unwrap_or(i64::MAX)
}
