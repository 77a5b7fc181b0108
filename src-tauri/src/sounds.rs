//! The app's own sounds. They are played here and not in the page, which may sleep while its window
//! is hidden and a call comes in.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cooee_sdk::Chime;

use crate::convert;
use crate::model::call::{Call, CallPhase};
use crate::model::event::AppEvent;
use crate::model::settings::Settings;
use crate::shell::Shell;

/// Samples in a second of every sound.
const RATE: f32 = 48_000.0;

/// A sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Ring,
    Ringback,
    Connect,
    Drop,
    Message,
    Mute,
    Unmute,
}

impl Tone {
    fn file(self) -> &'static [u8] {
        match self {
            Self::Ring => include_bytes!("../../ui/sounds/ring.wav"),
            Self::Ringback => include_bytes!("../../ui/sounds/ringback.wav"),
            Self::Connect => include_bytes!("../../ui/sounds/connect.wav"),
            Self::Drop => include_bytes!("../../ui/sounds/drop.wav"),
            Self::Message => include_bytes!("../../ui/sounds/message.wav"),
            Self::Mute => include_bytes!("../../ui/sounds/mute.wav"),
            Self::Unmute => include_bytes!("../../ui/sounds/unmute.wav"),
        }
    }

    /// The samples, 48 kHz and one channel, full scale at ±1.
    fn samples(self) -> Result<Vec<f32>, hound::Error> {
        let mut reader = hound::WavReader::new(self.file())?;
        let scale = 1.0 / f32::from(i16::MAX);
        reader
            .samples::<i16>()
            .map(|sample| Ok(f32::from(sample?) * scale))
            .collect()
    }

    /// How often it begins when it goes on: seconds.
    fn period(self) -> f32 {
        match self {
            Self::Ring => 3.2,
            Self::Ringback => 4.0,
            Self::Connect | Self::Drop | Self::Message | Self::Mute | Self::Unmute => 0.0,
        }
    }

    /// Plays it over and over as long as the answer is held.
    fn repeat(self, settings: &Settings) -> Option<Chime> {
        let mut samples = self.ready()?;
        let period = (self.period() * RATE) as usize;
        samples.resize(samples.len().max(period), 0.0);
        Some(Chime::repeat(samples, convert::output(&settings.sound)))
    }

    /// Plays it once.
    pub(crate) fn once(self, settings: &Settings) {
        if let Some(samples) = self.ready() {
            Chime::once(samples, convert::output(&settings.sound));
        }
    }

    fn ready(self) -> Option<Vec<f32>> {
        let samples = self.samples();
        if let Err(error) = &samples {
            tracing::error!(%error, tone = ?self, "not a sound");
        }
        samples.ok()
    }
}

/// What is being played, and of the call what decides about it.
#[derive(Default)]
pub(crate) struct Sounds {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    going_on: Option<(Tone, Option<Chime>)>,
    call: Option<Seen>,
    ringing: bool,
}

/// A call as it was last seen.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    id: u32,
    phase: CallPhase,
    connected: bool,
    muted: bool,
}

