//! Rate limits, by the generic cell rate algorithm: one instant for each key, time as argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Now, by the runtime's clock: a paused test clock moves the limits too.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// So many permits at once, and one more each period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    period: Duration,
    burst: u32,
}

impl Rate {
    pub(crate) fn every(period: Duration, burst: u32) -> Self {
        Self { period, burst }
    }

    pub(crate) fn per_second(rate: u32, burst: u32) -> Self {
        Self::every(Duration::from_secs(1) / rate.max(1), burst)
    }

    /// The cost of `permits`.
    fn cost(&self, permits: u32) -> Duration {
        self.period.saturating_mul(permits)
    }
}

/// How much of a rate has been used: the instant at which all of it is there again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bucket {
    full: Option<Instant>,
}

impl Bucket {
    /// Takes `permits` if there are as many.
    pub(crate) fn take(&mut self, rate: &Rate, permits: u32, now: Instant) -> bool {
        let base = self.full.map_or(now, |full| full.max(now));
        let after = base + rate.cost(permits);
        let allowed = after.saturating_duration_since(now) <= rate.cost(rate.burst);
        if allowed {
            self.full = Some(after);
        }
        allowed
    }

    /// Gives one permit back.
    fn give_back(&mut self, rate: &Rate) {
        self.full = self.full.and_then(|full| full.checked_sub(rate.period));
    }
}

/// One bucket for each key, in bounded memory.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    rate: Rate,
    most: usize,
    buckets: Mutex<HashMap<K, Bucket>>,
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    /// Buckets for at most `most` keys. When there are more, those that are full go, and if that
    /// is not enough the less used half.
    pub(crate) fn new(rate: Rate, most: usize) -> Self {
        Self {
            rate,
            most: most.max(2),
            buckets: Mutex::default(),
        }
    }

    /// Takes one permit of the key's, if there is one.
    pub(crate) fn take(&self, key: &K, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= self.most && !buckets.contains_key(key) {
            make_room(&mut buckets, self.most, now);
        }
        buckets
            .entry(key.clone())
            .or_default()
            .take(&self.rate, 1, now)
    }

    /// Gives one permit back to the key.
    pub(crate) fn give_back(&self, key: &K) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(key) {
            bucket.give_back(&self.rate);
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.buckets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

fn make_room<K: Eq + Hash>(buckets: &mut HashMap<K, Bucket>, most: usize, now: Instant) {
    buckets.retain(|_, bucket| bucket.full.is_some_and(|full| full > now));
    if buckets.len() >= most {
        let mut used: Vec<_> = buckets.values().map(|bucket| bucket.full).collect();
        let middle = used.len() / 2;
        let (_, median, _) = used.select_nth_unstable(middle);
        let median = *median;
        buckets.retain(|_, bucket| bucket.full > median);
    }
}

/// What counts as one address: an IPv4 address, or an IPv6 /64, which one subscriber has whole.
pub(crate) fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let rate = Rate::every(Duration::from_secs(10), 3);
        let start = Instant::now();
        let mut bucket = Bucket::default();
        let taken = (0..5).filter(|_| bucket.take(&rate, 1, start)).count();
        assert_eq!(taken, 3);
        assert!(!bucket.take(&rate, 1, start + Duration::from_secs(9)));
        assert!(bucket.take(&rate, 1, start + Duration::from_secs(10)));
        assert!(!bucket.take(&rate, 1, start + Duration::from_secs(10)));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let buckets = Buckets::new(Rate::per_second(1, 1), 10);
        let now = Instant::now();
        assert!(buckets.take(&"alice", now));
        assert!(!buckets.take(&"alice", now));
        buckets.give_back(&"alice");
        assert!(buckets.take(&"alice", now));
    }

    #[test]
    fn memory_is_bounded_and_the_busiest_stay_limited() {
        let buckets = Buckets::new(Rate::per_second(1, 3), 100);
        let now = Instant::now();
        for _ in 0..3 {
            assert!(buckets.take(&0, now));
        }
        for key in 1..10_000 {
            assert!(buckets.take(&key, now));
        }
        assert!(buckets.len() <= 100);
        assert!(!buckets.take(&0, now));
    }

    #[test]
    fn an_ipv6_network_is_one_address() -> Result<(), std::net::AddrParseError> {
        assert_eq!(
            address_key("2001:db8::1".parse()?),
            address_key("2001:db8::2:3:4:5".parse()?)
        );
        assert_ne!(
            address_key("2001:db8::1".parse()?),
            address_key("2001:db8:0:1::1".parse()?)
        );
        assert_eq!(
            address_key("::ffff:192.0.2.1".parse()?),
            address_key("192.0.2.1".parse()?)
        );
        Ok(())
    }
}
