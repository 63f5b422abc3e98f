//! Time as it travels inside Myriad: milliseconds since 1970-01-01 UTC, as `i64`.

use chrono::{DateTime, SecondsFormat};

/// The present time in milliseconds since 1970-01-01 UTC.
///
/// Call it once, at the edge, and pass the value down: everything below takes `now_ms` as a parameter.
#[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
pub fn now_ms() -> i64 {
    #[cfg(feature = "simulation")]
    if let Some(stand_in) = crate::simulation::present() {
        return (stand_in.now_ms)();
    }
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// RFC 3339 in UTC with milliseconds, as the public API shows times: `2026-01-31T12:00:00.000Z`.
pub fn rfc3339(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::UNIX_EPOCH).to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_shown_in_utc_with_milliseconds() {
        assert_eq!(super::rfc3339(1_769_860_800_007), "2026-01-31T12:00:00.007Z");
    }
}
