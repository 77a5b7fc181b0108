//! The processing on recorded speech: each part on and off in the same run.

use std::path::Path;
use std::time::Duration;

use super::allocations::during;
use super::rms;
use crate::frame::SAMPLE_RATE;
use crate::processing::{BLOCK, EnergyActivity, Processing, ProcessingChain};

const RECORDINGS: &str = "/usr/share/sounds/alsa";
const NEAR: [&str; 4] = ["Front_Center", "Front_Left", "Rear_Center", "Side_Left"];
const FAR: [&str; 4] = ["Rear_Left", "Front_Right", "Side_Right", "Rear_Right"];
const SECOND: usize = SAMPLE_RATE as usize;

/// Recorded words with pauses between them; `None`, with a reason printed, where there are none.
fn recorded(names: &[&str], seconds: usize) -> Option<Vec<f32>> {
    let mut words = vec![0.0; SECOND / 2];
    for name in names {
        let path = Path::new(RECORDINGS).join(format!("{name}.wav"));
        let Ok(reader) = hound::WavReader::open(&path) else {
            eprintln!(
                "skipped: {} is missing (package alsa-utils)",
                path.display()
            );
            return None;
        };
        let samples = reader.into_samples::<i16>();
        words.extend(samples.map(|sample| f32::from(sample.unwrap()) / 32_768.0));
        words.extend([0.0; SECOND * 3 / 10]);
    }
    Some(words.into_iter().cycle().take(seconds * SECOND).collect())
}

/// Noise of a flat spectrum with this root mean square, the same in every run.
fn noise(samples: usize, level: f32) -> Vec<f32> {
    let mut state = 0x2545_f491_u32;
    let uniform = (0..samples).map(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    });
    uniform
        .map(|sample| sample * level * 3.0_f32.sqrt())
        .collect()
}

/// What is sent of a microphone's sound while something is played.
fn through(processing: Processing, microphone: &[f32], played: &[f32]) -> Vec<f32> {
    let mut chain = ProcessingChain::new(processing);
    let mut sent = microphone.to_vec();
    for (captured, played) in sent.chunks_mut(BLOCK).zip(played.chunks(BLOCK)) {
        chain.playout(played);
        chain.capture(captured);
    }
    sent
}

