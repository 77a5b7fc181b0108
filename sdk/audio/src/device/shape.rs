//! The shape of a device's stream: rate, channels, sample format, buffer.

use cpal::{BufferSize, SampleFormat, StreamConfig, SupportedBufferSize};
use cpal::{SupportedStreamConfig, SupportedStreamConfigRange};

use crate::frame::SAMPLE_RATE;

/// The most channels that a stream of ours has.
const CHANNELS: u16 = 32;

/// What a stream is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) config: StreamConfig,
    pub(crate) format: SampleFormat,
}

impl Shape {
    /// The shape nearest to ours that the device offers, or else its default, with `millis`
    /// milliseconds between two callbacks.
    pub(crate) fn nearest(
        offered: impl Iterator<Item = SupportedStreamConfigRange>,
        default: Option<SupportedStreamConfig>,
        millis: u32,
    ) -> Option<Self> {
        let candidates = offered.filter_map(|range| {
            let (low, high) = (range.min_sample_rate(), range.max_sample_rate());
            let rate = SAMPLE_RATE.max(low).min(high);
            let channels = range.channels();
            let rank = (
                rate.abs_diff(SAMPLE_RATE),
                channels,
                preference(range.sample_format())?,
            );
            let shape = Self::new(
                channels,
                rate,
                range.sample_format(),
                range.buffer_size(),
                millis,
            )?;
            Some((rank, shape))
        });
        let best = candidates.min_by_key(|(rank, _)| *rank);
        best.map(|(_, shape)| shape).or_else(|| {
            let default = default?;
            preference(default.sample_format())?;
            Self::new(
                default.channels(),
                default.sample_rate(),
                default.sample_format(),
                default.buffer_size(),
                millis,
            )
        })
    }

    fn new(
        channels: u16,
        rate: u32,
        format: SampleFormat,
        buffer: &SupportedBufferSize,
        millis: u32,
    ) -> Option<Self> {
        let wanted = rate / 1_000 * millis;
        let buffer_size = match *buffer {
            SupportedBufferSize::Range { min, max } => {
                BufferSize::Fixed(wanted.max(min).min(max.max(min)))
            }
            SupportedBufferSize::Unknown => BufferSize::Fixed(wanted),
        };
        (1..=CHANNELS).contains(&channels).then_some(Self {
            config: StreamConfig {
                channels,
                sample_rate: rate,
                buffer_size,
            },
            format,
        })
    }

    /// The same with the device's own idea of a buffer, for one that refuses ours.
    pub(crate) fn with_default_buffer(mut self) -> Self {
        self.config.buffer_size = BufferSize::Default;
        self
    }

    pub(crate) fn channels(&self) -> usize {
        usize::from(self.config.channels)
    }

    /// Frames of all channels in `ms` milliseconds.
    pub(crate) fn frames(&self, ms: u32) -> usize {
        let frames = u64::from(self.config.sample_rate) * u64::from(ms) / 1_000;
        usize::try_from(frames).unwrap_or(usize::MAX)
    }
}

/// The order in which we like sample formats; `None` for those that we do not convert.
fn preference(format: SampleFormat) -> Option<u8> {
    match format {
        SampleFormat::F32 => Some(0),
        SampleFormat::I16 => Some(1),
        SampleFormat::I32 => Some(2),
        SampleFormat::F64 => Some(3),
        SampleFormat::U16 => Some(4),
        SampleFormat::U8 => Some(5),
        SampleFormat::I8 => Some(6),
        _ => None,
    }
}
