//! Changing the sample rate of one channel.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{
    Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

/// Taps of the interpolation filter: the pass band reaches past 20 kHz at 44.1 kHz.
const TAPS: usize = 128;

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
    /// `None` where both rates are the same.
    sinc: Option<Async<f32>>,
    same: usize,
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
        if from == to {
            return Ok(Self {
                sinc: None,
                same: chunk,
            });
        }
        let parameters = SincInterpolationParameters::new(TAPS, WindowFunction::BlackmanHarris2)
            .oversampling_factor(256)
            .interpolation(SincInterpolationType::Quadratic);
        let ratio = f64::from(to) / f64::from(from);
        let sinc =
            Async::new_sinc(ratio, 1.0, &parameters, chunk, 1, side).map_err(|_| impossible())?;
        Ok(Self {
            sinc: Some(sinc),
            same: chunk,
        })
    }

    /// Samples that the next call takes.
    pub(crate) fn needs(&self) -> usize {
        self.sinc
            .as_ref()
            .map_or(self.same, |sinc| sinc.input_frames_next())
    }

    /// The most samples that any call takes.
    pub(crate) fn needs_at_most(&self) -> usize {
        self.sinc
            .as_ref()
            .map_or(self.same, |sinc| sinc.input_frames_max())
    }

    /// The most samples that any call gives.
    pub(crate) fn gives_at_most(&self) -> usize {
        self.sinc
            .as_ref()
            .map_or(self.same, |sinc| sinc.output_frames_max())
    }

    /// Samples of output by which the output lags the input.
    pub(crate) fn delay(&self) -> usize {
        self.sinc.as_ref().map_or(0, |sinc| sinc.output_delay())
    }

    /// Converts [`needs`](Self::needs) samples and says how many it wrote. Buffers of the wrong
    /// size give silence.
    pub(crate) fn process(&mut self, input: &[f32], output: &mut [f32]) -> usize {
        let Some(sinc) = &mut self.sinc else {
            let samples = input.len().min(output.len());
            for (to, from) in output.iter_mut().zip(input) {
                *to = *from;
            }
            return samples;
        };
        let (taken, room) = (input.len(), output.len());
        let written = SequentialSlice::new(input, 1, taken)
            .ok()
            .zip(SequentialSlice::new_mut(&mut *output, 1, room).ok())
            .and_then(|(from, mut to)| sinc.process_into_buffer(&from, &mut to, None).ok());
        match written {
            Some((_, samples)) => samples,
            None => {
                output.fill(0.0);
                room.min(self.same)
            }
        }
    }
}
