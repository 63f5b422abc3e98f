//! `grpc-timeout`: read where a call comes in, passed on with what is left where one goes out.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;

const HEADER: &str = "grpc-timeout";

/// The deadline that a call's metadata gives.
pub(super) fn of(headers: &HeaderMap) -> Option<Instant> {
    Instant::now().checked_add(parse(headers.get(HEADER)?.to_str().ok()?)?)
}

/// Writes what is left until `deadline`.
pub(super) fn write(headers: &mut HeaderMap, deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now());
    if let Ok(value) = HeaderValue::try_from(print(left)) {
        headers.insert(HEADER, value);
    }
}

/// At most eight digits and a unit (gRPC over HTTP/2, "Requests").
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_hours(number),
        "M" => Duration::from_mins(number),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

fn print(left: Duration) -> String {
    for (number, unit) in [(left.as_micros(), 'u'), (left.as_millis(), 'm'), (left.as_secs().into(), 'S')] {
        if number < 100_000_000 {
            return format!("{}{unit}", number.max(1));
        }
    }
    "99999999S".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (left, text) in [
            (Duration::ZERO, "1u"),
            (Duration::from_millis(1500), "1500000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
        ] {
            assert_eq!(print(left), text);
            assert_eq!(parse(text), Some(left.max(Duration::from_micros(1))));
        }
        assert_eq!(parse("2M"), Some(Duration::from_mins(2)));
        for wrong in ["", "S", "1", "123456789m", "-1S", "1x", "1µ"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
