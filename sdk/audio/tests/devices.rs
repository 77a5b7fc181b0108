//! Real devices of a sound server without a sound card: a null sink as the loudspeaker, and what
//! it plays as the microphone. Needs `pulseaudio` and ALSA's pulse plugin; skipped without.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cooee_audio::{
    AudioError, Captured, Decoder, DeviceReason, Encoder, EncoderConfig, FRAME, Frame, Input,
    LONGEST_PACKET, LatencyProfile, Output, Packet, PeerId, Processing, Source, Voice, VoiceConfig,
    devices,
};
use cooee_core::call::{CallConfig, CallMachine, CallOutput, CapturePermit};
use cooee_protocol::{Ring, ServerMessage};

/// Samples in a packet: 20 ms.
const PACKET: usize = 2 * FRAME;

/// Set for the process that runs inside the rig: the sound server's process id.
const RIG: &str = "COOEE_TEST_SOUND_SERVER";

struct SoundServer(Child);

impl Drop for SoundServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a sound server of our own, or says why not.
fn sound_server(folder: &Path) -> Result<SoundServer, String> {
    let plugin = [
        "/usr/lib/x86_64-linux-gnu/alsa-lib",
        "/usr/lib/aarch64-linux-gnu/alsa-lib",
        "/usr/lib64/alsa-lib",
        "/usr/lib/alsa-lib",
    ]
    .iter()
    .any(|lib| {
        Path::new(lib)
            .join("libasound_module_pcm_pulse.so")
            .exists()
    });
    if !plugin {
        return Err("ALSA's pulse plugin is not installed".into());
    }
    let socket = folder.join("pulse.socket");
    let loudspeaker = "module-null-sink sink_name=speaker rate=48000 channels=1 format=s16le";
    let microphone = "module-remap-source source_name=microphone master=speaker.monitor";
    let child = Command::new("pulseaudio")
        .args([
            "-n",
            "--system=false",
            "--daemonize=no",
            "--exit-idle-time=-1",
        ])
        .args([
            "--disable-shm=true",
            "--use-pid-file=false",
            "--realtime=false",
        ])
        .arg(format!(
            "--load=module-native-protocol-unix socket={} auth-anonymous=1",
            socket.display()
        ))
        .arg(format!("--load={loudspeaker}"))
        .arg(format!("--load={microphone}"))
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("pulseaudio does not start: {error}"))?;
    let server = SoundServer(child);
    let begin = Instant::now();
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        if begin.elapsed() > Duration::from_secs(5) {
            return Err("pulseaudio does not answer".into());
        }
        std::thread::yield_now();
    }
    Ok(server)
}

/// The sound server and ALSA are found by environment, which a process must not change while it
/// has threads: so the test runs itself again, inside the rig.
fn in_a_rig(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let server = match sound_server(folder.path()) {
        Ok(server) => server,
        Err(reason) => {
            eprintln!("skipped: {reason}");
            return;
        }
    };
    let alsa = folder.path().join("asound.conf");
    std::fs::write(
        &alsa,
        "</usr/share/alsa/alsa.conf>\n\
         pcm.!default { type pulse hint { show on description \"Rig\" } }\n\
         ctl.!default { type pulse }\n",
    )
    .unwrap();
    let inside = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(RIG, server.0.id().to_string())
        .env("ALSA_CONFIG_PATH", &alsa)
        .env(
            "PULSE_SERVER",
            format!("unix:{}/pulse.socket", folder.path().display()),
        )
        .env("PULSE_SINK", "speaker")
        .env("PULSE_SOURCE", "microphone")
        .status()
        .unwrap();
    assert!(inside.success());
}

#[test]
fn a_loudspeaker_and_a_microphone() {
    in_a_rig("inside_the_rig");
}

/// Prints how long sound is on its way; a busy machine's figure proves nothing, so none is
/// asserted beyond what no call could bear.
#[test]
fn the_way_from_packet_to_loudspeaker_to_microphone_to_packet() {
    in_a_rig("the_delay_in_the_rig");
}

