//! How many requests somebody may make: a caller (key or person), and an address,
//! each with a burst that fills again at a steady rate. Counted in this process: with
//! several, each grants its share.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::Problem;
use super::client::network;

/// One limit. A burst of 0 means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests at once.
    pub burst: u32,
    /// How many come back each second.
    pub per_second: u32,
}

/// Both limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Of one key or person.
    pub caller: Rate,
    /// Of one address (of IPv6, one /64): an office may share one.
    pub address: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self { caller: Rate { burst: 600, per_second: 100 }, address: Rate { burst: 3000, per_second: 400 } }
    }
}

/// After so many checks what is full again is forgotten.
const TIDY: u32 = 20_000;

struct Limit<K: Hash + Eq + Clone, C: Clock> {
    limiter: RateLimiter<K, DashMapStateStore<K>, C, StateInformationMiddleware>,
    clock: C,
    rate: Rate,
    checks: AtomicU32,
}

/// What is left of a limit after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    rate: Rate,
    remaining: u32,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Limit<K, C> {
    fn new(rate: Rate, clock: C) -> Option<Self> {
        let burst = NonZeroU32::new(rate.burst)?;
        let per_second = NonZeroU32::new(rate.per_second.max(1))?;
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let limiter = RateLimiter::new(quota, DashMapStateStore::default(), clock.clone());
        Some(Self { limiter, clock, rate, checks: AtomicU32::new(0) })
    }

    fn check(&self, key: &K) -> Result<Left, Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % TIDY == TIDY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        match self.limiter.check_key(key) {
            Ok(state) => Ok(Left { rate: self.rate, remaining: state.remaining_burst_capacity() }),
            Err(not_until) => Err(not_until.wait_time_from(self.clock.now())),
        }
    }
}

/// The limits of this process; cheap to clone.
#[derive(Clone)]
pub struct RateLimits {
    caller: Option<Arc<Limit<String, DefaultClock>>>,
    address: Option<Arc<Limit<IpAddr, DefaultClock>>>,
}

impl RateLimits {
    /// With these rates.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self {
            caller: Limit::new(rates.caller, DefaultClock::default()).map(Arc::new),
            address: Limit::new(rates.address, DefaultClock::default()).map(Arc::new),
        }
    }

    /// Counts a request of a caller, by the name that the audit knows.
    ///
    /// # Errors
    /// 429 `limit.caller`.
    pub(super) fn caller(&self, name: &str) -> Result<Option<Left>, Problem> {
        let Some(limit) = &self.caller else { return Ok(None) };
        limit.check(&name.to_owned()).map(Some).map_err(|wait| too_many("limit.caller", wait))
    }

    /// Counts a request from an address; for pages with a limit of their own, beside the
    /// one of all requests.
    ///
    /// # Errors
    /// 429 `limit.address`.
    pub fn address(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        let (Some(limit), Some(address)) = (&self.address, address) else { return Ok(()) };
        limit.check(&network(address)).map(drop).map_err(|wait| too_many("limit.address", wait))
    }
}

fn too_many(code: &'static str, wait: Duration) -> Problem {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Problem { retry_after: Some(seconds.max(1)), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, code, "") }
}

/// Where the extractor of the caller leaves what is left, for the layer to tell it.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Option<Left>>>);

impl Slot {
    pub(super) fn put(&self, left: Option<Left>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }

    /// Tells it (draft-ietf-httpapi-ratelimit-headers).
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let Some(left) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return };
        let per_second = left.rate.per_second.max(1);
        let full_in = (left.rate.burst - left.remaining.min(left.rate.burst)).div_ceil(per_second);
        let window = left.rate.burst.div_ceil(per_second);
        let told = [
            ("ratelimit-policy", format!("\"caller\";q={};w={window}", left.rate.burst)),
            ("ratelimit", format!("\"caller\";r={};t={full_in}", left.remaining)),
        ];
        for (name, value) in told {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

/// `Retry-After`, in seconds.
pub(super) fn retry_after(headers: &mut HeaderMap, seconds: u64) {
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_burst_is_granted_and_comes_back_at_its_rate() {
        let clock = FakeRelativeClock::default();
        let limit: Limit<&str, _> = Limit::new(Rate { burst: 3, per_second: 2 }, clock.clone()).unwrap();
        let left: Vec<Option<u32>> =
            (0..4).map(|_| limit.check(&"key").ok().map(|left| left.remaining)).collect();
        assert_eq!(left, [Some(2), Some(1), Some(0), None]);
        assert!(limit.check(&"other").is_ok(), "each has its own");
        let wait = limit.check(&"key").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(500), "{wait:?}");
        clock.advance(wait);
        assert!(limit.check(&"key").is_ok());
        assert!(Limit::<&str, _>::new(Rate { burst: 0, per_second: 2 }, clock).is_none());
    }

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let rates =
            Rates { caller: Rate { burst: 0, per_second: 0 }, address: Rate { burst: 1, per_second: 1 } };
        let limits = RateLimits::new(rates);
        let from = |text: &str| limits.address(Some(text.parse().unwrap())).map_err(|problem| problem.status);
        assert_eq!(from("2001:db8::1"), Ok(()));
        assert_eq!(from("2001:db8::ffff:2"), Err(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!((from("2001:db8:0:1::1"), from("10.0.0.1")), (Ok(()), Ok(())));
        assert!(limits.caller("key:1").unwrap().is_none() && limits.address(None).is_ok());
    }
}