/// What a microphone hears of a loudspeaker: `delay` later and 6 dB lower.
fn echo(played: &[f32], delay: Duration) -> Vec<f32> {
    let samples = (delay.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize;
    let silence = std::iter::repeat_n(0.0, samples);
    let echo = silence.chain(played.iter().map(|sample| 0.5 * sample));
    echo.take(played.len()).collect()
}

fn decibels(ratio: f32) -> f32 {
    20.0 * ratio.max(1e-9).log10()
}

#[test]
fn an_echo_comes_back_35_decibels_lower() {
    let Some(played) = recorded(&FAR, 12) else {
        return;
    };
    for milliseconds in [20, 100, 300] {
        let microphone = echo(&played, Duration::from_millis(milliseconds));
        for on in [
            Processing::all(),
            Processing {
                echo_cancellation: true,
                ..Processing::off()
            },
        ] {
            let off = through(Processing::off(), &microphone, &played);
            let on = through(on, &microphone, &played);
            let lower = decibels(rms(&off[3 * SECOND..]) / rms(&on[3 * SECOND..]));
            eprintln!("echo after {milliseconds} ms: {lower:.1} dB lower");
            assert!(lower >= 35.0, "{lower} dB at {milliseconds} ms");
        }
    }
}

#[test]
fn the_delay_of_the_echo_is_found() {
    let Some(played) = recorded(&FAR, 5) else {
        return;
    };
    let microphone = echo(&played, Duration::from_millis(100));
    let mut chain = ProcessingChain::new(Processing::all());
    assert_eq!(chain.echo_delay(), None);
    for (captured, played) in microphone.chunks(BLOCK).zip(played.chunks(BLOCK)) {
        chain.playout(played);
        chain.capture(&mut captured.to_vec());
    }
    let found = chain.echo_delay().unwrap();
    assert!(
        found.abs_diff(Duration::from_millis(100)) < Duration::from_millis(10),
        "{found:?}"
    );
}

#[test]
fn steady_noise_is_lowered_by_15_decibels() {
    let Some(speech) = recorded(&NEAR, 12) else {
        return;
    };
    let voiced: Vec<f32> = speech.iter().copied().filter(|s| s.abs() > 0.003).collect();
    let noise = noise(speech.len(), rms(&voiced) / 10.0_f32.sqrt());
    let noisy: Vec<f32> = speech.iter().zip(&noise).map(|(a, b)| a + b).collect();
    let silence = vec![0.0; noisy.len()];
    let on = Processing {
        noise_suppression: true,
        ..Processing::off()
    };
    let off = through(Processing::off(), &noisy, &silence);
    for on in [on, Processing::all()] {
        let on = through(on, &noisy, &silence);
        // The pauses between words, from the third second on, without the words' edges.
        let pauses: Vec<usize> = (3 * SECOND / BLOCK..speech.len() / BLOCK - 5)
            .filter(|block| {
                let around = &speech[(block - 5) * BLOCK..(block + 5) * BLOCK];
                around.iter().all(|sample| sample.abs() < 0.003)
            })
            .collect();
        assert!(pauses.len() > 50, "{}", pauses.len());
        let level = |samples: &[f32]| {
            let pauses = pauses
                .iter()
                .map(|block| &samples[block * BLOCK..][..BLOCK]);
            rms(&pauses.flatten().copied().collect::<Vec<_>>())
        };
        let lower = decibels(level(&off) / level(&on));
        eprintln!("noise in the pauses: {lower:.1} dB lower");
        assert!(lower >= 15.0, "{lower} dB");
    }
}

#[test]
fn a_quiet_talker_is_raised_and_a_normal_one_hardly() {
    let Some(speech) = recorded(&NEAR, 16) else {
        return;
    };
    let silence = vec![0.0; speech.len()];
    let on = Processing {
        gain_control: true,
        ..Processing::off()
    };
    let quiet: Vec<f32> = speech.iter().map(|sample| 0.05 * sample).collect();
    let late = 10 * SECOND..;
    let raised = rms(&through(on, &quiet, &silence)[late.clone()]) / rms(&quiet[late.clone()]);
    assert!(decibels(raised) > 6.0, "{} dB", decibels(raised));
    let sent = through(on, &speech, &silence);
    let changed = decibels(rms(&sent[late.clone()]) / rms(&speech[late]));
    assert!(changed.abs() < 6.0, "{changed} dB");
    assert!(sent.iter().all(|sample| sample.abs() <= 1.0));
}

#[test]
fn rumble_is_taken_away() {
    let hum: Vec<f32> = (0..2 * SECOND)
        .map(|index| (std::f32::consts::TAU * 30.0 * index as f32 / SECOND as f32).sin() * 0.3)
        .collect();
    let on = Processing {
        high_pass: true,
        ..Processing::off()
    };
    let sent = through(on, &hum, &vec![0.0; hum.len()]);
    let lower = decibels(rms(&hum[SECOND..]) / rms(&sent[SECOND..]));
    assert!(lower > 15.0, "{lower} dB");
}

#[test]
fn off_passes_every_sample_unchanged() {
    let sound = noise(SECOND + 100, 0.3);
    assert_eq!(through(Processing::off(), &sound, &sound), sound);
    // What is no whole block is left alone.
    let mut rest = noise(BLOCK - 1, 0.3);
    ProcessingChain::new(Processing::all()).capture(&mut rest);
    assert_eq!(rest, noise(BLOCK - 1, 0.3));
}

#[test]
fn switching_neither_clicks_nor_fails() {
    let tone: Vec<f32> = (0..SECOND)
        .map(|index| (std::f32::consts::TAU * 440.0 * index as f32 / SECOND as f32).sin() * 0.3)
        .collect();
    let largest = |samples: &[f32]| {
        let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        steps.fold(0.0, f32::max)
    };
    let mut chain = ProcessingChain::new(Processing::off());
    let mut sent = tone.clone();
    for (index, block) in sent.chunks_mut(BLOCK).enumerate() {
        chain.set_processing(match index / 10 % 4 {
            0 => Processing::off(),
            1 => Processing::all(),
            2 => "echo".parse().unwrap(),
            _ => "gain,high-pass".parse().unwrap(),
        });
        chain.playout(&[0.0; BLOCK]);
        chain.capture(block);
    }
    assert!(largest(&sent) < 2.0 * largest(&tone), "{}", largest(&sent));
    assert_eq!(sent[..10 * BLOCK], tone[..10 * BLOCK]);
}

#[test]
fn what_is_not_a_number_does_not_stay() {
    let mut chain = ProcessingChain::new(Processing::all());
    let mut bad = [f32::NAN; BLOCK];
    bad[7] = f32::INFINITY;
    chain.playout(&bad);
    chain.capture(&mut bad);
    for _ in 0..10 {
        let mut block = [0.1; BLOCK];
        chain.playout(&block);
        chain.capture(&mut block);
        assert!(block.iter().all(|sample| sample.is_finite()));
    }
}

#[test]
fn only_echo_cancellation_and_gain_control_allocate() {
    let sound = noise(5 * SECOND, 0.1);
    for word in ["noise", "high-pass", "noise,high-pass", "off"] {
        let processing: Processing = word.parse().unwrap();
        let mut chain = ProcessingChain::new(processing);
        let mut block = [0.0; BLOCK];
        let mut run = |from: usize, to: usize| {
            for index in from..to {
                block.copy_from_slice(&sound[index * BLOCK..][..BLOCK]);
                chain.playout(&block);
                chain.capture(&mut block);
            }
        };
        run(0, 100);
        let allocated = during(|| run(100, 500));
        assert_eq!(allocated, 0, "{processing}");
    }
}

#[test]
fn words_name_what_is_on() {
    for (text, shown) in [
        ("all", "all"),
        ("off", "off"),
        ("echo", "echo"),
        ("noise, echo", "echo,noise"),
        ("echo,noise,gain,high-pass", "all"),
    ] {
        let processing: Processing = text.parse().unwrap();
        assert_eq!(processing.to_string(), shown);
        assert_eq!(Processing::from_bits(processing.bits()), processing);
    }
    for text in ["", "loud", "echo,,noise", "all,off"] {
        assert!(text.parse::<Processing>().is_err(), "{text}");
    }
}

#[test]
fn speech_is_told_from_silence_and_from_noise() {
    let Some(speech) = recorded(&NEAR, 6) else {
        return;
    };
    let mut chain = ProcessingChain::new(Processing::all());
    let mut peer = EnergyActivity::new();
    let mut observe = |samples: &[f32]| {
        let (mut own, mut remote) = (0, 0);
        for block in samples.chunks(BLOCK) {
            chain.capture(&mut block.to_vec());
            peer.observe(block);
            own += usize::from(chain.speaking());
            remote += usize::from(peer.speaking());
        }
        let blocks = samples.len() / BLOCK;
        (own as f32 / blocks as f32, remote as f32 / blocks as f32)
    };
    assert_eq!(observe(&vec![0.0; SECOND]), (0.0, 0.0));
    let (own, remote) = observe(&speech);
    assert!(own > 0.5 && remote > 0.5, "{own} {remote}");
    observe(&vec![0.0; SECOND]);
    let (own, remote) = observe(&noise(10 * SECOND, 0.0003));
    assert!(own < 0.2 && remote < 0.2, "{own} {remote}");
}

#[test]
fn a_peer_who_falls_silent_stops_speaking() {
    let mut peer = EnergyActivity::new();
    peer.observe(&[0.0; BLOCK]);
    peer.observe(&noise(10 * BLOCK, 0.1));
    assert!(peer.speaking());
    peer.observe_silence(39 * BLOCK);
    assert!(peer.speaking());
    peer.observe_silence(BLOCK);
    assert!(!peer.speaking());
}
