//! Changing the sample rate of one channel, a little faster or slower as asked.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{
    Adjustable as _, Async, FixedAsync, Resampler as Rubato, SincInterpolationParameters,
    SincInterpolationType, Slip, WindowFunction,
};

/// Taps of the interpolation filter: the pass band reaches past 20 kHz at 44.1 kHz.
const TAPS: usize = 128;

/// How far the ratio may be steered away from that of the two rates: 0.5 %, far beyond what
/// clocks differ by and not heard as another pitch.
pub(crate) const STEERING: f64 = 0.005;

/// Which side of a [`Resampler`] has a fixed number of samples in each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fixed {
    /// Every call takes this many samples.
    Input(usize),
    /// Every call gives this many samples.
    Output(usize),
}

/// Why two rates cannot be converted into each other.
#[derive(Debug, thiserror::Error)]
#[error("{from} Hz cannot be converted to {to} Hz")]
pub(crate) struct RateError {
    from: u32,
    to: u32,
}

/// The rates worth converting: from telephone speech to the fastest sound cards.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Converts a stream of samples from one rate to another. Allocates nothing after `new`.
pub(crate) struct Resampler {
    kind: Kind,
    fixed: usize,
}

/// Two clocks of the same nominal rate need one sample more or less now and then, and no filter
/// with its delay.
enum Kind {
    Slip(Slip<f32>),
    Sinc(Box<Async<f32>>),
}

impl Kind {
    fn rubato(&self) -> &dyn Rubato<f32> {
        match self {
            Self::Slip(slip) => slip,
            Self::Sinc(sinc) => sinc.as_ref(),
        }
    }

    fn rubato_mut(&mut self) -> &mut dyn Rubato<f32> {
        match self {
            Self::Slip(slip) => slip,
            Self::Sinc(sinc) => sinc.as_mut(),
        }
    }
}

impl Resampler {
    pub(crate) fn new(from: u32, to: u32, fixed: Fixed) -> Result<Self, RateError> {
        let impossible = || RateError { from, to };
        if !RATES.contains(&from) || !RATES.contains(&to) {
            return Err(impossible());
        }
        let (chunk, side) = match fixed {
            Fixed::Input(samples) => (samples, FixedAsync::Input),
            Fixed::Output(samples) => (samples, FixedAsync::Output),
        };
        let kind = if from == to {
            Kind::Slip(Slip::new(chunk, 1, side).map_err(|_| impossible())?)
        } else {
            let parameters =
                SincInterpolationParameters::new(TAPS, WindowFunction::BlackmanHarris2)
                    .oversampling_factor(256)
                    .interpolation(SincInterpolationType::Quadratic);
            let ratio = f64::from(to) / f64::from(from);
            let range = 1.0 + 2.0 * STEERING;
            let sinc = Async::new_sinc(ratio, range, &parameters, chunk, 1, side)
                .map_err(|_| impossible())?;
            Kind::Sinc(Box::new(sinc))
        };
        Ok(Self { kind, fixed: chunk })
    }

    /// Gives `stretch` times as many samples for the same input from the next call on; within
    /// [`STEERING`] of 1.
    pub(crate) fn steer(&mut self, stretch: f64) {
        let stretch = stretch.clamp(1.0 - STEERING, 1.0 + STEERING);
        // Within its range by the clamp, so there is nothing to refuse.
        let _ = match &mut self.kind {
            Kind::Slip(slip) => slip.set_resample_ratio_relative(stretch, true),
            Kind::Sinc(sinc) => sinc.set_resample_ratio_relative(stretch, true),
        };
    }

    /// Samples that the next call takes.
    pub(crate) fn needs(&self) -> usize {
        self.kind.rubato().input_frames_next()
    }

    /// The most samples that any call takes.
    pub(crate) fn needs_at_most(&self) -> usize {
        self.kind.rubato().input_frames_max()
    }

    /// The most samples that any call gives.
    pub(crate) fn gives_at_most(&self) -> usize {
        self.kind.rubato().output_frames_max()
    }

    /// Samples of output by which the output lags the input.
    pub(crate) fn delay(&self) -> usize {
        self.kind.rubato().output_delay()
    }

    /// Converts [`needs`](Self::needs) samples and says how many it wrote. Buffers of the wrong
    /// size give silence.
    pub(crate) fn process(&mut self, input: &[f32], output: &mut [f32]) -> usize {
        let (taken, room) = (input.len(), output.len());
        let rubato = self.kind.rubato_mut();
        let written = SequentialSlice::new(input, 1, taken)
            .ok()
            .zip(SequentialSlice::new_mut(&mut *output, 1, room).ok())
            .and_then(|(from, mut to)| rubato.process_into_buffer(&from, &mut to, None).ok());
        match written {
            Some((_, samples)) => samples,
            None => {
                output.fill(0.0);
                room.min(self.fixed)
            }
        }
    }
}
