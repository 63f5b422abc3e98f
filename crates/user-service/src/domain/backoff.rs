//! When a failed outbox event is tried again.

/// The wait before the next attempt, in milliseconds: `base_ms` doubled for every attempt made, at most `cap_ms`, of
/// which the upper half is chance (`random` is any number): events that failed together do not come back together.
pub fn delay_ms(attempts: u32, base_ms: u64, cap_ms: u64, random: u64) -> i64 {
    let doubled = base_ms.saturating_mul(1_u64.checked_shl(attempts.min(32)).unwrap_or(u64::MAX));
    let whole = doubled.clamp(1, cap_ms.max(1));
    let half = whole / 2;
    i64::try_from(half + random % (whole - half + 1)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_cap_and_half_of_it_is_chance() {
        assert_eq!(delay_ms(0, 1_000, 60_000, 0), 500);
        assert_eq!(delay_ms(0, 1_000, 60_000, 500), 1_000);
        assert_eq!(delay_ms(3, 1_000, 60_000, 0), 4_000);
        assert_eq!(delay_ms(40, 1_000, 60_000, 30_000), 60_000);
        for attempts in 0..100 {
            let wait = delay_ms(attempts, 1_000, 60_000, u64::MAX / 3);
            assert!((500..=60_000).contains(&wait), "{attempts}: {wait}");
        }
    }
}
