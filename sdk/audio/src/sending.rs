//! When the microphone is heard.

use crate::frame::SAMPLE_RATE;

/// When what the microphone hears is sent.
///
/// In every mode packets of the same size leave at the same pace, with silence in them while the
/// microphone is not heard: neither their presence nor their size tells when somebody speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SendMode {
    /// Always.
    #[default]
    Continuous,
    /// While a key is held, or whatever else says so.
    PushToTalk,
    /// While there is a voice, or anything else that is louder than the room.
    VoiceActivated,
}

/// Power below which nothing is a voice: -55 dBov.
const QUIETEST: f32 = 3.2e-6;

/// How much more powerful than the room a voice is: 9 dB.
const ABOVE_ROOM: f32 = 8.0;

/// How fast a room is believed to have become louder, in factors of two in a second: 6 dB.
const ROOM_RISE: f32 = 2.0;

/// How much of the way down to a quieter room is made in each frame.
const ROOM_FALL: f32 = 0.1;

/// Samples for which the microphone is heard on after the last loud frame: 300 ms.
const HANG: usize = SAMPLE_RATE as usize * 3 / 10;

/// Decides for each frame whether the microphone is heard.
#[derive(Debug)]
pub(crate) struct Sending {
    mode: SendMode,
    talking: bool,
    /// The power of the room when nobody speaks.
    room: f32,
    /// Samples for which to go on.
    hang: usize,
}

impl Sending {
    pub(crate) fn new() -> Self {
        Self {
            mode: SendMode::Continuous,
            talking: false,
            room: QUIETEST / ABOVE_ROOM,
            hang: 0,
        }
    }

    pub(crate) fn set_mode(&mut self, mode: SendMode) {
        self.mode = mode;
    }

    pub(crate) fn set_talking(&mut self, talking: bool) {
        self.talking = talking;
    }

    /// Whether this frame of the microphone is heard.
    pub(crate) fn hears(&mut self, frame: &[f32]) -> bool {
        // The room is listened to in every mode, so that another one can begin at once.
        let voice = self.is_voice(frame);
        match self.mode {
            SendMode::Continuous => true,
            SendMode::PushToTalk => self.talking,
            SendMode::VoiceActivated => voice,
        }
    }

    fn is_voice(&mut self, frame: &[f32]) -> bool {
        let samples = frame.len().max(1);
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / samples as f32;
        if power < self.room {
            self.room += (power - self.room) * ROOM_FALL;
        } else {
            let seconds = samples as f32 / SAMPLE_RATE as f32;
            self.room = (self.room * (ROOM_RISE * seconds).exp2()).min(power);
        }
        // A room of digital silence would take for ever to rise again.
        self.room = self.room.max(QUIETEST / ABOVE_ROOM / 100.0);
        if power >= QUIETEST.max(self.room * ABOVE_ROOM) {
            self.hang = HANG;
            return true;
        }
        let going_on = self.hang > 0;
        self.hang = self.hang.saturating_sub(samples);
        going_on
    }
}
