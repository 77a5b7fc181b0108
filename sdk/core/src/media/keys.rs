//! Who shares which key with whom.
//!
//! Each participant draws one [`CallKey`] for a call and agrees with every other participant on
//! [`PairKeys`]. Nothing else in the media code knows where keys come from: it asks a
//! [`KeySchedule`], which the keys of a group can implement as well.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use hkdf::Hkdf;
use rand::CryptoRng;
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Length in octets of an X25519 public key (RFC 7748).
pub const PUBLIC_KEY_LEN: usize = 32;

/// The protocol that derived keys belong to; a change of what is below needs a new label.
const LABEL: &[u8] = b"cooee voice v1";

/// Length in octets of a base key: the digest of the hash that SFrame expands it with.
const SECRET_LEN: usize = 32;

/// How many agreements one call key enters. Far above any call, it bounds the memory that a
/// server handing out invented participants can claim.
const MAX_AGREEMENTS: usize = 4096;

/// Groups of five decimal digits in a safety code.
const CODE_GROUPS: usize = 6;

/// Which way a packet travels between us and one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From us to the peer.
    Sending,
    /// From the peer to us.
    Receiving,
}

/// The two flows between a pair of participants. They never share a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// RTP: voice.
    Voice,
    /// RTCP: reports.
    Control,
}

/// What SFrame derives an encryption key from (RFC 9605, section 4.4.2).
///
/// Not `Clone`: whoever holds it owns the one counter that may run under it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct BaseKey {
    #[zeroize(skip)]
    kid: u64,
    secret: [u8; SECRET_LEN],
}

impl BaseKey {
    /// A base key with the key identifier that stands for it in SFrame headers.
    pub fn new(kid: u64, secret: [u8; SECRET_LEN]) -> Self {
        Self { kid, secret }
    }

