//! Playing sound a little shorter or longer, unheard: by leaving out or repeating one period of it.

/// Samples over which one place of the sound fades into another: 5 ms.
const FADE: usize = 240;

/// The least and the most samples by which sound is changed: periods of 400 Hz and of 80 Hz.
const LEAST: usize = 120;
const MOST: usize = 600;

/// The most samples by which [`lengthen`] makes sound longer.
pub(crate) const LONGEST_STRETCH: usize = MOST;

/// Samples between two places that are tried.
const STRIDE: usize = 120;

/// Every so many samples are compared in the first search.
const COARSE: usize = 4;

/// How alike two places have to be, as a correlation, for one to take the other's place.
const ALIKE: f32 = 0.8;

/// How to find what is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// The sound is as good as silence, and alike everywhere.
    Anywhere,
    /// Where it repeats itself.
    Period,
}

/// Leaves out up to `most` samples. Gives the length that is left; all of it where nothing can be
/// left out unheard.
pub(crate) fn shorten(sound: &mut [f32], most: usize, how: Search) -> usize {
    let length = sound.len();
    let Some((place, period)) = search(sound, most, how) else {
        return length;
    };
    let fade = fade_of(length);
    for step in 0..fade {
        let way = (step + 1) as f32 / (fade + 1) as f32;
        let (here, there) = (at(sound, place + step), at(sound, place + step + period));
        if let Some(sample) = sound.get_mut(place + step) {
            *sample = here + (there - here) * way;
        }
    }
    sound.copy_within(place + fade + period.., place + fade);
    length - period
}

/// Repeats up to `most` samples of the first `length`; `sound` has room for [`LONGEST_STRETCH`] more.
/// Gives the new length; the old one where nothing can be repeated unheard.
pub(crate) fn lengthen(sound: &mut [f32], length: usize, most: usize, how: Search) -> usize {
    let room = sound.len().saturating_sub(length);
    let Some((place, period)) =
        search(sound.get(..length).unwrap_or_default(), most.min(room), how)
    else {
        return length;
    };
    let fade = fade_of(length);
    // From the place on everything comes once more, one period later.
    sound.copy_within(place..length, place + period);
    for step in 0..fade {
        let way = (step + 1) as f32 / (fade + 1) as f32;
        // What stood here before has moved by a period, and is what the repetition begins with.
        let index = place + period + step;
        let (repeated, went_on) = (at(sound, index), at(sound, index + period));
        if let Some(sample) = sound.get_mut(index) {
            *sample = went_on + (repeated - went_on) * way;
        }
    }
    length + period
}

fn fade_of(length: usize) -> usize {
    FADE.min(length / 4)
}

/// The place and the period at which the sound repeats itself best.
fn search(sound: &[f32], most: usize, how: Search) -> Option<(usize, usize)> {
    let fade = fade_of(sound.len());
    let most = most.min(MOST).min(sound.len().checked_sub(2 * fade)?);
    if most < LEAST {
        return None;
    }
    if how == Search::Anywhere {
        return Some((0, most));
    }
    let mut best = (f32::MIN, 0, 0);
    for place in (0..=sound.len() - fade - LEAST).step_by(STRIDE) {
        // A period later there has to be sound to fade with.
        let farthest = most.min(sound.len() - fade - place);
        for period in (LEAST..=farthest).step_by(COARSE) {
            let alike = likeness(sound, place, period, fade, COARSE);
            if alike > best.0 {
                best = (alike, place, period);
            }
        }
    }
    let (coarse, place, around) = best;
    if coarse == f32::MIN {
        return None;
    }
    let farthest = most.min(sound.len() - fade - place);
    let near = (around - COARSE + 1).max(LEAST)..=(around + COARSE - 1).min(farthest);
    let (alike, period) = near
        .map(|period| (likeness(sound, place, period, fade, 1), period))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (alike >= ALIKE).then_some((place, period))
}

/// The correlation of the sound at a place and a period later.
fn likeness(sound: &[f32], place: usize, period: usize, fade: usize, stride: usize) -> f32 {
    let one = sound.get(place..place + fade).unwrap_or_default();
    let later = place + period;
    let other = sound.get(later..later + fade).unwrap_or_default();
    let (mut both, mut ones, mut others) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other).step_by(stride) {
        both += a * b;
        ones += a * a;
        others += b * b;
    }
    both / (ones * others).sqrt().max(f32::MIN_POSITIVE)
}

fn at(sound: &[f32], index: usize) -> f32 {
    sound.get(index).copied().unwrap_or(0.0)
}
