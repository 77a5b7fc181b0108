//! Which parts of the processing are on.

use std::fmt;
use std::str::FromStr;

/// Which parts of the processing a microphone's sound goes through.
///
/// [`all`](Self::all) is for speech into a microphone. [`off`](Self::off) passes every sample
/// unchanged: for music, and for recordings that are clean already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Processing {
    /// Takes what the loudspeaker plays out of what the microphone hears. Without it, people
    /// who use a loudspeaker send the others' voices back to them.
    pub echo_cancellation: bool,
    /// Lowers steady noise: fans, traffic, hiss.
    pub noise_suppression: bool,
    /// Brings quiet and loud talkers to the same level.
    pub gain_control: bool,
    /// Takes away rumble below the human voice.
    pub high_pass: bool,
}

/// The parts by the names that people write.
const NAMES: [(&str, Processing); 4] = [
    (
        "echo",
        Processing {
            echo_cancellation: true,
            ..Processing::off()
        },
    ),
    (
        "noise",
        Processing {
            noise_suppression: true,
            ..Processing::off()
        },
    ),
    (
        "gain",
        Processing {
            gain_control: true,
            ..Processing::off()
        },
    ),
    (
        "high-pass",
        Processing {
            high_pass: true,
            ..Processing::off()
        },
    ),
];

impl Processing {
    /// Every part: for speech into a microphone.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            echo_cancellation: true,
            noise_suppression: true,
            gain_control: true,
            high_pass: true,
        }
    }

    /// No part: the samples pass unchanged and without delay.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            echo_cancellation: false,
            noise_suppression: false,
            gain_control: false,
            high_pass: false,
        }
    }

    /// Whether nothing is on.
    #[must_use]
    pub fn is_off(self) -> bool {
        self == Self::off()
    }

    const fn with(self, other: Self) -> Self {
        Self {
            echo_cancellation: self.echo_cancellation || other.echo_cancellation,
            noise_suppression: self.noise_suppression || other.noise_suppression,
            gain_control: self.gain_control || other.gain_control,
            high_pass: self.high_pass || other.high_pass,
        }
    }

    /// One bit for each part, so that threads can pass the switches on without a lock.
    pub(crate) fn bits(self) -> u8 {
        let parts = [
            self.echo_cancellation,
            self.noise_suppression,
            self.gain_control,
            self.high_pass,
        ];
        parts
            .iter()
            .rev()
            .fold(0, |bits, on| bits << 1 | u8::from(*on))
    }

    /// The inverse of [`bits`](Self::bits).
    pub(crate) fn from_bits(bits: u8) -> Self {
        Self {
            echo_cancellation: bits & 1 != 0,
            noise_suppression: bits & 2 != 0,
            gain_control: bits & 4 != 0,
            high_pass: bits & 8 != 0,
        }
    }
}

impl Default for Processing {
    fn default() -> Self {
        Self::all()
    }
}

/// A word that names no part of the processing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of: all, off, echo, noise, gain, high-pass")]
pub struct UnknownProcessing(String);

impl FromStr for Processing {
    type Err = UnknownProcessing;

    /// Understands `all`, `off`, or parts with commas between them: `echo,noise`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => return Ok(Self::all()),
            "off" => return Ok(Self::off()),
            _ => {}
        }
        text.split(',').try_fold(Self::off(), |chosen, word| {
            let part = NAMES.iter().find(|(name, _)| *name == word.trim());
            match part {
                Some((_, part)) => Ok(chosen.with(*part)),
                None => Err(UnknownProcessing(word.to_owned())),
            }
        })
    }
}

impl fmt::Display for Processing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::all() {
            return f.write_str("all");
        }
        if self.is_off() {
            return f.write_str("off");
        }
        let on = NAMES.iter().filter(|(_, part)| self.with(*part) == *self);
        for (index, (name, _)) in on.enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}