    /// The key identifier (KID).
    pub fn kid(&self) -> u64 {
        self.kid
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for BaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BaseKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// Where the keys between us and one peer come from.
///
/// An implementation answers for one pair of participants. Whatever it derives from, these hold:
/// for one epoch the four combinations of [`Direction`] and [`Flow`] have different secrets and
/// different key identifiers, what one side sends under is what the other receives under, and a
/// different epoch has different secrets.
pub trait KeySchedule {
    /// The epoch to send under now. Pair keys know only epoch 0.
    fn epoch(&self) -> u64;

    /// The base key of a flow in one direction.
    ///
    /// # Errors
    ///
    /// [`KeyError::UnknownEpoch`] when the schedule has no secrets for that epoch.
    fn base_key(&self, direction: Direction, flow: Flow, epoch: u64) -> Result<BaseKey, KeyError>;
}

/// What both sides bind their keys to. All of it must be the same on both sides, octet for
/// octet, with the names swapped; names are therefore passed in their compared form
/// (case-folded), not as they are shown.
#[derive(Clone, Copy, Debug)]
pub struct CallContext<'a> {
    /// The group that the call belongs to, as signalled.
    pub id_group: &'a str,
    /// Our own name.
    pub own_name: &'a str,
    /// The peer's name.
    pub peer_name: &'a str,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The peer presents our own public key. Its fault, or that of whoever relayed the key.
    #[error("the peer's public key is our own")]
    OwnKey,
    /// The shared secret does not depend on our key: the peer's point has a small order
    /// (RFC 7748, section 6.1).
    #[error("the peer's public key does not contribute to the shared secret")]
    NonContributory,
    /// This call key and this peer's key have agreed in this context before. A second set of the
    /// same keys would start its counters anew and repeat nonces; keep the first one's
    /// [`PeerMedia`](super::PeerMedia), it survives every change of path.
    #[error("keys with this peer exist already")]
    AlreadyAgreed,
    /// The call key has entered as many agreements as it may.
    #[error("too many participants for one call key")]
    TooManyPeers,
    /// The schedule has no secrets for this epoch.
    #[error("no keys for epoch {0}")]
    UnknownEpoch(u64),
    /// The key derivation itself refused, which no input can cause.
    #[error("key derivation failed")]
    Derivation(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Our X25519 key pair for one call (RFC 7748). The secret half never leaves the value and is
/// wiped when it is dropped.
pub struct CallKey {
    secret: StaticSecret,
    public: [u8; PUBLIC_KEY_LEN],
    /// Transcripts agreed on, so that none is agreed on twice.
    agreed: Mutex<BTreeSet<[u8; 32]>>,
}

impl CallKey {
    /// Draws a new key pair from the system's randomness.
    pub fn generate() -> Self {
        Self::generate_from(&mut rand::rng())
    }

    /// Draws a new key pair from the given randomness. With a seeded generator the same calls
    /// give the same keys, which is for tests and fuzz targets only.
    pub fn generate_from<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let secret = StaticSecret::random_from_rng(rng);
        let public = PublicKey::from(&secret).to_bytes();
        Self {
            secret,
            public,
            agreed: Mutex::new(BTreeSet::new()),
        }
    }

    /// The public half, for the peers.
    pub fn public(&self) -> [u8; PUBLIC_KEY_LEN] {
        self.public
    }

    /// Whether our public key compares greater than the peer's, octet by octet. Exactly one of
    /// the two sides outranks the other, so it settles who takes the controlling role in ICE.
    pub fn outranks(&self, peer_public: &[u8; PUBLIC_KEY_LEN]) -> bool {
        self.public > *peer_public
    }

    /// Agrees on keys with one peer.
    ///
    /// The root secret is HKDF-SHA256 (RFC 5869) of the X25519 shared secret, with the protocol's
    /// label as salt and as info the group, and each side's public key and name, the smaller key
    /// first, every field preceded by its length.
    ///
    /// # Errors
    ///
    /// [`KeyError::OwnKey`] and [`KeyError::NonContributory`] for a peer's key that must not be
    /// used, [`KeyError::AlreadyAgreed`] the second time for the same peer key and context,
    /// [`KeyError::TooManyPeers`] beyond a few thousand peers.
    pub fn agree(
        &self,
        peer_public: &[u8; PUBLIC_KEY_LEN],
        context: &CallContext<'_>,
    ) -> Result<PairKeys, KeyError> {
        if same_point(&self.public, peer_public) {
            return Err(KeyError::OwnKey);
        }
        let shared = self.secret.diffie_hellman(&PublicKey::from(*peer_public));
        if !shared.was_contributory() {
            return Err(KeyError::NonContributory);
        }

        let own = (&self.public, context.own_name);
        let peer = (peer_public, context.peer_name);
        let role = if self.outranks(peer_public) {
            Role::Higher
        } else {
            Role::Lower
        };
        let (lower, higher) = match role {
            Role::Lower => (own, peer),
            Role::Higher => (peer, own),
        };
        let mut transcript = Vec::new();
        push_field(&mut transcript, LABEL);
        push_field(&mut transcript, context.id_group.as_bytes());
        for (public, name) in [lower, higher] {
            push_field(&mut transcript, public);
            push_field(&mut transcript, name.as_bytes());
        }
        self.record_agreement(&transcript)?;

        let mut root = Zeroizing::new([0; SECRET_LEN]);
        Hkdf::<Sha256>::new(Some(LABEL), shared.as_bytes())
            .expand(&transcript, root.as_mut())
            .map_err(|error| KeyError::Derivation(Box::new(error)))?;
        let mut keys = PairKeys {
            root,
            role,
            safety_code: String::new(),
        };
        keys.safety_code = keys.derive_safety_code()?;
        Ok(keys)
    }

    fn record_agreement(&self, transcript: &[u8]) -> Result<(), KeyError> {
        let mut agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = Sha256::digest(transcript).into();
        if agreed.contains(&digest) {
            return Err(KeyError::AlreadyAgreed);
        }
        if agreed.len() >= MAX_AGREEMENTS {
            return Err(KeyError::TooManyPeers);
        }
        agreed.insert(digest);
        Ok(())
    }
}

impl fmt::Debug for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallKey").finish_non_exhaustive()
    }
}

