//! SFrame (RFC 9605) around one flow in one direction.

use sframe::CipherSuite;
use sframe::frame::{EncryptedFrameView, MediaFrameView, MonotonicCounter};
use sframe::key::{DecryptionKey, EncryptionKey};

use super::keys::{BaseKey, KeyError};
use super::replay::ReplayWindow;

/// One cipher suite and no negotiation: both ends are of one version.
const SUITE: CipherSuite = CipherSuite::AesGcm128Sha256;

/// How many packets one key seals: two and a half years of 20 ms frames, and a bound far below
/// what AES-GCM tolerates under one key.
const MAX_COUNTER: u64 = u32::MAX as u64;

/// Octets that sealing adds at most: the SFrame header (one octet, a key identifier and a counter
/// of up to eight each) and the tag.
pub(crate) const MAX_OVERHEAD: usize = 17 + SUITE.auth_tag_len();

/// Octets of the shortest sealed payload: the shortest SFrame header and the tag.
pub(crate) const MIN_SEALED: usize = 1 + SUITE.auth_tag_len();

/// Why a payload was not sealed.
#[derive(Debug)]
pub(crate) enum SealFailure {
    Exhausted,
    Cipher(sframe::error::SframeError),
}

/// Seals one flow. Owns the key's only counter, and is not `Clone`: a nonce cannot repeat.
pub(crate) struct Sealer {
    key: EncryptionKey,
    counter: MonotonicCounter,
}

impl Sealer {
    pub(crate) fn new(base: &BaseKey) -> Result<Self, KeyError> {
        let key = EncryptionKey::derive_from(SUITE, base.kid(), base.secret())
            .map_err(|error| KeyError::Derivation(Box::new(error)))?;
        Ok(Self {
            key,
            counter: MonotonicCounter::new(MAX_COUNTER),
        })
    }

    /// Gives the metadata followed by the sealed payload, ready for the wire.
    pub(crate) fn seal(&mut self, metadata: &[u8], payload: &[u8]) -> Result<Vec<u8>, SealFailure> {
        if self.counter.is_exhausted() {
            return Err(SealFailure::Exhausted);
        }
        let mut datagram = Vec::new();
        MediaFrameView::try_with_meta_data(&mut self.counter, payload, metadata)
            .and_then(|frame| frame.encrypt_into(&self.key, &mut datagram).map(drop))
            .map_err(SealFailure::Cipher)?;
        Ok(datagram)
    }
}

/// Why a sealed payload was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenFailure {
    /// Too short to hold an SFrame header and a tag.
    Short,
    /// Sealed under a key that is not this flow's.
    UnknownKey,
    /// Not sealed by whoever shares the key, or changed since.
    Forged,
    /// Authentic, and opened before or too old to tell.
    Replayed,
}

/// Opens one flow and remembers what it has opened.
pub(crate) struct Opener {
    key: DecryptionKey,
    window: ReplayWindow,
}

impl Opener {
    pub(crate) fn new(base: &BaseKey) -> Result<Self, KeyError> {
        let key = DecryptionKey::derive_from(SUITE, base.kid(), base.secret())
            .map_err(|error| KeyError::Derivation(Box::new(error)))?;
        Ok(Self {
            key,
            window: ReplayWindow::new(),
        })
    }

    /// Opens a payload, authenticating the metadata with it.
    ///
    /// Authenticity is settled before replay, so that a forger can neither move the window nor
    /// have a packet counted as something that the peer sent.
    pub(crate) fn open(&mut self, metadata: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenFailure> {
        let frame = EncryptedFrameView::try_with_meta_data(sealed, metadata)
            .map_err(|_| OpenFailure::Short)?;
        if sealed.len() < frame.header().len().saturating_add(SUITE.auth_tag_len()) {
            return Err(OpenFailure::Short);
        }
        if frame.header().key_id() != self.key.key_id() {
            return Err(OpenFailure::UnknownKey);
        }
        let mut buffer = Vec::new();
        let payload = frame
            .decrypt_into(&self.key, &mut buffer)
            .map_err(|_| OpenFailure::Forged)?
            .payload()
            .to_vec();
        let counter = frame.header().counter();
        if self.window.is_replay(counter) {
            return Err(OpenFailure::Replayed);
        }
        self.window.record(counter);
        Ok(payload)
    }
}
