//! Two ends of media under fixed keys.

use cooee_core::media::{BaseKey, Direction, Flow, KeyError, KeySchedule, MediaConfig, PeerMedia};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// The keys of one end; the other end has the same with the directions swapped.
pub struct FixedKeys {
    pub first: bool,
}

impl FixedKeys {
    /// Key identifier and secret of what the first end, or the other, sends.
    pub fn secret(of_first: bool, flow: Flow) -> (u64, [u8; 32]) {
        let flow = match flow {
            Flow::Voice => 0,
            Flow::Control => 1,
        };
        let kid = flow << 1 | u64::from(!of_first);
        (kid, [kid as u8 + 1; 32])
    }
}

impl KeySchedule for FixedKeys {
    fn epoch(&self) -> u64 {
        0
    }

    fn base_key(&self, direction: Direction, flow: Flow, _: u64) -> Result<BaseKey, KeyError> {
        let of_first = match direction {
            Direction::Sending => self.first,
            Direction::Receiving => !self.first,
        };
        let (kid, secret) = Self::secret(of_first, flow);
        Ok(BaseKey::new(kid, secret))
    }
}

/// One end.
pub fn media(first: bool) -> PeerMedia {
    let mut rng = StdRng::seed_from_u64(u64::from(first));
    PeerMedia::new_from(FixedKeys { first }, MediaConfig::default(), &mut rng)
        .expect("fixed keys are there")
}