/// The only way to a permit: a call that the user accepts.
fn permit() -> CapturePermit {
    let now = Instant::now();
    let mut machine = CallMachine::new("alice".parse().unwrap(), CallConfig::default());
    let ring = Ring {
        id_group: "g".parse().unwrap(),
        pseudo: Some("bob".parse().unwrap()),
        list_pseudo: vec!["alice".parse().unwrap()],
        address: std::net::Ipv4Addr::UNSPECIFIED.into(),
        port: 0,
    };
    machine.handle_message(now, &ServerMessage::Ring(ring));
    machine.accept(now).unwrap();
    loop {
        if let CallOutput::OpenVoice(permit) = machine.poll_output().unwrap() {
            return permit;
        }
    }
}

/// A chirp that comes again every second and never sounds like itself at another time.
struct Chirp(u32);

impl Source for Chirp {
    fn read(&mut self, frame: &mut Frame) {
        *frame = chirp(self.0);
        self.0 += FRAME as u32;
    }
}

fn chirp(begin: u32) -> Frame {
    std::array::from_fn(|index| {
        let time = ((begin + index as u32) % 48_000) as f32 / 48_000.0;
        0.4 * (std::f32::consts::TAU * (120.0 + 150.0 * time) * time).sin()
    })
}

fn next(captured: &mut Captured) -> cooee_audio::EncodedFrame {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let wait = async { tokio::time::timeout(Duration::from_secs(5), captured.recv()).await };
    runtime.unwrap().block_on(wait).unwrap().unwrap()
}

#[test]
#[ignore = "runs inside the rig that the other test sets up"]
fn inside_the_rig() {
    let Ok(server) = std::env::var(RIG) else {
        eprintln!("skipped: not inside the rig");
        return;
    };
    assert!(
        devices()
            .unwrap()
            .iter()
            .any(|device| device.default_output)
    );
    let unknown = Input::Device("no such thing".into());
    // A name that no device has: the default one stands in, and that is told.
    let (stopgap, _said) =
        Voice::start(permit(), unknown, Output::Null, VoiceConfig::default()).unwrap();
    let told = stopgap.take_devices();
    assert!(
        told.iter().any(|news| {
            news.reason == DeviceReason::Lost
                && news
                    .error
                    .as_deref()
                    .is_some_and(|error| error.contains("no such thing"))
        }),
        "{told:?}"
    );
    stopgap.stop().unwrap();

    let talker = Input::Custom(Box::new(Chirp(0)));
    // A chirp is no speech, and the rig's loudspeaker is its microphone.
    let config = VoiceConfig {
        processing: Some(Processing::off()),
        ..VoiceConfig::default()
    };
    let (alice, mut said) = Voice::start(permit(), talker, Output::Null, config).unwrap();
    let (bob, mut heard) = Voice::start(permit(), Input::Default, Output::Default, config).unwrap();
    bob.add_peer(PeerId(1)).unwrap();
    let mut ear = Decoder::new().unwrap();
    let mut recording = Vec::new();
    for sequence in 0..260 {
        let frame = next(&mut said);
        let packet = Packet {
            sequence,
            timestamp: frame.timestamp,
            payload: frame.opus,
        };
        bob.deliver(PeerId(1), packet, Instant::now());
        let mut sound = [0.0; LONGEST_PACKET];
        let samples = ear.decode(&next(&mut heard).opus, &mut sound).unwrap();
        recording.extend_from_slice(&sound[..samples]);
    }
    let stats = bob.stats();
    eprintln!("{stats:?}");
    assert!(!stats.input.lost && !stats.output.lost);
    // The null sink begins after two seconds, and then the rings have to find their level.
    // Splices, more on a busy machine than on an idle one, shift what follows them: each 200 ms
    // is aligned by itself.
    let reference: Vec<f32> = (0..120)
        .flat_map(|frame| chirp(frame * FRAME as u32))
        .collect();
    let mut best: Vec<f32> = recording[150 * PACKET..]
        .chunks_exact(10 * PACKET)
        .map(|window| {
            let phases = reference.windows(window.len()).step_by(8);
            phases
                .map(|said| correlation(window, said))
                .fold(0.0, f32::max)
        })
        .collect();
    best.sort_by(f32::total_cmp);
    eprintln!("correlations {best:.2?}");
    assert!(best[best.len() / 2] > 0.8);

    // The sound server dies, and with it both devices.
    assert!(
        Command::new("kill")
            .args(["-9", &server])
            .status()
            .unwrap()
            .success()
    );
    let begin = Instant::now();
    let mut gone = Vec::new();
    while gone.len() < 2 {
        for news in bob.take_devices() {
            eprintln!("{news:?}");
            if news.device.is_none() && !gone.contains(&news.direction) {
                gone.push(news.direction);
            }
        }
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "{:?}",
            bob.stats()
        );
        next(&mut heard);
    }
    assert!(bob.stop().is_ok());
    assert!(alice.stop().is_ok());
    let gone = Voice::start(permit(), Input::Default, Output::Default, config);
    let error = gone.err().unwrap();
    eprintln!("{error}");
    assert!(matches!(error, AudioError::Open(_)));
}

