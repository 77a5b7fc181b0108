//! Runs a recording through the microphone's processing, without any device:
//!
//! ```text
//! cargo run --release -p cooee-audio --example process -- near.wav far.wav out.wav all
//! ```
//!
//! `near.wav` is what the microphone heard, `far.wav` what the loudspeaker played meanwhile, both
//! 48 kHz with one channel. `out.wav` is what would be sent; the last word is what is switched on,
//! as for `cooee call --processing`. Prints the echo's delay as it was found, and
//! the time that it took.

use std::time::{Duration, Instant};

use cooee_audio::{BLOCK, Processing, ProcessingChain};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [near, far, out, processing] = words.as_slice() else {
        return Err("usage: process NEAR.wav FAR.wav OUT.wav all|off|LIST".into());
    };
    let processing: Processing = processing.parse()?;
    let (near, far) = (read(near)?, read(far)?);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(out, spec)?;
    let mut chain = ProcessingChain::new(processing);
    let mut slowest = Duration::ZERO;
    let mut spoken = 0_u64;
    let begin = Instant::now();
    let silence = [0.0; BLOCK];
    for (index, block) in near.as_chunks::<BLOCK>().0.iter().enumerate() {
        let start = Instant::now();
        // As in a call: what is played in a block's time is handed over before what was
        // captured in that time.
        chain.playout(far.as_chunks::<BLOCK>().0.get(index).unwrap_or(&silence));
        let mut block = *block;
        chain.capture(&mut block);
        slowest = slowest.max(start.elapsed());
        spoken += u64::from(chain.speaking());
        for sample in block {
            writer.write_sample((sample * 32_768.0).round() as i16)?;
        }
    }
    writer.finalize()?;
    println!(
        "processing {processing}, {:.3} s for {:.3} s of sound, slowest block {:.3} ms, \
         echo delay {:?}, speaking {:.2} s",
        begin.elapsed().as_secs_f64(),
        near.len() as f64 / 48_000.0,
        slowest.as_secs_f64() * 1e3,
        chain.echo_delay(),
        spoken as f64 / 100.0,
    );
    Ok(())
}

fn read(path: &str) -> Result<Vec<f32>, Failure> {
    let mut reader = hound::WavReader::open(path)?;
    let spec = reader.spec();
    if (spec.sample_rate, spec.channels, spec.bits_per_sample) != (48_000, 1, 16) {
        return Err(format!("{path} is not 48 kHz with one channel of 16 bits").into());
    }
    let samples = reader.samples::<i16>();
    Ok(samples
        .map(|sample| sample.map(|value| f32::from(value) / 32_768.0))
        .collect::<Result<_, _>>()?)
}
