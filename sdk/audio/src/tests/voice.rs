use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use cooee_core::jitter::Packet;
use cooee_core::path::PeerId;

use super::{Ear, Recording, speech};
use crate::frame::{FRAME, Frame, SILENCE, Sink, SinkError, Source};
use crate::voice::{AudioError, Captured, Voice, VoiceConfig};

fn next(captured: &mut Captured) -> crate::EncodedFrame {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let frame = async { tokio::time::timeout(Duration::from_secs(10), captured.recv()).await };
    runtime.block_on(frame).unwrap().unwrap()
}

#[test]
fn the_thread_keeps_time_and_stops() {
    let ear = Ear::default();
    let source = Recording::new(speech(2.0, 0));
    let begin = Instant::now();
    let (voice, mut captured) =
        Voice::run(source, Box::new(ear.clone()), VoiceConfig::default()).unwrap();
    let peer = PeerId(3);
    voice.add_peer(peer).unwrap();
    let mut last = None;
    // The voice comes back to its own ear, over a network of no length.
    for sequence in 0..25_u64 {
        let frame = next(&mut captured);
        if let Some(last) = last.replace(frame.timestamp) {
            assert_eq!(frame.timestamp.wrapping_sub(last) % FRAME as u32, 0);
        }
        let packet = Packet {
            sequence,
            timestamp: frame.timestamp,
            payload: frame.opus,
        };
        voice.deliver(peer, packet, Instant::now());
    }
    let elapsed = begin.elapsed();
    assert!(elapsed >= Duration::from_millis(480), "{elapsed:?}");
    assert!(voice.levels().input > 0.0);
    voice.set_muted(true);
    voice.remove_peer(peer).unwrap();
    let summary = voice.stop().unwrap();
    let ticks = summary.stats.captured;
    assert!(ticks >= 25, "{ticks}");
    assert_eq!(summary.stats.played, ticks);
    assert_eq!(ear.heard().len() as u64, ticks * FRAME as u64);
    while captured.try_recv().is_some() {}
    assert!(captured.try_recv().is_none());
}

#[test]
fn a_driver_that_does_not_listen_costs_frames_and_nothing_else() {
    let (sender, ticks) = channel();
    struct Tell(std::sync::mpsc::Sender<()>);
    impl Source for Tell {
        fn read(&mut self, frame: &mut Frame) {
            *frame = SILENCE;
            let _ = self.0.send(());
        }
    }
    let config = VoiceConfig {
        backlog: 2,
        ..VoiceConfig::default()
    };
    let (voice, _captured) =
        Voice::run(Box::new(Tell(sender)), Box::new(Ear::default()), config).unwrap();
    for _ in 0..16 {
        ticks.recv_timeout(Duration::from_secs(10)).unwrap();
    }
    let stats = voice.stop().unwrap().stats;
    assert!(stats.overruns >= 5, "{}", stats.overruns);
}

#[test]
fn an_unfinished_output_is_reported() {
    struct Full;
    impl Sink for Full {
        fn write(&mut self, _: &Frame) {}
        fn finish(&mut self) -> Result<(), SinkError> {
            Err(SinkError::Stuck)
        }
    }
    let source = Recording::new(Vec::new());
    let (voice, _captured) = Voice::run(source, Box::new(Full), VoiceConfig::default()).unwrap();
    assert!(matches!(
        voice.stop(),
        Err(AudioError::Sink(SinkError::Stuck))
    ));
}

#[test]
fn a_dropped_voice_finishes_its_output() {
    let (sender, finished) = channel();
    struct Tell(std::sync::mpsc::Sender<()>);
    impl Sink for Tell {
        fn write(&mut self, _: &Frame) {}
        fn finish(&mut self) -> Result<(), SinkError> {
            let _ = self.0.send(());
            Ok(())
        }
    }
    let source = Recording::new(Vec::new());
    let voice = Voice::run(source, Box::new(Tell(sender)), VoiceConfig::default()).unwrap();
    drop(voice);
    finished.recv_timeout(Duration::from_secs(10)).unwrap();
}