/// Which of the two public keys is ours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Lower,
    Higher,
}

/// The secrets that we share with one peer for one call.
///
/// Not `Clone`, and consumed by [`PeerMedia::new`](super::PeerMedia::new): one set of keys, one
/// set of counters.
pub struct PairKeys {
    root: Zeroizing<[u8; SECRET_LEN]>,
    role: Role,
    safety_code: String,
}

impl PairKeys {
    /// A code that both sides see alike if, and only if, nobody sits between them: six groups of
    /// five digits, for people to read to each other.
    ///
    /// It has about 100 bits. Somebody in the middle who holds separate keys with each side can
    /// search for two that give the same code, at the cost of the square root: a shorter code
    /// would need a commitment to the keys before they are shown.
    pub fn safety_code(&self) -> String {
        self.safety_code.clone()
    }

    fn derive_safety_code(&self) -> Result<String, KeyError> {
        let mut octets = Zeroizing::new([0; 8 * CODE_GROUPS]);
        self.expand(b"safety code", &[], octets.as_mut())?;
        let groups: Vec<String> = octets
            .chunks_exact(8)
            .map(|chunk| {
                let value = chunk
                    .iter()
                    .fold(0u64, |value, octet| (value << 8) | u64::from(*octet));
                // 64 bits against 100,000: the bias is far below one part in 10^14.
                format!("{:05}", value % 100_000)
            })
            .collect();
        Ok(groups.join(" "))
    }

    fn expand(&self, purpose: &[u8], detail: &[u8], out: &mut [u8]) -> Result<(), KeyError> {
        let mut info = Vec::new();
        push_field(&mut info, LABEL);
        push_field(&mut info, purpose);
        push_field(&mut info, detail);
        Hkdf::<Sha256>::from_prk(self.root.as_ref())
            .map_err(|error| KeyError::Derivation(Box::new(error)))?
            .expand(&info, out)
            .map_err(|error| KeyError::Derivation(Box::new(error)))
    }
}

impl KeySchedule for PairKeys {
    fn epoch(&self) -> u64 {
        0
    }

    fn base_key(&self, direction: Direction, flow: Flow, epoch: u64) -> Result<BaseKey, KeyError> {
        if epoch != self.epoch() {
            return Err(KeyError::UnknownEpoch(epoch));
        }
        let sender = match (direction, self.role) {
            (Direction::Sending, Role::Lower) | (Direction::Receiving, Role::Higher) => 0,
            (Direction::Sending, Role::Higher) | (Direction::Receiving, Role::Lower) => 1,
        };
        let (purpose, flow): (&[u8], u64) = match flow {
            Flow::Voice => (b"rtp", 0),
            Flow::Control => (b"rtcp", 1),
        };
        let mut detail = [0; 9];
        detail[0] = sender;
        detail[1..].copy_from_slice(&epoch.to_be_bytes());

        let mut key = BaseKey::new(flow << 1 | u64::from(sender), [0; SECRET_LEN]);
        self.expand(purpose, &detail, &mut key.secret)?;
        Ok(key)
    }
}

impl fmt::Debug for PairKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PairKeys").finish_non_exhaustive()
    }
}

/// Whether two encodings name the same public key: X25519 ignores the topmost bit.
fn same_point(a: &[u8; PUBLIC_KEY_LEN], b: &[u8; PUBLIC_KEY_LEN]) -> bool {
    let (mut a, mut b) = (*a, *b);
    a[PUBLIC_KEY_LEN - 1] &= 0x7f;
    b[PUBLIC_KEY_LEN - 1] &= 0x7f;
    a == b
}

/// Appends a field with its length, so that no two sequences of fields read the same.
fn push_field(out: &mut Vec<u8>, field: &[u8]) {
    out.extend_from_slice(&(field.len() as u64).to_be_bytes());
    out.extend_from_slice(field);
}
