use cooee_core::path::PeerId;

use crate::frame::{FRAME, Frame, SILENCE};
use crate::sending::{SendMode, Sending};
use crate::strips::{Attention, Strips};

const BOB: PeerId = PeerId(1);

/// A loud tone, continued from frame to frame.
fn tone(index: usize, amplitude: f32) -> Frame {
    std::array::from_fn(|sample| {
        let time = (index * FRAME + sample) as f32 / 48_000.0;
        amplitude * (std::f32::consts::TAU * 200.0 * time).sin()
    })
}

fn largest_step(samples: &[f32]) -> f32 {
    let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    steps.fold(0.0, f32::max)
}

#[test]
fn coming_going_and_being_turned_up_do_not_click() {
    let mut strips = Strips::new();
    strips.join(BOB);
    let mut heard = Vec::new();
    for index in 0..40 {
        match index {
            10 => strips.set_volume(BOB, 2.0),
            15 => strips.set_volume(BOB, 0.25),
            20 => strips.set_muted(BOB, true),
            25 => strips.set_muted(BOB, false),
            30 => assert!(strips.leave(BOB)),
            _ => {}
        }
        strips.choose();
        let mut frame = tone(index, 0.4);
        strips.mix(BOB, &mut frame);
        heard.extend_from_slice(&frame);
    }
    // The tone itself moves by 0.0105 a sample at most, twice that when turned up.
    let step = largest_step(&heard);
    assert!(step < 0.025, "{step}");
    let peak = |from: usize| {
        heard[from * FRAME..(from + 1) * FRAME]
            .iter()
            .copied()
            .fold(0.0, f32::max)
    };
    assert!(peak(5) > 0.39 && peak(12) > 0.79 && (0.09..0.11).contains(&peak(17)));
    assert!(peak(22) == 0.0 && peak(27) > 0.09 && peak(33) == 0.0);
    assert_eq!(strips.take_gone(), Some(BOB));
    assert_eq!(strips.take_gone(), None);
    assert_eq!(strips.attention(BOB), Attention::Skip);
}

#[test]
fn full_volume_changes_nothing() {
    let mut strips = Strips::new();
    strips.join(BOB);
    strips.choose();
    strips.mix(BOB, &mut SILENCE.clone());
    let mut frame = tone(1, 0.4);
    strips.mix(BOB, &mut frame);
    assert_eq!(frame, tone(1, 0.4));
}

#[test]
fn volumes_out_of_range_count_as_the_nearest() {
    let mut strips = Strips::new();
    strips.join(BOB);
    strips.choose();
    for (asked, given) in [(9.0, 0.8), (-1.0, 0.0), (f32::NAN, 0.0)] {
        strips.set_volume(BOB, asked);
        strips.mix(BOB, &mut [0.4; FRAME]);
        let mut frame = [0.4; FRAME];
        strips.mix(BOB, &mut frame);
        assert_eq!(frame[FRAME - 1], given, "{asked}");
    }
}

#[test]
fn somebody_who_is_silenced_leaves_at_once() {
    let mut strips = Strips::new();
    strips.join(BOB);
    assert!(!strips.leave(BOB), "nothing was heard yet");
    assert_eq!(strips.take_gone(), None);
}

/// Twelve people of whom the last speaks louder and louder: how often each is played.
fn frames_played(
    strips: &mut Strips,
    power: impl Fn(u32, usize) -> f32,
    frames: usize,
) -> Vec<(usize, usize)> {
    let mut counts = vec![(0, 0); 12];
    for index in 0..frames {
        strips.choose();
        for person in 0..12 {
            let mut frame = tone(index, power(person, index));
            let count = &mut counts[person as usize];
            match strips.attention(PeerId(person)) {
                Attention::Play => {
                    count.0 += 1;
                    strips.mix(PeerId(person), &mut frame);
                }
                Attention::Probe => {
                    count.1 += 1;
                    strips.mix(PeerId(person), &mut frame);
                    assert_eq!(frame, SILENCE, "a probe is not heard");
                }
                Attention::Skip => {}
            }
        }
    }
    counts
}

#[test]
fn only_the_loudest_are_decoded() {
    let mut strips = Strips::new();
    for person in 0..12 {
        strips.join(PeerId(person));
    }
    let loudness = |person: u32, _: usize| 0.02 * (person + 1) as f32;
    let settling = frames_played(&mut strips, loudness, 50);
    assert_eq!(settling.len(), 12);
    let counts = frames_played(&mut strips, loudness, 300);
    // 6 dB of advantage let two of the first eight stay; four are out, and looked at in turn.
    let played = counts.iter().filter(|(played, _)| *played == 300).count();
    let probed = counts.iter().filter(|(_, probed)| *probed == 60).count();
    assert_eq!((played, probed), (8, 4), "{counts:?}");
    assert!(counts[11].0 == 300 && counts[0].0 == 0, "{counts:?}");
}

#[test]
fn who_begins_to_speak_is_heard_within_five_frames() {
    let mut strips = Strips::new();
    for person in 0..12 {
        strips.join(PeerId(person));
    }
    let counts = frames_played(
        &mut strips,
        |person, index| {
            if person == 11 && index >= 30 {
                0.5
            } else {
                0.001
            }
        },
        60,
    );
    assert!(counts[11].0 >= 25, "{counts:?}");
}

#[test]
fn who_is_muted_here_takes_nobodys_place() {
    let mut strips = Strips::new();
    for person in 0..9 {
        strips.join(PeerId(person));
    }
    strips.set_loudest(8);
    for person in 0..3 {
        strips.set_muted(PeerId(person), true);
    }
    for index in 0..10 {
        strips.choose();
        for person in 0..9 {
            if strips.attention(PeerId(person)) != Attention::Skip {
                strips.mix(PeerId(person), &mut tone(index, 0.4));
            }
        }
    }
    for person in 3..9 {
        assert_eq!(
            strips.attention(PeerId(person)),
            Attention::Play,
            "{person}"
        );
    }
}

fn noise(seed: u32, amplitude: f32) -> Frame {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    std::array::from_fn(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        amplitude * (state as f32 / u32::MAX as f32 * 2.0 - 1.0)
    })
}

#[test]
fn a_voice_opens_the_microphone_and_a_noisy_room_does_not() {
    let mut sending = Sending::new();
    sending.set_mode(SendMode::VoiceActivated);
    // -40 dB of noise is a room after ten seconds at the latest.
    for index in 0..500 {
        sending.hears(&noise(index, 0.017));
    }
    let room = (500..600).filter(|index| sending.hears(&noise(*index, 0.017)));
    assert_eq!(room.count(), 0);
    assert!(sending.hears(&tone(0, 0.2)), "at once");
    let hang = (600..700).take_while(|index| sending.hears(&noise(*index, 0.017)));
    assert_eq!(hang.count(), 30, "300 ms");
}

#[test]
fn a_key_decides_and_nothing_else() {
    let mut sending = Sending::new();
    assert!(sending.hears(&SILENCE));
    sending.set_mode(SendMode::PushToTalk);
    assert!(!sending.hears(&tone(0, 0.5)));
    sending.set_talking(true);
    assert!(sending.hears(&SILENCE));
}
