//! Decoding with libopus, DRED at any distance included, which no safe binding has: opusic-c's
//! wrapper restores the frame before a packet only.

#![expect(unsafe_code, reason = "there is no safe binding for DRED")]

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use opusic_c::{ErrorCode, sys};

use super::CodecError;
use crate::frame::SAMPLE_RATE;

/// One channel.
const MONO: c_int = 1;

/// A decoder's state.
pub(super) struct Libopus(NonNull<sys::OpusDecoder>);

// SAFETY: libopus keeps no state outside of what the pointer leads to, and only its owner has it.
unsafe impl Send for Libopus {}

impl Libopus {
    pub(super) fn new(complexity: u8) -> Result<Self, CodecError> {
        let mut error = sys::OPUS_OK;
        // SAFETY: `error` outlives the call; a null result is no decoder.
        let created = unsafe { sys::opus_decoder_create(rate(), MONO, ptr::from_mut(&mut error)) };
        let mut decoder = Self(NonNull::new(created).ok_or_else(|| failure(error))?);
        decoder.set_complexity(complexity)?;
        Ok(decoder)
    }

    /// Takes up to that much processor time from here on, 0 to 10.
    pub(super) fn set_complexity(&mut self, complexity: u8) -> Result<(), CodecError> {
        // SAFETY: the decoder lives; this request takes one `int`.
        let set = unsafe {
            sys::opus_decoder_ctl(
                self.0.as_ptr(),
                sys::OPUS_SET_COMPLEXITY_REQUEST,
                c_int::from(complexity),
            )
        };
        check(set).map(|_| ())
    }

    /// Decodes a packet, or its in-band FEC; an empty one is a loss as long as `sound`. Gives the
    /// number of samples.
    pub(super) fn decode(
        &mut self,
        packet: &[u8],
        sound: &mut [f32],
        fec: bool,
    ) -> Result<usize, CodecError> {
        let data = if packet.is_empty() {
            ptr::null()
        } else {
            packet.as_ptr()
        };
        // SAFETY: the decoder lives; libopus reads `packet.len()` octets at most and writes
        // `sound.len()` samples at most, of one channel.
        let decoded = unsafe {
            sys::opus_decode_float(
                self.0.as_ptr(),
                data,
                length(packet.len())?,
                sound.as_mut_ptr(),
                length(sound.len())?,
                c_int::from(fec),
            )
        };
        check(decoded)
    }

    /// Decodes what begins `back` samples before the packet that `redundancy` was parsed from.
    pub(super) fn decode_deep(
        &mut self,
        redundancy: &DeepRedundancy,
        back: u32,
        sound: &mut [f32],
    ) -> Result<(), CodecError> {
        // SAFETY: both live; libopus writes `sound.len()` samples at most, of one channel, and looks
        // for no more redundancy than there is.
        let decoded = unsafe {
            sys::opus_decoder_dred_decode_float(
                self.0.as_ptr(),
                redundancy.state.as_ptr(),
                i32::try_from(back).unwrap_or(i32::MAX),
                sound.as_mut_ptr(),
                length(sound.len())?,
            )
        };
        check(decoded).map(|_| ())
    }
}

impl Drop for Libopus {
    fn drop(&mut self) {
        // SAFETY: made by `opus_decoder_create`, and gone after this.
        unsafe { sys::opus_decoder_destroy(self.0.as_ptr()) }
    }
}

/// The deep redundancy of one packet.
pub(super) struct DeepRedundancy {
    decoder: NonNull<sys::OpusDREDDecoder>,
    state: NonNull<sys::OpusDRED>,
}

// SAFETY: as for `Libopus`.
unsafe impl Send for DeepRedundancy {}

impl DeepRedundancy {
    pub(super) fn new() -> Result<Self, CodecError> {
        let mut error = sys::OPUS_OK;
        // SAFETY: `error` outlives the call; a null result is no decoder.
        let decoder = unsafe { sys::opus_dred_decoder_create(ptr::from_mut(&mut error)) };
        let decoder = NonNull::new(decoder).ok_or_else(|| failure(error))?;
        // SAFETY: as above.
        let state = unsafe { sys::opus_dred_alloc(ptr::from_mut(&mut error)) };
        let Some(state) = NonNull::new(state) else {
            // SAFETY: made right above.
            unsafe { sys::opus_dred_decoder_destroy(decoder.as_ptr()) };
            return Err(failure(error));
        };
        // SAFETY: libopus leaves the state as `malloc` gave it; zeros are a state without anything
        // parsed into it, so that nothing uninitialised is ever read.
        unsafe {
            let size = usize::try_from(sys::opus_dred_get_size()).unwrap_or(0);
            ptr::write_bytes(state.as_ptr().cast::<u8>(), 0, size);
        }
        Ok(Self { decoder, state })
    }

    /// Reads a packet's redundancy, up to `most` samples back; how far it reaches, zero for nowhere.
    /// Where it is only asked how far, it is not made ready for use.
    pub(super) fn parse(
        &mut self,
        packet: &[u8],
        most: u32,
        only_ask: bool,
    ) -> Result<u32, CodecError> {
        let mut end: c_int = 0;
        // SAFETY: both live; libopus reads `packet.len()` octets at most; `end` outlives the call.
        let reach = unsafe {
            sys::opus_dred_parse(
                self.decoder.as_ptr(),
                self.state.as_ptr(),
                packet.as_ptr(),
                length(packet.len())?,
                i32::try_from(most).unwrap_or(i32::MAX),
                rate(),
                ptr::from_mut(&mut end),
                c_int::from(only_ask),
            )
        };
        Ok(u32::try_from(check(reach)?).unwrap_or(u32::MAX))
    }
}

impl Drop for DeepRedundancy {
    fn drop(&mut self) {
        // SAFETY: made by the functions that belong to these, and gone after this.
        unsafe {
            sys::opus_dred_free(self.state.as_ptr());
            sys::opus_dred_decoder_destroy(self.decoder.as_ptr());
        }
    }
}

/// Whether in-band FEC is in a packet.
pub(super) fn has_fec(packet: &[u8]) -> bool {
    let Ok(octets @ 1..) = length(packet.len()) else {
        return false;
    };
    // SAFETY: libopus reads so many octets at most.
    unsafe { sys::opus_packet_has_lbrr(packet.as_ptr(), octets) == 1 }
}

fn rate() -> i32 {
    i32::try_from(SAMPLE_RATE).unwrap_or(i32::MAX)
}

fn length(length: usize) -> Result<c_int, CodecError> {
    c_int::try_from(length).map_err(|_| CodecError::Size(length))
}

fn check(result: c_int) -> Result<usize, CodecError> {
    usize::try_from(result).map_err(|_| failure(result))
}

fn failure(code: c_int) -> CodecError {
    ErrorCode::from(code).into()
}
