use std::f32::consts::TAU;
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::{aligned, rms, speech};
use crate::choice::{Input, Output};
use crate::frame::{FRAME, SILENCE, Sink, Source};
use crate::wav::{WavError, WavSink, WavSource};

fn play(path: &Path) -> Vec<f32> {
    let mut source = WavSource::open(path).unwrap();
    let mut heard = Vec::new();
    let mut frame = SILENCE;
    while !source.health().ended {
        source.read(&mut frame);
        heard.extend_from_slice(&frame);
    }
    source.read(&mut frame);
    assert_eq!(frame, SILENCE);
    heard
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let said = speech(1.0, 0);
    let mut sink = WavSink::create(&path).unwrap();
    for frame in said.as_chunks::<FRAME>().0 {
        sink.write(frame);
    }
    sink.finish().unwrap();
    let reader = WavReader::open(&path).unwrap();
    let spec = reader.spec();
    assert_eq!(
        (spec.channels, spec.sample_rate, spec.bits_per_sample),
        (1, 48_000, 16)
    );
    assert_eq!(reader.duration(), 48_000);
    let heard = play(&path);
    for (a, b) in said.iter().zip(&heard) {
        assert!((a - b).abs() <= 0.5 / 32_768.0 + 1e-6);
    }
}

#[test]
fn a_file_of_another_rate_and_more_channels_sounds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("studio.wav");
    let spec = WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 24,
        sample_format: SampleFormat::Int,
    };
    let tone = |rate: f32, index: usize| {
        let time = index as f32 / rate;
        // A chirp, so that there is but one alignment.
        0.5 * (TAU * (200.0 + 400.0 * time) * time).sin()
    };
    let mut writer = WavWriter::create(&path, spec).unwrap();
    for index in 0..44_100 {
        let sample = tone(44_100.0, index);
        // What differs between left and right goes away in the mixdown.
        for side in [0.2, -0.2] {
            writer
                .write_sample(((sample + side) * 8_388_607.0) as i32)
                .unwrap();
        }
    }
    writer.finalize().unwrap();
    let heard = play(&path);
    assert!((48_000..=50_000).contains(&heard.len()), "{}", heard.len());
    let expected: Vec<f32> = (0..40_000).map(|index| tone(48_000.0, index)).collect();
    let (correlation, lag) = aligned(&expected, &heard, 1_000);
    assert!(correlation > 0.999, "{correlation} at {lag}");
    let ratio = rms(&heard[lag..lag + 40_000]) / rms(&expected);
    assert!((ratio - 1.0).abs() < 0.01, "{ratio}");
}

#[test]
fn every_depth_has_the_same_full_scale() {
    let folder = tempfile::tempdir().unwrap();
    for (bits, format) in [
        (8, SampleFormat::Int),
        (16, SampleFormat::Int),
        (24, SampleFormat::Int),
        (32, SampleFormat::Int),
        (32, SampleFormat::Float),
    ] {
        let path = folder.path().join(format!("{bits}{format:?}.wav"));
        let spec = WavSpec {
            channels: 1,
            sample_rate: 48_000,
            bits_per_sample: bits,
            sample_format: format,
        };
        let mut writer = WavWriter::create(&path, spec).unwrap();
        for _ in 0..FRAME {
            match format {
                SampleFormat::Int => writer.write_sample(1_i32 << (bits - 2)).unwrap(),
                SampleFormat::Float => writer.write_sample(0.5_f32).unwrap(),
            }
        }
        writer.finalize().unwrap();
        assert_eq!(play(&path)[..FRAME], [0.5; FRAME], "{bits} {format:?}");
    }
}

#[test]
fn a_float_file_full_of_nonsense_gives_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nan.wav");
    let spec = WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 32,
        sample_format: SampleFormat::Float,
    };
    let mut writer = WavWriter::create(&path, spec).unwrap();
    for index in 0..16_000 {
        let values = [f32::NAN, f32::INFINITY, 1e30, -1e30, 0.1];
        writer.write_sample(values[index % 5]).unwrap();
    }
    writer.finalize().unwrap();
    assert!(play(&path).iter().all(|sample| sample.is_finite()));
}

#[test]
fn the_file_can_be_played_while_it_is_still_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("running.wav");
    let mut sink = WavSink::create(&path).unwrap();
    for _ in 0..60 {
        sink.write(&[0.25; FRAME]);
    }
    // As if the process had been killed here: neither finish nor drop.
    let written = WavReader::open(&path).unwrap().duration() as usize;
    assert_eq!(written, 50 * FRAME);
    sink.skip(2);
    sink.finish().unwrap();
    let heard = play(&path);
    assert_eq!(
        heard.len(),
        63 * FRAME,
        "the last is where the end is found"
    );
    assert!(heard[60 * FRAME..].iter().all(|sample| *sample == 0.0));
}

#[test]
fn files_that_cannot_be_played_or_overwritten_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = WavSource::open(folder.path().join("none.wav"));
    assert!(missing.unwrap_err().to_string().contains("none.wav"));
    let letter = folder.path().join("letter.txt");
    std::fs::write(&letter, "Dear Bob, this is no sound.").unwrap();
    assert!(matches!(
        WavSource::open(&letter),
        Err(WavError::Read { .. })
    ));
    assert!(matches!(
        WavSink::create(&letter),
        Err(WavError::NotOurs { .. })
    ));
    assert!(
        std::fs::read_to_string(&letter)
            .unwrap()
            .starts_with("Dear")
    );
    let nowhere = folder.path().join("no/such/folder.wav");
    assert!(matches!(
        WavSink::create(nowhere),
        Err(WavError::Create { .. })
    ));
}

#[test]
fn a_word_is_a_file_or_a_device() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording");
    std::fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    assert!(matches!(Input::from(""), Input::Default));
    assert!(matches!(Input::from("default"), Input::Default));
    assert!(matches!(Input::from("new.WAV"), Input::Wav(_)));
    assert!(matches!(Input::from(file), Input::Wav(_)));
    assert!(matches!(Input::from("USB Headset"), Input::Device(_)));
    assert!(matches!(Output::from("out.wav"), Output::Wav(_)));
    assert!(matches!(Output::from("none"), Output::Null));
    assert!(matches!(Output::from("hw:CARD=0"), Output::Device(_)));
}
