use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::rms;
use crate::frame::{FRAME, SILENCE, Sink, SinkError, Source};
use crate::loopback::loopback;
use crate::pcm::{PcmSink, PcmSource};

/// A stream that gives what the test sends and waits otherwise.
struct Pipe(Receiver<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.recv() {
            Ok(bytes) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Err(_) => Ok(0),
        }
    }
}

/// Reads until there is something other than silence. The reading thread has its own pace.
fn heard(source: &mut PcmSource) -> [f32; FRAME] {
    let begin = Instant::now();
    let mut frame = SILENCE;
    while rms(&frame) == 0.0 && begin.elapsed() < Duration::from_secs(5) {
        source.read(&mut frame);
        std::thread::yield_now();
    }
    frame
}

#[test]
fn a_stream_that_waits_gives_silence_at_once() {
    let (sender, pipe): (Sender<Vec<u8>>, _) = channel();
    let mut source = PcmSource::new(Pipe(pipe)).unwrap();
    let mut frame = [1.0; FRAME];
    source.read(&mut frame);
    assert_eq!(frame, SILENCE);
    assert!(!source.health().ended);
    // A sample may arrive in two halves.
    sender.send(vec![0x00]).unwrap();
    sender.send(vec![0x40, 0x00]).unwrap();
    sender.send(vec![0xc0]).unwrap();
    let first = heard(&mut source);
    assert_eq!(first[0], 0.5);
    let second = if first[1] == 0.0 {
        heard(&mut source)[0]
    } else {
        first[1]
    };
    assert_eq!(second, -0.5);
    drop(sender);
    let begin = Instant::now();
    while !source.health().ended && begin.elapsed() < Duration::from_secs(5) {
        source.read(&mut frame);
    }
    assert!(source.health().ended);
}

#[test]
fn a_stream_is_written_whole() {
    let (sender, receiver) = channel();
    struct Out(Sender<Vec<u8>>);
    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut sink = PcmSink::new(Out(sender)).unwrap();
    sink.write(&[0.5; FRAME]);
    sink.write(&[-1.5; FRAME]);
    sink.finish().unwrap();
    assert_eq!(sink.written(), 2);
    drop(sink);
    let bytes: Vec<u8> = receiver.iter().flatten().collect();
    assert_eq!(bytes.len(), 4 * FRAME);
    assert_eq!(bytes[..2], [0x00, 0x40]);
    assert_eq!(bytes[2 * FRAME..][..2], [0x00, 0x80]);
}

#[test]
fn a_broken_stream_is_reported_at_the_end() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut sink = PcmSink::new(Broken).unwrap();
    sink.write(&SILENCE);
    assert!(matches!(sink.finish(), Err(SinkError::Stream(_))));
}

#[test]
fn a_loopback_gives_back_after_its_delay() {
    let (mut sink, mut source) = loopback(Duration::from_millis(40));
    let mut frame = [1.0; FRAME];
    source.read(&mut frame);
    assert_eq!(frame, SILENCE);
    for value in [0.1, 0.2, 0.3] {
        sink.write(&[value; FRAME]);
    }
    let mut values = Vec::new();
    for _ in 0..8 {
        source.read(&mut frame);
        values.push(frame[0]);
    }
    assert_eq!(values, [0.0, 0.0, 0.0, 0.0, 0.1, 0.2, 0.3, 0.0]);
    drop(sink);
    assert!(source.health().ended);
}

#[test]
fn a_loopback_nobody_reads_is_bounded() {
    let (mut sink, _source) = loopback(Duration::ZERO);
    for _ in 0..100 {
        sink.write(&[0.1; FRAME]);
    }
    assert_eq!(sink.health().overruns, 80);
}
