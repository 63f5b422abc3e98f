//! Rate limits by address: a bucket that refills steadily (GCRA), for each IPv4 address or IPv6 /64, in bounded memory.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::HeaderValue;
use moka::future::Cache;

/// Most addresses remembered; the least used are forgotten first, which only ever lets somebody in.
const ADDRESSES_MAX: u64 = 100_000;

/// How a request stands to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether it may go on.
    pub allowed: bool,
    /// How many more may follow at once.
    pub remaining: u32,
    /// Seconds until one more may.
    pub retry_after_s: u32,
    /// Seconds until all may.
    pub reset_s: u32,
}

/// So many a window, for each address.
#[derive(Debug, Clone)]
pub struct Limiter {
    quota: u32,
    window_ms: i64,
    /// When the bucket of an address will be full again, in ms since 1970.
    full_at: Cache<u128, Arc<AtomicI64>>,
}

impl Limiter {
    /// `quota` requests a `window`.
    pub fn new(quota: u32, window: Duration) -> Self {
        let full_at = Cache::builder().max_capacity(ADDRESSES_MAX).time_to_idle(window).build();
        Self { quota, window_ms: i64::try_from(window.as_millis()).unwrap_or(i64::MAX), full_at }
    }

    /// Takes one from the bucket of an address.
    pub async fn take(&self, address: IpAddr, now_ms: i64) -> Standing {
        let full_at = self.full_at.get_with(prefix(address), async { Arc::new(AtomicI64::new(0)) }).await;
        let step = (self.window_ms / i64::from(self.quota)).max(1);
        let mut standing = Standing { allowed: false, remaining: 0, retry_after_s: 1, reset_s: 1 };
        let _ = full_at.fetch_update(Relaxed, Relaxed, |full| {
            let next = full.max(now_ms) + step;
            let over = next - now_ms - self.window_ms;
            let used = if over > 0 { full } else { next };
            standing = Standing {
                allowed: over <= 0,
                remaining: u32::try_from((self.window_ms - (used - now_ms)) / step).unwrap_or(0),
                retry_after_s: seconds(over),
                reset_s: seconds(used - now_ms),
            };
            (over <= 0).then_some(next)
        });
        standing
    }

    /// `RateLimit-Policy`.
    pub fn policy(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("\"address\";q={};w={}", self.quota, self.window_ms / 1000)).ok()
    }

    /// `RateLimit`.
    pub fn state(standing: Standing) -> Option<HeaderValue> {
        let wait = if standing.allowed { standing.reset_s } else { standing.retry_after_s };
        HeaderValue::from_str(&format!("\"address\";r={};t={wait}", standing.remaining)).ok()
    }
}

/// Rounded up, at least one.
fn seconds(ms: i64) -> u32 {
    u32::try_from((ms + 999) / 1000).unwrap_or(1).max(1)
}

/// An IPv4 address, or the first 64 bits of an IPv6 address: who has one has all of those.
fn prefix(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64 | u128::from(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_its_quota_and_then_waits() {
        let limiter = Limiter::new(120, Duration::from_mins(1));
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        for left in (0..120).rev() {
            let standing = limiter.take(here, 1_000_000).await;
            assert_eq!((standing.allowed, standing.remaining), (true, left));
        }
        let refused = limiter.take(here, 1_000_000).await;
        assert_eq!(refused, Standing { allowed: false, remaining: 0, retry_after_s: 1, reset_s: 60 });
        assert!(limiter.take("192.0.2.2".parse().unwrap(), 1_000_000).await.allowed);
        assert!(limiter.take(here, 1_000_500).await.allowed);
        assert!(!limiter.take(here, 1_000_500).await.allowed);
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_address() {
        let of = |text: &str| prefix(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
