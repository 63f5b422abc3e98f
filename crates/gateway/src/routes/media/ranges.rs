//! Reads `Range` and `If-Range` (RFC 9110, section 14).

use std::ops::Range;

use http::{HeaderMap, header};
use objects::ByteRange;

/// Most ranges in one request; more is abuse, and the whole is sent.
const RANGES_MAX: usize = 16;

/// What of a representation is wanted.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    Whole,
    /// These bytes, none of which is asked for twice.
    Parts(Vec<Range<u64>>),
    /// Only bytes that it does not have.
    Nothing,
}

/// What a GET for `size` bytes tagged `tag` asks for. A header that cannot be read counts as none.
pub fn wanted(headers: &HeaderMap, tag: &str, size: u64) -> Wanted {
    let mut sent = headers.get_all(header::RANGE).iter();
    let (Some(range), None) = (sent.next(), sent.next()) else {
        return Wanted::Whole;
    };
    // Only the strong tag validates; a date does not, as we send none.
    if headers.get(header::IF_RANGE).is_some_and(|one| one.as_bytes() != tag.as_bytes()) {
        return Wanted::Whole;
    }
    let Some(ranges) = range.to_str().ok().and_then(parse) else {
        return Wanted::Whole;
    };
    let asked = ranges.len();
    let mut parts: Vec<Range<u64>> = ranges.into_iter().filter_map(|range| range.within(size)).collect();
    if parts.is_empty() {
        return Wanted::Nothing;
    }
    if parts.len() > 1 && overlap(&parts) {
        parts = merge(parts);
    }
    // A list that comes to all of it is answered with all of it.
    if asked > 1 && parts.len() == 1 && parts.first() == Some(&(0..size)) {
        return Wanted::Whole;
    }
    Wanted::Parts(parts)
}

fn parse(text: &str) -> Option<Vec<ByteRange>> {
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let specs: Vec<&str> = set.split(',').map(str::trim).filter(|spec| !spec.is_empty()).collect();
    if specs.is_empty() || specs.len() > RANGES_MAX {
        return None;
    }
    specs.into_iter().map(parse_one).collect()
}

fn parse_one(spec: &str) -> Option<ByteRange> {
    let (first, last) = spec.split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", last) => Some(ByteRange::Last(number(last)?)),
        (first, "") => Some(ByteRange::From(number(first)?, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(ByteRange::From(first, Some(last)))
        }
    }
}

/// Digits; what is too large for 64 bits is as good as endless.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn overlap(parts: &[Range<u64>]) -> bool {
    parts
        .iter()
        .enumerate()
        .any(|(at, one)| parts[..at].iter().any(|other| one.start < other.end && other.start < one.end))
}

fn merge(mut parts: Vec<Range<u64>>) -> Vec<Range<u64>> {
    parts.sort_by_key(|part| part.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for part in parts {
        match merged.last_mut() {
            Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
            _ => merged.push(part),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(range: &'static str) -> Wanted {
        wanted(&HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]), "\"t\"", 100)
    }

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "lists of ranges are what this is about")]
    fn ranges_are_read_as_the_rfc_has_it() {
        assert_eq!(of("bytes=0-9"), Wanted::Parts(vec![0..10]));
        assert_eq!(of("bytes=90-"), Wanted::Parts(vec![90..100]));
        assert_eq!(of("bytes=-5"), Wanted::Parts(vec![95..100]));
        assert_eq!(of("bytes=-500"), Wanted::Parts(vec![0..100]));
        assert_eq!(of("bytes=0-0, 50-59 ,-1"), Wanted::Parts(vec![0..1, 50..60, 99..100]));
        assert_eq!(of("bytes=50-59,0-0"), Wanted::Parts(vec![50..60, 0..1]));
        assert_eq!(of("bytes=0-50,40-60"), Wanted::Parts(vec![0..61]));
        assert_eq!(of("bytes=0-5,200-300"), Wanted::Parts(vec![0..6]));
        for nothing in ["bytes=100-", "bytes=-0", "bytes=200-300,500-"] {
            assert_eq!(of(nothing), Wanted::Nothing, "{nothing}");
        }
        let many =
            ["bytes=", "bytes=a-b", "bytes=5-4", "items=0-1", "bytes", "bytes=0-1,x", "bytes=1--2", "bytes=0-,0-,0-"];
        for whole in many {
            assert_eq!(of(whole), Wanted::Whole, "{whole}");
        }
    }

    #[test]
    fn if_range_must_be_the_very_tag() {
        let with = |if_range: &'static str| {
            let pairs = [(header::RANGE, "bytes=0-1"), (header::IF_RANGE, if_range)];
            wanted(
                &pairs.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect(),
                "\"t\"",
                9,
            )
        };
        assert!(matches!(with("\"t\""), Wanted::Parts(_)));
        for other in ["W/\"t\"", "\"u\"", "Tue, 15 Nov 1994 08:12:31 GMT"] {
            assert_eq!(with(other), Wanted::Whole);
        }
    }
}