impl Sounds {
    /// Follows what the page is told.
    pub(crate) fn observe(&self, shell: &Shell, event: &AppEvent) {
        let mut state = self.state();
        let once = match event {
            AppEvent::Incoming { incoming } => {
                state.ringing = !incoming.is_empty();
                None
            }
            AppEvent::Call { call } => {
                let seen = call.as_deref().map(seen);
                change(std::mem::replace(&mut state.call, seen), seen)
            }
            AppEvent::Settings { .. } => None,
            _ => return,
        };
        let settings = shell.chosen.settings();
        let wanted = wanted(&state).filter(|_| settings.notifications.sounds);
        if state.going_on.as_ref().map(|(tone, _)| *tone) != wanted {
            state.going_on = None;
            state.going_on = wanted.map(|tone| (tone, tone.repeat(&settings)));
        }
        if let Some(tone) = once.filter(|_| settings.notifications.sounds) {
            tone.once(&settings);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seen(call: &Call) -> Seen {
    Seen {
        id: call.id,
        phase: call.phase,
        connected: call.connected_at.is_some(),
        muted: call.muted || call.deafened,
    }
}

/// What goes on over and over at the moment. In a call, another one that rings is only shown.
fn wanted(state: &State) -> Option<Tone> {
    match state.call.map(|call| call.phase) {
        Some(CallPhase::RingingOut) => Some(Tone::Ringback),
        Some(CallPhase::Connecting | CallPhase::Connected | CallPhase::Reconnecting) => None,
        Some(CallPhase::Ended) | None => state.ringing.then_some(Tone::Ring),
    }
}

/// What is heard once between two moments of a call.
fn change(before: Option<Seen>, now: Option<Seen>) -> Option<Tone> {
    let now = now?;
    let before = before.filter(|before| before.id == now.id);
    let was = |phase| before.is_some_and(|before| before.phase == phase);
    if now.phase == CallPhase::Ended {
        return (before.is_some() && !was(CallPhase::Ended)).then_some(Tone::Drop);
    }
    if now.connected && !before.is_some_and(|before| before.connected) {
        return Some(Tone::Connect);
    }
    match (before.map(|before| before.muted), now.muted) {
        (Some(false), true) => Some(Tone::Mute),
        (Some(true), false) => Some(Tone::Unmute),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{CallPhase, Seen, State, Tone, change, wanted};

    const TALKING: Seen = Seen {
        id: 1,
        phase: CallPhase::Connected,
        connected: true,
        muted: false,
    };

    #[test]
    fn every_sound_is_one() {
        for tone in [
            Tone::Ring,
            Tone::Ringback,
            Tone::Connect,
            Tone::Drop,
            Tone::Message,
            Tone::Mute,
            Tone::Unmute,
        ] {
            let reader = hound::WavReader::new(tone.file()).unwrap();
            let spec = reader.spec();
            assert_eq!((spec.sample_rate, spec.channels), (48_000, 1), "{tone:?}");
            let samples = tone.samples().unwrap();
            assert!(samples.iter().any(|sample| sample.abs() > 0.05), "{tone:?}");
        }
    }

    #[test]
    fn a_call_is_heard_as_it_goes() {
        let ringing = Seen {
            phase: CallPhase::RingingOut,
            connected: false,
            ..TALKING
        };
        let muted = Seen {
            muted: true,
            ..TALKING
        };
        let over = Seen {
            phase: CallPhase::Ended,
            ..TALKING
        };
        assert_eq!(change(None, Some(ringing)), None);
        assert_eq!(change(Some(ringing), Some(TALKING)), Some(Tone::Connect));
        assert_eq!(change(Some(TALKING), Some(TALKING)), None);
        assert_eq!(change(Some(TALKING), Some(muted)), Some(Tone::Mute));
        assert_eq!(change(Some(muted), Some(TALKING)), Some(Tone::Unmute));
        assert_eq!(change(Some(TALKING), Some(over)), Some(Tone::Drop));
        assert_eq!(change(Some(over), Some(over)), None);
        assert_eq!(change(Some(over), None), None);
        // The next call does not begin with the sounds of the one before.
        assert_eq!(change(Some(over), Some(Seen { id: 2, ..ringing })), None);
    }

    #[test]
    fn it_rings_until_somebody_decides() {
        let mut state = State {
            ringing: true,
            ..State::default()
        };
        assert_eq!(wanted(&state), Some(Tone::Ring));
        state.call = Some(TALKING);
        assert_eq!(wanted(&state), None);
        state.call = Some(Seen {
            phase: CallPhase::RingingOut,
            ..TALKING
        });
        assert_eq!(wanted(&state), Some(Tone::Ringback));
        state = State::default();
        assert_eq!(wanted(&state), None);
    }
}