/// Frames between two bursts.
const SPACING: u64 = (500 * 48 / FRAME) as u64;

/// 5 ms of a tone at the beginning of every so many frames.
fn burst(sequence: u64) -> [f32; PACKET] {
    if !sequence.is_multiple_of(SPACING) {
        return [0.0; PACKET];
    }
    std::array::from_fn(|index| {
        let inside = if index < 240 { 0.5 } else { 0.0 };
        inside * (std::f32::consts::TAU * 1_000.0 * index as f32 / 48_000.0).sin()
    })
}

#[test]
#[ignore = "runs inside the rig that the other test sets up"]
fn the_delay_in_the_rig() {
    if std::env::var(RIG).is_err() {
        eprintln!("skipped: not inside the rig");
        return;
    }
    for latency in [LatencyProfile::Balanced, LatencyProfile::Low] {
        measure(latency);
    }
}

fn measure(latency: LatencyProfile) {
    let config = VoiceConfig {
        latency,
        // What is measured is an echo, which the chain would take away.
        processing: Some(Processing::off()),
        ..VoiceConfig::default()
    };
    let (voice, mut heard) =
        Voice::start(permit(), Input::Default, Output::Default, config).unwrap();
    voice.add_peer(PeerId(1)).unwrap();
    let mut mouth = Encoder::new(EncoderConfig::default()).unwrap();
    let mut ear = Decoder::new().unwrap();
    let mut said = None;
    let mut delays = Vec::new();
    for sequence in 0..36 * SPACING {
        if sequence.is_multiple_of(SPACING) {
            said = Some(Instant::now());
        }
        let packet = Packet {
            sequence,
            timestamp: (sequence as u32).wrapping_mul(PACKET as u32),
            payload: mouth.encode(&burst(sequence)).unwrap(),
        };
        voice.deliver(PeerId(1), packet, Instant::now());
        let frame = next(&mut heard);
        let now = Instant::now();
        let mut sound = [0.0; LONGEST_PACKET];
        ear.decode(&frame.opus, &mut sound).unwrap();
        let onset = sound.iter().position(|sample| sample.abs() > 0.1);
        if let (Some(begin), Some(onset)) = (said, onset) {
            said = None;
            // What came at the beginning of a frame has waited for its end.
            let waited = Duration::from_micros((PACKET - onset) as u64 * 1_000 / 48);
            delays.push((now - begin).saturating_sub(waited).as_secs_f64() * 1e3);
        }
    }
    let stats = voice.stop().unwrap().stats;
    eprintln!("{stats:?}");
    // The first seconds go by until the rings have found their level.
    let mut settled = delays.split_off(delays.len().min(16));
    settled.sort_by(f64::total_cmp);
    eprintln!(
        "{latency:?}, packet to packet: median {:.1} ms, {:.1} to {:.1} ms, {} bursts",
        settled[settled.len() / 2],
        settled[0],
        settled[settled.len() - 1],
        settled.len()
    );
    assert!(settled[settled.len() / 2] < 400.0);
}

/// How much two recordings of the same length are alike.
fn correlation(heard: &[f32], said: &[f32]) -> f32 {
    let (mut both, mut one, mut two) = (0.0, 0.0, 0.0);
    // One sample in eight tells enough.
    for (a, b) in heard.iter().zip(said).step_by(8) {
        both += a * b;
        one += a * a;
        two += b * b;
    }
    both / (one * two).sqrt().max(1e-9)
}
